package httpapi

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/transform"
)

// TestMain is the sandbox of the tests' own pools, too.
func TestMain(m *testing.M) {
	if transform.IsChild(os.Args[1:]) {
		os.Exit(transform.Child(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

const (
	greeting = `function handler(webhook) { console.log("hi"); webhook.payload.by = webhook.env.who; return webhook }`
	escaped  = `function handler(webhook) { console.log(\"hi\"); webhook.payload.by = webhook.env.who; return webhook }`
)

func TestTransformationIsStoredAndShown(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	e := r.endpoint(app, "")
	at := "/api/v1/app/a/endpoint/" + e + "/transformation"
	if a := r.must(200, "GET", at, ""); a.str("code") != "null" || a.str("enabled") != "false" || a.str("variables") != "{}" {
		t.Errorf("at first: %s", a.body)
	}
	r.must(204, "PATCH", at, `{"code":"`+escaped+`","variables":{"who":"Bob"}}`)
	if a := r.must(200, "GET", at, ""); a.str("code") != greeting || a.str("enabled") != "false" || a.str("variables.who") != "Bob" {
		t.Errorf("set: %s", a.body)
	}
	r.must(204, "PATCH", at, `{"enabled":true}`)
	if a := r.must(200, "GET", at, ""); a.str("code") != greeting || a.str("enabled") != "true" {
		t.Errorf("enabled: %s", a.body)
	}
	r.must(204, "PATCH", at, `{"code":null}`)
	if a := r.must(200, "GET", at, ""); a.str("code") != "null" || a.str("enabled") != "false" || a.str("variables.who") != "Bob" {
		t.Errorf("without code: %s", a.body)
	}
	r.must(204, "PATCH", at, `{"variables":null}`)
	if a := r.must(200, "GET", at, ""); a.str("variables") != "{}" || a.str("updatedAt") != "null" {
		t.Errorf("removed: %s", a.body)
	}

	source := r.source("s", "github", `{}`)
	list := "/ingest/api/v1/source/" + source + "/endpoint"
	in := list + "/" + r.must(201, "POST", list, `{"url":"https://example.com/in"}`).str("id") + "/transformation"
	r.must(204, "PATCH", in, `{"code":"`+escaped+`","enabled":true}`)
	if a := r.must(200, "GET", in, ""); a.str("code") != greeting || a.str("enabled") != "true" || strings.Contains(string(a.body), "updatedAt") {
		t.Errorf("of a source: %s", a.body)
	}
}

func TestBadTransformationNamesItsField(t *testing.T) {
	r := newRig(t)
	e := r.endpoint(r.app("a"), "")
	at := "/api/v1/app/a/endpoint/" + e + "/transformation"
	long, many := strings.Repeat("x", hook.MaxVariableBytes+1), `{"a":""`
	for i := range hook.MaxVariables {
		many += `,"v` + strings.Repeat("x", i+1) + `":""`
	}
	for _, tt := range []struct{ name, body, field, says string }{
		{"too short", `{"code":"x"}`, "code", "10 to 51200"},
		{"empty", `{"code":""}`, "code", "10 to 51200"},
		{"too long", `{"code":"` + strings.Repeat("/", hook.MaxCodeChars+1) + `"}`, "code", "10 to 51200"},
		{"does not compile", `{"code":"function handler(w) {\n  return (;\n}"}`, "code", "line 2, column"},
		{"no handler", `{"code":"const answer = 42;"}`, "code", "function named handler"},
		{"throws at once", `{"code":"throw new Error('no');"}`, "code", "Error: no"},
		{"loops at once", `{"code":"for (;;) {} // long"}`, "code", "did not end in time"},
		{"nothing to enable", `{"enabled":true}`, "enabled", "no code"},
		{"enabled null", `{"enabled":null}`, "enabled", "must not be null"},
		{"long variable", `{"variables":{"a":"` + long + `"}}`, "variables", "at most"},
		{"many variables", `{"variables":` + many + `}}`, "variables", "at most"},
		{"variable no text", `{"variables":{"a":1}}`, "variables", "must be a string"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := r.must(422, "PATCH", at, tt.body)
			var out struct {
				Detail []struct {
					Loc []string
					Msg string
				}
			}
			if err := json.Unmarshal(a.body, &out); err != nil || len(out.Detail) != 1 || len(out.Detail[0].Loc) < 2 || out.Detail[0].Loc[1] != tt.field || !strings.Contains(out.Detail[0].Msg, tt.says) {
				t.Errorf("%s", a.body)
			}
			if a := r.must(200, "GET", at, ""); a.str("code") != "null" || a.str("variables") != "{}" {
				t.Errorf("something was stored: %s", a.body)
			}
		})
	}
}

func TestSimulateRunsCode(t *testing.T) {
	r := newRig(t)
	e := r.endpoint(r.app("a"), "")
	at := "/api/v1/app/a/endpoint/" + e + "/transformation/simulate"
	a := r.must(200, "POST", at, `{"code":"`+escaped+`","eventType":"a.b","payload":{"n":1},"variables":{"who":"Eve"}}`)
	if a.str("payload") != `{"n":1,"by":"Eve"}` || a.str("cancel") != "false" || a.str("method") != "POST" || a.str("console.0") != "hi" {
		t.Errorf("%s", a.body)
	}
	// What the code leaves alone is not touched: white space, key order, big numbers.
	a = r.must(200, "POST", at, `{"code":"function handler(w) { return w }","eventType":"a.b","payload":{"b": 9007199254740993, "a": 1.10}}`)
	if a.str("payload") != `{"b": 9007199254740993, "a": 1.10}` {
		t.Errorf("%s", a.body)
	}
	if a := r.must(200, "POST", at, `{"code":"function handler(w) { return {cancel: true} }","eventType":"a.b","payload":{}}`); a.str("cancel") != "true" {
		t.Errorf("%s", a.body)
	}
	a = r.must(422, "POST", at, `{"code":"function handler(w) {\n  console.log('before');\n  return w.payload.a.b;\n}","eventType":"a.b","payload":{}}`)
	if a.str("code") != "transformation_failed" || a.str("line") != "3" || a.str("column") == "null" || a.str("reason") != "transform_error" ||
		!strings.Contains(a.str("detail"), "cannot read property 'b'") || a.str("console.0") != "before" {
		t.Errorf("%s", a.body)
	}
	for _, tt := range []struct{ set, says string }{
		{`w.method = 'BREW'`, "method"}, {`w.url = 'http://169.254.169.254/'`, "url"}, {`w.url = 'ftp://x/'`, "url"}, {`w.url = 'https://a:b@example.com/'`, "url"},
		{`w.headers = {'Webhook-Id': 'x'}`, "headers.Webhook-Id"}, {`w.headers = {'X-A': 'a\\r\\nb: c'}`, "headers.X-A"}, {`w.headers = {'Content-Type': 'a\\nb'}`, "content-type"},
		{`w.headers = 5`, "headers"}, {`w.payload = undefined`, "payload"}, {`w.cancel = 'yes'`, "cancel"},
	} {
		a := r.must(422, "POST", at, `{"code":"function handler(w) { `+tt.set+`; return w }","eventType":"a.b","payload":{}}`)
		if a.str("code") != "transformation_failed" || !strings.Contains(a.str("detail"), tt.says) {
			t.Errorf("%s: %s", tt.set, a.body)
		}
	}
	r.must(422, "POST", at, `{"code":"`+escaped+`","eventType":"a b","payload":{}}`)
	r.must(422, "POST", at, `{"code":"`+escaped+`","eventType":"a.b","payload":[]}`)
	r.must(422, "POST", at, `{"code":"`+escaped+`","eventType":"a.b"}`)
	r.must(422, "POST", at, `{"code":"short","eventType":"a.b","payload":{}}`)
	r.must(422, "POST", at, `{"code":"`+escaped+`","eventType":"a.b","payload":{},"channels":["a b"]}`)
}

func TestTransformationIsTriedOnMessages(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	e := r.endpoint(app, "")
	at := "/x/v1/app/a/endpoint/" + e + "/transformation/simulate"
	r.must(422, "POST", at, `{"last":1}`) // there is no code
	r.must(204, "PATCH", "/api/v1/app/a/endpoint/"+e+"/transformation", `{"code":"`+escaped+`","variables":{"who":"Bob"}}`)
	var ids []string
	for _, p := range []string{`{"n":1}`, `{"n":2}`, `{"n":3,"by":"Al"}`} {
		ids = append(ids, r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"a.b","payload":`+p+`}`).str("id"))
	}
	a := r.must(200, "POST", at, `{"last":2}`)
	if a.str("data.0.messageId") != ids[2] || a.str("data.1.messageId") != ids[1] || strings.Count(string(a.body), "messageId") != 2 {
		t.Errorf("last two: %s", a.body)
	}
	if a.str("data.0.after") != `{"n":3,"by":"Bob"}` || !strings.Contains(string(a.body), `"differences":[{"op":"replace","path":"/by","value":"Bob","from":"Al"}]`) {
		t.Errorf("newest: %s", a.body)
	}
	if a.str("data.1.before") != `{"n":2}` || !strings.Contains(string(a.body), `"differences":[{"op":"add","path":"/by","value":"Bob"}]`) || a.str("data.1.outcome") != "sent" || a.str("data.1.console.0") != "hi" {
		t.Errorf("second: %s", a.body)
	}
	a = r.must(200, "POST", at, `{"messageId":"`+ids[0]+`","code":"function handler(w) { return {cancel: true} }"}`)
	if a.str("data.0.outcome") != "cancelled" || a.str("data.0.after") != "null" {
		t.Errorf("cancelled: %s", a.body)
	}
	a = r.must(200, "POST", at, `{"payload":{"n":4},"eventType":"x","code":"function handler(w) { throw new Error(w.eventType) }"}`)
	if a.str("data.0.outcome") != "failed" || !strings.Contains(a.str("data.0.failure.detail"), "Error: x") {
		t.Errorf("failed: %s", a.body)
	}
	for _, body := range []string{
		`{}`, `{"last":0}`, `{"last":21}`, `{"last":1,"payload":{}}`, `{"last":1,"eventType":"a"}`, `{"text":"x"}`, `{"payload":[1]}`, `{"last":1,"code":"x"}`,
		`{"last":1,"variables":{"":"x"}}`, `{"payload":{},"eventType":"a b"}`,
	} {
		r.must(422, "POST", at, body)
	}
	r.must(404, "POST", at, `{"messageId":"msg_2QhEGvGIYXDL1NrqZHQKsZkCxgl"}`)
	r.app("b")
	other := r.must(202, "POST", "/api/v1/app/b/msg", `{"eventType":"a.b","payload":{}}`).str("id")
	r.must(404, "POST", at, `{"messageId":"`+other+`"}`)

	// What is redacted is not there for the script either.
	r.must(201, "POST", "/api/v1/event-type", `{"name":"card","description":"d","redact":["n"]}`)
	r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"card","payload":{"n":"4111-canary"}}`)
	a = r.must(200, "POST", at, `{"last":1,"code":"function handler(w) { console.log(w.payload.n); w.payload = {was: w.payload.n}; return w }"}`)
	if strings.Contains(string(a.body), "canary") || !strings.Contains(a.str("data.0.after"), "redacted") {
		t.Errorf("redacted: %s", a.body)
	}
	if a := r.must(200, "POST", at+"?redacted=false", `{"last":1}`); !strings.Contains(string(a.body), "canary") {
		t.Errorf("with what is redacted: %s", a.body)
	}
}

func TestTransformationIsTriedOnReceivedMessages(t *testing.T) {
	r := newRig(t)
	source := r.source("s", "github", `{}`)
	list := "/ingest/api/v1/source/" + source + "/endpoint"
	e := r.must(201, "POST", list, `{"url":"https://example.com/in"}`).str("id")
	at := "/x/v1/source/" + source + "/endpoint/" + e + "/transformation/simulate"
	const code = `"code":"function handler(w) { w.payload = [typeof w.payload, w.request.method, w.request.path, w.request.headers['x-a'], w.request.headers.authorization, w.eventType ?? null]; return w }"`
	r.receive(source, hook.Message{RawBody: []byte(`plain text`), Inbound: &hook.Inbound{Provider: "github", Method: "PUT", Path: "/p", Header: []string{"X-A", "1", "x-a", "2", "Authorization", "canary"}}})
	a := r.must(200, "POST", at, `{"last":1,`+code+`}`)
	if a.str("data.0.after") != `["string","PUT","/p","1, 2","[withheld]",null]` || a.str("data.0.differences") != "null" {
		t.Errorf("%s", a.body)
	}
	if a := r.must(200, "POST", at, `{"text":"x",`+code+`}`); !strings.HasPrefix(a.str("data.0.after"), `["string","POST"`) {
		t.Errorf("%s", a.body)
	}
	if a := r.must(200, "POST", at, `{"payload":[1],`+code+`}`); !strings.HasPrefix(a.str("data.0.after"), `["object","POST"`) {
		t.Errorf("%s", a.body)
	}
}

// TestSandboxThatCannotStartIsNamed: it is not a server with too much to do.
func TestSandboxThatCannotStartIsNamed(t *testing.T) {
	r := bareRig(t, t.TempDir())
	r.sandbox = filepath.Join(t.TempDir(), "canary")
	r.start()
	t.Cleanup(r.stop)
	r.env, r.token = r.environment("default")
	e := r.endpoint(r.app("a"), "")
	at := "/api/v1/app/a/endpoint/" + e + "/transformation"
	for _, c := range []struct{ method, path, body string }{
		{"PATCH", at, `{"code":"` + escaped + `"}`},
		{"POST", at + "/simulate", `{"code":"` + escaped + `","eventType":"a.b","payload":{}}`},
		{"POST", "/x/v1/app/a/endpoint/" + e + "/transformation/simulate", `{"code":"` + escaped + `","eventType":"a.b","payload":{}}`},
	} {
		a := r.must(503, c.method, c.path, c.body)
		if a.str("code") != "sandbox_unavailable" || a.header.Get("Retry-After") == "" || strings.Contains(string(a.body), "canary") {
			t.Errorf("%s %s: %s", c.method, c.path, a.body)
		}
	}
	if a := r.must(200, "GET", at, ""); a.str("code") != "null" {
		t.Errorf("code that nobody checked is stored: %s", a.body)
	}
}

func TestPortalNeedsTransformations(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	e := r.endpoint(app, "")
	at := "/api/v1/app/a/endpoint/" + e + "/transformation"
	r.must(204, "PATCH", at, `{"code":"`+escaped+`","variables":{"who":"canary"}}`)
	look := r.portal(app, `{"capabilities":["ViewBase"]}`)
	change := r.portal(app, `{"capabilities":["ViewBase","ManageTransformations"]}`)
	if a := r.as(look).must(200, "GET", at, ""); a.str("variables") != "null" {
		t.Errorf("who looks sees %s", a.body)
	}
	r.as(look).must(403, "PATCH", at, `{"enabled":true}`)
	r.as(look).must(403, "POST", at+"/simulate", `{}`)
	if a := r.as(change).must(200, "GET", at, ""); a.str("variables.who") != "canary" {
		t.Errorf("who may change sees %s", a.body)
	}
	r.as(change).must(204, "PATCH", at, `{"enabled":true}`)
	r.must(200, "PATCH", settingsPath, `{"enableTransformations":false}`)
	r.as(change).must(403, "PATCH", at, `{"enabled":false}`)
	r.as(change).must(403, "GET", at, "")
	if a := r.must(200, "GET", at, ""); a.str("enabled") != "true" {
		t.Errorf("the code no longer runs: %s", a.body)
	}
}

func TestTransformationOfDestination(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	d := r.fifo(app, "")
	at := "/api/v1/app/a/destination/" + d + "/transformation"
	if a := r.must(200, "GET", at, ""); string(a.body) != `{"code":null,"enabled":false}` {
		t.Errorf("at first: %s", a.body)
	}
	const code = `function handler({events}) { return {requestBody: events.map((e) => e.payload.n + e.eventType).join()} }`
	if a := r.must(200, "PATCH", at, `{"code":"`+code+`"}`); string(a.body) != "{}" {
		t.Errorf("set: %s", a.body)
	}
	if a := r.must(200, "GET", at, ""); a.str("code") != code || a.str("enabled") != "true" {
		t.Errorf("set: %s", a.body)
	}
	if a := r.must(200, "POST", "/x/v1/app/a/destination/"+d+"/transformation/simulate", `{"payload":{"n":7},"eventType":"x"}`); a.str("data.0.after") != "7x" {
		t.Errorf("tried: %s", a.body)
	}
	r.must(200, "PATCH", at, `{"code":null}`)
	if a := r.must(200, "GET", at, ""); a.str("enabled") != "false" {
		t.Errorf("removed: %s", a.body)
	}
	r.must(422, "PATCH", at, `{"code":"x"}`)
	// An endpoint is no destination, nor the other way round.
	r.must(404, "GET", "/api/v1/app/a/destination/"+r.endpoint(app, "")+"/transformation", "")
	r.must(404, "GET", "/api/v1/app/a/endpoint/"+d+"/transformation", "")
}

// TestTryingTellsNoSecret: code shows what it is given, so a try gives it no secret that its
// caller could not read otherwise.
func TestTryingTellsNoSecret(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	e := r.endpoint(app, "")
	at := "/x/v1/app/a/endpoint/" + e
	try := at + "/transformation/simulate"
	const spy = `"payload":{"n":1},"code":"function handler(w) { console.log(JSON.stringify(w.env)); return w }"`
	one := r.must(201, "POST", "/api/v1/connector", `{"name":"one","transformation":"function handler(w) { console.log(JSON.stringify(w.env)); return w }"}`).str("id")
	r.must(200, "PUT", at+"/connector", `{"connectorId":"`+one+`","variables":{"routingKey":"canary-key"}}`)
	r.must(204, "PATCH", "/api/v1/app/a/endpoint/"+e+"/transformation", `{"code":"`+escaped+`","enabled":false,"variables":{"own":"mine"}}`)
	change := r.as(r.portal(app, `{"capabilities":["ViewBase","ManageTransformations"]}`))
	for _, body := range []string{`{` + spy + `}`, `{"payload":{"n":1}}`} {
		for _, who := range []*rig{r, change} {
			if a := who.must(200, "POST", try, body); strings.Contains(string(a.body), "canary") {
				t.Errorf("%s is told %s", body, a.body)
			}
		}
	}
	if a := change.must(200, "POST", try, `{`+spy+`}`); a.str("data.0.console.0") != `{"own":"mine"}` {
		t.Errorf("foreign code is given %s", a.body)
	}
	reads := r.as(r.must(200, "POST", r.tokensOf(), `{"name":"reads","scopes":["endpoint:read"]}`).str("token"))
	reads.must(403, "POST", try, `{`+spy+`}`)
}

// TestRoutesOfTransformationsReadByPost: what runs code on nothing of the endpoint's is
// reading; a try gives it the endpoint's variables.
func TestRoutesOfTransformationsReadByPost(t *testing.T) {
	for _, rt := range transformRoutes() {
		if strings.HasSuffix(rt.path, "/simulate") && slices.Contains(readByPost, rt.op) == strings.HasSuffix(rt.op, "try-transformation") {
			t.Errorf("%s has the wrong scope", rt.op)
		}
	}
}

// as is the rig with another token.
func (r *rig) as(token string) *rig {
	c := *r
	c.token = token
	return &c
}
