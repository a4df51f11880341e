package webhook

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// tokenSecrets are the presets of this file's kinds, with a secret that each can use.
func tokenSecrets() map[string]string {
	secrets := map[string]string{
		"gitlab": "a-secret_1", "telegram": "a-secret_1", "okta": "a-secret_1", "postmark": "user:pass:word",
		"zapier": "a-secret_1", "mailchimp": "a-secret_1", "papertrail": "a-secret_1", "wordpress-com": "a-secret_1",
	}
	for name := range strings.FieldsSeq(`standard-webhooks svix clerk resend brex beehiiv guesty incident-io lithic nash
		open-ai pleo psi-fi render replicate safebase sardine stych`) {
		secrets[name] = "whsec_" + strings.Repeat("QUFB", 8)
	}
	return secrets
}

// TestTokenProvidersVerifyWhatTheySign: and nothing that was signed with another secret.
func TestTokenProvidersVerifyWhatTheySign(t *testing.T) {
	now := time.Unix(1763668800, 0)
	for name, secret := range tokenSecrets() {
		c := Config{Secrets: []string{secret}}
		t.Run(name, func(t *testing.T) {
			r := Request{URL: "https://example.test/in/x?a=%2F", Body: []byte(`{"type":"x"}`)}
			if err := Sign(name, c, &r, now); err != nil {
				t.Fatal(err)
			}
			other := Config{Secrets: []string{"another_secret:x"}}
			if strings.HasPrefix(secret, "whsec_") {
				other.Secrets[0] = "whsec_" + strings.Repeat("QUFC", 8)
			}
			if name == "telegram" {
				other.Secrets[0] = "another_secret"
			}
			for _, test := range []struct {
				name string
				c    Config
				want error
			}{
				{"own", c, nil},
				{"rotated", Config{Secrets: []string{other.Secrets[0], c.Secrets[0]}}, nil},
				{"other", other, ErrNoMatch},
			} {
				v, err := Provider(name, test.c)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := v.Verify(r, now); !errors.Is(err, test.want) {
					t.Errorf("%s secret: %v, want %v", test.name, err, test.want)
				}
			}
		})
	}
}

// TestUnsignedPresetsWantNothingOrAWord: a preset that trusts the URL says so, and only its word opens it.
func TestUnsignedPresetsWantNothingOrAWord(t *testing.T) {
	var open []string
	for _, p := range Presets() {
		settings := p.SecretURL()
		if settings == nil {
			continue
		}
		open = append(open, p.Name)
		if !p.SecretOptional {
			t.Errorf("%s: SecretURL without SecretOptional", p.Name)
		}
		for name, c := range map[string]Config{
			"nothing":      {},
			"empty secret": {Secrets: []string{""}},
			"both":         {Secrets: []string{"s"}, Settings: settings},
		} {
			v, err := Provider(p.Name, c)
			if err == nil { // it may answer handshakes, but no more
				_, err = v.Verify(Request{Method: "POST", Body: []byte("x")}, time.Now())
			}
			if err == nil {
				t.Errorf("%s with %s takes everything", p.Name, name)
			}
		}
		v, err := Provider(p.Name, Config{Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(Request{Method: "POST", Body: []byte("x")}, time.Now()); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	if want := []string{"cloudevents", "generic", "mailchimp", "papertrail", "wordpress-com", "zapier"}; !slices.Equal(open, want) {
		t.Errorf("open presets %q, want %q", open, want)
	}
}

// TestTokenWithholdsWhatSettingsName: a header or parameter that a setting names is not kept in logs.
func TestTokenWithholdsWhatSettingsName(t *testing.T) {
	for _, test := range []struct {
		provider string
		settings map[string]string
		want     string
	}{
		{"zapier", map[string]string{"header": "x-key"}, "X-Key"},
		{"zapier", map[string]string{"query_param": "k"}, "k"},
		{"okta", map[string]string{"header": "x-hook"}, "X-Hook"},
		{"generic", map[string]string{"mode": "basic"}, "Authorization"},
	} {
		v, err := Provider(test.provider, Config{Secrets: []string{"a:b"}, Settings: test.settings})
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Preset().Withhold; !slices.Contains(got, test.want) {
			t.Errorf("%s %v withholds %q, want %s in it", test.provider, test.settings, got, test.want)
		}
	}
}

// TestTokenErrorsHoldNoSecret: neither what was expected nor what was sent.
func TestTokenErrorsHoldNoSecret(t *testing.T) {
	v, err := Provider("zapier", Config{Secrets: []string{"expected-secret"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(Request{URL: "https://x.test/?token=sent-secret"}, time.Now())
	if !errors.Is(err, ErrNoMatch) || strings.Contains(err.Error(), "-secret") {
		t.Errorf("error %v", err)
	}
	if text := fmt.Sprintf("%v %+v", v.settings.Config, v.settings.Config); strings.Contains(text, "expected") {
		t.Errorf("prints %s", text)
	}
}

func TestSecretsThatAHeaderCannotCarryAreRefused(t *testing.T) {
	for _, secret := range []string{" a", "a ", "a\nb", "a\x00"} {
		if _, err := Provider("gitlab", Config{Secrets: []string{secret}}); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("secret %q: %v", secret, err)
		}
	}
	for _, secret := range []string{"nocolon", ":onlypassword"} {
		if _, err := Provider("postmark", Config{Secrets: []string{secret}}); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("secret %q: %v", secret, err)
		}
	}
}

// TestOktaWithoutSecretOnlyAnswersTheHandshake: everything else is refused.
func TestOktaWithoutSecretOnlyAnswersTheHandshake(t *testing.T) {
	v, err := Provider("okta", Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(Request{Method: "POST", Header: http.Header{"Authorization": {""}}}, time.Now()); !errors.Is(err, ErrNoSecret) {
		t.Errorf("webhook: %v", err)
	}
	get := Request{Method: "GET", Header: http.Header{}}
	if a, err := v.Handshake(get, time.Now()); a != nil || err != nil {
		t.Errorf("GET without a challenge: %v, %v", a, err)
	}
	get.Header.Set(oktaChallenge, `"<x>`)
	a, err := v.Handshake(get, time.Now())
	if err != nil || a.Status != 200 || !strings.Contains(string(a.Body), `\"\u003cx\u003e`) {
		t.Errorf("answer %v, %v", a, err)
	}
	if err := Sign("okta", Config{}, &Request{}, time.Now()); !errors.Is(err, ErrInvalidKey) {
		t.Errorf("sign: %v", err)
	}
}

// TestMailchimpValidatesOnlyWithTheToken: whoever does not know the secret sees a refusal.
func TestMailchimpValidatesOnlyWithTheToken(t *testing.T) {
	v, err := Provider("mailchimp", Config{Secrets: []string{"mc"}})
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]error{"https://x.test/?token=mc": nil, "https://x.test/?token=m": ErrNoMatch, "https://x.test/": ErrMissingHeader} {
		a, err := v.Handshake(Request{Method: "GET", URL: url}, time.Now())
		if !errors.Is(err, want) || (a == nil) != (want != nil) {
			t.Errorf("%s: %v, %v", url, a, err)
		}
	}
	if a, err := v.Handshake(Request{Method: "POST", URL: "https://x.test/?token=mc"}, time.Now()); a != nil || err != nil {
		t.Errorf("POST: %v, %v", a, err)
	}
}

// TestQueryTokenKeepsTheRestOfTheURL, and replaces one that is there.
func TestQueryTokenKeepsTheRestOfTheURL(t *testing.T) {
	r := Request{URL: "https://x.test/in/a%2Fb?b=%7E&token=old&a"}
	if err := Sign("zapier", Config{Secrets: []string{"n&w"}}, &r, time.Now()); err != nil {
		t.Fatal(err)
	}
	if want := "https://x.test/in/a%2Fb?b=%7E&a&token=n%26w"; r.URL != want {
		t.Errorf("URL %s, want %s", r.URL, want)
	}
}

// TestStandardSignerKeepsTheID: a given id is signed, and one that verifiers refuse is not.
func TestStandardSignerKeepsTheID(t *testing.T) {
	c := Config{Secrets: []string{"whsec_" + strings.Repeat("QUFB", 8)}}
	r := Request{Header: http.Header{"Svix-Id": {"mine"}}}
	if err := Sign("clerk", c, &r, time.Now()); err != nil || r.Header.Get("Svix-Id") != "mine" {
		t.Errorf("%v, %v", r.Header, err)
	}
	r.Header.Set("Svix-Id", "a.b")
	if err := Sign("clerk", c, &r, time.Now()); !errors.Is(err, ErrMalformedHeader) {
		t.Errorf("an id with a full stop: %v", err)
	}
	c.Secrets[0] = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	if err := Sign("clerk", c, &Request{}, time.Now()); !errors.Is(err, ErrInvalidKey) {
		t.Errorf("a public key: %v", err)
	}
}

// TestEveryPresetIsComplete: what people and receivers read about a provider is there.
func TestEveryPresetIsComplete(t *testing.T) {
	families := []string{"hmac", "standard-webhooks", "ecdsa", "ed25519", "rsa-cert", "jwt", "token", "basic", "bearer", "none"}
	marks := []Mark{Vector, Docs, Secondary, Memory}
	for _, p := range Presets() {
		if p.Title == "" || p.Summary == "" || !slices.Contains(families, p.Family) {
			t.Errorf("%s: title %q, summary %q, family %q", p.Name, p.Title, p.Summary, p.Family)
		}
		for _, m := range []Mark{p.Confidence.Signature, p.Confidence.ID, p.Confidence.Deadline, p.Confidence.Retry} {
			if !slices.Contains(marks, m) {
				t.Errorf("%s: a mark is %q", p.Name, m)
			}
		}
		names := map[string]bool{}
		for _, s := range p.Settings {
			if names[s.Name] || s.Name == "" || s.Summary == "" {
				t.Errorf("%s: setting %q is empty, doubled or unexplained", p.Name, s.Name)
			}
			names[s.Name] = true
		}
		if found, ok := FindPreset(p.Name); !ok || found.Name != p.Name {
			t.Errorf("FindPreset(%q) is %q, %v", p.Name, found.Name, ok)
		}
	}
}

// TestZapierTrustsOnlyAnIDThatIsNamed: a Zap that sends a record's id sends it again with
// the record's next change.
func TestZapierTrustsOnlyAnIDThatIsNamed(t *testing.T) {
	for _, test := range []struct {
		settings map[string]string
		shared   bool
	}{
		{nil, true},
		{map[string]string{"type_path": "a"}, true},
		{map[string]string{"id_path": "id"}, false},
		{map[string]string{"id_header": "X-Id"}, false},
	} {
		v := mustProvider(t, "zapier", Config{Secrets: []string{"s"}, Settings: test.settings})
		if got := v.Preset().IDShared; got != test.shared {
			t.Errorf("%v: IDShared %v", test.settings, got)
		}
	}
}

func TestUnsignedSettingsThatDoNothingAreRefused(t *testing.T) {
	for _, settings := range []map[string]string{
		{"mode": "query", "header": "X"},
		{"mode": "basic", "query_param": "t"},
		{"mode": "header"},
		{"mode": "header", "header": "X Y"},
		{"header": "X", "query_param": "t"},
		{"query_param": ""},
		{"mode": "token"},
	} {
		if _, err := Provider("papertrail", Config{Secrets: []string{"u:p"}, Settings: settings}); !errors.Is(err, ErrInvalidSetting) {
			t.Errorf("%v: %v", settings, err)
		}
	}
}

// TestTokensTravelWhereTheModeSays: sign puts the secret there and nowhere else.
func TestTokensTravelWhereTheModeSays(t *testing.T) {
	for mode, want := range map[string]Request{
		"query":  {URL: "https://x.test/?token=u%3Ap", Header: http.Header{}},
		"basic":  {URL: "https://x.test/", Header: http.Header{"Authorization": {"Basic dTpw"}}},
		"bearer": {URL: "https://x.test/", Header: http.Header{"Authorization": {"Bearer u:p"}}},
		"none":   {URL: "https://x.test/", Header: http.Header{}},
	} {
		for _, name := range []string{"generic", "zapier"} {
			c := Config{Secrets: []string{"u:p"}, Settings: map[string]string{"mode": mode}}
			if mode == "none" {
				c.Secrets = nil
			}
			r := Request{URL: "https://x.test/"}
			if err := Sign(name, c, &r, time.Now()); err != nil || r.URL != want.URL || !maps.EqualFunc(r.Header, want.Header, slices.Equal) {
				t.Errorf("%s %s: %s %v, error %v", name, mode, r.URL, r.Header, err)
			}
			if _, err := mustProvider(t, name, c).Verify(r, time.Now()); err != nil {
				t.Errorf("%s %s: %v", name, mode, err)
			}
		}
	}
	if err := Sign("zapier", Config{Secrets: []string{"s"}}, &Request{URL: "https://x.test/%zz\x7f"}, time.Now()); !errors.Is(err, ErrInvalidSetting) {
		t.Errorf("not a URL: %v", err)
	}
	if _, err := Provider("clerk", Config{Secrets: []string{""}}); !errors.Is(err, ErrInvalidKey) {
		t.Errorf("empty secret: %v", err)
	}
}
