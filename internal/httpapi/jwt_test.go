package httpapi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/hookloft/hookloft/internal/auth"
)

const testJWTSecret = "the secret of the other server"

func (r *rig) acceptJWTs() {
	r.t.Helper()
	v, err := auth.NewJWTVerifier("HS256", testJWTSecret, nil, func() time.Time { return r.api.now() })
	if err != nil {
		r.t.Fatal(err)
	}
	r.jwt, r.api.JWT = v, v
}

// foreignJWT is a token as the open-source server makes it.
func foreignJWT(t *testing.T, sub string, more jwt.MapClaims) string {
	t.Helper()
	now := time.Now()
	c := jwt.MapClaims{"iss": "svix-server", "sub": sub, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(24 * time.Hour).Unix()}
	for k, v := range more {
		c[k] = v
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(testJWTSecret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestJWTsAreAcceptedWhereConfigured(t *testing.T) {
	r := newRig(t)
	org := foreignJWT(t, defaultOrg, nil)
	get := func(token, path string) answer { return r.send(request{method: "GET", path: path, token: token}) }
	if a := get(org, "/api/v1/app"); a.status != 401 {
		t.Errorf("not configured: %d", a.status)
	}
	if a := get(testJWTSecret, "/api/v1/app"); a.status != 401 || a.str("detail") != "Incorrect authentication credentials." && a.str("detail") != "Invalid token" {
		t.Errorf("not configured: %d %s", a.status, a.body)
	}
	r.acceptJWTs()
	r.app("a")
	other, _ := r.environment("org_AAAAAAAAAAAAAAAAAAAAAAAAAAA")
	for range 2 { // verified, then remembered
		if a := get(org, "/api/v1/app/a"); a.status != 200 {
			t.Fatalf("the default organisation: %d %s", a.status, a.body)
		}
	}
	me := get(org, "/api/v1/auth/whoami")
	if me.str("permissionSource") != "SvixJwt" || me.str("envId") != r.store.Codec().Environment(r.env.ID) || me.str("appId") != "null" {
		t.Errorf("who: %s", me.body)
	}
	if a := get(foreignJWT(t, "org_AAAAAAAAAAAAAAAAAAAAAAAAAAA", nil), "/api/v1/auth/whoami"); a.str("envId") != r.store.Codec().Environment(other.ID) {
		t.Errorf("another organisation: %d %s", a.status, a.body)
	}
	for why, token := range map[string]string{
		"an organisation that is not here": foreignJWT(t, "org_BBBBBBBBBBBBBBBBBBBBBBBBBBB", nil),
		"the management organisation":      foreignJWT(t, "org_00000000000SvixManagement00", nil),
		"no subject":                       foreignJWT(t, "", nil),
		"the name of an environment":       foreignJWT(t, "default", nil),
		"an unknown application":           foreignJWT(t, "app_CCCCCCCCCCCCCCCCCCCCCCCCCCC", jwt.MapClaims{"org": defaultOrg}),
		"ended":                            foreignJWT(t, defaultOrg, jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()}),
		"altered":                          org[:len(org)-4] + "AAAA",
		"without a signature":              strings.Join(append(strings.Split(org, ".")[:2], ""), "."),
	} {
		if a := get(token, "/api/v1/app"); a.status != 401 || a.str("code") != "authentication_failed" {
			t.Errorf("%s: %d %s", why, a.status, a.body)
		}
	}
	if a := get(testJWTSecret, "/api/v1/app"); a.status != 401 || !strings.Contains(a.str("detail"), "secret itself") || strings.Contains(string(a.body), testJWTSecret) {
		t.Errorf("the secret as a token: %d %s", a.status, a.body)
	}
}

func TestJWTOfAnApplication(t *testing.T) {
	r := newRig(t)
	r.acceptJWTs()
	own := r.app("own")
	r.must(201, "POST", "/api/v1/app", `{"name":"moved","uid":"moved","metadata":{"svix.id":"app_CCCCCCCCCCCCCCCCCCCCCCCCCCC"}}`)
	r.must(201, "POST", "/api/v1/event-type", `{"name":"hidden","description":"d","featureFlags":["beta"]}`)
	for sub, uid := range map[string]string{own: "own", "app_CCCCCCCCCCCCCCCCCCCCCCCCCCC": "moved"} {
		token := foreignJWT(t, sub, jwt.MapClaims{"org": defaultOrg, "feature_flags": []string{"beta"}})
		as := func(method, path, body string) answer {
			return r.send(request{method: method, path: path, token: token, body: body})
		}
		if a := as("POST", "/api/v1/app/"+uid+"/endpoint", `{"url":"https://example.com/"}`); a.status != 201 {
			t.Errorf("%s creates an endpoint: %d %s", uid, a.status, a.body)
		}
		if a := as("GET", "/api/v1/event-type", ""); !strings.Contains(string(a.body), "hidden") {
			t.Errorf("%s with a flag: %s", uid, a.body)
		}
		for _, c := range []struct {
			method, path string
			status       int
		}{
			{"GET", "/api/v1/app", 403}, {"POST", "/api/v1/app/" + uid + "/msg", 403}, {"POST", "/api/v1/auth/app-portal-access/" + uid, 403},
			{"GET", "/api/v1/app/none/endpoint", 404}, {"GET", "/api/v1/app/" + map[string]string{"own": "moved", "moved": "own"}[uid] + "/endpoint", 404},
			{"POST", "/api/v1/auth/logout", 501},
		} {
			if a := as(c.method, c.path, "{}"); a.status != c.status {
				t.Errorf("%s %s as %s: %d %s", c.method, c.path, uid, a.status, a.body)
			}
		}
	}
	plain := foreignJWT(t, own, jwt.MapClaims{"org": defaultOrg})
	if a := r.send(request{method: "GET", path: "/api/v1/event-type", token: plain}); strings.Contains(string(a.body), "hidden") {
		t.Errorf("without the flag: %s", a.body)
	}
	foreign := foreignJWT(t, own, jwt.MapClaims{"org": "org_BBBBBBBBBBBBBBBBBBBBBBBBBBB"})
	if a := r.send(request{method: "GET", path: "/api/v1/auth/whoami", token: foreign}); a.status != 401 {
		t.Errorf("of another organisation: %d", a.status)
	}
}

// TestRememberedJWTs shows that what is remembered ends, and is bounded.
func TestRememberedJWTs(t *testing.T) {
	clock := time.Now()
	r := newRig(t, func(o *Options) { o.Now = func() time.Time { return clock } })
	r.acceptJWTs()
	r.app("a")
	me := func(token string) int {
		return r.send(request{method: "GET", path: "/api/v1/auth/whoami", token: token}).status
	}
	short := foreignJWT(t, defaultOrg, jwt.MapClaims{"exp": clock.Add(2 * time.Second).Unix()})
	app := foreignJWT(t, r.must(200, "GET", "/api/v1/app/a", "").str("id"), nil)
	if me(short) != 200 || me(app) != 200 {
		t.Fatal("not accepted")
	}
	clock = clock.Add(33 * time.Second) // the end and the leeway
	if me(short) != 401 {
		t.Error("remembered beyond its end")
	}
	if me(app) != 200 {
		t.Error("another one ended with it")
	}
	r.must(204, "DELETE", "/api/v1/app/a", "")
	if a := r.send(request{method: "GET", path: "/api/v1/app/a/endpoint", token: app}); a.status != 404 {
		t.Errorf("a deleted application's: %d", a.status)
	}
	clock = clock.Add(jwtFresh)
	if me(app) != 401 {
		t.Error("an application that is gone is remembered")
	}
	for i := range maxCachedJWTs + 10 {
		r.api.jwts.put([32]byte{byte(i), byte(i >> 8), 1}, nil, clock)
	}
	if n := len(r.api.jwts.byHash); n != maxCachedJWTs {
		t.Errorf("%d JWTs are remembered", n)
	}
}

func BenchmarkJWT(b *testing.B) {
	v, err := auth.NewJWTVerifier("HS256", testJWTSecret, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": "svix-server", "sub": fmt.Sprint(defaultOrg), "exp": now.Add(time.Hour).Unix()}).SignedString([]byte(testJWTSecret))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(text); err != nil {
			b.Fatal(err)
		}
	}
}
