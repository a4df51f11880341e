package httpapi

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store/sqlite"
)

// TestSealContentIsASetting switches it, leaves it alone, and resets it.
func TestSealContentIsASetting(t *testing.T) {
	r := newRig(t)
	is := func(when, want string, a answer) {
		t.Helper()
		if got := a.str("sealContent"); got != want {
			t.Errorf("%s: sealContent is %s, want %s", when, got, want)
		}
	}
	is("new", "false", r.must(200, "GET", settingsPath, ""))
	for _, body := range []string{`{"sealContent":"yes"}`, `{"sealContent":1}`, `{"sealContent":[]}`} {
		if a := r.call("PATCH", settingsPath, body); a.status != 422 || a.loc() != "body sealContent" {
			t.Errorf("%s: %d at %q", body, a.status, a.loc())
		}
	}
	is("switched on", "true", r.must(200, "PATCH", settingsPath, `{"sealContent":true}`))
	is("something else changed", "true", r.must(200, "PATCH", settingsPath, `{"enforceHttps":true}`))
	r.restart()
	is("after a restart", "true", r.must(200, "GET", settingsPath, ""))
	app := r.app("a")
	m := r.message(app, `,"tags":["t"]`)
	if got := r.stored(app, m); len(got.Payload) == 0 || !bytes.Contains(r.must(200, "GET", "/api/v1/app/"+app+"/msg/"+m, "").body, got.Payload) {
		t.Errorf("a message of a sealing environment: %s", got.Payload)
	}
	if a := r.must(200, "GET", "/x/v1/audit?noun=environment", ""); !strings.Contains(string(a.body), `"sealContent":true`) {
		t.Errorf("the audit log: %s", a.body)
	}
	is("replaced", "false", r.must(200, "PUT", settingsPath, `{}`))
}

// damagedSealer opens nothing that belongs to a message or an attempt.
type damagedSealer struct{ *auth.Sealer }

func (s damagedSealer) Open(sealed []byte, context string) ([]byte, error) {
	if strings.HasPrefix(context, "message/") || strings.HasPrefix(context, "attempt/") {
		context = "elsewhere"
	}
	return s.Sealer.Open(sealed, context)
}

// TestUnreadableContentIsSaid reads what is damaged at rest in every way that shows content:
// it is said to be gone, and is never an error of the server.
func TestUnreadableContentIsSaid(t *testing.T) {
	r := newRig(t)
	r.must(200, "PATCH", settingsPath, `{"sealContent":true}`)
	app := r.app("a")
	ep, m := r.endpoint(app, ""), ""
	m = r.message(app, "")
	r.attempt(app, ep, m, func(a *hook.Attempt) { a.Status, a.Body, a.Error = 500, []byte("answer"), "words" })
	r.sealer = func(s *auth.Sealer) sqlite.Sealer { return damagedSealer{s} }
	r.restart()
	base := "/api/v1/app/" + app
	for _, c := range []struct{ path, want string }{
		{base + "/msg/" + m, `{"expired": true}`},
		{base + "/msg?with_content=true", `{"expired": true}`},
		{base + "/msg", m},
		{base + "/attempt/msg/" + m, `"response":"UNREADABLE"`},
		{base + "/attempt/msg/" + m + "?with_content=false", `"response":"{}"`},
		{base + "/attempt/endpoint/" + ep + "?with_msg=true", `"response":"UNREADABLE"`},
		{base + "/endpoint/" + ep + "/msg?with_content=true", `{"expired": true}`},
	} {
		if a := r.must(200, "GET", c.path, ""); !strings.Contains(string(a.body), c.want) || strings.Contains(string(a.body), "answer") && strings.Contains(c.path, "attempt") {
			t.Errorf("GET %s: %s, want %s", c.path, a.body, c.want)
		}
	}
	for _, c := range [][2]string{{"GET", base + "/msg/" + m + "/raw"}, {"POST", base + "/msg/" + m + "/endpoint/" + ep + "/resend"}} {
		if a := r.call(c[0], c[1], ""); a.status/100 != 4 {
			t.Errorf("%s %s: %d %s", c[0], c[1], a.status, a.body)
		}
	}
}
