package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

const usualRequest = `{"method":"POST","body":"json","xmlRoot":null,"token":null,"successStatuses":["200-299"],"timeoutSeconds":15,"retrySchedule":null}`

func TestRequestShape(t *testing.T) {
	r := newRig(t)
	var log bytes.Buffer
	r.logTo(&log)
	app := r.app("a")
	ep := r.endpoint(app, "")
	path := "/x/v1/app/a/endpoint/" + ep + "/request"
	if a := r.must(200, "GET", path, ""); string(a.body) != usualRequest {
		t.Errorf("untouched: %s", a.body)
	}
	const full = `{"method":"PUT","body":"xml","xmlRoot":"order","token":{"in":"query","name":"key","isSet":true},"successStatuses":["200-204",302,404],"timeoutSeconds":30,"retrySchedule":[1,3600]}`
	set := strings.Replace(strings.Replace(full, `"isSet":true`, `"value":"token-canary"`, 1), "404", `"404"`, 1)
	if a := r.must(200, "PUT", path, set); string(a.body) != full {
		t.Errorf("set: %s", a.body)
	}
	r.restart()
	r.logTo(&log)
	if a := r.must(200, "GET", path, ""); string(a.body) != full {
		t.Errorf("after a restart: %s", a.body)
	}
	value := func() string {
		e, err := r.store.Endpoint(context.Background(), mustApp(r, app), ep)
		if err != nil {
			t.Fatal(err)
		}
		if e.Shape == nil || e.Shape.Token == nil {
			return ""
		}
		return e.Shape.Token.Value
	}
	// What was read can be written back: the token stays, as long as its place does.
	if a := r.must(200, "PUT", path, full); string(a.body) != full || value() != "token-canary" {
		t.Errorf("written back: %s, token %q", a.body, value())
	}
	for _, moved := range []string{`{"in":"body","name":"key"}`, `{"in":"query","name":"other"}`} {
		if a := r.call("PUT", path, `{"token":`+moved+`}`); a.status != 422 || a.loc() != "body token value" {
			t.Errorf("a token that moves: %d at %q %s", a.status, a.loc(), a.body)
		}
	}
	// The endpoint's own operations leave the shape alone and do not show it.
	for _, c := range []struct{ method, body string }{{"PUT", `{"url":"https://example.com/b"}`}, {"PATCH", `{"description":"x"}`}, {"GET", ""}} {
		if a := r.must(200, c.method, "/api/v1/app/a/endpoint/"+ep, c.body); strings.Contains(string(a.body), "token") {
			t.Errorf("%s: %s", c.method, a.body)
		}
	}
	if value() != "token-canary" {
		t.Error("replacing the endpoint took its shape away")
	}
	// What is absent is the default.
	if a := r.must(200, "PUT", path, `{"method":"GET"}`); a.str("body") != "query" || a.str("token") != "null" || a.str("timeoutSeconds") != "15" {
		t.Errorf("get: %s", a.body)
	}
	if a := r.must(200, "PUT", path, `{"retrySchedule":[]}`); a.str("retrySchedule") != "[]" || a.str("method") != "POST" {
		t.Errorf("a single attempt: %s", a.body)
	}
	if a := r.must(200, "PUT", path, usualRequest); string(a.body) != usualRequest {
		t.Errorf("the usual: %s", a.body)
	}
	if e, err := r.store.Endpoint(context.Background(), mustApp(r, app), ep); err != nil || e.Shape != nil {
		t.Errorf("the usual request is kept as a shape: %+v, %v", e.Shape, err)
	}
	r.must(200, "PUT", path, set)
	r.must(204, "DELETE", path, "")
	if a := r.must(200, "GET", path, ""); string(a.body) != usualRequest {
		t.Errorf("after the deletion: %s", a.body)
	}
	r.must(204, "DELETE", path, "")
	if strings.Contains(log.String(), "canary") {
		t.Error("the log holds the token")
	}
}

func mustApp(r *rig, id string) hook.ApplicationID {
	r.t.Helper()
	app, ok := r.store.Codec().ParseApplication(r.env.ID, id)
	if !ok {
		r.t.Fatalf("%s is no application", id)
	}
	return app
}

func TestRequestShapeRefusesBadInput(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	path := "/x/v1/app/a/endpoint/" + ep + "/request"
	const before = `{"method":"POST","body":"form","xmlRoot":null,"token":{"in":"body","name":"t","isSet":true},"successStatuses":[200],"timeoutSeconds":7,"retrySchedule":null}`
	r.must(200, "PUT", path, strings.Replace(before, `"isSet":true`, `"value":"canary"`, 1))
	many := strings.TrimSuffix(strings.Repeat("200,", hook.MaxStatusRanges+1), ",")
	delays := strings.TrimSuffix(strings.Repeat("1,", hook.MaxRetrySteps+1), ",")
	for _, c := range []struct{ name, body, loc string }{
		{"no body", ``, "body"},
		{"no object", `[]`, "body"},
		{"cut", `{"method":`, "body method"},
		{"twice", `{"method":"PUT","method":"POST"}`, "body method"},
		{"method of another type", `{"method":1}`, "body method"},
		{"empty method", `{"method":""}`, "body method"},
		{"delete", `{"method":"DELETE"}`, "body method"},
		{"line end in the method", `{"method":"PUT / HTTP/1.1\r\nX: y"}`, "body method"},
		{"form of a get", `{"method":"GET","body":"form"}`, "body body"},
		{"query of a post", `{"body":"query"}`, "body body"},
		{"unknown form", `{"body":"yaml"}`, "body body"},
		{"root of json", `{"xmlRoot":"a"}`, "body xmlRoot"},
		{"root with markup", `{"body":"xml","xmlRoot":"a b"}`, "body xmlRoot"},
		{"empty root", `{"body":"xml","xmlRoot":""}`, "body xmlRoot"},
		{"token of another type", `{"token":"x"}`, "body token"},
		{"token nowhere", `{"token":{"in":"cookie","name":"a","value":"b"}}`, "body token in"},
		{"token without a name", `{"token":{"in":"body","value":"b"}}`, "body token name"},
		{"token without a value", `{"token":{"in":"query","name":"a"}}`, "body token value"},
		{"token with an empty value", `{"token":{"in":"body","name":"t","value":""}}`, "body token value"},
		{"token in the body of a get", `{"method":"GET","token":{"in":"body","name":"a","value":"b"}}`, "body token in"},
		{"token in a forbidden header", `{"token":{"in":"header","name":"Content-Length","value":"b"}}`, "body token name"},
		{"token that breaks out", `{"token":{"in":"header","name":"X-T","value":"canary\r\nX-Evil: 1"}}`, "body token value"},
		{"long token", `{"token":{"in":"body","name":"a","value":"` + strings.Repeat("canary", 1000) + `"}}`, "body token value"},
		{"no status", `{"successStatuses":[]}`, "body successStatuses"},
		{"a status of another type", `{"successStatuses":200}`, "body successStatuses"},
		{"true", `{"successStatuses":[true]}`, "body successStatuses [0]"},
		{"null", `{"successStatuses":[200,null]}`, "body successStatuses [1]"},
		{"fraction", `{"successStatuses":[200.5]}`, "body successStatuses [0]"},
		{"below 200", `{"successStatuses":[199]}`, "body successStatuses [0]"},
		{"above 599", `{"successStatuses":["200-600"]}`, "body successStatuses [0]"},
		{"backwards", `{"successStatuses":["299-200"]}`, "body successStatuses [0]"},
		{"open range", `{"successStatuses":["200-"]}`, "body successStatuses [0]"},
		{"words", `{"successStatuses":["2xx"]}`, "body successStatuses [0]"},
		{"signs", `{"successStatuses":["+20"]}`, "body successStatuses [0]"},
		{"many statuses", `{"successStatuses":[` + many + `]}`, "body successStatuses"},
		{"no time", `{"timeoutSeconds":0}`, "body timeoutSeconds"},
		{"too much time", `{"timeoutSeconds":31}`, "body timeoutSeconds"},
		{"time that overflows", `{"timeoutSeconds":9223372036854775807}`, "body timeoutSeconds"},
		{"fraction of a second", `{"timeoutSeconds":1.5}`, "body timeoutSeconds"},
		{"no delay", `{"retrySchedule":[1,0]}`, "body retrySchedule [1]"},
		{"negative delay", `{"retrySchedule":[1,-1]}`, "body retrySchedule [1]"},
		{"delay that overflows", `{"retrySchedule":[9223372036854775807]}`, "body retrySchedule [0]"},
		{"long delay", `{"retrySchedule":[604801]}`, "body retrySchedule [0]"},
		{"delay of another type", `{"retrySchedule":["1"]}`, "body retrySchedule [0]"},
		{"many delays", `{"retrySchedule":[` + delays + `]}`, "body retrySchedule"},
	} {
		a := r.call("PUT", path, c.body)
		if a.status != 422 || a.loc() != c.loc {
			t.Errorf("%s: %d at %q, want %q: %s", c.name, a.status, a.loc(), c.loc, a.body)
		}
		if strings.Contains(string(a.body), "canary") {
			t.Errorf("%s: the answer repeats the token: %s", c.name, a.body)
		}
	}
	if a := r.must(200, "GET", path, ""); string(a.body) != before {
		t.Errorf("what was refused has changed something: %s", a.body)
	}
	if a := r.call("PUT", path, `{"metod":"PUT"}`); a.status != 200 || a.header.Get("Hookloft-Ignored-Fields") != "metod" {
		t.Errorf("an unknown field: %d %q", a.status, a.header.Get("Hookloft-Ignored-Fields"))
	}
}

// TestRequestShapeOfASource: what forwards a provider's request has no shape of its own, but
// statuses, deadline and schedule.
func TestRequestShapeOfASource(t *testing.T) {
	r := newRig(t)
	r.source("s", "github", `{}`)
	app := r.must(200, "GET", "/x/v1/source/s/settings", "").str("applicationId")
	ep := r.must(201, "POST", sourcesPath+"/s/endpoint", `{"url":"https://example.com/"}`).str("id")
	for _, path := range []string{"/x/v1/source/s/endpoint/" + ep + "/request", "/x/v1/app/" + app + "/endpoint/" + ep + "/request"} {
		for field, body := range map[string]string{
			"method": `{"method":"PUT"}`, "body": `{"body":"form"}`, "token": `{"token":{"in":"query","name":"a","value":"b"}}`,
		} {
			if a := r.call("PUT", path, body); a.status != 422 || a.loc() != "body "+field || !strings.Contains(string(a.body), "source") {
				t.Errorf("%s: %d at %q %s", body, a.status, a.loc(), a.body)
			}
		}
		a := r.must(200, "PUT", path, `{"method":"POST","body":"json","successStatuses":[302],"timeoutSeconds":3,"retrySchedule":[]}`)
		if a.str("timeoutSeconds") != "3" || a.str("successStatuses") != "[302]" || a.str("retrySchedule") != "[]" {
			t.Errorf("%s", a.body)
		}
		r.must(204, "DELETE", path, "")
	}
	if a := r.call("GET", "/x/v1/source/s/endpoint/ep_"+strings.Repeat("0", 27)+"/request", ""); a.status != 404 {
		t.Errorf("an unknown endpoint: %d", a.status)
	}
	ordinary := r.endpoint(r.app("a"), "")
	if a := r.call("GET", "/x/v1/source/s/endpoint/"+ordinary+"/request", ""); a.status != 404 {
		t.Errorf("an endpoint of another application: %d", a.status)
	}
}

func TestRetrySchedule(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	r.endpoint(app, "")
	r.must(201, "POST", "/api/v1/event-type", `{"name":"user.created","description":"d"}`)
	const path = "/api/v1/event-type/user.created/retry-schedule"
	if a := r.must(200, "GET", path, ""); string(a.body) != `{"retrySchedule":null}` {
		t.Errorf("untouched: %s", a.body)
	}
	held := func() string {
		p, err := r.store.PlanOf(context.Background(), mustApp(r, app))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(p.RetryPolicy(p.Endpoints[0], "user.created"))
	}
	usual := held()
	for _, c := range []struct{ body, answer, held string }{
		{`{"retrySchedule":[{"secs":5,"nanos":0},{"secs":1,"nanos":1500000}]}`, `{"retrySchedule":[{"secs":5,"nanos":0},{"secs":1,"nanos":2000000}]}`, "[5s 1.002s]"},
		{`{"retrySchedule":[]}`, `{"retrySchedule":[]}`, "[]"},
		{`{"retrySchedule":[{"secs":604800,"nanos":0}]}`, `{"retrySchedule":[{"secs":604800,"nanos":0}]}`, "[168h0m0s]"},
		{`{"retrySchedule":null}`, `{"retrySchedule":null}`, usual},
		{`{"retrySchedule":[{"secs":1,"nanos":0}]}`, `{"retrySchedule":[{"secs":1,"nanos":0}]}`, "[1s]"},
		{`{}`, `{"retrySchedule":null}`, usual},
		{`{"retrySchedule":[{"secs":9,"nanos":0}]}`, `{"retrySchedule":[{"secs":9,"nanos":0}]}`, "[9s]"},
	} {
		for _, a := range []answer{r.must(200, "PUT", path, c.body), r.must(200, "GET", path, "")} {
			if string(a.body) != c.answer {
				t.Errorf("%s: %s", c.body, a.body)
			}
		}
		if got := held(); got != c.held {
			t.Errorf("%s: attempts follow %s", c.body, got)
		}
	}
	for _, c := range []struct{ body, loc string }{
		{`{"retrySchedule":[{"secs":5}]}`, "body retrySchedule [0] nanos"},
		{`{"retrySchedule":[{"secs":5,"nanos":0},{"nanos":1}]}`, "body retrySchedule [1] secs"},
		{`{"retrySchedule":[{"secs":5,"nanos":0},{"secs":0,"nanos":0}]}`, "body retrySchedule [1]"},
		{`{"retrySchedule":[{"secs":0,"nanos":999000000}]}`, "body retrySchedule [0]"},
		{`{"retrySchedule":[{"secs":-1,"nanos":0}]}`, "body retrySchedule [0] secs"},
		{`{"retrySchedule":[{"secs":604801,"nanos":0}]}`, "body retrySchedule [0] secs"},
		{`{"retrySchedule":[{"secs":9223372036854775807,"nanos":0}]}`, "body retrySchedule [0] secs"},
		{`{"retrySchedule":[{"secs":0,"nanos":1000000000}]}`, "body retrySchedule [0] nanos"},
		{`{"retrySchedule":[{"secs":604800,"nanos":1}]}`, "body retrySchedule [0]"},
		{`{"retrySchedule":[5]}`, "body retrySchedule [0]"},
		{`{"retrySchedule":{}}`, "body retrySchedule"},
		{`{"retrySchedule":[` + strings.TrimSuffix(strings.Repeat(`{"secs":1,"nanos":0},`, hook.MaxRetrySteps+1), ",") + `]}`, "body retrySchedule"},
	} {
		if a := r.call("PUT", path, c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("%s: %d at %q, want %q: %s", cut(c.body, 80), a.status, a.loc(), c.loc, a.body)
		}
	}
	if got := held(); got != "[9s]" {
		t.Errorf("what was refused has changed the schedule to %s", got)
	}
	// The type's other operations leave it alone.
	r.must(200, "PUT", "/api/v1/event-type/user.created", `{"description":"x"}`)
	r.must(200, "PATCH", "/api/v1/event-type/user.created", `{"description":"y"}`)
	r.restart()
	if got := held(); got != "[9s]" {
		t.Errorf("after a restart: %s", got)
	}
	// The endpoint's own stands above it.
	ep := r.must(200, "GET", "/api/v1/app/a/endpoint", "").str("data.0.id")
	r.must(200, "PUT", "/x/v1/app/a/endpoint/"+ep+"/request", `{"retrySchedule":[7]}`)
	if got := held(); got != "[7s]" {
		t.Errorf("with the endpoint's own: %s", got)
	}
	r.must(204, "DELETE", "/api/v1/event-type/user.created?expunge=true", "")
	r.must(204, "DELETE", "/x/v1/app/a/endpoint/"+ep+"/request", "")
	if got := held(); got != usual {
		t.Errorf("once the type is gone: %s", got)
	}
	for _, method := range []string{"GET", "PUT"} {
		if a := r.call(method, path, "{}"); a.status != 404 {
			t.Errorf("%s of no type: %d %s", method, a.status, a.body)
		}
	}
}

func TestMessageExpiresAt(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	want := at.Format(timeFormat)
	body := func(at time.Time, more string) string {
		return `{"eventType":"a","payload":{},"expiresAt":"` + at.Format(time.RFC3339Nano) + `"` + more + `}`
	}
	a := r.must(202, "POST", "/api/v1/app/a/msg", body(at.In(time.FixedZone("", 3600)), ""))
	if a.str("expiresAt") != want || a.header.Get("Hookloft-Ignored-Fields") != "" {
		t.Errorf("%s, ignored %q", a.body, a.header.Get("Hookloft-Ignored-Fields"))
	}
	id := a.str("id")
	r.restart()
	if a := r.must(200, "GET", "/api/v1/app/a/msg/"+id, ""); a.str("expiresAt") != want {
		t.Errorf("read: %s", a.body)
	}
	if a := r.must(200, "GET", "/api/v1/app/a/msg?with_content=false", ""); a.str("data.0.expiresAt") != want {
		t.Errorf("listed: %s", a.body)
	}
	if !r.stored(app, id).Deadline.Equal(at) {
		t.Errorf("stored %v", r.stored(app, id).Deadline)
	}
	if a := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"a","payload":{},"expiresAt":null}`); strings.Contains(string(a.body), "expiresAt") {
		t.Errorf("without one: %s", a.body)
	}
	n := r.messages(app)
	now := time.Now()
	for name, bad := range map[string]string{
		"past":                    body(now.Add(-time.Hour), ""),
		"half a second ahead":     body(now.Add(500*time.Millisecond), ""),
		"after the content":       body(now.Add(2*time.Hour), `,"payloadRetentionHours":1`),
		"after the longest":       body(now.Add(91*24*time.Hour), ""),
		"before deliverAt":        body(now.Add(2*time.Minute), `,"deliverAt":"`+now.Add(3*time.Minute).Format(time.RFC3339)+`"`),
		"no time":                 `{"eventType":"a","payload":{},"expiresAt":"tomorrow"}`,
		"number":                  `{"eventType":"a","payload":{},"expiresAt":1800000000}`,
		"a year with five digits": `{"eventType":"a","payload":{},"expiresAt":"12026-01-01T00:00:00Z"}`,
	} {
		if a := r.call("POST", "/api/v1/app/a/msg", bad); a.status != 422 || a.loc() != "body expiresAt" {
			t.Errorf("%s: %d at %q %s", name, a.status, a.loc(), a.body)
		}
	}
	if r.messages(app) != n {
		t.Error("what was refused left a message")
	}
	// A repeat that comes after the deadline finds the first answer.
	var first answer
	var short string
	for ahead := 1100 * time.Millisecond; first.status != 202; ahead *= 2 { // a busy machine is late with it
		if ahead > time.Minute {
			t.Fatalf("a deadline that is to come: %d %s", first.status, first.body)
		}
		at = time.Now().Add(ahead)
		short = body(at, `,"eventId":"e1"`)
		first = r.call("POST", "/api/v1/app/a/msg", short, "Idempotency-Key", "k1")
	}
	time.Sleep(time.Until(at.Add(10 * time.Millisecond)))
	if again := r.must(202, "POST", "/api/v1/app/a/msg", short, "Idempotency-Key", "k1"); again.str("id") != first.str("id") {
		t.Errorf("a late repeat: %s", again.body)
	}
	// A delivery that came too late says so.
	r.attempt(app, ep, id, func(a *hook.Attempt) { a.Outcome, a.Reason, a.Status = hook.Unsendable, hook.ReasonExpired, 0 })
	if a := r.must(200, "GET", "/api/v1/app/a/msg/"+id+"/endpoint", ""); a.str("data.0.statusText") != "fail" || a.str("data.0.hookloft.reason") != "expired" {
		t.Errorf("destinations: %s", a.body)
	}
}
