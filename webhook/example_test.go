package webhook_test

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

// A receiver: keys from the environment, a function for the events, a route.
func Example() {
	os.Setenv("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

	keys, err := webhook.ParseKeys(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := webhook.NewStandard(keys, webhook.StandardOptions{})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/webhooks", webhook.NewHandler(verifier, func(ctx context.Context, m webhook.Message) error {
		fmt.Printf("%s: %s\n", m.ID, m.Body)
		return nil
	}, webhook.HandlerOptions{}))
	// log.Fatal(http.ListenAndServe(":8080", nil))
}

// The sender's side of an attempt. The bytes that are signed are those that are
// sent.
func ExampleSigner_SetHeaders() {
	secret, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		log.Fatal(err)
	}
	signer, err := webhook.NewSigner(secret)
	if err != nil {
		log.Fatal(err)
	}
	body := `{"test": 2432232314}`
	r, err := http.NewRequest("POST", "https://example.com/webhooks", strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	signer.SetHeaders(r.Header, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(body))
	fmt.Println(r.Header.Get("webhook-signature"))
	// Output: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}

// While a secret is being rotated, both the new and the old one sign.
func ExampleNewSigner_rotation() {
	current := webhook.GenerateSymmetric()
	old, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		log.Fatal(err)
	}
	signer, err := webhook.NewSigner(current, old)
	if err != nil {
		log.Fatal(err)
	}
	header := signer.AppendSignature(nil, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	signatures := strings.Fields(string(header))
	fmt.Println(len(signatures), signatures[1])
	// Output: 2 v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}

func ExampleSigner_AppendSignature() {
	secret, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		log.Fatal(err)
	}
	signer, err := webhook.NewSigner(secret)
	if err != nil {
		log.Fatal(err)
	}
	header := []byte("svix-signature: ")
	header = signer.AppendSignature(header, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	fmt.Println(string(header))
	// Output: svix-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}

func ExampleStandard_Verify() {
	keys, err := webhook.ParseKeys("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := webhook.NewStandard(keys, webhook.StandardOptions{})
	if err != nil {
		log.Fatal(err)
	}
	header := http.Header{}
	header.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set("webhook-timestamp", "1614265330")
	header.Set("webhook-signature", "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==")
	r := webhook.Request{Header: header, Body: []byte(`{"test": 2432232314}`)}

	now := time.Unix(1614265330, 0) // time.Now(), in a receiver
	verified, err := verifier.Verify(r, now)
	fmt.Println(verified.ID, err)

	_, err = verifier.Verify(r, now.Add(10*time.Minute))
	fmt.Println(err, errors.Is(err, webhook.ErrTimestampTooOld))

	r.Body = []byte(`{"test": 1}`)
	_, err = verifier.Verify(r, now)
	fmt.Println(err, errors.Is(err, webhook.ErrNoMatch))
	// Output:
	// msg_p5jXN8AQM9LWM0D4loKWxJek <nil>
	// webhook: the timestamp is too old: it is 600 s old; the tolerance is 300 s true
	// webhook: no signature matches true
}

// Without a tolerance, a stored message can be checked long after it came.
func ExampleNewStandard_anyTime() {
	keys, err := webhook.ParseKeys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := webhook.NewStandard(keys, webhook.StandardOptions{Tolerance: -1})
	if err != nil {
		log.Fatal(err)
	}
	header := http.Header{}
	header.Set("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set("svix-timestamp", "1614265330")
	header.Set("svix-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	verified, err := verifier.Verify(webhook.Request{Header: header, Body: []byte(`{"test": 2432232314}`)}, time.Now())
	fmt.Println(verified.Timestamp.UTC(), err)
	// Output: 2021-02-25 15:02:10 +0000 UTC <nil>
}

// A Handler answers a forged request with 401, and a message that comes twice with
// 204 each time but one call.
func ExampleNewHandler() {
	secret := webhook.GenerateSymmetric()
	verifier, err := webhook.NewStandard([]webhook.Key{secret}, webhook.StandardOptions{})
	if err != nil {
		log.Fatal(err)
	}
	handler := webhook.NewHandler(verifier, func(ctx context.Context, m webhook.Message) error {
		fmt.Printf("handling %s: %s\n", m.ID, m.Body)
		return nil
	}, webhook.HandlerOptions{Log: slog.New(slog.DiscardHandler)})

	signer, err := webhook.NewSigner(secret)
	if err != nil {
		log.Fatal(err)
	}
	send := func(signed, sent string) {
		r := httptest.NewRequest("POST", "/webhooks", strings.NewReader(sent))
		signer.SetHeaders(r.Header, "msg_1", time.Now(), []byte(signed))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	send(`{"total":1}`, `{"total":1000000}`)
	send(`{"total":1}`, `{"total":1}`)
	send(`{"total":1}`, `{"total":1}`)
	// Output:
	// 401
	// handling msg_1: {"total":1}
	// 204
	// 204
}

// A Seen may be shared by Handlers that receive from the same sender.
func ExampleNewMemorySeen() {
	seen := webhook.NewMemorySeen(webhook.MemorySeenOptions{Remember: 48 * time.Hour, MaxIDs: 10_000})
	ctx := context.Background()
	for range 2 {
		state, err := seen.Begin(ctx, "msg_1")
		if err != nil {
			log.Fatal(err)
		}
		switch state {
		case webhook.Fresh:
			fmt.Println("fresh")
			if err := seen.Done(ctx, "msg_1"); err != nil { // or Forget, if it went wrong
				log.Fatal(err)
			}
		case webhook.InProgress:
			fmt.Println("in progress")
		case webhook.Handled:
			fmt.Println("handled")
		}
	}
	// Output:
	// fresh
	// handled
}

// A secret shows itself only when asked by name.
func ExampleSecret_Reveal() {
	secret, err := webhook.ParseSecret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") // without its prefix
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v %d %#v\n", secret, secret, secret)
	fmt.Println(secret.Reveal())
	// Output:
	// [redacted] [redacted] [redacted]
	// whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
}

// The receiver of an asymmetric secret gets only the public key.
func ExampleSecret_Public() {
	secret, err := webhook.ParseSecret("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==")
	if err != nil {
		log.Fatal(err)
	}
	public, ok := secret.Public()
	fmt.Println(public, ok)
	// Output: whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4= true
}

func ExampleParseSecret() {
	_, err := webhook.ParseSecret("whsec_c2hvcnQ=")
	fmt.Println(err, errors.Is(err, webhook.ErrInvalidKey))
	// Output: webhook: the key is not usable: it holds 5 bytes, not 24 to 75 true
}

func ExampleParsePublicKey() {
	public, err := webhook.ParsePublicKey("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")
	fmt.Println(public, err)
	// Output: whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4= <nil>
}

// While the sender's secret is rotated, a receiver has both in one setting.
func ExampleParseKeys() {
	keys, err := webhook.ParseKeys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")
	fmt.Println(keys, err)
	// Output: [[redacted] whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=] <nil>
}

func ExampleGenerateSymmetric() {
	secret := webhook.GenerateSymmetric()
	fmt.Println(strings.HasPrefix(secret.Reveal(), "whsec_"), secret.Asymmetric())
	// Output: true false
}

func ExampleGenerateAsymmetric() {
	secret := webhook.GenerateAsymmetric()
	fmt.Println(strings.HasPrefix(secret.Reveal(), "whsk_"), secret.Asymmetric())
	// Output: true true
}

// tokenVerifier is for a sender that signs nothing and only sends a token.
type tokenVerifier struct{ token []byte }

func (v tokenVerifier) Verify(r webhook.Request, _ time.Time) (webhook.Verified, error) {
	if subtle.ConstantTimeCompare(v.token, []byte(r.Header.Get("X-Token"))) != 1 {
		return webhook.Verified{}, webhook.ErrNoMatch
	}
	return webhook.Verified{ID: r.Header.Get("X-Delivery")}, nil
}

// A Verifier is one method, so a sender with a way of its own is no trouble.
func ExampleVerifier() {
	handler := webhook.NewHandler(tokenVerifier{[]byte("correct horse")}, func(ctx context.Context, m webhook.Message) error {
		fmt.Println("handling", m.ID)
		return nil
	}, webhook.HandlerOptions{})

	r := httptest.NewRequest("POST", "/webhooks", nil)
	r.Header.Set("X-Token", "correct horse")
	r.Header.Set("X-Delivery", "42")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// handling 42
	// 204
}
