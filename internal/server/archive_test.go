package server

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testArchive returns a backup of two files.
func testArchive(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	mustWrite(t, filepath.Join(dir, "catalog.db"), "catalog")
	mustWrite(t, filepath.Join(dir, "segments", "0001.db"), strings.Repeat("segment ", 10_000))
	var b bytes.Buffer
	if err := writeArchive(context.Background(), &b, dir, nil, false, time.Date(2026, 11, 20, 1, 2, 3, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func mustWrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRestoreBringsBackWhatWasBackedUp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	done, err := Restore(t.Context(), bytes.NewReader(testArchive(t)), dir)
	if err != nil {
		t.Fatal(err)
	}
	if done.Files != 2 || done.WithKey || done.CreatedAt.Year() != 2026 {
		t.Errorf("restored %+v", done)
	}
	for name, want := range map[string]string{"catalog.db": "catalog", "segments/0001.db": strings.Repeat("segment ", 10_000), holdName: ""} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v; want %d bytes", name, len(got), err, len(want))
		}
	}
	if exists(filepath.Join(dir, restoringName)) || exists(filepath.Join(dir, manifestName)) {
		t.Error("a mark of the restore was left behind")
	}
}

func TestRestoreRefusesADirectoryWithFiles(t *testing.T) {
	dir := t.TempDir()
	mustWrite(t, filepath.Join(dir, "catalog.db"), "precious")
	if _, err := Restore(t.Context(), bytes.NewReader(testArchive(t)), dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "catalog.db")); err != nil || string(got) != "precious" {
		t.Errorf("the file that was there is now %q, %v", got, err)
	}
}

// TestRestoreNoticesEveryCut cuts the archive at many places: none may pass for whole.
func TestRestoreNoticesEveryCut(t *testing.T) {
	whole := testArchive(t)
	end := bytes.Index(whole, []byte(manifestName))
	for at := 0; at < end+512; at += 499 {
		dir := filepath.Join(t.TempDir(), "d")
		if _, err := Restore(t.Context(), bytes.NewReader(whole[:at]), dir); err == nil {
			t.Fatalf("a backup cut after %d of %d bytes was restored", at, len(whole))
		}
		assertEmpty(t, dir)
	}
}

func assertEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("a failed restore left %s", e.Name())
	}
}

func TestRestoreNoticesDamage(t *testing.T) {
	whole := testArchive(t)
	at := bytes.Index(whole, []byte("segment segment"))
	whole[at+100] ^= 1
	dir := filepath.Join(t.TempDir(), "d")
	_, err := Restore(t.Context(), bytes.NewReader(whole), dir)
	if err == nil || !strings.Contains(err.Error(), "segments/0001.db is damaged") {
		t.Errorf("got %v", err)
	}
	assertEmpty(t, dir)
}

// TestRestoreStaysInItsDirectory offers archives that no backup writes.
func TestRestoreStaysInItsDirectory(t *testing.T) {
	cases := []struct {
		name   string
		header tar.Header
	}{
		{"parent", tar.Header{Typeflag: tar.TypeReg, Name: "../evil"}},
		{"absolute", tar.Header{Typeflag: tar.TypeReg, Name: "/tmp/evil"}},
		{"hidden parent", tar.Header{Typeflag: tar.TypeReg, Name: "a/../../evil"}},
		{"not clean", tar.Header{Typeflag: tar.TypeReg, Name: "./catalog.db"}},
		{"back slash", tar.Header{Typeflag: tar.TypeReg, Name: `a\..\evil`}},
		{"symbolic link", tar.Header{Typeflag: tar.TypeSymlink, Name: "catalog.db", Linkname: "/etc/passwd"}},
		{"hard link", tar.Header{Typeflag: tar.TypeLink, Name: "catalog.db", Linkname: "/etc/passwd"}},
		{"device", tar.Header{Typeflag: tar.TypeChar, Name: "catalog.db"}},
		{"our mark", tar.Header{Typeflag: tar.TypeReg, Name: restoringName}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			if err := w.WriteHeader(&c.header); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			parent := t.TempDir()
			dir := filepath.Join(parent, "d")
			if _, err := Restore(t.Context(), &b, dir); err == nil || strings.Contains(err.Error(), "no manifest") {
				t.Errorf("accepted: %v", err)
			}
			assertEmpty(t, dir)
			if exists(filepath.Join(parent, "evil")) {
				t.Error("wrote outside")
			}
		})
	}
}
