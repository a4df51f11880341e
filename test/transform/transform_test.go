//go:build unix

// Package transform runs the real binary with transformations on its endpoints: what arrives,
// what is recorded, and what becomes of the server when scripts are hostile.
package transform

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
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

// arrived is a request with its body.
type arrived struct {
	*http.Request
	body string
}

// receiver answers 204 and hands out what it gets.
func receiver(t *testing.T) (url string, got chan arrived) {
	t.Helper()
	got = make(chan arrived, 4096)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- arrived{r, string(body)}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func next(t *testing.T, got chan arrived) arrived {
	t.Helper()
	select {
	case a := <-got:
		return a
	case <-time.After(60 * time.Second):
		t.Fatal("nothing arrives")
		return arrived{}
	}
}

// must makes a call that has to succeed and decodes the answer.
func must(t *testing.T, api *rig.API, method, path string, in any) map[string]any {
	t.Helper()
	status, text, err := api.Do(method, path, in)
	if err != nil || status/100 != 2 {
		t.Fatalf("%s %s: %d %s %v", method, path, status, text, err)
	}
	out := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

type object = map[string]any

// scripted makes an application with one endpoint that has a script.
func scripted(t *testing.T, api *rig.API, uid, url, code string) (endpoint string) {
	t.Helper()
	api.MustCreateApp(t, uid)
	endpoint = api.MustCreateEndpoint(t, uid, rig.EndpointIn{URL: url, Secret: rig.Secret("transform")})
	must(t, api, "PATCH", "/api/v1/app/"+uid+"/endpoint/"+endpoint+"/transformation", object{"code": code, "enabled": true, "variables": object{"who": "Bob"}})
	return endpoint
}

func publish(t *testing.T, api *rig.API, app, payload string) string {
	t.Helper()
	status, id, err := api.Publish(app, rig.MessageIn{EventType: "invoice.paid", Payload: json.RawMessage(payload)})
	if err != nil || status != http.StatusAccepted {
		t.Fatalf("publish: %d %v", status, err)
	}
	return id
}

// attemptOf waits until a message has an ended attempt and returns the newest.
func attemptOf(t *testing.T, api *rig.API, app, message string) object {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		list := must(t, api, "GET", "/api/v1/app/"+app+"/attempt/msg/"+message+"?expanded_statuses=true", nil)
		if data := list["data"].([]any); len(data) > 0 {
			return data[0].(object)
		}
	}
	t.Fatalf("message %s is not tried", message)
	return nil
}

func TestScriptMakesWhatArrives(t *testing.T) {
	url, got := receiver(t)
	s := rig.Start(t, rig.Options{})
	api := s.API()
	ep := scripted(t, api, "a", url+"/in", `function handler(webhook) {
		console.log("from", webhook.env.who);
		if (webhook.payload.skip) return {cancel: true};
		if (webhook.payload.fail) return webhook.payload.fail.now.please;
		webhook.payload = {text: "paid " + webhook.payload.amount, at: new Date().getFullYear()};
		webhook.url += "?n=1";
		webhook.headers = {"X-Who": webhook.env.who};
		return webhook;
	}`)
	id := publish(t, api, "a", `{"amount":5}`)
	a := next(t, got)
	if !strings.HasPrefix(a.body, `{"text":"paid 5","at":20`) || a.URL.RawQuery != "n=1" || a.Header.Get("X-Who") != "Bob" || a.Header.Get("Webhook-Id") != id {
		t.Errorf("%s %v: %s", a.URL, a.Header, a.body)
	}
	key, err := webhook.ParseSecret(rig.Secret("transform"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := webhook.NewStandard([]webhook.Key{key}, webhook.StandardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(webhook.Request{Method: a.Method, Header: a.Header, Body: []byte(a.body)}, time.Now()); err != nil {
		t.Errorf("what arrived is not what was signed: %v", err)
	}
	at := attemptOf(t, api, "a", id)
	if at["status"] != 0.0 || fmt.Sprint(at["hookloft"].(object)["console"]) != "[from Bob]" {
		t.Errorf("attempt %v", at)
	}
	headers := must(t, api, "GET", "/api/v1/app/a/msg/"+id+"/attempt/"+at["id"].(string)+"/headers", nil)
	if sent := headers["sentHeaders"].(object); sent["Webhook-Signature"] != a.Header.Get("Webhook-Signature") || sent["X-Who"] != "Bob" {
		t.Errorf("headers shown: %v, sent %v", sent, a.Header)
	}

	id = publish(t, api, "a", `{"skip":true}`)
	if at := attemptOf(t, api, "a", id); at["status"] != 4.0 || at["hookloft"].(object)["reason"] != "transform_cancel" || at["responseStatusCode"] != 0.0 {
		t.Errorf("cancelled: %v", at)
	}
	if list := must(t, api, "GET", "/api/v1/app/a/attempt/msg/"+id, nil); list["data"].([]any)[0].(object)["status"] != 0.0 {
		t.Errorf("cancelled, to a client that does not know the status: %v", list)
	}
	id = publish(t, api, "a", `{"fail":{}}`)
	at = attemptOf(t, api, "a", id)
	if d := at["hookloft"].(object); at["status"] != 3.0 || d["reason"] != "transform_error" || !strings.HasPrefix(d["error"].(string), "line 4, column ") || d["nextAttempt"] == nil {
		t.Errorf("failed: %v", at)
	}
	// Repaired, the next attempt of the schedule, 5 s later, delivers it.
	must(t, api, "PATCH", "/api/v1/app/a/endpoint/"+ep+"/transformation", object{"code": "function handler(webhook) { return webhook }"})
	if a := next(t, got); a.body != `{"fail":{}}` || a.Header.Get("Webhook-Id") != id {
		t.Errorf("after the repair: %s", a.body)
	}
	if len(got) > 0 {
		t.Errorf("one more request: %s", (<-got).body)
	}
}

func TestScriptOnWhatASourceForwards(t *testing.T) {
	url, got := receiver(t)
	s := rig.Start(t, rig.Options{})
	api := s.API()
	source := must(t, api, "POST", "/ingest/api/v1/source", object{"name": "provider", "type": "generic-webhook"})
	path := "/ingest/api/v1/source/" + source["id"].(string) + "/endpoint"
	ep := must(t, api, "POST", path, object{"url": url + "/in"})["id"].(string)
	must(t, api, "PATCH", path+"/"+ep+"/transformation", object{"enabled": true, "code": `function handler(webhook) {
		if (typeof webhook.payload === "string") webhook.payload = webhook.payload.toUpperCase();
		else webhook.payload = {was: webhook.payload, by: webhook.request.headers["x-by"], type: webhook.eventType === undefined};
		return webhook;
	}`})
	_, token, _ := strings.Cut(source["ingestUrl"].(string), "/in/")
	for _, tt := range []struct{ typ, body, want string }{
		{"application/json", `{"n": 1}`, `{"was":{"n":1},"by":"me","type":true}`},
		{"text/plain", `plain`, `PLAIN`},
	} {
		req, err := http.NewRequest(http.MethodPost, s.URL+"/in/"+token, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", tt.typ)
		req.Header.Set("X-By", "me")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if a := next(t, got); a.body != tt.want || a.Header.Get("Content-Type") != tt.typ || a.Header.Get("X-By") != "me" {
			t.Errorf("%s: %v %s", tt.body, a.Header, a.body)
		}
	}
}

// sandboxes returns the processes below a server.
func sandboxes(t *testing.T, pid int) (list []int) {
	t.Helper()
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)); err != nil {
		t.Skip("the system does not tell a process's children")
	}
	// A child belongs to the thread that started it.
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tasks {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended
		}
		for _, word := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(word); err == nil {
				list = append(list, n)
			}
		}
	}
	return list
}

func isAlive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// TestHostileScriptsFailAlone: while scripts of four tenants do their worst, another tenant's
// messages arrive; the server's memory comes back, and no sandbox outlives it.
func TestHostileScriptsFailAlone(t *testing.T) {
	url, got := receiver(t)
	s := rig.Start(t, rig.Options{})
	api := s.API()
	scripted(t, api, "good", url+"/good", `function handler(webhook) { webhook.payload.ok = true; return webhook }`)
	hostile := map[string]string{
		"loop":  `function handler(w) { for (;;); }`,
		"bomb":  `function handler(w) { const a = []; for (;;) a.push(new Array(1000).fill(7)); }`,
		"deep":  `function f() { return f() + 1 } function handler(w) { return f() }`,
		"regex": `function handler(w) { return /(?=(a+)+b)c/.test("a".repeat(100)) }`,
	}
	for name, code := range hostile {
		scripted(t, api, name, url+"/"+name, code)
	}
	publish(t, api, "good", `{"warm":1}`)
	next(t, got)
	base := s.RSS()
	ids := map[string][]string{}
	for name := range hostile {
		for range 10 {
			ids[name] = append(ids[name], publish(t, api, name, `{}`))
		}
	}
	const n = 50
	want := map[string]bool{}
	for i := range n {
		want[publish(t, api, "good", fmt.Sprintf(`{"n":%d}`, i))] = true
	}
	for range n {
		a := next(t, got)
		if a.URL.Path != "/good" || !want[a.Header.Get("Webhook-Id")] || !strings.HasSuffix(a.body, `"ok":true}`) {
			t.Errorf("%s: %s", a.URL.Path, a.body)
		}
		delete(want, a.Header.Get("Webhook-Id"))
	}
	reasons := map[string]string{"loop": "transform_timeout", "bomb": "transform_memory", "deep": "transform_memory", "regex": "transform_timeout"}
	for name, list := range ids {
		for _, id := range list {
			reason := attemptOf(t, api, name, id)["hookloft"].(object)["reason"]
			// On a busy machine time may run out before memory does.
			if reason != reasons[name] && !(reasons[name] == "transform_memory" && reason == "transform_timeout") {
				t.Errorf("%s: %v", name, reason)
			}
		}
	}
	if grown := s.RSS() - base; grown > 64<<20 {
		t.Errorf("the server grew by %d bytes", grown)
	}
	publish(t, api, "good", `{}`) // the last of the others may have ended its sandbox
	next(t, got)
	children := sandboxes(t, s.PID())
	if len(children) == 0 {
		t.Error("there is no sandbox")
	}
	for _, pid := range children {
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		if err == nil && !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max open files 0 0") {
			t.Errorf("a sandbox may open files:\n%s", limits)
		}
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil && strings.Trim(string(environ), "\x00") != "TZ=UTC" {
			t.Errorf("a sandbox has the environment %q", environ)
		}
	}
	if err := s.Stop(60 * time.Second); err != nil {
		t.Error(err)
	}
	gone(t, children)
}

// TestSandboxesEndWithAKilledServer: nothing is left to clean up after kill -9.
func TestSandboxesEndWithAKilledServer(t *testing.T) {
	url, got := receiver(t)
	s := rig.Start(t, rig.Options{})
	api := s.API()
	scripted(t, api, "a", url, `function handler(webhook) { return webhook }`)
	publish(t, api, "a", `{}`)
	next(t, got)
	children := sandboxes(t, s.PID())
	if len(children) == 0 {
		t.Fatal("there is no sandbox")
	}
	// One that is killed is replaced; its message arrives all the same.
	if err := syscall.Kill(children[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	publish(t, api, "a", `{}`)
	next(t, got)
	children = sandboxes(t, s.PID())
	s.Kill()
	gone(t, children)
}

func gone(t *testing.T, children []int) {
	t.Helper()
	for _, pid := range children {
		for deadline := time.Now().Add(60 * time.Second); isAlive(pid); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("sandbox %d outlives its server", pid)
				break
			}
		}
	}
}

// TestManyScripts: ten thousand different scripts leave nothing behind in the server.
func TestManyScripts(t *testing.T) {
	n := rig.EnvInt(t, "SCRIPTS", 2000)
	s := rig.Start(t, rig.Options{})
	api := s.API()
	api.MustCreateApp(t, "a")
	ep := api.MustCreateEndpoint(t, "a", rig.EndpointIn{URL: "http://127.0.0.1:8009/"})
	path := "/api/v1/app/a/endpoint/" + ep + "/transformation/simulate"
	run := func(i int) error {
		code := fmt.Sprintf("function handler(w) { w.payload = {n: %d}; return w } // %s", i, strings.Repeat("-", 1000))
		status, text, err := api.Do("POST", path, object{"code": code, "eventType": "a", "payload": object{}})
		if err != nil || status != 200 || !strings.Contains(string(text), fmt.Sprintf(`{\"n\":%d}`, i)) {
			return fmt.Errorf("script %d: %d %s %v", i, status, text, err)
		}
		return nil
	}
	for i := range 200 {
		if err := run(i); err != nil {
			t.Fatal(err)
		}
	}
	base := s.RSS()
	var wait sync.WaitGroup
	errs := make(chan error, 4)
	for w := range 4 {
		wait.Go(func() {
			for i := w; i < n; i += 4 {
				if err := run(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wait.Wait()
	select {
	case err := <-errs:
		t.Fatal(err)
	default:
	}
	if grown := s.RSS() - base; grown > 32<<20 {
		t.Errorf("%d scripts made the server grow by %d bytes", n, grown)
	}
	for _, pid := range sandboxes(t, s.PID()) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			continue
		}
		if pages, _ := strconv.Atoi(strings.Fields(string(text))[1]); pages*os.Getpagesize() > 96<<20 {
			t.Errorf("a sandbox has %d pages", pages)
		}
	}
}

// TestProgramReplacedOnDisk: an upgrade in place does not take the sandbox from the server
// that still runs.
func TestProgramReplacedOnDisk(t *testing.T) {
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		t.Skip("the system does not name the running program")
	}
	dir := t.TempDir()
	old := filepath.Join(dir, "hookloft")
	text, err := os.ReadFile(rig.Build(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, text, 0o755); err != nil {
		t.Fatal(err)
	}
	// The first line is read once the program is gone; the sandbox starts after it.
	cmd := exec.Command(old, "transform", "run", "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if name, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid)); err == nil && name == old {
			break
		}
	}
	if err := os.Remove(old); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, "function handler(webhook) { webhook.payload.ok = 1; return webhook }")
	in.Close()
	if err := cmd.Wait(); err != nil || out.String() != "{\"ok\":1}\n" {
		t.Errorf("%v: %s", err, out.String())
	}
}
