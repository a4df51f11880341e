package webhook_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

// In each of these examples the provider is played by [webhook.Sign]. A receiver only
// needs what is said of [webhook.Provider] and [webhook.NewHandler].

// must is for what cannot go wrong in an example.
func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// sign makes the request that the provider would send now.
func sign(provider string, c webhook.Config, r webhook.Request) webhook.Request {
	if err := webhook.Sign(provider, c, &r, time.Now()); err != nil {
		log.Fatal(err)
	}
	return r
}

// A whole receiver for Stripe. Each event is handled once, though Stripe may send it
// again: when no answer came in time, or when somebody presses "Resend".
func ExampleProvider_stripe() {
	config := webhook.Config{Secrets: []string{"whsec_from_the_dashboard"}}
	verifier, err := webhook.Provider("stripe", config)
	if err != nil {
		log.Fatal(err)
	}
	handler := webhook.NewHandler(verifier, func(ctx context.Context, m webhook.Message) error {
		fmt.Println("handling", m.ID, m.Type)
		return nil
	}, webhook.HandlerOptions{Log: slog.New(slog.DiscardHandler)})

	// Stripe calls twice; then somebody else, who does not know the secret.
	r := sign("stripe", config, webhook.Request{Body: []byte(`{"id":"evt_1","type":"invoice.paid","created":1763668800}`)})
	for _, body := range []string{string(r.Body), string(r.Body), `{"id":"evt_2","type":"invoice.paid"}`} {
		request := httptest.NewRequest("POST", "/webhooks/stripe", strings.NewReader(body))
		request.Header = r.Header
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		fmt.Println(w.Code)
	}
	// Output:
	// handling evt_1 invoice.paid
	// 200
	// 200
	// 401
}

// Slack checks a URL with a signed challenge before it sends events there. The Handler
// answers it; the HandleFunc sees events, commands and interactions.
func ExampleProvider_slack() {
	config := webhook.Config{Secrets: []string{"the app's signing secret"}}
	handler := webhook.NewHandler(must(webhook.Provider("slack", config)), func(ctx context.Context, m webhook.Message) error {
		fmt.Println("handling", m.ID, m.Type)
		return nil
	}, webhook.HandlerOptions{})
	for _, body := range []string{
		`{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`,
		`{"type":"event_callback","event_id":"Ev01","event":{"type":"app_mention"}}`,
	} {
		r := sign("slack", config, webhook.Request{Body: []byte(body)})
		request := httptest.NewRequest("POST", "/webhooks/slack", strings.NewReader(body))
		request.Header = r.Header
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P
	// handling Ev01 app_mention
	// 200
}

// Twilio signs the URL as it knows it. Behind a proxy, HandlerOptions.BaseURL or the
// setting webhook_url says how that begins.
func ExampleProvider_twilio() {
	config := webhook.Config{Secrets: []string{"the auth token"}}
	verifier := must(webhook.Provider("twilio", config))
	r := sign("twilio", config, webhook.Request{
		URL:    "https://hooks.example.com/twilio",
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		Body:   []byte("MessageSid=SM1&MessageStatus=delivered&To=%2B15005550006"),
	})
	got, err := verifier.Verify(r, time.Now())
	fmt.Println(got.Type, err)

	r.URL = "http://10.0.0.7:8080/twilio" // what a server behind a proxy sees
	_, err = verifier.Verify(r, time.Now())
	fmt.Println(errors.Is(err, webhook.ErrNoMatch))
	// Output:
	// delivered <nil>
	// true
}

// While a secret is changed at GitHub, both the old and the new one are accepted.
func ExampleProvider_github() {
	verifier := must(webhook.Provider("github", webhook.Config{Secrets: []string{"new", "old"}}))
	for _, secret := range []string{"old", "new", "guessed"} {
		r := sign("github", webhook.Config{Secrets: []string{secret}}, webhook.Request{
			Header: http.Header{"X-Github-Event": {"issues"}, "X-Github-Delivery": {"72d3162e-cc78-11e3-81ab-4c9367dc0958"}},
			Body:   []byte(`{"action":"opened"}`),
		})
		got, err := verifier.Verify(r, time.Now())
		fmt.Println(got.ID, got.Type, err)
	}
	// Output:
	// 72d3162e-cc78-11e3-81ab-4c9367dc0958 issues.opened <nil>
	// 72d3162e-cc78-11e3-81ab-4c9367dc0958 issues.opened <nil>
	//   webhook: no signature matches
}

// GitLab sends a secret token along, or, with a signing token, signs.
func ExampleProvider_gitlab() {
	for _, config := range []webhook.Config{
		{Secrets: []string{"the secret token"}},
		{Secrets: []string{"whsec_ou8I3g7X9Th7sv8Mk3z2GOkehDyCw6rs3DSxifHoWk8="}, Settings: map[string]string{"mode": "signing"}},
	} {
		r := sign("gitlab", config, webhook.Request{
			Header: http.Header{"X-Gitlab-Event": {"Push Hook"}, "Idempotency-Key": {"f5e57ebe-07eb-4e17-bca6-7f8d2f7f3d10"}},
			Body:   []byte(`{"object_kind":"push"}`),
		})
		got, err := must(webhook.Provider("gitlab", config)).Verify(r, time.Now())
		fmt.Println(got.ID, got.Type, !got.Timestamp.IsZero(), err)
	}
	// Output:
	// f5e57ebe-07eb-4e17-bca6-7f8d2f7f3d10 Push Hook false <nil>
	// f5e57ebe-07eb-4e17-bca6-7f8d2f7f3d10 Push Hook true <nil>
}

// SendGrid signs with a private key of its own and sends events in batches. Its public
// key stands in the settings of the Event Webhook.
func ExampleProvider_sendgrid() {
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	privatePEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(private))})
	public := base64.StdEncoding.EncodeToString(must(x509.MarshalPKIXPublicKey(&private.PublicKey)))

	r := sign("sendgrid", webhook.Config{Secrets: []string{string(privatePEM)}}, webhook.Request{
		Body: []byte(`[{"sg_event_id":"a1","event":"delivered"},{"sg_event_id":"a2","event":"open"}]` + "\r\n"),
	})
	got, err := must(webhook.Provider("sendgrid", webhook.Config{Secrets: []string{public}})).Verify(r, time.Now())
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range got.Events {
		fmt.Println(e.ID, e.Type, string(e.Body))
	}
	// Output:
	// a1 delivered {"sg_event_id":"a1","event":"delivered"}
	// a2 open {"sg_event_id":"a2","event":"open"}
}

// Zapier signs nothing. The author of the Zap puts a secret into the URL, or into a
// header; settings say where it is, and where an id and a type are.
func ExampleProvider_zapier() {
	config := webhook.Config{
		Secrets:  []string{"a long random text"},
		Settings: map[string]string{"header": "X-Zap-Secret", "id_path": "order.number", "type_path": "what"},
	}
	r := sign("zapier", config, webhook.Request{Body: []byte(`{"what":"order paid","order":{"number":1001}}`)})
	fmt.Println(r.Header)
	got, err := must(webhook.Provider("zapier", config)).Verify(r, time.Now())
	fmt.Println(got.ID, got.Type, err)

	// Without a secret it must be said that whoever knows the URL may send.
	_, err = webhook.Provider("zapier", webhook.Config{})
	fmt.Println(errors.Is(err, webhook.ErrInvalidKey))
	_, err = webhook.Provider("zapier", webhook.Config{Settings: map[string]string{"mode": "none"}})
	fmt.Println(err)
	// Output:
	// map[X-Zap-Secret:[a long random text]]
	// 1001 order paid <nil>
	// true
	// <nil>
}

// Intercom signs with the app's client secret.
func ExampleProvider_intercom() {
	config := webhook.Config{Secrets: []string{"the client secret"}}
	r := sign("intercom", config, webhook.Request{Body: []byte(`{"type":"notification_event","id":"notif_1","topic":"user.created"}`)})
	got, err := must(webhook.Provider("intercom", config)).Verify(r, time.Now())
	fmt.Println(got.ID, got.Type, err)
	// Output: notif_1 user.created <nil>
}

// Mailchimp signs nothing and advises to put a secret into the URL. It visits the URL
// with GET when that is saved, which the Handler answers if the secret is right.
func ExampleProvider_mailchimp() {
	config := webhook.Config{Secrets: []string{"8f14e45fceea167a"}, Settings: map[string]string{"query_param": "key"}}
	handler := webhook.NewHandler(must(webhook.Provider("mailchimp", config)), func(ctx context.Context, m webhook.Message) error {
		fmt.Println("handling", m.Type)
		return nil
	}, webhook.HandlerOptions{Log: slog.New(slog.DiscardHandler)})
	for _, call := range [][2]string{{"GET", ""}, {"POST", "type=subscribe&fired_at=2025-11-20+20%3A00%3A00"}} {
		r := sign("mailchimp", config, webhook.Request{URL: "https://hooks.example.com/mailchimp"})
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(call[0], r.URL, strings.NewReader(call[1])))
		fmt.Println(call[0], r.URL, w.Code)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("POST", "https://hooks.example.com/mailchimp?key=guessed", nil))
	fmt.Println(w.Code)
	// Output:
	// GET https://hooks.example.com/mailchimp?key=8f14e45fceea167a 200
	// handling subscribe
	// POST https://hooks.example.com/mailchimp?key=8f14e45fceea167a 200
	// 401
}

// Shopify says in headers what happened and when.
func ExampleProvider_shopify() {
	config := webhook.Config{Secrets: []string{"the app's client secret"}}
	r := sign("shopify", config, webhook.Request{
		Header: http.Header{"X-Shopify-Topic": {"orders/create"}, "X-Shopify-Webhook-Id": {"b54557e4"}, "X-Shopify-Triggered-At": {"2025-11-20T20:00:00.123Z"}},
		Body:   []byte(`{"id":820982911946154508}`),
	})
	got, err := must(webhook.Provider("shopify", config)).Verify(r, time.Now())
	fmt.Println(got.ID, got.Type, got.Time, err)
	// Output: b54557e4 orders/create 2025-11-20 20:00:00.123 +0000 UTC <nil>
}

// There are three kinds of WordPress: a shop with WooCommerce, a site with the plugin WP
// Webhooks, and WordPress.com, which signs nothing.
func ExampleProvider_wordpress() {
	shop := webhook.Config{Secrets: []string{"the webhook's secret"}}
	r := sign("woocommerce", shop, webhook.Request{
		Header: http.Header{"X-Wc-Webhook-Topic": {"order.created"}, "X-Wc-Webhook-Delivery-Id": {"f37b6c"}},
		Body:   []byte(`{"id":727}`),
	})
	got, err := must(webhook.Provider("woocommerce", shop)).Verify(r, time.Now())
	fmt.Println(got.ID, got.Type, err)

	site := webhook.Config{Secrets: []string{"the trigger's secret"}}
	r = sign("wp-webhooks", site, webhook.Request{Header: http.Header{"X-Wp-Webhook-Name": {"create_user"}}, Body: []byte(`{"ID":1}`)})
	got, err = must(webhook.Provider("wp-webhooks", site)).Verify(r, time.Now())
	fmt.Println(got.Type, err)

	blog := webhook.Config{Secrets: []string{"8f14e45fceea167a"}}
	r = sign("wordpress-com", blog, webhook.Request{URL: "https://hooks.example.com/blog", Body: []byte("ID=1234&hook=publish_post")})
	got, err = must(webhook.Provider("wordpress-com", blog)).Verify(r, time.Now())
	fmt.Println(r.URL, got.Type, err)
	// Output:
	// f37b6c order.created <nil>
	// create_user <nil>
	// https://hooks.example.com/blog?token=8f14e45fceea167a publish_post <nil>
}

// Papertrail takes user and password in the URL that it is given, and sends them as Basic
// authentication. A call holds all lines that a saved search found.
func ExampleProvider_papertrail() {
	config := webhook.Config{Secrets: []string{"papertrail:8f14e45fceea167a"}, Settings: map[string]string{"mode": "basic"}}
	r := sign("papertrail", config, webhook.Request{
		Body: []byte(`payload={"events":[{"id":7711561783320576},{"id":7711562567655424}],"saved_search":{"id":42,"name":"Errors"},"min_id":"7711561783320576","max_id":"7711562567655424"}`),
	})
	got, err := must(webhook.Provider("papertrail", config)).Verify(r, time.Now())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.ID)
	for _, e := range got.Events {
		fmt.Println(e.ID, e.Type)
	}
	// Output:
	// 42:7711561783320576:7711562567655424
	// 7711561783320576 Errors
	// 7711562567655424 Errors
}

// A sender that has no preset is described by settings: here the time stands in a header
// of its own, and is signed together with method, path and body.
func ExampleProvider_generic() {
	config := webhook.Config{
		Secrets: []string{"the shared key"},
		Settings: map[string]string{
			"header": "X-Acme-Signature", "prefix": "hmac-sha512=", "algorithm": "sha512", "encoding": "base64",
			"time_header": "X-Acme-Time", "template": "{timestamp}\n{method} {path}\n{body}",
			"id_header": "X-Acme-Id", "type_path": "event.kind", "time_path": "event.at",
		},
	}
	verifier := must(webhook.Provider("generic", config))
	r := sign("generic", config, webhook.Request{
		URL:    "https://hooks.example.com/acme?x=1",
		Header: http.Header{"X-Acme-Id": {"77"}},
		Body:   []byte(`{"event":{"kind":"rocket.sold","at":"2025-11-20T20:00:00Z"}}`),
	})
	got, err := verifier.Verify(r, time.Now())
	fmt.Println(got.ID, got.Type, got.Time, err)
	_, err = verifier.Verify(r, time.Now().Add(10*time.Minute))
	fmt.Println(errors.Is(err, webhook.ErrTimestampTooOld))
	// Output:
	// 77 rocket.sold 2025-11-20 20:00:00 +0000 UTC <nil>
	// true
}

// Presets say what each provider needs.
func ExamplePresets() {
	for _, p := range webhook.Presets() {
		if p.Deadline > 0 && p.Deadline <= time.Second {
			fmt.Println(p.Title, "waits", p.Deadline)
		}
	}
	// Output: Sentry waits 1s
}

// A preset that cannot tell its provider's requests from others' wants that to be said.
func ExamplePreset_SecretURL() {
	for _, name := range []string{"zapier", "stripe"} {
		p, _ := webhook.FindPreset(name)
		fmt.Println(name, p.SecretURL())
	}
	// Output:
	// zapier map[mode:none]
	// stripe map[]
}

// FindPreset tells about one provider.
func ExampleFindPreset() {
	p, ok := webhook.FindPreset("github")
	fmt.Println(ok, p.Deadline, p.ID, p.Confidence.Signature == webhook.Vector)
	// Output: true 10s header X-GitHub-Delivery true
}

// Sign plays the provider, in tests of a receiver.
func ExampleSign() {
	r := webhook.Request{Body: []byte(`{"id":"evt_1"}`)}
	err := webhook.Sign("stripe", webhook.Config{Secrets: []string{"whsec_test"}}, &r, time.Unix(1763668800, 0))
	fmt.Println(r.Header.Get("Stripe-Signature"), err)
	// Output: t=1763668800,v1=e0c0371b165ea11440759dccd128903b8ec0ecc6bca3396dc73811f6e647112d <nil>
}
