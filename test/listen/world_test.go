//go:build unix

// Package listen runs `hookloft listen` as people do: the real client and the real server,
// stopped and killed at bad moments, with local servers that fail.
package listen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// world is a server with one application.
type world struct {
	t      *testing.T
	bin    string
	server *rig.Server
	api    *rig.API
	app    string
	next   int // number of the next message
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	w.begin()
	w.app = w.api.MustCreateApp(t, "acme")
	return w
}

// begin starts the server.
func (w *world) begin() {
	w.t.Helper()
	w.bin = rig.Build(w.t)
	w.server = rig.Start(w.t, rig.Options{Bin: w.bin})
	w.api = w.server.API()
}

// publish sends n messages and returns their ids in order.
func (w *world) publish(n int) (ids []string) {
	w.t.Helper()
	for range n {
		body := fmt.Sprintf(`{"seq":%d}`, w.next)
		w.next++
		status, id, err := w.api.Publish(w.app, rig.MessageIn{EventType: "invoice.paid", Payload: json.RawMessage(body)})
		if err != nil || status != http.StatusAccepted {
			w.t.Fatalf("publish: %d %v", status, err)
		}
		ids = append(ids, id)
	}
	return ids
}

// secret is what verifies the listener's messages.
func (w *world) secret(name string) string {
	w.t.Helper()
	cmd := w.command("listen", "--app", "acme", "--name", name, "--print-secret")
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("print secret: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) command(args ...string) *exec.Cmd {
	cmd := exec.Command(w.bin, args...)
	home := w.t.TempDir()
	cmd.Env = append(os.Environ(), "HOOKLOFT_SERVER="+w.server.URL, "HOOKLOFT_TOKEN="+w.server.Token, "HOME="+home, "XDG_CONFIG_HOME="+home)
	return cmd
}

// text collects what a process prints.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// client is one running `hookloft listen`.
type client struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err text
	exited   chan struct{}
}

// listen starts a client under the name laptop and waits until it says that it listens.
func (w *world) listen(to *local, args ...string) *client {
	w.t.Helper()
	args = append([]string{"listen", to.port, "--app", "acme", "--name", "laptop"}, args...)
	return w.start(args...)
}

func (w *world) start(args ...string) *client {
	w.t.Helper()
	c := &client{t: w.t, cmd: w.command(args...), exited: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.err
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		_ = c.cmd.Wait() // the state says how it ended
		close(c.exited)
	}()
	w.t.Cleanup(func() {
		c.kill()
		if w.t.Failed() {
			w.t.Logf("%v\nout: %.2000s\nerr: %.2000s", args, &c.out, &c.err)
		}
	})
	await(w.t, "the client to listen", func() bool { return strings.Contains(c.err.String(), "forwarding to") || c.hasExited() })
	return c
}

func (c *client) hasExited() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

func (c *client) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.exited
}

// awaitDelivered waits until the client has said of n messages that they were taken: what is
// interrupted before is sent again.
func (c *client) awaitDelivered(n int) {
	c.t.Helper()
	await(c.t, fmt.Sprintf("%d lines of delivered messages", n), func() bool { return strings.Count(c.out.String(), "200 OK") >= n })
}

// stop is Ctrl-C; it returns the exit code.
func (c *client) stop() int {
	c.t.Helper()
	_ = c.cmd.Process.Signal(syscall.SIGINT)
	return c.wait()
}

func (c *client) wait() int {
	c.t.Helper()
	select {
	case <-c.exited:
	case <-time.After(60 * time.Second):
		c.t.Fatalf("the client does not end; it says %s", &c.err)
	}
	return c.cmd.ProcessState.ExitCode()
}

// local is a server on this machine that gets the webhooks.
type local struct {
	t    *testing.T
	port string
	srv  *http.Server

	mu sync.Mutex
	// status answers the nth request, from 1; nil is 200.
	status func(n int) int
	slow   time.Duration
	got    []taken
}

// taken is one request of a webhook.
type taken struct {
	id, method, uri string
	header          http.Header
	body            []byte
	fault           string
}

// serveLocal starts one on a port, "0" for any. It checks every signature with secret, "" for none.
func serveLocal(t *testing.T, port, secret string, status func(n int) int) *local {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	l := &local{t: t, port: strconv.Itoa(ln.Addr().(*net.TCPAddr).Port), status: status}
	var verifier *webhook.Standard
	if secret != "" {
		key, err := webhook.ParseSecret(secret)
		if err != nil {
			t.Fatal(err)
		}
		if verifier, err = webhook.NewStandard([]webhook.Key{key}, webhook.StandardOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	l.srv = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		x := taken{id: r.Header.Get("Webhook-Id"), method: r.Method, uri: r.RequestURI, header: r.Header, body: body}
		if err != nil {
			x.fault = err.Error()
		} else if verifier != nil {
			if _, err := verifier.Verify(webhook.Request{Header: r.Header, Body: body}, time.Now()); err != nil {
				x.fault = err.Error()
			}
		}
		l.mu.Lock()
		l.got = append(l.got, x)
		n, status, slow := len(l.got), l.status, l.slow
		l.mu.Unlock()
		if slow > 0 {
			time.Sleep(slow)
		}
		if status != nil {
			w.WriteHeader(status(n))
		}
	})}
	go func() { _ = l.srv.Serve(ln) }() // ends with Close
	t.Cleanup(l.close)
	return l
}

func (l *local) close() { _ = l.srv.Close() }

func (l *local) taken() []taken {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]taken(nil), l.got...)
}

func (l *local) ids() (ids []string) {
	for _, x := range l.taken() {
		if x.fault != "" {
			l.t.Errorf("%s: %s", x.id, x.fault)
		}
		ids = append(ids, x.id)
	}
	return ids
}

// await polls until it is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !so() {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// awaitCount waits until the local server got n requests.
func (l *local) awaitCount(n int) {
	l.t.Helper()
	await(l.t, fmt.Sprintf("%d requests, there are %d", n, len(l.taken())), func() bool { return len(l.taken()) >= n })
}

// once returns the ids without repeats, in the order of their first.
func once(ids []string) (out []string) {
	seen := map[string]bool{}
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}
