package httpapi

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/filter"
	"github.com/hookloft/hookloft/internal/hook"
)

func TestEndpointFilter(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	path := "/x/v1/app/a/endpoint/" + ep + "/filter"
	if a := r.must(200, "GET", path, ""); string(a.body) != `{"filter":null}` {
		t.Errorf("untouched: %s", a.body)
	}
	const set = `{"filter":{"payload":{"total":{"$gt":9007199254740993}}}}`
	if a := r.must(200, "PUT", path, set); string(a.body) != set {
		t.Errorf("set: %s", a.body)
	}
	r.restart()
	if a := r.must(200, "GET", path, ""); string(a.body) != set {
		t.Errorf("after a restart: %s", a.body)
	}
	// The endpoint's own operations leave it alone, and do not show it.
	for _, c := range []struct{ method, body string }{{"PUT", `{"url":"https://example.com/b"}`}, {"PATCH", `{"description":"x"}`}, {"GET", ""}} {
		if a := r.must(200, c.method, "/api/v1/app/a/endpoint/"+ep, c.body); strings.Contains(string(a.body), "$gt") {
			t.Errorf("%s: %s", c.method, a.body)
		}
	}
	if a := r.must(200, "GET", path, ""); string(a.body) != set {
		t.Errorf("after the endpoint was replaced: %s", a.body)
	}
	r.must(204, "DELETE", path, "")
	r.must(204, "DELETE", path, "")
	if a := r.must(200, "GET", path, ""); string(a.body) != `{"filter":null}` {
		t.Errorf("deleted: %s", a.body)
	}
	if e, err := r.store.Endpoint(context.Background(), mustApp(r, app), ep); err != nil || e.Filter != nil {
		t.Errorf("%+v, %v", e.Filter, err)
	}
}

func TestEndpointFilterRefusesBadInput(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	source := r.source("src", "github", `{}`)
	sourceEndpoint := r.must(201, "POST", "/ingest/api/v1/source/"+source+"/endpoint", `{"url":"https://example.com/"}`).str("id")
	paths := []string{"/x/v1/app/a/endpoint/" + ep + "/filter", "/x/v1/source/" + source + "/endpoint/" + sourceEndpoint + "/filter"}
	const before = `{"filter":{"eventType":"a"}}`
	for _, path := range paths {
		r.must(200, "PUT", path, before)
		for _, c := range []struct{ name, body, loc, msg string }{
			{"no body", ``, "body", ""},
			{"nothing", `{}`, "body filter", "must be an object"},
			{"null", `{"filter":null}`, "body filter", "must be an object"},
			{"a text", `{"filter":"{}"}`, "body filter", "must be an object"},
			{"empty", `{"filter":{}}`, "body filter", "at least one clause"},
			{"too long", `{"filter":{"eventType":"` + strings.Repeat("x", filter.MaxTextBytes) + `"}}`, "body filter", "at most 16384 bytes"},
			{"twice", `{"filter":{"eventType":"a","eventType":"b"}}`, "body filter eventType", ""},
			{"unknown section", `{"filter":{"body":1}}`, "body filter body", "is no section"},
			{"operand", `{"filter":{"payload":{"amount":{"$gt":[]}}}}`, "body filter payload amount $gt", "a number or a text is needed"},
			{"in a list", `{"filter":{"$or":[{"eventType":"a"},{"payload":{"a":{"$nope":1}}}]}}`, "body filter $or [1] payload a $nope", "is no operator"},
			{"regex", `{"filter":{"eventType":{"$regex":"a{2000}"}}}`, "body filter eventType $regex", "invalid repeat count"},
		} {
			a := r.call("PUT", path, c.body)
			if a.status != 422 || a.loc() != c.loc || !strings.Contains(string(a.body), c.msg) {
				t.Errorf("%s: %d at %q: %s", c.name, a.status, a.loc(), a.body)
			}
		}
		if a := r.must(200, "GET", path, ""); string(a.body) != before {
			t.Errorf("a refused filter changed something: %s", a.body)
		}
	}
}

func TestFilterTest(t *testing.T) {
	r := newRig(t)
	r.app("a")
	msg := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"order.paid","eventId":"ev-1","channels":["eu"],"payload":{"total":42,"card":"4242"}}`).str("id")
	r.must(200, "PATCH", "/api/v1/app/a", `{"metadata":{"tier":"gold"}}`)
	const matches = `{"matches":true,"why":"Every clause of the filter holds.","clause":null}`
	for _, c := range []struct{ body, want string }{
		{`{"filter":{"payload":{"a":1}},"payload":{"a":1.0}}`, matches},
		{`{"filter":{"payload":{"a":{"$gt":1}}},"payload":{"a":1}}`,
			`{"matches":false,"why":"payload.a $gt 1: does not hold for a number.","clause":{"path":"payload.a","operator":"$gt","wanted":"1","found":"does not hold for a number"}}`},
		{`{"filter":{"payload":{"a":1}},"rawPayload":"<a/>"}`,
			`{"matches":false,"why":"payload.a: the payload is not JSON.","clause":{"path":"payload.a","operator":null,"wanted":null,"found":"the payload is not JSON"}}`},
		{`{"filter":{"headers":{"x-kind":"a"},"query":{"n":"1"},"metadata":{"tier":"gold"},"eventType":"e","channels":"c"},
			"headers":{"X-Kind":"a"},"query":"n=1&n=2","metadata":{"tier":"gold"},"eventType":"e","channels":["c","d"]}`, matches},
		{`{"filter":{"payload":{"total":{"$lt":100}},"eventType":"order.paid","channels":"eu","metadata":{"tier":"gold"}},"msgId":"` + msg + `"}`, matches},
		{`{"filter":{"payload":{"total":{"$lt":100}}},"appId":"a","msgId":"ev-1"}`, matches},
		{`{"filter":{"headers":{"x":{"$exist":false}}},"appId":"a","msgId":"` + msg + `"}`, matches},
	} {
		if a := r.must(200, "POST", "/x/v1/filter/test", c.body); string(a.body) != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.body, a.body, c.want)
		}
	}
	for _, c := range []struct{ name, body, loc string }{
		{"no filter", `{"payload":{}}`, "body filter"},
		{"broken filter", `{"filter":{"payload":{"a":{}}},"payload":{}}`, "body filter payload a"},
		{"two payloads", `{"filter":{"payload":1},"payload":1,"rawPayload":"1"}`, "body rawPayload"},
		{"application alone", `{"filter":{"payload":1},"appId":"a"}`, "body appId"},
		{"message and payload", `{"filter":{"payload":1},"msgId":"` + msg + `","payload":1}`, "body payload"},
		{"message and channels", `{"filter":{"payload":1},"msgId":"` + msg + `","channels":[]}`, "body channels"},
	} {
		if a := r.call("POST", "/x/v1/filter/test", c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("%s: %d at %q %s", c.name, a.status, a.loc(), a.body)
		}
	}
	// A message of another tenant's is one that does not exist.
	r.app("b")
	_, foreign := r.environment("other")
	portal := r.portal("b", `{}`)
	body := `{"filter":{"payload":{"$exist":true}},"msgId":"%s"%s}`
	unknown := r.send(request{method: "POST", path: "/x/v1/filter/test", token: r.token, body: fmt.Sprintf(body, "msg_"+strings.Repeat("0", 27), "")})
	for name, token := range map[string]string{"portal": portal, "environment": foreign} {
		for _, more := range []string{"", `,"appId":"a"`} {
			a := r.send(request{method: "POST", path: "/x/v1/filter/test", token: token, body: fmt.Sprintf(body, msg, more)})
			if a.status != 404 || string(a.body) != string(unknown.body) {
				t.Errorf("%s %s: %d %s", name, more, a.status, a.body)
			}
		}
	}
	if a := r.send(request{method: "POST", path: "/x/v1/filter/test", token: r.portal("a", `{}`), body: fmt.Sprintf(body, msg, "")}); a.status != 200 {
		t.Errorf("its own portal: %d %s", a.status, a.body)
	}
	// A token that may not read messages asks no filter about them.
	env := r.store.Codec().Environment(r.env.ID)
	scoped := r.must(200, "POST", "/api/v1/management/authentication/"+env+"/api-token", `{"name":"n","scopes":["endpoint:read"]}`).str("token")
	if a := r.send(request{method: "POST", path: "/x/v1/filter/test", token: scoped, body: fmt.Sprintf(body, msg, "")}); a.status != 403 {
		t.Errorf("without message:read: %d %s", a.status, a.body)
	}
	if a := r.send(request{method: "POST", path: "/x/v1/filter/test", token: scoped, body: `{"filter":{"payload":1},"payload":1}`}); a.status != 200 {
		t.Errorf("a described message: %d %s", a.status, a.body)
	}
	// Nor does it spell out what is redacted.
	r.must(201, "POST", "/api/v1/event-type", `{"name":"order.paid","description":"d"}`)
	r.must(200, "PUT", "/x/v1/event-type/order.paid/redaction", `{"redact":["card"]}`)
	probe := `{"filter":{"payload":{"card":{"$startsWith":"4"},"total":42}},"msgId":"` + msg + `"}`
	if a := r.must(200, "POST", "/x/v1/filter/test", probe); a.str("matches") != "false" || a.str("clause.path") != "payload.card" {
		t.Errorf("a redacted value was asked for: %s", a.body)
	}
	if a := r.must(200, "POST", "/x/v1/filter/test?redacted=false", probe); a.str("matches") != "true" {
		t.Errorf("whole: %s", a.body)
	}
	if a := r.send(request{method: "POST", path: "/x/v1/filter/test?redacted=false", token: r.portal("a", `{}`), body: probe}); a.status != 403 {
		t.Errorf("whole, to a portal: %d %s", a.status, a.body)
	}
	// Content that is gone has no answer.
	r.must(204, "DELETE", "/api/v1/app/a/msg/"+msg+"/content", "")
	if a := r.call("POST", "/x/v1/filter/test", fmt.Sprintf(body, msg, "")); a.status != 400 || a.str("code") != "missing_payload" {
		t.Errorf("expunged: %d %s", a.status, a.body)
	}
}

// What a filter skips is shown with the clause that decided, wherever deliveries are shown.
func TestSkippedDeliveryIsShown(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	r.must(200, "PUT", "/x/v1/app/a/endpoint/"+ep+"/filter", `{"filter":{"payload":{"total":{"$gt":100}}}}`)
	msg := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"order.paid","payload":{"total":42}}`).str("id")
	const note = "payload.total $gt: does not hold for a number"
	a := r.must(200, "GET", "/api/v1/app/a/msg/"+msg+"/endpoint", "")
	if a.str("data.0.hookloft.reason") != "skipped_filter" || a.str("data.0.hookloft.note") != note || a.str("data.0.status") != "0" {
		t.Errorf("destinations: %s", a.body)
	}
	a = r.must(200, "GET", "/x/v1/why/"+msg, "")
	want := "Delivered to 0 of 1 endpoint. Not sent. The endpoint's filter does not want this message (" + note + ")."
	if a.str("verdict") != want || a.str("reason") != "skipped_filter" || a.str("deliveries.0.note") != note || a.str("deliveries.0.state") != "cancelled" {
		t.Errorf("why: %s", a.body)
	}
	// Status 4 finds it; without expanded statuses it shows as success.
	a = r.must(200, "GET", "/api/v1/app/a/endpoint/"+ep+"/msg?status=4&expanded_statuses=true", "")
	if a.str("data.0.id") != msg || a.str("data.0.statusText") != "canceled" {
		t.Errorf("attempted messages: %s", a.body)
	}
	// Asked for by hand it is sent, whatever the filter says.
	r.must(202, "POST", "/api/v1/app/a/msg/"+msg+"/endpoint/"+ep+"/resend", "")
	due, err := r.store.Deliveries(context.Background(), mustApp(r, app), mustMessage(r, app, msg))
	if err != nil || len(due) != 1 || due[0].State != hook.Cancelled {
		t.Errorf("the pair: %+v, %v", due, err)
	}
}

func mustMessage(r *rig, app, id string) hook.MessageID {
	r.t.Helper()
	key, ok := r.store.Codec().ParseMessage(mustApp(r, app), id)
	if !ok {
		r.t.Fatalf("%s is no message", id)
	}
	return key
}
