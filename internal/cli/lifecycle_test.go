//go:build unix

package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process is one running hookloft.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	out  *syncBuffer // standard output
	log  *syncBuffer // standard error
	done chan struct{}
}

// hookloft returns a command that runs the program.
func hookloft(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asMain+"=1")
	return cmd
}

// run runs the program to its end and returns its standard output.
func run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := hookloft(ctx, args...).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("hookloft %s: %v: %s", strings.Join(args, " "), err, exit.Stderr)
		}
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// start runs a command on a free port and waits until it says that it is ready.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, out: &syncBuffer{}, log: &syncBuffer{}, done: make(chan struct{})}
	p.cmd = hookloft(context.Background(), append(args, "--listen", "127.0.0.1:0")...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("standard output:\n%s\nstandard error:\n%s", p.out, p.log)
		}
	})
	p.eventually("ready", func() bool {
		m := readyLine.FindStringSubmatch(p.out.String())
		if m != nil {
			p.url = m[1]
		}
		return m != nil
	})
	return p
}

// eventually waits up to a minute until what holds.
func (p *process) eventually(what string, holds func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		select {
		case <-p.done:
			p.t.Fatalf("the process ended before: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("never: %s", what)
		}
	}
}

// drained is how long a stop takes on a busy machine that waits for nothing: less than the drain
// of 8 s, or an attempt's time-out.
const drained = 7 * time.Second

// terminate asks the process to stop, and returns its exit code and how long it took.
func (p *process) terminate() (code int, took time.Duration) {
	p.t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		p.t.Fatal("still running a minute after SIGTERM")
	}
	return p.cmd.ProcessState.ExitCode(), time.Since(began)
}

// call makes one API call and returns status and body.
func (p *process) call(method, path, token string, in any) (int, map[string]any) {
	p.t.Helper()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			p.t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var out map[string]any
	_ = json.Unmarshal(text, &out) // not every answer is JSON
	return answer.StatusCode, out
}

// must is call for set-up: anything but success fails the test.
func (p *process) must(method, path, token string, in any) map[string]any {
	p.t.Helper()
	status, out := p.call(method, path, token, in)
	if status/100 != 2 {
		p.t.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

// shop makes an application with an endpoint at target and returns the path to publish to.
func (p *process) shop(token, target string) string {
	p.t.Helper()
	p.must("POST", "/api/v1/app", token, map[string]string{"name": "Shop", "uid": "shop"})
	p.must("POST", "/api/v1/app/shop/endpoint", token, map[string]string{"url": target})
	return "/api/v1/app/shop/msg"
}

// dataOf is the data directory that a process was started with.
func dataOf(p *process) string {
	for i, arg := range p.cmd.Args {
		if arg == "--data" {
			return p.cmd.Args[i+1]
		}
	}
	p.t.Fatal("the process has no --data")
	return ""
}

type event struct {
	EventType string         `json:"eventType"`
	Payload   map[string]int `json:"payload"`
}

var loopback = []string{"--allow-http", "--egress-allow", "127.0.0.0/8"}

func TestServeLives(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, "serve", "--data", data, "--log-format", "json")
	if got := strings.Count(p.out.String(), "\n"); got != 1 {
		t.Errorf("standard output has %d lines, want the ready line alone", got)
	}
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/startupz": 200, "/metrics": 200, "/api/v1/health": 204, "/api/v1/app": 401,
		// No redirect to a cleaner path: the API's clients follow none.
		"/api/v1/../livez": 404, "//livez": 404} {
		if got, _ := p.call("GET", path, "", nil); got != want {
			t.Errorf("GET %s: %d, want %d", path, got, want)
		}
	}
	run(t, "healthcheck", p.url)

	// Commands work on the store that the server holds.
	token := run(t, "token", "create", "--data", data, "--environment", "other")
	if got, _ := p.call("GET", "/api/v1/app", token, nil); got != 200 {
		t.Errorf("with a token made meanwhile: %d", got)
	}
	if list := run(t, "environment", "list", "--data", data); !strings.Contains(list, "other") {
		t.Errorf("environments: %s", list)
	}
	run(t, "environment", "delete", "other", "--data", data, "--yes")
	if got, _ := p.call("GET", "/api/v1/app", token, nil); got != 401 {
		t.Errorf("with a token of a deleted environment: %d", got)
	}

	// Whatever the rights of the directory, files are for their owner alone.
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	// A second server is refused, and the first does not mind.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	second, err := hookloft(ctx, "serve", "--data", data, "--listen", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(second), "another hookloft process") {
		t.Errorf("a second server on the same data: %v: %s", err, second)
	}

	code, took := p.terminate()
	if code != 0 || took > drained {
		t.Errorf("SIGTERM: exit code %d after %v", code, took)
	}
	if _, err := os.Stat(filepath.Join(data, "admin.sock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the admin socket was left behind: %v", err)
	}
	for line := range strings.Lines(p.log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("log line is not JSON: %s", line)
		}
	}
}

// TestDrainLetsAttemptsEnd: an attempt that is under way at SIGTERM ends, is recorded,
// and is not repeated after the next start.
func TestDrainLetsAttemptsEnd(t *testing.T) {
	var requests atomic.Int32
	begun, proceed := make(chan struct{}, 8), make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		requests.Add(1)
		begun <- struct{}{}
		<-proceed
	}))
	defer receiver.Close()
	data := filepath.Join(t.TempDir(), "data")
	token := run(t, "token", "create", "--data", data)
	p := start(t, append([]string{"serve", "--data", data}, loopback...)...)
	p.must("POST", p.shop(token, receiver.URL), token, event{"a.b", map[string]int{"n": 1}})
	<-begun
	// The answer comes while the server drains. (A second signal would kill it.)
	time.AfterFunc(300*time.Millisecond, func() { close(proceed) })
	if code, took := p.terminate(); code != 0 || took > drained {
		t.Errorf("exit code %d after %v", code, took)
	}

	p = start(t, append([]string{"serve", "--data", data}, loopback...)...)
	list := p.must("GET", "/api/v1/app/shop/msg", token, nil)
	id := list["data"].([]any)[0].(map[string]any)["id"].(string)
	attempts := p.must("GET", "/api/v1/app/shop/attempt/msg/"+id, token, nil)
	if n := len(attempts["data"].([]any)); n != 1 || requests.Load() != 1 {
		t.Errorf("%d attempts recorded, %d requests received; want 1 and 1", n, requests.Load())
	}
}

// TestDrainIsBounded: receivers that never answer cannot keep the process.
func TestDrainIsBounded(t *testing.T) {
	begun, proceed := make(chan struct{}, 8), make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-proceed
	}))
	defer receiver.Close()
	defer close(proceed)
	data := filepath.Join(t.TempDir(), "data")
	token := run(t, "token", "create", "--data", data)
	p := start(t, append([]string{"serve", "--data", data, "--drain", "1s"}, loopback...)...)
	p.must("POST", p.shop(token, receiver.URL), token, event{"a.b", map[string]int{"n": 1}})
	<-begun
	if code, took := p.terminate(); code != 0 || took > drained {
		t.Errorf("exit code %d after %v", code, took)
	}
	// What was cut is tried again.
	start(t, append([]string{"serve", "--data", data}, loopback...)...)
	<-begun
}

// TestRestoredStoreIsHeld: a backup of a running server, restored elsewhere, sends
// nothing until it is released.
func TestRestoredStoreIsHeld(t *testing.T) {
	received := make(chan string, 8)
	var up atomic.Bool
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		received <- r.Header.Get("Webhook-Id")
	}))
	defer receiver.Close()
	dir := t.TempDir()
	data, copied, file := filepath.Join(dir, "data"), filepath.Join(dir, "copied"), filepath.Join(dir, "b.tar")
	token := run(t, "token", "create", "--data", data)
	p := start(t, append([]string{"serve", "--data", data}, loopback...)...)
	publish := p.shop(token, receiver.URL)
	id := p.must("POST", publish, token, event{"a.b", map[string]int{"n": 1}})["id"].(string)
	run(t, "backup", "--data", data, "--with-key", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("backup file: %v, %v", info.Mode(), err)
	}
	p.terminate()

	up.Store(true)
	run(t, "restore", "--data", copied, file)
	p = start(t, append([]string{"serve", "--data", copied}, loopback...)...)
	if !strings.Contains(p.log.String(), "hookloft release") {
		t.Error("the log does not say how to release")
	}
	second := p.must("POST", publish, token, event{"a.b", map[string]int{"n": 2}})["id"].(string)
	select {
	case got := <-received:
		t.Fatalf("sent %s while held", got)
	case <-time.After(300 * time.Millisecond):
	}
	run(t, "release", "--data", copied)
	want := map[string]bool{id: true, second: true}
	for len(want) > 0 {
		select {
		case got := <-received:
			if !want[got] {
				t.Errorf("sent %q, which nobody waits for", got)
			}
			delete(want, got)
		case <-time.After(time.Minute):
			t.Fatalf("not sent after the release: %v", want)
		}
	}
}

// TestDevShowsTheFirstMessage pastes the line that dev prints.
func TestDevShowsTheFirstMessage(t *testing.T) {
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	p := start(t, "dev")
	line := regexp.MustCompile(`(?m)^curl .*$`)
	p.eventually("a curl line", func() bool { return line.MatchString(p.out.String()) })
	out, err := exec.Command("sh", "-c", line.FindString(p.out.String())).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte(`"id":"msg_`)) {
		t.Fatalf("curl: %v: %s", err, out)
	}
	p.eventually("the delivery in the terminal", func() bool {
		text := p.out.String()
		return strings.Contains(text, "signature verified") && strings.Contains(text, `"amount": 4200`)
	})
	// Nobody else gets through to the terminal.
	answer, err := http.Post(p.url+"/inbox/demo", "application/json", strings.NewReader(`{"forged":true}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized || strings.Contains(p.out.String(), "forged") {
		t.Errorf("a forged delivery: %s", answer.Status)
	}
	data := regexp.MustCompile(`(?m)^  data    (\S+)`).FindStringSubmatch(p.out.String())
	if code, _ := p.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(data[1]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary directory is still there: %v", err)
	}
}

// TestDevKeepsItsTokenWithItsData: with --data, scripts go on working after a restart.
func TestDevKeepsItsTokenWithItsData(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	tokenLine := regexp.MustCompile(`(?m)^  token   (\S+)$`)
	var tokens []string
	for range 2 {
		p := start(t, "dev", "--data", data)
		p.eventually("a token", func() bool { return tokenLine.MatchString(p.out.String()) })
		token := tokenLine.FindStringSubmatch(p.out.String())[1]
		tokens = append(tokens, token)
		p.must("POST", "/api/v1/app/demo/msg", token, event{"a.b", map[string]int{"n": 1}})
		// The inbox moved to another port with the server.
		p.eventually("a delivery", func() bool { return strings.Contains(p.out.String(), "signature verified") })
		p.terminate()
	}
	if tokens[0] != tokens[1] {
		t.Error("the token changed")
	}
}

// TestCertificateReload renews a certificate under a running server.
func TestCertificateReload(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePair(t, certFile, keyFile, 1)
	p := start(t, "serve", "--data", filepath.Join(dir, "data"), "--tls-cert", certFile, "--tls-key", keyFile)
	if !strings.HasPrefix(p.url, "https://") {
		t.Fatalf("ready on %s", p.url)
	}
	serial := func() int64 {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(p.url, "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		state := conn.ConnectionState()
		if state.NegotiatedProtocol != "h2" {
			t.Errorf("protocol %q, want HTTP/2", state.NegotiatedProtocol)
		}
		return state.PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Fatalf("serial %d", got)
	}
	writePair(t, certFile, keyFile, 2)
	p.eventually("the new certificate", func() bool { return serial() == 2 })
}

// TestLogHoldsNoSecret looks for what must not be there after ordinary traffic.
func TestLogHoldsNoSecret(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	data := filepath.Join(t.TempDir(), "data")
	token := run(t, "token", "create", "--data", data)
	p := start(t, append([]string{"serve", "--data", data, "--log-level", "debug"}, loopback...)...)
	publish := p.shop(token, receiver.URL)
	list := p.must("GET", "/api/v1/app/shop/endpoint", token, nil)
	endpoint := list["data"].([]any)[0].(map[string]any)["id"].(string)
	secret := p.must("GET", "/api/v1/app/shop/endpoint/"+endpoint+"/secret", token, nil)["key"].(string)
	p.must("POST", publish, token, map[string]any{"eventType": "a.b", "payload": map[string]string{"card": "4111-payload-text"}})
	p.eventually("an attempt in the log", func() bool { return strings.Contains(p.log.String(), "attempt") })
	p.terminate()
	scanner := bufio.NewScanner(strings.NewReader(p.log.String()))
	for scanner.Scan() {
		for what, text := range map[string]string{"token": token, "secret": secret, "payload": "4111-payload-text", "signature": "v1,"} {
			if strings.Contains(scanner.Text(), text) {
				t.Errorf("the log holds the %s: %s", what, scanner.Text())
			}
		}
	}
}

// writePair makes a self-signed certificate for 127.0.0.1 with this serial number.
func writePair(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
