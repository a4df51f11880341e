package server

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// A data directory on another disk is often reached by a link.
func TestInspectDataLooksAtWhatALinkPointsTo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a right of their own, and modes show none")
	}
	base := t.TempDir()
	write := func(bytes int, mode os.FileMode, path ...string) {
		t.Helper()
		name := filepath.Join(append([]string{base}, path...)...)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, make([]byte, bytes), mode); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(filepath.Join(base, to), filepath.Join(base, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(base, 0o700); err != nil {
		t.Fatal(err)
	}
	write(1000, 0o600, "disk", "catalog.db")
	write(20, 0o600, "disk", keyCheckName)
	write(300, 0o600, "other", "1.db")
	link("disk", "data")
	link("other", "disk/segments")
	link("", "disk/up")       // would be measured for ever, or be everything on the machine
	link("disk", "disk/loop") // the same
	link("nothing", "disk/dangling")

	look := func(open ...string) {
		t.Helper()
		for i, name := range open {
			open[i] = filepath.Join(base, name)
		}
		r, err := InspectData(t.Context(), filepath.Join(base, "data"))
		if err != nil {
			t.Fatal(err)
		}
		if !r.Exists || !r.HasStore || r.Bytes != 1320 {
			t.Errorf("%+v, want 1320 bytes", r)
		}
		if slices.Sort(r.Open); !slices.Equal(r.Open, open) {
			t.Errorf("others may read %q, want %q", r.Open, open)
		}
	}
	look()
	for _, name := range []string{"disk", "other/1.db"} {
		if err := os.Chmod(filepath.Join(base, name), 0o755); err != nil { //nolint:gosec // what the test is about
			t.Fatal(err)
		}
	}
	look("data", "data/segments/1.db")
}
