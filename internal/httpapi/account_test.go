package httpapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const goodPassword = "three grey geese"

// person makes a user who is signed in and returns the id and the text of the cookie.
func (r *rig) person(email string, role hook.Role) (id hook.UserID, cookie string) {
	r.t.Helper()
	u := &hook.User{Email: email}
	u.SetRole(r.env.ID, role)
	if err := r.store.CreateUser(r.t.Context(), r.env.ID, u); err != nil {
		r.t.Fatal(err)
	}
	return u.ID, r.sessionOf(u.ID)
}

func (r *rig) sessionOf(id hook.UserID) string {
	r.t.Helper()
	text := auth.MintSession()
	err := r.store.CreateSession(r.t.Context(), &hook.Session{Hash: r.hasher.Hash(text), User: id, EndsAt: time.Now().Add(hook.SessionLife)})
	if err != nil {
		r.t.Fatal(err)
	}
	return text.Reveal()
}

// asPerson calls with a cookie as a page of ours does.
func (r *rig) asPerson(cookie, method, path, body string, change ...func(http.Header)) answer {
	r.t.Helper()
	h := http.Header{"Cookie": {sessionName + "=" + cookie}, environmentHeader: {r.store.Codec().Environment(r.env.ID)}, "Sec-Fetch-Site": {"same-origin"}}
	for _, f := range change {
		f(h)
	}
	return r.bare(method, path, body, h)
}

// bare sends a request with these headers and no others.
func (r *rig) bare(method, path, body string, h http.Header) answer {
	r.t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header = h
	req.Header.Set("Content-Type", "application/json")
	req.RemoteAddr = "192.0.2.7:1234"
	if from := h.Get("Test-From"); from != "" {
		req.RemoteAddr = from + ":1"
	}
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	return answer{status: w.Code, header: w.Header(), body: w.Body.Bytes()}
}

func (r *rig) link(c *hook.Claim) string {
	r.t.Helper()
	text := auth.MintClaim()
	c.Hash, c.ExpiresAt = r.hasher.Hash(text), time.Now().Add(time.Hour)
	if err := r.store.CreateClaim(r.t.Context(), c); err != nil {
		r.t.Fatal(err)
	}
	return text.Reveal()
}

// cookieOf returns the cookie that an answer sets.
func cookieOf(t *testing.T, a answer) *http.Cookie {
	t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 || cookies[0].Name != sessionName {
		t.Fatalf("cookies %v: %d %s", cookies, a.status, a.body)
	}
	return cookies[0]
}

func TestSignInAndOut(t *testing.T) {
	r := newRig(t)
	token := r.link(&hook.Claim{Purpose: hook.ClaimFirst})
	if a := r.bare("POST", sessionPath+"/claim/look", `{"token":"`+token+`"}`, http.Header{}); a.status != 200 || a.str("purpose") != "first" || a.str("email") != "null" {
		t.Fatalf("look: %d %s", a.status, a.body)
	}
	claim := func(body string) answer { return r.bare("POST", sessionPath+"/claim", body, http.Header{}) }
	for _, c := range []struct{ why, body, loc string }{
		{"no address", `{"token":"` + token + `","password":"` + goodPassword + `"}`, "body email"},
		{"no address in it", `{"token":"` + token + `","email":"ada","password":"` + goodPassword + `"}`, "body email"},
		{"no password", `{"token":"` + token + `","email":"ada@example.com"}`, "body password"},
		{"a short one", `{"token":"` + token + `","email":"ada@example.com","password":"elevenchars"}`, "body password"},
		{"a long one", `{"token":"` + token + `","email":"ada@example.com","password":"` + strings.Repeat("ab", 513) + `"}`, "body password"},
		{"the address", `{"token":"` + token + `","email":"ada@example.com","password":"Ada@example.com"}`, "body password"},
		{"a common one", `{"token":"` + token + `","email":"ada@example.com","password":"passwordpassword"}`, "body password"},
	} {
		if a := claim(c.body); a.status != 422 || a.loc() != c.loc {
			t.Errorf("%s: %d %s", c.why, a.status, a.body)
		}
	}
	a := claim(`{"token":"` + token + `","email":"Ada@example.com","name":"Ada","password":"` + goodPassword + `"}`)
	if a.status != 200 || a.str("kind") != "user" || a.str("user.role") != "owner" || a.str("user.name") != "Ada" || a.str("scopes") != "null" || a.str("environments.0.name") != "default" {
		t.Fatalf("claimed: %d %s", a.status, a.body)
	}
	first := cookieOf(t, a)
	if !first.HttpOnly || first.SameSite != http.SameSiteStrictMode || first.Path != "/" || first.Secure || strings.Contains(string(a.body), first.Value) {
		t.Errorf("cookie: %v", first)
	}
	if a := claim(`{"token":"` + token + `","email":"eve@example.com","password":"` + goodPassword + `"}`); a.status != 404 {
		t.Errorf("followed twice: %d %s", a.status, a.body)
	}
	if a := r.asPerson(first.Value, "GET", whoamiPath, ""); a.status != 200 || a.str("user.email") != "Ada@example.com" {
		t.Errorf("whoami: %d %s", a.status, a.body)
	}
	r.must(403, "DELETE", sessionPath, "") // no token ends a session
	out := r.asPerson(first.Value, "DELETE", sessionPath, "")
	if gone := cookieOf(t, out); out.status != 204 || gone.MaxAge >= 0 {
		t.Errorf("signed out: %d %v", out.status, gone)
	}
	if a := r.asPerson(first.Value, "GET", whoamiPath, ""); a.status != 401 {
		t.Errorf("after signing out: %d", a.status)
	}
	a = r.bare("POST", sessionPath, `{"email":"ADA@example.com","password":"`+goodPassword+`"}`, http.Header{"User-Agent": {"Browser"}})
	if a.status != 200 || cookieOf(t, a).Value == first.Value {
		t.Fatalf("signed in: %d %s", a.status, a.body)
	}
	second := cookieOf(t, a).Value
	third := cookieOf(t, r.bare("POST", sessionPath, `{"email":"ADA@example.com","password":"`+goodPassword+`"}`, http.Header{})).Value
	list := r.asPerson(second, "GET", sessionPath, "")
	if list.str("data.1.current") != "true" || list.str("data.1.browser") != "Browser" || list.str("data.1.address") != "192.0.2.7" || list.str("data.0.current") != "false" {
		t.Errorf("sessions: %s", list.body)
	}
	if a := r.asPerson(second, "DELETE", sessionPath+"/"+list.str("data.0.id"), ""); a.status != 204 {
		t.Errorf("end: %d %s", a.status, a.body)
	}
	if a := r.asPerson(third, "GET", whoamiPath, ""); a.status != 401 {
		t.Errorf("the ended session: %d", a.status)
	}
	// What the person does is in the audit log under the address.
	if a := r.asPerson(second, "POST", "/api/v1/app", `{"name":"theirs"}`); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	log := r.must(200, "GET", "/x/v1/audit?noun=application&limit=1", "")
	if log.str("data.0.actor.kind") != "user" || log.str("data.0.actor.name") != "Ada@example.com" || !strings.HasPrefix(log.str("data.0.actor.id"), "user_") {
		t.Errorf("audit: %s", log.body)
	}
	if a := r.must(200, "GET", "/x/v1/audit?noun=user", ""); strings.Contains(string(a.body), "argon2id") || a.str("data.0.subjectId") == "" {
		t.Errorf("audit of users: %s", a.body)
	}
}

// TestSessionNeedsAllProofs leaves out one proof after the other that the request comes from a page of ours.
func TestSessionNeedsAllProofs(t *testing.T) {
	r := newRig(t, func(o *Options) { o.PublicURL = "https://hooks.example.com/base" })
	_, cookie := r.person("o@example.com", hook.RoleOwner)
	set := func(name, value string) func(http.Header) {
		return func(h http.Header) {
			if h.Set(name, value); value == "" {
				h.Del(name)
			}
		}
	}
	for _, c := range []struct {
		why    string
		change func(http.Header)
		status int
	}{
		{"all there", func(http.Header) {}, 200},
		{"no Sec-Fetch-Site", set("Sec-Fetch-Site", ""), 200},
		{"our origin", set("Origin", "https://hooks.example.com"), 200},
		{"our own host", set("Origin", "https://example.com"), 200}, // httptest's
		{"no header", set(environmentHeader, ""), 401},
		{"no cookie", set("Cookie", ""), 401},
		{"a made-up cookie", set("Cookie", sessionName+"="+auth.MintSession().Reveal()), 401},
		{"an API token in the cookie", set("Cookie", sessionName+"="+r.token), 401},
		{"same site", set("Sec-Fetch-Site", "same-site"), 403},
		{"another site", set("Sec-Fetch-Site", "cross-site"), 403},
		{"from the address bar", set("Sec-Fetch-Site", "none"), 403},
		{"another origin", set("Origin", "https://evil.example"), 403},
		{"our origin without TLS", set("Origin", "http://hooks.example.com"), 403},
		{"our host without TLS", set("Origin", "http://example.com"), 403},
		{"another port", set("Origin", "https://hooks.example.com:8443"), 403},
		{"an opaque origin", set("Origin", "null"), 403},
		{"another environment", set(environmentHeader, "org_"+strings.Repeat("0", 27)), 403},
		{"an empty environment", func(h http.Header) { h[environmentHeader] = []string{""} }, 403},
		{"any environment", set(environmentHeader, "-"), 200},
		{"a session as a token", func(h http.Header) { h.Del("Cookie"); h.Set("Authorization", "Bearer "+cookie) }, 401},
	} {
		a := r.asPerson(cookie, "GET", "/api/v1/app", "", c.change)
		if a.status != c.status || a.status != 200 && a.str("detail") == "" || a.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d %s", c.why, a.status, a.body)
		}
	}
	// A token is taken as always, whatever cookie a browser sends along.
	if a := r.asPerson("x", "GET", "/api/v1/app", "", set("Authorization", "Bearer "+r.token), set("Sec-Fetch-Site", "cross-site")); a.status != 200 {
		t.Errorf("a token beside a cookie: %d %s", a.status, a.body)
	}
	for _, path := range []string{sessionPath, sessionPath + "/claim"} {
		if a := r.bare("POST", path, `{}`, http.Header{"Origin": {"https://evil.example"}}); a.status != 403 || len(a.header["Set-Cookie"]) != 0 {
			t.Errorf("%s from elsewhere: %d %s", path, a.status, a.body)
		}
	}
	a := r.bare("OPTIONS", "/api/v1/app", "", http.Header{"Origin": {"https://evil.example"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"content-type, hookloft-environment,x-other"}})
	if got := a.header.Get("Access-Control-Allow-Headers"); got != "content-type, x-other" || a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight allows %q", got)
	}
	// Below a path, and by TLS.
	in := r.bare("POST", sessionPath+"/claim", `{"token":"`+r.enterLink()+`"}`, http.Header{})
	if c := cookieOf(t, in); !c.Secure || c.Path != "/base/" {
		t.Errorf("cookie: %v", c)
	}
}

func (r *rig) enterLink() string {
	u, err := r.store.UserByEmail(r.t.Context(), "o@example.com")
	if err != nil {
		r.t.Fatal(err)
	}
	return r.link(&hook.Claim{Purpose: hook.ClaimEnter, User: u.ID, Environment: r.env.ID})
}

// TestGuessingPasswordsIsSlowed: who guesses waits, also with the right password then; another address does not.
func TestGuessingPasswordsIsSlowed(t *testing.T) {
	clock := time.Now()
	r := newRig(t, func(o *Options) { o.Now = func() time.Time { return clock } })
	id, _ := r.person("o@example.com", hook.RoleOwner)
	stored, err := auth.NewPasswords().Hash(t.Context(), goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.UpdateUser(t.Context(), r.env.ID, id, 0, func(u *hook.User) error { u.Password = stored; return nil }); err != nil {
		t.Fatal(err)
	}
	try := func(email, password, from string) answer {
		return r.bare("POST", sessionPath, fmt.Sprintf(`{"email":%q,"password":%q}`, email, password), http.Header{"Test-From": {from}})
	}
	var words []string
	for _, email := range []string{"o@example.com", "nobody@example.com"} {
		for range freeGuesses {
			a := try(email, "wrong wrong wrong", "198.51.100.1")
			if a.status != 401 || len(a.header["Set-Cookie"]) > 0 {
				t.Fatalf("%s: %d %s", email, a.status, a.body)
			}
			words = append(words, string(a.body))
		}
		if a := try(email, "wrong wrong wrong", "198.51.100.1"); a.status != 429 || a.header.Get("Retry-After") != "1" {
			t.Errorf("%s, one more: %d %s", email, a.status, a.body)
		}
	}
	if words[0] != words[len(words)-1] {
		t.Errorf("the words tell who is known: %q", words)
	}
	if a := try("o@example.com", goodPassword, "198.51.100.1"); a.status != 429 {
		t.Errorf("the right one at once: %d", a.status)
	}
	if a := try("o@example.com", goodPassword, "198.51.100.2"); a.status != 200 {
		t.Errorf("the right one from elsewhere: %d %s", a.status, a.body)
	}
	clock = clock.Add(time.Second)
	if a := try("o@example.com", goodPassword, "198.51.100.1"); a.status != 200 {
		t.Errorf("the right one after the pause: %d %s", a.status, a.body)
	}
}

func TestSignInLimits(t *testing.T) {
	l, now := newSignInLimits(), time.Now()
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }
	spent := func(email string, from netip.Addr, most int) (n int) {
		for n < most && l.begin(email, from, now) == 0 {
			n++
		}
		return n
	}
	if n := spent("a@b", addr(1), 99); n != freeGuesses {
		t.Errorf("%d tries at once", n)
	}
	// The pause doubles, up to its bound.
	var last time.Duration
	for range 20 {
		wait := l.begin("a@b", addr(1), now)
		if wait < last || wait > maxGuessWait {
			t.Errorf("%v after %v", wait, last)
		}
		last, now = wait, now.Add(wait)
		if l.begin("a@b", addr(1), now) != 0 {
			t.Error("the pause does not end")
		}
	}
	if last != maxGuessWait {
		t.Errorf("the last pause is %v", last)
	}
	// An account that everybody guesses at leaves each address one.
	for i := range 200 {
		spent("a@b", addr(1000+i), 1)
	}
	if n := spent("A@B", addr(5000), 99); n != 1 {
		t.Errorf("%d tries at a busy account", n)
	}
	// One address at many accounts.
	total := 0
	for i := range 99 {
		total += spent(fmt.Sprint(i, "@b"), addr(7), 1)
	}
	if total != freeAddressGuesses {
		t.Errorf("%d accounts from one address", total)
	}
	// A /64 is one place.
	for i := range 9 {
		l.begin("c@b", netip.AddrFrom16([16]byte{0x20, 1, 15: byte(i)}), now)
	}
	if l.begin("c@b", netip.AddrFrom16([16]byte{0x20, 1, 15: 99}), now) == 0 {
		t.Error("another address of the same /64 has tries of its own")
	}
	for i := range maxRememberedGuests * 2 {
		l.begin(fmt.Sprint("f", i), netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	if len(l.pairs) > maxRememberedGuests || len(l.addresses) > maxRememberedGuests || len(l.accounts) > maxRememberedGuests {
		t.Errorf("remembers %d, %d, %d", len(l.pairs), len(l.addresses), len(l.accounts))
	}
}

func TestMembers(t *testing.T) {
	r := newRig(t)
	ownerID, owner := r.person("o@example.com", hook.RoleOwner)
	otherEnv, _ := r.environment("other")
	codec := r.store.Codec()
	me := usersPath + "/" + codec.User(ownerID)
	do := func(status int, method, path, body string) answer {
		t.Helper()
		a := r.asPerson(owner, method, path, body)
		if a.status != status {
			t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
		return a
	}
	made := do(201, "POST", usersPath, `{"email":"dev@example.com","name":"Dev","role":"developer"}`)
	id, url := made.str("user.id"), made.str("url")
	token := url[strings.Index(url, "#")+1:]
	if !strings.HasPrefix(url, "http://localhost:8071/claim#hl_ck_") || made.str("user.hasPassword") != "false" {
		t.Errorf("invited: %s", made.body)
	}
	if a := do(409, "POST", usersPath, `{"email":"DEV@example.com","role":"viewer"}`); a.str("code") != "conflict" {
		t.Errorf("%s", a.body)
	}
	for _, c := range []struct{ why, body, loc string }{
		{"no role", `{"email":"x@example.com"}`, "body role"},
		{"an unknown one", `{"email":"x@example.com","role":"king"}`, "body role"},
		{"no address", `{"role":"viewer"}`, "body email"},
		{"no address in it", `{"email":"a b@example.com","role":"viewer"}`, "body email"},
		{"a script", `{"email":"<img>@example.com","role":"viewer"}`, "body email"},
	} {
		if a := do(422, "POST", usersPath, c.body); a.loc() != c.loc {
			t.Errorf("%s: %s", c.why, a.body)
		}
	}
	in := r.bare("POST", sessionPath+"/claim", `{"token":"`+token+`","password":"`+goodPassword+`"}`, http.Header{})
	if in.status != 200 || in.str("user.email") != "dev@example.com" || in.str("user.name") != "Dev" || in.str("user.role") != "developer" {
		t.Fatalf("claimed: %d %s", in.status, in.body)
	}
	dev := cookieOf(t, in).Value
	// A developer manages no people and no tokens, and is in this environment alone.
	for _, c := range []struct{ method, path, body string }{
		{"POST", usersPath, `{"email":"x@example.com","role":"viewer"}`}, {"PATCH", usersPath + "/" + id, `{"role":"owner"}`}, {"DELETE", me, ""},
		{"POST", usersPath + "/" + id + "/reset", ""}, {"POST", r.tokensOf(), `{"name":"n"}`},
	} {
		if a := r.asPerson(dev, c.method, c.path, c.body); a.status != 403 {
			t.Errorf("a developer: %s %s: %d", c.method, c.path, a.status)
		}
	}
	if a := r.asPerson(dev, "GET", "/api/v1/app", "", func(h http.Header) { h.Set(environmentHeader, codec.Environment(otherEnv.ID)) }); a.status != 403 {
		t.Errorf("in another environment: %d", a.status)
	}
	// No token of any right makes people.
	if a := r.call("POST", usersPath, `{"email":"x@example.com","role":"owner"}`); a.status != 403 {
		t.Errorf("an API token invites: %d", a.status)
	}
	if a := r.must(200, "GET", usersPath, ""); a.str("data.1.email") != "dev@example.com" || a.str("data.0.role") != "owner" {
		t.Errorf("list: %s", a.body)
	}
	// One's own name and password.
	if a := r.asPerson(dev, "PATCH", usersPath+"/me", `{"name":"Devi"}`); a.status != 200 || a.str("name") != "Devi" {
		t.Errorf("name: %d %s", a.status, a.body)
	}
	elsewhere := r.sessionOf(mustUser(t, codec, id))
	for body, loc := range map[string]string{
		`{"password":"four green frogs"}`:                                     "body oldPassword",
		`{"password":"four green frogs","oldPassword":"wrong wrong wrong"}`:   "body oldPassword",
		`{"password":"short","oldPassword":"` + goodPassword + `"}`:           "body password",
		`{"password":"dev@example.com","oldPassword":"` + goodPassword + `"}`: "body password",
	} {
		if a := r.asPerson(dev, "PATCH", usersPath+"/me", body); a.status != 422 || a.loc() != loc {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := r.asPerson(dev, "PATCH", usersPath+"/me", `{"password":"four green frogs","oldPassword":"`+goodPassword+`"}`); a.status != 200 {
		t.Errorf("password: %d %s", a.status, a.body)
	}
	if a, b := r.asPerson(dev, "GET", whoamiPath, ""), r.asPerson(elsewhere, "GET", whoamiPath, ""); a.status != 200 || b.status != 401 {
		t.Errorf("after a new password: here %d, elsewhere %d", a.status, b.status)
	}
	// A new role signs out; a reset gives a link, and the old password works until it is followed.
	if a := do(200, "PATCH", usersPath+"/"+id, `{"role":"viewer"}`); a.str("role") != "viewer" {
		t.Errorf("%s", a.body)
	}
	if a := r.asPerson(dev, "GET", whoamiPath, ""); a.status != 401 {
		t.Errorf("after a new role: %d", a.status)
	}
	url = do(200, "POST", usersPath+"/"+id+"/reset", "").str("url")
	if a := r.bare("POST", sessionPath, `{"email":"dev@example.com","password":"four green frogs"}`, http.Header{}); a.status != 200 || a.str("user.role") != "viewer" {
		t.Errorf("before the reset is followed: %d %s", a.status, a.body)
	}
	if a := r.bare("POST", sessionPath+"/claim", `{"token":"`+url[strings.Index(url, "#")+1:]+`","password":"five white foxes"}`, http.Header{}); a.status != 200 {
		t.Errorf("reset: %d %s", a.status, a.body)
	}
	do(409, "DELETE", me, "")
	do(409, "PATCH", me, `{"role":"viewer"}`)
	do(204, "DELETE", usersPath+"/"+id, "")
	do(404, "DELETE", usersPath+"/"+id, "")
	if a := r.bare("POST", sessionPath, `{"email":"dev@example.com","password":"five white foxes"}`, http.Header{}); a.status != 401 {
		t.Errorf("after the removal: %d", a.status)
	}
	// Who is only in the other environment is not seen here.
	foreign := &hook.User{Email: "f@example.com"}
	foreign.SetRole(otherEnv.ID, hook.RoleDeveloper)
	if err := r.store.CreateUser(t.Context(), otherEnv.ID, foreign); err != nil {
		t.Fatal(err)
	}
	do(404, "PATCH", usersPath+"/"+codec.User(foreign.ID), `{"role":"viewer"}`)
	do(404, "DELETE", usersPath+"/"+codec.User(foreign.ID), "")
	// Invited here too, and taken out again: the other role stays.
	do(201, "POST", usersPath, `{"email":"f@example.com","role":"support"}`)
	do(204, "DELETE", usersPath+"/"+codec.User(foreign.ID), "")
	if u, err := r.store.User(t.Context(), foreign.ID); err != nil || u.RoleIn(otherEnv.ID) != hook.RoleDeveloper || u.RoleIn(r.env.ID) != "" {
		t.Errorf("%+v, %v", u, err)
	}
	log, err := r.store.Audit(t.Context(), r.env.ID, store.AuditFilter{Noun: hook.AuditUser}, store.Page[hook.AuditID]{Limit: 99})
	if err != nil || len(log.Rows) < 8 {
		t.Errorf("audit log: %d entries, %v", len(log.Rows), err)
	}
}

func mustUser(t *testing.T, codec *hook.Codec, id string) hook.UserID {
	u, ok := codec.ParseUser(id)
	if !ok {
		t.Fatalf("%q is no user", id)
	}
	return u
}

// TestRolesHaveTheRightsThatTheyShould pins what each role may do, whatever the list of routes says.
func TestRolesHaveTheRightsThatTheyShould(t *testing.T) {
	all := routes()
	scopes := roleScopes(knownScopes(all))
	for _, rt := range all {
		if rt.access.open || rt.access.only || rt.needs == "" {
			continue
		}
		may := func(role hook.Role) bool { return rt.allows(&hook.Token{User: 1, Scopes: scopes[role]}) == nil }
		noun, verb, _ := strings.Cut(string(rt.needs), ":")
		reads := verb == "read" && noun != "secret" && noun != "system"
		steers := slices.Contains(steering, rt.op)
		people := verb == "write" && (noun == "user" || noun == "token")
		if !may(hook.RoleOwner) || may(hook.RoleDeveloper) == people || may(hook.RoleSupport) != (reads || steers) || may(hook.RoleViewer) != reads {
			t.Errorf("%s (%s): owner %v, developer %v, support %v, viewer %v", rt.op, rt.needs,
				may(hook.RoleOwner), may(hook.RoleDeveloper), may(hook.RoleSupport), may(hook.RoleViewer))
		}
	}
	for _, op := range steering {
		if !slices.ContainsFunc(all, func(rt route) bool { return rt.op == op }) {
			t.Errorf("there is no operation %s", op)
		}
	}
	sees := func(role hook.Role) bool { return (&hook.Token{Scopes: scopes[role]}).MayDo(hook.ScopeReadSensitive) }
	if !sees(hook.RoleOwner) || !sees(hook.RoleDeveloper) || !sees(hook.RoleSupport) || sees(hook.RoleViewer) {
		t.Error("what is redacted is for all but viewers")
	}
}

// TestUnknownRoleHasNoRight: the store may have been written by a later version.
func TestUnknownRoleHasNoRight(t *testing.T) {
	r := newRig(t)
	_, cookie := r.person("ada@example.com", "auditor")
	if a := r.asPerson(cookie, "GET", "/api/v1/app", ""); a.status != 403 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
