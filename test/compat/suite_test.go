//go:build unix

package compat

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// What the published clients test themselves with is run here as it was published, against
// a running Hookloft: where a suite talks to a server it is given ours, and where it plays
// the server itself it shows that the copy is whole and that the toolchain is right. The
// code is copied out of the module cache for each run; none of it is kept.

// published is the folder of the clients' repository in the module cache.
func published(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/svix/svix-webhooks").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Fatalf("find the published clients: %v", err)
	}
	return dir
}

// TestGoSuite runs `go test` of the Go client.
func TestGoSuite(t *testing.T) {
	from, dir := published(t), t.TempDir()
	copyTree(t, filepath.Join(from, "go"), filepath.Join(dir, "go"))
	for _, name := range []string{"go.mod", "go.sum"} {
		copyFile(t, filepath.Join(from, name), filepath.Join(dir, name))
	}
	s := rig.Start(t, rig.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// What its tests need and its users do not is not in our go.sum; ask for it first, so
	// that a machine without a module proxy is told apart from a test that fails.
	fetch := exec.CommandContext(ctx, "go", "mod", "download", "github.com/jarcoal/httpmock")
	fetch.Dir = dir
	if out, err := fetch.CombinedOutput(); err != nil {
		t.Skipf("what the suite needs cannot be fetched: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-timeout=2m", "./go/...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "SVIX_SERVER_URL="+s.URL, "SVIX_TOKEN="+s.Token)
	text, runErr := cmd.Output()
	var failed, skipped []string
	passed := map[string]bool{}
	output := map[string]string{}
	scan := bufio.NewScanner(bytes.NewReader(text))
	for scan.Scan() {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(scan.Bytes(), &e) != nil {
			continue
		}
		output[e.Test] += e.Output
		if e.Test == "" || strings.Contains(e.Test, "/") {
			continue
		}
		switch e.Action {
		case "pass":
			passed[e.Test] = true
		case "fail":
			failed = append(failed, e.Test)
		case "skip":
			skipped = append(skipped, e.Test)
		}
	}
	if err := errors.Join(scan.Err(), runErr); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Logf("%s", exit.Stderr)
		}
		t.Errorf("go test: %v\n%s", err, output[""])
	}
	t.Logf("Go client's own suite: %d run, %d passed, %d failed, %d skipped %v", len(passed)+len(failed)+len(skipped), len(passed), len(failed), len(skipped), skipped)
	for _, name := range failed {
		t.Errorf("%s:\n%s", name, output[name])
	}
	if len(skipped) > 0 {
		t.Errorf("skipped: %v", skipped)
	}
	// These talk to the server; without them the run would prove nothing.
	for _, name := range []string{"TestKitchenSink", "TestApplicationPatchNullableAgainstServer", "TestEndpointPatchNullableAgainstServer"} {
		if !passed[name] {
			t.Errorf("%s did not run to its end", name)
		}
	}
}

// TestJavaScriptSuite runs the tests of the npm client's first generation, built from the
// same release as the Go client.
func TestJavaScriptSuite(t *testing.T) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed, so the published npm client's suite cannot run", tool)
		}
	}
	dir := t.TempDir()
	copyTree(t, filepath.Join(published(t), "javascript"), dir)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	run := func(env []string, name string, args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	// Its formatter is an optional binary that no test needs; nothing is run on installing.
	if out, err := run(nil, "npm", "ci", "--ignore-scripts", "--omit=optional", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
		t.Skipf("what the suite needs cannot be installed: %v\n%s", err, out)
	}
	if out, err := run(nil, filepath.Join(dir, "node_modules", ".bin", "tsc"), "-p", "tsconfig.test.json"); err != nil {
		t.Fatalf("tsc: %v\n%s", err, out)
	}
	s := rig.Start(t, rig.Options{})
	out, err := run([]string{"SVIX_SERVER_URL=" + s.URL, "SVIX_TOKEN=" + s.Token}, "node", "--enable-source-maps", "--test-reporter=tap", filepath.Join("test_build", "src", "index.test.js"))
	if err != nil {
		t.Errorf("node: %v\n%s", err, out)
	}
	// The reporter's last lines (node:test, "tap"): `# pass 60`.
	count := func(what string) int {
		m := regexp.MustCompile(`(?m)^# ` + what + ` (\d+)$`).FindStringSubmatch(out)
		if m == nil {
			return -1
		}
		n, _ := strconv.Atoi(m[1]) // digits by the expression
		return n
	}
	t.Logf("JavaScript client's own suite: %d run, %d passed, %d failed, %d skipped", count("tests"), count("pass"), count("fail"), count("skipped"))
	if count("tests") < 1 || count("pass") != count("tests") {
		t.Errorf("not all passed:\n%s", out)
	}
	if !regexp.MustCompile(`(?m)^\s*ok \d+ - endpoint crud$`).MatchString(out) {
		t.Errorf("the test that talks to the server did not run:\n%s", out)
	}
}

// copyTree copies the files below from. The module cache is read-only; the copy is not.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{"node_modules", "dist", "test_build"}, d.Name()) {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		copyFile(t, path, filepath.Join(to, name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
