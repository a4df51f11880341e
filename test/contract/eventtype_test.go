//go:build unix

package contract

import (
	"testing"

	"github.com/hookloft/hookloft/test/rig"
)

func TestEventType(t *testing.T) {
	t.Parallel()
	c := start(t, rig.Options{})
	const list = "/api/v1/event-type"

	c.line("create, read, list", func(c *client) {
		a := c.must(201, "POST", list, `{"name":"b.x","description":"d","featureFlag":"beta","groupName":"g","schemas":{"1":{"type":"object"}}}`)
		c.want(a, "name", "b.x", "description", "d", "featureFlag", "beta", "featureFlags", `["beta"]`, "groupName", "g",
			"archived", "false", "deprecated", "false", "schemas", `{"1":{"type":"object"}}`)
		c.want(c.must(200, "GET", list+"/b.x", ""), "name", "b.x", "schemas", `{"1":{"type":"object"}}`)
		c.eventType("a.x")
		a = c.must(409, "POST", list, `{"name":"a.x","description":"d"}`)
		c.want(a, "code", "event_type_exists")
		a = c.must(200, "GET", list, "")
		c.same("ascending by name", a.rows("name"), []string{"a.x", "b.x"})
		c.want(a, "iterator", "b.x", "done", "true")
		c.same("descending", c.must(200, "GET", list+"?order=descending", "").rows("name"), []string{"b.x", "a.x"})
		a = c.must(200, "GET", list+"?limit=1", "")
		c.same("one page", c.must(200, "GET", list+"?limit=1&iterator="+a.str("iterator"), "").rows("name"), []string{"b.x"})
		c.want(c.must(201, "PUT", list+"/c.x", `{"description":"by its name"}`), "name", "c.x")
		c.want(c.must(200, "PUT", list+"/c.x", `{"description":"again"}`), "description", "again")
		c.must(404, "GET", list+"/none", "")
	})
	c.line("archived hidden, include_archived, POST revives archived", func(c *client) {
		c = c.environment("archive")
		c.eventType("gone")
		c.eventType("here")
		c.must(204, "DELETE", list+"/gone", "")
		c.same("hidden", c.must(200, "GET", list, "").rows("name"), []string{"here"})
		c.same("shown", c.must(200, "GET", list+"?include_archived=true", "").rows("archived"), []string{"true", "false"})
		c.want(c.must(200, "GET", list+"/gone", ""), "archived", "true")
		c.want(c.must(201, "POST", list, `{"name":"gone","description":"revived"}`), "archived", "false", "description", "revived")
		c.same("back", c.must(200, "GET", list, "").rows("name"), []string{"gone", "here"})
		c.must(204, "DELETE", list+"/gone?expunge=true", "")
		c.must(404, "GET", list+"/gone", "")
		c.must(404, "DELETE", list+"/gone", "")
	})
	c.line("patch null and absent", func(c *client) {
		c = c.environment("patch")
		c.must(201, "POST", list, `{"name":"p","description":"d","featureFlags":["one","two"],"groupName":"g","deprecated":true,"schemas":{"1":{"type":"object"}}}`)
		c.steps(list+"/p", []step{
			{"absent is kept", "PATCH", "", `{}`, 200, []string{"description", "d", "featureFlags", `["one","two"]`, "groupName", "g", "deprecated", "true", "schemas.1.type", "object"}},
			{"null clears the schemas", "PATCH", "", `{"schemas":null}`, 200, []string{"schemas", "null", "groupName", "g"}},
			{"null clears the flags", "PATCH", "", `{"featureFlags":null}`, 200, []string{"featureFlags", "null", "featureFlag", "null"}},
			{"null clears the group", "PATCH", "", `{"groupName":null}`, 200, []string{"groupName", "null", "description", "d"}},
			{"null for what must be", "PATCH", "", `{"description":null}`, 422, []string{"loc", "body description"}},
			{"null for a switch", "PATCH", "", `{"archived":null}`, 422, []string{"loc", "body archived"}},
			{"archived", "PATCH", "", `{"archived":true}`, 200, []string{"archived", "true"}},
			{"replaced", "PUT", "", `{"description":"new"}`, 200, []string{"deprecated", "false", "archived", "false", "description", "new"}},
		})
	})
	c.line("feature-flagged types invisible to app tokens without the flag", func(c *client) {
		c = c.environment("flags")
		c.eventType("a.open")
		c.must(201, "POST", list, `{"name":"b.beta","description":"d","featureFlags":["beta"]}`)
		c.app("a")
		token := func(body string) *client {
			return c.as(c.must(200, "POST", "/api/v1/auth/app-portal-access/a", body).str("token"))
		}
		without, with := token(`{}`), token(`{"featureFlags":["beta"]}`)
		c.same("without", without.must(200, "GET", list, "").rows("name"), []string{"a.open"})
		without.must(404, "GET", list+"/b.beta", "")
		c.same("with", with.must(200, "GET", list, "").rows("name"), []string{"a.open", "b.beta"})
		with.must(200, "GET", list+"/b.beta", "")
		c.same("the whole catalogue", c.must(200, "GET", list, "").rows("name"), []string{"a.open", "b.beta"})
	})
	c.line("list with content", func(c *client) {
		c = c.environment("content")
		c.must(201, "POST", list, `{"name":"s","description":"d","schemas":{"1":{"type":"object"}}}`)
		c.same("without", c.must(200, "GET", list, "").rows("schemas"), []string{"null"})
		c.same("with", c.must(200, "GET", list+"?with_content=true", "").rows("schemas"), []string{`{"1":{"type":"object"}}`})
	})
	c.line("invalid JSON Schema", func(c *client) {
		c.steps(list, []step{
			{"no such type", "POST", "", `{"name":"i","description":"d","schemas":{"1":{"type":"strange"}}}`, 422, []string{"loc", "body schemas 1"}},
			{"no object", "POST", "", `{"name":"i","description":"d","schemas":{"1":[]}}`, 422, []string{"loc", "body schemas 1"}},
			{"no object at all", "POST", "", `{"name":"i","description":"d","schemas":[1]}`, 422, []string{"loc", "body schemas"}},
			{"draft 7", "POST", "", `{"name":"i","description":"d","schemas":{"1":{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"x":{"type":"integer"}}}}}`, 201, nil},
			{"by PATCH", "PATCH", "/i", `{"schemas":{"1":{"required":3}}}`, 422, []string{"loc", "body schemas 1"}},
		})
	})
}
