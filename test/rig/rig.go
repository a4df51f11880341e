//go:build unix

// Package rig runs the real hookloft binary for tests that must see it from
// outside: start, kill, restart, publish at a rate, receive, and read the API's
// own account of what happened.
//
// It promises nothing about the product; it only observes it. It shares no code
// with it either: signatures are verified by a few lines of its own, the API is
// spoken as plain JSON. So a mistake in the product cannot hide itself here.
//
// The usual shape of a test:
//
//	func TestMain(m *testing.M) { os.Exit(rig.Main(m)) } // builds the binary once
//
//	func TestX(t *testing.T) {
//		s := rig.Start(t, rig.Options{})       // data in t.TempDir(), stopped by t.Cleanup
//		api := s.API()                          // Bearer token included
//		r := rig.Receive(t, rig.ReceiverOptions{})
//		app := api.MustCreateApp(t, "shop")
//		ep := api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: r.URL + "/a"})
//		...
//		s.Kill(); s.Restart()
//	}
//
// Three records are compared by Check after a run with faults: the Ledger (what
// the publisher was told), the Receiver's log (what arrived) and the Account
// (what the API says was attempted).
package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// binEnv names a ready-made binary to test instead of building one.
const binEnv = "HOOKLOFT_BIN"

// Main is for TestMain: it builds the binary once, lets every Build of this test
// process find it, runs the tests and returns the exit code for os.Exit. Without
// it each Build links a binary of its own, which costs some seconds per test.
// A build that fails is left for Build to report, in the test that needs it.
//
// Test packages that use Main run one after the other, even when `go test ./...`
// starts them side by side: they measure times, and would disturb each other.
func Main(m *testing.M) int {
	turn, err := takeTurn()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
		return 1
	}
	defer turn.Close()
	return MainBeside(m)
}

// MainBeside is Main for tests that mostly wait, and measure nothing: they take no turn,
// and run beside one that does.
func MainBeside(m *testing.M) int {
	if os.Getenv(binEnv) == "" {
		dir, err := os.MkdirTemp("", "hookloft-rig-")
		if err != nil {
			fmt.Fprintln(os.Stderr, "rig:", err)
			return 1
		}
		defer os.RemoveAll(dir)
		if bin, err := build(dir); err == nil {
			os.Setenv(binEnv, bin)
		}
	}
	return m.Run()
}

// takeTurn waits until no other test process holds the lock. The kernel gives it
// back when the file is closed or the process ends, however it ends.
func takeTurn() (*os.File, error) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("hookloft-rig-%d.lock", os.Getuid()))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("take turns with other tests: %w", err)
	}
	for {
		// The wait is before m.Run, so it does not count for -timeout.
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("take turns with other tests: %w", err)
		}
	}
}

// Build returns the path of a hookloft binary made from this checkout, or the one
// that HOOKLOFT_BIN names. It skips the test where the checkout has no
// cmd/hookloft, and fails it when that does not compile.
func Build(tb testing.TB) string {
	tb.Helper()
	if bin := os.Getenv(binEnv); bin != "" {
		return bin
	}
	root, err := Root()
	if err != nil {
		tb.Skipf("no checkout to build from: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "cmd", "hookloft")); err != nil {
		tb.Skipf("no binary to test: %v", err)
	}
	bin, err := build(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	return bin
}

// build compiles cmd/hookloft into dir, without cgo as releases are.
func build(dir string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "hookloft")
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/hookloft")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cmd/hookloft: %w\n%s", err, out)
	}
	return bin, nil
}

// Root is the checkout's top folder: the nearest parent of the working directory
// that holds go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("find the checkout: no go.mod above the working directory")
		}
		dir = up
	}
}

// EnvInt reads a whole number above zero from the environment variable name, for
// tests whose size is chosen outside; def is used where it is unset.
func EnvInt(tb testing.TB, name string, def int) int {
	tb.Helper()
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		tb.Fatalf("%s=%q: want a whole number above zero", name, text)
	}
	return n
}
