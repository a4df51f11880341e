package server

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A backup is a tar file: the store's files, then manifest.json with the size and
// SHA-256 of each. The manifest comes last, so that its presence proves that the
// archive is whole, and a backup can be streamed while it is made.
const (
	manifestName = "manifest.json"
	// manifestFormat rises when an older program could not read the archive rightly.
	manifestFormat = 1
	// maxManifestBytes bounds what is read before anything is verified: a hundred
	// thousand files, far more than a store has segments.
	maxManifestBytes = 32 << 20
)

type manifest struct {
	Format    int            `json:"format"`
	Version   string         `json:"version"` // of the program that wrote it
	CreatedAt time.Time      `json:"createdAt"`
	WithKey   bool           `json:"withKey"`
	Files     []manifestFile `json:"files"`
}

type manifestFile struct {
	Name   string `json:"name"` // relative, with forward slashes
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// writeArchive writes the regular files below dir, and extra files by their name in
// the archive, as a backup made at now.
func writeArchive(ctx context.Context, w io.Writer, dir string, extra map[string]string, withKey bool, now time.Time) error {
	tw := tar.NewWriter(w)
	m := manifest{Format: manifestFormat, Version: ReadBuild().Version, CreatedAt: now.UTC(), WithKey: withKey}
	add := func(name, from string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := writeArchived(tw, name, from, now)
		if err != nil {
			return fmt.Errorf("back up %s: %w", name, err)
		}
		m.Files = append(m.Files, f)
		return nil
	}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		return add(filepath.ToSlash(name), p)
	})
	if err != nil {
		return err
	}
	for name, from := range extra {
		if err := add(name, from); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	if err := tw.WriteHeader(archiveHeader(manifestName, int64(len(text)), now)); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if _, err := tw.Write(text); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := tw.Close(); err != nil {
		return fmt.Errorf("end archive: %w", err)
	}
	return nil
}

func archiveHeader(name string, size int64, now time.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: now.UTC().Truncate(time.Second)}
}

func writeArchived(tw *tar.Writer, name, from string, now time.Time) (manifestFile, error) {
	file, err := os.Open(from)
	if err != nil {
		return manifestFile{}, err
	}
	defer file.Close() // opened for reading: nothing to lose
	info, err := file.Stat()
	if err != nil {
		return manifestFile{}, err
	}
	if !info.Mode().IsRegular() {
		return manifestFile{}, errors.New("is not a regular file")
	}
	if err := tw.WriteHeader(archiveHeader(name, info.Size(), now)); err != nil {
		return manifestFile{}, err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(tw, sum), file)
	if err != nil {
		return manifestFile{}, err
	}
	return manifestFile{Name: name, Bytes: n, SHA256: hexSum(sum)}, nil
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// Restored says what Restore did.
type Restored struct {
	Files     int
	CreatedAt time.Time // when the backup was made
	WithKey   bool      // the sealing key was in it
}

const (
	// restoringName marks a data directory whose restore has not ended: a server refuses it.
	restoringName = "restoring"
	// holdName marks a restored store until its sending is stopped in the store itself.
	holdName = "hold-after-restore"
)

// Restore fills the data directory dir, which must be empty or not exist, from a
// backup. Every file is compared with the manifest, and all is on disk when it
// returns. On error the directory holds a mark with which no server starts; what was
// written is removed where that is possible.
func Restore(ctx context.Context, archive io.Reader, dir string) (Restored, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Restored{}, fmt.Errorf("make data directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Restored{}, fmt.Errorf("read data directory: %w", err)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" { // of an empty volume
			return Restored{}, fmt.Errorf("%s is not empty: restore into a new directory, so that nothing is overwritten", dir)
		}
	}
	mark := filepath.Join(dir, restoringName)
	if err := writeDurably(mark, nil); err != nil {
		return Restored{}, fmt.Errorf("mark data directory: %w", err)
	}
	m, err := extract(ctx, archive, dir)
	if err != nil {
		return Restored{}, errors.Join(err, removeRestored(dir))
	}
	if err := writeDurably(filepath.Join(dir, holdName), nil); err != nil {
		return Restored{}, fmt.Errorf("hold deliveries: %w", err)
	}
	if err := os.Remove(mark); err != nil {
		return Restored{}, fmt.Errorf("end restore: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return Restored{}, fmt.Errorf("end restore: %w", err)
	}
	return Restored{Files: len(m.Files), CreatedAt: m.CreatedAt, WithKey: m.WithKey}, nil
}

// removeRestored empties dir again; the mark goes last.
func removeRestored(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == restoringName || e.Name() == "lost+found" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return os.Remove(filepath.Join(dir, restoringName))
}

// extract writes the archive's files into dir and verifies them.
func extract(ctx context.Context, archive io.Reader, dir string) (*manifest, error) {
	found := map[string]manifestFile{}
	tr := tar.NewReader(archive)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the backup has no manifest: it is not a backup, or it was cut off")
		}
		if err != nil {
			return nil, fmt.Errorf("read backup: %w", err)
		}
		if h.Name == manifestName {
			m, err := readManifest(tr)
			if err != nil {
				return nil, err
			}
			return m, m.compare(found)
		}
		if err := checkArchived(h, found); err != nil {
			return nil, err
		}
		f, err := extractFile(tr, dir, h.Name)
		if err != nil {
			return nil, fmt.Errorf("restore %s: %w", h.Name, err)
		}
		found[h.Name] = f
	}
}

// checkArchived refuses what could leave the data directory or stand for something
// other than a file of a store.
func checkArchived(h *tar.Header, found map[string]manifestFile) error {
	_, twice := found[h.Name]
	switch {
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("the backup holds %q, which is not a regular file", h.Name)
	case !filepath.IsLocal(filepath.FromSlash(h.Name)), path.Clean(h.Name) != h.Name, strings.Contains(h.Name, `\`), h.Name == restoringName, h.Name == holdName:
		return fmt.Errorf("the backup holds the file name %q, which no store has", h.Name)
	case twice:
		return fmt.Errorf("the backup holds %q twice", h.Name)
	}
	return nil
}

func extractFile(r io.Reader, dir, name string) (manifestFile, error) {
	to := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return manifestFile{}, err
	}
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return manifestFile{}, err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, sum), r)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = syncDir(filepath.Dir(to))
	}
	return manifestFile{Name: name, Bytes: n, SHA256: hexSum(sum)}, err
}

func readManifest(r io.Reader) (*manifest, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxManifestBytes))
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	m := &manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("the backup has format %d, this program reads %d: restore it with version %s", m.Format, manifestFormat, m.Version)
	}
	return m, nil
}

// compare reports the first difference between the manifest and the files found.
func (m *manifest) compare(found map[string]manifestFile) error {
	for _, want := range m.Files {
		got, ok := found[want.Name]
		switch {
		case !ok:
			return fmt.Errorf("the backup lacks %s, which its manifest lists", want.Name)
		case got != want:
			return fmt.Errorf("%s is damaged: its checksum is not the one in the manifest", want.Name)
		}
	}
	for name := range found {
		if !slices.ContainsFunc(m.Files, func(f manifestFile) bool { return f.Name == name }) {
			return fmt.Errorf("the backup holds %s, which its manifest does not list", name)
		}
	}
	return nil
}

// writeDurably makes a file that must not exist yet, and returns when it is on disk.
// After a crash it is there whole or not at all.
func writeDurably(name string, content []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	// A link, because a rename would replace what is there.
	if err := os.Link(file.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}
