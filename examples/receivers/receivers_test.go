package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

// patience bounds every wait for a receiver, which may start on a busy machine.
const patience = 90 * time.Second

func TestReceivers(t *testing.T) {
	cases := []struct {
		name    string
		command func(t *testing.T) []string
	}{
		{"go", func(t *testing.T) []string {
			program := filepath.Join(t.TempDir(), "receiver")
			if out, err := exec.Command(lookPath(t, "go"), "build", "-o", program, ".").CombinedOutput(); err != nil {
				t.Fatalf("go build: %v\n%s", err, out)
			}
			return []string{program}
		}},
		{"node", func(t *testing.T) []string { return []string{lookPath(t, "node"), "receiver.mjs"} }},
		{"python", func(t *testing.T) []string { return []string{lookPath(t, "python3"), "receiver.py"} }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			command := c.command(t)
			t.Run("receives", func(t *testing.T) { testReceives(t, command) })
			t.Run("starts only with a secret", func(t *testing.T) { testSecretNeeded(t, command) })
		})
	}
}

func testReceives(t *testing.T, command []string) {
	current, old, stranger := webhook.GenerateSymmetric(), webhook.GenerateSymmetric(), webhook.GenerateSymmetric()
	genuine := newSigner(t, current)
	p := start(t, command, current.Reveal())
	now := time.Now()

	// A message may hold anything; the second line of this one looks like an event.
	body := "{\"name\":\"Zoë 🪝\",\n \"n\": 1.0}"
	p.post("genuine", 204, headers(genuine, "msg_1", now, body), body)
	p.post("duplicate", 204, headers(genuine, "msg_1", now, body), body)
	p.post("retry, signed anew", 204, headers(genuine, "msg_1", now.Add(2*time.Second), body), body)

	p.post("signed by a stranger", 401, headers(newSigner(t, stranger), "msg_2", now, `{}`), `{}`)
	p.post("changed body", 401, headers(genuine, "msg_2", now, `{"n":1}`), `{"n":2}`)
	p.post("other id", 401, rename(headers(genuine, "msg_2", now, `{}`), webhook.HeaderID, "msg_3"), `{}`)
	p.post("stale", 401, headers(genuine, "msg_2", now.Add(-6*time.Minute), `{}`), `{}`)
	p.post("future", 401, headers(genuine, "msg_2", now.Add(6*time.Minute), `{}`), `{}`)
	p.post("unknown version", 401, rename(headers(genuine, "msg_2", now, `{}`), webhook.HeaderSignature, "v2,AAAA é"), `{}`)
	for _, name := range []string{webhook.HeaderID, webhook.HeaderTimestamp, webhook.HeaderSignature} {
		without := headers(genuine, "msg_2", now, `{}`)
		without.Del(name)
		p.postRefused("without "+name, without, `{}`)
		twice := headers(genuine, "msg_2", now, `{}`)
		twice.Add(name, twice.Get(name))
		p.postRefused("twice "+name, twice, `{}`)
	}
	p.postRefused("id with a full stop", headers(genuine, "msg_2.1", now, `{}`), `{}`)
	large := strings.Repeat("x", 3<<20)
	p.post("too large", 413, headers(genuine, "msg_2", now, large), large)

	p.post("not used up by the refused ones", 204, headers(genuine, "msg_2", now, `{"second":true}`), `{"second":true}`)
	rotated := headers(newSigner(t, stranger, current), "msg_4", now, `{"rotated":true}`)
	if n := len(strings.Fields(rotated.Get(webhook.HeaderSignature))); n != 2 {
		t.Fatalf("the rotation header has %d signatures", n)
	}
	p.post("two signatures", 204, rotated, `{"rotated":true}`)
	svix := http.Header{}
	for from, to := range map[string]string{webhook.HeaderID: webhook.SvixHeaderID, webhook.HeaderTimestamp: webhook.SvixHeaderTimestamp, webhook.HeaderSignature: webhook.SvixHeaderSignature} {
		svix.Set(to, headers(genuine, "msg_5", now, ``).Get(from))
	}
	p.post("svix headers, empty body", 204, svix, ``)
	p.wantEvents("event msg_1: "+body, `event msg_2: {"second":true}`, `event msg_4: {"rotated":true}`, `event msg_5: `)

	p = start(t, command, old.Reveal()+" "+current.Reveal()+"\n")
	p.post("receiver with two secrets", 204, headers(genuine, "msg_6", now, `{}`), `{}`)
	p.wantEvents("event msg_6: {}")
}

func testSecretNeeded(t *testing.T, command []string) {
	for _, secret := range []string{"", "whsec_", "whsec_AAAA", "whsec_not/base64!"} {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], "--port", "0")...)
		cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret)
		out, err := cmd.CombinedOutput()
		if ctx.Err() != nil || err == nil || !strings.Contains(string(out), "WEBHOOK_SECRET") {
			t.Errorf("secret %q: %v, %s", secret, err, out)
		}
		cancel()
	}
}

// A program is a receiver that was started and has said where it listens.
type program struct {
	t      *testing.T
	url    string
	client *http.Client
	stop   func() (rest string) // ends it; what it printed after the address
}

func start(t *testing.T, command []string, secret string) *program {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], "--port", "0")...)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret)
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	output := bufio.NewReader(stdout)
	stopped := false
	stop := func() string {
		if stopped {
			return ""
		}
		stopped = true
		// Each receiver writes an event out before it answers, so nothing is cut off.
		cmd.Process.Kill()
		rest, err := io.ReadAll(output)
		if err != nil {
			t.Errorf("read the output: %v", err)
		}
		cmd.Wait() // says "signal: killed"
		return string(rest)
	}
	t.Cleanup(func() { stop() })
	line, err := output.ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok || strings.HasSuffix(url, ":0") {
		t.Fatalf("first line %q, %v", line, err)
	}
	return &program{t, url, &http.Client{Timeout: patience}, stop}
}

func (p *program) post(name string, wantStatus int, h http.Header, body string) {
	p.t.Helper()
	if status := p.status(name, h, body); status != wantStatus {
		p.t.Errorf("%s: status %d, want %d", name, status, wantStatus)
	}
}

// postRefused is for requests that no webhook sender makes: 400 is as good as 401.
func (p *program) postRefused(name string, h http.Header, body string) {
	p.t.Helper()
	if status := p.status(name, h, body); status != 400 && status != 401 {
		p.t.Errorf("%s: status %d, want 400 or 401", name, status)
	}
}

func (p *program) status(name string, h http.Header, body string) int {
	p.t.Helper()
	r, err := http.NewRequest("POST", p.url+"/webhooks", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header = h
	r.Close = true // a refused body may be left unread; the next request gets a connection of its own
	response, err := p.client.Do(r)
	if err != nil {
		p.t.Errorf("%s: %v", name, err)
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

func (p *program) wantEvents(events ...string) {
	p.t.Helper()
	if got, want := p.stop(), strings.Join(events, "\n")+"\n"; got != want {
		p.t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

func newSigner(t *testing.T, secrets ...webhook.Secret) *webhook.Signer {
	t.Helper()
	s, err := webhook.NewSigner(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func headers(s *webhook.Signer, id string, at time.Time, body string) http.Header {
	h := http.Header{}
	s.SetHeaders(h, id, at, []byte(body))
	return h
}

func rename(h http.Header, name, value string) http.Header {
	h.Set(name, value)
	return h
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not in PATH, so its receiver is not tested: %v", name, err)
	}
	return path
}
