//go:build unix

// Package portable moves configuration between running servers: the command that copies
// from a Svix-compatible server, with a second instance of ours as that server, and the
// pages about it.
package portable

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// do makes a call that must succeed.
func do(t *testing.T, a *rig.API, method, path string, in any, out any) {
	t.Helper()
	status, body, err := a.Do(method, path, in)
	if err != nil || status/100 != 2 {
		t.Fatalf("%s %s: %d %s %v", method, path, status, body, err)
	}
	if out != nil {
		if err := json.Unmarshal(body, out); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, body)
		}
	}
}

// rows reads a list.
func rows(t *testing.T, a *rig.API, path string) []map[string]any {
	t.Helper()
	var page struct {
		Data []map[string]any
		Done bool
	}
	do(t, a, http.MethodGet, path, nil, &page)
	if !page.Done {
		t.Fatalf("%s has more than a page", path)
	}
	return page.Data
}

// command runs hookloft with the target in its environment.
func command(t *testing.T, bin string, to *rig.Server, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "HOOKLOFT_SERVER=" + to.URL, "HOOKLOFT_TOKEN=" + to.Token}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// fill gives the source everything that is copied, and what cannot be.
func fill(t *testing.T, a *rig.API, url string) {
	t.Helper()
	type m = map[string]any
	do(t, a, "POST", "/api/v1/event-type", m{"name": "invoice.paid", "description": "d", "groupName": "g", "featureFlags": []string{"f"}, "schemas": m{"1": m{"type": "object", "title": "<b>"}}}, nil)
	do(t, a, "POST", "/api/v1/event-type", m{"name": "old", "description": "o", "deprecated": true}, nil)
	do(t, a, "DELETE", "/api/v1/event-type/old", nil, nil)
	do(t, a, "POST", "/api/v1/app", m{"name": "Acme", "uid": "acme", "throttleRate": 50, "metadata": m{"k": "v"}}, nil)
	do(t, a, "POST", "/api/v1/app", m{"name": "without uid"}, nil)
	do(t, a, "POST", "/api/v1/app", m{"name": "full", "uid": "full", "metadata": m{"k": strings.Repeat("x", 4080)}}, nil)
	do(t, a, "POST", "/api/v1/app/acme/endpoint", m{"url": url + "/a", "uid": "billing", "description": "d", "eventTypes": []string{"invoice.paid"}, "channels": []string{"c"},
		"throttleRate": 5, "metadata": m{"e": "f"}, "headers": m{"X-Team": "blue", "Authorization": "Bearer secret-of-the-source"}}, nil)
	do(t, a, "POST", "/api/v1/app/acme/endpoint", m{"url": url + "/b", "disabled": true}, nil)
	do(t, a, "POST", "/api/v1/app/acme/endpoint", m{"url": url + "/c", "uid": "signs", "secret": "whsk_" + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(make([]byte, 32)))}, nil)
}

// TestMigrationCopiesEverything compares source and target object by object, twice.
func TestMigrationCopiesEverything(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	receiver := rig.Receive(t, rig.ReceiverOptions{})
	from, to := rig.Start(t, rig.Options{}), rig.Start(t, rig.Options{})
	source, target := from.API(), to.API()
	bin := rig.Build(t)
	fill(t, source, receiver.URL)
	const n = 230 // more than two pages of messages
	for i := range n {
		payload := fmt.Sprintf(`{"n": %d.0, "text":"<&>", "b":1,"a":2}`, i)
		do(t, source, "POST", "/api/v1/app/full/msg", json.RawMessage(fmt.Sprintf(`{"eventType":"invoice.paid","payload":%s,"eventId":"e-%d","tags":["t"],"channels":["c"]}`, payload, i)), nil)
	}
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(from.Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"migrate", "svix", "--from", from.URL, "--from-token", "@" + tokenFile, "--messages", "--since", "1h"}

	// A dry run writes nothing.
	stdout, stderr, code := command(t, bin, to, append(args, "--dry-run")...)
	if code != 6 || !strings.Contains(stdout, "+ application acme") || !strings.Contains(stderr, "230 messages to copy") {
		t.Errorf("dry run: exit %d\n%s\n%s", code, stdout, stderr)
	}
	if apps := rows(t, target, "/api/v1/app"); len(apps) != 0 {
		t.Fatalf("a dry run made %v", apps)
	}

	receivedBefore := received(receiver)
	stdout, stderr, code = command(t, bin, to, args...)
	for _, want := range []string{"header Authorization: the source withholds", "acme/signs: its signing key: it is asymmetric", "application full: its old id", "230 messages copied"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("the report lacks %q:\n%s", want, stderr)
		}
	}
	if code != 6 || strings.Contains(stdout+stderr, from.Token) || strings.Contains(stdout+stderr, "whsec_") || strings.Contains(stdout+stderr, "secret-of-the-source") {
		t.Errorf("exit %d, or a secret in the report:\n%s\n%s", code, stdout, stderr)
	}
	compare(t, source, target)

	// A second run changes nothing, also no time.
	before := everything(t, target)
	stdout, stderr, code = command(t, bin, to, args...)
	if stdout != "" || !strings.Contains(stderr, "0 things copied") || !strings.Contains(stderr, "0 messages copied") || code != 6 {
		t.Errorf("a second run: exit %d\n%s\n%s", code, stdout, stderr)
	}
	if after := everything(t, target); after != before {
		t.Errorf("a second run changed\n%s\nto\n%s", before, after)
	}

	// What changes there is changed here; what was set by hand here stays.
	do(t, target, "PATCH", "/api/v1/app/acme/endpoint/billing/headers", map[string]any{"headers": map[string]any{"Authorization": "Bearer by-hand"}}, nil)
	do(t, source, "PATCH", "/api/v1/app/acme/endpoint/billing", map[string]any{"description": "new", "channels": nil}, nil)
	do(t, source, "POST", "/api/v1/app/acme/endpoint/billing/secret/rotate", map[string]any{}, nil)
	do(t, source, "POST", "/api/v1/app/full/msg", json.RawMessage(`{"eventType":"x","payload":{"late":true}}`), nil)
	stdout, stderr, _ = command(t, bin, to, args...)
	if stdout != "~ endpoint acme/billing (channels, description)\n~ endpoint acme/billing (secret)\n" || !strings.Contains(stderr, "1 message copied") || strings.Contains(stderr, "Authorization") {
		t.Errorf("after changes:\n%s\n%s", stdout, stderr)
	}
	compare(t, source, target)
	if got := received(receiver); got != receivedBefore {
		t.Errorf("copying delivered %d requests", got-receivedBefore)
	}
}

func received(r *rig.Receiver) int { return len(r.Requests()) }

// plain is a thing without what is its own on each server.
func plain(v map[string]any) string {
	for _, name := range []string{"id", "createdAt", "updatedAt", "timestamp"} {
		delete(v, name)
	}
	if metadata, ok := v["metadata"].(map[string]any); ok {
		delete(metadata, "svix.id")
	}
	if tags, ok := v["tags"].([]any); ok {
		var own []any
		for _, tag := range tags {
			if !strings.HasPrefix(tag.(string), "svix/") {
				own = append(own, tag)
			}
		}
		v["tags"] = own
	}
	raw, _ := json.Marshal(v) // it was JSON before
	return string(raw)
}

func compare(t *testing.T, source, target *rig.API) {
	t.Helper()
	same := func(path string, of func(api *rig.API) string) {
		t.Helper()
		if got, want := of(target), of(source); got != want {
			t.Errorf("%s is\n%s\nwant\n%s", path, got, want)
		}
	}
	list := func(path string) {
		same(path, func(a *rig.API) string {
			var out []string
			for _, row := range rows(t, a, path) {
				out = append(out, plain(row))
			}
			return strings.Join(out, "\n")
		})
	}
	list("/api/v1/event-type?include_archived=true&with_content=true")
	list("/api/v1/app?limit=250")
	list("/api/v1/app/acme/endpoint")
	same("secret of billing", func(a *rig.API) string {
		var out struct{ Key string }
		do(t, a, "GET", "/api/v1/app/acme/endpoint/billing/secret", nil, &out)
		return out.Key
	})
	same("headers of billing", func(a *rig.API) string {
		var out struct{ Headers map[string]string }
		do(t, a, "GET", "/api/v1/app/acme/endpoint/billing/headers", nil, &out)
		return fmt.Sprint(out.Headers)
	})
	same("messages", func(a *rig.API) string {
		list, err := a.Messages("full")
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, m := range list {
			out = append(out, m.EventType+" "+string(m.Payload))
		}
		return strings.Join(out, "\n")
	})
	// The old id finds the application and the message.
	old := rows(t, source, "/api/v1/app")[0]["id"]
	if got := rows(t, target, "/api/v1/app")[0]["metadata"].(map[string]any)["svix.id"]; got != old {
		t.Errorf("svix.id is %v, want %v", got, old)
	}
	msg, err := source.Messages("full")
	if err != nil {
		t.Fatal(err)
	}
	if found := rows(t, target, "/api/v1/app/full/msg?tag=svix/"+msg[0].ID); len(found) != 1 {
		t.Errorf("the tag of %s finds %d messages", msg[0].ID, len(found))
	}
}

// everything is what a server shows of what is copied, times included.
func everything(t *testing.T, a *rig.API) string {
	t.Helper()
	var out strings.Builder
	for _, path := range []string{"/api/v1/event-type?include_archived=true&with_content=true", "/api/v1/app?limit=250", "/api/v1/app/acme/endpoint", "/api/v1/app/full/msg?limit=250"} {
		status, body, err := a.Do(http.MethodGet, path, nil)
		if err != nil || status != 200 {
			t.Fatalf("%s: %d %v", path, status, err)
		}
		out.Write(body)
	}
	return out.String()
}

// TestMigrationRefusesNonsense: misuse and a source that does not answer leave the target alone.
func TestMigrationRefusesNonsense(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	to := rig.Start(t, rig.Options{})
	bin := rig.Build(t)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--from-token", "x"}, 2, "--from is missing"},
		{[]string{"--from", "http://127.0.0.1:9"}, 2, "--from-token is missing"},
		{[]string{"--from", "nonsense", "--from-token", "x"}, 2, "--from"},
		{[]string{"--from", "http://u:p@127.0.0.1:9", "--from-token", "x"}, 2, "no user"},
		{[]string{"--from", to.URL, "--from-token", to.Token}, 2, "server and environment to copy to"},
		{[]string{"--from", to.URL, "--from-token", "wrong"}, 4, ""},
		{[]string{"--from", to.URL, "--from-token", "x", "--messages", "--since", "soon"}, 2, "--since"},
		{[]string{"--from", "http://127.0.0.1:9", "--from-token", "x"}, 1, "127.0.0.1:9"},
	} {
		stdout, stderr, code := command(t, bin, to, append([]string{"migrate", "svix"}, c.args...)...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.says) || strings.Contains(stderr, to.Token) {
			t.Errorf("%v: exit %d, want %d\n%s%s", c.args, code, c.code, stdout, stderr)
		}
	}
}

// TestPagesWork runs the commands of the two pages as they stand there.
func TestPagesWork(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed, so the commands of the pages cannot run", tool)
		}
	}
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	root, err := rig.Root()
	if err != nil {
		t.Fatal(err)
	}
	from := rig.Start(t, rig.Options{})
	receiver := rig.Receive(t, rig.ReceiverOptions{})
	fill(t, from.API(), receiver.URL)
	do(t, from.API(), "POST", "/api/v1/app/acme/msg", json.RawMessage(`{"eventType":"x","payload":{"n":1}}`), nil)
	for page, wants := range map[string][]string{
		"event-types.md":         {"invoice.paid", `"order.shipped"`, `"definitions"`},
		"migrating-from-svix.md": {"acme", "invoice.paid"},
	} {
		t.Run(page, func(t *testing.T) {
			to := rig.Start(t, rig.Options{}) // each page begins with an empty server
			text, err := os.ReadFile(filepath.Join(root, "docs", page))
			if err != nil {
				t.Fatal(err)
			}
			var script strings.Builder
			for _, part := range strings.Split(string(text), "```bash\n")[1:] {
				block, _, _ := strings.Cut(part, "```")
				script.WriteString(block)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail")
			cmd.Dir = t.TempDir()
			cmd.Stdin = strings.NewReader(script.String())
			cmd.Env = []string{
				"HOME=" + t.TempDir(), "PATH=" + filepath.Dir(rig.Build(t)) + ":" + os.Getenv("PATH"),
				"HOOKLOFT_SERVER=" + to.URL, "HOOKLOFT_TOKEN=" + to.Token, "SVIX_SERVER=" + from.URL, "SVIX_TOKEN=" + from.Token,
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
			cmd.WaitDelay = 5 * time.Second
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, want := range wants {
				if !strings.Contains(string(out), want) {
					t.Errorf("the page does not print %q:\n%s", want, out)
				}
			}
		})
	}
}

// TestWipeRemovesPayloadsOfWhatWasDelivered: the payload goes with the last success, in
// the same commit, and stays where one delivery failed.
func TestWipeRemovesPayloadsOfWhatWasDelivered(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	var mu sync.Mutex
	broken := true
	receiver := rig.Receive(t, rig.ReceiverOptions{NoLog: true, Status: func(path string, _ int) int {
		mu.Lock()
		defer mu.Unlock()
		if broken && path == "/second" {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	}})
	s := rig.Start(t, rig.Options{})
	a := s.API()
	do(t, a, "PATCH", "/api/v1/management/environment-settings", map[string]any{"wipeSuccessfulPayload": true, "retryPolicy": []int{}}, nil)
	one, two := a.MustCreateApp(t, "one"), a.MustCreateApp(t, "two")
	a.MustCreateEndpoint(t, one, rig.EndpointIn{URL: receiver.URL + "/first"})
	a.MustCreateEndpoint(t, two, rig.EndpointIn{URL: receiver.URL + "/first"})
	second := a.MustCreateEndpoint(t, two, rig.EndpointIn{URL: receiver.URL + "/second"})
	publish := func(app string) string {
		status, id, err := a.Publish(app, rig.MessageIn{EventType: "x", Payload: json.RawMessage(`{"private":"value"}`)})
		if err != nil || status != http.StatusAccepted {
			t.Fatalf("%d %v", status, err)
		}
		return id
	}
	payload := func(app, id string) string {
		var m struct{ Payload json.RawMessage }
		do(t, a, "GET", "/api/v1/app/"+app+"/msg/"+id, nil, &m)
		return string(m.Payload)
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(60 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not within 60 s: %s", what)
			}
		}
	}
	const wiped = `{"expired": true}`
	m1, m2 := publish(one), publish(two)
	until("the payload of what was delivered goes", func() bool { return payload(one, m1) == wiped })
	state := func(endpoint string) int {
		list, err := a.Destinations(two, m2)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			if d.ID == endpoint {
				return d.Status
			}
		}
		return -1
	}
	until("the second endpoint failed for good", func() bool { return state(second) == 2 })
	if got := payload(two, m2); got == wiped {
		t.Error("a payload is gone although a delivery failed")
	}
	// The failed one succeeds by hand: now all have.
	mu.Lock()
	broken = false
	mu.Unlock()
	do(t, a, "POST", "/api/v1/app/"+two+"/msg/"+m2+"/endpoint/"+second+"/resend", nil, nil)
	until("the payload goes with the last success", func() bool { return payload(two, m2) == wiped })
	status, body, err := a.Do("POST", "/api/v1/app/"+two+"/msg/"+m2+"/endpoint/"+second+"/resend", nil)
	if err != nil || status != http.StatusBadRequest || !strings.Contains(string(body), "missing_payload") {
		t.Errorf("a resend without a payload: %d %s %v", status, body, err)
	}
	s.Kill()
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if payload(one, m1) != wiped || payload(two, m2) != wiped {
		t.Error("a wiped payload is back after a restart")
	}
}
