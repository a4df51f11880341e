package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

func TestAuthorizationHeader(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		why, header string
		status      int
	}{
		{"the scheme is matched in any case", "bearer " + r.token, 200},
		{"none", "", 401},
		{"blank", "Bearer  ", 401},
		{"no scheme", r.token, 401},
		{"another scheme", "Basic " + r.token, 401},
		{"one character more", "Bearer " + r.token + "x", 401},
		{"one character less", "Bearer " + r.token[:len(r.token)-1], 401},
		{"a JWT", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcmdfMSJ9.", 401},
		{"very long", "Bearer " + strings.Repeat("a.", 10000), 401},
	} {
		a := r.send(request{method: "GET", path: "/api/v1/app", headers: []string{"Authorization", c.header}})
		if a.status != c.status || c.status == 401 && a.str("code") != "authentication_failed" {
			t.Errorf("%s: %d %s", c.why, a.status, a.body)
		}
	}
	if strings.Contains(r.token, ".") {
		t.Errorf("a token with a dot would be read as a region")
	}
}

func TestPortalAccess(t *testing.T) {
	r := newRig(t, func(o *Options) { o.PublicURL = "https://hooks.example.com/" })
	app := r.app("a")
	const path = "/api/v1/auth/app-portal-access/a"
	a := r.must(200, "POST", path, `{"expiry":3600,"sessionId":"user_1","featureFlags":["beta"]}`)
	link, encoded, _ := strings.Cut(a.str("url"), "#key=")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	var key struct{ AppID, Token string }
	if err != nil || json.Unmarshal(raw, &key) != nil || link != "https://hooks.example.com/app-portal" || key.AppID != app || key.Token != a.str("token") {
		t.Errorf("url %s: %s %v", a.str("url"), raw, err)
	}
	me := r.send(request{method: "GET", path: "/api/v1/auth/whoami", token: a.str("token")})
	if me.str("appId") != app || me.str("sessionId") != "user_1" || !strings.HasPrefix(me.str("envId"), "org_") {
		t.Errorf("whoami: %s", me.body)
	}
	if me := r.must(200, "GET", "/api/v1/auth/whoami", ""); me.str("appId") != "null" || me.str("envId") == "null" {
		t.Errorf("whoami of an API token: %s", me.body)
	}
	for _, c := range []struct {
		why, path, body string
		status          int
		loc             string
	}{
		{"no body", path, ``, 200, ""},
		{"the older path without a body", "/api/v1/auth/dashboard-access/a/", ``, 200, ""},
		{"unknown application", "/api/v1/auth/app-portal-access/none", ``, 404, ""},
		{"expiry too short", path, `{"expiry":3599}`, 422, "body expiry"},
		{"expiry too long", path, `{"expiry":604801}`, 422, "body expiry"},
		{"bad session", path, `{"sessionId":"a b"}`, 422, "body sessionId"},
		{"unknown capability", path, `{"capabilities":["Everything"]}`, 422, "body capabilities"},
		{"no flags", path, `{"featureFlags":[]}`, 422, "body featureFlags"},
		{"inline application", "/api/v1/auth/app-portal-access/new", `{"application":{"name":"n","uid":"new"}}`, 200, ""},
		{"inline application of another uid", "/api/v1/auth/app-portal-access/new2", `{"application":{"name":"n","uid":"x"}}`, 422, "body application uid"},
	} {
		if a := r.call("POST", c.path, c.body); a.status != c.status || a.loc() != c.loc {
			t.Errorf("%s: %d at %q %s", c.why, a.status, a.loc(), a.body)
		}
	}
	readOnly := r.portal(app, `{"readOnly":true}`)
	if a := r.send(request{method: "GET", path: "/api/v1/app/a/endpoint", token: readOnly}); a.status != 200 {
		t.Errorf("read-only lists: %d", a.status)
	}
	if a := r.send(request{method: "POST", path: "/api/v1/app/a/endpoint", token: readOnly, body: `{"url":"https://example.com/"}`}); a.status != 403 {
		t.Errorf("read-only creates: %d", a.status)
	}
	manager := r.portal(app, `{"capabilities":["ManageEndpoint"]}`)
	if a := r.send(request{method: "POST", path: "/api/v1/app/a/endpoint", token: manager, body: `{"url":"https://example.com/","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`}); a.status != 403 {
		t.Errorf("a secret is chosen without ManageEndpointSecret: %d %s", a.status, a.body)
	}
	all := r.portal(app, ``)
	if a := r.send(request{method: "POST", path: "/api/v1/app/a/endpoint", token: all, body: `{"url":"https://example.com/"}`}); a.status != 201 {
		t.Errorf("a portal token creates an endpoint: %d %s", a.status, a.body)
	}
}

func TestTokensEnd(t *testing.T) {
	clock := time.Now()
	r := newRig(t, func(o *Options) { o.Now = func() time.Time { return clock } })
	app := r.app("a")
	me := func(token string) int {
		return r.send(request{method: "GET", path: "/api/v1/auth/whoami", token: token}).status
	}
	short := r.portal(app, `{"expiry":3600}`)
	one, two, three := r.portal(app, `{"sessionId":"s1"}`), r.portal(app, `{"sessionId":"s2"}`), r.portal(app, ``)
	if a := r.send(request{method: "POST", path: "/api/v1/auth/logout", token: three}); a.status != 204 || me(three) != 401 {
		t.Errorf("logout: %d, then %d", a.status, me(three))
	}
	if a := r.call("POST", "/api/v1/auth/logout", ""); a.status != 403 {
		t.Errorf("logout of an API token: %d", a.status)
	}
	r.must(204, "POST", "/api/v1/auth/app/a/expire-all", `{"sessionIds":["s1"]}`)
	if me(one) != 401 || me(two) != 200 {
		t.Errorf("after the end of session s1: %d and %d", me(one), me(two))
	}
	r.must(422, "POST", "/api/v1/auth/app/a/expire-all", `{"expiry":259201}`)
	r.must(204, "POST", "/api/v1/auth/app/a/expire-all", `{"expiry":60}`)
	if me(two) != 200 || me(short) != 200 {
		t.Errorf("before the minute is over: %d and %d", me(two), me(short))
	}
	clock = clock.Add(61 * time.Second)
	if me(two) != 401 || me(short) != 401 || me(r.token) != 200 {
		t.Errorf("after the minute: %d, %d, API token %d", me(two), me(short), me(r.token))
	}
	late := r.portal(app, `{"expiry":3600}`)
	clock = clock.Add(time.Hour + time.Second)
	if me(late) != 401 {
		t.Errorf("a second after expiry: %d", me(late))
	}
	r.must(204, "POST", "/api/v1/auth/app/a/expire-all", ``)
}

// TestDeletedApplicationEndsItsTokens shows that a portal token does not outlive its application.
func TestDeletedApplicationEndsItsTokens(t *testing.T) {
	r := newRig(t)
	token := r.portal(r.app("a"), ``)
	r.must(204, "DELETE", "/api/v1/app/a", "")
	if a := r.send(request{method: "GET", path: "/api/v1/app/a/endpoint", token: token}); a.status != 401 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestGuessingIsThrottled(t *testing.T) {
	r := newRig(t)
	seen := map[int]int{}
	for i := range 300 {
		a := r.send(request{method: "GET", path: "/api/v1/app", token: fmt.Sprintf("guess%d", i)})
		seen[a.status]++
		if a.status == 429 && a.header.Get("Retry-After") == "" {
			t.Fatal("429 without Retry-After")
		}
	}
	// Two windows of a minute at the most.
	if seen[401] > 2*maxWrongTokens || seen[401]+seen[429] != 300 || seen[429] == 0 {
		t.Errorf("answers by status: %v", seen)
	}
	r.must(200, "GET", "/api/v1/app", "")
}

func TestRateLimit(t *testing.T) {
	r := newRig(t, func(o *Options) { o.RatePerSecond = 0.5 })
	_, other := r.environment("other")
	limited := 0
	for range 30 {
		if a := r.call("GET", "/api/v1/auth/whoami", ""); a.status == 429 {
			limited++
			if a.header.Get("Retry-After") != "2" || a.str("code") != "rate_limited" {
				t.Errorf("%s %s", a.header.Get("Retry-After"), a.body)
			}
		}
	}
	if limited == 0 {
		t.Error("30 requests at once passed a limit of one in two seconds")
	}
	if a := r.send(request{method: "GET", path: "/api/v1/auth/whoami", token: other}); a.status != 200 {
		t.Errorf("another token: %d", a.status)
	}
}

func TestClientAddress(t *testing.T) {
	s := &server{o: Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	for _, c := range []struct {
		why, peer string
		forwarded []string
		want      string
	}{
		{"no proxy", "192.0.2.1:5", nil, "192.0.2.1"},
		{"a stranger's header is not believed", "192.0.2.1:5", []string{"198.51.100.1"}, "192.0.2.1"},
		{"a trusted proxy's is", "10.0.0.1:5", []string{"198.51.100.1"}, "198.51.100.1"},
		{"only what trusted proxies appended", "10.0.0.1:5", []string{"1.2.3.4, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"over several lines", "10.0.0.1:5", []string{"1.2.3.4", "198.51.100.1"}, "198.51.100.1"},
		{"nonsense ends it", "10.0.0.1:5", []string{"nonsense"}, "10.0.0.1"},
		{"with a port", "10.0.0.1:5", []string{"1.2.3.4:80, 198.51.100.1:51234, 10.0.0.2:7"}, "198.51.100.1"},
		{"IPv6 with a port", "10.0.0.1:5", []string{"[2001:db8::1]:51234"}, "2001:db8::1"},
		{"half a port ends it", "10.0.0.1:5", []string{"198.51.100.1:x"}, "10.0.0.1"},
		{"mapped IPv4", "[::ffff:10.0.0.1]:5", []string{"198.51.100.1"}, "198.51.100.1"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		if got := s.clientAddr(r); got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
}

func TestCORS(t *testing.T) {
	r := newRig(t)
	a := r.send(request{method: "OPTIONS", path: "/api/v1/app", headers: []string{
		"Origin", "https://portal.example.com", "Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization,x-any",
	}})
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "*", "Access-Control-Allow-Headers": "authorization, x-any", "Access-Control-Max-Age": "600",
	} {
		if got := a.header.Get(name); a.status != 200 || got != want {
			t.Errorf("preflight %d: %s %q, want %q", a.status, name, got, want)
		}
	}
	for _, path := range []string{"/api/v1/app", "/api/v1/none"} {
		if a := r.send(request{method: "GET", path: path, headers: []string{"Origin", "https://x.example"}}); a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: an error without CORS headers is unreadable to a page", path)
		}
	}
}

func TestRequestID(t *testing.T) {
	r := newRig(t)
	if got := r.call("GET", "/api/v1/app", "", "svix-req-id", "req-1").header.Get("svix-req-id"); got != "req-1" {
		t.Errorf("incoming id became %q", got)
	}
	for _, odd := range []string{"", "with blank", strings.Repeat("x", 65)} {
		if got := r.call("GET", "/api/v1/app", "", "svix-req-id", odd).header.Get("svix-req-id"); len(got) != 24 || got == odd {
			t.Errorf("for %q: %q", odd, got)
		}
	}
}

func TestSettings(t *testing.T) {
	r := newRig(t)
	a := r.must(200, "GET", settingsPath, "")
	for field, want := range map[string]string{
		"sendSvixWebhookHeaders": "true", "whitelabelHeaders": "false", "disableEndpointOnFailure": "true", "disableEndpointOnGone": "true", "retryPolicy": "null", "sendTraceparent": "false",
	} {
		if got := a.str(field); got != want {
			t.Errorf("default %s = %s, want %s", field, got, want)
		}
	}
	a = r.must(200, "PATCH", settingsPath, `{"whitelabelHeaders":true,"retryPolicy":[1,2],"displayName":"Acme","ourOwn":{"x":[1]}}`)
	if a.str("whitelabelHeaders") != "true" || a.str("retryPolicy") != "[1,2]" || a.str("displayName") != "Acme" || a.str("ourOwn.x") != "[1]" {
		t.Errorf("patched: %s", a.body)
	}
	r.restart()
	if b := r.must(200, "GET", settingsPath, ""); string(b.body) != string(a.body) {
		t.Errorf("read %s\nwant %s", b.body, a.body)
	}
	portal := r.send(request{method: "GET", path: "/api/v1/environment/settings", token: r.portal(r.app("a"), "")})
	if portal.str("displayName") != "Acme" || portal.str("enableChannels") != "true" || portal.str("ourOwn") != "null" || portal.str("retryPolicy") != "null" {
		t.Errorf("portal settings: %s", portal.body)
	}
	if a := r.must(200, "PATCH", settingsPath, `{"retryPolicy":null,"displayName":null}`); a.str("retryPolicy") != "null" || a.str("displayName") != "null" || a.str("whitelabelHeaders") != "true" {
		t.Errorf("cleared: %s", a.body)
	}
	if a := r.must(200, "PUT", settingsPath, `{"sendSvixWebhookHeaders":false}`); a.str("whitelabelHeaders") != "false" || a.str("sendSvixWebhookHeaders") != "false" || a.str("ourOwn") != "null" {
		t.Errorf("put replaces: %s", a.body)
	}
	steps := strings.TrimSuffix(strings.Repeat("1,", hook.MaxRetrySteps+1), ",")
	for _, c := range []struct{ why, body, loc string }{
		{"null", `{"whitelabelHeaders":null}`, "body whitelabelHeaders"},
		{"another type", `{"whitelabelHeaders":"yes"}`, "body whitelabelHeaders"},
		{"another type of a kept key", `{"displayName":5}`, "body displayName"},
		{"no delay", `{"retryPolicy":[5,0]}`, "body retryPolicy [1]"},
		{"negative delay", `{"retryPolicy":[-1]}`, "body retryPolicy [0]"},
		{"delay too long", `{"retryPolicy":[604801]}`, "body retryPolicy [0]"},
		{"too many delays", `{"retryPolicy":[` + steps + `]}`, "body retryPolicy"},
		{"too large", `{"x":"` + strings.Repeat("y", 70000) + `"}`, "body"},
	} {
		if a := r.call("PATCH", settingsPath, c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("%s: %d at %q %s", c.why, a.status, a.loc(), a.body)
		}
	}
}
