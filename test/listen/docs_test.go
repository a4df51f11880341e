//go:build unix

package listen

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDocumentedCommands runs the commands of docs/listen.md as whoever reads them would.
func TestDocumentedCommands(t *testing.T) {
	page, err := os.ReadFile("../../docs/listen.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```sh\n")
	script, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("docs/listen.md has no commands")
	}
	w := &world{t: t}
	w.begin()
	l := serveLocal(t, "0", "", nil)
	script = strings.ReplaceAll(script, "listen 3000 ", "listen "+l.port+" ")
	dir := t.TempDir()
	if err := os.Symlink(w.bin, filepath.Join(dir, "hookloft")); err != nil {
		t.Fatal(err)
	}
	// Who types has the client running before the next line.
	script = strings.ReplaceAll(script, " &\n", " & for i in $(seq 200); do grep -q . calls.err && break; sleep 0.05; done\n")
	script = strings.ReplaceAll(script, "> calls.ndjson", "> calls.ndjson 2> calls.err")
	cmd := w.command()
	cmd = &exec.Cmd{Path: "/bin/bash", Args: []string{"bash", "-euc", script}, Dir: dir, Env: append(cmd.Env, "PATH="+dir+":"+os.Getenv("PATH"))}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the client in the background goes with it
	var out text
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }()
	l.awaitCount(1)
	x := l.taken()[0]
	if x.uri != "/hooks" || string(x.body) != `{"amount": 4200}` || x.header.Get("Webhook-Signature") == "" {
		t.Errorf("%s %s %v", x.uri, x.body, x.header)
	}
	await(t, "a line of JSON", func() bool {
		data, err := os.ReadFile(filepath.Join(dir, "calls.ndjson"))
		return err == nil && strings.Contains(string(data), `"status":200`)
	})
	if !strings.Contains(out.String(), "whsec_") {
		t.Errorf("printed %s", &out)
	}
}
