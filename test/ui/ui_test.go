// Package ui runs the tests of web/: those of its code, and those of a person in a real browser in front
// of the real program.
package ui

import (
	"context"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

const folder = "../../web"

// npm runs a command in web/. Nothing is read from a terminal, and nothing is asked.
func npm(t *testing.T, within time.Duration, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "HOOKLOFT_BIN="+rig.Build(t), "NO_COLOR=1", "CI=1")
	cmd.WaitDelay = 10 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm %v: %v\n%s", args, err, out)
	}
}

// install gets the packages that the lock file names, where they are not there yet.
func install(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not installed; the pages are not tested")
	}
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	stamp := filepath.Join(folder, "node_modules", ".installed")
	sum := sha256.Sum256(lock)
	if have, err := os.ReadFile(stamp); err == nil && string(have) == string(sum[:]) {
		return
	}
	npm(t, 5*time.Minute, "ci", "--no-audit", "--no-fund")
	if err := os.WriteFile(stamp, sum[:], 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPages has a person do in a browser what the pages are for.
func TestPages(t *testing.T) {
	install(t)
	if !hasBrowser() {
		t.Skip("no Chromium is installed; the pages are not looked at")
	}
	npm(t, 18*time.Minute, "run", "browser")
}

// TestCode runs the tests of the pages' code, and checks its types and texts.
func TestCode(t *testing.T) {
	install(t)
	npm(t, 3*time.Minute, "run", "types")
	npm(t, 3*time.Minute, "run", "check")
	npm(t, 3*time.Minute, "test")
}

// TestBuiltFilesAreThoseOfTheSource builds the pages anew: what is committed, and so in the
// program, is what the source says.
func TestBuiltFilesAreThoseOfTheSource(t *testing.T) {
	install(t)
	fresh := t.TempDir()
	npm(t, 3*time.Minute, "run", "types")
	npm(t, 3*time.Minute, "exec", "--", "vite", "build", "--outDir", fresh)
	committed := files(t, filepath.Join(folder, "dist"))
	built := files(t, fresh)
	for name, text := range built {
		if committed[name] != text {
			t.Errorf("dist/%s is not what the source builds: run `make ui` and commit web/dist", name)
		}
	}
	for name := range committed {
		if _, ok := built[name]; !ok {
			t.Errorf("dist/%s is built from nothing any more", name)
		}
	}
}

func files(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		out[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 4 {
		t.Fatalf("only %d files in %s", len(out), root)
	}
	return out
}

func hasBrowser() bool {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium-headless-shell", "chromium", "google-chrome"} {
		if name == "" {
			continue
		}
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	return false
}
