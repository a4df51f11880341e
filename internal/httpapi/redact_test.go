package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// TestRedactedValuesAreNotShown goes through every operation that reads: nobody sees a
// redacted value, whatever stands where a payload or its echo may, unless a token that may
// asks for it.
func TestRedactedValuesAreNotShown(t *testing.T) {
	r := newRig(t)
	const canary = "4111-canary"
	r.must(201, "POST", "/api/v1/event-type", `{"name":"card.added","description":"d","redact":["card.number","list[*].secret"]}`)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"push","description":"d","redact":["card"]}`)
	app := r.app("a")
	e := r.endpoint(app, "")
	sent := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"card.added","eventId":"one","payload":{"card":{"number":"`+canary+`"},"n":9007199254740993,"list":[{"secret":"`+canary+`","x":1.10}]}}`)
	m := sent.str("id")
	want := `{"card":{"number":"[redacted]"},"n":9007199254740993,"list":[{"secret":"[redacted]","x":1.10}]}`
	if !strings.Contains(string(sent.body), want) {
		t.Errorf("the answer to publishing: %s", sent.body)
	}
	if got := r.stored(app, m); !strings.Contains(string(got.Payload), canary) {
		t.Errorf("what is stored was changed: %s", got.Payload)
	}
	raw := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"card.added","payload":{},"transformationsParams":{"rawPayload":"number=`+canary+`","headers":{"content-type":"text/plain"}}}`).str("id")
	// A receiver may repeat it, and a script may put it into the URL.
	r.attempt(app, e, m, func(a *hook.Attempt) {
		a.Body, a.URL = []byte("got "+canary), "https://"+canary+".example.com/"+canary+"?n="+canary
	})
	at := r.must(200, "GET", "/api/v1/app/a/attempt/msg/"+m, "").str("data.0.id")
	source := r.source("s", "github", `{}`)
	inside, received := r.receive(source, hook.Message{RawBody: []byte(`{"card":"` + canary + `"}`), Inbound: &hook.Inbound{Provider: "github", Method: "GET", Query: "card=" + canary}})
	_, form := r.receive(source, hook.Message{RawBody: []byte("card=" + canary), ContentType: "application/x-www-form-urlencoded", Inbound: &hook.Inbound{Provider: "github"}})
	src, err := r.store.Source(context.Background(), r.env.ID, source)
	if err != nil {
		t.Fatal(err)
	}
	var rejections []*hook.Rejection
	for _, body := range []string{`{"card":"` + canary + `"}`, `card=` + canary} {
		rejections = append(rejections, &hook.Rejection{Source: src.ID, Status: 401, Reason: "no signature", Method: "POST", Body: []byte(body), At: time.Now()})
	}
	if err := r.store.SaveVisits(context.Background(), nil, rejections); err != nil {
		t.Fatal(err)
	}
	env := r.store.Codec().Environment(r.env.ID)
	common := map[string]string{
		"env_id": env, "app_id": app, "endpoint_id": e, "msg_id": m, "attempt_id": at, "event_type_name": "card.added",
		"source_id": source, "provider_name": "github", "destination_id": r.fifo(app, ""),
	}
	inner := r.must(201, "POST", "/ingest/api/v1/source/"+source+"/endpoint", `{"url":"https://example.com/in"}`).str("id")
	places := []map[string]string{common}
	// A script may throw what it is given.
	r.attempt(app, e, raw, func(a *hook.Attempt) {
		a.Outcome, a.Reason, a.Error, a.Status = hook.Failed, hook.ReasonTransformError, "line 1: Error: "+canary, 0
	})
	thrown := r.must(200, "GET", "/api/v1/app/a/attempt/msg/"+raw, "").str("data.0.id")
	for _, other := range []map[string]string{{"msg_id": raw}, {"msg_id": raw, "attempt_id": thrown, "id": raw}, {"id": thrown}, {"app_id": inside, "msg_id": received}, {"app_id": inside, "msg_id": form}, {"endpoint_id": inner}} {
		place := map[string]string{}
		for _, from := range []map[string]string{common, other} {
			for name, id := range from {
				place[name] = id
			}
		}
		places = append(places, place)
	}
	portal, readsAll, reads := r.portal(app, ""), r.scoped(t, env, `["*:read"]`), r.scoped(t, env, `["*:read","sensitive:read"]`)
	shown := map[string]bool{} // operations that show it to who may see it
	for _, rt := range routes() {
		if rt.stream || rt.op == "listen" || strings.HasSuffix(rt.op, ".listen") || rt.access.open ||
			rt.method != http.MethodGet && !slices.Contains(readByPost, rt.op) && !slices.Contains(payloadOperations, rt.op) {
			continue // the first two deliver; the others show no payload or change something
		}
		body := ""
		if takesBody(rt.method) {
			body = `{"withContent":true,"with_content":true,"last":20,"code":"function handler(webhook) { return webhook }"}`
		}
		for _, ids := range places {
			path := fill(rt.path, ids)
			if strings.Contains(path, "{") {
				continue
			}
			query := "?with_msg=true&with_content=true&q=" + ids["msg_id"]
			for who, token := range map[string]string{"the main token": r.token, "a portal": portal, "one that reads all": readsAll} {
				if a := r.send(request{method: rt.method, path: path + query, token: token, body: body}); strings.Contains(string(a.body), canary) {
					t.Errorf("%s %s shows it to %s: %s", rt.method, path, who, a.body)
				}
			}
			if !slices.Contains(payloadOperations, rt.op) {
				continue
			}
			for _, token := range []string{r.token, reads} {
				if token == reads && rt.needs != hook.Scope("") && !slices.Contains(readByPost, rt.op) && rt.method != http.MethodGet {
					continue // it changes, or shows what only those see who may
				}
				if a := r.send(request{method: rt.method, path: path + query + "&redacted=false", token: token, body: body}); strings.Contains(string(a.body), canary) {
					shown[rt.op] = true
				} else if a.status >= 300 && a.status != 404 {
					t.Errorf("%s %s?redacted=false: %d %s", rt.method, path, a.status, a.body)
				}
			}
			for who, token := range map[string]string{"a portal": portal, "one that reads all": readsAll} {
				a := r.send(request{method: rt.method, path: path + query + "&redacted=false", token: token, body: body})
				if a.status != 403 && a.status != 404 {
					t.Errorf("%s %s?redacted=false as %s: %d", rt.method, path, who, a.status)
				}
			}
		}
	}
	// Where no script led elsewhere the URL is no secret.
	plain := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"card.added","payload":{}}`).str("id")
	r.attempt(app, e, plain, succeed)
	if got := r.must(200, "GET", "/api/v1/app/a/attempt/msg/"+plain, "").str("data.0.url"); got != "https://example.com/hook" {
		t.Errorf("the endpoint's own URL is shown as %q", got)
	}
	for _, op := range payloadOperations {
		if !shown[op] && op != "events.stream" { // operational webhooks carry no payloads of others
			t.Errorf("%s never showed the value to one who may see it, so that nothing is proven of it", op)
		}
	}
}

func (r *rig) scoped(t *testing.T, env, scopes string) string {
	t.Helper()
	return r.must(200, "POST", "/api/v1/management/authentication/"+env+"/api-token", `{"name":"n","scopes":`+scopes+`}`).str("token")
}

func TestRedactionOfAnEventType(t *testing.T) {
	r := newRig(t)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"a.b","description":"d"}`)
	r.app("a")
	m := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"a.b","payload":{"x":"canary"}}`).str("id")
	const path = "/x/v1/event-type/a.b/redaction"
	if a := r.must(200, "GET", path, ""); a.str("redact") != "[]" {
		t.Errorf("nothing is redacted: %s", a.body)
	}
	if a := r.must(200, "GET", "/api/v1/app/a/msg/"+m, ""); a.str("payload.x") != "canary" {
		t.Errorf("before: %s", a.body)
	}
	r.must(200, "PUT", path, `{"redact":["x"]}`)
	if a := r.must(200, "GET", "/api/v1/app/a/msg/"+m, ""); a.str("payload.x") != hook.Redacted {
		t.Errorf("a message from before is shown as %s", a.body)
	}
	if a := r.must(200, "GET", "/api/v1/event-type/a.b", ""); a.str("redact") != `["x"]` {
		t.Errorf("the type: %s", a.body)
	}
	r.must(204, "DELETE", "/api/v1/event-type/a.b", "") // archives
	if a := r.must(200, "GET", "/api/v1/app/a/msg/"+m, ""); a.str("payload.x") != hook.Redacted {
		t.Errorf("of an archived type: %s", a.body)
	}
	for body, loc := range map[string]string{
		`{}`: "body redact", `{"redact":["a","b["]}`: "body redact [1]", `{"redact":[""]}`: "body redact [0]", `{"redact":"a"}`: "body redact",
		`{"redact":["a","a"]}`: "body redact [1]",
	} {
		if a := r.call("PUT", path, body); a.status != 422 || a.loc() != loc {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := r.must(200, "PUT", path, `{"redact":[]}`); a.str("redact") != "[]" {
		t.Errorf("cleared: %s", a.body)
	}
	if a := r.must(200, "GET", "/api/v1/app/a/msg/"+m, ""); a.str("payload.x") != "canary" {
		t.Errorf("after: %s", a.body)
	}
	if a := r.call("GET", "/api/v1/app/a/msg/"+m+"?redacted=maybe", ""); a.status != 422 && a.status != 400 {
		t.Errorf("redacted=maybe: %d", a.status)
	}
}
