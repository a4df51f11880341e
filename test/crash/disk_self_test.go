//go:build linux

package crash

import (
	"os"
	"path/filepath"
	"testing"
)

// The power cut must really take away what was not flushed, and leave what was.
func TestCutKeepsOnlyWhatWasFlushed(t *testing.T) {
	d := newDisk(t, 64)
	write := func(name string, flush bool) {
		f, err := os.Create(filepath.Join(d.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString("kept"); err != nil {
			t.Fatal(err)
		}
		if flush {
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("flushed", true)
	write("unflushed", false)
	d.cut()
	if text, err := os.ReadFile(filepath.Join(d.dir, "flushed")); err != nil || string(text) != "kept" {
		t.Errorf("the flushed file reads %q (%v)", text, err)
	}
	if text, err := os.ReadFile(filepath.Join(d.dir, "unflushed")); err == nil && len(text) > 0 {
		t.Errorf("the file that was never flushed survived the cut: %q", text)
	}
}
