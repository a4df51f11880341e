package httpapi

import (
	"strings"
	"testing"
)

const paidSchema = `{"1":{"type":"object","required":["x"]},"2":{"type":"object","required":["amount"],"properties":{"amount":{"type":"integer","maximum":9007199254740993},"items":{"type":"array","items":{"required":["sku"]}}}}}`

func TestPayloadsAreValidatedWhenAsked(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	e := r.endpoint(app, "")
	r.must(201, "POST", "/api/v1/event-type", `{"name":"paid","description":"d","schemas":`+paidSchema+`}`)
	const bad = `{"eventType":"paid","payload":{"amount":9007199254740994,"items":[{"sku":1},{}]}}`
	r.must(202, "POST", "/api/v1/app/a/msg", bad) // not asked
	const path = "/x/v1/event-type/paid/validation"
	if a := r.must(200, "GET", path, ""); a.str("enabled") != "false" || a.str("schemaVersion") != "2" {
		t.Errorf("before: %s", a.body)
	}
	if a := r.must(200, "PUT", path, `{"enabled":true}`); a.str("enabled") != "true" {
		t.Errorf("after: %s", a.body)
	}
	before := r.messages(app)
	a := r.call("POST", "/api/v1/app/a/msg", bad)
	if a.status != 422 || !strings.Contains(string(a.body), `["body","payload","amount"]`) || !strings.Contains(string(a.body), `["body","payload","items","[1]","sku"]`) || a.str("detail.0.type") != "schema_violation" {
		t.Errorf("a bad payload: %d %s", a.status, a.body)
	}
	for _, c := range []struct{ path, body string }{
		{"/api/v1/app/new/msg", `{"eventType":"paid","payload":{},"application":{"name":"n","uid":"new"}}`},
		{"/api/v1/app/a/endpoint/" + e + "/test-attempt", bad},
		{"/api/v1/message/broadcast", `{"eventType":"paid","payload":{}}`},
	} {
		if a := r.call("POST", c.path, c.body); a.status != 422 && a.status != 404 || a.status == 422 && !strings.HasPrefix(a.loc(), "body payload") {
			t.Errorf("%s: %d %s", c.path, a.status, a.body)
		}
	}
	if n := r.messages(app); n != before {
		t.Errorf("a refused payload left %d messages", n-before)
	}
	if a := r.call("GET", "/api/v1/app/new", ""); a.status != 404 {
		t.Errorf("a refused payload left its application: %d", a.status)
	}
	r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"paid","payload":{"amount":9007199254740993}}`)
	r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"other","payload":{}}`)

	// A repeat of what was accepted gets the first answer, whatever the schema says by now.
	first := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"paid","payload":{"amount":1}}`, "Idempotency-Key", "k")
	r.must(200, "PATCH", "/api/v1/event-type/paid", `{"schemas":{"3":{"required":["currency"]}}}`)
	if again := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"paid","payload":{"amount":1}}`, "Idempotency-Key", "k"); again.str("id") != first.str("id") {
		t.Errorf("a repeat: %s", again.body)
	}
	if a := r.call("POST", "/api/v1/app/a/msg", `{"eventType":"paid","payload":{"amount":1}}`); a.status != 422 || a.loc() != "body payload currency" {
		t.Errorf("by the changed schema: %d %s", a.status, a.body)
	}
	r.must(200, "PUT", path, `{"enabled":false}`)
	r.must(202, "POST", "/api/v1/app/a/msg", bad)
}

func TestValidationNeedsASchema(t *testing.T) {
	r := newRig(t)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"a.b","description":"d"}`)
	for _, c := range []struct{ why, method, path, body, loc string }{
		{"no schema", "PUT", "/x/v1/event-type/a.b/validation", `{"enabled":true}`, "body enabled"},
		{"no word", "PUT", "/x/v1/event-type/a.b/validation", `{}`, "body enabled"},
		{"no boolean", "PUT", "/x/v1/event-type/a.b/validation", `{"enabled":1}`, "body enabled"},
		{"patched on", "PATCH", "/api/v1/event-type/a.b", `{"validation":true}`, "body schemas"},
		{"null", "PATCH", "/api/v1/event-type/a.b", `{"validation":null}`, "body validation"},
		{"created without", "POST", "/api/v1/event-type", `{"name":"c","description":"","validation":true}`, "body schemas"},
		{"too many patterns", "POST", "/api/v1/event-type", `{"name":"c","description":"","validation":true,"schemas":{"1":{"pattern":"((a{30}){30}){60}"}}}`, "body schemas 1"},
		{"no payload", "POST", "/x/v1/event-type/a.b/validate", `{}`, "body payload"},
	} {
		if a := r.call(c.method, c.path, c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("%s: %d %s, want %s", c.why, a.status, a.body, c.loc)
		}
	}
	if a := r.call("POST", "/x/v1/event-type/a.b/validate", `{"payload":{}}`); a.status != 400 {
		t.Errorf("nothing to compare with: %d %s", a.status, a.body)
	}
	r.must(200, "PATCH", "/api/v1/event-type/a.b", `{"schemas":`+paidSchema+`,"validation":true}`)
	for _, body := range []string{`{"schemas":null}`, `{"schemas":{"9":{"$ref":"http://127.0.0.1/"}}}`} {
		if a := r.call("PATCH", "/api/v1/event-type/a.b", body); a.status != 422 || !strings.HasPrefix(a.loc(), "body schemas") {
			t.Errorf("%s on a type that is checked: %d %s", body, a.status, a.body)
		}
	}
	if a := r.must(200, "PUT", "/api/v1/event-type/a.b", `{"description":"e","schemas":`+paidSchema+`}`); a.str("validation") != "true" {
		t.Errorf("replacing without a word on it turned it off: %s", a.body)
	}
	ok := r.must(200, "POST", "/x/v1/event-type/a.b/validate", `{"payload":{"amount":5}}`)
	if ok.str("valid") != "true" || ok.str("errors") != "[]" || ok.str("schemaVersion") != "2" {
		t.Errorf("a good payload: %s", ok.body)
	}
	bad := r.must(200, "POST", "/x/v1/event-type/a.b/validate", `{"payload":[]}`)
	if bad.str("valid") != "false" || bad.str("errors.0.loc") != `["body","payload"]` {
		t.Errorf("a bad payload: %s", bad.body)
	}
}

func TestRulesOfEventTypesAreExportedAndImported(t *testing.T) {
	r := newRig(t)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"a.b","description":"d","schemas":`+paidSchema+`,"validation":true,"redact":["amount"]}`)
	file := r.must(200, "POST", "/api/v1/environment/export", "")
	if file.status != 200 {
		t.Fatal(file.status)
	}
	_, token := r.environment("second")
	own := r.token
	r.token = token
	r.must(204, "POST", "/api/v1/environment/import", string(file.body))
	if a := r.must(200, "GET", "/api/v1/event-type/a.b", ""); a.str("validation") != "true" || a.str("redact") != `["amount"]` {
		t.Errorf("imported: %s", a.body)
	}
	r.token = own
	again := r.must(200, "POST", ownImportPath+"?dry_run=true", string(file.body))
	if again.str("eventTypes") != "[]" {
		t.Errorf("the same file again changes %s", again.body)
	}
}
