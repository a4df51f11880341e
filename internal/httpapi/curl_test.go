package httpapi

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

// shell is a receiver that keeps what commands sent.
type shell struct {
	*testing.T
	addr string
	got  chan *http.Request // with its body in memory
}

func newShell(t *testing.T) *shell {
	for _, tool := range []string{"sh", "curl", "base64"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s here", tool)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &shell{T: t, addr: l.Addr().String(), got: make(chan *http.Request, 1)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			r, err := http.ReadRequest(in)
			if err == nil {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				s.got <- r
			}
			fmt.Fprint(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return s
}

// run pastes a command and returns what arrived.
func (s *shell) run(command string) (*http.Request, []byte) {
	s.Helper()
	cmd := exec.Command("sh")
	cmd.Stdin = strings.NewReader(command + "\n")
	cmd.Dir = s.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.Fatalf("%v: %s\n%s", err, out, command)
	}
	select {
	case r := <-s.got:
		body, _ := io.ReadAll(r.Body)
		return r, body
	case <-time.After(time.Minute):
		s.Fatalf("nothing arrived: %s\n%s", out, command)
	}
	return nil, nil
}

// TestCurlCommandSendsTheSame runs commands in a shell and compares what arrives, byte for byte.
func TestCurlCommandSendsTheSame(t *testing.T) {
	s := newShell(t)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	post := []string{"Host", s.addr, "User-Agent", "a/1", "Accept", "*/*", "Content-Type", "application/json", "Content-Length", "0"}
	for _, c := range []struct {
		name, method, path string
		fields             []string
		body               string
	}{
		{"plain", "POST", "/hook?a=1&b=$HOME", post, `{"a":1.10}`},
		{"quotes and words of the shell", "POST", "/it's/`id`/$(id)", post, "{\"a\":\"it's $(touch pwned) `id` \\\\ \\\" !! ; rm -rf / & | > x\"}\n"},
		{"a body that begins like a file's name", "PUT", "/", post, "@/etc/passwd"},
		{"a body that begins like an option", "PATCH", "/", post, "-o /tmp/x"},
		{"every byte", "POST", "/", post, string(all)},
		{"keys of a terminal", "POST", "/", post, "{\"a\":\"\x1b[201~\rid\r\x03\"}"},
		{"what turns the reading direction", "POST", "/", post, "{\"a\":\"\u202e\"}"},
		{"tabs", "POST", "/", post, "{\t\"a\":\t1}"},
		{"a long one", "POST", "/", post, `{"a":"` + strings.Repeat("x'", 700<<10) + `"}`},
		{"globs and dots", "POST", "/{a,b}/[1-9]/../x", post, "{}"},
		{"headers with quotes, nothing, or a file's name", "POST", "/", append([]string{"X-A", "it's \"$HOME\" `id`", "X-Empty", "", "X-File", "@/etc/passwd"}, post...), "{}"},
		{"no body", "GET", "/?a=%27b", []string{"Host", s.addr, "User-Agent", "a/1"}, ""},
		{"an empty body", "POST", "/", []string{"Host", "other.example", "User-Agent", "a/1", "Content-Length", "0"}, ""},
		{"no type", "POST", "/", []string{"Host", s.addr, "User-Agent", "a/1", "Content-Length", "2"}, "{}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.T = t
			r, body := s.run(curlCommand(&MadeRequest{Method: c.method, URL: "http://" + s.addr + c.path, Fields: c.fields, Body: []byte(c.body)}))
			if r.Method != c.method || r.RequestURI != c.path || string(body) != c.body {
				t.Errorf("%s %s with %d bytes %.80q; want %s %s with %d bytes", r.Method, r.RequestURI, len(body), body, c.method, c.path, len(c.body))
			}
			want := http.Header{}
			for i := 0; i+1 < len(c.fields); i += 2 {
				want.Add(c.fields[i], c.fields[i+1])
			}
			if host := want.Get("Host"); r.Host != host {
				t.Errorf("Host %q, want %q", r.Host, host)
			}
			for _, name := range []string{"Host", "Content-Length"} {
				want.Del(name)
				r.Header.Del(name)
			}
			if fmt.Sprint(r.Header) != fmt.Sprint(want) {
				t.Errorf("headers %v, want %v", r.Header, want)
			}
		})
	}
}

// TestCurl asks for the command of a stored message, runs it, and verifies what arrives.
func TestCurl(t *testing.T) {
	s := newShell(t)
	r := newRig(t)
	app := r.app("a")
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	e := r.must(201, "POST", "/api/v1/app/a/endpoint", `{"url":"http://`+s.addr+`/hook?x=1","secret":"`+secret+`","headers":{"X-Own":"it's","Authorization":"canary-custom"}}`).str("id")
	m := r.message(app, `,"eventId":"e1"`)
	path := "/x/v1/app/a/msg/" + m + "/endpoint/" + e + "/curl"
	a := r.must(200, "POST", path, "")
	if strings.Contains(string(a.body), "canary") || a.str("withheld.0") != "header Authorization" || a.str("withheld.1") != "" || a.str("method") != "POST" || a.str("url") != "http://"+s.addr+"/hook?x=1" {
		t.Errorf("%s", a.body)
	}
	keys, err := webhook.ParseKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := webhook.NewStandard(keys, webhook.StandardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	req, body := s.run(a.str("command"))
	if _, err := verifier.Verify(webhook.Request{Method: req.Method, Header: req.Header, Body: body}, time.Now()); err != nil || string(body) != `{"a":1}` || req.Header.Get("X-Own") != "it's" || req.Header.Get("Webhook-Id") != m {
		t.Errorf("%v: %q %v", err, body, req.Header)
	}
	if expires, err := time.Parse(time.RFC3339, a.str("expiresAt")); err != nil || time.Until(expires) < 4*time.Minute || time.Until(expires) > 5*time.Minute {
		t.Errorf("expiresAt %s", a.str("expiresAt"))
	}
	r.must(200, "POST", "/x/v1/app/a/msg/e1/endpoint/"+e+"/curl", "")

	// Credentials, wherever they stand, are not in it.
	for _, c := range []struct{ name, part, body, withheld string }{
		{"basic", "credentials", `{"basic":{"username":"u","password":"canary"}}`, "header Authorization"},
		{"bearer", "credentials", `{"bearer":{"token":"canary"}}`, "header Authorization"},
		{"key in a header", "credentials", `{"apiKey":{"in":"header","name":"X-Key","value":"canary"}}`, "header X-Key"},
		{"key in the query", "credentials", `{"apiKey":{"in":"query","name":"key","value":"canary"}}`, "query parameter key"},
		{"token in the body", "request", `{"method":"POST","token":{"in":"body","name":"tok","value":"canary"}}`, "token tok"},
		{"token in the query", "request", `{"method":"GET","body":"query","token":{"in":"query","name":"tok","value":"canary"}}`, "token tok"},
		{"token in a header", "request", `{"method":"PUT","token":{"in":"header","name":"X-Tok","value":"canary"}}`, "header X-Tok"},
	} {
		e := r.endpoint(app, "")
		r.must(200, "PUT", "/x/v1/app/a/endpoint/"+e+"/"+c.part, c.body)
		a := r.must(200, "POST", "/x/v1/app/a/msg/"+m+"/endpoint/"+e+"/curl", "")
		if strings.Contains(string(a.body), "canary") || a.str("withheld.0") != c.withheld {
			t.Errorf("%s: %s", c.name, a.body)
		}
	}
	scripted := r.endpoint(app, "")
	r.must(204, "PATCH", "/api/v1/app/a/endpoint/"+scripted+"/transformation", `{"code":"function handler(w) { w.payload = {seen: w.payload.a}; return w }","enabled":true}`)
	if a := r.must(200, "POST", "/x/v1/app/a/msg/"+m+"/endpoint/"+scripted+"/curl", ""); !strings.Contains(a.str("command"), `'{"seen":1}'`) {
		t.Errorf("the script did not run: %s", a.body)
	}
	r.must(204, "PATCH", "/api/v1/app/a/endpoint/"+scripted+"/transformation", `{"code":"function handler(w) { w.cancel = true; return w }","enabled":true}`)
	if a := r.call("POST", "/x/v1/app/a/msg/"+m+"/endpoint/"+scripted+"/curl", ""); a.status != 409 || a.str("code") != "no_request" {
		t.Errorf("cancelled: %d %s", a.status, a.body)
	}
	r.must(204, "PATCH", "/api/v1/app/a/endpoint/"+scripted+"/transformation", `{"code":"function handler(w) { throw new Error('no') }","enabled":true}`)
	if a := r.call("POST", "/x/v1/app/a/msg/"+m+"/endpoint/"+scripted+"/curl", ""); a.status != 409 || !strings.Contains(a.str("detail"), "no") {
		t.Errorf("failed: %d %s", a.status, a.body)
	}

	// Who may.
	for role, want := range map[string]int{`{"capabilities":["ViewBase"]}`: 403, `{"capabilities":["ViewBase","CreateAttempts"]}`: 200} {
		if a := r.send(request{method: "POST", path: path, token: r.portal(app, role)}); a.status != want {
			t.Errorf("%s: %d %s", role, a.status, a.body)
		}
	}
	_, foreign := r.environment("other")
	for what, q := range map[string]request{
		"another environment":       {path: path, token: foreign},
		"no such message":           {path: "/x/v1/app/a/msg/nothing/endpoint/" + e + "/curl", token: r.token},
		"no such endpoint":          {path: "/x/v1/app/a/msg/" + m + "/endpoint/nothing/curl", token: r.token},
		"another application's one": {path: "/x/v1/app/a/msg/" + m + "/endpoint/" + r.endpoint(r.app("b"), "") + "/curl", token: r.token},
	} {
		q.method = "POST"
		if a := r.send(q); a.status != 404 {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}

	// Nothing is shown of what is redacted, or gone.
	r.call("POST", "/api/v1/event-type", `{"name":"user.created","description":"d"}`)
	r.must(200, "PUT", "/x/v1/event-type/user.created/redaction", `{"redact":["a"]}`)
	if a := r.call("POST", path, ""); a.status != 403 || strings.Contains(string(a.body), "curl") {
		t.Errorf("redacted: %d %s", a.status, a.body)
	}
	r.must(200, "POST", path+"?redacted=false", "")
	if a := r.send(request{method: "POST", path: path + "?redacted=false", token: r.portal(app, `{"capabilities":["ViewBase","CreateAttempts"]}`)}); a.status != 403 {
		t.Errorf("redacted, for a portal: %d %s", a.status, a.body)
	}
	r.must(204, "DELETE", "/api/v1/app/a/msg/"+m+"/content", "")
	if a := r.call("POST", path+"?redacted=false", ""); a.status != 400 || a.str("code") != "missing_payload" {
		t.Errorf("expunged: %d %s", a.status, a.body)
	}
}
