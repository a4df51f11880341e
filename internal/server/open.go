package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/connector"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/store/sqlite"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// opened is a store that this process holds, with the keys of its directory.
type opened struct {
	store  store.Store
	hasher *auth.Hasher
	dir    string
	// keyFile holds the sealing key; "" when it comes from the main secret.
	keyFile string
}

const (
	// keyName is the file with the sealing key in the data directory.
	keyName = "main.key"
	// keyCheckName holds a text sealed under the key of this store. A wrong key is
	// noticed at the start, and not when the first endpoint's secret does not open.
	keyCheckName    = "key.check"
	keyCheckText    = "hookloft"
	keyCheckContext = "server/key-check"
)

// openStore opens the store of the data directory and makes what is missing. metrics and
// fatal may be nil; fatal hears of an error that ended the store.
func openStore(ctx context.Context, c *config.Config, log *slog.Logger, metrics *telemetry.Metrics, fatal func(error)) (*opened, error) {
	privateFiles()
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	if exists(filepath.Join(c.Data, restoringName)) {
		return nil, fmt.Errorf("a restore into %s did not end: empty the directory and restore again", c.Data)
	}
	o := &opened{dir: c.Data}
	key, err := o.loadKey(c)
	if err != nil {
		return nil, err
	}
	sealer := auth.NewSealer(key)
	if err := checkKey(c.Data, sealer); err != nil {
		return nil, err
	}
	o.hasher = auth.NewHasher(key)
	s, err := sqlite.Open(ctx, c.Data, sqlite.Options{Sealer: sealer, Log: log, Metrics: metrics, Fatal: fatal, MaxBytes: c.RetentionBytes, ReadyConnector: connector.Ready})
	if err != nil {
		return nil, err
	}
	o.store = s
	if err := o.settle(ctx, log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return o, nil
}

// hasStore reports whether dir holds a store, also one whose restore did not end.
func hasStore(dir string) bool {
	return exists(filepath.Join(dir, keyCheckName)) || exists(filepath.Join(dir, restoringName))
}

// isLocked reports whether err says that another process holds the store.
func isLocked(err error) bool { return hook.KindOf(err) == hook.Conflict }

func (o *opened) loadKey(c *config.Config) (auth.Key, error) {
	if c.MainSecret != "" {
		return auth.KeyFromSecret(string(c.MainSecret))
	}
	file := filepath.Join(c.Data, keyName)
	if !exists(file) && exists(filepath.Join(c.Data, keyCheckName)) {
		return auth.Key{}, fmt.Errorf("the sealing key of this store is not here: put the file %s back, or give the main secret with which the store was made", file)
	}
	key, _, err := auth.LoadOrCreateKey(file)
	if err != nil {
		return key, err
	}
	o.keyFile = file
	return key, nil
}

// checkKey proves that s is the sealer of the store in dir, and leaves the proof for
// the next time where there is none.
func checkKey(dir string, s *auth.Sealer) error {
	name := filepath.Join(dir, keyCheckName)
	sealed, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		err := writeDurably(name, s.Seal([]byte(keyCheckText), keyCheckContext))
		if errors.Is(err, fs.ErrExist) {
			return checkKey(dir, s) // another process was faster
		}
		if err != nil {
			return fmt.Errorf("save key check: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read key check: %w", err)
	}
	if _, err := s.Open(sealed, keyCheckContext); err != nil {
		return fmt.Errorf("the sealing key is not the one with which the store in %s was made: check main.key, --main-secret and HOOKLOFT_MAIN_SECRET", dir)
	}
	return nil
}

// settle finishes what a restore began, and removes what a crashed backup left. The
// caller holds the store's lock.
func (o *opened) settle(ctx context.Context, log *slog.Logger) error {
	mark := filepath.Join(o.dir, holdName)
	if exists(mark) {
		// The hold is durable in the store before the mark goes: a crash in between repeats it.
		if err := o.store.SetHold(ctx, true); err != nil {
			return fmt.Errorf("hold deliveries after a restore: %w", err)
		}
		if err := os.Remove(mark); err != nil {
			return fmt.Errorf("hold deliveries after a restore: %w", err)
		}
	}
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), backupPrefix) {
			if err := os.RemoveAll(filepath.Join(o.dir, e.Name())); err != nil {
				log.Warn("rest of a backup not removed", "name", e.Name(), telemetry.KeyError, err)
			}
		}
	}
	return nil
}
