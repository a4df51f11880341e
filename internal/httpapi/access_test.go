package httpapi

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// tokensOf is the path of the environment's API tokens.
func (r *rig) tokensOf() string {
	return "/api/v1/management/authentication/" + r.store.Codec().Environment(r.env.ID) + "/api-token"
}

// scopedToken makes an API token with scopes and returns id and text.
func (r *rig) scopedToken(scopes string) (id, text string) {
	r.t.Helper()
	a := r.must(200, "POST", r.tokensOf(), `{"name":"n","scopes":`+scopes+`}`)
	return a.str("id"), a.str("token")
}

func TestAPITokens(t *testing.T) {
	clock := time.Now()
	r := newRig(t, func(o *Options) { o.Now = func() time.Time { return clock } })
	path := r.tokensOf()
	made := r.must(200, "POST", path, `{"name":"deploy","scopes":["message:write","app:*"]}`)
	text, id := made.str("token"), made.str("id")
	if !strings.HasPrefix(text, "hl_sk_") || made.str("name") != "deploy" || made.str("scopes") != `["app:*","message:write"]` || made.str("expiresAt") != "null" {
		t.Errorf("made: %s", made.body)
	}
	shown := r.must(200, "GET", path+"/"+id, "")
	if strings.Contains(string(shown.body), text) || shown.str("censoredToken") != text[:10]+"****************" {
		t.Errorf("shown: %s", shown.body)
	}
	me := func(text string) int {
		return r.send(request{method: "GET", path: "/api/v1/auth/whoami", token: text}).status
	}
	if me(text) != 200 {
		t.Error("the token does not work")
	}
	if a := r.send(request{method: "GET", path: "/api/v1/event-type", token: text}); a.status != 403 || !strings.Contains(a.str("detail"), "event-type:read") {
		t.Errorf("without the scope: %d %s", a.status, a.body)
	}
	r.must(200, "PATCH", path+"/"+id, `{"scopes":["event-type:read"]}`)
	if a := r.send(request{method: "GET", path: "/api/v1/event-type", token: text}); a.status != 200 {
		t.Errorf("with the scope: %d %s", a.status, a.body)
	}
	if a := r.send(request{method: "GET", path: "/api/v1/app", token: text}); a.status != 403 {
		t.Errorf("with a scope that was taken: %d", a.status)
	}
	if a := r.must(200, "PUT", path+"/"+id, `{"name":"renamed"}`); a.str("name") != "renamed" || a.str("scopes") != `["event-type:read"]` {
		t.Errorf("renamed: %s", a.body)
	}
	if a := r.must(200, "PATCH", path+"/"+id, `{"scopes":null}`); a.str("scopes") != "null" || a.str("name") != "renamed" {
		t.Errorf("opened: %s", a.body)
	}
	for _, c := range []struct{ why, method, path, body, loc string }{
		{"no name", "POST", path, `{}`, "body name"},
		{"empty scopes", "POST", path, `{"name":"n","scopes":[]}`, "body scopes"},
		{"unknown scope", "POST", path, `{"name":"n","scopes":["app:read","world:rule"]}`, "body scopes"},
		{"unknown noun", "POST", path, `{"name":"n","scopes":["world:*"]}`, "body scopes"},
		{"a noun alone", "POST", path, `{"name":"n","scopes":["app"]}`, "body scopes"},
		{"twice", "POST", path, `{"name":"n","scopes":["app:read","app:read"]}`, "body scopes"},
		{"not a list", "POST", path, `{"name":"n","scopes":"*"}`, "body scopes"},
		{"null name", "PATCH", path + "/" + id, `{"name":null}`, "body name"},
		{"empty name", "PUT", path + "/" + id, `{"name":""}`, "body name"},
		{"negative expiry", "POST", path + "/" + id + "/expire", `{"expiry":-1}`, "body expiry"},
		{"long expiry", "POST", path + "/" + id + "/expire", `{"expiry":259201}`, "body expiry"},
	} {
		if a := r.call(c.method, c.path, c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("%s: %d at %q %s", c.why, a.status, a.loc(), a.body)
		}
	}
	if a := r.call("POST", path, `{"name":"n","scopes":["world:rule"]}`); !strings.Contains(string(a.body), `world:rule`) {
		t.Errorf("an unknown scope is not named: %s", a.body)
	}
	r.must(204, "POST", path+"/"+id+"/expire", `{"expiry":60}`)
	if me(text) != 200 {
		t.Error("ended before its time")
	}
	clock = clock.Add(61 * time.Second)
	if me(text) != 401 {
		t.Error("did not end")
	}
	if a := r.must(200, "GET", path+"/"+id, ""); a.str("expiresAt") == "null" {
		t.Errorf("ended: %s", a.body)
	}
	_, foreign := r.environment("other")
	for _, p := range []string{path, path + "/" + id} {
		if a := r.send(request{method: "GET", path: p, token: foreign}); a.status != 404 {
			t.Errorf("%s from another environment: %d", p, a.status)
		}
	}
	r.must(404, "GET", "/api/v1/management/authentication/-/api-token", "")
	if a := r.must(200, "GET", path+"?limit=1", ""); a.str("done") != "false" || a.str("data.0.name") != "test" {
		t.Errorf("list: %s", a.body)
	}
}

// TestNoTokenGivesMoreThanItHas tries every way to make a token with one that is restricted.
func TestNoTokenGivesMoreThanItHas(t *testing.T) {
	r := newRig(t)
	r.app("a")
	integration := r.must(201, "POST", "/api/v1/app/a/integration", `{"name":"i"}`).str("id")
	r.must(200, "POST", "/api/v1/app/a/integration/"+integration+"/key/rotate", "")
	fullID, _ := r.scopedToken("null")
	weakID, _ := r.scopedToken(`["app:read"]`)
	tokens := r.tokensOf()
	portalScopes := `"portal:write","endpoint:*","message:read","message:write","attempt:*","event-type:read","settings:read","app:*","source:*","stats:read"`
	for _, c := range []struct {
		why, scopes, method, path, body string
		status                          int
	}{
		{"everything", `["token:*"]`, "POST", tokens, `{"name":"n"}`, 403},
		{"everything by a star", `["token:*"]`, "POST", tokens, `{"name":"n","scopes":["*"]}`, 403},
		{"another noun", `["token:*"]`, "POST", tokens, `{"name":"n","scopes":["app:read"]}`, 403},
		{"all reading", `["token:*","app:read"]`, "POST", tokens, `{"name":"n","scopes":["*:read"]}`, 403},
		{"what it has", `["token:*","app:read"]`, "POST", tokens, `{"name":"n","scopes":["app:read","token:read"]}`, 200},
		{"what its star has", `["*"]`, "POST", tokens, `{"name":"n"}`, 200},
		{"one that it has, by its noun's star", `["token:*","app:*"]`, "POST", tokens, `{"name":"n","scopes":["app:write"]}`, 200},
		{"widen another", `["token:*","app:read"]`, "PATCH", tokens + "/" + weakID, `{"scopes":["app:write"]}`, 403},
		{"open another", `["token:*","app:read"]`, "PATCH", tokens + "/" + weakID, `{"scopes":null}`, 403},
		{"narrow a stronger one", `["token:*","app:read"]`, "PATCH", tokens + "/" + fullID, `{"scopes":["app:read"]}`, 403},
		{"rename a stronger one", `["token:*","app:read"]`, "PUT", tokens + "/" + fullID, `{"name":"n"}`, 403},
		{"end a stronger one", `["token:*","app:read"]`, "POST", tokens + "/" + fullID + "/expire", `{}`, 403},
		{"rename a weaker one", `["token:*","app:read"]`, "PUT", tokens + "/" + weakID, `{"name":"n"}`, 200},
		{"a portal token", `["portal:*"]`, "POST", "/api/v1/auth/app-portal-access/a", ``, 403},
		{"a portal token by the older path", `["portal:*"]`, "POST", "/api/v1/auth/dashboard-access/a", ``, 403},
		{"a portal token that sees secrets", `[` + portalScopes + `]`, "POST", "/api/v1/auth/app-portal-access/a", ``, 403},
		{"a portal token within its own rights", `["portal:write","*:read"]`, "POST", "/api/v1/auth/app-portal-access/a", `{"capabilities":["ViewBase"]}`, 200},
		{"a one-time token", `["portal:*"]`, "POST", "/x/v1/auth/one-time-token/a", ``, 403},
		{"a message token", `["token:*"]`, "POST", "/api/v1/auth/app/a/create-message-token", `{"name":"n"}`, 403},
		{"a message token with the right", `["token:*","message:write"]`, "POST", "/api/v1/auth/app/a/create-message-token", `{"name":"n"}`, 200},
		{"an integration", `["integration:*"]`, "POST", "/api/v1/app/a/integration", `{"name":"n"}`, 403},
		{"the key of an integration", `["integration:*","secret:*"]`, "GET", "/api/v1/app/a/integration/" + integration + "/key", ``, 403},
		{"a new key of an integration", `["integration:*","secret:*"]`, "POST", "/api/v1/app/a/integration/" + integration + "/key/rotate", ``, 403},
		{"secrets by reading all", `["*:read"]`, "GET", "/api/v1/app/a/integration/" + integration + "/key", ``, 403},
	} {
		_, token := r.scopedToken(c.scopes)
		a := r.send(request{method: c.method, path: c.path, token: token, body: c.body})
		if a.status != c.status || c.status == 403 && a.str("code") != "insufficient access" {
			t.Errorf("%s: %d %s, want %d", c.why, a.status, a.body, c.status)
		}
	}
	// A body that carries an application makes none without the right to.
	_, token := r.scopedToken(`["message:write"]`)
	a := r.send(request{method: "POST", path: "/api/v1/app/new/msg", token: token, body: `{"eventType":"a.b","payload":{},"application":{"name":"n","uid":"new"}}`})
	if a.status != 404 {
		t.Errorf("inline application without app:write: %d %s", a.status, a.body)
	}
	r.must(404, "GET", "/api/v1/app/new", "")
}

// TestPublishingIsNotRemoving: what a sender needs removes nothing and reaches no
// application but the one that it names.
func TestPublishingIsNotRemoving(t *testing.T) {
	r := newRig(t)
	r.app("a")
	msg := r.must(202, "POST", "/api/v1/app/a/msg", `{"eventType":"a.b","payload":{"x":1}}`).str("id")
	_, sender := r.scopedToken(`["message:*","attempt:*","task:*"]`)
	_, eraser := r.scopedToken(`["content:write"]`)
	_, caller := r.scopedToken(`["broadcast:write"]`)
	for _, c := range []struct{ method, path, body, needs string }{
		{"DELETE", "/api/v1/app/a/msg/" + msg + "/content", "", "content:write"},
		{"DELETE", "/api/v1/app/a/msg/" + msg + "/attempt/atmpt_1/content", "", "content:write"},
		{"POST", "/api/v1/app/a/msg/bulk-expunge", `{"ids":["` + msg + `"]}`, "content:write"},
		{"POST", "/api/v1/app/a/msg/expunge-all-contents", "", "content:write"},
		{"POST", "/x/v1/expunge", `{"tag":"t"}`, "content:write"},
		{"POST", "/api/v1/msg/broadcast", `{"eventType":"a.b","payload":{}}`, "broadcast:write"},
	} {
		if a := r.send(request{method: c.method, path: c.path, token: sender, body: c.body}); a.status != 403 || !strings.Contains(a.str("detail"), "the scope "+c.needs) {
			t.Errorf("%s %s of a sender: %d %s", c.method, c.path, a.status, a.body)
		}
		token := eraser
		if c.needs == "broadcast:write" {
			token = caller
		}
		if a := r.send(request{method: c.method, path: c.path, token: token, body: c.body}); a.status == 403 {
			t.Errorf("%s %s with %s: %d %s", c.method, c.path, c.needs, a.status, a.body)
		}
	}
	if a := r.send(request{method: "POST", path: "/api/v1/app/a/msg", token: eraser, body: `{"eventType":"a.b","payload":{}}`}); a.status != 403 {
		t.Errorf("a publish with content:write: %d", a.status)
	}
}

// TestIdempotencyKeyGivesNoTokenAway repeats the request of a stronger caller under its key.
func TestIdempotencyKeyGivesNoTokenAway(t *testing.T) {
	r := newRig(t)
	const body = `{"name":"n"}`
	full := r.must(200, "POST", r.tokensOf(), body, "Idempotency-Key", "key1").str("token")
	if again := r.must(200, "POST", r.tokensOf(), body, "Idempotency-Key", "key1").str("token"); again != full {
		t.Error("a repeat got another token")
	}
	_, weak := r.scopedToken(`["token:*"]`)
	a := r.send(request{method: "POST", path: r.tokensOf(), token: weak, body: body, headers: []string{"Idempotency-Key", "key1"}})
	if a.status != 403 || strings.Contains(string(a.body), full) {
		t.Errorf("a weaker caller: %d %s", a.status, a.body)
	}
}

func TestMessageToken(t *testing.T) {
	clock := time.Now()
	r := newRig(t, func(o *Options) { o.Now = func() time.Time { return clock } })
	own := r.app("own")
	other := r.app("other")
	a := r.must(200, "POST", "/api/v1/auth/app/own/create-message-token", `{"name":"sender","expiry":3600}`)
	token := a.str("token")
	if !strings.HasPrefix(token, "hl_mk_") || a.str("name") != "sender" || a.str("expiresAt") == "null" {
		t.Errorf("%s", a.body)
	}
	const body = `{"eventType":"a.b","payload":{"x":1}}`
	post := func(app, body string) answer {
		return r.send(request{method: "POST", path: "/api/v1/app/" + app + "/msg", token: token, body: body})
	}
	for _, ref := range []string{"own", own} {
		if a := post(ref, body); a.status != 202 {
			t.Errorf("to %s: %d %s", ref, a.status, a.body)
		}
	}
	unknown := post("none", body)
	for _, ref := range []string{"other", other, "app_" + strings.Repeat("0", 27)} {
		if a := post(ref, body); a.status != 404 || string(a.body) != string(unknown.body) {
			t.Errorf("to %s: %d %s", ref, a.status, a.body)
		}
	}
	if a := post("new", `{"eventType":"a.b","payload":{},"application":{"name":"n","uid":"new"}}`); a.status != 404 {
		t.Errorf("an application of its own: %d %s", a.status, a.body)
	}
	for _, c := range []struct{ method, path string }{
		{"GET", "/api/v1/app/own/msg"}, {"GET", "/api/v1/app/own/endpoint"}, {"POST", "/api/v1/app/own/endpoint"}, {"GET", "/api/v1/event-type"},
		{"POST", "/api/v1/auth/logout"}, {"POST", "/api/v1/app"}, {"GET", "/x/v1/audit"},
	} {
		if a := r.send(request{method: c.method, path: c.path, token: token, body: "{}"}); a.status != 403 {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
		}
	}
	for _, c := range []struct{ why, body, loc string }{
		{"no name", `{}`, "body name"}, {"no life", `{"name":"n","expiry":0}`, "body expiry"}, {"too long", `{"name":"n","expiry":99999999999}`, "body expiry"},
		{"not a number", `{"name":"n","expiry":"1h"}`, "body expiry"},
	} {
		if a := r.call("POST", "/api/v1/auth/app/own/create-message-token", c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("%s: %d at %q %s", c.why, a.status, a.loc(), a.body)
		}
	}
	clock = clock.Add(time.Hour + time.Second)
	if a := post("own", body); a.status != 401 {
		t.Errorf("after its end: %d", a.status)
	}
	token = r.must(200, "POST", "/api/v1/auth/app/own/create-message-token", `{"name":"forever"}`).str("token")
	r.must(204, "POST", "/api/v1/auth/app/own/expire-all", `{"sessionIds":["x"]}`)
	if a := post("own", body); a.status != 202 {
		t.Errorf("after the end of another session: %d", a.status)
	}
	r.must(204, "POST", "/api/v1/auth/app/own/expire-all", ``)
	if a := post("own", body); a.status != 401 {
		t.Errorf("after expire-all: %d", a.status)
	}
}

func TestOneTimeToken(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	const exchangePath = "/api/v1/auth/one-time-token"
	exchange := func(text string) answer {
		return r.send(request{method: "POST", path: exchangePath, body: fmt.Sprintf(`{"oneTimeToken":%q}`, text)})
	}
	a := r.must(200, "POST", "/x/v1/auth/one-time-token/a", `{"capabilities":["ViewBase","CreateAttempts"],"sessionId":"s1","expiry":7200}`)
	once := a.str("oneTimeToken")
	if !strings.HasPrefix(once, "hl_ok_") || !strings.Contains(a.str("url"), "/app-portal#key=") {
		t.Errorf("%s", a.body)
	}
	if a := r.send(request{method: "GET", path: "/api/v1/auth/whoami", token: once}); a.status != 401 {
		t.Errorf("as a bearer token: %d", a.status)
	}
	got := exchange(once)
	token := got.str("token")
	if got.status != 200 || got.str("capabilities") != `["ViewBase","CreateAttempts"]` {
		t.Fatalf("exchange: %d %s", got.status, got.body)
	}
	me := r.send(request{method: "GET", path: "/api/v1/auth/whoami", token: token})
	if me.str("appId") != app || me.str("sessionId") != "s1" {
		t.Errorf("who: %s", me.body)
	}
	for _, c := range []struct {
		why, text string
	}{
		{"again", once}, {"a portal token", token}, {"the API token", r.token}, {"nonsense", "hl_ok_x"}, {"long", strings.Repeat("x", 100000)},
	} {
		if a := exchange(c.text); a.status != 401 || a.str("code") != "authentication_failed" {
			t.Errorf("%s: %d %s", c.why, a.status, a.body)
		}
	}
	for _, body := range []string{`{}`, `{"oneTimeToken":5}`, `{"oneTimeToken":null}`, `[]`, ``} {
		if a := r.send(request{method: "POST", path: exchangePath, body: body}); a.status != 422 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	// Of many at once one wins, and a restart does not bring it back.
	once = r.must(200, "POST", "/x/v1/auth/one-time-token/a", ``).str("oneTimeToken")
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 10 {
		wg.Go(func() {
			a := exchange(once)
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
		})
	}
	wg.Wait()
	if statuses[200] != 1 || statuses[401] != 9 {
		t.Errorf("at once: %v", statuses)
	}
	r.restart()
	if a := exchange(once); a.status != 401 {
		t.Errorf("after a restart: %d", a.status)
	}
	// An expired one, made with the life of a link.
	late := r.must(200, "POST", "/x/v1/auth/one-time-token/a", ``)
	ends, err := time.Parse(time.RFC3339, late.str("expiresAt"))
	if err != nil || time.Until(ends) > hook.OneTimeLife || time.Until(ends) < hook.OneTimeLife-time.Minute {
		t.Errorf("ends %v, %v", ends, err)
	}
	r.must(204, "DELETE", "/api/v1/app/a", "")
	if a := exchange(late.str("oneTimeToken")); a.status != 401 {
		t.Errorf("of an application that is gone: %d", a.status)
	}
}

func TestIntegrations(t *testing.T) {
	r := newRig(t)
	r.app("a")
	r.app("b")
	r.must(201, "POST", "/api/v1/event-type", `{"name":"plain","description":"d"}`)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"hidden","description":"d","featureFlags":["beta"]}`)
	const list = "/api/v1/app/a/integration"
	made := r.must(201, "POST", list, `{"name":"zapier","featureFlags":["beta"]}`)
	one := list + "/" + made.str("id")
	if !strings.HasPrefix(made.str("id"), "integ_") || len(made.str("id")) != 33 || made.str("featureFlags") != `["beta"]` {
		t.Errorf("%s", made.body)
	}
	r.must(404, "GET", one+"/key", "")
	key := r.must(200, "POST", one+"/key/rotate", "").str("key")
	if got := r.must(200, "GET", one+"/key", "").str("key"); got != key || !strings.HasPrefix(key, "hl_ik_") {
		t.Errorf("key %s, shown as %s", key, got)
	}
	as := func(token, method, path, body string) answer {
		return r.send(request{method: method, path: path, token: token, body: body})
	}
	if a := as(key, "POST", "/api/v1/app/a/endpoint", `{"url":"https://example.com/","eventTypes":["hidden"]}`); a.status != 201 {
		t.Errorf("an endpoint by the key: %d %s", a.status, a.body)
	}
	if a := as(key, "GET", "/api/v1/event-type", ""); !strings.Contains(string(a.body), "hidden") {
		t.Errorf("with the flag: %s", a.body)
	}
	if a := as(key, "GET", "/api/v1/app/b/endpoint", ""); a.status != 404 {
		t.Errorf("another application: %d", a.status)
	}
	for _, path := range []string{"/api/v1/auth/logout", "/api/v1/app/a/msg", one + "/key/rotate"} {
		if a := as(key, "POST", path, "{}"); a.status != 403 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	r.must(200, "PUT", one, `{"name":"renamed"}`)
	if a := as(key, "GET", "/api/v1/event-type", ""); strings.Contains(string(a.body), "hidden") || !strings.Contains(string(a.body), "plain") {
		t.Errorf("without the flag: %s", a.body)
	}
	next := r.must(200, "POST", one+"/key/rotate", "").str("key")
	if a, b := as(key, "GET", "/api/v1/auth/whoami", ""), as(next, "GET", "/api/v1/auth/whoami", ""); a.status != 401 || b.status != 200 {
		t.Errorf("after a rotation: old %d, new %d", a.status, b.status)
	}
	r.restart()
	if a := as(next, "GET", "/api/v1/auth/whoami", ""); a.status != 200 {
		t.Errorf("after a restart: %d", a.status)
	}
	for _, c := range []struct{ why, body, loc string }{
		{"no name", `{}`, "body name"}, {"no flags", `{"name":"n","featureFlags":[]}`, "body featureFlags"},
		{"bad flag", `{"name":"n","featureFlags":["a b"]}`, "body featureFlags"},
	} {
		if a := r.call("POST", list, c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("%s: %d at %q %s", c.why, a.status, a.loc(), a.body)
		}
		if a := r.call("PUT", one, c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("%s, put: %d at %q %s", c.why, a.status, a.loc(), a.body)
		}
	}
	r.must(404, "GET", strings.Replace(one, "/app/a/", "/app/b/", 1), "")
	r.must(204, "DELETE", one, "")
	if a := as(next, "GET", "/api/v1/auth/whoami", ""); a.status != 401 {
		t.Errorf("after its end: %d", a.status)
	}
	r.must(404, "GET", one, "")
	last := r.must(201, "POST", list, `{"name":"n"}`).str("id")
	key = r.must(200, "POST", list+"/"+last+"/key/rotate", "").str("key")
	r.must(204, "DELETE", "/api/v1/app/a", "")
	if a := as(key, "GET", "/api/v1/auth/whoami", ""); a.status != 401 {
		t.Errorf("after the application's end: %d", a.status)
	}
}

// TestExpireAllEndsOneTimeTokens: what they are exchanged for would outlive the rest.
func TestExpireAllEndsOneTimeTokens(t *testing.T) {
	r := newRig(t)
	r.app("a")
	for _, body := range []string{`{"expiry":60}`, `{"expiry":60,"sessionIds":["s1"]}`, ``} {
		once := r.must(200, "POST", "/x/v1/auth/one-time-token/a", `{"sessionId":"s1"}`).str("oneTimeToken")
		r.must(204, "POST", "/api/v1/auth/app/a/expire-all", body)
		if a := r.send(request{method: "POST", path: "/api/v1/auth/one-time-token", body: fmt.Sprintf(`{"oneTimeToken":%q}`, once)}); a.status != 401 {
			t.Errorf("%s: exchanged with %d", body, a.status)
		}
	}
}

// TestListeningNeedsAScopeToWrite: it makes something durable, and an ack moves its cursor.
func TestListeningNeedsAScopeToWrite(t *testing.T) {
	r := newRig(t)
	r.app("a")
	for scopes, want := range map[string]int{`["*:read"]`: 403, `["message:*"]`: 403, `["listener:write"]`: 101} {
		_, text := r.scopedToken(scopes)
		if _, status, body := r.dial("/x/v1/app/a/listen?name=dev", text); status != want {
			t.Errorf("%s: %d %s", scopes, status, body)
		}
	}
}
