package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// DataReport is what can be said of a data directory without opening its store.
type DataReport struct {
	// HasStore: a store is there. The rest is zero where the directory is not.
	Exists, HasStore bool
	// Writable: this process may make files in it.
	Writable bool
	// Open are files and directories in it, or itself, that others may read or write, at most ten.
	Open []string
	// Bytes is how much it takes.
	Bytes int64
	// FreeBytes is what this process may still write on its disk; -1 where the system does not say.
	FreeBytes int64
	// Served: a server runs on it.
	Served bool
	// KeyMissing: the store is sealed with a key that is not in the directory. It is
	// right where the main secret is given.
	KeyMissing bool
}

// InspectData looks at a data directory; where it or something in it is a link, at what that
// points to. It changes nothing, also while a server runs.
func InspectData(ctx context.Context, dir string) (DataReport, error) {
	var r DataReport
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r.Exists, r.HasStore = true, hasStore(dir)
	r.KeyMissing = r.HasStore && !exists(filepath.Join(dir, keyName))
	r.Writable = info.IsDir() && writable(dir)
	r.FreeBytes = freeBytes(dir)
	if err := r.measure(dir, nil); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	if remote, err := dialAdmin(ctx, dir); err == nil {
		r.Served = true
		return r, remote.Close()
	}
	return r, nil
}

// measure adds what is in and below dir, under names as seen from dir. around are the
// directories that are being measured.
func (r *DataReport) measure(dir string, around []string) error {
	// A walk does not follow links, and the mode of a link itself says nothing about rights.
	target, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	if target, err = filepath.Abs(target); err != nil {
		return err
	}
	for _, other := range around {
		if isWithin(target, other) || isWithin(other, target) {
			return nil // counted already, or far more than this store
		}
	}
	around = append(slices.Clip(around), target)
	return filepath.WalkDir(target, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(target, path)
		if err != nil {
			return err
		}
		name := filepath.Join(dir, below)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) { // a running server has removed it meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 && info.IsDir() {
			return r.measure(name, around)
		}
		if info.Mode().IsRegular() {
			r.Bytes += info.Size()
		}
		if othersMay(info.Mode()) && len(r.Open) < 10 {
			r.Open = append(r.Open, name)
		}
		return nil
	})
}

// isWithin reports whether dir is parent, or below it.
func isWithin(dir, parent string) bool {
	below, err := filepath.Rel(parent, dir)
	return err == nil && filepath.IsLocal(below)
}

// FileLimit returns how many files a server that is started like this process may open.
func FileLimit() int { return fileLimit() }
