package egress

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func newGuard(t testing.TB, allow ...string) *Guard {
	t.Helper()
	var r Rules
	for _, a := range allow {
		r.Allow = append(r.Allow, netip.MustParsePrefix(a))
	}
	g, err := NewGuard(r)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestParseURLNormalises(t *testing.T) {
	p := Policy{Guard: newGuard(t), AllowHTTP: true}
	for _, c := range []struct{ name, in, want string }{
		{"scheme and host in lower case, path added", "HTTP://X.COM", "http://x.com/"},
		{"path and query stay as they are", "https://x.com/A/b%2fc?d=%zz&e", "https://x.com/A/b%2fc?d=%zz&e"},
		{"empty query stays", "https://x.com?", "https://x.com/?"},
		{"default port goes", "https://x.com:443/a", "https://x.com/a"},
		{"default port of http goes", "http://x.com:080/a", "http://x.com/a"},
		{"the other scheme's port stays", "http://x.com:443/", "http://x.com:443/"},
		{"empty port goes", "https://x.com:/", "https://x.com/"},
		{"root dot stays", "https://x.com./", "https://x.com./"},
		{"international name", "https://Bücher.example.com/straße?q=ü", "https://xn--bcher-kva.example.com/stra%C3%9Fe?q=%C3%BC"},
		{"full-width name", "https://ｅｘ.com/", "https://ex.com/"},
		{"full-width address that is public", "https://１.1.1.1/", "https://1.1.1.1/"},
		{"IPv6 in its short form", "https://[2A00:1450:4001:0::1]:8443/x", "https://[2a00:1450:4001::1]:8443/x"},
		{"underscore in a name", "https://my_hooks.example.com/", "https://my_hooks.example.com/"},
		{"delimiters that are unsafe in a request line", `https://x.com/a"<>^{|}b` + "`", "https://x.com/a%22%3C%3E%5E%7B%7C%7Db%60"},
		{"at sign in the path", "https://x.com/@me?a@b", "https://x.com/@me?a@b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseURL(c.in, p)
			if err != nil || got != c.want {
				t.Errorf("ParseURL(%q) = %q, %v; want %q", c.in, got, err, c.want)
			}
		})
	}
}

func TestParseURLRefuses(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"http in production", "http://x.com/", "https"},
		{"user name", "https://me:pw@x.com/", "header"},
		{"fragment", "https://x.com/#a", "fragment"},
		{"fragment right after the host", "https://x.com#a", "fragment"},
		{"broken escape in the path", "https://x.com/%zz", "hexadecimal"},
		{"hexadecimal last label", "https://127.0.0.0x1/", "four decimal"},
		{"hexadecimal prefix alone", "https://a.0x/", "four decimal"},
		{"root dot after an address", "https://1.1.1.1./", "four decimal"},
		{"broken UTF-8", "https://x.com/\xff", "UTF-8"},
		{"no-break space", "https://x.com/\u00a0", "white space"},
		{"direction mark", "https://x.com/\u202e", "invisible"},
		{"port over the range", "https://x.com:65536/", "65535"},
		{"port with a sign", "https://x.com:+8443/", "number"},
		{"hyphen at an end", "https://-x.com/", "hyphen"},
		{"only a dot", "https://./", "empty label"},
		{"other character", "https://x!.com/", "letters"},
		{"mapped character that is a separator", "https://evil\u2100.com/", "host"},
		{"text after the brackets", "https://[2a00::1]x/", "port"},
		{"IPv4 in brackets", "https://[1.1.1.1]/", "IPv6"},
		{"single label", "https://billing/", "full domain"},
		{"special name below", "https://a.b.localhost/", "reserved"},
		{"long name", "https://" + strings.Repeat("a.", 126) + "com/", "253"},
		{"encoding makes it too long", "https://x.com/" + strings.Repeat("ü", 1000), "after encoding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseURL(c.in, Policy{Guard: newGuard(t)})
			if err == nil {
				t.Fatalf("ParseURL(%q) = %q", c.in, got)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParseURL(%q): %v; want it to speak of %q", c.in, err, c.want)
			}
		})
	}
}

func TestParseURLInDevelopment(t *testing.T) {
	loopback := newGuard(t, "127.0.0.0/8", "::1/128")
	dev := Policy{Guard: loopback, AllowHTTP: true}
	for _, c := range []struct {
		name, in string
		p        Policy
		ok       bool
	}{
		{"localhost over http", "http://localhost:3000/hook", dev, true},
		{"127.0.0.1 over http", "http://127.0.0.1:3000/", dev, true},
		{"IPv6 loopback", "http://[::1]:3000/", dev, true},
		{"localhost over https", "https://localhost/", dev, true},
		{"other private addresses stay refused", "http://10.0.0.1/", dev, false},
		{"names below localhost stay refused", "http://a.localhost/", dev, false},
		{"localhost where only the addresses are allowed", "http://localhost/", Policy{Guard: loopback}, false},
		{"localhost where only http is allowed", "http://localhost/", Policy{Guard: newGuard(t), AllowHTTP: true}, false},
		{"http to an allowed address", "http://127.0.0.1/", Policy{Guard: loopback}, true},
		{"http to another address", "http://1.1.1.1/", Policy{Guard: loopback}, false},
		{"internal names where allowed", "http://billing:8080/", Policy{Guard: loopback, AllowHTTP: true, AllowInternalNames: true}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseURL(c.in, c.p)
			if (err == nil) != c.ok {
				t.Errorf("ParseURL(%q) = %q, %v; want accepted: %t", c.in, got, err, c.ok)
			}
		})
	}
}

// FuzzParseURL checks that what is accepted is stable, visible ASCII, read alike by
// net/url, and never a forbidden literal.
func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"https://x.com/", "HTTPS://User@x", "https://127。0。0。1/", "https://[::1]:80/", "https://xn--bcher-kva.example.com:8443/ü?ü#f",
		"https://0x7f.1/", "https://a..b/", "https://%31.2/", "https://[fe80::1%25eth0]/", "http:\\\\x", "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
	} {
		f.Add(s)
	}
	g := newGuard(f)
	f.Fuzz(func(t *testing.T, raw string) {
		p := Policy{Guard: g, AllowHTTP: true}
		out, err := ParseURL(raw, p)
		if err != nil {
			return
		}
		for i := range len(out) {
			if out[i] <= ' ' || out[i] >= 0x7f {
				t.Fatalf("%q → %q holds byte %#x", raw, out, out[i])
			}
		}
		if again, err := ParseURL(out, p); err != nil || again != out {
			t.Fatalf("%q → %q → %q, %v: not stable", raw, out, again, err)
		}
		u, err := url.Parse(out)
		if err != nil || u.User != nil || u.Fragment != "" || u.Hostname() == "" {
			t.Fatalf("%q → %q: net/url sees %#v, %v", raw, out, u, err)
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil {
			if err := g.Judge(a); err != nil {
				t.Fatalf("%q → %q: %v", raw, out, err)
			}
		} else if isSpecialName(strings.TrimSuffix(u.Hostname(), ".")) {
			t.Fatalf("%q → %q: special name accepted", raw, out)
		}
	})
}
