//go:build unix

package contract

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/test/rig"
)

func TestApplication(t *testing.T) {
	t.Parallel()
	c := start(t, rig.Options{})
	const list = "/api/v1/app"

	c.line("patch sets, keeps and nulls fields", func(c *client) {
		id := c.must(201, "POST", list+"/", `{"name":"Acme","uid":"patched","throttleRate":7,"metadata":{"k":"v"}}`).str("id")
		c.steps(list, []step{
			{"nothing given, nothing changed", "PATCH", "/patched", `{}`, 200, []string{"name", "Acme", "uid", "patched", "throttleRate", "7", "metadata", `{"k":"v"}`}},
			{"one field set, the rest kept", "PATCH", "/patched", `{"name":"B"}`, 200, []string{"name", "B", "uid", "patched", "throttleRate", "7"}},
			{"metadata are replaced whole", "PATCH", "/patched", `{"metadata":{"x":"y"}}`, 200, []string{"metadata", `{"x":"y"}`}},
			{"metadata are cleared by {}", "PATCH", "/patched", `{"metadata":{}}`, 200, []string{"metadata", `{}`}},
			{"the rate under its older name", "PATCH", "/patched", `{"rateLimit":9}`, 200, []string{"throttleRate", "9", "rateLimit", "9"}},
			{"null clears the rate", "PATCH", "/patched", `{"throttleRate":null}`, 200, []string{"throttleRate", "null", "rateLimit", "null"}},
			{"null for a name", "PATCH", "/patched", `{"name":null}`, 422, []string{"loc", "body name"}},
			{"null clears the uid", "PATCH", "/patched", `{"uid":null}`, 200, []string{"uid", "null", "id", id}},
			{"which is free then", "GET", "/patched", ``, 404, []string{"code", "not_found", "detail", "Entity not found"}},
			{"a new uid", "PATCH", "/" + id, `{"uid":"again"}`, 200, []string{"uid", "again"}},
			{"the own uid is no conflict", "PATCH", "/again", `{"uid":"again"}`, 200, []string{"id", id}},
		})
	})
	c.line("unknown id on PUT creates, then updates", func(c *client) {
		a := c.must(201, "PUT", list+"/nobody", `{"name":"New","metadata":{"a":"b"}}`)
		c.want(a, "uid", "null", "name", "New") // the path's value is no uid
		c.must(404, "GET", list+"/nobody", "")
		id := a.str("id")
		c.want(c.must(200, "PUT", list+"/"+id, `{"name":"Newer"}`), "id", id, "name", "Newer", "metadata", "{}")
	})
	c.line("delete then 404", func(c *client) {
		id := c.app("deleted")
		c.must(204, "DELETE", list+"/deleted", "")
		for _, ref := range []string{id, "deleted"} {
			c.must(404, "GET", list+"/"+ref, "")
			c.must(404, "DELETE", list+"/"+ref, "")
			c.must(404, "PATCH", list+"/"+ref, `{"name":"x"}`)
		}
	})
	c.line("list pages through 251 apps, forward and backward, in both orders", func(c *client) {
		c = c.environment("paging")
		var ids []string
		for i := range 251 {
			ids = append(ids, c.must(201, "POST", list, fmt.Sprintf(`{"name":"%d"}`, i)).str("id"))
		}
		c.same("the first 250, oldest first by default", c.must(200, "GET", list+"?limit=250", "").rows("id"), ids[:250])
		for _, order := range []string{"ascending", "descending"} {
			want := slices.Clone(ids)
			if order == "descending" {
				slices.Reverse(want)
			}
			var got []string
			var last answer
			query := "?limit=100&order=" + order
			for iterator := ""; len(got) < 1000; iterator = "&iterator=" + last.str("iterator") {
				last = c.must(200, "GET", list+query+iterator, "")
				got = append(got, last.rows("id")...)
				if last.str("done") == "true" {
					break
				}
			}
			c.same(order, got, want)
			back := c.must(200, "GET", list+query+"&iterator="+last.str("prevIterator"), "")
			c.same(order+", back", back.rows("id"), want[100:200])
			back = c.must(200, "GET", list+query+"&iterator="+back.str("prevIterator"), "")
			c.same(order+", back again", back.rows("id"), want[:100])
			c.want(back, "done", "true")
		}
		c.want(c.environment("empty").must(200, "GET", list, ""), "data", "[]", "iterator", "null", "done", "true")
	})
	c.line("limit 251 rejected", func(c *client) {
		a := c.must(422, "GET", list+"?limit=251", "")
		if a.loc() != "query limit" || a.str("detail.0.msg") != "Given limit must not exceed 250" {
			c.t.Errorf("%s", a.body)
		}
		if a := c.must(422, "GET", list+"?iterator=nonsense", ""); a.loc() != "query iterator" {
			c.t.Errorf("%s", a.body)
		}
		c.must(400, "GET", list+"?limit=many", "") // cannot be read at all
		c.must(400, "GET", list+"?limit=1&limit=2", "")
	})
	c.line("uid rules", func(c *client) {
		id := c.app("taken")
		c.steps(list, []step{
			{"bad characters", "POST", "", `{"name":"n","uid":"a b"}`, 422, []string{"loc", "body uid"}},
			{"a slash", "POST", "", `{"name":"n","uid":"a/b"}`, 422, []string{"loc", "body uid"}},
			{"the prefix of ids", "POST", "", `{"name":"n","uid":"app_x"}`, 422, []string{"loc", "body uid"}},
			{"empty", "POST", "", `{"name":"n","uid":""}`, 422, []string{"loc", "body uid"}},
			{"257 characters", "POST", "", `{"name":"n","uid":"` + strings.Repeat("u", 257) + `"}`, 422, []string{"loc", "body uid"}},
			{"256 characters", "POST", "", `{"name":"n","uid":"` + strings.Repeat("u", 256) + `"}`, 201, nil},
			{"every character that may be", "POST", "", `{"name":"n","uid":"aZ0-_."}`, 201, []string{"uid", "aZ0-_."}},
			{"taken", "POST", "", `{"name":"n","uid":"taken"}`, 409, []string{"code", "conflict", "detail", "An application with that id or uid already exists"}},
			{"another's by PATCH", "PATCH", "/aZ0-_.", `{"uid":"taken"}`, 409, []string{"code", "conflict"}},
			{"another's by PUT", "PUT", "/aZ0-_.", `{"name":"n","uid":"taken"}`, 409, []string{"code", "conflict"}},
			{"its own by PUT", "PUT", "/taken", `{"name":"n","uid":"taken"}`, 200, []string{"id", id}},
			{"free after the delete", "DELETE", "/taken", ``, 204, nil},
			{"and used again", "POST", "", `{"name":"n","uid":"taken"}`, 201, nil},
		})
		c.environment("second").app("taken") // the same uid in two organisations
	})
	c.line("get_if_exists", func(c *client) {
		a := c.must(201, "POST", list+"?get_if_exists=true", `{"name":"First","uid":"once"}`)
		c.want(c.must(200, "POST", list+"?get_if_exists=true", `{"name":"Second","uid":"once"}`), "id", a.str("id"), "name", "First")
		c.must(409, "POST", list, `{"name":"Second","uid":"once"}`)
	})
	c.line("idempotency key replays the first response, different keys do not", func(c *client) {
		const body = `{"name":"n"}`
		first := c.must(201, "POST", list, body, "Idempotency-Key", "k1")
		again := c.must(201, "POST", list, body, "Idempotency-Key", "k1")
		if string(first.body) != string(again.body) {
			t.Errorf("the same key: %s, then %s", first.body, again.body)
		}
		other := c.must(201, "POST", list, body, "Idempotency-Key", "k2")
		if other.str("id") == first.str("id") {
			t.Errorf("another key gave the same application: %s", other.body)
		}
		// Here Hookloft decides for itself: another body under the key is refused, not answered
		// with what the first one made.
		if a := c.must(422, "POST", list, `{"name":"m"}`, "Idempotency-Key", "k1"); a.loc() != "header idempotency-key" {
			t.Errorf("%s", a.body)
		}
		// Keys are an environment's own.
		foreign := c.environment("second").must(201, "POST", list, body, "Idempotency-Key", "k1")
		if foreign.str("id") == first.str("id") {
			t.Errorf("another environment sees %s", foreign.body)
		}
	})
}
