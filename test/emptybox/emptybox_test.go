//go:build unix

// Package emptybox runs run.sh, which is also what docs/operating.md shows: Hookloft
// started over TLS in a root directory with nothing but the static binary, a CA file
// and an unprivileged user; every operation, command and option used once by programs
// that are not ours; kill -9, restart, backup, restore.
package emptybox

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// skipped is the exit code with which run.sh says that no box can be made here.
const skipped = 77

func TestEmptyBox(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "openssl", "python3", "jq", "chroot", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed, so the box cannot be driven", tool)
		}
	}
	bin := rig.Build(t)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "run.sh")
	cmd.Env = append(os.Environ(), "HOOKLOFT_BIN="+bin)
	// Asked to end, the script ends what it started.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == skipped {
		t.Skip("no box can be made here: neither root nor user namespaces")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCompleteNamesWhatNeverRan is the control of run.sh's last step: of a run that did
// nothing it must say so, for each kind of thing.
func TestCompleteNamesWhatNeverRan(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("jq is not installed, so the document cannot be read")
	}
	bin, work := rig.Build(t), t.TempDir()
	for name, text := range map[string]string{"commands": "", "calls": "", "openapi.json": `{"paths":{"/app/{id}":{"get":{}}}}`, "openapi-x.json": `{"paths":{"/why/{id}":{"get":{}}}}`} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail; . ./box.sh; . ./complete.sh")
	cmd.Env = append(os.Environ(), "WORK="+work, "BINARY="+bin)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("a run that did nothing is complete")
	}
	for _, want := range []string{
		"serve --listen", "backup --with-key", "environment delete", "healthcheck --timeout", "GET /app/{id}", "GET /why/{id}",
		"--jq", "--output", "event-types import --replace-all", "replay --cancel", "listen --record", "apply --file", "api", "api --query", "serve --jwt-secret",
		"source rotate", "source create --forward", "sign --body", "sign --body-out", "verify --fetch-keys", "providers --json",
		"serve --transform-time", "transform try --last", "filter test --metadata", "connector use --variable", "credentials set --mtls", "destination skip --until",
		"endpoint latest --window", "endpoint verify --method", "poll --lease", "pause --note", "event-types check",
	} {
		if !strings.Contains(string(out), "never run: "+want+"\n") {
			t.Errorf("%q is not named in:\n%s", want, out)
		}
	}
}
