package httpapi

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
)

func TestAttempts(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	e := r.endpoint(app, `,"uid":"e"`)
	type sent struct {
		id     string
		change func(*hook.Attempt)
	}
	messages := map[string]sent{
		"ok":      {r.message(app, `,"channels":["c"],"tags":["t"]`), succeed},
		"error":   {r.message(app, ""), fail(500)},
		"refused": {r.message(app, ""), fail(0)},
		"gone":    {r.message(app, ""), func(a *hook.Attempt) { a.Outcome, a.Status, a.Reason = hook.Gone, 410, hook.ReasonGone }},
		"binary":  {r.message(app, ""), func(a *hook.Attempt) { a.Body = []byte{0xff, 0xfe, 'x'} }},
		"cut":     {r.message(app, ""), func(a *hook.Attempt) { a.Body, a.BodyTruncated = []byte("ab\xc3"), true }},
	}
	for _, name := range []string{"ok", "error", "refused", "gone", "binary", "cut"} {
		r.attempt(app, e, messages[name].id, messages[name].change)
	}
	one := func(name, query string) answer {
		t.Helper()
		return r.must(200, "GET", "/api/v1/app/a/attempt/msg/"+messages[name].id+"?"+query, "")
	}
	for _, c := range []struct{ message, field, want string }{
		{"ok", "status", "0"}, {"ok", "statusText", "success"}, {"ok", "responseStatusCode", "200"}, {"ok", "response", "ok"},
		{"ok", "triggerType", "0"}, {"ok", "url", "https://example.com/hook"}, {"ok", "endpointId", e}, {"ok", "msgId", messages["ok"].id},
		{"ok", "responseDurationMs", "12"}, {"ok", "hookloft.n", "1"}, {"ok", "hookloft.reason", "null"}, {"ok", "msg", "null"},
		{"error", "status", "3"}, {"error", "statusText", "sending"}, {"error", "hookloft.reason", "server"},
		{"refused", "responseStatusCode", "0"}, {"refused", "hookloft.reason", "connect_refused"}, {"refused", "response", ""},
		{"gone", "status", "2"}, {"gone", "statusText", "fail"},
		{"binary", "response", "//54"}, {"binary", "hookloft.responseBase64", "true"},
		{"cut", "response", "ab"}, {"cut", "hookloft.bodyTruncated", "true"},
	} {
		if got := one(c.message, "").str("data.0." + c.field); got != c.want {
			t.Errorf("%s: %s = %s, want %s", c.message, c.field, got, c.want)
		}
	}
	if a := one("error", ""); a.str("data.0.hookloft.nextAttempt") == "null" {
		t.Errorf("no next attempt: %s", a.body)
	}
	if a := one("ok", "with_content=false"); a.str("data.0.response") != "{}" {
		t.Errorf("without content: %s", a.body)
	}
	list := "/api/v1/app/a/attempt/endpoint/e?"
	for query, want := range map[string]int{
		"": 6, "status=0": 3, "status=1": 0, "status=2": 1, "status=3": 2, "status=4&expanded_statuses=true": 0,
		"status_code_class=200": 3, "status_code_class=500": 1, "status_code_class=400": 1, "status_code_class=0": 1, "status_code_class=300": 0,
		"channel=c": 1, "tag=t": 1, "event_types=user.created": 6, "event_types=none": 0, "event_types[]=user.created": 6,
		"before=" + hourAgo(): 0, "after=" + hourAgo(): 6, "limit=2": 2, "status=0&status_code_class=200&tag=t": 1,
	} {
		a := r.must(200, "GET", list+query, "")
		if got := bytes.Count(a.body, []byte(`"statusText"`)); got != want {
			t.Errorf("%s: %d attempts, want %d", query, got, want)
		}
	}
	for _, bad := range []string{"status=5", "status=x", "status_code_class=250", "expanded_statuses=1", "status=0&status=1"} {
		r.must(400, "GET", list+bad, "")
	}
	if a := r.must(200, "GET", list+"with_msg=true&limit=1", ""); a.str("data.0.msg.id") != messages["cut"].id || a.str("data.0.msg.payload") != `{"a":1}` {
		t.Errorf("with_msg: %s", a.body)
	}
	if a := r.must(200, "GET", list+"with_msg=true&with_content=false&limit=1", ""); a.str("data.0.msg.payload") != `{}` {
		t.Errorf("with_msg without content: %s", a.body)
	}
	// Forwards and back.
	first := r.must(200, "GET", list+"limit=4", "")
	second := r.must(200, "GET", list+"limit=4&iterator="+first.str("iterator"), "")
	if second.str("done") != "true" || second.str("data.1.msgId") != messages["ok"].id {
		t.Errorf("second page: %s", second.body)
	}
	if back := r.must(200, "GET", list+"limit=4&iterator="+second.str("prevIterator"), ""); back.str("data") != first.str("data") || back.str("done") != "true" {
		t.Errorf("back: %s\nwas %s", back.body, first.body)
	}
	// The same by the paths of older clients.
	old := r.must(200, "GET", "/api/v1/app/a/msg/"+messages["ok"].id+"/attempt", "")
	pair := r.must(200, "GET", "/api/v1/app/a/msg/"+messages["ok"].id+"/endpoint/e/attempt", "")
	if want := one("ok", ""); string(old.body) != string(want.body) || string(pair.body) != string(want.body) {
		t.Errorf("older paths: %s\n%s\nwant %s", old.body, pair.body, want.body)
	}
	if a := one("ok", "endpoint_id=e"); a.str("data.0.endpointId") != e {
		t.Errorf("by endpoint uid: %s", a.body)
	}
	// One attempt, and its end.
	at := one("ok", "").str("data.0.id")
	path := "/api/v1/app/a/msg/" + messages["ok"].id + "/attempt/" + at
	if a := r.must(200, "GET", path, ""); a.str("response") != "ok" {
		t.Errorf("get: %s", a.body)
	}
	r.must(204, "DELETE", path+"/content", "")
	if a := r.must(200, "GET", path, ""); a.str("response") != "EXPUNGED" {
		t.Errorf("expunged: %s", a.body)
	}
	r.must(404, "GET", "/api/v1/app/a/msg/"+messages["error"].id+"/attempt/"+at, "")
}

func TestAttemptedMessagesAndDestinations(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	e := r.endpoint(app, "")
	gone := r.endpoint(app, "")
	ok, retrying, waiting := r.message(app, ""), r.message(app, ""), r.message(app, "")
	for _, m := range []string{ok, retrying} {
		r.attempt(app, gone, m, succeed)
	}
	r.attempt(app, e, ok, succeed)
	r.attempt(app, e, retrying, fail(503))
	list := "/api/v1/app/a/endpoint/" + e + "/msg?"
	a := r.must(200, "GET", list, "")
	for field, want := range map[string]string{
		"data.0.id": waiting, "data.0.status": "1", "data.0.statusText": "pending", "data.0.nextAttempt": "null", "data.0.payload": `{"a":1}`,
		"data.1.id": retrying, "data.1.status": "3", "data.1.statusText": "sending",
		"data.2.id": ok, "data.2.status": "0", "data.2.nextAttempt": "null",
	} {
		if got := a.str(field); got != want {
			t.Errorf("%s = %s, want %s", field, got, want)
		}
	}
	if a.str("data.1.nextAttempt") == "null" {
		t.Errorf("no next attempt: %s", a.body)
	}
	for query, want := range map[string]string{"status=0": ok, "status=1": waiting, "status=3": retrying, "limit=1": waiting} {
		if a := r.must(200, "GET", list+query, ""); a.str("data.0.id") != want || a.str("data.1.id") != "" {
			t.Errorf("%s: %s", query, a.body)
		}
	}
	r.must(204, "DELETE", "/api/v1/app/a/endpoint/"+gone, "")
	a = r.must(200, "GET", "/api/v1/app/a/msg/"+ok+"/endpoint", "")
	if a.str("data.0.id") != e || a.str("data.0.status") != "0" || a.str("data.1.id") != gone || a.str("data.1.url") != "https://example.com/hook" {
		t.Errorf("destinations with a deleted one: %s", a.body)
	}
	first := r.must(200, "GET", "/api/v1/app/a/msg/"+ok+"/endpoint?limit=1", "")
	if first.str("done") != "false" {
		t.Errorf("first page: %s", first.body)
	}
	if a := r.must(200, "GET", "/api/v1/app/a/msg/"+ok+"/endpoint?limit=1&iterator="+first.str("iterator"), ""); a.str("data.0.id") != gone || a.str("done") != "true" {
		t.Errorf("second page: %s", a.body)
	}
}

func TestResend(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	e := r.endpoint(app, "")
	m := r.message(app, "")
	r.attempt(app, e, m, succeed)
	path := "/api/v1/app/a/msg/" + m + "/endpoint/" + e + "/resend"
	if a := r.must(202, "POST", path, ""); string(a.body) != "{}" {
		t.Errorf("answered %s", a.body)
	}
	r.attempt(app, e, m, succeed)
	if a := r.must(200, "GET", "/api/v1/app/a/attempt/msg/"+m, ""); a.str("data.0.triggerType") != "1" || a.str("data.1.triggerType") != "0" {
		t.Errorf("attempts: %s", a.body)
	}
	r.must(404, "POST", "/api/v1/app/a/msg/"+m+"/endpoint/none/resend", "")
	r.must(404, "POST", "/api/v1/app/a/msg/msg_"+strings.Repeat("0", 27)+"/endpoint/"+e+"/resend", "")
	endpoint := "/api/v1/app/a/endpoint/" + e
	r.must(200, "PATCH", endpoint, `{"disabled":true}`)
	for path, body := range map[string]string{path: "", endpoint + "/recover": `{"since":"` + hourAgo() + `"}`} {
		if a := r.call("POST", path, body); a.status != 400 || a.str("code") != "endpoint_disabled" {
			t.Errorf("%s of a disabled endpoint: %d %s", path, a.status, a.body)
		}
	}
	r.must(200, "PATCH", endpoint, `{"disabled":false}`)
	r.must(204, "DELETE", "/api/v1/app/a/msg/"+m+"/content", "")
	if a := r.call("POST", path, ""); a.status != 400 || a.str("code") != "missing_payload" {
		t.Errorf("without content: %d %s", a.status, a.body)
	}
}

// TestResendIsRepeatedOnce shows that a receipt keeps a repeated resend from adding an attempt.
func TestResendIsRepeatedOnce(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	e := r.endpoint(app, "")
	m := r.message(app, "")
	r.attempt(app, e, m, succeed)
	path := "/api/v1/app/a/msg/" + m + "/endpoint/" + e + "/resend"
	for i := range 3 {
		if i == 2 {
			r.restart()
		}
		r.must(202, "POST", path, "", "Idempotency-Key", "again")
	}
	r.attempt(app, e, m, succeed)
	if a := r.must(200, "GET", fmt.Sprintf("/api/v1/app/a/endpoint/%s/msg", e), ""); a.str("data.0.status") != "0" {
		t.Errorf("one resend was not the only one: %s", a.body)
	}
}
