//go:build unix

// Package compat drives the real binary with the clients that people already use,
// unchanged and as published: npm svix of both generations, npm standardwebhooks
// and the Go svix-webhooks. It also holds package webhook, and sources of the binary,
// against what providers publish to sign and verify their webhooks (inbound_*_test.go). It
// is a module of its own so that none of them becomes a dependency of Hookloft.
package compat

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// TestNodeClients runs a customer's journey with each generation of the npm client.
func TestNodeClients(t *testing.T) { runNode(t, "journey.mjs") }

// TestNodeOperations calls every operation that is served once, with each generation.
func TestNodeOperations(t *testing.T) { runNode(t, "operations.mjs") }

// runNode runs a script of folder node with each generation, each on a server of its own.
func runNode(t *testing.T, script string) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed, so the published npm clients cannot run", tool)
		}
	}
	installNodeClients(t)
	for _, generation := range []string{"svix-v1", "svix-v2"} {
		t.Run(generation, func(t *testing.T) {
			s := rig.Start(t, rig.Options{})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "node", script, generation)
			cmd.Dir = "node"
			cmd.Env = append(os.Environ(), "HOOKLOFT_URL="+s.URL, "HOOKLOFT_TOKEN="+s.Token)
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Fatalf("%s with %s: %v", script, generation, err)
			}
		})
	}
}

func installNodeClients(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("node", "node_modules", "svix-v2")); err == nil {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = "node"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}
