//go:build unix

// Package payments runs the configuration of this folder.
package payments

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

func TestMain(m *testing.M) { os.Exit(rig.MainBeside(m)) }

const stripeSecret = "whsec_of_the_test"

// TestPaymentsReachSlack runs the real binary with a Stripe that signs as Stripe does and
// brings each event twice, and a Slack that keeps its documented rules: what is paid is
// posted once, though Slack refuses some of it for coming too fast, and the server is
// killed while lines wait.
func TestPaymentsReachSlack(t *testing.T) {
	if testing.Short() {
		t.Skip("a delivery that was answered 429 waits a minute")
	}
	slack := &slackStandIn{t: t}
	slackServer := httptest.NewServer(slack)
	defer slackServer.Close()
	s := rig.Start(t, rig.Options{Env: []string{"STRIPE_SECRET=" + stripeSecret, "SLACK_WEBHOOK_URL=" + slackServer.URL + "/services/T0/B0/x"}})
	for range 2 {
		if _, err := s.Command("apply", "-f", "hookloft.yaml", "--yes", "--server", s.URL, "--token", s.Token); err != nil {
			t.Fatal(err)
		}
	}
	var source struct{ IngestURL string }
	must(t, s.API(), "/ingest/api/v1/source/stripe", &source)

	want := map[string]int{"lunch?": 1}
	pay := func(n int) {
		t.Helper()
		body := stripeEvent("invoice.paid", n)
		want[fmt.Sprintf(":moneybag: Zoë &amp; Söhne paid EUR 49.%02d (invoice <https://invoice.stripe.com/i/%d|A1-%d>)", n, n, n)]++
		for range 2 { // Stripe brings an event again when an answer gets lost
			if status := postSigned(t, source.IngestURL, body, stripeSecret); status != http.StatusOK {
				t.Errorf("event %d was answered %d, want 200", n, status)
			}
		}
	}
	// Somebody else writes into the channel just now: the first payment comes too soon.
	resp, err := http.Post(slackServer.URL+"/services/T0/B0/x", "application/json", strings.NewReader(`{"text":"lunch?"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for n := range 4 {
		pay(n)
	}
	if status := postSigned(t, source.IngestURL, stripeEvent("invoice.paid", 7), "whsec_of_somebody_else"); status != http.StatusUnauthorized {
		t.Errorf("a forged event was answered %d, want 401", status)
	}
	// Not a payment: it is taken, and nothing is posted.
	if status := postSigned(t, source.IngestURL, stripeEvent("invoice.created", 8), stripeSecret); status != http.StatusOK {
		t.Errorf("another event was answered %d, want 200", status)
	}
	slack.await(t, func() bool { return slack.tooFast > 0 })
	s.Kill()
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	slack.await(t, func() bool { return len(slack.texts) >= len(want) })
	waitForRest(t, s.API())

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
	t.Logf("%d messages posted, %d answers 429", len(slack.texts), slack.tooFast)
}

// waitForRest waits until nothing more will be posted: neither is there another line, nor one that waits.
func waitForRest(t *testing.T, api *rig.API) {
	t.Helper()
	var settings struct{ ApplicationID string }
	must(t, api, "/x/v1/source/stripe/settings", &settings)
	messages, err := api.Messages(settings.ApplicationID)
	if err != nil || len(messages) != 5 {
		t.Fatalf("%d messages, %v, want 5", len(messages), err)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		waiting := 0
		for _, m := range messages {
			all, err := api.Destinations(settings.ApplicationID, m.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range all {
				if d.Status == 1 || d.Status == 3 {
					waiting++
				}
			}
		}
		if waiting == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d deliveries still wait", waiting)
		}
	}
}

func must(t *testing.T, api *rig.API, path string, out any) {
	t.Helper()
	status, text, err := api.Do(http.MethodGet, path, nil)
	if err != nil || status/100 != 2 {
		t.Fatalf("GET %s: status %d, %v: %s", path, status, err, text)
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

func (s *slackStandIn) await(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		s.mu.Lock()
		is := done()
		s.mu.Unlock()
		if is {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after 3 minutes %d messages are posted, with %d answers 429", len(s.texts), s.tooFast)
		}
	}
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

// TestLine runs the script alone, as its README says.
func TestLine(t *testing.T) {
	s := rig.New(t, rig.Options{})
	for _, c := range []struct{ name, invoice, want string }{
		{"no smaller unit", `{"number":"7","amount_paid":500,"currency":"jpy","customer_email":"a@example.com"}`, ":moneybag: a@example.com paid JPY 500 (invoice 7)"},
		{"a name that looks like a mention", `{"number":"7","amount_paid":5,"currency":"usd","customer_name":"<!channel>"}`, ":moneybag: &lt;!channel&gt; paid USD 0.05 (invoice 7)"},
		{"a page that is no web page", `{"number":"7","amount_paid":0,"currency":"usd","hosted_invoice_url":"javascript:x"}`, ":moneybag:  paid USD 0.00 (invoice 7)"},
		{"a long name", `{"number":"7","amount_paid":490005,"currency":"eur","customer_name":"` + strings.Repeat("🪝", 301) + `"}`,
			":moneybag: " + strings.Repeat("🪝", 300) + "… paid EUR 4900.05 (invoice 7)"},
	} {
		event := filepath.Join(t.TempDir(), "event.json")
		if err := os.WriteFile(event, []byte(`{"id":"evt_1","type":"invoice.paid","data":{"object":`+c.invoice+`}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := s.Command("transform", "run", "line.js", event)
		var got struct{ Text string }
		if err != nil || json.Unmarshal([]byte(out), &got) != nil || got.Text != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, out, err, c.want)
		}
	}
}
