package transform

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestProgramIsFoundWithoutProc: in a root directory without /proc, children are started as
// this program was.
func TestProgramIsFoundWithoutProc(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("PATH", dir)
	file := filepath.Join(dir, "tool")
	if err := os.WriteFile(file, []byte("x"), 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	for name, want := range map[string]string{file: file, "./tool": file, "tool": file, "elsewhere": "elsewhere"} {
		if got := program(link, name); got != want {
			t.Errorf("started as %s: %s, want %s", name, got, want)
		}
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if got := program(link, "./tool"); got != link {
		t.Errorf("with a link to the file: %s", got)
	}
}

// TestAddressSpaceIsMeasured compares with what /proc says, where there is one.
func TestAddressSpaceIsMeasured(t *testing.T) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc to compare with")
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[0])
	if err != nil {
		t.Fatal(err)
	}
	got, want := addressBytes(), uint64(pages*os.Getpagesize())
	// The runtime may have taken more between the two.
	if diff := int64(got) - int64(want); diff < -(2<<20) || diff > 64<<20 {
		t.Errorf("%d bytes, /proc says %d", got, want)
	}
}

// TestProcessorTimeOfAChild: a child that works is seen to, one that has gone is not.
func TestProcessorTimeOfAChild(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", "while :; do :; done")
	if err := cmd.Start(); err != nil {
		t.Skipf("no shell: %v", err)
	}
	c := &child{cmd: cmd}
	for {
		used, isKnown := c.processorTime()
		if !isKnown {
			t.Fatal("the processor time of a child is not known")
		}
		if used >= 20*time.Millisecond {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("after a minute it has used %s", used)
		}
		time.Sleep(5 * time.Millisecond) // the child's turn
	}
	cancel()
	_ = cmd.Wait()
	if used, isKnown := c.processorTime(); isKnown {
		t.Errorf("a child that has gone has used %s", used)
	}
}
