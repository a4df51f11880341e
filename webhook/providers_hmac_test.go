package webhook

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// hmacProviders are those whose webhooks are signed with an HMAC of the body, with or
// without a time, by name.
var hmacProviders = []string{
	"airtable", "asana", "bitbucket", "calendly", "circleci", "coinbase-commerce", "docusign", "dropbox", "gitea", "github",
	"gogs", "intercom", "jira", "lemonsqueezy", "linear", "meta", "notion", "paddle", "pagerduty", "razorpay", "sentry",
	"shopify", "slack", "stripe", "twitter", "typeform", "vercel", "websub", "woocommerce", "wp-webhooks", "xero", "zoom",
}

// hmacSecret is usable for all of them: Airtable wants Base64.
const hmacSecret = "c2VjcmV0IG9mIHRoZSB0ZXN0cyE="

func openProvider(t testing.TB, name string, secrets ...string) *ProviderVerifier {
	t.Helper()
	v, err := Provider(name, Config{Secrets: secrets})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// signedBy returns a genuine request and the headers that make it one.
func signedBy(t testing.TB, name string, now time.Time) (Request, []string) {
	t.Helper()
	r := Request{URL: "https://in.example.test/in/x", Header: http.Header{}, Body: []byte(`{"id":"1","type":"a.b","events":[{"action":"x"}]}`)}
	if err := Sign(name, Config{Secrets: []string{hmacSecret}}, &r, now); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	headers := slices.Sorted(maps.Keys(r.Header))
	if len(headers) == 0 {
		t.Fatalf("%s: signing set no header", name)
	}
	return r, headers
}

func TestHMACProvidersVerifyWhatTheySign(t *testing.T) {
	now := time.Unix(1763668800, 0)
	for _, name := range hmacProviders {
		t.Run(name, func(t *testing.T) {
			v := openProvider(t, name, hmacSecret)
			r, headers := signedBy(t, name, now)
			if _, err := v.Verify(r, now); err != nil {
				t.Fatalf("what it signed is refused: %v", err)
			}
			if a, err := v.Handshake(r, now); a != nil || err != nil {
				t.Errorf("a webhook is a handshake: %v, %v", a, err)
			}
			for _, secrets := range [][]string{{"b3RoZXI=", hmacSecret}, {hmacSecret, "b3RoZXI="}} {
				if _, err := openProvider(t, name, secrets...).Verify(r, now); err != nil {
					t.Errorf("refused while the secret is rotated: %v", err)
				}
			}

			if _, err := openProvider(t, name, "b3RoZXI=").Verify(r, now); !errors.Is(err, ErrNoMatch) {
				t.Errorf("with another secret: %v", err)
			}
			for i := range r.Body {
				changed := r
				changed.Body = bytes.Clone(r.Body)
				changed.Body[i] ^= 1
				if _, err := v.Verify(changed, now); !errors.Is(err, ErrNoMatch) {
					t.Fatalf("with byte %d of the body changed: %v", i, err)
				}
			}
			for _, header := range headers {
				value := r.Header.Get(header)
				for _, test := range []struct {
					what   string
					values []string
					want   Error
				}{
					{"missing", nil, ErrMissingHeader},
					{"empty", []string{""}, ErrMissingHeader},
					{"given twice", []string{value, value}, ErrDuplicateHeader},
				} {
					changed := r
					changed.Header = r.Header.Clone()
					changed.Header[header] = test.values
					if _, err := v.Verify(changed, now); !errors.Is(err, test.want) {
						t.Errorf("%s %s: %v, want %v", header, test.what, err, test.want)
					}
				}
				for _, broken := range []string{
					"=", ",", ";", " ", "sha256=", "sha1=", "v0=", "v1=", "hmac-sha256=", "sha256", "=" + value, value + "0", value[:len(value)-1],
					"t=1763668800", "t=1763668800,v1=", "ts=1763668800;h1=", "t=,v1=00", "t=99999999999999999999,v1=00", "\x00", strings.Repeat("=", 1<<16),
				} {
					changed := r
					changed.Header = r.Header.Clone()
					changed.Header.Set(header, broken)
					if _, err := v.Verify(changed, now); err == nil {
						t.Errorf("%s of %.40q is accepted", header, broken)
					}
				}
			}
		})
	}
}

// TestHMACProvidersRefuseTimesFarFromNow: with a time that is signed, a replay gets old.
func TestHMACProvidersRefuseTimesFarFromNow(t *testing.T) {
	now := time.Unix(1763668800, 0)
	for _, name := range []string{"calendly", "paddle", "slack", "stripe", "zoom"} {
		v := openProvider(t, name, hmacSecret)
		r, _ := signedBy(t, name, now)
		late := v.Preset().Tolerance + time.Second
		if _, err := v.Verify(r, now.Add(late)); !errors.Is(err, ErrTimestampTooOld) {
			t.Errorf("%s after %v: %v", name, late, err)
		}
		if _, err := v.Verify(r, now.Add(-late)); name != "stripe" && !errors.Is(err, ErrTimestampTooNew) {
			t.Errorf("%s before %v: %v", name, late, err)
		}
	}
}

// TestHMACProvidersFailClosed: an empty secret is what an unset variable looks like, and
// everybody can sign with it.
func TestHMACProvidersFailClosed(t *testing.T) {
	now := time.Unix(1763668800, 0)
	for _, name := range hmacProviders {
		for _, secrets := range [][]string{{""}, {hmacSecret, ""}} {
			if _, err := Provider(name, Config{Secrets: secrets}); !errors.Is(err, ErrInvalidKey) {
				t.Errorf("%s with secrets %q: %v", name, secrets, err)
			}
		}
		v, err := Provider(name, Config{})
		preset, _ := FindPreset(name)
		if !preset.SecretOptional {
			if !errors.Is(err, ErrInvalidKey) {
				t.Errorf("%s without a secret: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s takes its secret later, but cannot wait for it: %v", name, err)
			continue
		}
		r, _ := signedBy(t, name, now)
		if _, err := v.Verify(r, now); !errors.Is(err, ErrNoSecret) {
			t.Errorf("%s verified without a secret: %v", name, err)
		}
		if err := Sign(name, Config{}, &r, now); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("%s signed without a secret: %v", name, err)
		}
	}
}

func TestHMACPresetsAreComplete(t *testing.T) {
	for _, name := range hmacProviders {
		p := providerNamed(name)
		c := p.Confidence
		switch {
		case p.Title == "" || p.Summary == "" || p.Secret == "" || p.Retry == "":
			t.Errorf("%s: title, summary, secret or retry is not said", name)
		case !strings.HasPrefix(p.Docs, "https://"):
			t.Errorf("%s: no https documents", name)
		case c.Signature == "" || c.ID == "" || c.Deadline == "" || c.Retry == "":
			t.Errorf("%s: confidence %v has gaps", name, c)
		case p.handshake != nil && p.Handshake == "":
			t.Errorf("%s: the handshake is not described", name)
		case (p.ID == "") != (p.facts.id == nil):
			t.Errorf("%s: id %q, and a finder %v", name, p.ID, p.facts.id != nil)
		case p.Batch != (p.facts.list != nil || p.facts.split != nil):
			t.Errorf("%s: batch %v, and a list does not fit", name, p.Batch)
		}
	}
}

// TestSecretIsHandedOverOnce: whoever knows the URL can make a handshake at any time.
func TestSecretIsHandedOverOnce(t *testing.T) {
	now := time.Unix(1763668800, 0)
	for name, handshake := range map[string]Request{
		"asana":  {Method: http.MethodPost, Header: http.Header{"X-Hook-Secret": {"first"}}},
		"notion": {Method: http.MethodPost, Header: http.Header{}, Body: []byte(`{"verification_token":"first"}`)},
	} {
		answer, err := openProvider(t, name).Handshake(handshake, now)
		if err != nil || answer == nil || answer.Secret != "first" || answer.Status != http.StatusOK || answer.Refused != "" {
			t.Errorf("%s, first: %+v, %v", name, answer, err)
		}
		answer, err = openProvider(t, name, "first").Handshake(handshake, now)
		if err != nil || answer == nil || answer.Secret != "" || answer.Status != http.StatusOK || answer.Refused != "" {
			t.Errorf("%s, again: %+v, %v", name, answer, err)
		}
		answer, err = openProvider(t, name, "established").Handshake(handshake, now)
		// It is named all the same, for whoever shows the request: it is the key of another subscription.
		if err != nil || answer == nil || answer.Secret != "first" || answer.Status < 400 || answer.Refused == "" || answer.Header != nil || answer.Body != nil {
			t.Errorf("%s, another: %+v, %v", name, answer, err)
		}
	}
}

func TestHandshakesThatAreNotGenuine(t *testing.T) {
	now := time.Unix(1763668800, 0)
	for _, test := range []struct {
		name, provider, why string
		request             Request
		want                Error
	}{
		{"unsigned", "zoom", "the answer to v0:TIME:BODY would be a signature",
			Request{Header: http.Header{}, Body: []byte(`{"event":"endpoint.url_validation","payload":{"plainToken":"v0:1:x"}}`)}, ErrMissingHeader},
		{"two secrets", "asana", "which one?", Request{Header: http.Header{"X-Hook-Secret": {"a", "b"}}}, ErrDuplicateHeader},
		{"empty secret", "asana", "everybody knows it", Request{Header: http.Header{"X-Hook-Secret": {""}}}, ErrMissingHeader},
		{"huge secret", "asana", "it is kept", Request{Header: http.Header{"X-Hook-Secret": {strings.Repeat("x", 257)}}}, ErrMalformedHeader},
		{"secret with a line", "asana", "it is sent back in a header", Request{Header: http.Header{"X-Hook-Secret": {"a\r\nSet-Cookie: b"}}}, ErrMalformedHeader},
		{"huge token", "notion", "it is kept", Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(`{"verification_token":"` + strings.Repeat("x", 257) + `"}`)}, ErrMalformedHeader},
		{"signed with another token", "notion", "it did not come whole",
			Request{Method: http.MethodPost, Header: http.Header{"X-Notion-Signature": {"sha256=00"}}, Body: []byte(`{"verification_token":"a"}`)}, ErrNoMatch},
	} {
		t.Run(test.provider+", "+test.name, func(t *testing.T) {
			var secrets []string
			if preset, _ := FindPreset(test.provider); !preset.SecretOptional {
				secrets = []string{hmacSecret}
			}
			answer, err := openProvider(t, test.provider, secrets...).Handshake(test.request, now)
			if answer != nil || !errors.Is(err, test.want) {
				t.Errorf("%+v, %v, want %v: %s", answer, err, test.want, test.why)
			}
		})
	}
}

// TestRequestsThatAreNoHandshakes: what a handshake answers is never verified, so nothing
// that could be a webhook may pass for one.
func TestRequestsThatAreNoHandshakes(t *testing.T) {
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for _, test := range []struct {
		provider, method, query, body string
		header                        http.Header
	}{
		{"woocommerce", "POST", "", "webhook_id=", form},
		{"woocommerce", "POST", "", "webhook_id=1x", form},
		{"woocommerce", "POST", "", "webhook_id=1", http.Header{"X-Wc-Webhook-Signature": {"AA=="}}},
		{"bitbucket", "POST", "", `{"test":true}`, http.Header{"X-Event-Key": {"repo:push"}}},
		{"bitbucket", "POST", "", `{"test":true}`, http.Header{"X-Event-Key": {"diagnostics:ping"}, "X-Hub-Signature": {"sha256=00"}}},
		{"dropbox", "POST", "?challenge=x", "{}", nil},
		{"dropbox", "GET", "?challenge=", "", nil},
		{"meta", "POST", "?hub.mode=subscribe&hub.verify_token=&hub.challenge=1", "{}", nil},
		{"websub", "POST", "?hub.mode=subscribe&hub.challenge=1", "<feed/>", nil},
		{"twitter", "POST", "?crc_token=x", "{}", nil},
		{"notion", "POST", "", `{"type":"page.created","verification_token":"x"}`, nil},
		{"notion", "POST", "", `{"data":{"verification_token":"x"}}`, nil},
		{"zoom", "POST", "", `{"event":"meeting.started","payload":{"plainToken":"x"}}`, nil},
		{"intercom", "POST", "", `{"topic":"ping"}`, nil},
	} {
		r := Request{Method: test.method, URL: "https://in.example.test/in/x" + test.query, Header: test.header, Body: []byte(test.body)}
		if answer, err := openProvider(t, test.provider, hmacSecret).Handshake(r, time.Unix(1763668800, 0)); answer != nil || err != nil {
			t.Errorf("%s, %s %s %s: %+v, %v", test.provider, test.method, test.query, test.body, answer, err)
		}
	}
}

// TestLinearSignsTheTimeInTheBody: an old example is signed as if it were sent now.
func TestLinearSignsTheTimeInTheBody(t *testing.T) {
	now := time.Unix(1763668800, 123e6)
	whole := []byte(`##{"a":1, "webhookTimestamp" : 1 , "b":[2]}##`)
	r := Request{Body: whole[2 : len(whole)-2]} // capacity beyond, as a buffer has
	if err := Sign("linear", Config{Secrets: []string{hmacSecret}}, &r, now); err != nil {
		t.Fatal(err)
	}
	if want := `{"a":1, "webhookTimestamp" : 1763668800123 , "b":[2]}`; string(r.Body) != want {
		t.Errorf("body %s, want %s", r.Body, want)
	}
	if v, err := openProvider(t, "linear", hmacSecret).Verify(r, now); err != nil || !v.Timestamp.Equal(now) {
		t.Errorf("signed at %v, %v", v.Timestamp, err)
	}
	if !bytes.HasPrefix(whole, []byte(`##{"a":1, "webhookTimestamp" : 1 ,`)) {
		t.Error("the caller's own text was changed")
	}
}
