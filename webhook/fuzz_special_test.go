package webhook

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/vectors"
)

// Parsers of what a forger writes. They must end, must not panic, and what they accept must
// mean the same to the next reader.

func FuzzParseJWT(f *testing.F) {
	encode := base64.RawURLEncoding.EncodeToString
	f.Add(encode([]byte(`{"alg":"ES256","kid":"k"}`)) + "." + encode([]byte(`{"iat":1}`)) + "." + encode(make([]byte, 64)))
	f.Add(encode([]byte(`{"alg":"none","kid":"k","crit":["x"]}`)) + ".." + encode([]byte("x")))
	f.Add("a.b.c")
	keys, err := parseJWKS([]byte(vectors.JWKS(f, vectors.JWK(f, specialKeysOf(f).ec, "k"))), "ES256")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, err := parseJWT(text, "ES256", "X")
		if err != nil {
			return
		}
		if string(token.signed)+"."+base64.RawURLEncoding.EncodeToString(token.signature) != text {
			t.Error("the token has another text too")
		}
		var head struct{ Alg, Kid string }
		first, _, _ := strings.Cut(text, ".")
		raw, err := base64.RawURLEncoding.DecodeString(first)
		if err != nil || json.Unmarshal(raw, &head) != nil || head.Alg != "ES256" || head.Kid != token.keyID || !isKeyID(token.keyID) {
			t.Errorf("header %q, key id %q", raw, token.keyID)
		}
		if _, genuine := token.verify(keys); genuine {
			t.Error("a made-up token is genuine")
		}
	})
}

func FuzzParseJWKS(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"AA","y":"AA"}]}`))
	f.Add([]byte(`{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}`))
	f.Add([]byte(vectors.JWKS(f, vectors.JWK(f, specialKeysOf(f).ec, "a"), vectors.JWK(f, specialKeysOf(f).rsa, "b"))))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, alg := range []string{"ES256", "RS256"} {
			keys, err := parseJWKS(text, alg)
			if err == nil && (len(keys) == 0 || len(keys) > maxJWKs) {
				t.Errorf("%d keys", len(keys))
			}
			token := jwt{keyID: "a", signed: []byte("x"), signature: make([]byte, 64)}
			if _, genuine := token.verify(keys); genuine {
				t.Error("a zero signature is genuine")
			}
		}
	})
}

func FuzzParseCertificates(f *testing.F) {
	_, good := certificateOf(f, "a.paypal.com", specialKeysOf(f).rsa, nil, nil)
	f.Add([]byte(good))
	f.Add([]byte(good + good))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseCertificates(text)
		if err == nil && (len(list) == 0 || len(list) > maxCertificates || slices.Contains(list, nil)) {
			t.Errorf("%d certificates", len(list))
		}
		c := &certificates{names: paypalNames, chain: true, roots: x509.NewCertPool()}
		if _, err := c.trusted(text, specialNow); err == nil {
			t.Error("a certificate of nobody is trusted")
		}
	})
}

// FuzzCertificateAddress: what is allowed is on the pinned host whoever parses it.
func FuzzCertificateAddress(f *testing.F) {
	for _, address := range []string{
		"https://sns.eu-west-1.amazonaws.com/a.pem", "https://api.paypal.com/v1/notifications/certs/C-1", "https://a@sns.x.amazonaws.com/a.pem",
		"https://sns.eu-west-1.amazonaws.com\\@evil.example/a.pem", "https:sns.eu-west-1.amazonaws.com/a.pem", "https://sns.aaa.amazonaws.com/a.pem?", "https://sns.aaa.amazonaws.com/%61.pem",
	} {
		f.Add(address)
	}
	sns, payPal := &certificates{host: snsHost, path: snsPath}, &certificates{host: paypalHost, path: paypalPath}
	f.Fuzz(func(t *testing.T, address string) {
		for _, c := range []*certificates{sns, payPal} {
			if !c.allowed(address) {
				continue
			}
			// Character by character: no parser can see another host in it.
			rest, https := strings.CutPrefix(strings.ToLower(address), "https://")
			host, path, ok := strings.Cut(rest, "/")
			plain := strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") == "" && strings.Trim(path, "abcdefghijklmnopqrstuvwxyz0123456789._-/") == ""
			ours := strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".amazonaws.com.cn") || strings.HasSuffix(host, ".paypal.com")
			if !https || !ok || !plain || !ours || strings.Contains(path, "..") {
				t.Errorf("%q is allowed", address)
			}
		}
	})
}

// FuzzSNSBody: what is signed must be what encoding/json gives the next reader.
func FuzzSNSBody(f *testing.F) {
	f.Add([]byte(`{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:a-b-1:1:t","Message":"m","Timestamp":"2025-11-20T20:00:00.000Z","SignatureVersion":"2","Signature":"AAAA","SigningCertURL":"https://sns.us-east-1.amazonaws.com/a.pem"}`))
	f.Add([]byte(`{"Type":"SubscriptionConfirmation","MessageId":"1","TopicArn":"t","Message":"m","Token":"t","SubscribeURL":"u","Timestamp":"2025-11-20T20:00:00.000Z","SignatureVersion":"1","Signature":"AAAA","SigningCertUrl":"x","message":"evil"}`))
	f.Add([]byte(`{"Type":"Notification","MessageId":"1","subject":"evil","TopicArn":"arn:aws:sns:a-b-1:1:t","Message":"m","Timestamp":"2025-11-20T20:00:00.000Z","SignatureVersion":"2","Signature":"AAAA","SigningCertURL":"x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := snsParse(text)
		if err != nil {
			return
		}
		var read struct{ Message, MessageId, Subject, SubscribeURL, Timestamp, Token, TopicArn, Type string }
		if err := json.Unmarshal(text, &read); err != nil {
			// A string where Subject is null is left out; any other kind is refused.
			t.Fatalf("encoding/json does not read %q: %v", text, err)
		}
		pairs := []string{"Message", read.Message, "MessageId", read.MessageId, "SubscribeURL", read.SubscribeURL, "Timestamp", read.Timestamp, "Token", read.Token, "TopicArn", read.TopicArn, "Type", read.Type}
		if read.Type == "Notification" {
			pairs = []string{"Message", read.Message, "MessageId", read.MessageId, "Timestamp", read.Timestamp, "TopicArn", read.TopicArn, "Type", read.Type}
			if strings.Contains(string(m.text), "\nSubject\n") && read.Subject != "" {
				pairs = slices.Insert(pairs, 4, "Subject", read.Subject)
			} else if strings.Contains(string(m.text), "\nSubject\n\n") && read.Subject == "" {
				pairs = slices.Insert(pairs, 4, "Subject", "")
			}
		}
		if want := strings.Join(pairs, "\n") + "\n"; string(m.text) != want {
			t.Errorf("signed %q, the next reader sees %q", m.text, want)
		}
	})
}

// FuzzAdyenBody: like FuzzSNSBody, for the items of Adyen.
func FuzzAdyenBody(f *testing.F) {
	f.Add([]byte(`{"live":"true","notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"s"},"amount":{"currency":"EUR","value":1},"eventCode":"A","merchantAccountCode":"m","merchantReference":"r","originalReference":"o","pspReference":"p","success":"true"}}]}`))
	f.Add([]byte(`{"notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"s"}}},{"NotificationRequestItem":{"additionalData":{"hmacSignature":""},"amount":{"value":1,"Value":2}}}]}`))
	// A field that is left out, in other letters.
	f.Add([]byte(`{"notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"s"},"OriginalReference":"evil","success":"true"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		items, err := adyenParse(text)
		if err != nil {
			return
		}
		var read struct {
			NotificationItems []struct {
				NotificationRequestItem struct {
					PspReference, OriginalReference, MerchantAccountCode, MerchantReference, EventCode string
					Success                                                                            any
					Amount                                                                             struct {
						Currency string
						Value    json.Number
					}
				}
			}
		}
		if json.Unmarshal(text, &read) != nil {
			return // the next reader refuses it
		}
		if len(items) != len(read.NotificationItems) || len(items) > maxAdyenItems {
			t.Fatalf("%d items, the next reader sees %d", len(items), len(read.NotificationItems))
		}
		for i, item := range items {
			r := read.NotificationItems[i].NotificationRequestItem
			success, ok := r.Success.(string)
			if !ok {
				continue
			}
			want := strings.Join([]string{r.PspReference, r.OriginalReference, r.MerchantAccountCode, r.MerchantReference, r.Amount.Value.String(), r.Amount.Currency, r.EventCode, success}, ":")
			if item.text != want {
				t.Errorf("signed %q, the next reader sees %q", item.text, want)
			}
		}
	})
}

func FuzzForms(f *testing.F) {
	f.Add("multipart/form-data; boundary=B", []byte("--B\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nt\r\n--B--\r\n"))
	f.Add(formContent, []byte("timestamp=1&token=%20&signature=a+b&&=&x"))
	f.Add("multipart/form-data; boundary=", []byte("a=%zz"))
	f.Fuzz(func(t *testing.T, contentType string, text []byte) {
		fields, err := formFields(text)
		if err == nil && len(fields) > maxFormFields {
			t.Errorf("%d fields", len(fields))
		}
		values, err := multipartFields(contentType, text, "timestamp", "token", "signature")
		for name, value := range values {
			if err != nil || len(value) > 1<<10 || !slices.Contains([]string{"timestamp", "token", "signature"}, name) {
				t.Errorf("field %q of %d bytes, error %v", name, len(value), err)
			}
		}
		r := Request{Header: http.Header{"Content-Type": {contentType}}, Body: text}
		if proofs, err := mailgunProofs(&r); err == nil && len(proofs) == 0 {
			t.Error("neither a proof nor an error")
		}
	})
}

// FuzzSpecialProviders: whatever comes, nothing is genuine that was not signed.
func FuzzSpecialProviders(f *testing.F) {
	k := specialKeysOf(f)
	_, cert := certificateOf(f, "a.paypal.com", k.rsa, nil, nil)
	jwks := vectors.JWKS(f, vectors.JWK(f, k.rsa, "a"), vectors.JWK(f, k.ec, "a"))
	secret := []string{strings.Repeat("5a", 32)}
	var verifiers []*ProviderVerifier
	for name, c := range map[string]Config{
		"twilio": {Secrets: secret}, "mandrill": {Secrets: secret}, "square": {Secrets: secret}, "hubspot": {Secrets: secret}, "adyen": {Secrets: secret},
		"discord": {Secrets: secret}, "mailgun": {Secrets: secret}, "microsoft-graph": {Secrets: secret}, "azure-eventgrid": {Secrets: secret}, "cloudevents": {Secrets: secret},
		"paypal":     {Settings: map[string]string{"webhook_id": "W", "cert_pem": cert}},
		"aws-sns":    {Settings: map[string]string{"allowed_topic_arns": "arn:aws:sns:eu-west-1:1:*", "cert_pem": cert}},
		"plaid":      {Settings: map[string]string{"jwks": jwks}},
		"gcp-pubsub": {Settings: map[string]string{"jwks": jwks, "service_account_email": "a@b.example"}},
	} {
		v, err := Provider(name, c)
		if err != nil {
			f.Fatal(err)
		}
		verifiers = append(verifiers, v)
	}
	f.Add("POST", "https://a.example/?code=x&validationToken=y", "application/json", "AAAA", []byte(`[{"data":{"validationCode":"c"}}]`))
	f.Add("OPTIONS", "://", "multipart/form-data; boundary=B", "t=1,v1=a", []byte("--B\r\n\r\n--B--"))
	f.Add("POST", "https://u:p@[::1]:1/#?", formContent, "a.b.c", []byte("mandrill_events=%5B%5D&a=%"))
	f.Fuzz(func(t *testing.T, method, address, contentType, carried string, text []byte) {
		if strings.Contains(address+carried+string(text), secret[0]) {
			return // with the secret in hand it may well be genuine
		}
		r := Request{Method: method, URL: address, Body: text, Header: http.Header{
			"Content-Type": {contentType}, "X-Twilio-Signature": {carried}, "X-Mandrill-Signature": {carried}, "X-Square-Hmacsha256-Signature": {carried},
			"X-Hubspot-Signature-V3": {carried}, "X-Hubspot-Request-Timestamp": {"1763668800000"}, discordSignature: {carried}, discordTime: {carried},
			paypalID: {carried}, paypalTime: {"2025-11-20T20:00:00Z"}, paypalSignature: {carried}, paypalCert: {"https://api.paypal.com/v1/notifications/certs/C"}, paypalAlgorithm: {"SHA256withRSA"},
			plaidHeader: {carried}, "Authorization": {"Bearer " + carried}, "Webhook-Request-Origin": {carried}, "Aeg-Event-Type": {"SubscriptionValidation"},
		}}
		for _, v := range verifiers {
			if _, err := v.Verify(r, specialNow); err == nil {
				t.Errorf("%s accepted a forgery", v.Preset().Name)
			}
			if answer, err := v.Handshake(r, specialNow); err == nil && answer != nil && (answer.Visit != "" || answer.Secret != "") {
				t.Errorf("%s: a forged handshake leads to %+v", v.Preset().Name, answer)
			}
		}
	})
}
