package httpapi

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestIdempotencyKey repeats each kind of POST that makes something: the answer is
// the first one's, nothing is made twice, also after a restart.
func TestIdempotencyKey(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	e := r.endpoint(app, "")
	r.source("s", "github", `{}`)
	for i, c := range []struct {
		name, path, body, other string
		status                  int
	}{
		{"application", "/api/v1/app", `{"name":"once"}`, `{"name":"other"}`, 201},
		{"endpoint", "/api/v1/app/a/endpoint", `{"url":"https://example.com/once"}`, `{"url":"https://example.com/other"}`, 201},
		{"event type", "/api/v1/event-type", `{"name":"once","description":""}`, `{"name":"other","description":""}`, 201},
		{"message", "/api/v1/app/a/msg", `{"eventType":"t","payload":{"n":1.0}}`, `{"eventType":"t","payload":{"n":1.00}}`, 202},
		{"portal token", "/api/v1/auth/app-portal-access/a", `{}`, `{"expiry":3600}`, 200},
		{"recover", "/api/v1/app/a/endpoint/" + e + "/recover", `{"since":"` + hourAgo() + `"}`, `{"since":"` + hourAgo() + `","until":null}`, 202},
		{"source", sourcesPath, `{"name":"once","type":"github","config":{}}`, `{"name":"other","type":"github","config":{}}`, 201},
		{"source URL", sourcesPath + "/s/token/rotate", ``, `{}`, 200},
		{"source portal", sourcesPath + "/s/dashboard", `{}`, `{"expiry":3600}`, 200},
		{"source endpoint", sourcesPath + "/s/endpoint", `{"url":"https://example.com/once"}`, `{"url":"https://example.com/other"}`, 201},
		{"rotation", "/api/v1/app/a/endpoint/" + e + "/secret/rotate", `{}`, `{"gracePeriodSeconds":1}`, 204},
	} {
		key := fmt.Sprintf("key-%d", i)
		first := r.must(c.status, "POST", c.path, c.body, "Idempotency-Key", key)
		again := r.must(c.status, "POST", c.path, c.body, "Idempotency-Key", key)
		r.restart()
		later := r.must(c.status, "POST", c.path, c.body, "Idempotency-Key", key)
		if string(first.body) != string(again.body) || string(first.body) != string(later.body) {
			t.Errorf("%s: first %s\nagain %s\nlater %s", c.name, first.body, again.body, later.body)
		}
		if a := r.call("POST", c.path, c.other, "Idempotency-Key", key); a.status != 422 || a.loc() != "header idempotency-key" {
			t.Errorf("%s with another body: %d %s", c.name, a.status, a.body)
		}
		if c.name == "event type" || c.name == "rotation" {
			continue // its name is taken; it has no body
		}
		if a := r.must(c.status, "POST", c.path, c.body, "Idempotency-Key", key+"b"); string(a.body) == string(first.body) {
			t.Errorf("%s: another key gave the same answer", c.name)
		}
	}
	if a := r.must(200, "GET", "/api/v1/app/a/msg", ""); strings.Count(string(a.body), `"eventType"`) != 2 {
		t.Errorf("messages: %s", a.body)
	}
	_, other := r.environment("second")
	if a := r.send(request{method: "POST", path: "/api/v1/app", token: other, body: `{"name":"mine"}`, headers: []string{"Idempotency-Key", "key-0"}}); a.status != 201 || a.str("name") != "mine" {
		t.Errorf("the same key in another environment: %d %s", a.status, a.body)
	}
	if a := r.call("POST", "/api/v1/app", `{"name":"n"}`, "Idempotency-Key", strings.Repeat("k", 257)); a.status != 400 {
		t.Errorf("key too long: %d", a.status)
	}
	if a := r.call("POST", "/api/v1/app/a/msg", `{"eventType":"t","payload":{}}`, "Idempotency-Key", strings.Repeat("k", 300)); a.status != 400 {
		t.Errorf("key too long for a message: %d", a.status)
	}
}

// TestFailedRequestsKeepNoReceipt shows that a repeat after an error is tried again.
func TestFailedRequestsKeepNoReceipt(t *testing.T) {
	r := newRig(t)
	r.must(422, "POST", "/api/v1/app", `{"name":""}`, "Idempotency-Key", "k")
	r.must(201, "POST", "/api/v1/app", `{"name":"n"}`, "Idempotency-Key", "k")
	r.must(404, "POST", "/api/v1/app/late/msg", `{"eventType":"t","payload":{}}`, "Idempotency-Key", "m")
	r.app("late")
	r.must(202, "POST", "/api/v1/app/late/msg", `{"eventType":"t","payload":{}}`, "Idempotency-Key", "m")
}

// TestConcurrentRepeatsMakeOne sends equal requests at the same time.
func TestConcurrentRepeatsMakeOne(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	for _, c := range []struct{ name, path, body string }{
		{"message", "/api/v1/app/a/msg", `{"eventType":"t","payload":{}}`},
		{"application", "/api/v1/app", `{"name":"one"}`},
	} {
		var wg sync.WaitGroup
		ids := make([]string, 50)
		for i := range ids {
			wg.Go(func() { ids[i] = r.call("POST", c.path, c.body, "Idempotency-Key", "same").str("id") })
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] || id == "" {
				t.Fatalf("%s: ids %s and %s", c.name, ids[0], id)
			}
		}
	}
	if a := r.must(200, "GET", "/api/v1/app/a/msg", ""); strings.Count(string(a.body), `"eventType"`) != 1 {
		t.Errorf("messages: %s", a.body)
	}
	if a := r.must(200, "GET", "/api/v1/app", ""); strings.Count(string(a.body), `"name"`) != 2 {
		t.Errorf("applications: %s", a.body)
	}
	_ = app
}

func TestEventIDIsUnique(t *testing.T) {
	r := newRig(t)
	r.app("a")
	r.app("b")
	const body = `{"eventType":"t","eventId":"e1","payload":{}}`
	r.must(202, "POST", "/api/v1/app/a/msg", body)
	if a := r.call("POST", "/api/v1/app/a/msg", body); a.status != 409 || a.str("code") != "conflict" {
		t.Errorf("a second time: %d %s", a.status, a.body)
	}
	r.restart()
	if a := r.call("POST", "/api/v1/app/a/msg", body); a.status != 409 {
		t.Errorf("after a restart: %d %s", a.status, a.body)
	}
	r.must(202, "POST", "/api/v1/app/b/msg", body)
	// The key is looked up before the eventId.
	const keyed = `{"eventType":"t","eventId":"e2","payload":{}}`
	first := r.must(202, "POST", "/api/v1/app/a/msg", keyed, "Idempotency-Key", "k")
	if again := r.must(202, "POST", "/api/v1/app/a/msg", keyed, "Idempotency-Key", "k"); again.str("id") != first.str("id") {
		t.Errorf("repeat %s, first %s", again.body, first.body)
	}
}

// TestPublishingKeysAreTheEnvironments: workers with a token each that repeat a request
// publish once.
func TestPublishingKeysAreTheEnvironments(t *testing.T) {
	r := newRig(t)
	r.app("a")
	_, one := r.scopedToken(`["message:write"]`)
	_, two := r.scopedToken(`["message:*"]`)
	ids := map[string]bool{}
	for _, token := range []string{r.token, one, two} {
		a := r.send(request{method: "POST", path: "/api/v1/app/a/msg", token: token, body: `{"eventType":"e","payload":{}}`, headers: []string{"Idempotency-Key", "order-1"}})
		if a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		ids[a.str("id")] = true
	}
	if len(ids) != 1 {
		t.Errorf("%d messages under one key", len(ids))
	}
}
