//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// browser is a page in a Chromium without a window, driven over a pair of pipes
// (chromedevtools.github.io/devtools-protocol; --remote-debugging-pipe: messages end with NUL).
type browser struct {
	t       *testing.T
	toward  *os.File
	session string
	gone    chan struct{} // closed once Chromium has closed its pipe

	mu       sync.Mutex
	last     int
	waiting  map[int]chan reply // each has room for its one reply
	requests []string           // URLs that the page asked for
	console  []string           // what the browser and the page complain about
}

type reply struct {
	ID     int
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct{ Message string }
}

// openBrowser skips the test where there is no Chromium.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	var path string
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium is installed (Debian: chromium-headless-shell), so the page cannot be looked at")
	}
	in, toward := pipe(t)
	from, out := pipe(t)
	// Without the sandbox, which root may not use: the only page is our own. The last flags keep it
	// from asking anything of its maker.
	cmd := exec.Command(path, "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+t.TempDir(),
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")
	cmd.ExtraFiles = []*os.File{in, out} // 3 and 4 there
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	b := &browser{t: t, toward: toward, gone: make(chan struct{}), waiting: map[int]chan reply{}}
	go b.read(from)
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with the processes of its pages
		_ = cmd.Wait()                                      // killed
		from.Close()
		<-b.gone
	})

	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 800, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
	return b
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// read takes what Chromium says until it is gone.
func (b *browser) read(from *os.File) {
	defer close(b.gone)
	for messages := bufio.NewReader(from); ; {
		text, err := messages.ReadBytes(0)
		if err != nil {
			return
		}
		var m reply
		if err := json.Unmarshal(text[:len(text)-1], &m); err != nil {
			b.t.Errorf("Chromium says %.200q: %v", text, err)
			continue
		}
		b.take(m)
	}
}

func (b *browser) take(m reply) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.waiting[m.ID]; c != nil {
		delete(b.waiting, m.ID)
		c <- m
		return
	}
	switch m.Method {
	case "Network.requestWillBeSent":
		var p struct{ Request struct{ URL string } }
		if json.Unmarshal(m.Params, &p) == nil {
			b.requests = append(b.requests, p.Request.URL)
		}
	case "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled":
		b.console = append(b.console, string(m.Params))
	}
}

// call sends a command and waits for its answer.
func (b *browser) call(method string, params, out any) {
	b.t.Helper()
	c := make(chan reply, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.waiting[id] = c
	b.mu.Unlock()
	command := map[string]any{"id": id, "method": method}
	if params != nil {
		command["params"] = params
	}
	if b.session != "" {
		command["sessionId"] = b.session
	}
	text, err := json.Marshal(command)
	if err == nil {
		_, err = b.toward.Write(append(text, 0))
	}
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case m := <-c:
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if out != nil {
			if err := json.Unmarshal(m.Result, out); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
	case <-b.gone:
		b.t.Fatalf("%s: Chromium has ended", method)
	case <-time.After(60 * time.Second):
		b.t.Fatalf("%s: no answer within a minute", method)
	}
}

// eval returns the value of an expression on the page, or what it promises.
func (b *browser) eval(expression string, out any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, answer.ExceptionDetails)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(answer.Result.Value, out); err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
}

// await waits until an expression on the page is true.
func (b *browser) await(expression string) {
	b.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		var holds bool
		if b.eval("!!("+expression+")", &holds); holds {
			return
		}
		if time.Now().After(deadline) {
			var text string
			b.eval("document.body.innerText", &text)
			b.t.Fatalf("after a minute it is not so that %s; the page shows:\n%s\n%s", expression, text, b.complaints())
		}
	}
}

func (b *browser) complaints() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%d requests, complaints: %v", len(b.requests), b.console)
}
