//go:build linux

package crash

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// disk is an ext4 file system in a file, mounted from a loop device. A copy of the
// file, taken while the server is dead but before anything is flushed, is what a
// power cut leaves: written and fsynced data is in it, the rest is not. commit=300
// keeps the journal from being written on its own every 5 s.
type disk struct {
	t     *testing.T
	dir   string // mount point
	image string // the file that is mounted now
	cuts  int
}

// newDisk makes and mounts a file system of so many MiB, or skips the test where
// this machine does not allow it.
func newDisk(t *testing.T, mib int) *disk {
	t.Helper()
	if testing.Short() {
		t.Skip("fault tests run real processes; not with -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("power cuts need root, to mount a loop device")
	}
	base := t.TempDir()
	d := &disk{t: t, dir: filepath.Join(base, "mnt"), image: filepath.Join(base, "disk0.img")}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(d.image)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(f.Truncate(int64(mib)<<20), f.Close())
	if err != nil {
		t.Fatal(err)
	}
	if err := command("mkfs.ext4", "-q", d.image); err != nil {
		t.Skipf("power cuts need mkfs.ext4: %v", err)
	}
	if err := d.mount(); err != nil {
		t.Skipf("power cuts need loop mounts: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.dir, syscall.MNT_DETACH) })
	return d
}

func (d *disk) mount() error {
	return command("mount", "-o", "loop,commit=300", d.image, d.dir)
}

// sync flushes everything, as an administrator's `sync` would.
func (d *disk) sync() {
	d.t.Helper()
	if err := command("sync", "-f", d.dir); err != nil {
		d.t.Fatal(err)
	}
}

// cut is the power cut: the file is copied as it is, and the copy mounted in its
// place. No process may have a file open on the disk.
func (d *disk) cut() {
	d.t.Helper()
	d.cuts++
	next := filepath.Join(filepath.Dir(d.image), fmt.Sprintf("disk%d.img", d.cuts))
	if err := command("cp", "--sparse=always", d.image, next); err != nil {
		d.t.Fatal(err)
	}
	// What the unmount flushes goes into the old file only.
	if err := syscall.Unmount(d.dir, 0); err != nil {
		d.t.Fatalf("unmount: %v", err)
	}
	if err := os.Remove(d.image); err != nil {
		d.t.Fatal(err)
	}
	d.image = next
	if err := d.mount(); err != nil {
		d.t.Fatalf("mount after cut %d: %v", d.cuts, err)
	}
}

// data is the server's folder on the disk.
func (d *disk) data() string { return filepath.Join(d.dir, "data") }

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
