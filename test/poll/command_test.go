//go:build unix

package poll

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// TestCommandPrintsWhatALostAnswerHeld: between the command and the server an answer with messages
// is lost. They were handed out under a lease, and are printed once it is over.
func TestCommandPrintsWhatALostAnswerHeld(t *testing.T) {
	w := newWorld(t)
	to, err := url.Parse(w.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	var lose, lost atomic.Bool
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Method == http.MethodGet && r.ContentLength > int64(len(`{"data":[],"done":true}`)) && lose.CompareAndSwap(true, false) {
			lost.Store(true)
			return http.ErrAbortHandler
		}
		return nil
	}
	between := httptest.NewServer(proxy)
	defer between.Close()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	home := t.TempDir()
	cmd := exec.CommandContext(ctx, rig.Build(t), "poll", w.app, w.sink, "--lease", "2s", "--count", "3", "--output", "ndjson")
	cmd.Env = append(os.Environ(), "HOOKLOFT_SERVER="+between.URL, "HOOKLOFT_TOKEN="+w.server.Token, "HOME="+home, "XDG_CONFIG_HOME="+home)
	said := &strings.Builder{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var printed []string
	lines := bufio.NewScanner(out)
	next := func() {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the command ended after %d messages: %v %s", len(printed), cmd.Wait(), said)
		}
		var m struct{ ID string }
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		printed = append(printed, m.ID)
	}
	w.publish(w.api)
	next()
	lose.Store(true)
	w.publish(w.api)
	w.await("a lost answer", lost.Load)
	w.publish(w.api)
	next()
	next()
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
	if got, want := strings.Join(printed, " "), strings.Join(w.acknowledged(), " "); got != want {
		t.Errorf("printed %s, accepted were %s", got, want)
	}
}
