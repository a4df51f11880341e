package cli_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/vectors"
	"github.com/hookloft/hookloft/webhook"
)

// signing is what signing and verifying needs for a preset.
type signing struct {
	secret  string   // for sign; where it is a private key, verify has another
	public  string   // for verify; "" means the same as secret, "-" none
	both    []string // more arguments of both
	verify  []string // more arguments of verify
	body    string
	headers string
}

// keys are private keys, made once: RSA takes long.
type keys struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
}

func makeKeys(t *testing.T) (k keys) {
	var err error
	if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	_, k.ed, err = ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// signings has the presets for which "a secret and some JSON" will not do.
func signings(t *testing.T) map[string]signing {
	k := makeKeys(t)
	ecKeys, rsaKeys := vectors.JWKS(t, vectors.JWK(t, k.ec, "k1")), vectors.JWKS(t, vectors.JWK(t, k.rsa, "k1"))
	ecPublic, err := x509.MarshalPKIXPublicKey(&k.ec.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	const form = "SmsSid=SM1&Body=a+b"
	return map[string]signing{
		"adyen":           {secret: strings.Repeat("0f", 32), body: `{"notificationItems":[{"NotificationRequestItem":{"pspReference":"p","eventCode":"AUTHORISATION","amount":{"value":1,"currency":"EUR"},"success":"true"}}]}`},
		"airtable":        {secret: base64.StdEncoding.EncodeToString([]byte("some key bytes"))},
		"aws-sns":         {secret: vectors.PrivatePEM(t, k.rsa), public: "-", both: []string{"--config", "allowed_topic_arns=arn:aws:sns:us-east-1:123456789012:T"}, verify: []string{"--config", "cert_pem=" + vectors.CertificatePEM(t, k.rsa, "sns.us-east-1.amazonaws.com")}, body: `{"Type":"Notification","TopicArn":"arn:aws:sns:us-east-1:123456789012:T","Message":"hello","MessageId":"m1"}`},
		"discord":         {secret: vectors.PrivatePEM(t, k.ed), public: hex.EncodeToString(k.ed.Public().(ed25519.PublicKey)), body: `{"type":2,"id":"1"}`},
		"gcp-pubsub":      {secret: vectors.PrivatePEM(t, k.rsa), public: "-", both: []string{"--config", "service_account_email=a@b.test", "--config", "jwks=" + rsaKeys}, body: `{"message":{"messageId":"1","data":""},"subscription":"s"}`},
		"generic":         {both: []string{"--config", "header=X-Sig", "--config", "template={url}{header:X-Extra}{body}"}, headers: "X-Extra: e\n"},
		"mailgun":         {body: `{"event-data":{"id":"1","event":"opened"}}`},
		"mandrill":        {body: "mandrill_events=%5B%5D&other=1"},
		"microsoft-graph": {body: `{"value":[{"subscriptionId":"s","clientState":"x"}]}`},
		"paypal":          {secret: vectors.PrivatePEM(t, k.rsa), public: "-", both: []string{"--config", "webhook_id=W1"}, verify: []string{"--config", "cert_pem=" + vectors.CertificatePEM(t, k.rsa, "messageverificationcerts.paypal.com")}},
		"plaid":           {secret: vectors.PrivatePEM(t, k.ec), public: "-", both: []string{"--config", "jwks=" + ecKeys}},
		"postmark":        {secret: "user:pass:word"},
		"sendgrid":        {secret: vectors.PrivatePEM(t, k.ec), public: base64.StdEncoding.EncodeToString(ecPublic), body: "[]\r\n"},
		"twilio":          {body: form},
	}
}

// signsBody reports whether another body must be noticed. A Pub/Sub token says only who sends.
func signsBody(p webhook.Preset) bool {
	switch p.Family {
	case "token", "basic", "none", "bearer":
		return false
	}
	return p.Name != "gcp-pubsub"
}

// TestSignedRequestsVerify: what sign prints, verify takes, for every preset; and not with
// another body or secret.
func TestSignedRequestsVerify(t *testing.T) {
	special := signings(t)
	for _, preset := range webhook.Presets() {
		t.Run(preset.Name, func(t *testing.T) {
			s := special[preset.Name]
			if s.secret == "" {
				s.secret = "s3cret-text_1"
				if preset.Family == "standard-webhooks" {
					s.secret = "whsec_" + strings.Repeat("QUFB", 8)
				}
			}
			if s.public == "" {
				s.public = s.secret
			}
			if s.body == "" {
				s.body = `{"type":"some.event","id":"id_1"}`
			}
			body, sent := write(t, "body", []byte(s.body)), filepath.Join(t.TempDir(), "sent")
			args := append([]string{"sign", "--provider", preset.Name, "--secret", "@" + write(t, "secret", []byte(s.secret)), "--url", "https://h.test/in/x?a=1",
				"--body", body, "--body-out", sent, "--headers", write(t, "given", []byte(s.headers))}, s.both...)
			code, headers, errors := inProcess("", args...)
			if code != 0 {
				t.Fatalf("sign: exit code %d, errors %q", code, errors)
			}
			url := "https://h.test/in/x?a=1"
			if line, rest, _ := strings.Cut(headers, "\n"); strings.HasPrefix(line, "URL: ") {
				url, headers = strings.TrimPrefix(line, "URL: "), rest
			}
			check := func(secret, bodyFile string) (int, string, string) {
				args := append([]string{"verify", "--provider", preset.Name, "--url", url, "--headers", write(t, "headers", []byte(headers)), "--body", bodyFile}, s.both...)
				if secret != "-" {
					args = append(args, "--secret", "@"+write(t, "secret", []byte(secret)))
				}
				return inProcess("", append(args, s.verify...)...)
			}
			if code, out, errors := check(s.public, sent); code != 0 || out == "" {
				t.Errorf("verify: exit code %d, output %q, errors %q, headers:\n%s", code, out, errors, headers)
			}
			if signsBody(preset) {
				content, err := os.ReadFile(sent)
				if err != nil {
					t.Fatal(err)
				}
				changed := bytes.ReplaceAll(content, []byte("e"), []byte("f"))
				if bytes.Equal(changed, content) {
					changed = append(content, ' ')
				}
				if code, _, _ := check(s.public, write(t, "changed", changed)); code == 0 {
					t.Errorf("verifies with another body")
				}
			}
			if s.public == s.secret {
				other := strings.Map(func(c rune) rune {
					if c == 's' || c == 'f' || c == 'B' || c == '1' {
						return 'A'
					}
					return c
				}, strings.TrimPrefix(s.secret, "whsec_"))
				if code, _, _ := check(other, sent); code != 1 {
					t.Errorf("exit code %d with another secret", code)
				}
			}
		})
	}
}

func TestSignSetsTheIDWhereItIsInAHeader(t *testing.T) {
	body := write(t, "body", []byte("{}"))
	for _, test := range []struct {
		provider, want string
		config         []string
	}{
		{"github", "X-Github-Delivery: my-id\n", nil},
		{"clerk", "Svix-Id: my-id\n", nil},
		{"brex", "Webhook-Id: my-id\n", nil},
		{"gitlab", "Webhook-Id: my-id\n", []string{"--config", "mode=signing"}},
	} {
		code, out, errors := inProcess("", append([]string{"sign", "--provider", test.provider, "--secret", "whsec_" + strings.Repeat("QUFB", 8), "--body", body, "--id", "my-id"}, test.config...)...)
		if code != 0 || !strings.Contains(out, test.want) {
			t.Errorf("%s: exit code %d, output %q, errors %q", test.provider, code, out, errors)
		}
	}
	if code, _, errors := inProcess("", "sign", "--provider", "stripe", "--secret", "s", "--body", body, "--id", "evt"); code != 2 || !strings.Contains(errors, "body id") {
		t.Errorf("stripe: exit code %d, errors %q", code, errors)
	}
}

func TestSignMisuse(t *testing.T) {
	body := write(t, "body", []byte(`{"a":1}`))
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no provider":         {[]string{"--body", body}, "--provider is missing"},
		"no secret":           {[]string{"--provider", "stripe", "--body", body}, "--secret is missing"},
		"no body":             {[]string{"--provider", "stripe", "--secret", "s"}, "--body is missing"},
		"curl without url":    {[]string{"--provider", "stripe", "--secret", "s", "--body", body, "--curl"}, "--curl needs --url"},
		"curl without a file": {[]string{"--provider", "stripe", "--secret", "s", "--body", "-", "--curl", "--url", "http://h.test"}, "body in a file"},
		"changed body":        {[]string{"--provider", "mailgun", "--secret", "s", "--body", body}, "--body-out"},
		"missing header":      {[]string{"--provider", "generic", "--secret", "s", "--config", "header=X", "--config", "template={header:Y}{body}", "--body", body}, "missing or empty: y"},
	} {
		if code, out, errors := inProcess("", append([]string{"sign"}, test.args...)...); code != 2 || out != "" || !strings.Contains(errors, test.want) {
			t.Errorf("%s: exit code %d, output %q, errors %q", name, code, out, errors)
		}
	}
}

// TestSignWritesAShellCommand: curl gets each argument as it is meant, whatever is in it.
func TestSignWritesAShellCommand(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh here")
	}
	body := write(t, "it's a body", []byte("hello"))
	code, command, errors := inProcess("", "sign", "--provider", "zapier", "--config", "header=X-Key", "--secret", `a'b$(exit 7)"`, "--url", "http://h.test/?a=1&b='", "--body", body, "--curl")
	if code != 0 {
		t.Fatal(errors)
	}
	out, err := exec.Command(shell, "-c", `curl() { for a; do printf '%s\n' "$a"; done; }; `+command).CombinedOutput()
	want := strings.Join([]string{"-i", "-X", "POST", "http://h.test/?a=1&b='", "-H", "Content-Type: application/octet-stream", "-H", `X-Key: a'b$(exit 7)"`, "--data-binary", "@" + body, ""}, "\n")
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}

func TestProvidersAreListed(t *testing.T) {
	_, table, _ := inProcess("", "providers")
	code, text, _ := inProcess("", "providers", "--json")
	var all []struct {
		Name, Family string
		Confidence   map[string]string
		Settings     []struct{ Name, Summary string }
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil || code != 0 || len(all) != len(webhook.Presets()) {
		t.Fatalf("exit code %d, %d providers, error %v", code, len(all), err)
	}
	if strings.Count(table, "\n") != len(all)+1 {
		t.Errorf("%d lines for %d providers", strings.Count(table, "\n"), len(all))
	}
	for _, p := range all {
		if !strings.Contains(table, "\n"+p.Name+" ") || p.Family == "" || len(p.Confidence) != 4 {
			t.Errorf("%+v", p)
		}
		code, one, _ := inProcess("", "providers", p.Name)
		if code != 0 || !strings.Contains(one, "Checked") {
			t.Errorf("%s: exit code %d, output %q", p.Name, code, one)
		}
		for _, s := range p.Settings {
			if !strings.Contains(one, "  "+s.Name+" ") || !strings.Contains(one, s.Summary) {
				t.Errorf("%s: the setting %s is not in %q", p.Name, s.Name, one)
			}
		}
	}
	if code, _, errors := inProcess("", "providers", "githab"); code != 2 || !strings.Contains(errors, `did you mean "github"`) {
		t.Errorf("exit code %d, errors %q", code, errors)
	}
	if code, one, _ := inProcess("", "providers", "gitlab", "--json"); code != 0 || !strings.Contains(one, `"values": [`) {
		t.Errorf("exit code %d, output %q", code, one)
	}
}
