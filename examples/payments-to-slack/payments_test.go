//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

const stripeSecret = "whsec_of_the_test"

// TestPaymentsReachSlack runs the real binary with a Stripe that signs as Stripe does and
// brings each event twice, and a Slack that keeps its documented rules: what is paid is
// posted once, though Slack refuses some of it for coming too fast.
func TestPaymentsReachSlack(t *testing.T) {
	if testing.Short() {
		t.Skip("a delivery that was answered 429 waits a minute")
	}
	s := rig.Start(t, rig.Options{})
	slack := &slackStandIn{t: t}
	slackServer := httptest.NewServer(slack)
	defer slackServer.Close()

	h := Hookloft{URL: s.URL, Token: s.Token}
	secret, listen := rig.Secret("payments"), freeAddress(t)
	ingest, attempts := createSource(t, s.API(), "http://"+listen, secret)

	// The program is down while the first payment comes; Stripe does not notice.
	want := map[string]int{"lunch?": 1}
	pay := func(n int) {
		t.Helper()
		body := stripeEvent("invoice.paid", n)
		want[fmt.Sprintf(":moneybag: Zoë &amp; Söhne paid EUR 49.%02d (invoice <https://invoice.stripe.com/i/%d|A1-%d>)", n, n, n)]++
		for range 2 { // Stripe brings an event again when an answer gets lost
			if status := postSigned(t, ingest, body, stripeSecret); status != http.StatusOK {
				t.Errorf("event %d was answered %d, want 200", n, status)
			}
		}
	}
	pay(0)
	for deadline := time.Now().Add(10 * time.Second); attempts() == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no attempt to reach the program within 10 s")
		}
	}
	start(t, listen, h, secret, slackServer.URL+"/services/T0/B0/x")() // and it is stopped again
	start(t, listen, h, secret, slackServer.URL+"/services/T0/B0/x")   // finds what the first start made

	// Somebody else writes into the channel just now: the first payment comes too soon.
	resp, err := http.Post(slackServer.URL+"/services/T0/B0/x", "application/json", strings.NewReader(`{"text":"lunch?"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()

	for n := 1; n < 4; n++ {
		pay(n)
	}
	if status := postSigned(t, ingest, stripeEvent("invoice.paid", 7), "whsec_of_somebody_else"); status != http.StatusUnauthorized {
		t.Errorf("a forged event was answered %d, want 401", status)
	}
	// Not a payment: the program takes it and posts nothing.
	if status := postSigned(t, ingest, stripeEvent("invoice.created", 8), stripeSecret); status != http.StatusOK {
		t.Errorf("another event was answered %d, want 200", status)
	}

	deadline := time.Now().Add(4 * time.Minute)
	for slack.posted() < len(want) && time.Now().Before(deadline) {
		time.Sleep(100 * time.Millisecond)
	}
	slack.mu.Lock()
	defer slack.mu.Unlock()
	got := map[string]int{}
	for _, text := range slack.texts {
		got[text]++
	}
	for text, n := range want {
		if got[text] != n {
			t.Errorf("Slack shows %q %d times, want %d", text, got[text], n)
		}
	}
	for text, n := range got {
		if want[text] == 0 {
			t.Errorf("Slack shows %q %d times, want none", text, n)
		}
	}
	if slack.tooFast == 0 {
		t.Error("Slack never answered 429, so the test did not show what it is for")
	}
	t.Logf("%d messages posted, %d answers 429", len(slack.texts), slack.tooFast)
}

// start runs the program until the test ends, or stop is called.
func start(t *testing.T, listen string, h Hookloft, secret, slackURL string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, in, listen, h, secret, slackURL)
		in.Close()
		ended <- err
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "listening on http://"+listen+"\n" {
		t.Fatalf("the program printed %q, %v", line, err)
	}
	return stop
}

// freeAddress asks the kernel for a free port. Another process could take it meanwhile;
// tests on one machine live with that.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// createSource makes a source for Stripe whose endpoint is this program. attempts counts
// what was sent there.
func createSource(t *testing.T, api *rig.API, program, secret string) (ingestURL string, attempts func() int) {
	t.Helper()
	var source struct{ ID, IngestURL string }
	must(t, api, http.MethodPost, "/ingest/api/v1/source", map[string]any{
		"name": "Stripe", "uid": "stripe", "type": "stripe", "config": map[string]string{"secret": stripeSecret},
	}, &source)
	var endpoint struct{ ID string }
	must(t, api, http.MethodPost, "/ingest/api/v1/source/"+source.ID+"/endpoint", map[string]string{"url": program + "/stripe", "secret": secret}, &endpoint)
	var settings struct{ ApplicationID string }
	must(t, api, http.MethodGet, "/x/v1/source/"+source.ID+"/settings", nil, &settings)
	return source.IngestURL, func() int {
		t.Helper()
		all, err := api.Attempts(settings.ApplicationID, endpoint.ID)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
}

func must(t *testing.T, api *rig.API, method, path string, in, out any) {
	t.Helper()
	status, text, err := api.Do(method, path, in)
	if err != nil || status/100 != 2 {
		t.Fatalf("%s %s: status %d, %v: %s", method, path, status, err, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
}

// stripeEvent is an event as Stripe writes it, which is with two spaces of indent.
func stripeEvent(kind string, n int) string {
	return fmt.Sprintf(`{
  "id": "evt_test_%d_%s",
  "object": "event",
  "created": %d,
  "type": %q,
  "data": {
    "object": {
      "object": "invoice",
      "number": "A1-%d",
      "amount_paid": %d,
      "currency": "eur",
      "customer_name": "Zoë & Söhne",
      "hosted_invoice_url": "https://invoice.stripe.com/i/%d"
    }
  }
}`, n, kind, time.Now().Unix(), kind, n, 4900+n, n)
}

func postSigned(t *testing.T, url, body, secret string) int {
	t.Helper()
	r := webhook.Request{Method: http.MethodPost, URL: url, Header: http.Header{}, Body: []byte(body)}
	if err := webhook.Sign("stripe", webhook.Config{Secrets: []string{secret}}, &r, time.Now()); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(r.Method, r.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = r.Header
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// slackStandIn is an incoming webhook of Slack (docs.slack.dev, "Sending messages using
// incoming webhooks" and "Rate limits").
type slackStandIn struct {
	t *testing.T

	mu      sync.Mutex
	last    time.Time // when the last message was posted
	texts   []string
	tooFast int
}

// slackInterval is about one message a second. It is a little less, because requests that
// left a second apart may arrive less than that apart.
const slackInterval = 900 * time.Millisecond

func (s *slackStandIn) posted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.texts)
}

func (s *slackStandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.last) < slackInterval {
		s.tooFast++
		w.Header().Set("Retry-After", "1")
		http.Error(w, "rate_limited", http.StatusTooManyRequests)
		return
	}
	text, err := slackText(r)
	if err != nil {
		s.t.Errorf("Slack refuses a message: %v", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.last = now
	s.texts = append(s.texts, text)
	fmt.Fprint(w, "ok")
}

// slackText returns what a request posts; its error is what Slack answers.
func slackText(r *http.Request) (string, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || err != nil || media != "application/json" {
		return "", errors.New("invalid_payload: not a POST with JSON")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	var message map[string]any
	if err := json.Unmarshal(body, &message); err != nil || !utf8.Valid(body) {
		return "", errors.New("invalid_payload")
	}
	text, _ := message["text"].(string)
	switch {
	case text == "":
		return "", errors.New("no_text")
	case utf8.RuneCountInString(text) > 40_000:
		return "", errors.New("invalid_payload: the text is too long")
	case len(message) > 1:
		return "", fmt.Errorf("invalid_payload: more than text: %s", body)
	}
	return text, nil
}

func TestPaymentText(t *testing.T) {
	cases := []struct{ name, body, want string }{
		{"another event", `{"id":"evt_1","type":"invoice.created"}`, ""},
		{"no smaller unit", `{"id":"evt_1","type":"invoice.paid","data":{"object":{"number":"7","amount_paid":500,"currency":"jpy","customer_email":"a@example.com"}}}`,
			":moneybag: a@example.com paid JPY 500 (invoice 7)"},
		{"a name that looks like a mention", `{"id":"evt_1","type":"invoice.paid","data":{"object":{"number":"7","amount_paid":5,"currency":"usd","customer_name":"<!channel>"}}}`,
			":moneybag: &lt;!channel&gt; paid USD 0.05 (invoice 7)"},
		{"a page that is no web page", `{"id":"evt_1","type":"invoice.paid","data":{"object":{"number":"7","currency":"usd","hosted_invoice_url":"javascript:x"}}}`,
			":moneybag:  paid USD 0.00 (invoice 7)"},
	}
	for _, c := range cases {
		p, err := parsePayment([]byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := ""
		if p != nil {
			got = p.text()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for _, body := range []string{``, `[]`, `{"type":"invoice.paid"}`} {
		if p, err := parsePayment([]byte(body)); err == nil {
			t.Errorf("%s: %v without an error", body, p)
		}
	}
}
