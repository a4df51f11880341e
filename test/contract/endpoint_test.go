//go:build unix

package contract

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"

	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	c := start(t, rig.Options{})
	c.app("a")
	c.eventType("x.y")
	const list = "/api/v1/app/a/endpoint"

	c.line("create defaults", func(c *client) {
		a := c.must(201, "POST", list, `{"url":"https://Example.com"}`)
		c.want(a, "url", "https://example.com/", "description", "", "disabled", "false", "version", "1", "uid", "null", "metadata", "{}",
			"eventTypes", "null", "filterTypes", "null", "channels", "null", "throttleRate", "null", "rateLimit", "null")
	})
	c.line("patch null and absent for every field", func(c *client) {
		id := c.must(201, "POST", list, `{"url":"https://example.com/p","description":"d","uid":"p","throttleRate":5,"channels":["c"],"filterTypes":["x.y"],"disabled":true,"metadata":{"k":"v"}}`).str("id")
		kept := []string{"url", "https://example.com/p", "description", "d", "uid", "p", "throttleRate", "5", "rateLimit", "5", "channels", `["c"]`,
			"filterTypes", `["x.y"]`, "eventTypes", `["x.y"]`, "disabled", "true", "metadata", `{"k":"v"}`}
		c.steps(list+"/"+id, []step{
			{"absent is kept", "PATCH", "", `{}`, 200, kept},
			{"null for the URL", "PATCH", "", `{"url":null}`, 422, []string{"loc", "body url"}},
			{"null for the description", "PATCH", "", `{"description":null}`, 422, []string{"loc", "body description"}},
			{"null for disabled", "PATCH", "", `{"disabled":null}`, 422, []string{"loc", "body disabled"}},
			{"what was refused changed nothing", "GET", "", ``, 200, kept},
			{"null clears the uid", "PATCH", "", `{"uid":null}`, 200, []string{"uid", "null", "throttleRate", "5"}},
			{"null clears the rate", "PATCH", "", `{"throttleRate":null}`, 200, []string{"throttleRate", "null", "rateLimit", "null"}},
			{"the rate under its older name", "PATCH", "", `{"rateLimit":8}`, 200, []string{"throttleRate", "8", "rateLimit", "8"}},
			{"0 clears the rate", "PATCH", "", `{"throttleRate":0}`, 200, []string{"throttleRate", "null"}},
			{"null clears the channels", "PATCH", "", `{"channels":null}`, 200, []string{"channels", "null", "filterTypes", `["x.y"]`}},
			{"null clears the event types", "PATCH", "", `{"filterTypes":null}`, 200, []string{"filterTypes", "null", "eventTypes", "null"}},
			{"event types under their newer name", "PATCH", "", `{"eventTypes":["x.y"]}`, 200, []string{"filterTypes", `["x.y"]`}},
			{"an empty list of event types means all", "PATCH", "", `{"eventTypes":[]}`, 200, []string{"filterTypes", "null"}},
			{"older clients clear channels with []", "PATCH", "", `{"channels":[]}`, 200, []string{"channels", "null"}},
			{"metadata are replaced whole", "PATCH", "", `{"metadata":{"x":"y"}}`, 200, []string{"metadata", `{"x":"y"}`}},
			{"metadata are cleared by {}", "PATCH", "", `{"metadata":{}}`, 200, []string{"metadata", `{}`}},
			{"enabled", "PATCH", "", `{"disabled":false}`, 200, []string{"disabled", "false"}},
		})
	})
	c.line("PUT unknown id", func(c *client) {
		a := c.must(201, "PUT", list+"/unknown", `{"url":"https://example.com/new","uid":"put","description":"d","metadata":{"k":"v"},"throttleRate":3}`)
		c.want(c.must(200, "PUT", list+"/put", `{"url":"https://example.com/newer"}`), "id", a.str("id"), "uid", "null",
			"url", "https://example.com/newer", "description", "", "metadata", "{}", "throttleRate", "null")
		c.must(404, "GET", list+"/unknown", "")
	})
	c.line("metadata", func(c *client) {
		c.steps(list, []step{
			{"set", "POST", "", `{"url":"https://example.com/","metadata":{"a":"b","c":""}}`, 201, []string{"metadata", `{"a":"b","c":""}`}},
			{"null is none", "POST", "", `{"url":"https://example.com/","metadata":null}`, 201, []string{"metadata", `{}`}},
			{"no text", "POST", "", `{"url":"https://example.com/","metadata":{"a":1}}`, 422, []string{"loc", "body metadata a"}},
			{"too large", "POST", "", `{"url":"https://example.com/","metadata":{"a":"` + strings.Repeat("x", 4096) + `"}}`, 422, []string{"loc", "body metadata"}},
		})
	})
	c.line("list ordering", func(c *client) {
		c.app("ordered")
		var ids []string
		for range 3 {
			ids = append(ids, c.endpoint("ordered", "https://example.com/", ""))
		}
		const list = "/api/v1/app/ordered/endpoint"
		c.same("the newest first", c.must(200, "GET", list, "").rows("id"), []string{ids[2], ids[1], ids[0]})
		c.same("ascending", c.must(200, "GET", list+"?order=ascending", "").rows("id"), ids)
		a := c.must(200, "GET", list+"?limit=2&order=ascending", "")
		c.want(a, "done", "false", "iterator", ids[1])
		a = c.must(200, "GET", list+"?limit=2&order=ascending&iterator="+ids[1], "")
		c.same("the rest", a.rows("id"), ids[2:])
		c.want(a, "done", "true")
	})
	c.line("uid rules", func(c *client) {
		c.app("b")
		c.endpoint("a", "https://example.com/", `,"uid":"taken"`)
		c.steps(list, []step{
			{"taken", "POST", "", `{"url":"https://example.com/","uid":"taken"}`, 409, []string{"code", "conflict"}},
			{"the prefix of ids", "POST", "", `{"url":"https://example.com/","uid":"ep_x"}`, 422, []string{"loc", "body uid"}},
			{"bad characters", "POST", "", `{"url":"https://example.com/","uid":"a b"}`, 422, []string{"loc", "body uid"}},
			{"another's by PATCH", "POST", "", `{"url":"https://example.com/","uid":"second"}`, 201, nil},
			{"another's by PATCH", "PATCH", "/second", `{"uid":"taken"}`, 409, nil},
			{"its own by PUT", "PUT", "/taken", `{"url":"https://example.com/","uid":"taken"}`, 200, []string{"uid", "taken"}},
			{"free after the delete", "DELETE", "/taken", ``, 204, nil},
			{"and used again", "POST", "", `{"url":"https://example.com/","uid":"taken"}`, 201, nil},
		})
		c.endpoint("b", "https://example.com/", `,"uid":"taken"`) // in another application
	})
	c.line("channels and event types", func(c *client) {
		const good = `{"url":"https://example.com/","`
		c.steps(list, []step{
			{"unknown event types", "POST", "", good + `eventTypes":["no.a","no.b"]}`, 422, []string{"loc", "body eventTypes", "detail.0.msg", "The following event types don't exist: no.a, no.b", "detail.0.type", "value_error"}},
			{"11 channels", "POST", "", good + `channels":["1","2","3","4","5","6","7","8","9","10","11"]}`, 422, []string{"loc", "body channels"}},
			{"10 channels", "POST", "", good + `channels":["1","2","3","4","5","6","7","8","9","10"]}`, 201, nil},
			{"no channels", "POST", "", good + `channels":[]}`, 422, []string{"loc", "body channels"}},
			{"the characters of a channel", "POST", "", good + `channels":["a-b_c.d:e+f"]}`, 201, []string{"channels", `["a-b_c.d:e+f"]`}},
			{"a channel twice", "POST", "", good + `channels":["c","c"]}`, 422, []string{"loc", "body channels [1]"}},
		})
	})
	c.line("rate limit field round-trip", func(c *client) {
		for _, field := range []string{"rateLimit", "throttleRate"} {
			a := c.must(201, "POST", list, `{"url":"https://example.com/","`+field+`":17}`)
			c.want(c.must(200, "GET", list+"/"+a.str("id"), ""), "rateLimit", "17", "throttleRate", "17")
		}
		for _, bad := range []string{"0", "-1", "65536", `"5"`, "1.5"} {
			c.must(422, "POST", list, `{"url":"https://example.com/","throttleRate":`+bad+`}`)
		}
	})
	c.line("https-only setting", func(c *client) {
		c = c.environment("https")
		c.app("h")
		const list = "/api/v1/app/h/endpoint"
		c.must(201, "POST", list, `{"url":"http://example.com/"}`)
		c.settings(`{"enforceHttps":true}`)
		if a := c.must(422, "POST", list, `{"url":"http://example.com/"}`); a.loc() != "body url" {
			c.t.Errorf("%s", a.body)
		}
		c.must(201, "POST", list, `{"url":"https://example.com/"}`)
	})
	c.line("a URL that Hookloft refuses by itself", func(c *client) {
		for _, url := range []string{"https://u:p@example.com/", "ftp://example.com/", "https://10.0.0.1/", "https://169.254.169.254/", "https://[::1]/", "", "example.com"} {
			if a := c.must(422, "POST", list, `{"url":`+quote(url)+`}`); a.loc() != "body url" {
				c.t.Errorf("%s: %s", url, a.body)
			}
		}
	})
}

func TestEndpointSecret(t *testing.T) {
	t.Parallel()
	c := start(t, rig.Options{})
	r := receive(t)
	c.app("a")
	const own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretOf := func(c *client, ep string) string {
		return c.must(200, "GET", "/api/v1/app/a/endpoint/"+ep+"/secret", "").str("key")
	}

	c.line("get and rotate", func(c *client) {
		ep := c.endpoint("a", r.URL+"/rotate", "")
		path := "/api/v1/app/a/endpoint/" + ep + "/secret"
		first := secretOf(c, ep)
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(first, "whsec_")); err != nil || len(raw) != 24 {
			c.t.Errorf("generated %d bytes (%v), want 24", len(raw), err)
		}
		c.must(204, "POST", path+"/rotate", ``)
		second := secretOf(c, ep)
		if second == first {
			c.t.Error("the same secret after the rotation")
		}
		// Signatures are valid under the old and the new key during the grace.
		d := r.await(c, "/rotate", c.message("a", "t", ""), 1)
		if !d.signedBy(first) || !d.signedBy(second) || len(d.signatures()) != 1 || d.signatures()["v1"] != 2 {
			c.t.Errorf("during the grace: %v", d.header)
		}
		c.must(204, "POST", path+"/rotate", `{"gracePeriodSeconds":0}`)
		third := secretOf(c, ep)
		d = r.await(c, "/rotate", c.message("a", "t", ""), 1)
		if d.signedBy(second) || !d.signedBy(third) {
			c.t.Errorf("a key that was given no grace still signs: %v", d.header)
		}
		if d.header.Get("Webhook-Id") != d.header.Get("Svix-Id") || d.header.Get("Webhook-Signature") != d.header.Get("Svix-Signature") {
			c.t.Errorf("the two families of headers differ: %v", d.header)
		}
		c.must(204, "DELETE", "/api/v1/app/a/endpoint/"+ep, "")
	})
	c.line("custom secrets, legacy format, invalid secrets", func(c *client) {
		ep := c.endpoint("a", "https://example.com/", `,"secret":"`+own+`"`)
		if got := secretOf(c, ep); got != own {
			c.t.Errorf("secret %q", got)
		}
		legacy := c.endpoint("a", "https://example.com/", `,"secret":"`+strings.TrimPrefix(own, "whsec_")+`"`)
		if got := secretOf(c, legacy); got != own {
			c.t.Errorf("the secret without its prefix: %q", got)
		}
		for _, bad := range []string{"whsec_QUJD", "whsec_" + strings.Repeat("QUJD", 30), "whsec_???", "whsec_", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "whsk_QUJD", "whsk1_" + strings.Repeat("A", 88)} {
			a := c.must(422, "POST", "/api/v1/app/a/endpoint", `{"url":"https://example.com/","secret":`+quote(bad)+`}`)
			if a.loc() != "body secret" || len(bad) > 12 && bytes.Contains(a.body, []byte(bad)) {
				c.t.Errorf("%.20s: %s", bad, a.body)
			}
			c.must(422, "POST", "/api/v1/app/a/endpoint/"+ep+"/secret/rotate", `{"key":`+quote(bad)+`}`)
		}
		c.must(422, "POST", "/api/v1/app/a/endpoint/"+ep+"/secret/rotate", `{"gracePeriodSeconds":604801}`)
		if got := secretOf(c, ep); got != own {
			c.t.Errorf("what was refused changed the secret: %q", got)
		}
	})
	c.line("max 10 old keys", func(c *client) {
		path := "/api/v1/app/a/endpoint/" + c.endpoint("a", "https://example.com/", "") + "/secret/rotate"
		for range 10 {
			c.must(204, "POST", path, `{}`)
		}
		c.want(c.must(400, "POST", path, `{}`), "code", "limit_reached")
	})
	c.line("encryption at rest", func(c *client) {
		const name = "https://example.com/at-rest-control"
		c.endpoint("a", name, `,"secret":"`+own+`"`)
		raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(own, "whsec_"))
		found := map[string]bool{}
		err := filepath.WalkDir(c.server.Data, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			found["control"] = found["control"] || bytes.Contains(text, []byte(name))
			found["secret"] = found["secret"] || bytes.Contains(text, raw) || bytes.Contains(text, []byte(strings.TrimPrefix(own, "whsec_")))
			return err
		})
		if err != nil || !found["control"] || found["secret"] {
			c.t.Errorf("on disk: %v, %v; want the URL and not the secret", found, err)
		}
	})
	c.line("mixed symmetric and asymmetric", func(c *client) {
		ep := c.endpoint("a", r.URL+"/mixed", `,"secret":"`+own+`"`)
		path := "/api/v1/app/a/endpoint/" + ep + "/secret"
		private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
		public := "whpk_" + base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
		c.must(204, "POST", path+"/rotate", `{"key":"whsk_`+base64.StdEncoding.EncodeToString(private)+`"}`)
		if got := secretOf(c, ep); got != public {
			c.t.Errorf("the secret of an asymmetric endpoint is %q, want its public half", got)
		}
		d := r.await(c, "/mixed", c.message("a", "t", ""), 1)
		if !d.signedBy(own) || !d.signedBy(public) {
			c.t.Errorf("not under both keys: %v", d.header)
		}
	})
	c.line("default ed25519 config", func(c *client) {
		c = c.environment("ed")
		c.app("a")
		c.settings(`{"defaultSignatureType":"ed25519"}`)
		ep := c.endpoint("a", r.URL+"/ed", "")
		public := secretOf(c, ep)
		d := r.await(c, "/ed", c.message("a", "t", ""), 1)
		if !strings.HasPrefix(public, "whpk_") || !d.signedBy(public) || d.signatures()["v1"] != 0 {
			c.t.Errorf("secret %s, delivery %v", public, d.header)
		}
	})
}

func TestEndpointDelivery(t *testing.T) {
	t.Parallel()
	c := start(t, rig.Options{})
	r := receive(t)
	c.eventType("user.created")
	c.eventType("user.deleted")

	c.line("filter by eventTypes and by channels", func(c *client) {
		c.app("filter")
		for path, fields := range map[string]string{
			"/all": ``, "/type": `,"eventTypes":["user.created"]`, "/channel": `,"channels":["eu","us"]`,
			"/both": `,"filterTypes":["user.created"],"channels":["eu"]`,
		} {
			c.endpoint("filter", r.URL+path, fields)
		}
		for _, m := range []struct {
			eventType, fields string
			want              []string
		}{
			{"user.created", "", []string{"/all", "/type"}},
			{"user.deleted", "", []string{"/all"}},
			{"user.created", `,"channels":["eu"]`, []string{"/all", "/type", "/channel", "/both"}},
			{"user.created", `,"channels":["us","asia"]`, []string{"/all", "/type", "/channel"}},
			{"user.deleted", `,"channels":["asia"]`, []string{"/all"}},
		} {
			id := c.message("filter", m.eventType, m.fields)
			for _, path := range m.want {
				r.await(c, path, id, 1)
			}
			// Whom a message is meant for is settled when it is accepted.
			got := c.must(200, "GET", "/api/v1/app/filter/msg/"+id+"/endpoint", "")
			if len(got.rows("id")) != len(m.want) {
				c.t.Errorf("%s %s goes to %v, want %v", m.eventType, m.fields, got.rows("url"), m.want)
			}
		}
	})
	c.line("send_example", func(c *client) {
		c.app("example")
		path := "/api/v1/app/example/endpoint/" + c.endpoint("example", r.URL+"/example", `,"eventTypes":["user.created"]`) + "/send-example"
		c.must(201, "POST", "/api/v1/event-type", `{"name":"with.example","description":"d","schemas":{"1":{"type":"object","examples":[{"a":1.10},{"b":2}]}}}`)
		a := c.must(202, "POST", path, `{"eventType":"svix.ping"}`)
		if d := r.await(c, "/example", a.str("id"), 1); valueAt([]byte(d.body), "success") != "true" {
			c.t.Errorf("svix.ping sent %s", d.body)
		}
		a = c.must(202, "POST", path, `{"eventType":"with.example"}`)
		if d := r.await(c, "/example", a.str("id"), 1); d.body != `{"a":1.10}` {
			c.t.Errorf("the first example: %s", d.body)
		}
		a = c.must(202, "POST", path, `{"eventType":"with.example","exampleIndex":1}`)
		if d := r.await(c, "/example", a.str("id"), 1); d.body != `{"b":2}` {
			c.t.Errorf("the second example: %s", d.body)
		}
		c.want(c.must(400, "POST", path, `{"eventType":"with.example","exampleIndex":2}`), "code", "invalid_scheme")
		c.want(c.must(400, "POST", path, `{"eventType":"user.deleted"}`), "code", "invalid_scheme")
		c.must(404, "POST", path, `{"eventType":"no.such"}`)
	})
	c.line("headers", func(c *client) {
		c.app("headers")
		url, head := rawHead(c.t)
		ep := c.endpoint("headers", url, `,"headers":{"X-First":"1"}`)
		path := "/api/v1/app/headers/endpoint/" + ep + "/headers"
		c.want(c.must(200, "GET", path, ""), "headers", `{"X-First":"1"}`, "sensitive", "[]")
		c.must(204, "PUT", path, `{"headers":{"X-foo-BAR":"a b","Authorization":"Bearer s3cret","x-api-key":"k3y","X-Old":"o"}}`)
		a := c.must(200, "GET", path, "")
		c.want(a, "headers", `{"X-Old":"o","X-foo-BAR":"a b"}`)
		if s := a.str("sensitive"); !strings.Contains(s, "Authorization") || !strings.Contains(s, "x-api-key") || bytes.Contains(a.body, []byte("s3cret")) || bytes.Contains(a.body, []byte("k3y")) {
			c.t.Errorf("sensitive headers: %s", a.body)
		}
		c.must(204, "PATCH", path, `{"headers":{"X-Old":null,"X-New":"n"}}`)
		c.must(204, "PATCH", path, `{"headers":{"X-Two":"2"},"deleteHeaders":["x-api-key"]}`)
		a = c.must(200, "GET", path, "")
		c.want(a, "headers", `{"X-New":"n","X-Two":"2","X-foo-BAR":"a b"}`, "sensitive", `["Authorization"]`)
		for _, name := range []string{
			"User-Agent", "keep-alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailers", "Transfer-Encoding", "Upgrade", "Age", "Cache-Control",
			"Clear-Site-Data", "Expires", "Pragma", "Warning", "Content-Length", "Content-Type", "Content-Encoding", "Content-Language", "Content-Location",
			"X-Amz-Date", "x-amzn-trace", "X-Google-A", "x-goog-b", "x-gfe-c", "X-Azure-D", "x-fd-e", "X-Svix-F", "svix-id",
			"Host", "Connection", "Webhook-Id", "webhook-anything", // Hookloft's own
		} {
			if a := c.send("PUT", path, `{"headers":{`+quote(name)+`:"x"}}`); a.status != 422 || a.loc() != "body headers "+name {
				c.t.Errorf("%s: %d %s", name, a.status, a.body)
			}
			if a := c.send("PATCH", path, `{"headers":{`+quote(name)+`:"x"}}`); a.status != 422 {
				c.t.Errorf("PATCH %s: %d %s", name, a.status, a.body)
			}
		}
		c.must(422, "PUT", path, `{"headers":{"X-A":"b\r\nX-Evil: 1"}}`)
		c.must(422, "PUT", path, `{"headers":{"X-A":"`+strings.Repeat("v", 4097)+`"}}`)
		c.message("headers", "t", "")
		sent := head()
		for _, want := range []string{"X-foo-BAR: a b\r\n", "Authorization: Bearer s3cret\r\n", "X-New: n\r\n", "POST / HTTP/1.1\r\n"} {
			if !strings.Contains(sent, want) {
				c.t.Errorf("no %q in\n%s", want, sent)
			}
		}
		if strings.Contains(sent, "X-Old") || strings.Contains(strings.ToLower(sent), "x-api-key") {
			c.t.Errorf("a deleted header was sent:\n%s", sent)
		}
	})
	c.line("stats counts", func(c *client) {
		c = c.environment("stats")
		c.settings(`{"retryPolicy":[]}`)
		c.app("s")
		ep := c.endpoint("s", r.URL+"/stats", "")
		path := "/api/v1/app/s/endpoint/" + ep
		for i := range 3 {
			r.answers("/stats", []int{200, 500, 200}[i])
			c.message("s", "t", "")
			c.attempts(i+1, "/api/v1/app/s/attempt/endpoint/"+ep)
		}
		c.want(c.must(200, "GET", path+"/stats", ""), "success", "2", "fail", "1", "pending", "0", "sending", "0")
		c.want(c.must(200, "GET", path+"/stats?since=2020-01-01T00:00:00Z&until=2020-01-20T00:00:00Z", ""), "success", "0", "fail", "0")
		for _, query := range []string{"until=" + stamp(time.Now().Add(time.Hour)), "since=2020-01-01T00:00:00Z&until=2020-01-30T00:00:00Z"} {
			c.want(c.must(400, "GET", path+"/stats?"+query, ""), "code", "invalid_range")
		}
	})
	c.line("recovery", func(c *client) {
		c = c.environment("recovery")
		c.settings(`{"retryPolicy":[]}`)
		c.app("s")
		r.answers("/recover", http.StatusServiceUnavailable)
		ep := c.endpoint("s", r.URL+"/recover", "")
		path := "/api/v1/app/s/endpoint/" + ep + "/recover"
		since := stamp(time.Now().Add(-time.Minute))
		if a := c.must(422, "POST", path, `{"since":"`+stamp(time.Now().Add(-14*24*time.Hour-6*time.Minute))+`"}`); a.loc() != "body since" {
			c.t.Errorf("more than 14 days: %s", a.body)
		}
		c.must(202, "POST", path, `{"since":"`+stamp(time.Now().Add(-14*24*time.Hour-4*time.Minute))+`"}`) // 5 min slack
		var lost []string
		for range 7 {
			lost = append(lost, c.message("s", "t", ""))
		}
		c.attempts(7, "/api/v1/app/s/attempt/endpoint/"+ep)
		r.answers("/recover", http.StatusOK)
		good := c.message("s", "t", "")
		c.attempts(8, "/api/v1/app/s/attempt/endpoint/"+ep)
		a := c.must(202, "POST", path, `{"since":"`+since+`"}`)
		c.want(a, "task", "endpoint.recover", "status", "running")
		c.want(c.task(a), "status", "finished", "data.messagesSent", "7")
		c.attempts(15, "/api/v1/app/s/attempt/endpoint/"+ep)
		for _, id := range lost {
			r.await(c, "/recover", id, 2)
		}
		if n := len(c.must(200, "GET", "/api/v1/app/s/attempt/msg/"+good, "").rows("id")); n != 1 {
			c.t.Errorf("what succeeded was sent %d times", n)
		}
		c.want(c.task(c.must(202, "POST", path, `{"since":"`+since+`"}`)), "data.messagesSent", "0")
	})
	c.line("disabled endpoints get nothing", func(c *client) {
		c.app("off")
		ep := c.endpoint("off", r.URL+"/off", `,"disabled":true`)
		id := c.message("off", "t", "")
		c.must(200, "PATCH", "/api/v1/app/off/endpoint/"+ep, `{"disabled":false}`)
		r.await(c, "/off", c.message("off", "t", ""), 1)
		if got := r.at("/off"); len(got) != 1 || got[0].id == id {
			c.t.Errorf("%d deliveries, the first of %s", len(got), got[0].id)
		}
	})
}
