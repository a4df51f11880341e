package httpapi

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/webhook"
)

func TestEndpointLife(t *testing.T) {
	r := newRig(t)
	r.app("a")
	r.must(201, "POST", "/api/v1/event-type", `{"name":"x.y","description":"d"}`)
	const list = "/api/v1/app/a/endpoint"
	a := r.must(201, "POST", list, `{"url":"https://Example.com"}`)
	for field, want := range map[string]string{
		"url": "https://example.com/", "description": "", "disabled": "false", "version": "1", "uid": "null", "eventTypes": "null",
		"filterTypes": "null", "channels": "null", "throttleRate": "null", "rateLimit": "null", "metadata": "{}",
	} {
		if got := a.str(field); got != want {
			t.Errorf("default %s = %s, want %s", field, got, want)
		}
	}
	id := a.str("id")
	steps := []struct {
		why, method, ref, body string
		status                 int
		field, want            string
	}{
		{"patch sets", "PATCH", id, `{"description":"d","uid":"e","throttleRate":5,"channels":["c"],"filterTypes":["x.y"],"disabled":true}`, 200, "eventTypes", `["x.y"]`},
		{"patch keeps what is absent", "PATCH", "e", `{"disabled":false}`, 200, "channels", `["c"]`},
		{"patch clears channels", "PATCH", "e", `{"channels":null}`, 200, "channels", "null"},
		{"patch clears event types", "PATCH", "e", `{"eventTypes":null}`, 200, "filterTypes", "null"},
		{"an empty list of event types means all", "PATCH", "e", `{"eventTypes":[]}`, 200, "eventTypes", "null"},
		{"patch clears the rate", "PATCH", "e", `{"throttleRate":null}`, 200, "rateLimit", "null"},
		{"patch refuses null for the URL", "PATCH", "e", `{"url":null}`, 422, "", ""},
		{"patch refuses null for disabled", "PATCH", "e", `{"disabled":null}`, 422, "", ""},
		{"patch refuses null for the description", "PATCH", "e", `{"description":null}`, 422, "", ""},
		{"patch sets the URL", "PATCH", "e", `{"url":"https://example.org/x"}`, 200, "url", "https://example.org/x"},
		{"patch replaces metadata", "PATCH", "e", `{"metadata":{"a":"b"}}`, 200, "metadata", `{"a":"b"}`},
		{"put on an unknown reference creates", "PUT", "unknown", `{"url":"https://example.com/2"}`, 201, "uid", "null"},
		{"put replaces", "PUT", "e", `{"url":"https://example.com/3"}`, 200, "metadata", "{}"},
		{"put cleared the uid", "GET", "e", ``, 404, "", ""},
		{"delete", "DELETE", id, ``, 204, "", ""},
		{"deleted", "GET", id, ``, 404, "detail", "Entity not found"},
	}
	for _, s := range steps {
		a := r.call(s.method, list+"/"+s.ref, s.body)
		if a.status != s.status || s.field != "" && a.str(s.field) != s.want {
			t.Errorf("%s: %d %s", s.why, a.status, a.body)
		}
	}
	first := r.endpoint("a", `,"uid":"first"`)
	second := r.endpoint("a", "")
	if a := r.must(200, "GET", list, ""); a.str("data.0.id") != second {
		t.Errorf("the newest is not first: %s", a.body)
	}
	if a := r.must(200, "GET", list+"?order=ascending&limit=2", ""); a.str("data.1.id") != first {
		t.Errorf("ascending: %s", a.body)
	}
}

func TestEndpointRules(t *testing.T) {
	r := newRig(t)
	r.app("a")
	r.endpoint("a", `,"uid":"taken"`)
	long := strings.Repeat("QUJD", 30)
	for _, c := range []struct {
		why, fields string
		status      int
		loc         string
	}{
		{"no URL", `"description":"d"`, 422, "body url"},
		{"http", `"url":"http://example.com/"`, 422, "body url"},
		{"http to an allowed literal address", `"url":"http://127.0.0.1:8080/x"`, 201, ""},
		{"private literal address", `"url":"https://10.0.0.1/"`, 422, "body url"},
		{"user name in the URL", `"url":"https://u:p@example.com/"`, 422, "body url"},
		{"no such scheme", `"url":"ftp://example.com/"`, 422, "body url"},
		{"a name that does not exist is not looked up", `"url":"https://does-not-exist.example.com/"`, 201, ""},
		{"uid taken", `"url":"https://example.com/","uid":"taken"`, 409, ""},
		{"uid with the prefix of ids", `"url":"https://example.com/","uid":"ep_x"`, 422, "body uid"},
		{"unknown event types", `"url":"https://example.com/","eventTypes":["no.a","no.b"]`, 422, "body eventTypes"},
		{"event types given twice", `"url":"https://example.com/","eventTypes":["a","a"]`, 422, "body eventTypes [1]"},
		{"bad event type", `"url":"https://example.com/","eventTypes":["*"]`, 422, "body eventTypes [0]"},
		{"no event types means all", `"url":"https://example.com/","eventTypes":[]`, 201, ""},
		{"no channels", `"url":"https://example.com/","channels":[]`, 422, "body channels"},
		{"bad channel", `"url":"https://example.com/","channels":["ok","a b"]`, 422, "body channels [1]"},
		{"11 channels", `"url":"https://example.com/","channels":["1","2","3","4","5","6","7","8","9","10","11"]`, 422, "body channels"},
		{"rate of 0", `"url":"https://example.com/","throttleRate":0`, 422, "body throttleRate"},
		{"negative rate", `"url":"https://example.com/","rateLimit":-1`, 422, "body throttleRate"},
		{"rate as text", `"url":"https://example.com/","rateLimit":"10"`, 422, "body rateLimit"},
		{"secret of 3 bytes", `"url":"https://example.com/","secret":"whsec_QUJD"`, 422, "body secret"},
		{"secret too long", `"url":"https://example.com/","secret":"whsec_` + long + `"`, 422, "body secret"},
		{"secret without a prefix", `"url":"https://example.com/","secret":"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`, 201, ""},
		{"header with a line break", `"url":"https://example.com/","headers":{"X-A":"b\r\nX-Evil: 1"}`, 422, "body headers X-A"},
		{"header Host", `"url":"https://example.com/","headers":{"Host":"internal"}`, 422, "body headers Host"},
		{"header Transfer-Encoding", `"url":"https://example.com/","headers":{"Transfer-Encoding":"chunked"}`, 422, "body headers Transfer-Encoding"},
		{"hop-by-hop header", `"url":"https://example.com/","headers":{"Connection":"upgrade"}`, 422, "body headers Connection"},
		{"header with NUL", `"url":"https://example.com/","headers":{"X-A":"\u0000"}`, 422, "body headers X-A"},
		{"our own header", `"url":"https://example.com/","headers":{"Webhook-Id":"x"}`, 422, "body headers Webhook-Id"},
	} {
		a := r.call("POST", "/api/v1/app/a/endpoint", "{"+c.fields+"}")
		if a.status != c.status || a.loc() != c.loc {
			t.Errorf("%s: %d at %q: %s", c.why, a.status, a.loc(), a.body)
		}
		if strings.Contains(string(a.body), long) {
			t.Errorf("%s: the answer repeats the secret", c.why)
		}
	}
	a := r.call("POST", "/api/v1/app/a/endpoint", `{"url":"https://example.com/","eventTypes":["no.a","no.b"]}`)
	if a.str("detail.0.msg") != "The following event types don't exist: no.a, no.b" || a.str("detail.0.type") != "value_error" {
		t.Errorf("unknown event types: %s", a.body)
	}
}

func TestEnforceHTTPSSetting(t *testing.T) {
	r := newRig(t)
	r.app("a")
	const body = `{"url":"http://127.0.0.1:8080/x"}`
	r.must(201, "POST", "/api/v1/app/a/endpoint", body)
	r.must(200, "PATCH", settingsPath, `{"enforceHttps":true}`)
	r.must(422, "POST", "/api/v1/app/a/endpoint", body)
}

func TestEndpointSecrets(t *testing.T) {
	r := newRig(t)
	r.app("a")
	const own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	path := "/api/v1/app/a/endpoint/" + r.endpoint("a", `,"secret":"`+own+`"`) + "/secret"
	if got := r.must(200, "GET", path, "").str("key"); got != own {
		t.Errorf("secret %s", got)
	}
	generated := r.must(200, "GET", "/api/v1/app/a/endpoint/"+r.endpoint("a", "")+"/secret", "").str("key")
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(generated, "whsec_")); err != nil || len(raw) != 24 {
		t.Errorf("generated %d bytes: %v", len(raw), err)
	}
	asymmetric := webhook.GenerateAsymmetric()
	public, _ := asymmetric.Public()
	r.must(204, "POST", path+"/rotate", `{"key":"`+asymmetric.Reveal()+`"}`)
	if got := r.must(200, "GET", path, "").str("key"); got != public.String() {
		t.Errorf("asymmetric secret shows %s, want its public half", got)
	}
	for _, c := range []struct {
		why, body string
		status    int
		loc       string
	}{
		{"empty body", ``, 204, ""},
		{"empty object", `{}`, 204, ""},
		{"null key", `{"key":null,"gracePeriodSeconds":null}`, 204, ""},
		{"grace too long", `{"gracePeriodSeconds":604801}`, 422, "body gracePeriodSeconds"},
		{"negative grace", `{"gracePeriodSeconds":-1}`, 422, "body gracePeriodSeconds"},
		{"bad key", `{"key":"whsec_QUJD"}`, 422, "body key"},
	} {
		if a := r.call("POST", path+"/rotate", c.body); a.status != c.status || a.loc() != c.loc {
			t.Errorf("%s: %d at %q %s", c.why, a.status, a.loc(), a.body)
		}
	}
	for i := range 6 {
		r.must(204, "POST", path+"/rotate", fmt.Sprintf(`{"gracePeriodSeconds":%d}`, 1000+i))
	}
	if a := r.call("POST", path+"/rotate", `{}`); a.status != 400 || a.str("code") != "limit_reached" {
		t.Errorf("the eleventh live old key: %d %s", a.status, a.body)
	}
	r.must(204, "POST", path+"/rotate", `{"gracePeriodSeconds":0}`)
}

func TestEndpointHeaders(t *testing.T) {
	r := newRig(t)
	r.app("a")
	path := "/api/v1/app/a/endpoint/" + r.endpoint("a", `,"headers":{"X-First":"1"}`) + "/headers"
	if a := r.must(200, "GET", path, ""); a.str("headers") != `{"X-First":"1"}` || a.str("sensitive") != "[]" {
		t.Errorf("created: %s", a.body)
	}
	r.must(204, "PUT", path, `{"headers":{"X-Foo":"1","Authorization":"Basic abc","x-bar":"2"}}`)
	a := r.must(200, "GET", path, "")
	if a.str("headers") != `{"X-Foo":"1","x-bar":"2"}` || a.str("sensitive") != `["Authorization"]` || strings.Contains(string(a.body), "abc") {
		t.Errorf("put: %s", a.body)
	}
	r.must(204, "PATCH", path, `{"headers":{"x-foo":"3","X-Bar":null,"X-New":"n"}}`)
	if a := r.must(200, "GET", path, ""); a.str("headers") != `{"X-New":"n","x-foo":"3"}` || a.str("sensitive") != `["Authorization"]` {
		t.Errorf("patch: %s", a.body)
	}
	r.must(204, "PATCH", path, `{"headers":{},"deleteHeaders":["authorization"]}`)
	if a := r.must(200, "GET", path, ""); a.str("sensitive") != `[]` {
		t.Errorf("deleteHeaders: %s", a.body)
	}
	r.must(422, "PUT", path, `{}`)
	r.must(422, "PUT", path, `{"headers":{"Content-Length":"1"}}`)
	r.must(422, "PATCH", path, `{"headers":{"svix-id":"1"}}`)
	if a := r.must(200, "GET", path, ""); a.str("headers") != `{"X-New":"n","x-foo":"3"}` {
		t.Errorf("what was refused changed something: %s", a.body)
	}
}

func TestEndpointStats(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	e := r.endpoint(app, "")
	ok, bad := r.message(app, ""), r.message(app, "")
	r.message(app, "")
	r.attempt(app, e, ok, succeed)
	r.attempt(app, e, bad, fail(500))
	path := "/api/v1/app/a/endpoint/" + e + "/stats"
	a := r.must(200, "GET", path, "")
	for field, want := range map[string]string{"success": "1", "sending": "1", "pending": "1", "fail": "0", "canceled": "0"} {
		if got := a.str(field); got != want {
			t.Errorf("%s = %s, want %s", field, got, want)
		}
	}
	for why, query := range map[string]string{
		"until in the future": "?until=2099-01-01T00:00:00Z",
		"more than 28 days":   "?since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z",
		"since after until":   "?since=2020-01-02T00:00:00Z&until=2020-01-01T00:00:00Z",
	} {
		if a := r.call("GET", path+query, ""); a.status != 400 || a.str("code") != "invalid_range" {
			t.Errorf("%s: %d %s", why, a.status, a.body)
		}
	}
	if a := r.must(200, "GET", path+"?since=2020-01-01T00:00:00Z&until=2020-01-28T00:00:00Z", ""); a.str("success") != "0" {
		t.Errorf("another time: %s", a.body)
	}
}

// TestRecover shows that the task of a recover resolves, also after a restart.
func TestRecover(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	path := "/api/v1/app/a/endpoint/" + r.endpoint(app, "") + "/recover"
	for _, c := range []struct {
		why, body string
		loc       string
	}{
		{"no since", `{}`, "body since"},
		{"since too long ago", `{"since":"2020-01-01T00:00:00Z"}`, "body since"},
		{"since no time", `{"since":"yesterday"}`, "body since"},
		{"until before since", `{"since":"` + hourAgo() + `","until":"2020-01-01T00:00:00Z"}`, "body until"},
	} {
		if a := r.call("POST", path, c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("%s: %d at %q %s", c.why, a.status, a.loc(), a.body)
		}
	}
	if r.woken.n != 0 {
		t.Errorf("woken %d times by what was refused", r.woken.n)
	}
	a := r.must(202, "POST", path, `{"since":"`+hourAgo()+`"}`)
	if a.str("status") != "running" || a.str("task") != "endpoint.recover" || r.woken.n != 1 {
		t.Errorf("woken %d: %s", r.woken.n, a.body)
	}
	r.restart()
	id := a.str("id")
	if a := r.must(200, "GET", "/api/v1/background-task/"+id, ""); a.str("id") != id || a.str("data.messagesSent") != "0" {
		t.Errorf("task: %s", a.body)
	}
	if a := r.must(200, "GET", "/api/v1/background-task?status=running&task=endpoint.recover", ""); a.str("data.0.id") != id {
		t.Errorf("list: %s", a.body)
	}
	if a := r.must(200, "GET", "/api/v1/background-task?status=failed", ""); a.str("data") != "[]" {
		t.Errorf("list of failed: %s", a.body)
	}
	r.must(400, "GET", "/api/v1/background-task?status=odd", "")
	r.must(404, "GET", "/api/v1/background-task/qtask_"+strings.Repeat("0", 27), "")
}
