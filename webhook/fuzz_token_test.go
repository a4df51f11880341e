package webhook

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzTemplate: a template that is taken writes the same text each time, at least its
// literal part, and one without braces writes itself.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"{body}", "{timestamp}.{body}", "{{{url}}}", "{header:X-A}{lf}", "{", "a}b"} {
		f.Add(text, "https://x.test/p?q", "body")
	}
	f.Fuzz(func(t *testing.T, text, url, body string) {
		parsed, err := parseTemplate(text)
		if err != nil {
			if !strings.ContainsAny(text, "{}") && len(text) <= maxTemplateBytes {
				t.Errorf("%q is refused: %v", text, err)
			}
			return
		}
		r := &Request{Method: "POST", URL: url, Header: http.Header{"X-A": {"v"}}, Body: []byte(body)}
		_ = parsed.check(r)
		got := string(bytes.Join(parsed.pieces(r, timestamp{text: "1"}), nil))
		if !strings.ContainsAny(text, "{}") && got != text {
			t.Errorf("%q writes %q", text, got)
		}
		if again := string(bytes.Join(parsed.pieces(r, timestamp{text: "1"}), nil)); again != got {
			t.Errorf("%q writes %q, then %q", text, got, again)
		}
	})
}

// FuzzTokens: whatever arrives, only the secret itself is taken.
func FuzzTokens(f *testing.F) {
	f.Add("Basic dTpw", "https://x.test/?token=u%3Ap")
	f.Add("Bearer u:p", "token=u:p")
	f.Add("u:p", "?token=u:p&token=u:p")
	f.Add("basic  dTpw", "%zz?%74oken=u:p#?token=x")
	const secret = "u:p"
	carriers := []tokenCarrier{headerToken("Authorization"), bearerToken(), basicToken(), queryToken("token")}
	f.Fuzz(func(t *testing.T, authorization, url string) {
		for _, carrier := range carriers {
			scheme, err := newTokenScheme(&settings{Config: Config{Secrets: []string{secret}}, preset: &Preset{}}, carrier)
			if err != nil {
				t.Fatal(err)
			}
			r := &Request{URL: url, Header: http.Header{"Authorization": {authorization}}}
			text, readErr := carrier.read(r)
			_, err = scheme.verify(r, time.Time{})
			if (err == nil) != (readErr == nil && text == secret) {
				t.Errorf("read %q, %v; verify %v", text, readErr, err)
			}
			if err == nil && carrier.name == "token" && !strings.Contains(url, "?") {
				t.Errorf("a token was found in %q", url)
			}
		}
	})
}

// FuzzGenericHeaders: signature and time headers of any shape never panic, and none is taken.
func FuzzGenericHeaders(f *testing.F) {
	f.Add("t=1763668800,v1=00", "1763668800", "{}")
	f.Add("v1=,v1=zz", "-1", "payload=%7B")
	f.Add(strings.Repeat("v1=00,", 40), "99999999999999", "[")
	var verifiers []*ProviderVerifier
	for _, settings := range []map[string]string{
		{"header": "X-Sig", "time_pair": "t", "signature_pair": "v1", "template": "{timestamp}.{body}"},
		{"header": "X-Sig", "time_header": "X-Time", "time_unit": "ms", "separator": ",", "prefix": "v1=", "encoding": "base64", "template": "{timestamp}.{body}", "id_path": "a.0.b"},
	} {
		v, err := Provider("generic", Config{Secrets: []string{"k"}, Settings: settings})
		if err != nil {
			f.Fatal(err)
		}
		verifiers = append(verifiers, v)
	}
	f.Fuzz(func(t *testing.T, signature, at, body string) {
		r := Request{Method: "POST", Header: http.Header{"X-Sig": {signature}, "X-Time": {at}}, Body: []byte(body)}
		for _, v := range verifiers {
			if _, err := v.Verify(r, time.Unix(1763668800, 0)); err == nil {
				t.Errorf("%q at %q was taken", signature, at)
			}
		}
		// Facts are read of genuine requests only, and of any body then.
		for _, name := range []string{"papertrail", "zapier", "mailchimp"} {
			v, err := Provider(name, Config{Settings: map[string]string{"mode": "none"}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Verify(r, time.Time{}); err != nil {
				t.Error(err)
			}
		}
	})
}
