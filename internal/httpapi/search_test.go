package httpapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/publish"
)

func (r *rig) find(token, q string) (out api.SearchOut) {
	r.t.Helper()
	a := r.send(request{method: "GET", path: "/x/v1/search?q=" + q, token: token})
	if a.status != 200 {
		r.t.Fatalf("search %s: %d %s", q, a.status, a.body)
	}
	if err := json.Unmarshal(a.body, &out); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// TestSearchFindsAnyID looks for each kind of thing by each of its names; another
// environment finds nothing of it, and its paths lead to it.
func TestSearchFindsAnyID(t *testing.T) {
	r := newRig(t)
	_, foreign := r.environment("other")
	r.must(201, "POST", "/api/v1/event-type", `{"name":"invoice.paid","description":"d"}`)
	for i := range 5 { // others, that are not it
		r.endpoint(r.app(fmt.Sprint("other", i)), `,"uid":"another"`)
	}
	app := r.app("shop")
	ep := r.endpoint(app, `,"uid":"main-endpoint"`)
	m := r.message(app, `,"eventId":"order-77"`)
	r.attempt(app, ep, m, succeed)
	at := r.must(200, "GET", "/api/v1/app/"+app+"/attempt/msg/"+m, "").str("data.0.id")
	task := r.must(202, "POST", "/api/v1/app/"+app+"/endpoint/"+ep+"/recover", `{"since":"`+hourAgo()+`"}`).str("id")
	src := r.source("git", "github", `{}`)
	for _, c := range []struct{ q, kind, id, by string }{
		{app, "application", app, "id"},
		{"shop", "application", app, "uid"},
		{ep, "endpoint", ep, "id"},
		{"main-endpoint", "endpoint", ep, "uid"},
		{m, "message", m, "id"},
		{"order-77", "message", m, "eventId"},
		{at, "attempt", at, "id"},
		{task, "task", task, "id"},
		{src, "source", src, "id"},
		{"git", "source", src, "uid"},
		{"invoice.paid", "event_type", "invoice.paid", "name"},
		{r.store.Codec().Environment(r.env.ID), "environment", r.store.Codec().Environment(r.env.ID), "id"},
	} {
		out := r.find(r.token, c.q)
		if len(out.Data) != 1 || !out.Complete || out.Data[0].Kind != c.kind || out.Data[0].ID != c.id || out.Data[0].By != c.by {
			t.Errorf("%s: %+v, want %s %s by %s", c.q, out, c.kind, c.id, c.by)
			continue
		}
		if p := out.Data[0].Path; p == nil {
			t.Errorf("%s has no path", c.q)
		} else if a := r.call("GET", *p, ""); a.status != 200 || c.by == "id" && c.kind != "environment" && a.str("id") != c.id {
			t.Errorf("%s: %s answers %d %s", c.q, *p, a.status, a.body)
		}
		if out := r.find(foreign, c.q); len(out.Data) != 0 {
			t.Errorf("another environment finds %s: %+v", c.q, out.Data)
		}
	}
	if out := r.find(r.token, "another"); len(out.Data) != 5 {
		t.Errorf("a uid of five endpoints: %+v", out.Data)
	}
	r.must(204, "DELETE", "/api/v1/app/"+app+"/endpoint/"+ep, "")
	for _, q := range []string{ep, at} {
		if out := r.find(r.token, q); len(out.Data) != 1 {
			t.Errorf("%s of a deleted endpoint: %+v", q, out)
		}
	}
	unknown := m[:len(m)-1] + "0"
	if unknown == m {
		unknown = m[:len(m)-1] + "1"
	}
	for _, q := range []string{"nothing", "msg_", "msg_" + strings.Repeat("0", 27), "atmpt_" + strings.Repeat("z", 27), "ep_x", "key_x", "%22%27%3B--", "%E2%98%83", unknown} {
		if out := r.find(r.token, q); len(out.Data) != 0 || !out.Complete {
			t.Errorf("%s: %+v", q, out)
		}
	}
}

// TestSearchLeadsToOperationalWebhooks: what belongs to the operational application is
// found, and no path leads to where nobody may look.
func TestSearchLeadsToOperationalWebhooks(t *testing.T) {
	r := newRig(t)
	ep := r.must(201, "POST", operationalPath, `{"url":"https://example.com/","uid":"ops"}`).str("id")
	plan, err := r.store.PlanOf(t.Context(), r.env.ID.Operational())
	if err != nil {
		t.Fatal(err)
	}
	app := r.store.Codec().Application(r.env.ID, plan.Application.ID)
	done, err := publish.New(r.store, r.store, r.store, publish.Options{}).Publish(t.Context(), publish.Request{
		Environment: plan.Environment, Application: plan.Application.ID, Message: hook.Message{EventType: hook.EndpointCreated, Payload: []byte(`{}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := r.store.Codec().Message(plan.Application.ID, done.Message.ID)
	var tried hook.AttemptID
	r.attempt(app, ep, m, func(a *hook.Attempt) { tried = a.ID })
	at := r.store.Codec().Attempt(plan.Application.ID, tried)
	for q, kind := range map[string]string{ep: "endpoint", "ops": "endpoint", m: "message", at: "attempt"} {
		out := r.find(r.token, q)
		if len(out.Data) != 1 || out.Data[0].Kind != kind {
			t.Errorf("%s: %+v", q, out)
			continue
		}
		hit := out.Data[0]
		if hit.AppID != nil {
			t.Errorf("%s %s names the application %s, which is nobody's", kind, q, *hit.AppID)
		}
		switch {
		case kind != "endpoint" && hit.Path != nil:
			t.Errorf("%s has the path %s", kind, *hit.Path)
		case kind == "endpoint" && hit.Path == nil:
			t.Errorf("%s has no path", kind)
		case kind == "endpoint":
			if a := r.must(200, "GET", *hit.Path, ""); a.str("id") != ep {
				t.Errorf("%s: %s", *hit.Path, a.body)
			}
		}
	}
}

// TestHistoryOfADeletedEndpoint lists what it got while it was there.
func TestHistoryOfADeletedEndpoint(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	m := r.message(app, "")
	r.attempt(app, ep, m, succeed)
	r.must(204, "DELETE", "/api/v1/app/"+app+"/endpoint/"+ep, "")
	for path, want := range map[string]string{
		"/attempt/endpoint/" + ep:            "data.0.msgId",
		"/endpoint/" + ep + "/msg":           "data.0.id",
		"/attempt/endpoint/" + ep + "/count": "",
	} {
		a := r.must(200, "GET", "/api/v1/app/"+app+path, "")
		if want != "" && a.str(want) != m || want == "" && a.num("count") != 1 {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if a := r.must(200, "GET", "/x/v1/why/"+ep, ""); a.str("verdict") != "The endpoint was deleted and gets nothing." {
		t.Errorf("%s", a.body)
	}
	r.must(404, "GET", "/api/v1/app/"+app+"/endpoint/"+ep, "")
	r.must(404, "GET", "/api/v1/app/"+r.app("b")+"/attempt/endpoint/"+ep, "")
}

func TestWhySaysWhatBecameOfIt(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	good, bad := r.endpoint(app, ""), r.endpoint(app, "")
	m := r.message(app, "")
	why := func(id string) (out api.WhyOut) {
		t.Helper()
		if err := json.Unmarshal(r.must(200, "GET", "/x/v1/why/"+id, "").body, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if w := why(m); !strings.HasPrefix(w.Verdict, "Delivered to 0 of 2 endpoints. Not tried yet") {
		t.Errorf("before the first attempt: %+v", w)
	}
	r.attempt(app, good, m, succeed)
	r.attempt(app, bad, m, func(a *hook.Attempt) {
		a.Outcome, a.Status, a.Reason, a.Body, a.RemoteAddr = hook.Failed, 503, hook.ReasonServer, []byte("secret body"), "203.0.113.5:443"
	})
	w := why(m)
	if w.Kind != "message" || w.AppID != app || w.Reason != "server" || !strings.Contains(w.Verdict, "Delivered to 1 of 2 endpoints. Failed once and is tried again at ") ||
		!strings.Contains(w.Verdict, "the answer was 503, from 203.0.113.5:443") || w.NextStep == nil || *w.NextStep != hook.Explain(hook.ReasonServer).Next {
		t.Errorf("message: %+v", w)
	}
	last := w.Deliveries[1].LastAttemptID
	a := why(last)
	if slices.ContainsFunc(a.Facts, func(f api.WhyFact) bool { return f.Name == "protocol" || f.Name == "certificate" }) {
		t.Errorf("facts of an attempt whose connection told nothing: %+v", a.Facts)
	}
	if a.Kind != "attempt" || a.Reason != "server" || !strings.HasPrefix(a.Verdict, "Failed: The receiver failed while it handled the request (5xx) (the answer was 503") || a.Attempt == nil || a.Attempt.ID != last || a.Attempt.Response != "{}" {
		t.Errorf("attempt: %+v", a)
	}
	secured := func(a *hook.Attempt) {
		a.TLS = &hook.TLS{Version: 0x0304, Subject: "example.com", Issuer: "CA", NotAfter: time.Unix(1_700_000_000, 0)}
	}
	const certificate = "of example.com, signed by CA, valid until 2023-11-14T22:13:20Z"
	r.attempt(app, bad, m, func(a *hook.Attempt) {
		a.Outcome, a.Reason, a.Error = hook.Failed, hook.ReasonTLSExpired, "it has expired"
		a.Status = 0
		secured(a)
	})
	if w := why(m); !strings.Contains(w.Verdict, "(it has expired, the certificate is "+certificate+")") {
		t.Errorf("an expired certificate: %+v", w)
	}
	r.attempt(app, bad, m, func(a *hook.Attempt) {
		succeed(a)
		secured(a)
		a.TLS.Protocol = hook.HTTP2
	})
	over := why(why(m).Deliveries[1].LastAttemptID)
	for _, f := range []api.WhyFact{{Name: "protocol", Value: "h2"}, {Name: "TLS version", Value: "TLS 1.3"}, {Name: "certificate", Value: certificate}} {
		if !slices.Contains(over.Facts, f) {
			t.Errorf("no %s among %+v", f.Name, over.Facts)
		}
	}
	if d := over.Attempt.Hookloft; d.Protocol != "h2" || d.TLS == nil || d.TLS.Version != "TLS 1.3" || d.TLS.Subject != "example.com" || d.TLS.NotAfter == nil {
		t.Errorf("attempt over TLS: %+v", d)
	}
	if w := why(m); w.Verdict != "Delivered to 2 endpoints." || w.NextStep != nil || w.Deliveries[1].Verdict != "Delivered after 3 attempts." {
		t.Errorf("delivered: %+v", w)
	}
	r.must(200, "PATCH", "/api/v1/app/"+app+"/endpoint/"+bad, `{"disabled":true}`)
	if w := why(bad); w.Verdict != "The endpoint was disabled by its owner." || w.NextStep == nil {
		t.Errorf("disabled: %+v", w)
	}
	none := r.must(202, "POST", "/api/v1/app/"+r.app("lonely")+"/msg", `{"eventType":"a","payload":{}}`).str("id")
	if w := why(none); w.Verdict != "No endpoint wanted this message when it was accepted." || w.NextStep == nil {
		t.Errorf("nobody wants it: %+v", w)
	}
	// A portal token knows its own application alone.
	own, other := r.portal(app, `{}`), r.portal(r.app("b"), `{}`)
	for _, id := range []string{m, last, bad} {
		if a := r.send(request{method: "GET", path: "/x/v1/why/" + id, token: own}); a.status != 200 {
			t.Errorf("own %s: %d", id, a.status)
		}
		a := r.send(request{method: "GET", path: "/x/v1/why/" + id, token: other})
		b := r.send(request{method: "GET", path: "/x/v1/why/msg_" + strings.Repeat("0", 27), token: other})
		if a.status != 404 || string(a.body) != string(b.body) {
			t.Errorf("another's %s: %d %s", id, a.status, a.body)
		}
	}
}

func TestReasonsAreListed(t *testing.T) {
	r := newRig(t)
	a := r.must(200, "GET", "/x/v1/reason", "")
	var out api.ReasonList
	if err := json.Unmarshal(a.body, &out); err != nil || len(out.Data) != len(hook.Explanations()) || out.Data[0].Words == "" {
		t.Errorf("%s %v", a.body, err)
	}
}

// TestEventsReadTheLogInOrder reads messages as they were accepted, page by page, and goes
// on where it stopped when there are more.
func TestEventsReadTheLogInOrder(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	publish := func(typ, more string) string {
		return r.must(202, "POST", "/api/v1/app/"+app+"/msg", `{"eventType":"`+typ+`","payload":{"a": 1.0}`+more+`}`).str("id")
	}
	type page struct {
		Data     []struct{ ID string }
		Iterator string
		Done     bool
	}
	read := func(query string) (p page) {
		t.Helper()
		if err := json.Unmarshal(r.must(200, "GET", "/api/v1/app/"+app+"/events"+query, "").body, &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	begin := read("")
	if len(begin.Data) != 0 || !begin.Done || begin.Iterator == "" {
		t.Fatalf("empty log: %+v", begin)
	}
	var want []string
	for i := range 5 {
		want = append(want, publish([]string{"a", "b"}[i%2], fmt.Sprintf(`,"channels":["c%d"]`, i)))
	}
	var got []string
	at := "?limit=2&iterator=" + begin.Iterator
	for range 10 {
		p := read(at)
		for _, m := range p.Data {
			got = append(got, m.ID)
		}
		at = "?limit=2&iterator=" + p.Iterator
		if p.Done {
			break
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("read %v, want %v", got, want)
	}
	if p := read(at); len(p.Data) != 0 || !p.Done {
		t.Errorf("at the end: %+v", p)
	}
	next := publish("a", "")
	if p := read(at); len(p.Data) != 1 || p.Data[0].ID != next {
		t.Errorf("after one more: %+v", p)
	}
	if p := read("?event_types=b"); len(p.Data) != 2 || p.Data[0].ID != want[1] {
		t.Errorf("one type: %+v", p)
	}
	if p := read("?channels=c1,c4"); len(p.Data) != 2 || p.Data[1].ID != want[4] {
		t.Errorf("channels: %+v", p)
	}
	if p := read("?after=" + time.Now().Add(time.Minute).UTC().Format(time.RFC3339)); len(p.Data) != 0 {
		t.Errorf("after now: %+v", p)
	}
	if a := r.must(200, "GET", "/api/v1/app/"+app+"/events", ""); !strings.Contains(string(a.body), `{"a": 1.0}`) {
		t.Errorf("the payload is not as it was: %s", a.body)
	}
	if a := r.must(200, "GET", "/api/v1/events", ""); !strings.Contains(string(a.body), `"data":[]`) {
		t.Errorf("operational webhooks without a receiver: %s", a.body)
	}
	// An iterator of another application is none.
	if a := r.call("GET", "/api/v1/app/"+r.app("b")+"/events?iterator="+begin.Iterator, ""); a.status != 422 {
		t.Errorf("a foreign iterator: %d", a.status)
	}
	a := r.must(200, "POST", "/api/v1/app/"+app+"/msg/search", `{"event_types":["b"],"limit":1}`)
	if a.str("data.0.id") != want[3] || !strings.Contains(string(a.body), `"payload":{}`) || strings.Contains(string(a.body), `"done":true`) {
		t.Errorf("search: %s", a.body)
	}
	if a := r.must(200, "POST", "/api/v1/app/"+app+"/msg/search", `{"channel":"c0","with_content":true}`); a.str("data.0.id") != want[0] || !strings.Contains(string(a.body), `{"a": 1.0}`) {
		t.Errorf("search by channel: %s", a.body)
	}
	if a := r.must(200, "GET", "/api/v1/app/"+app+"/msg/"+next+"/raw", ""); a.str("payload") != `{"a": 1.0}` {
		t.Errorf("raw: %s", a.body)
	}
	r.must(204, "DELETE", "/api/v1/app/"+app+"/msg/"+next+"/content", "")
	if a := r.must(400, "GET", "/api/v1/app/"+app+"/msg/"+next+"/raw", ""); a.str("code") != "missing_payload" {
		t.Errorf("raw of expunged content: %s", a.body)
	}
}

func TestAttemptHeadersWithholdSecrets(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	m := r.message(app, "")
	r.attempt(app, ep, m, func(a *hook.Attempt) { a.Header = []byte("Content-Type: text/plain\r\nX-A: b: c") })
	at := r.must(200, "GET", "/api/v1/app/"+app+"/attempt/msg/"+m, "").str("data.0.id")
	a := r.must(200, "GET", "/api/v1/app/"+app+"/msg/"+m+"/attempt/"+at+"/headers", "")
	want := `{"sentHeaders":{"User-Agent":"test","Webhook-Id":"msg","X-Two":"a, b"},"responseHeaders":[["Content-Type","text/plain"],["X-A","b: c"]],"sensitive":["Authorization"]}`
	if string(a.body) != want {
		t.Errorf("%s\nwant\n%s", a.body, want)
	}
	r.must(200, "PUT", "/x/v1/app/"+app+"/endpoint/"+ep+"/request", `{"token":{"in":"header","name":"x-two","value":"hunter2"}}`)
	if a := r.must(200, "GET", "/api/v1/app/"+app+"/msg/"+m+"/attempt/"+at+"/headers", ""); a.str("sensitive") != `["Authorization","X-Two"]` || strings.Contains(string(a.body), "a, b") {
		t.Errorf("the token of the endpoint's requests is shown: %s", a.body)
	}
	r.must(204, "DELETE", "/api/v1/app/"+app+"/endpoint/"+ep, "")
	if a := r.must(200, "GET", "/api/v1/app/"+app+"/msg/"+m+"/attempt/"+at+"/headers", ""); !strings.Contains(string(a.body), `"sentHeaders":{}`) {
		t.Errorf("of a deleted endpoint: %s", a.body)
	}
}
