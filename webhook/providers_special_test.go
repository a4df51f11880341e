package webhook

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/vectors"
)

// specialNow is a time at which the certificates made here are valid.
var specialNow = time.Unix(1763668800, 0).UTC()

// specialKeys are made once: an RSA key takes a while.
type specialKeys struct {
	rsa, otherRSA *rsa.PrivateKey
	ec, otherEC   *ecdsa.PrivateKey
	ed            ed25519.PrivateKey
}

var makeSpecialKeys = sync.OnceValues(func() (k specialKeys, err error) {
	if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return k, err
	}
	if k.otherRSA, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return k, err
	}
	if k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return k, err
	}
	if k.otherEC, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return k, err
	}
	_, k.ed, err = ed25519.GenerateKey(rand.Reader)
	return k, err
})

func specialKeysOf(t testing.TB) specialKeys {
	t.Helper()
	k, err := makeSpecialKeys()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// certificateOf makes a certificate of key in a name, signed by parent, or by itself when that is nil.
func certificateOf(t testing.TB, name string, key *rsa.PrivateKey, parent *x509.Certificate, parentKey *rsa.PrivateKey) (*x509.Certificate, string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: specialNow.Add(-time.Hour), NotAfter: specialNow.Add(48 * time.Hour),
		IsCA: parent == nil, BasicConstraintsValid: true,
	}
	if parent == nil {
		parent, parentKey = template, key
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// special is how one provider is signed for and verified in these tests.
type special struct {
	name, provider string
	sign, verify   Config
	wrong          Config // what must not verify it
	body           string
	header         http.Header
	// carrier is the header that proves it; "" when it stands in body or URL.
	carrier string
	// unsigned: the provider does not protect the body.
	unsigned bool
}

func specials(t *testing.T) []special {
	k := specialKeysOf(t)
	publicDER, err := x509.MarshalPKIXPublicKey(&k.ec.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	otherDER, err := x509.MarshalPKIXPublicKey(&k.otherEC.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	_, cert := certificateOf(t, "sender.paypal.com", k.rsa, nil, nil)
	_, otherCert := certificateOf(t, "sender.paypal.com", k.otherRSA, nil, nil)
	secret := func(texts ...string) Config { return Config{Secrets: texts} }
	with := func(c Config, pairs ...string) Config {
		c.Settings = maps.Clone(c.Settings)
		if c.Settings == nil {
			c.Settings = map[string]string{}
		}
		for i := 0; i < len(pairs); i += 2 {
			c.Settings[pairs[i]] = pairs[i+1]
		}
		return c
	}
	both := func(name, body, carrier, key, other string, settings ...string) special {
		return special{
			name: name, provider: name, body: body, carrier: carrier,
			sign: with(secret(key), settings...), verify: with(secret("older-"+key, key), settings...), wrong: with(secret(other), settings...),
		}
	}
	formHeader := http.Header{"Content-Type": {formContent}}
	topic := "arn:aws:sns:eu-west-1:123456789012:orders"
	adyenKey, adyenOther := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	adyenBody := `{"live":"true","notificationItems":[{"NotificationRequestItem":{"amount":{"currency":"EUR","value":1},"eventCode":"CAPTURE","pspReference":"p","success":"true"}}]}`
	account := []string{"service_account_email", "p@x.iam.gserviceaccount.com"}
	list := []special{
		both("twilio", `{"a":1}`, "X-Twilio-Signature", "k", "x"),
		both("mandrill", "mandrill_events=%5B%7B%22event%22%3A%22open%22%7D%5D", "X-Mandrill-Signature", "k", "x"),
		both("square", `{"event_id":"1"}`, "X-Square-Hmacsha256-Signature", "k", "x"),
		both("hubspot", `[{"eventId":1}]`, "X-Hubspot-Signature-V3", "k", "x"),
		both("hubspot", `[{"eventId":1}]`, "X-Hubspot-Signature", "k", "x", "version", "v1"),
		both("hubspot", `[{"eventId":1}]`, "X-Hubspot-Signature", "k", "x", "version", "v2"),
		both("mailgun", `{"event-data":{"id":"1"}}`, "", "k", "x"),
		both("microsoft-graph", `{"value":[{"id":"1","changeType":"created"}]}`, "", "k", "x"),
		both("azure-eventgrid", `[{"id":"1"}]`, "", "k", "x"),
		both("azure-eventgrid", `[{"id":"1"}]`, "X-Key", "k", "x", "header", "X-Key"),
		both("cloudevents", `{"id":"1"}`, "Authorization", "k", "x"),
		both("cloudevents", `{"id":"1"}`, "Authorization", "k", "x", "allowed_origins", "a.example"),
		both("cloudevents", `{"id":"1"}`, "", "k", "x", "mode", "query"),
		{name: "twilio form", provider: "twilio", body: "CallSid=1&b=%26&a=", header: formHeader, carrier: "X-Twilio-Signature", sign: secret("k"), verify: secret("k"), wrong: secret("x")},
		{name: "mailgun form", provider: "mailgun", body: "recipient=a", header: formHeader, sign: secret("k"), verify: secret("k"), wrong: secret("x")},
		{name: "adyen", provider: "adyen", body: adyenBody, sign: secret(adyenKey), verify: secret(adyenOther, adyenKey), wrong: secret(adyenOther)},
		{name: "adyen header", provider: "adyen", body: adyenBody, carrier: "Hmacsignature", sign: with(secret(adyenKey), "mode", "header"), verify: with(secret(adyenKey), "mode", "header"), wrong: with(secret(adyenOther), "mode", "header")},
		{
			name: "sendgrid", provider: "sendgrid", body: "[{\"sg_event_id\":\"1\"}]\r\n", carrier: sendgridSignature, sign: secret(vectors.PrivatePEM(t, k.ec)),
			verify: secret(base64.StdEncoding.EncodeToString(publicDER)), wrong: secret(base64.StdEncoding.EncodeToString(otherDER)),
		},
		{
			name: "discord", provider: "discord", body: `{"type":1,"event":{"type":"A"}}`, carrier: discordSignature, sign: secret(vectors.PrivatePEM(t, k.ed)),
			verify: secret(hex.EncodeToString(k.ed.Public().(ed25519.PublicKey))), wrong: secret(strings.Repeat("11", 32)),
		},
		{
			name: "discord hex", provider: "discord", body: `{"type":1,"event":{"type":"A"}}`, carrier: discordSignature, sign: secret(hex.EncodeToString(k.ed.Seed())),
			verify: secret(hex.EncodeToString(k.ed.Public().(ed25519.PublicKey))), wrong: secret(strings.Repeat("11", 32)),
		},
		{
			name: "paypal", provider: "paypal", body: `{"id":"WH-1"}`, carrier: paypalSignature, sign: with(secret(vectors.PrivatePEM(t, k.rsa)), "webhook_id", "W"),
			verify: with(Config{}, "webhook_id", "W", "cert_pem", cert), wrong: with(Config{}, "webhook_id", "W", "cert_pem", otherCert),
		},
		{
			name: "aws-sns", provider: "aws-sns", body: `{"order":1}`, sign: with(secret(vectors.PrivatePEM(t, k.rsa)), "allowed_topic_arns", topic),
			verify: with(Config{}, "allowed_topic_arns", topic, "cert_pem", cert), wrong: with(Config{}, "allowed_topic_arns", topic, "cert_pem", otherCert),
		},
		{
			name: "plaid", provider: "plaid", body: `{"webhook_type":"A","webhook_code":"B"}`, carrier: plaidHeader, sign: secret(vectors.PrivatePEM(t, k.ec)),
			verify: with(Config{}, "jwks", vectors.JWKS(t, vectors.JWK(t, k.ec, "test"))), wrong: with(Config{}, "jwks", vectors.JWKS(t, vectors.JWK(t, k.otherEC, "test"))),
		},
		{
			name: "gcp-pubsub", provider: "gcp-pubsub", body: `{"message":{"messageId":"1"}}`, carrier: "Authorization", sign: with(secret(vectors.PrivatePEM(t, k.rsa)), account...),
			verify: with(with(Config{}, "jwks", vectors.JWKS(t, vectors.JWK(t, k.rsa, "test"))), account...), wrong: with(with(Config{}, "jwks", vectors.JWKS(t, vectors.JWK(t, k.otherRSA, "test"))), account...),
		},
	}
	for i := range list {
		if list[i].name == list[i].provider && len(list[i].sign.Settings) == 1 {
			for name, value := range list[i].sign.Settings {
				list[i].name += " " + name + "=" + value
			}
		}
		switch list[i].provider {
		case "mailgun", "microsoft-graph", "azure-eventgrid", "cloudevents", "gcp-pubsub":
			list[i].unsigned = true
		}
	}
	return list
}

func signSpecial(t *testing.T, s special) Request {
	t.Helper()
	r := Request{URL: "https://in.example.test/hook?x=1", Header: s.header.Clone(), Body: []byte(s.body)}
	if err := Sign(s.provider, s.sign, &r, specialNow); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSpecialProvidersVerifyWhatTheySign(t *testing.T) {
	for _, s := range specials(t) {
		t.Run(s.name, func(t *testing.T) {
			verifier, err := Provider(s.provider, s.verify)
			if err != nil {
				t.Fatal(err)
			}
			r := signSpecial(t, s)
			if _, err := verifier.Verify(r, specialNow); err != nil {
				t.Fatalf("what Sign made was refused: %v", err)
			}
			wrong, err := Provider(s.provider, s.wrong)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := wrong.Verify(r, specialNow); !errors.Is(err, ErrNoMatch) {
				t.Errorf("with the wrong key: %v", err)
			}
			if s.carrier != "" {
				cut := r
				cut.Header = r.Header.Clone()
				if cut.Header.Get(s.carrier) == "" {
					t.Fatalf("Sign set no %s: %v", s.carrier, r.Header)
				}
				cut.Header.Del(s.carrier)
				if _, err := verifier.Verify(cut, specialNow); err == nil {
					t.Errorf("without %s it was accepted", s.carrier)
				}
			}
			if !s.unsigned {
				changed := r
				changed.Body = []byte(strings.Replace(string(r.Body), "1", "2", 1))
				if string(changed.Body) == string(r.Body) {
					changed.Body = []byte(strings.Replace(string(r.Body), "A", "C", 1))
				}
				if s.provider == "mandrill" {
					changed.Body = []byte(strings.Replace(string(r.Body), "open", "spam", 1))
				}
				if string(changed.Body) == string(r.Body) {
					t.Fatal("the test changed nothing")
				}
				if _, err := verifier.Verify(changed, specialNow); !errors.Is(err, ErrNoMatch) {
					t.Errorf("with another body: %v", err)
				}
			}
			if _, err := verifier.Verify(Request{}, specialNow); err == nil {
				t.Error("an empty request was accepted")
			}
		})
	}
}

func TestSpecialProvidersFailClosed(t *testing.T) {
	for _, s := range specials(t) {
		if len(s.verify.Secrets) == 0 {
			continue // their keys are certificates and key sets
		}
		t.Run(s.name, func(t *testing.T) {
			empty := s.verify
			empty.Secrets = []string{""}
			if _, err := Provider(s.provider, empty); !errors.Is(err, ErrInvalidKey) {
				t.Errorf("with an empty secret: %v", err)
			}
			empty.Secrets = nil
			verifier, err := Provider(s.provider, empty)
			if err != nil {
				return
			}
			if !verifier.Preset().SecretOptional {
				t.Error("it opens without a secret and does not say so")
			}
			if _, err := verifier.Verify(signSpecial(t, s), specialNow); err == nil {
				t.Error("without a secret, a request was accepted")
			}
		})
	}
}

// keyServer is a KeySource in memory, which counts what it is asked.
type keyServer struct {
	documents map[string]string
	asked     []KeyQuery
}

func (s *keyServer) Fetch(q KeyQuery) ([]byte, error) {
	s.asked = append(s.asked, q)
	if d, ok := s.documents[q.URL]; ok {
		return []byte(d), nil
	}
	return nil, fmt.Errorf("%w: no such document", ErrNoKey)
}

func TestFetchedCertificates(t *testing.T) {
	k := specialKeysOf(t)
	root, rootPEM := certificateOf(t, "Test Authority", k.otherRSA, nil, nil)
	_, good := certificateOf(t, "sender.paypal.com", k.rsa, root, k.otherRSA)
	_, otherName := certificateOf(t, "sender.example.com", k.rsa, root, k.otherRSA)
	_, selfMade := certificateOf(t, "sender.paypal.com", k.rsa, nil, nil)
	const address = "https://api.paypal.com/v1/notifications/certs/CERT-1"
	for _, c := range []struct {
		name, document string
		settings       map[string]string
		now            time.Time
		want           error
	}{
		{name: "a chain to the given authority", document: good, settings: map[string]string{"ca_pem": rootPEM}},
		{name: "an authority that nobody knows", document: good, want: ErrNoMatch},
		{name: "self-made", document: selfMade, settings: map[string]string{"ca_pem": rootPEM}, want: ErrNoMatch},
		{name: "self-made, and host is enough", document: selfMade, settings: map[string]string{"chain": "host"}},
		{name: "another's name", document: otherName, settings: map[string]string{"ca_pem": rootPEM}, want: ErrNoMatch},
		{name: "another's name, and host is enough", document: otherName, settings: map[string]string{"chain": "host"}, want: ErrNoMatch},
		{name: "too old", document: good, settings: map[string]string{"ca_pem": rootPEM}, now: specialNow.Add(49 * time.Hour), want: ErrNoMatch},
		{name: "too old, and host is enough", document: good, settings: map[string]string{"chain": "host"}, now: specialNow.Add(49 * time.Hour), want: ErrNoMatch},
		{name: "no certificate", document: "<html>", want: ErrNoKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys := &keyServer{documents: map[string]string{address: c.document}}
			settings := map[string]string{"webhook_id": "W"}
			maps.Copy(settings, c.settings)
			verifier, err := Provider("paypal", Config{Settings: settings, Keys: keys})
			if err != nil {
				t.Fatal(err)
			}
			r := Request{Header: http.Header{paypalCert: {address}}, Body: []byte(`{}`)}
			if err := Sign("paypal", Config{Secrets: []string{vectors.PrivatePEM(t, k.rsa)}, Settings: map[string]string{"webhook_id": "W"}}, &r, specialNow); err != nil {
				t.Fatal(err)
			}
			now := c.now
			if now.IsZero() {
				now = specialNow
			}
			if _, err := verifier.Verify(r, now); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if len(keys.asked) != 1 || keys.asked[0].Method != http.MethodGet {
				t.Errorf("asked %v", keys.asked)
			}
		})
	}
}

// TestNothingIsFetchedFromElsewhere: the address of a certificate is whatever a forger writes.
func TestNothingIsFetchedFromElsewhere(t *testing.T) {
	k := specialKeysOf(t)
	key := []string{vectors.PrivatePEM(t, k.rsa)}
	topics := map[string]string{"allowed_topic_arns": "arn:aws:sns:eu-west-1:123456789012:*"}
	for _, address := range []string{
		"http://%s", "https://u@%s", "https://%s:444/x", "https://%s.evil.example/x", "https://evil.example/%s", "https://%s/../x", "https://%s/x?y", "https://%s/x#y",
		"https://%s\\@evil.example/", "//%s", "%s", "https://evil.example\x00.%s/", "https://EVIL-%s/%%2e%%2e/x", "https://169.254.169.254/%s", "",
		"https://%s/" + strings.Repeat("a", 2000),
	} {
		keys := &keyServer{}
		in := func(host string) string { return strings.Replace(address, "%s", host, 1) }
		paypalVerifier, err := Provider("paypal", Config{Settings: map[string]string{"webhook_id": "W"}, Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		r := Request{Header: http.Header{paypalCert: {in("api.paypal.com")}}, Body: []byte("{}")}
		if err := Sign("paypal", Config{Secrets: key, Settings: map[string]string{"webhook_id": "W"}}, &r, specialNow); err != nil {
			t.Fatal(err)
		}
		r.Header.Set(paypalCert, in("api.paypal.com"))
		if _, err := paypalVerifier.Verify(r, specialNow); err == nil {
			t.Errorf("PayPal accepted %q", address)
		}
		snsVerifier, err := Provider("aws-sns", Config{Settings: topics, Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		body := mustJSON(map[string]string{"Type": "Notification", "MessageId": "1", "Message": "m", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:a", "SigningCertURL": in("sns.eu-west-1.amazonaws.com")})
		r = Request{Body: body}
		if err := Sign("aws-sns", Config{Secrets: key, Settings: topics}, &r, specialNow); err != nil {
			t.Fatal(err)
		}
		if _, err := snsVerifier.Verify(r, specialNow); err == nil {
			t.Errorf("SNS accepted %q", address)
		}
		if len(keys.asked) != 0 {
			t.Errorf("%q was asked for", keys.asked[0].URL)
		}
	}
}

func TestPlaidAsksForItsKey(t *testing.T) {
	k := specialKeysOf(t)
	key := vectors.JWK(t, k.ec, "test")
	const sandbox = "https://sandbox.plaid.com/webhook_verification_key/get"
	keys := &keyServer{documents: map[string]string{sandbox: string(mustJSON(map[string]any{"key": key, "request_id": "1"}))}}
	verifier, err := Provider("plaid", Config{
		Secrets: []string{"api-secret"}, Settings: map[string]string{"client_id": "c", "environment": "sandbox"}, Keys: keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Body: []byte("{}")}
	if err := Sign("plaid", Config{Secrets: []string{vectors.PrivatePEM(t, k.ec)}}, &r, specialNow); err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(r, specialNow); err != nil {
		t.Fatal(err)
	}
	var question map[string]string
	if err := json.Unmarshal(keys.asked[0].Body, &question); err != nil {
		t.Fatal(err)
	}
	if keys.asked[0].Method != http.MethodPost || question["client_id"] != "c" || question["secret"] != "api-secret" || question["key_id"] != "test" {
		t.Errorf("asked %s %v", keys.asked[0].Method, question)
	}
	key["expired_at"] = 1763000000
	keys.documents[sandbox] = string(mustJSON(map[string]any{"key": key}))
	if _, err := verifier.Verify(r, specialNow); !errors.Is(err, ErrNoMatch) {
		t.Errorf("an expired key: %v", err)
	}
	delete(keys.documents, sandbox)
	if _, err := verifier.Verify(r, specialNow); !errors.Is(err, ErrNoKey) {
		t.Errorf("no answer: %v", err)
	}
	keys.asked = nil
	if _, err := verifier.Verify(r, specialNow.Add(time.Hour)); !errors.Is(err, ErrTimestampTooOld) || len(keys.asked) != 0 {
		t.Errorf("an old token: %v, asked %d times", err, len(keys.asked))
	}
}

func TestPubSubAsksAgainForANewKey(t *testing.T) {
	k := specialKeysOf(t)
	settings := map[string]string{"service_account_email": "p@x.iam.gserviceaccount.com"}
	keys := &keyServer{documents: map[string]string{googleKeys: vectors.JWKS(t, vectors.JWK(t, k.otherRSA, "older"))}}
	verifier, err := Provider("gcp-pubsub", Config{Settings: settings, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	r := Request{URL: "https://in.example.test/", Body: []byte("{}")}
	if err := Sign("gcp-pubsub", Config{Secrets: []string{vectors.PrivatePEM(t, k.rsa)}, Settings: settings}, &r, specialNow); err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(r, specialNow); !errors.Is(err, ErrNoMatch) {
		t.Errorf("a key that Google does not have: %v", err)
	}
	if len(keys.asked) != 2 || keys.asked[0].Fresh || !keys.asked[1].Fresh {
		t.Errorf("asked %v, want once, then for a newer document", keys.asked)
	}
	keys.documents[googleKeys] = vectors.JWKS(t, vectors.JWK(t, k.otherRSA, "older"), vectors.JWK(t, k.rsa, "test"))
	if _, err := verifier.Verify(r, specialNow); err != nil {
		t.Error(err)
	}
	delete(keys.documents, googleKeys)
	if _, err := verifier.Verify(r, specialNow); !errors.Is(err, ErrNoKey) {
		t.Errorf("no answer: %v", err)
	}
}

func TestWithoutKeySourceNothingIsAccepted(t *testing.T) {
	k := specialKeysOf(t)
	settings := map[string]string{"service_account_email": "p@x.iam.gserviceaccount.com"}
	verifier, err := Provider("gcp-pubsub", Config{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	r := Request{URL: "https://in.example.test/"}
	if err := Sign("gcp-pubsub", Config{Secrets: []string{vectors.PrivatePEM(t, k.rsa)}, Settings: settings}, &r, specialNow); err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(r, specialNow); !errors.Is(err, ErrNoKey) {
		t.Errorf("error %v, want ErrNoKey", err)
	}
}

func TestSNSConfirmationVisitsOnlySNS(t *testing.T) {
	k := specialKeysOf(t)
	_, cert := certificateOf(t, "sns.amazonaws.com", k.rsa, nil, nil)
	const topic = "arn:aws:sns:eu-west-1:123456789012:orders"
	for _, c := range []struct {
		url string
		ok  bool
	}{
		{"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + topic + "&Token=t", true},
		{"https://sns.cn-north-1.amazonaws.com.cn/?Action=ConfirmSubscription&Token=t", true},
		{"http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t", false},
		{"https://sns.eu-west-1.amazonaws.com:8080/?Action=ConfirmSubscription&Token=t", false},
		{"https://sns.eu-west-1.amazonaws.com.evil.example/?Action=ConfirmSubscription", false},
		{"https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic", false},
		{"https://169.254.169.254/?Action=ConfirmSubscription", false},
	} {
		r := Request{Method: http.MethodPost, Body: mustJSON(map[string]string{
			"Type": "SubscriptionConfirmation", "MessageId": "1", "Message": "m", "Token": "t", "TopicArn": topic, "SubscribeURL": c.url,
		})}
		settings := map[string]string{"allowed_topic_arns": topic, "cert_pem": cert}
		if err := Sign("aws-sns", Config{Secrets: []string{vectors.PrivatePEM(t, k.rsa)}, Settings: settings}, &r, specialNow); err != nil {
			t.Fatal(err)
		}
		verifier, err := Provider("aws-sns", Config{Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := verifier.Handshake(r, specialNow)
		switch {
		case c.ok && (err != nil || answer == nil || answer.Visit != c.url):
			t.Errorf("%s: answer %v, error %v", c.url, answer, err)
		case !c.ok && err == nil:
			t.Errorf("%s: is to be visited", c.url)
		}
		r.Body = []byte(strings.Replace(string(r.Body), `"Token":"t"`, `"Token":"u"`, 1))
		if answer, err := verifier.Handshake(r, specialNow); err == nil {
			t.Errorf("%s: a changed confirmation was answered with %v", c.url, answer)
		}
	}
}

func TestSpecialHandshakesThatAreNotGenuine(t *testing.T) {
	post := func(body string, header http.Header) Request {
		return Request{Method: http.MethodPost, URL: "https://in.example.test/hook", Header: header, Body: []byte(body)}
	}
	key := strings.Repeat("22", 32)
	for _, c := range []struct {
		name, provider string
		config         Config
		r              Request
	}{
		{"a PING without signature", "discord", Config{Secrets: []string{key}}, post(`{"type":0}`, nil)},
		{"an interactions PING without signature", "discord", Config{Secrets: []string{key}, Settings: map[string]string{"mode": "interactions"}}, post(`{"type":1}`, nil)},
		{"an empty batch without signature", "mandrill", Config{}, post("mandrill_events=%5B%5D", nil)},
		{"an empty batch of somebody", "mandrill", Config{Secrets: []string{"k"}}, post("mandrill_events=%5B%5D", http.Header{"X-Mandrill-Signature": {"AAAA"}})},
		{"a validation without the code", "azure-eventgrid", Config{Secrets: []string{"k"}}, post(`[{"data":{"validationCode":"c"}}]`, http.Header{"Aeg-Event-Type": {"SubscriptionValidation"}})},
	} {
		t.Run(c.name, func(t *testing.T) {
			verifier, err := Provider(c.provider, c.config)
			if err != nil {
				t.Fatal(err)
			}
			if answer, err := verifier.Handshake(c.r, specialNow); err == nil {
				t.Errorf("answer %v, want an error", answer)
			}
		})
	}
}

// TestDiscordSeesNothingButUnauthorized: Discord sends wrong signatures and wants a 401.
func TestDiscordSeesNothingButUnauthorized(t *testing.T) {
	verifier, err := Provider("discord", Config{Secrets: []string{strings.Repeat("22", 32)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []http.Header{
		{}, {discordSignature: {"zz"}, discordTime: {"1"}}, {discordSignature: {strings.Repeat("0", 128)}},
		{discordSignature: {strings.Repeat("0", 128)}, discordTime: {"1"}}, {discordSignature: {"a", "b"}, discordTime: {"1"}},
	} {
		if _, err := verifier.Verify(Request{Header: h, Body: []byte("{}")}, specialNow); !errors.Is(err, ErrNoMatch) {
			t.Errorf("%v: %v", h, err)
		}
	}
}

func TestHeaderOfAHeadRequestIsMandrills(t *testing.T) {
	verifier, err := Provider("mandrill", Config{Secrets: []string{"k"}})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := verifier.Handshake(Request{Method: http.MethodHead}, specialNow); err != nil || answer == nil || answer.Status != http.StatusOK {
		t.Errorf("answer %v, error %v", answer, err)
	}
	if answer, err := verifier.Handshake(Request{Method: http.MethodPost, Body: []byte("mandrill_events=%5B%7B%7D%5D")}, specialNow); err != nil || answer != nil {
		t.Errorf("a batch is no handshake: answer %v, error %v", answer, err)
	}
}

// TestTwilioSignsTheQueryThatItIsKnownBy: a query of webhook_url is all that is signed.
func TestTwilioSignsTheQueryThatItIsKnownBy(t *testing.T) {
	c := Config{Secrets: []string{"token"}, Settings: map[string]string{"webhook_url": "https://hooks.example.com/t?a=1"}}
	v := mustProvider(t, "twilio", c)
	r := Request{Method: "POST", URL: "http://10.0.0.1/t?a=1", Body: []byte("MessageSid=SM1")}
	if err := Sign("twilio", c, &r, specialNow); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]error{
		"http://10.0.0.1/t?a=1": nil, "http://10.0.0.1/t": nil, // a proxy may drop it
		"http://10.0.0.1/t?a=2": ErrNoMatch, "http://10.0.0.1/t?a=1&admin=1": ErrNoMatch,
		"http://10.0.0.1/t?a=1&bodySHA256=": ErrNoMatch,
	} {
		r.URL = target
		if _, err := v.Verify(r, specialNow); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", target, err, want)
		}
	}
}

func TestTwilioURLs(t *testing.T) {
	for _, c := range []struct{ address, want string }{
		{"https://a.example/p", "https://a.example:443/p"},
		{"https://a.example", "https://a.example:443"},
		{"https://a.example:443/p", "https://a.example/p"},
		{"https://u:p@a.example/p?x=:1", "https://u:p@a.example:443/p?x=:1"},
		{"https://u:p@a.example:1/p", "https://u:p@a.example/p"},
		{"https://[::1]/p", "https://[::1]:443/p"},
		{"https://[::1]:8443/p", "https://[::1]/p"},
		{"http://a.example?x='", "http://a.example:80?x=%27"},
	} {
		if got := twilioURLs(c.address); !slices.Contains(got, c.want) || got[0] != c.address {
			t.Errorf("%s: %q has no %s", c.address, got, c.want)
		}
	}
}
