//go:build unix

package contract

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestAuth(t *testing.T) {
	t.Parallel()
	c := start(t, rig.Options{})
	c.app("mine")
	c.app("theirs")
	theirs := c.endpoint("theirs", "https://example.com/", "")

	c.line("app token restricted", func(c *client) {
		a := c.must(200, "POST", "/api/v1/auth/app-portal-access/mine", `{}`)
		portal := c.as(a.str("token"))
		// Its own application: endpoints and what became of messages.
		ep := portal.endpoint("mine", "https://example.com/", "")
		portal.must(200, "GET", "/api/v1/app/mine/endpoint/"+ep+"/secret", "")
		portal.must(200, "GET", "/api/v1/app/mine/msg", "")
		portal.must(204, "DELETE", "/api/v1/app/mine/endpoint/"+ep, "")
		// What belongs to the organisation: 403.
		for _, call := range []struct{ method, path, body string }{
			{"GET", "/api/v1/app", ""}, {"POST", "/api/v1/app", `{"name":"n"}`}, {"DELETE", "/api/v1/app/mine", ""}, {"PATCH", "/api/v1/app/mine", `{"name":"x"}`},
			{"POST", "/api/v1/app/mine/msg", `{"eventType":"t","payload":{}}`}, {"POST", "/api/v1/event-type", `{"name":"x","description":"d"}`},
			{"POST", "/api/v1/auth/app-portal-access/mine", `{}`}, {"GET", "/api/v1/operational-webhook/endpoint", ""}, {"GET", "/api/v1/management/environment-settings", ""},
		} {
			if a := portal.send(call.method, call.path, call.body); a.status != 403 || a.str("code") != "insufficient access" || a.str("detail") != "Insufficient access for the given operation." {
				c.t.Errorf("%s %s: %d %s", call.method, call.path, a.status, a.body)
			}
		}
		// Another application: 404, as if it were not there.
		for _, path := range []string{"/api/v1/app/theirs/endpoint", "/api/v1/app/theirs/endpoint/" + theirs, "/api/v1/app/theirs/msg", "/api/v1/app/mine/endpoint/" + theirs} {
			c.want(portal.must(404, "GET", path, ""), "code", "not_found")
		}
	})
	c.line("dashboard-access without body", func(c *client) {
		for _, path := range []string{"/api/v1/auth/dashboard-access/mine", "/api/v1/auth/dashboard-access/mine/"} {
			a := c.must(200, "POST", path, "")
			_, key, ok := strings.Cut(a.str("url"), "#key=")
			raw, err := base64.StdEncoding.DecodeString(key)
			if !ok || err != nil || valueAt(raw, "token") != a.str("token") || a.str("token") == "" {
				c.t.Errorf("%s: %s", a.body, raw)
			}
		}
	})
	c.line("invalid token detail text", func(c *client) {
		for _, token := range []string{"nonsense", "a.b.c", "", "sk_" + strings.Repeat("x", 40)} {
			a := c.as(token).must(401, "GET", "/api/v1/app", "")
			c.want(a, "code", "authentication_failed")
			if d := a.str("detail"); d != "Incorrect authentication credentials." && d != "Invalid token" {
				c.t.Errorf("%q: %s", token, a.body)
			}
		}
		c.must(401, "GET", "/api/v1/app", "", "Authorization", "")
	})
	c.line("portal access with inline application", func(c *client) {
		const path = "/api/v1/auth/app-portal-access/inline"
		c.must(404, "POST", path, `{}`)
		c.want(c.must(422, "POST", path, `{"application":{"name":"n"}}`), "detail.0.type", "application_uid_missing")
		c.want(c.must(422, "POST", path, `{"application":{"name":"n","uid":"x"}}`), "detail.0.type", "application_uid_mismatch")
		a := c.must(200, "POST", path, `{"application":{"name":"Inline","uid":"inline"},"expiry":3600,"sessionId":"s_1"}`)
		c.want(c.must(200, "GET", "/api/v1/app/inline", ""), "name", "Inline")
		c.want(c.as(a.str("token")).must(200, "GET", "/api/v1/auth/whoami", ""), "sessionId", "s_1")
		c.must(204, "POST", "/api/v1/auth/app/inline/expire-all", `{}`)
		c.as(a.str("token")).must(401, "GET", "/api/v1/app/inline/endpoint", "")
	})
	c.line("environments do not see each other", func(c *client) {
		other := c.environment("other")
		other.must(404, "GET", "/api/v1/app/mine", "")
		other.must(404, "POST", "/api/v1/app/theirs/msg", `{"eventType":"t","payload":{}}`)
		other.must(404, "GET", "/api/v1/app/theirs/endpoint/"+theirs, "")
	})
	c.line("health ping with and without slash", func(c *client) {
		for _, path := range []string{"/api/v1/health", "/api/v1/health/", "/api/v1/health/ping", "/api/v1/health/ping/"} {
			for _, method := range []string{"GET", "HEAD"} {
				if a := c.must(204, method, path, "", "Authorization", ""); len(a.body) != 0 {
					c.t.Errorf("%s %s: %q", method, path, a.body)
				}
			}
		}
		c.must(200, "GET", "/api/v1/app/", "")
	})
	c.line("wipe and prune", func(c *client) {
		// Nothing wipes a server over the API. What is old and finished goes by a command; the
		// rest of what it promises is shown by the tests of retention.
		id := c.message("mine", "t", "")
		if _, err := c.server.Command("prune", "--data", c.server.Data, "--before", stamp(time.Now().Add(-time.Hour)), "--yes"); err != nil {
			c.t.Error(err)
		}
		c.must(200, "GET", "/api/v1/app/mine/msg/"+id, "")
	})
	c.line("queue redrive and what is not served answer 501", func(c *client) {
		// There is no dead-letter queue: what is exhausted is listed, and sent again by a replay.
		for _, path := range []string{"/api/v1/admin/redrive-dlq", "/api/v1/stream", "/api/v1/connector/oauth/slack"} {
			c.want(c.must(501, "POST", path, `{}`), "code", "not_implemented")
		}
		c.must(404, "GET", "/api/v1/no-such-thing", "")
	})
}

func TestOperationalWebhooks(t *testing.T) {
	t.Parallel()
	c := start(t, rig.Options{})
	r := receive(t)
	told := receive(t)
	c.settings(`{"retryPolicy":[1,1,1,1,1]}`)
	c.app("acme")

	c.line("event types are known", func(c *client) {
		for _, name := range []string{
			"endpoint.created", "endpoint.updated", "endpoint.deleted", "endpoint.enabled", "endpoint.disabled",
			"message.attempt.failing", "message.attempt.exhausted", "message.attempt.recovered", "background_task.finished",
			"ingest.endpoint.disabled", "ingest.message.attempt.failing", "ingest.message.attempt.exhausted", "ingest.message.attempt.recovered",
			"endpoint.failing", // Hookloft's own
		} {
			id := c.must(201, "POST", "/api/v1/operational-webhook/endpoint", `{"url":"https://example.com/","filterTypes":[`+quote(name)+`],"disabled":true}`).str("id")
			c.must(204, "DELETE", "/api/v1/operational-webhook/endpoint/"+id, "")
		}
		if a := c.must(422, "POST", "/api/v1/operational-webhook/endpoint", `{"url":"https://example.com/","filterTypes":["no.such"]}`); !strings.HasPrefix(a.loc(), "body ") {
			c.t.Errorf("%s", a.body)
		}
	})
	sub := c.must(201, "POST", "/api/v1/operational-webhook/endpoint", `{"url":`+quote(told.URL+"/op")+`,"filterTypes":["endpoint.created","endpoint.updated","endpoint.deleted","message.attempt.failing","message.attempt.exhausted","message.attempt.recovered"]}`)
	key := c.must(200, "GET", "/api/v1/operational-webhook/endpoint/"+sub.str("id")+"/secret", "").str("key")
	seen := 0
	next := func(c *client, want string) json.RawMessage {
		c.t.Helper()
		c.until("told of "+want, func() bool { return len(told.at("/op")) > seen })
		d := told.at("/op")[seen]
		seen++
		if got := valueAt([]byte(d.body), "type"); got != want || !d.signedBy(key) {
			c.t.Fatalf("told of %s (signed: %v), want %s: %s", got, d.signedBy(key), want, d.body)
		}
		return json.RawMessage(valueAt([]byte(d.body), "data"))
	}
	check := func(c *client, data json.RawMessage, pairs ...string) {
		c.t.Helper()
		c.want(answer{body: data}, pairs...)
	}
	c.line("endpoint created, updated, deleted", func(c *client) {
		ep := c.endpoint("acme", "https://example.com/", `,"uid":"e"`)
		check(c, next(c, "endpoint.created"), "endpointId", ep, "endpointUid", "e", "appUid", "acme")
		c.must(200, "PATCH", "/api/v1/app/acme/endpoint/e", `{"description":"d"}`)
		check(c, next(c, "endpoint.updated"), "endpointId", ep)
		c.must(204, "POST", "/api/v1/app/acme/endpoint/e/secret/rotate", `{}`)
		check(c, next(c, "endpoint.updated"), "endpointId", ep) // a rotation is told, too
		c.must(204, "DELETE", "/api/v1/app/acme/endpoint/e", "")
		check(c, next(c, "endpoint.deleted"), "endpointId", ep)
	})
	c.line("failing, then exhausted, in this order; recovered", func(c *client) {
		r.answers("/bad", 500)
		ep := c.endpoint("acme", r.URL+"/bad", "")
		next(c, "endpoint.created")
		id := c.message("acme", "t", `,"eventId":"mine"`)
		data := next(c, "message.attempt.failing")
		check(c, data, "msgId", id, "msgEventId", "mine", "endpointId", ep, "lastAttempt.responseStatusCode", "500")
		if a := c.must(200, "GET", "/api/v1/app/acme/msg/"+id+"/attempt/"+valueAt(data, "lastAttempt.id"), ""); a.str("hookloft.n") != "4" {
			c.t.Errorf("told of failing at attempt %s, want the fourth", a.str("hookloft.n"))
		}
		check(c, next(c, "message.attempt.exhausted"), "msgId", id, "endpointId", ep)
		c.attempts(6, "/api/v1/app/acme/attempt/msg/"+id)
		// A message whose fifth attempt succeeds has recovered.
		var calls atomic.Int64
		turn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if calls.Add(1) < 5 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}))
		c.t.Cleanup(turn.Close)
		c.app("turn")
		ep = c.endpoint("turn", turn.URL, "")
		next(c, "endpoint.created")
		id = c.message("turn", "t", "")
		check(c, next(c, "message.attempt.failing"), "msgId", id)
		check(c, next(c, "message.attempt.recovered"), "msgId", id, "endpointId", ep, "lastAttempt.responseStatusCode", "200")
	})
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	// Every usual proxy setting, leading nowhere: Hookloft follows none, for a proxy would
	// connect to addresses that were never judged.
	var proxied atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		proxied.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(proxy.Close)
	var env []string
	for _, name := range []string{"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		env = append(env, name+"="+proxy.URL)
	}
	env = append(env, "no_proxy=", "NO_PROXY=")
	c := start(t, rig.Options{Env: env, Args: []string{"--allow-internal-names"}})
	r := receive(t)

	c.line("proxies are not followed", func(c *client) {
		c.app("proxy")
		// By name, because Go's own rules never use a proxy for a literal loopback address.
		_, port, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), ":")
		c.endpoint("proxy", "http://localhost:"+port+"/direct", "")
		r.await(c, "/direct", c.message("proxy", "t", ""), 1)
		if n := proxied.Load(); n != 0 {
			c.t.Errorf("%d requests went to the proxy", n)
		}
	})
	c.line("no redirect following", func(c *client) {
		c = c.environment("redirect")
		c.settings(`{"retryPolicy":[]}`)
		for _, status := range []int{301, 302, 303, 307, 308} {
			path := fmt.Sprintf("/redirect/%d", status)
			r.answers(path, status)
			app := fmt.Sprintf("r%d", status)
			c.app(app)
			c.endpoint(app, r.URL+path, "")
			id := c.message(app, "t", "")
			c.want(c.attempts(1, "/api/v1/app/"+app+"/attempt/msg/"+id), "data.0.responseStatusCode", fmt.Sprint(status), "data.0.status", "2")
		}
		if n := len(r.at("/redirected")); n != 0 {
			c.t.Errorf("%d redirects were followed", n)
		}
	})
	// Five days of failure, and the warnings before the end, are in test/operational, which
	// can move the time of the first failure; here is what must not disable.
	c.line("auto-disable, not on sporadic failures; 410 disables at once", func(c *client) {
		c = c.environment("disable")
		c.settings(`{"retryPolicy":[]}`)
		c.app("d")
		ep := c.endpoint("d", r.URL+"/sporadic", "")
		for i := range 12 {
			r.answers("/sporadic", []int{500, 200, 503}[i%3])
			c.message("d", "t", "")
			c.attempts(i+1, "/api/v1/app/d/attempt/endpoint/"+ep)
		}
		c.want(c.must(200, "GET", "/api/v1/app/d/endpoint/"+ep, ""), "disabled", "false")
		r.answers("/sporadic", 410)
		c.message("d", "t", "")
		c.until("disabled by 410", func() bool {
			return c.must(200, "GET", "/api/v1/app/d/endpoint/"+ep, "").str("disabled") == "true"
		})
		// A setting turns that off.
		c.settings(`{"disableEndpointOnGone":false}`)
		c.must(200, "PATCH", "/api/v1/app/d/endpoint/"+ep, `{"disabled":false}`)
		id := c.message("d", "t", "")
		c.attempts(1, "/api/v1/app/d/attempt/msg/"+id)
		c.want(c.must(200, "GET", "/api/v1/app/d/endpoint/"+ep, ""), "disabled", "false")
	})
	c.line("app and endpoint deletion invalidates cached fan-out", func(c *client) {
		c.app("cache")
		first, second := c.endpoint("cache", r.URL+"/first", ""), c.endpoint("cache", r.URL+"/second", "")
		to := func() []string {
			id := c.message("cache", "t", "")
			list := c.must(200, "GET", "/api/v1/app/cache/msg/"+id+"/endpoint", "").rows("id")
			slices.Sort(list)
			return list
		}
		want := []string{first, second}
		slices.Sort(want)
		c.same("both", to(), want)
		c.must(204, "DELETE", "/api/v1/app/cache/endpoint/"+first, "")
		c.same("one deleted", to(), []string{second})
		c.must(200, "PATCH", "/api/v1/app/cache/endpoint/"+second, `{"channels":["c"]}`)
		c.same("the other filters", to(), []string{})
		third := c.endpoint("cache", r.URL+"/third", "")
		c.same("a new one", to(), []string{third})
		c.must(204, "DELETE", "/api/v1/app/cache", "")
		c.must(404, "POST", "/api/v1/app/cache/msg", `{"eventType":"t","payload":{}}`)
		c.app("cache")
		c.same("another application of the same uid", to(), []string{})
	})
}

// TestAddressesAreFiltered: a server that allows nothing special refuses private ranges when
// an endpoint is made, and again at each delivery, whatever a name says by then.
func TestAddressesAreFiltered(t *testing.T) {
	t.Parallel()
	// The last of a flag's values counts, so loopback is not allowed here.
	c := start(t, rig.Options{Args: []string{"--egress-allow=192.0.2.0/24", "--allow-internal-names"}})
	r := receive(t)
	c.settings(`{"retryPolicy":[]}`)
	c.app("a")
	for _, host := range []string{"127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "[::1]", "[fd00::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]"} {
		if a := c.must(422, "POST", "/api/v1/app/a/endpoint", `{"url":"https://`+host+`/"}`); a.loc() != "body url" {
			t.Errorf("%s: %s", host, a.body)
		}
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), ":")
	c.endpoint("a", "http://localhost:"+port+"/inside", "")
	a := c.attempts(1, "/api/v1/app/a/attempt/msg/"+c.message("a", "t", ""))
	c.want(a, "data.0.responseStatusCode", "0", "data.0.status", "2")
	if reason := a.str("data.0.hookloft.reason"); !strings.Contains(reason, "blocked") && !strings.Contains(reason, "address") && !strings.Contains(reason, "egress") {
		t.Errorf("reason %q", reason)
	}
	if n := len(r.at("")); n != 0 {
		t.Errorf("%d requests reached a loopback address", n)
	}
}

// TestRestart: what was not finished when the server was killed is delivered by the next
// one, under the same id; a store is opened again with all that is in it.
func TestRestart(t *testing.T) {
	t.Parallel()
	c := start(t, rig.Options{})
	arrived := make(chan string, 100)
	var answering atomic.Bool
	quit := make(chan struct{})
	r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		select {
		case arrived <- q.Header.Get("Webhook-Id"):
		default:
		}
		if !answering.Load() {
			select {
			case <-quit:
			case <-q.Context().Done():
			}
		}
	}))
	t.Cleanup(r.Close)
	t.Cleanup(func() { close(quit) })
	c.app("a")
	c.eventType("t")
	ep := c.endpoint("a", r.URL, "")
	secret := c.must(200, "GET", "/api/v1/app/a/endpoint/"+ep+"/secret", "").str("key")
	id := c.message("a", "t", "")
	await := func() {
		t.Helper()
		select {
		case got := <-arrived:
			if got != id {
				t.Fatalf("delivered %s, want %s", got, id)
			}
		case <-time.After(patience):
			t.Fatal("nothing was delivered")
		}
	}
	await()
	c.server.Kill()
	answering.Store(true)
	if _, err := c.server.Restart(); err != nil {
		t.Fatal(err)
	}
	await()
	c.want(c.attempts(1, "/api/v1/app/a/attempt/msg/"+id), "data.0.status", "0")
	c.want(c.must(200, "GET", "/api/v1/app/a/endpoint/"+ep+"/secret", ""), "key", secret)
	c.want(c.must(200, "GET", "/api/v1/event-type/t", ""), "archived", "false")
}
