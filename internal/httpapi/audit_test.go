package httpapi

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestAuditLog(t *testing.T) {
	r := newRig(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	app := r.app("a")
	key := r.scopedName("deploy")
	made := r.send(request{
		method: "POST", path: "/api/v1/app/a/endpoint", token: key.text,
		body:    `{"url":"https://example.com/h?token=queried","uid":"e","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw","headers":{"Authorization":"Bearer sesame"}}`,
		headers: []string{"svix-req-id", "req-1", "X-Forwarded-For", "198.51.100.7"},
	})
	if made.status != 201 {
		t.Fatalf("%d %s", made.status, made.body)
	}
	ep := made.str("id")
	a := r.must(200, "GET", "/x/v1/audit?noun=endpoint", "")
	for path, want := range map[string]string{
		"data.0.noun": "endpoint", "data.0.action": "created", "data.0.subjectId": ep, "data.0.appId": app, "data.0.name": "e",
		"data.0.actor.kind": "api-token", "data.0.actor.id": key.id, "data.0.actor.name": "deploy", "data.0.actor.requestId": "req-1",
		"data.0.actor.address": "198.51.100.7", "data.0.actor.sessionId": "null", "data.0.before": "null",
		"data.0.after.url": "https://example.com/h?...", "data.0.after.headers": `["Authorization"]`, "data.0.after.secret": "whsec, and 0 rotated out",
	} {
		if got := a.str(path); got != want {
			t.Errorf("%s = %s, want %s", path, got, want)
		}
	}
	portal := r.portal(app, `{"sessionId":"visit"}`)
	as := func(token, method, path, body string) answer {
		t.Helper()
		a := r.send(request{method: method, path: path, token: token, body: body})
		if a.status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
		return a
	}
	as(portal, "PATCH", "/api/v1/app/a/endpoint/e", `{"disabled":true}`)
	last := func() answer { return r.must(200, "GET", "/x/v1/audit?limit=1", "") }
	if a := last(); a.str("data.0.actor.kind") != "portal" || a.str("data.0.actor.sessionId") != "visit" ||
		a.str("data.0.before") != `{"disabled":null}` || a.str("data.0.after") != `{"disabled":true}` {
		t.Errorf("by a portal: %s", a.body)
	}
	as(portal, "PATCH", "/api/v1/app/a/endpoint/e", `{"disabled":true}`)
	as(portal, "POST", "/api/v1/app/a/endpoint/e/secret/rotate", ``)
	if a := last(); a.str("data.0.before.secret") != "whsec, and 0 rotated out" || a.str("data.0.after.secret") != "whsec, and 1 rotated out" {
		t.Errorf("a rotation, after a change of nothing: %s", a.body)
	}
	before := last().str("data.0.id")
	as(r.token, "PUT", "/api/v1/app/a/endpoint/e/headers", `{"headers":{"Authorization":"Bearer other"}}`)
	if a := last(); a.str("data.0.id") == before || a.str("data.0.after") != `{"headers":["Authorization"]}` {
		t.Errorf("another value of the same header: %s", a.body)
	}
	integration := as(r.token, "POST", "/api/v1/app/a/integration", `{"name":"i"}`).str("id")
	integrationKey := as(r.token, "POST", "/api/v1/app/a/integration/"+integration+"/key/rotate", ``).str("key")
	as(integrationKey, "PATCH", "/api/v1/app/a/endpoint/e", `{"disabled":false}`)
	if a := last(); a.str("data.0.actor.kind") != "integration" || a.str("data.0.actor.id") != integration {
		t.Errorf("by an integration: %s", a.body)
	}
	r.acceptJWTs()
	as(foreignJWT(t, defaultOrg, nil), "PATCH", "/api/v1/app/a", `{"name":"by jwt"}`)
	if a := last(); a.str("data.0.actor.kind") != "jwt" || a.str("data.0.after.name") != "by jwt" {
		t.Errorf("by a JWT: %s", a.body)
	}
	as(r.token, "POST", "/api/v1/app/inline/msg", `{"eventType":"a.b","payload":{},"application":{"name":"n","uid":"inline"}}`)
	if a := last(); a.str("data.0.name") != "inline" || a.str("data.0.actor.kind") != "api-token" {
		t.Errorf("an application with its first message: %s", a.body)
	}
	m := r.message("a", "")
	before = last().str("data.0.id")
	if got := as(r.token, "GET", "/api/v1/app/inline", ``); got.str("uid") != "inline" || last().str("data.0.id") != before {
		t.Error("a message or reading wrote an entry")
	}
	for range 2 { // the second changes nothing
		r.must(204, "DELETE", "/api/v1/app/a/msg/"+m+"/content", "")
	}
	a = r.must(200, "GET", "/x/v1/audit?noun=message", "")
	if a.str("data.0.action") != "expunged" || a.str("data.0.subjectId") != m || a.str("data.1.id") != "" {
		t.Errorf("expunged: %s", a.body)
	}
	once := as(r.token, "POST", "/x/v1/auth/one-time-token/a", `{"sessionId":"link"}`).str("oneTimeToken")
	if a := r.send(request{method: "POST", path: oneTimeExchangePath, body: `{"oneTimeToken":"` + once + `"}`}); a.status != 200 {
		t.Fatalf("%d", a.status)
	}
	if a := last(); a.str("data.0.actor.kind") != "one-time" || a.str("data.0.actor.sessionId") != "link" || a.str("data.0.noun") != "token" {
		t.Errorf("exchanged: %s", a.body)
	}
	r.restart()
	all := string(r.must(200, "GET", "/x/v1/audit?limit=250", "").body)
	for _, secret := range []string{"sesame", "Bearer", "MfKQ9r8", "queried", once, integrationKey, portal, key.text} {
		if strings.Contains(all, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	checkAuditFilters(r, app, ep, key.id)
}

// scopedName makes an unrestricted token of a name.
func (r *rig) scopedName(name string) (key struct{ id, text string }) {
	r.t.Helper()
	a := r.must(200, "POST", r.tokensOf(), `{"name":"`+name+`"}`)
	key.id, key.text = a.str("id"), a.str("token")
	return key
}

func checkAuditFilters(r *rig, app, ep, key string) {
	now := url.QueryEscape(time.Now().Add(time.Hour).Format(time.RFC3339))
	for _, c := range []struct {
		query string
		n     int // -1 for some
	}{
		{"subject=" + ep + "&app_id=" + app, 5},
		{"subject=" + app, 2},
		{"app_id=a&noun=endpoint", 5},
		{"app_id=" + app + "&noun=application", 2},
		{"app_id=inline", 1},
		{"subject=" + key, 1},
		{"actor=" + key, 1},
		{"actor=" + key + "&noun=application", 0},
		{"since=" + now, 0},
		{"until=" + now, -1},
	} {
		a := r.must(200, "GET", "/x/v1/audit?"+c.query, "")
		n := strings.Count(string(a.body), `"subjectId"`)
		if c.n >= 0 && n != c.n || c.n < 0 && n == 0 {
			r.t.Errorf("%s: %d entries: %s", c.query, n, a.body)
		}
	}
	for query, loc := range map[string]string{
		"noun=thing": "", "subject=" + ep: "query app_id", "subject=" + ep + "&app_id=x": "query app_id", "app_id=x": "query app_id", "subject=app_x": "query subject",
		"subject=nonsense": "query subject", "limit=251": "query limit", "iterator=audit_x": "query iterator", "since=yesterday": "",
	} {
		a := r.call("GET", "/x/v1/audit?"+query, "")
		if a.status != 422 && a.status != 400 || loc != "" && a.loc() != loc {
			r.t.Errorf("%s: %d at %q %s", query, a.status, a.loc(), a.body)
		}
	}
	// Pages, newest first and back.
	first := r.must(200, "GET", "/x/v1/audit?limit=3", "")
	second := r.must(200, "GET", "/x/v1/audit?limit=3&iterator="+first.str("iterator"), "")
	back := r.must(200, "GET", "/x/v1/audit?limit=3&iterator="+second.str("prevIterator"), "")
	if first.str("data.0.id") < second.str("data.0.id") || first.str("data.2.id") == second.str("data.0.id") || back.str("data.0.id") != first.str("data.0.id") {
		r.t.Errorf("pages:\n%s\n%s\n%s", first.body, second.body, back.body)
	}
	_, foreign := r.environment("foreign")
	if a := r.send(request{method: "GET", path: "/x/v1/audit", token: foreign}); strings.Contains(string(a.body), "endpoint") {
		r.t.Errorf("another environment sees %s", a.body)
	}
}
