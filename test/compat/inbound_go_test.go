//go:build unix

package compat

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	paddle "github.com/PaddleHQ/paddle-go-sdk/v4"
	"github.com/PagerDuty/go-pagerduty/webhookv3"
	"github.com/google/go-github/v72/github"
	sendgrid "github.com/sendgrid/sendgrid-go/helpers/eventwebhook"
	"github.com/slack-go/slack"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	stripe "github.com/stripe/stripe-go/v83/webhook"
	svix "github.com/svix/svix-webhooks/go"
	twilio "github.com/twilio/twilio-go/client"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

// errRefused is for packages that answer false without saying why.
var errRefused = errors.New("refused")

func goSDKs(t *testing.T) []sdk {
	return []sdk{
		{
			name: "stripe-go", provider: "stripe", secret: "whsec_stripe_1", another: "whsec_stripe_2",
			signature: "Stripe-Signature", bodies: jsonBodies,
			sign: func(secret string, r *webhook.Request, at time.Time) error {
				signed := stripe.GenerateTestSignedPayload(&stripe.UnsignedPayload{Payload: r.Body, Secret: secret, Timestamp: at})
				r.Header.Set("Stripe-Signature", signed.Header)
				return nil
			},
			judge: func(secret string, r webhook.Request) error {
				return stripe.ValidatePayload(r.Body, r.Header.Get("Stripe-Signature"), secret)
			},
		},
		{
			name: "slack-go", provider: "slack", secret: "8f742231b10e8888abcd99yyyzzz85a5", another: "0123456789abcdef0123456789abcdef",
			signature: "X-Slack-Signature", bodies: slackBodies,
			judge: func(secret string, r webhook.Request) error {
				v, err := slack.NewSecretsVerifier(r.Header, secret)
				if err != nil {
					return err
				}
				if _, err := v.Write(r.Body); err != nil {
					return err
				}
				return v.Ensure()
			},
		},
		{
			name: "go-github", provider: "github", secret: "It's a Secret to Everybody", another: "mine alone",
			header:    map[string]string{"X-Github-Event": "issues", "X-Github-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"},
			signature: "X-Hub-Signature-256", bodies: jsonBodies,
			judge: func(secret string, r webhook.Request) error {
				_, err := github.ValidatePayload(httpRequest(r), []byte(secret))
				return err
			},
		},
		{
			name: "twilio-go", provider: "twilio", secret: "b1c0ffee0ddba11feed0b1c0ffee0dd1", another: "12345",
			header:    map[string]string{"Content-Type": "application/x-www-form-urlencoded", "I-Twilio-Idempotency-Token": "token-1"},
			signature: "X-Twilio-Signature", bodies: twilioBodies,
			judge: func(secret string, r webhook.Request) error {
				v := twilio.NewRequestValidator(secret)
				return refusedUnless(v.ValidateBody(r.URL, r.Body, r.Header.Get("X-Twilio-Signature")))
			},
		},
		{
			name: "twilio-go, JSON", provider: "twilio", secret: "b1c0ffee0ddba11feed0b1c0ffee0dd1", another: "12345",
			header:    map[string]string{"I-Twilio-Idempotency-Token": "token-1"},
			signature: "X-Twilio-Signature", bodies: jsonBodies,
			judge: func(secret string, r webhook.Request) error {
				v := twilio.NewRequestValidator(secret)
				return refusedUnless(v.ValidateBody(r.URL, r.Body, r.Header.Get("X-Twilio-Signature")))
			},
		},
		sendgridSDK(t, "sendgrid-go", func(secret string, r webhook.Request) error {
			key, err := sendgrid.ConvertPublicKeyBase64ToECDSA(secret)
			if err != nil {
				return err
			}
			ok, err := sendgrid.VerifySignature(key, r.Body,
				r.Header.Get("X-Twilio-Email-Event-Webhook-Signature"), r.Header.Get("X-Twilio-Email-Event-Webhook-Timestamp"))
			return errors.Join(err, refusedUnless(ok))
		}),
		{
			name: "paddle-go-sdk", provider: "paddle", secret: "pdl_ntfset_1", another: "pdl_ntfset_2",
			signature: "Paddle-Signature", bodies: jsonBodies,
			judge: func(secret string, r webhook.Request) error {
				v := paddle.NewWebhookVerifier(secret, paddle.VerifierWithTimestampTolerance(5*time.Second))
				ok, err := v.Verify(httpRequest(r))
				return errors.Join(err, refusedUnless(ok))
			},
		},
		{
			name: "go-pagerduty", provider: "pagerduty", secret: "pd-1", another: "pd-2",
			signature: "X-Pagerduty-Signature", bodies: jsonBodies,
			judge: func(secret string, r webhook.Request) error {
				return webhookv3.VerifySignature(httpRequest(r), secret)
			},
		},
		{
			name: "standard-webhooks", provider: "standard-webhooks", secret: rig.Secret("one"), another: rig.Secret("two"),
			header: map[string]string{"Webhook-Id": "msg_1"}, signature: "Webhook-Signature", bodies: jsonBodies,
			sign: func(secret string, r *webhook.Request, at time.Time) error {
				v, err := standardwebhooks.NewWebhook(secret)
				if err != nil {
					return err
				}
				return signStandard(v.Sign, "Webhook-", r, at)
			},
			judge: func(secret string, r webhook.Request) error {
				v, err := standardwebhooks.NewWebhook(secret)
				if err != nil {
					return err
				}
				return v.Verify(r.Body, r.Header)
			},
		},
		{
			name: "svix-webhooks", provider: "svix", secret: rig.Secret("one"), another: rig.Secret("two"),
			header: map[string]string{"Svix-Id": "msg_1"}, signature: "Svix-Signature", bodies: jsonBodies,
			sign: func(secret string, r *webhook.Request, at time.Time) error {
				v, err := svix.NewWebhook(secret)
				if err != nil {
					return err
				}
				return signStandard(v.Sign, "Svix-", r, at)
			},
			judge: func(secret string, r webhook.Request) error {
				v, err := svix.NewWebhook(secret)
				if err != nil {
					return err
				}
				return v.Verify(r.Body, r.Header)
			},
		},
	}
}

// sendgridSDK is with keys of its own: SendGrid keeps the private one.
func sendgridSDK(t *testing.T, name string, judge func(secret string, r webhook.Request) error) sdk {
	t.Helper()
	private, public := ecKeys(t)
	another, _ := ecKeys(t)
	return sdk{
		name: name, provider: "sendgrid", secret: public, signing: private, anotherSigning: another,
		signature: "X-Twilio-Email-Event-Webhook-Signature", judge: judge,
		bodies: func(time.Time) []string {
			return []string{
				// SendGrid ends its bodies like this, and signs that, too.
				`[{"email":"zoe@example.com","event":"delivered","sg_event_id":"made_for_the_test_1","timestamp":1795219164}]` + "\r\n",
				`[]`,
			}
		},
	}
}

// ecKeys makes a key pair on P-256: PEM (PKCS #8) to sign, base64 of DER (SPKI) as
// SendGrid shows it.
func ecKeys(t *testing.T) (private, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return privatePEM(t, key), base64.StdEncoding.EncodeToString(spki)
}

func privatePEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func signStandard(sign func(id string, at time.Time, body []byte) (string, error), prefix string, r *webhook.Request, at time.Time) error {
	signature, err := sign(r.Header.Get(prefix+"Id"), at, r.Body)
	r.Header.Set(prefix+"Timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set(prefix+"Signature", signature)
	return err
}

func slackBodies(at time.Time) []string {
	return []string{
		fmt.Sprintf(`{"type":"event_callback","event_id":"Ev1","event_time":%d,"event":{"type":"message","text":"hé ✅"}}`, at.Unix()),
		`command=%2Fdeploy&text=the+web+site&trigger_id=1.2.3`,
	}
}

// twilioBodies have no repeated parameter: twilio-go signs its first value alone, the other
// packages of Twilio all of them.
func twilioBodies(time.Time) []string {
	return []string{
		`MessageSid=SM1&MessageStatus=delivered&To=%2B14158675309&Body=Yes%2C+2%2B2%3D4+%26+caf%C3%A9`,
		`Reason=hang-up&ReasonConferenceEnded=e&Empty=&CallSid=CA1`,
	}
}

func httpRequest(r webhook.Request) *http.Request {
	// The URL was made by this test.
	request, err := http.NewRequest(r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		panic(err)
	}
	request.Header = r.Header.Clone()
	return request
}

func refusedUnless(ok bool) error {
	if ok {
		return nil
	}
	return errRefused
}

// lowerHeader is a header as Node knows it.
func lowerHeader(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, values := range h {
		out[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return out
}
