//go:build unix

package contract

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	c := start(t, rig.Options{})
	r := receive(t)
	c.app("a")
	c.endpoint("a", r.URL+"/a", "")
	const list = "/api/v1/app/a/msg"

	c.line("create, read, list", func(c *client) {
		c.app("list")
		const list = "/api/v1/app/list/msg"
		a := c.must(202, "POST", list+"/", `{"eventType":"user.created","eventId":"e1","payload":{"b":1,"a":1.10},"channels":["c"],"tags":["t/1"]}`)
		c.want(a, "eventType", "user.created", "eventId", "e1", "payload", `{"b":1,"a":1.10}`, "channels", `["c"]`, "tags", `["t/1"]`, "deliverAt", "null")
		c.want(c.must(200, "GET", list+"/"+a.str("id"), ""), "id", a.str("id"), "payload", `{"b":1,"a":1.10}`)
		c.want(c.must(200, "GET", list+"/e1", ""), "id", a.str("id"))
		second := c.message("list", "user.deleted", "")
		c.same("newest first", c.must(200, "GET", list, "").rows("id"), []string{second, a.str("id")})
		c.must(404, "GET", list+"/nobody", "")
		c.app("other")
		c.must(404, "GET", "/api/v1/app/other/msg/"+second, "") // another application's
	})
	c.line("with_content false gives {}", func(c *client) {
		a := c.must(202, "POST", list+"?with_content=false", `{"eventType":"t","payload":{"a":1}}`)
		c.want(a, "payload", "{}", "channels", "null", "tags", "null", "eventId", "null")
		path := list + "/" + a.str("id")
		c.want(c.must(200, "GET", path+"?with_content=false", ""), "payload", "{}")
		c.want(c.must(200, "GET", path, ""), "payload", `{"a":1}`)
		c.want(c.must(200, "GET", list+"?with_content=false&limit=1", ""), "data.0.payload", "{}")
		c.want(c.must(200, "GET", list+"?limit=1", ""), "data.0.payload", `{"a":1}`)
	})
	c.line("validation errors", func(c *client) {
		at := func(d time.Duration) string { return stamp(time.Now().Add(d)) }
		const good = `{"eventType":"t","payload":{}`
		for _, bad := range []struct{ body, loc string }{
			{`{"payload":{}}`, "body eventType"},
			{`{"eventType":"","payload":{}}`, "body eventType"},
			{`{"eventType":"a b","payload":{}}`, "body eventType"},
			{`{"eventType":"` + strings.Repeat("t", 257) + `","payload":{}}`, "body eventType"},
			{`{"eventType":"t"}`, "body payload"},
			{`{"eventType":"t","payload":[]}`, "body payload"},
			{`{"eventType":"t","payload":"x"}`, "body payload"},
			{`{"eventType":"t","payload":null}`, "body payload"},
			{good + `,"channels":[]}`, "body channels"},
			{good + `,"channels":["a","a b"]}`, "body channels [1]"},
			{good + `,"channels":["1","2","3","4","5","6","7","8","9","10","11"]}`, "body channels"},
			{good + `,"tags":["1","2","3","4","5","6"]}`, "body tags"},
			{good + `,"tags":["` + strings.Repeat("t", 129) + `"]}`, "body tags [0]"},
			{good + `,"eventId":"msg_x"}`, "body eventId"},
			{good + `,"eventId":"a b"}`, "body eventId"},
			{good + `,"deliverAt":"` + at(30*time.Second) + `"}`, "body deliverAt"},
			{good + `,"deliverAt":"` + at(25*time.Hour) + `"}`, "body deliverAt"},
			{good + `,"transformationsParams":{"rawPayload":1}}`, "body transformationsParams rawPayload"},
		} {
			a := c.must(422, "POST", list, bad.body)
			if a.loc() != bad.loc || a.str("detail.0.type") == "" || a.str("detail.0.msg") == "" {
				c.t.Errorf("%.200s: at %q: %s", bad.body, a.loc(), a.body)
			}
		}
		if a := c.must(422, "POST", list, `{"eventType":`); a.str("detail.0.type") != "value_error.jsondecode" || !strings.HasPrefix(a.loc(), "body") {
			c.t.Errorf("half a body: %s", a.body)
		}
		c.want(c.must(404, "POST", "/api/v1/app/none/msg", good+"}"), "code", "not_found", "detail", "Application not found")
		c.want(c.must(415, "POST", list, good+"}", "Content-Type", "text/plain"), "code", "unsupported_media_type")
		c.must(202, "POST", list, `{"eventType":"never.declared","payload":{}}`)    // accepted, as by the open-source server
		c.must(202, "POST", list, `{"eventType":"t","data":{}}`)                    // its other name for payload
		c.must(202, "POST", list, good+`,"deliverAt":"`+at(2*time.Minute)+`"}`)     // within the bounds
		c.must(202, "POST", list, good+`,"channels":null,"tags":null,"extra":"x"}`) // unknown fields are ignored
	})
	c.line("413", func(c *client) {
		fits := `{"a":"` + strings.Repeat("x", 1<<20-8) + `"}`
		c.must(202, "POST", list, `{"eventType":"big","payload":`+fits+`}`)
		c.want(c.must(413, "POST", list, `{"eventType":"big","payload":`+strings.Replace(fits, "x", "xx", 1)+`}`), "code", "payload_too_large")
		c.want(c.must(413, "POST", list, `{"eventType":"big","payload":{"a":"`+strings.Repeat("x", 4<<20)+`"}}`), "code", "payload_too_large")
	})
	c.line("409 on duplicate eventId", func(c *client) {
		c.message("a", "t", `,"eventId":"once"`)
		c.want(c.must(409, "POST", list, `{"eventType":"t","payload":{},"eventId":"once"}`), "code", "conflict")
		c.app("b")
		c.message("b", "t", `,"eventId":"once"`) // in another application
		// The key is looked up before eventId: a repeat finds its own answer.
		const body = `{"eventType":"t","payload":{},"eventId":"keyed"}`
		first := c.must(202, "POST", list, body, "Idempotency-Key", "m1")
		c.want(c.must(202, "POST", list, body, "Idempotency-Key", "m1"), "id", first.str("id"))
		c.must(409, "POST", list, body, "Idempotency-Key", "m2")
	})
	c.line("failed message recorded; requeued on schedule", func(c *client) {
		c.app("retry")
		r.answers("/retry", http.StatusInternalServerError)
		ep := c.endpoint("retry", r.URL+"/retry", "")
		id := c.message("retry", "t", "")
		a := c.attempts(1, "/api/v1/app/retry/attempt/msg/"+id)
		c.want(a, "data.0.status", "3", "data.0.responseStatusCode", "500", "data.0.endpointId", ep)
		r.answers("/retry", http.StatusOK)
		first, second := r.await(c, "/retry", id, 1), r.await(c, "/retry", id, 2)
		// The first step of the default schedule is 5 s with 20 % jitter either way, the second five
		// minutes. A request may be seen late.
		if wait := second.at.Sub(first.at); wait < 3*time.Second || wait > time.Minute {
			c.t.Errorf("tried again after %v, want 4 to 6 s", wait)
		}
		if first.header.Get("Webhook-Timestamp") == second.header.Get("Webhook-Timestamp") {
			c.t.Error("a retry is signed with its own time")
		}
		a = c.attempts(2, "/api/v1/app/retry/attempt/msg/"+id)
		c.want(a, "data.0.status", "0", "data.1.status", "3", "data.0.triggerType", "0") // it had a next attempt
	})
	c.line("multiple endpoints each get it", func(c *client) {
		c.app("many")
		for i := range 5 {
			c.endpoint("many", fmt.Sprintf("%s/many/%d", r.URL, i), "")
		}
		id := c.message("many", "t", "")
		for i := range 5 {
			r.await(c, fmt.Sprintf("/many/%d", i), id, 1)
		}
		a := c.attempts(5, "/api/v1/app/many/attempt/msg/"+id)
		c.same("each succeeded", a.rows("status"), []string{"0", "0", "0", "0", "0"})
	})
	c.line("retention period", func(c *client) {
		const good = `{"eventType":"t","payload":{}`
		for fields, loc := range map[string]string{
			`,"payloadRetentionPeriod":91`: "body payloadRetentionPeriod", `,"payloadRetentionPeriod":0`: "body payloadRetentionPeriod",
			`,"payloadRetentionHours":0`: "body payloadRetentionHours", `,"payloadRetentionHours":2161`: "body payloadRetentionHours",
			`,"payloadRetentionPeriod":1,"payloadRetentionHours":1`: "body payloadRetentionHours",
		} {
			if a := c.must(422, "POST", list, good+fields+"}"); a.loc() != loc {
				c.t.Errorf("%s: %s", fields, a.body)
			}
		}
		for _, fields := range []string{`,"payloadRetentionPeriod":90`, `,"payloadRetentionPeriod":1,"payloadRetentionHours":null`, `,"payloadRetentionHours":2160`} {
			c.must(202, "POST", list, good+fields+"}")
		}
	})
	c.line("expunge", func(c *client) {
		id := c.message("a", "t", `,"tags":["kept"]`)
		path := "/api/v1/app/a/attempt/msg/" + id
		c.attempts(1, path)
		c.must(204, "DELETE", list+"/"+id+"/content", "")
		c.want(c.must(200, "GET", list+"/"+id, ""), "payload", `{"expired":true}`, "tags", `["kept"]`, "eventType", "t")
		ep := c.must(200, "GET", path, "").str("data.0.endpointId")
		c.want(c.must(400, "POST", list+"/"+id+"/endpoint/"+ep+"/resend", `{}`), "code", "missing_payload")
		c.must(404, "DELETE", list+"/nobody/content", "")
	})
	c.line("raw payload delivered verbatim with chosen content type", func(c *client) {
		const raw = "<a b=\"1\">\n é</a>"
		id := c.must(202, "POST", list, `{"eventType":"t","payload":{},"transformationsParams":{"rawPayload":`+quote(raw)+`,"headers":{"content-type":"application/xml"}}}`).str("id")
		d := r.await(c, "/a", id, 1)
		if d.body != raw || d.header.Get("Content-Type") != "application/xml" {
			c.t.Errorf("%q of type %s", d.body, d.header.Get("Content-Type"))
		}
		ep := c.must(200, "GET", "/api/v1/app/a/endpoint", "").str("data.0.id")
		if key := c.must(200, "GET", "/api/v1/app/a/endpoint/"+ep+"/secret", "").str("key"); !d.signedBy(key) {
			c.t.Errorf("what was sent is not what was signed: %v", d.header)
		}
	})
	c.line("bytes are sacred, where Hookloft decides for itself", func(c *client) {
		const payload = "{ \"z\":1.10,\"a\":1e5,\t\"big\":123456789012345678901234567890, \"s\":\"\\u00e9/\" }"
		a := c.must(202, "POST", list, `{"eventType":"t","payload":`+payload+`}`)
		d := r.await(c, "/a", a.str("id"), 1)
		if d.body != payload || d.header.Get("Content-Type") != "application/json" {
			c.t.Errorf("sent %q", d.body)
		}
		if a := c.must(200, "GET", list+"/"+a.str("id"), ""); !strings.Contains(string(a.body), payload) {
			c.t.Errorf("read %s", a.body)
		}
	})
	c.line("inline application create and its 422 cases", func(c *client) {
		const path = "/api/v1/app/inline/msg"
		for body, want := range map[string]string{
			`{"name":"n"}`:                   "application_uid_missing",
			`{"name":"n","uid":null}`:        "application_uid_missing",
			`{"name":"n","uid":"different"}`: "application_uid_mismatch",
		} {
			a := c.must(422, "POST", path, `{"eventType":"t","payload":{},"application":`+body+`}`)
			c.want(a, "detail.0.type", want)
			c.must(404, "GET", "/api/v1/app/inline", "")
		}
		const body = `{"eventType":"t","payload":{},"application":{"name":"Inline","uid":"inline","metadata":{"k":"v"}}}`
		c.must(202, "POST", path, body)
		c.want(c.must(200, "GET", "/api/v1/app/inline", ""), "name", "Inline", "metadata", `{"k":"v"}`)
		c.must(202, "POST", path, strings.Replace(body, "Inline", "Ignored", 1)) // it exists
		c.want(c.must(200, "GET", "/api/v1/app/inline", ""), "name", "Inline")
	})
}
