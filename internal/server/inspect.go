package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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

// InspectData looks at a data directory. It changes nothing, also while a server runs.
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
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) { // a running server has removed it meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			r.Bytes += info.Size()
		}
		if othersMay(info.Mode()) && len(r.Open) < 10 {
			r.Open = append(r.Open, path)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	if remote, err := dialAdmin(ctx, dir); err == nil {
		r.Served = true
		return r, remote.Close()
	}
	return r, nil
}

// FileLimit returns how many files a server that is started like this process may open.
func FileLimit() int { return fileLimit() }
