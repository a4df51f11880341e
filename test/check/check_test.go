//go:build unix

// Package check runs the real binary and looks at what event types ask of their payloads,
// at sources that watch a document, and at receivers that have to agree first.
package check

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

func TestMain(m *testing.M) { os.Exit(rig.MainBeside(m)) }

// patience is how long is waited for what must come.
const patience = 60 * time.Second

// arrival is one request that came to a receiver.
type arrival struct {
	method, path, query, body string
	header                    http.Header
}

// receiver answers by handler and hands out what came.
func receiver(t *testing.T, handler http.HandlerFunc) (url string, got chan arrival) {
	t.Helper()
	got = make(chan arrival, 1024)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender broke off
		}
		got <- arrival{r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if handler != nil {
			handler(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func next(t *testing.T, got chan arrival) arrival {
	t.Helper()
	select {
	case a := <-got:
		return a
	case <-time.After(patience):
		t.Fatal("nothing arrives")
		return arrival{}
	}
}

// verifier returns what judges arrivals by a secret.
func verifier(t *testing.T, secret string) func(arrival) error {
	t.Helper()
	key, err := webhook.ParseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	v, err := webhook.NewStandard([]webhook.Key{key}, webhook.StandardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return func(a arrival) error {
		_, err := v.Verify(webhook.Request{Method: a.method, Header: a.header, Body: []byte(a.body)}, time.Now())
		return err
	}
}

func must(t *testing.T, api *rig.API, method, path, body string) map[string]any {
	t.Helper()
	status, out := call(t, api, method, path, body)
	if status/100 != 2 {
		t.Fatalf("%s %s %s: %d %v", method, path, body, status, out)
	}
	return out
}

func call(t *testing.T, api *rig.API, method, path, body string) (int, map[string]any) {
	t.Helper()
	var in any
	if body != "" {
		in = json.RawMessage(body)
	}
	status, text, err := api.Do(method, path, in)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	out := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%s %s: %s: %v", method, path, text, err)
		}
	}
	return status, out
}

// TestWhatIsRedactedIsDeliveredWhole: a payload that follows its schema is stored and sent as
// it came, with a signature that verifies, and people see it without what is redacted,
// also after a kill; nothing of it is in the log.
func TestWhatIsRedactedIsDeliveredWhole(t *testing.T) {
	const canary = "4111-1111-canary"
	s := rig.Start(t, rig.Options{Args: []string{"--log-level=debug"}})
	api := s.API()
	to, got := receiver(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }) // which echoes
	secret := rig.Secret("check")
	api.MustCreateApp(t, "shop")
	ep := api.MustCreateEndpoint(t, "shop", rig.EndpointIn{URL: to, Secret: secret})
	must(t, api, "POST", "/api/v1/event-type", `{"name":"card.added","description":"d","validation":true,"redact":["card.number"],
		"schemas":{"1":{"type":"object","required":["card"],"properties":{"card":{"type":"object","required":["number"]},"n":{"maximum":9007199254740993}}}}}`)

	status, out := call(t, api, "POST", "/api/v1/app/shop/msg", `{"eventType":"card.added","payload":{"card":{},"n":9007199254740994}}`)
	text, _ := json.Marshal(out)
	if status != 422 || !strings.Contains(string(text), `["body","payload","card","number"]`) || !strings.Contains(string(text), `["body","payload","n"]`) {
		t.Errorf("a payload that does not follow: %d %s", status, text)
	}
	payload := `{"card":{"number":"` + canary + `"},"n":9007199254740993,"f":1.10}`
	id := must(t, api, "POST", "/api/v1/app/shop/msg", `{"eventType":"card.added","payload":`+payload+`}`)["id"].(string)
	a := next(t, got)
	if a.body != payload {
		t.Errorf("delivered %s", a.body)
	}
	verify := verifier(t, secret)
	if err := verify(a); err != nil {
		t.Errorf("what was delivered does not verify: %v", err)
	}
	if n := must(t, api, "GET", "/api/v1/app/shop/msg", "")["data"].([]any); len(n) != 1 {
		t.Errorf("%d messages are stored; the refused one must not be", len(n))
	}
	paths := []string{
		"/api/v1/app/shop/msg", "/api/v1/app/shop/msg/" + id, "/api/v1/app/shop/msg/" + id + "/raw", "/api/v1/app/shop/attempt/msg/" + id,
		"/api/v1/app/shop/attempt/endpoint/" + ep + "?with_msg=true", "/api/v1/app/shop/endpoint/" + ep + "/msg", "/x/v1/why/" + id, "/x/v1/audit",
	}
	for deadline := time.Now().Add(patience); len(must(t, api, "GET", paths[3], "")["data"].([]any)) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no attempt is recorded")
		}
		time.Sleep(20 * time.Millisecond)
	}
	look := func(when string) {
		for _, path := range paths {
			if _, text, err := api.Do("GET", path, nil); err != nil || strings.Contains(string(text), canary) {
				t.Errorf("%s, %s shows %s, %v", when, path, text, err)
			}
		}
		for _, command := range [][]string{{"why", id}, {"api", "GET", paths[1]}, {"api", "GET", paths[3]}} {
			args := append(command, "--server", s.URL, "--token", s.Token)
			if out, err := s.Command(args...); err != nil || strings.Contains(out, canary) {
				t.Errorf("%s, hookloft %v: %s, %v", when, command, out, err)
			}
		}
	}
	look("before the kill")
	s.Kill()
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	look("after it")
	if whole := must(t, api, "GET", paths[1]+"?redacted=false", ""); whole["payload"].(map[string]any)["card"].(map[string]any)["number"] != canary {
		t.Errorf("to who may see it: %v", whole)
	}
	if log := s.LogTail(1 << 20); strings.Contains(log, canary) {
		t.Error("it stands in the log")
	}
	// The command says what the API does, by its exit code, too.
	if out, err := s.Command("event-types", "check", "card.added", `{"card":{"number":1}}`, "--server", s.URL, "--token", s.Token); err != nil || !strings.Contains(out, "follows version 1") {
		t.Errorf("a good payload: %s, %v", out, err)
	}
	if out, err := s.Command("event-types", "check", "card.added", `{"card":{}}`, "--server", s.URL, "--token", s.Token); err == nil {
		t.Errorf("a bad payload: %s", out)
	}
}
