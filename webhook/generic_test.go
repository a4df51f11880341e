package webhook

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestGenericRefusesSettingsThatProtectNothing: a configuration that would look at less than it seems to is an error.
func TestGenericRefusesSettingsThatProtectNothing(t *testing.T) {
	for _, test := range []struct {
		name, settings string // key=value, separated by |
		want           error
	}{
		{"nothing at all", "", ErrInvalidSetting},
		{"unknown mode", "mode=md5", ErrInvalidSetting},
		{"header with a space", "header=X Sig", ErrInvalidSetting},
		{"unknown algorithm", "header=X|algorithm=md5", ErrInvalidSetting},
		{"time without its place", "header=X|template={timestamp}{body}", ErrInvalidSetting},
		{"time not signed", "header=X|time_header=T", ErrInvalidSetting},
		{"time twice", "header=X|time_header=T|time_pair=t|signature_pair=v|template={timestamp}{body}", ErrInvalidSetting},
		{"time pair alone", "header=X|time_pair=t|template={timestamp}{body}", ErrInvalidSetting},
		{"tolerance without a time", "header=X|tolerance_s=5", ErrInvalidSetting},
		{"tolerance of a token", "mode=bearer|tolerance_s=5", ErrInvalidSetting},
		{"body not signed", "header=X|template={url}", ErrInvalidSetting},
		{"template of a token", "mode=bearer|template={body}", ErrInvalidSetting},
		{"header of basic", "mode=basic|header=X", ErrInvalidSetting},
		{"query parameter of a header", "mode=header|header=X|query_param=t", ErrInvalidSetting},
		{"empty query parameter", "mode=query|query_param=", ErrInvalidSetting},
		{"algorithm of ed25519", "mode=ed25519|header=X|algorithm=sha1", ErrInvalidSetting},
		{"not a public key", "mode=ed25519|header=X", ErrInvalidKey},
		{"key not base64", "header=X|key_encoding=base64", ErrInvalidKey},
		{"id header with a line", "header=X|id_header=a\nb", ErrInvalidSetting},
		{"basic without a colon", "mode=basic", ErrInvalidKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			settings := map[string]string{}
			for pair := range strings.SplitSeq(test.settings, "|") {
				if name, value, ok := strings.Cut(pair, "="); ok {
					settings[name] = value
				}
			}
			if _, err := Provider("generic", Config{Secrets: []string{"k?"}, Settings: settings}); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
	if _, err := Provider("generic", Config{}); !errors.Is(err, ErrInvalidKey) {
		t.Errorf("without anything: %v", err)
	}
}

// TestGenericVerifiesWhatItSigns, in every shape, and notices each change of what is signed.
func TestGenericVerifiesWhatItSigns(t *testing.T) {
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", ed25519.SeedSize)))
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	privatePEM := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	all := "{method} {url} {path} {query} {timestamp} {header:X-Extra} {body}"
	now := time.Unix(1763668800, 123e6)
	for name, settings := range map[string]map[string]string{
		"seconds in a header":    {"time_header": "X-Time"},
		"milliseconds":           {"time_header": "X-Time", "time_unit": "ms"},
		"pairs":                  {"time_pair": "t", "signature_pair": "v1"},
		"pairs in base64":        {"time_pair": "t", "signature_pair": "v1", "encoding": "base64", "separator": ";", "time_unit": "ms"},
		"prefix and sha512":      {"time_header": "X-Time", "prefix": "sha512=", "algorithm": "sha512"},
		"base64url in a list":    {"time_header": "X-Time", "encoding": "base64url", "separator": " ", "prefix": "v1,"},
		"sha1":                   {"time_header": "X-Time", "algorithm": "sha1"},
		"sha384":                 {"time_header": "X-Time", "algorithm": "sha384"},
		"ed25519":                {"mode": "ed25519", "time_header": "X-Time"},
		"ed25519 in base64 pair": {"mode": "ed25519", "time_pair": "t", "signature_pair": "s", "encoding": "base64"},
	} {
		t.Run(name, func(t *testing.T) {
			c := Config{Secrets: []string{"key"}, Settings: maps.Clone(settings)}
			c.Settings["header"], c.Settings["template"] = "X-Sig", all
			if settings["mode"] == "ed25519" {
				c.Secrets[0] = privatePEM
			}
			fresh := func() Request {
				r := Request{Method: "PUT", URL: "https://x.test/a%2Fb?q=1", Header: http.Header{"X-Extra": {"e"}}, Body: []byte("body")}
				if err := Sign("generic", c, &r, now); err != nil {
					t.Fatal(err)
				}
				return r
			}
			v, err := Provider("generic", c)
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Verify(fresh(), now)
			if err != nil || got.Timestamp.Unix() != now.Unix() {
				t.Fatalf("time %v, error %v", got.Timestamp, err)
			}
			for part, change := range map[string]func(r *Request){
				"method": func(r *Request) { r.Method = "POST" },
				"path":   func(r *Request) { r.URL = "https://x.test/a/b?q=1" },
				"query":  func(r *Request) { r.URL += "&q=2" },
				"header": func(r *Request) { r.Header.Set("X-Extra", "f") },
				"body":   func(r *Request) { r.Body = []byte("Body") },
			} {
				r := fresh()
				change(&r)
				if _, err := v.Verify(r, now); !errors.Is(err, ErrNoMatch) {
					t.Errorf("%s changed: %v", part, err)
				}
			}
			for _, age := range []time.Duration{6 * time.Minute, -6 * time.Minute} {
				if _, err := v.Verify(fresh(), now.Add(age)); !errors.Is(err, ErrTimestampTooOld) && !errors.Is(err, ErrTimestampTooNew) {
					t.Errorf("%v later: %v", age, err)
				}
			}
			r := fresh()
			r.Header.Del("X-Extra")
			if _, err := v.Verify(r, now); !errors.Is(err, ErrMissingHeader) {
				t.Errorf("without the header: %v", err)
			}
			r = fresh()
			r.Header.Del("X-Sig")
			if _, err := v.Verify(r, now); !errors.Is(err, ErrMissingHeader) {
				t.Errorf("without the signature: %v", err)
			}
		})
	}
}

func TestTemplateRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, text := range []string{"{", "}", "{body", "body}", "{bodies}", "{}", "{header:}", "{header:a b}", "{{}", "{}}", strings.Repeat("x", maxTemplateBytes+1)} {
		if _, err := parseTemplate(text); !errors.Is(err, ErrInvalidSetting) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func TestTemplateWritesTheRequest(t *testing.T) {
	r := &Request{Method: "GET", URL: "https://h.test/p%20q?x=%41#f", Header: http.Header{"X-A": {"v"}}, Body: []byte("{b}")}
	for text, want := range map[string]string{
		"":                         "",
		"{{{body}}}":               "{{b}}",
		"a{lf}b":                   "a\nb",
		"{method}:{path}?{query}":  "GET:/p%20q?x=%41",
		"{url}":                    "https://h.test/p%20q?x=%41#f",
		"{timestamp}.{header:x-a}": "12.v",
	} {
		parsed, err := parseTemplate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := string(bytes.Join(parsed.pieces(r, timestamp{text: "12"}), nil)); got != want {
			t.Errorf("%s writes %q, want %q", text, got, want)
		}
	}
	for url, want := range map[string][2]string{
		"https://h.test": {"/", ""}, "https://h.test?a": {"/", "a"}, "/p?a?b": {"/p", "a?b"}, "": {"/", ""},
	} {
		if path, query := splitURL(url); path != want[0] || query != want[1] {
			t.Errorf("%q: path %q, query %q", url, path, query)
		}
	}
}
