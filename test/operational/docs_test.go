//go:build unix

package operational

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/test/rig"
	"github.com/hookloft/hookloft/webhook"
)

func page(t *testing.T) string {
	t.Helper()
	root, err := rig.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "operational-webhooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPageNamesEveryType: the page lists what can be subscribed to, and nothing else.
func TestPageNamesEveryType(t *testing.T) {
	text := page(t)
	for _, typ := range hook.OperationalTypes() {
		if !strings.Contains(text, "`"+typ+"`") {
			t.Errorf("the page does not name %s", typ)
		}
	}
	for line := range strings.Lines(text) {
		cell, ok := strings.CutPrefix(line, "| `")
		if !ok {
			continue
		}
		if typ, _, _ := strings.Cut(cell, "`"); !slices.Contains(hook.OperationalTypes(), typ) {
			t.Errorf("the page names %s, which there is not", typ)
		}
	}
}

// TestPageWorks runs the commands of the page as they stand there.
func TestPageWorks(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed, so the commands of the page cannot run", tool)
		}
	}
	s := rig.Start(t, rig.Options{})
	r := newReceiver(t)
	var script strings.Builder
	for _, part := range strings.Split(page(t), "```bash\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		script.WriteString(block)
	}
	// The receiver must know its secret before the first webhook comes: a part of the page,
	// up to where it shows the secret, runs first.
	shows := "call $OPS/pager/secret\n"
	first, rest, found := strings.Cut(script.String(), shows)
	if !found {
		t.Fatal("the page no longer shows the secret")
	}
	run := func(script string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail")
		cmd.Stdin = strings.NewReader(script)
		cmd.Env = append(os.Environ(), "SERVER="+s.URL, "TOKEN="+s.Token, "RECEIVER="+r.URL+"/hookloft")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.WaitDelay = 5 * time.Second
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	printed := run(first + shows)
	_, text, found := strings.Cut(printed, `"key":"`)
	if !found {
		t.Fatalf("printed %s", printed)
	}
	text, _, _ = strings.Cut(text, `"`)
	key, err := webhook.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.keys = append(r.keys, key)
	r.mu.Unlock()
	start, _, _ := strings.Cut(first, "call $OPS -d") // what sets the variables
	printed = run(start + rest)
	if !strings.Contains(printed, `"uid":"pager"`) {
		t.Errorf("printed %s", printed)
	}
	r.wants("the page", map[string]map[string]any{"endpoint.created": {"appId": "*", "appUid": "acme", "endpointId": "*", "endpointUid": "acme-main"}})
	status, body, err := s.API().Do(http.MethodGet, "/api/v1/operational-webhook/endpoint/pager/headers", nil)
	if err != nil || status != http.StatusOK || !strings.Contains(string(body), `"X-Team":"on-call"`) {
		t.Errorf("headers: %d %s %v", status, body, err)
	}
}
