package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// hostedExport is a file as the hosted service writes it: with fields and settings that
// this server does not have.
const hostedExport = `{"version":1,"createdAt":"2026-01-02T03:04:05Z","eventTypes":[
	{"name":"invoice.paid","description":"An invoice was paid.","archived":false,"deprecated":false,"schemas":{"1":{"type":"object","title":"Paid"}},
	 "createdAt":"2025-01-02T03:04:05Z","updatedAt":"2025-01-02T03:04:05Z","groupName":"invoice","featureFlags":["beta"],"featureFlag":"beta"},
	{"name":"old","description":"","archived":true,"deprecated":true,"schemas":null,"createdAt":"2025-01-02T03:04:05Z","updatedAt":"2025-01-02T03:04:05Z"}],
	"settings":{"enforceHttps":false,"retryPolicy":[5,300],"displayName":"Acme","customColor":null,"enableChannels":true,"ofTheFuture":{"a":1},"endpointsPerAppLimit":7},
	"connectors":[{"name":"Slack","transformation":"function handler(w) { return w }"}]}`

func TestEnvironmentExportImports(t *testing.T) {
	r := newRig(t)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"stays","description":"d"}`)

	dry := r.must(200, "POST", "/x/v1/environment/import?dry_run=true", hostedExport)
	var plan struct {
		EventTypes []struct{ Name, Change string }
		Settings   []string
		Connectors []struct{ Name, Change string }
		NotTaken   []string
	}
	if err := json.Unmarshal(dry.body, &plan); err != nil {
		t.Fatal(err)
	}
	if len(plan.EventTypes) != 2 || plan.EventTypes[0].Change != "create" || len(plan.NotTaken) != 0 || fmt.Sprint(plan.Connectors) != "[{Slack create}]" ||
		fmt.Sprint(plan.Settings) != "[displayName enableChannels endpointsPerAppLimit ofTheFuture retryPolicy]" {
		t.Errorf("dry run: %s", dry.body)
	}
	r.must(404, "GET", "/api/v1/event-type/invoice.paid", "")

	a := r.must(204, "POST", "/api/v1/environment/import", hostedExport)
	if got := a.header.Get("Hookloft-Ignored-Fields"); got != "" {
		t.Errorf("ignored fields: %q", got)
	}
	paid := r.must(200, "GET", "/api/v1/event-type/invoice.paid", "")
	if paid.str("groupName") != "invoice" || paid.str("featureFlags.0") != "beta" || paid.str("schemas.1.title") != "Paid" {
		t.Errorf("imported: %s", paid.body)
	}
	r.must(200, "GET", "/api/v1/event-type/stays", "")
	settings := r.must(200, "GET", settingsPath, "")
	if settings.str("displayName") != "Acme" || !strings.Contains(string(settings.body), `"ofTheFuture":{"a":1}`) || !strings.Contains(string(settings.body), `"retryPolicy":[5,300]`) {
		t.Errorf("settings: %s", settings.body)
	}

	// The same file again changes nothing, and neither does our own export.
	for _, file := range []string{hostedExport, string(r.must(200, "POST", "/api/v1/environment/export", "").body)} {
		before := r.must(200, "GET", "/api/v1/event-type/invoice.paid", "").str("updatedAt")
		again := r.must(200, "POST", "/x/v1/environment/import?dry_run=true", file)
		if !strings.Contains(string(again.body), `"eventTypes":[],"connectors":[],"settings":[]`) {
			t.Errorf("a second import changes something: %s", again.body)
		}
		r.must(204, "POST", "/api/v1/environment/import", file)
		if after := r.must(200, "GET", "/api/v1/event-type/invoice.paid", "").str("updatedAt"); after != before {
			t.Errorf("a second import touched the event type: %s, %s", before, after)
		}
	}

	// Another environment takes our export and then has the same.
	file := r.must(200, "POST", "/api/v1/environment/export", "")
	_, other := r.environment("other")
	own := r.token
	r.token = other
	r.must(204, "POST", "/api/v1/environment/import", string(file.body))
	copied := r.must(200, "POST", "/api/v1/environment/export", "")
	r.token = own
	if got, want := portable(t, copied.body), portable(t, file.body); got != want {
		t.Errorf("the copy\n%s\nis not\n%s", got, want)
	}
}

// TestPortableNeedsTheScopesOfWhatItCarries: settings alone open no event types.
func TestPortableNeedsTheScopesOfWhatItCarries(t *testing.T) {
	r := newRig(t)
	const (
		types    = `{"eventTypes":[{"name":"injected","description":"d"}],"settings":{"displayName":"x"}}`
		settings = `{"eventTypes":[],"settings":{"displayName":"y"}}`
		exports  = "/api/v1/environment/export"
		imports  = "/api/v1/environment/import"
	)
	for _, c := range []struct {
		scopes, path, body string
		status             int
		lacks              string
	}{
		{`["settings:read"]`, exports, "", 403, "event-type:read"},
		{`["event-type:read"]`, exports, "", 403, "settings:read"},
		{`["settings:read","event-type:read"]`, exports, "", 200, ""},
		{`["*:read"]`, exports, "", 200, ""},
		{`["settings:write"]`, imports, types, 403, "event-type:write"},
		{`["settings:*","event-type:read"]`, ownImportPath, types, 403, "event-type:write"},
		{`["settings:write"]`, ownImportPath + "?dry_run=true", types, 403, "event-type:write"},
		{`["event-type:*"]`, imports, types, 403, "settings:write"},
		{`["settings:write"]`, imports, `{"connectors":[{"name":"n","transformation":"function handler(w) { return w }"}]}`, 403, "connector:write"},
		{`["settings:write"]`, imports, settings, 204, ""},
	} {
		_, token := r.scopedToken(c.scopes)
		a := r.send(request{method: "POST", path: c.path, token: token, body: c.body})
		if a.status != c.status || !strings.Contains(a.str("detail"), c.lacks) {
			t.Errorf("%s %s: %d %s, want %d %s", c.scopes, c.path, a.status, a.body, c.status, c.lacks)
		}
	}
	r.must(404, "GET", "/api/v1/event-type/injected", "")
	if got := r.must(200, "GET", settingsPath, "").str("displayName"); got != "y" {
		t.Errorf("displayName %q", got)
	}
	_, token := r.scopedToken(`["settings:write","event-type:write"]`)
	if a := r.send(request{method: "POST", path: imports, token: token, body: types}); a.status != 204 {
		t.Errorf("with both scopes: %d %s", a.status, a.body)
	}
	r.must(200, "GET", "/api/v1/event-type/injected", "")
}

// portable is an export without times.
func portable(t *testing.T, body []byte) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	delete(v, "createdAt")
	for _, e := range v["eventTypes"].([]any) {
		delete(e.(map[string]any), "createdAt")
		delete(e.(map[string]any), "updatedAt")
	}
	for _, n := range v["connectors"].([]any) {
		for _, name := range []string{"id", "orgId", "createdAt", "updatedAt", "transformationUpdatedAt"} {
			delete(n.(map[string]any), name)
		}
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestImportIsAllOrNothing(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ name, body, at string }{
		{"a broken type", `{"eventTypes":[{"name":"good","description":"d"},{"name":"bad name","description":"d"}],"settings":{"displayName":"x"}}`, `"body","eventTypes","[1]","name"`},
		{"a broken schema", `{"eventTypes":[{"name":"good","description":"d","schemas":{"1":{"type":"nope"}}}]}`, `"body","eventTypes","[0]","schemas","1"`},
		{"a schema elsewhere", `{"eventTypes":[{"name":"good","description":"d","schemas":{"1":{"$ref":"file:///etc/passwd"}}}]}`, `"body","eventTypes","[0]","schemas","1"`},
		{"a name twice", `{"eventTypes":[{"name":"good","description":"d"},{"name":"good","description":"e"}]}`, `"body","eventTypes","[1]","name"`},
		{"no description", `{"eventTypes":[{"name":"good"}]}`, `"body","eventTypes","[0]","description"`},
		{"a broken setting", `{"eventTypes":[{"name":"good","description":"d"}],"settings":{"retryPolicy":[-1]}}`, `"body","settings","retryPolicy"`},
		{"a setting of another kind", `{"eventTypes":[{"name":"good","description":"d"}],"settings":{"displayName":5}}`, `"body","settings","displayName"`},
		{"settings that are a list", `{"eventTypes":[{"name":"good","description":"d"}],"settings":[]}`, `"body","settings"`},
		{"a newer file", `{"version":2,"eventTypes":[{"name":"good","description":"d"}]}`, `"body","version"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, path := range []string{"/api/v1/environment/import", "/x/v1/environment/import", "/x/v1/environment/import?dry_run=true"} {
				a := r.must(422, "POST", path, c.body)
				if !strings.Contains(string(a.body), c.at) {
					t.Errorf("%s does not name %s", a.body, c.at)
				}
			}
			r.must(404, "GET", "/api/v1/event-type/good", "")
			if got := r.must(200, "GET", settingsPath, "").str("displayName"); got != "null" {
				t.Errorf("a refused import set displayName to %q", got)
			}
		})
	}
}

const petSpec = `openapi: 3.1.0
info: {title: t, version: "1"}
webhooks:
  pet.new:
    post:
      description: A pet was born.
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}, example: {id: 7}}}}
  pet.gone:
    post: {description: A pet died., deprecated: true, x-svix-group-name: pets}
components: {schemas: {Pet: {type: object, properties: {id: {type: integer}, kin: {type: array, items: {$ref: "#/components/schemas/Pet"}}}}}}
`

func importBody(spec, more string) string {
	raw, _ := json.Marshal(spec) // a string always has a JSON text
	return `{"specRaw":` + string(raw) + more + `}`
}

func TestOpenAPIImport(t *testing.T) {
	const path = "/api/v1/event-type/import/openapi"
	r := newRig(t)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"pet.gone","description":"old","featureFlags":["f"],"schemas":{"2":{"type":"object"}}}`)
	r.must(204, "DELETE", "/api/v1/event-type/pet.gone", "")
	r.must(201, "POST", "/api/v1/event-type", `{"name":"zebra","description":"d"}`)

	type changes struct {
		Data struct {
			Modified []string
			ToModify []struct {
				Name, Change string
				Fields       []string
			} `json:"to_modify"`
		}
	}
	run := func(body string) (out changes) {
		t.Helper()
		if err := json.Unmarshal(r.must(200, "POST", path, body).body, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := "[{pet.new create []} {pet.gone update [description archived deprecated groupName]} {zebra archive [archived]}]"
	dry := run(importBody(petSpec, `,"dryRun":true,"replaceAll":true`))
	if len(dry.Data.Modified) != 0 || fmt.Sprint(dry.Data.ToModify) != want {
		t.Errorf("dry run: %+v, want %s", dry, want)
	}
	r.must(404, "GET", "/api/v1/event-type/pet.new", "")
	if r.must(200, "GET", "/api/v1/event-type/zebra", "").str("archived") != "false" {
		t.Error("a dry run archived something")
	}
	if done := run(importBody(petSpec, `,"replaceAll":true`)); fmt.Sprint(done.Data.Modified) != "[pet.new pet.gone zebra]" {
		t.Errorf("import: %+v", done)
	}
	if again := run(importBody(petSpec, `,"replaceAll":true`)); len(again.Data.Modified) != 0 || len(again.Data.ToModify) != 0 {
		t.Errorf("a second import: %+v", again)
	}
	gone := r.must(200, "GET", "/api/v1/event-type/pet.gone", "")
	if gone.str("archived") != "false" || gone.str("groupName") != "pets" || gone.str("featureFlags.0") != "f" || gone.str("schemas.2.type") != "object" {
		t.Errorf("pet.gone: %s", gone.body)
	}
	if r.must(200, "GET", "/api/v1/event-type/zebra", "").str("archived") != "true" {
		t.Error("replaceAll left a type that is not in the document")
	}
	// The example is what a test message holds.
	app := r.app("a")
	e := r.endpoint(app, "")
	sent := r.must(202, "POST", "/api/v1/app/"+app+"/endpoint/"+e+"/send-example", `{"eventType":"pet.new"}`)
	if !strings.Contains(string(sent.body), `"payload":{"id":7}`) {
		t.Errorf("send-example: %s", sent.body)
	}

	// What is exported is the same catalogue, for us and as an object.
	document := r.must(200, "GET", "/x/v1/event-type/export", "")
	if again := run(`{"spec":` + string(document.body) + `}`); len(again.Data.Modified) != 0 {
		t.Errorf("our own export changes %v: %s", again.Data.Modified, document.body)
	}
	for format, place := range map[string]string{"openapi": `"openapi":"3.1.0"`, "asyncapi": `"asyncapi":"3.0.0"`, "jsonschema": `"definitions":{"pet.gone"`} {
		if a := r.must(200, "GET", "/x/v1/event-type/export?format="+format, ""); !strings.Contains(string(a.body), place) || strings.Contains(string(a.body), "zebra") {
			t.Errorf("%s: %s", format, a.body)
		}
	}
	r.must(400, "GET", "/x/v1/event-type/export?format=raml", "")
	task := r.must(202, "POST", "/api/v1/event-type/export/openapi", "")
	shown := r.must(200, "GET", "/api/v1/background-task/"+task.str("id"), "")
	if task.str("task") != "sdk.generate" || shown.str("status") != "finished" || !strings.Contains(string(shown.body), `"document":`+string(document.body)) {
		t.Errorf("task %s: %s", task.body, shown.body)
	}
}

func TestOpenAPIImportRefuses(t *testing.T) {
	const path = "/api/v1/event-type/import/openapi"
	r := newRig(t)
	for _, body := range []string{`{}`, `{"spec":null}`, `{"spec":{},"specRaw":""}`} {
		r.must(400, "POST", path, body)
	}
	good := `{"openapi":"3.1.0","webhooks":{"good":{"post":{}},`
	for _, c := range []struct{ name, body, at string }{
		{"a list", `{"spec":[]}`, `"body","spec"`},
		{"a file", importBody(good+`"b":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"file:///etc/passwd"}}}}}}}}`, ""), `"body","specRaw"`},
		{"a name", `{"spec":` + good + `"b c":{"post":{}}}}}`, `"body","spec"`},
		{"no schema", `{"spec":` + good + `"b":{"post":{"requestBody":{"content":{"application/json":{"schema":{"type":"nope"}}}}}}}}}`, `"body","spec"`},
		{"a number beyond reason", `{"spec":` + good + `"b":{"post":{"requestBody":{"content":{"application/json":{"schema":{"minimum":1e1000000}}}}}}}}}`, `"body","spec"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := r.must(422, "POST", path, c.body)
			if !strings.Contains(string(a.body), c.at) {
				t.Errorf("%s does not name %s", a.body, c.at)
			}
			r.must(404, "GET", "/api/v1/event-type/good", "")
		})
	}
}

func TestSettingsForEndpoints(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	old := r.endpoint(app, "") // from before the settings
	r.must(201, "POST", "/api/v1/event-type", `{"name":"x","description":"d"}`)
	portal := r.portal(app, "")
	endpoints := "/api/v1/app/" + app + "/endpoint"
	body := func(more string) string { return `{"url":"http://127.0.0.1/"` + more + `}` }

	r.must(200, "PATCH", settingsPath, `{"requireEndpointFilterTypes":true}`)
	if a := r.must(422, "POST", endpoints, body("")); !strings.Contains(string(a.body), `"body","eventTypes"`) {
		t.Errorf("without event types: %s", a.body)
	}
	r.must(422, "PUT", endpoints+"/"+old, body(""))
	r.must(422, "PATCH", endpoints+"/"+old, `{"filterTypes":null}`)
	r.must(200, "PATCH", endpoints+"/"+old, `{"description":"what was right stays"}`)
	r.must(201, "POST", endpoints, body(`,"eventTypes":["x"]`))

	r.must(200, "PATCH", settingsPath, `{"requireEndpointFilterTypes":false,"requireEndpointChannel":true}`)
	if a := r.must(422, "POST", endpoints, body("")); !strings.Contains(string(a.body), `"body","channels"`) {
		t.Errorf("without channels: %s", a.body)
	}
	r.must(201, "POST", endpoints, body(`,"channels":["c"]`))
	// Receivers of operational webhooks are the user's own.
	r.must(200, "PATCH", settingsPath, `{"requireEndpointChannel":null,"endpointsPerAppLimit":3}`)
	if a := r.must(400, "POST", endpoints, body("")); a.str("code") != "limit_reached" {
		t.Errorf("a fourth endpoint: %s", a.body)
	}
	r.must(200, "PUT", endpoints+"/"+old, body("")) // no further one
	r.must(204, "DELETE", endpoints+"/"+old, "")
	r.must(201, "POST", endpoints, body(""))
	for _, bad := range []string{`{"endpointsPerAppLimit":0}`, `{"endpointsPerAppLimit":-1}`, `{"endpointsPerAppLimit":1e9}`, `{"readOnly":"yes"}`} {
		r.must(422, "PATCH", settingsPath, bad)
	}
	if got := r.must(200, "PATCH", settingsPath, `{"endpointsPerAppLimit":null}`); !strings.Contains(string(got.body), `"endpointsPerAppLimit":null`) {
		t.Errorf("settings: %s", got.body)
	}

	r.must(200, "PATCH", settingsPath, `{"readOnly":true}`)
	a := r.send(request{method: "POST", path: endpoints, token: portal, body: body("")})
	if a.status != 403 || a.str("code") != "insufficient access" {
		t.Errorf("a change in a read-only portal: %d %s", a.status, a.body)
	}
	for _, q := range []request{
		{method: "GET", path: endpoints, token: portal}, {method: "POST", path: endpoints, body: body(""), token: r.token},
		{method: "GET", path: "/api/v1/environment/settings", token: portal},
	} {
		if a := r.send(q); a.status >= 300 {
			t.Errorf("%s %s in an environment with a read-only portal: %d %s", q.method, q.path, a.status, a.body)
		}
	}
	if a := r.send(request{method: "POST", path: "/api/v1/auth/logout", token: portal}); a.status != 204 {
		t.Errorf("logout: %d", a.status)
	}
}

func TestArchivedTypesAreNotPublished(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	messages := "/api/v1/app/" + app + "/msg"
	body := `{"eventType":"x","payload":{}}`
	r.must(201, "POST", "/api/v1/event-type", `{"name":"x","description":"d"}`)
	first := r.call("POST", messages, body, "Idempotency-Key", "k")
	if first.status != 202 {
		t.Fatalf("%d %s", first.status, first.body)
	}
	for range 2 { // as often as it is brought back
		r.must(204, "DELETE", "/api/v1/event-type/x", "")
		if a := r.must(422, "POST", messages, body); !strings.Contains(string(a.body), `"body","eventType"`) || !strings.Contains(string(a.body), "type x is archived") {
			t.Errorf("an archived type: %s", a.body)
		}
		r.must(202, "POST", messages, `{"eventType":"never.heard.of","payload":{}}`)
		// A repeat of what was accepted has its answer.
		again := r.call("POST", messages, body, "Idempotency-Key", "k")
		if again.status != 202 || again.str("id") != first.str("id") {
			t.Errorf("a repeat: %d %s", again.status, again.body)
		}
		r.must(200, "PATCH", "/api/v1/event-type/x", `{"archived":false}`)
		r.must(202, "POST", messages, body)
	}
	r.must(204, "DELETE", "/api/v1/event-type/x", "")
	r.must(204, "DELETE", "/api/v1/event-type/x?expunge=true", "")
	r.must(202, "POST", messages, body) // what is not in the catalogue may be sent
}
