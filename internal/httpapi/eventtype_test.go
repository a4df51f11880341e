package httpapi

import (
	"strings"
	"testing"
	"time"
)

func TestEventTypeLife(t *testing.T) {
	r := newRig(t)
	const list = "/api/v1/event-type"
	a := r.must(201, "POST", list, `{"name":"b.x","description":"d","featureFlag":"beta","groupName":"g","schemas":{"1":{"type":"object"}}}`)
	if a.str("featureFlags") != `["beta"]` || a.str("featureFlag") != "beta" || a.str("schemas.1.type") != "object" || a.str("archived") != "false" {
		t.Errorf("created: %s", a.body)
	}
	r.must(201, "POST", list, `{"name":"a.x","description":""}`)
	if a := r.call("POST", list, `{"name":"a.x","description":"d"}`); a.status != 409 || a.str("code") != "event_type_exists" {
		t.Errorf("a live name: %d %s", a.status, a.body)
	}
	if a := r.must(200, "GET", list, ""); a.str("data.0.name") != "a.x" || a.str("data.1.schemas") != "null" || a.str("iterator") != "b.x" {
		t.Errorf("list: %s", a.body)
	}
	if a := r.must(200, "GET", list+"?with_content=true&order=descending", ""); a.str("data.0.name") != "b.x" || a.str("data.0.schemas.1.type") != "object" {
		t.Errorf("list with content: %s", a.body)
	}
	steps := []struct {
		why, method, path, body string
		status                  int
		field, want             string
	}{
		{"patch clears schemas", "PATCH", "/b.x", `{"schemas":null}`, 200, "schemas", "null"},
		{"patch clears flags", "PATCH", "/b.x", `{"featureFlags":null}`, 200, "featureFlag", "null"},
		{"patch clears the group", "PATCH", "/b.x", `{"groupName":null}`, 200, "groupName", "null"},
		{"patch keeps what is absent", "PATCH", "/b.x", `{"deprecated":true}`, 200, "description", "d"},
		{"patch refuses null for the description", "PATCH", "/b.x", `{"description":null}`, 422, "", ""},
		{"delete archives", "DELETE", "/b.x", ``, 204, "", ""},
		{"an archived one is found by name", "GET", "/b.x", ``, 200, "archived", "true"},
		{"an archived one is not listed", "GET", "?", ``, 200, "data.1", ""},
		{"but with include_archived", "GET", "?include_archived=true", ``, 200, "data.1.name", "b.x"},
		{"creating revives and overwrites", "POST", "", `{"name":"b.x","description":"again"}`, 201, "description", "again"},
		{"revived", "GET", "/b.x", ``, 200, "archived", "false"},
		{"put replaces", "PUT", "/b.x", `{"description":"p"}`, 200, "deprecated", "false"},
		{"put creates under the name of the path", "PUT", "/c.x", `{"description":"p"}`, 201, "name", "c.x"},
		{"put refuses a bad name", "PUT", "/c%20x", `{"description":"p"}`, 422, "", ""},
		{"expunge removes", "DELETE", "/c.x?expunge=true", ``, 204, "", ""},
		{"removed", "GET", "/c.x", ``, 404, "", ""},
		{"removed twice", "DELETE", "/c.x", ``, 404, "", ""},
	}
	for _, s := range steps {
		a := r.call(s.method, list+s.path, s.body)
		if got := a.str(s.field); a.status != s.status || s.field != "" && got != s.want {
			t.Errorf("%s: %d %s", s.why, a.status, a.body)
		}
	}
}

func TestEventTypeRules(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		why, body string
		status    int
		loc       string
	}{
		{"no name", `{"description":"d"}`, 422, "body name"},
		{"no description", `{"name":"a"}`, 422, "body description"},
		{"bad name", `{"name":"a b","description":"d"}`, 422, "body name"},
		{"line break in the name", `{"name":"a\r\nX: 1","description":"d"}`, 422, "body name"},
		{"bad flag", `{"name":"a","description":"d","featureFlags":["a b"]}`, 422, "body featureFlags [0]"},
		{"bad group", `{"name":"a","description":"d","groupName":""}`, 422, "body groupName"},
		{"schemas no object", `{"name":"a","description":"d","schemas":[1]}`, 422, "body schemas"},
		{"schema no schema", `{"name":"a","description":"d","schemas":{"1":{"type":"strange"}}}`, 422, "body schemas 1"},
		{"schema that refers elsewhere", `{"name":"a","description":"d","schemas":{"1":{"$ref":"https://example.com/x.json"}}}`, 422, "body schemas 1"},
		{"schema that refers to a file", `{"name":"a","description":"d","schemas":{"1":{"$ref":"file:///etc/passwd"}}}`, 422, "body schemas 1"},
		{"schema with a huge number", `{"name":"a","description":"d","schemas":{"1":{"multipleOf":1e1000000000}}}`, 422, "body schemas"},
		{"good", `{"name":"a","description":"d","schemas":{"1":{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"x":{"type":"integer"}}}}}`, 201, ""},
		{"null schemas", `{"name":"b","description":"d","schemas":null,"featureFlags":null,"groupName":null}`, 201, ""},
	} {
		start := time.Now()
		if a := r.call("POST", "/api/v1/event-type", c.body); a.status != c.status || a.loc() != c.loc {
			t.Errorf("%s: %d at %q %s", c.why, a.status, a.loc(), a.body)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s took %s", c.why, took)
		}
	}
}

// TestFeatureFlagsHideEventTypes reads the catalogue with portal tokens.
func TestFeatureFlagsHideEventTypes(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	r.must(201, "POST", "/api/v1/event-type", `{"name":"a.open","description":""}`)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"b.beta","description":"","featureFlags":["beta"]}`)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"c.open","description":""}`)
	names := func(token, query string) string {
		a := r.send(request{method: "GET", path: "/api/v1/event-type?" + query, token: token})
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		out := ""
		for _, i := range []string{"0", "1", "2"} {
			if name := a.str("data." + i + ".name"); name != "" && name != "null" {
				out += name + " "
			}
		}
		return strings.TrimSpace(out)
	}
	plain, beta := r.portal(app, ``), r.portal(app, `{"featureFlags":["beta"]}`)
	for _, c := range []struct{ why, token, query, want string }{
		{"API token", r.token, "", "a.open b.beta c.open"},
		{"without the flag", plain, "", "a.open c.open"},
		{"with the flag", beta, "", "a.open b.beta c.open"},
		{"a page is filled past what is hidden", plain, "limit=2", "a.open c.open"},
		{"backwards too", plain, "limit=2&iterator=-d", "a.open c.open"},
	} {
		if got := names(c.token, c.query); got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
	if a := r.send(request{method: "GET", path: "/api/v1/event-type/b.beta", token: plain}); a.status != 404 {
		t.Errorf("hidden by name: %d", a.status)
	}
	if a := r.send(request{method: "GET", path: "/api/v1/event-type/b.beta", token: beta}); a.status != 200 {
		t.Errorf("with the flag by name: %d", a.status)
	}
	// Nor can it be subscribed to, or be told from one that does not exist.
	const endpoints = "/api/v1/app/a/endpoint"
	for token, want := range map[string]int{plain: 422, beta: 201, r.token: 201} {
		a := r.send(request{method: "POST", path: endpoints, token: token, body: `{"url":"https://example.com/","eventTypes":["a.open","b.beta"]}`})
		if a.status != want {
			t.Errorf("subscribe: %d %s, want %d", a.status, a.body, want)
		}
	}
	set := r.must(201, "POST", endpoints, `{"url":"https://example.com/","eventTypes":["b.beta"]}`).str("id")
	if a := r.send(request{method: "PATCH", path: endpoints + "/" + set, token: plain, body: `{"eventTypes":["a.open","b.beta"]}`}); a.status != 200 {
		t.Errorf("keep what the owner had set: %d %s", a.status, a.body)
	}
}
