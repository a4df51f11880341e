package egress

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseMailURL(t *testing.T) {
	guard, err := NewGuard(Rules{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}})
	if err != nil {
		t.Fatal(err)
	}
	p := Policy{Guard: guard}
	for _, c := range []struct{ in, want, refused string }{
		{in: "smtp://SMTP.Example.com:587/?to=a@x.example,b+c@y.example&from=shop@example.com", want: "smtp://smtp.example.com?from=shop@example.com&to=a@x.example,b%2Bc@y.example"},
		{in: "smtps://smtp.example.com:465?from=shop@example.com", want: "smtps://smtp.example.com?from=shop@example.com"},
		{in: "smtps://smtp.example.com:2525?from=shop@example.com&to=a%40b.example", want: "smtps://smtp.example.com:2525?from=shop@example.com&to=a@b.example"},
		{in: "smtp://10.1.2.3:25?from=a@b.example", want: "smtp://10.1.2.3:25?from=a@b.example"},
		{in: "smtp://mail.example.com?from=a@bücher.example", want: "smtp://mail.example.com?from=a@xn--bcher-kva.example"},
		{in: "https://example.com/", refused: "smtp://"},
		{in: "smtp://mail.example.com:25?from=a@b.example", refused: "25"},
		{in: "smtp://mail.example.com:80?from=a@b.example", refused: "port 80"},
		{in: "smtp://mail.example.com:+587?from=a@b.example", refused: "port"},
		{in: "smtp://mail.example.com:6667?from=a@b.example", refused: "6667"},
		{in: "smtp://10.2.2.3?from=a@b.example", refused: "public"},
		{in: "smtp://127.0.0.1:587?from=a@b.example", refused: "public"},
		{in: "smtp://u:p@mail.example.com?from=a@b.example", refused: "user name"},
		{in: "smtp://mail.example.com/x?from=a@b.example", refused: "path"},
		{in: "smtp://?from=a@b.example", refused: "host"},
		{in: "smtp://mail.example.com", refused: "from"},
		{in: "smtp://mail.example.com?from=a@b.example&cc=x@y.example", refused: "from and to"},
		{in: "smtp://mail.example.com?from=a@b.example&from=c@d.example", refused: "once"},
		{in: "smtp://mail.example.com?from=a@b.example&to=", refused: "to:"},
		{in: "smtp://mail.example.com?from=a@b.example&to=x%0d%0aRCPT@y.example", refused: "to:"},
		{in: "smtp://mail.example.com?from=%22a%22@b.example", refused: "from:"},
		{in: "smtp://mail.example.com?from=Ada%20<a@b.example>", refused: "from:"},
		{in: "smtp://mail.example.com?from=a@b.example&to=" + strings.Repeat("a@b.example,", 50) + "a@b.example", refused: "at most 50"},
		{in: "smtp://mail.example.com?from=a@b.example#x", refused: "fragment"},
	} {
		got, err := ParseMailURL(c.in, p)
		switch {
		case c.refused == "" && (err != nil || got != c.want):
			t.Errorf("%s: got %q and %v, want %q", c.in, got, err, c.want)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: got %q and %v, want a complaint about %q", c.in, got, err, c.refused)
		}
		if err != nil {
			continue
		}
		if again, err := ParseMailURL(got, p); err != nil || again != got {
			t.Errorf("%s is not its own normal form: %q, %v", got, again, err)
		}
		if m, err := ReadMailURL(got); err != nil || m.From == "" || m.Host == "" || m.Port == 0 {
			t.Errorf("%s reads as %+v, %v", got, m, err)
		}
	}
	m, err := ReadMailURL("smtp://smtp.example.com?from=shop@example.com&to=a@x.example,b%2Bc@y.example")
	if err != nil || m.TLS || m.Port != 587 || len(m.To) != 2 || m.To[1] != "b+c@y.example" {
		t.Errorf("read %+v, %v", m, err)
	}
}

func FuzzMailAddress(f *testing.F) {
	for _, s := range []string{"a@b.example", "a b@c.example", "\"a\"@b.example", "a@b.example\r\nX: y", "@", "a@[1.2.3.4]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, text := MailAddress(s)
		if text != "" {
			return
		}
		if strings.ContainsAny(got, " \r\n\t<>\",;:\x00") || strings.Count(got, "@") != 1 {
			t.Errorf("%q became %q", s, got)
		}
		if again, text := MailAddress(got); text != "" || again != got {
			t.Errorf("%q is not its own normal form: %q %s", got, again, text)
		}
	})
}
