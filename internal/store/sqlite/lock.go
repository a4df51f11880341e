package sqlite

import (
	"fmt"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/hookloft/hookloft/internal/hook"
)

const lockName = "hookloft.lock"

// lockDir proves that this process alone owns the directory. The kernel lets go of the
// lock when the process ends, however it ends.
func lockDir(dir string) (*flock.Flock, error) {
	l := flock.New(filepath.Join(dir, lockName))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if !ok {
		return nil, hook.Errorf(hook.Conflict, "another hookloft process holds %s", dir)
	}
	return l, nil
}
