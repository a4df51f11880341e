package server

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
	"github.com/hookloft/hookloft/internal/upkeep"
)

// localAdmin works on a store that this process holds.
type localAdmin struct {
	*opened
	door door
	// closes: Close closes the store, which nobody else uses.
	closes bool

	backing sync.Mutex // one backup at a time: each needs the space of a copy
}

var _ Admin = (*localAdmin)(nil)

func (a *localAdmin) Close() error {
	if !a.closes {
		return nil
	}
	return a.store.Close()
}

func (a *localAdmin) CreateToken(ctx context.Context, environment, name string) (string, error) {
	ctx = byOperator(ctx, "token create")
	if name != "" {
		if err := hook.CheckName("name", name); err != nil {
			return "", err
		}
	}
	e, err := a.environmentNamed(ctx, environment)
	if err != nil {
		return "", err
	}
	text := auth.MintAPI()
	t := &hook.Token{
		ID: hook.TokenID(a.store.NewKey()), Environment: e.ID, Hash: a.hasher.Hash(text), Hint: text.Hint(), Name: name, CreatedAt: time.Now().UTC(),
	}
	if err := a.store.CreateToken(ctx, t, nil); err != nil {
		return "", fmt.Errorf("create token: %w", err)
	}
	return text.Reveal(), nil
}

// byOperator names a command of the operator, for the audit log: whoever may read the
// data directory may do everything, and has no name here.
func byOperator(ctx context.Context, command string) context.Context {
	return hook.WithActor(ctx, hook.Actor{Kind: hook.ActorCommand, Name: command})
}

// environmentNamed returns the environment of that name and makes it when there is none.
func (a *localAdmin) environmentNamed(ctx context.Context, name string) (*hook.Environment, error) {
	e, err := a.store.EnvironmentByName(ctx, name)
	if hook.KindOf(err) != hook.NotFound {
		return e, err
	}
	e, err = a.newEnvironment(ctx, name)
	if hook.KindOf(err) == hook.Conflict { // somebody else has just made it
		return a.store.EnvironmentByName(ctx, name)
	}
	return e, err
}

func (a *localAdmin) newEnvironment(ctx context.Context, name string) (*hook.Environment, error) {
	if err := hook.CheckName("name", name); err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	e := &hook.Environment{ID: hook.EnvironmentID(a.store.NewKey()), Name: name, Settings: hook.DefaultSettings(), CreatedAt: now, UpdatedAt: now}
	if err := a.store.CreateEnvironment(ctx, e); err != nil {
		return nil, fmt.Errorf("create environment: %w", err)
	}
	return e, nil
}

func (a *localAdmin) info(e *hook.Environment) EnvironmentInfo {
	return EnvironmentInfo{ID: a.store.Codec().Environment(e.ID), Name: e.Name, CreatedAt: e.CreatedAt}
}

func (a *localAdmin) Environments(ctx context.Context) ([]EnvironmentInfo, error) {
	all, err := a.store.ListEnvironments(ctx)
	if err != nil {
		return nil, fmt.Errorf("list environments: %w", err)
	}
	out := make([]EnvironmentInfo, len(all))
	for i, e := range all {
		out[i] = a.info(e)
	}
	return out, nil
}

func (a *localAdmin) CreateEnvironment(ctx context.Context, name string) (EnvironmentInfo, error) {
	ctx = byOperator(ctx, "environment create")
	e, err := a.newEnvironment(ctx, name)
	if err != nil {
		return EnvironmentInfo{}, err
	}
	return a.info(e), nil
}

func (a *localAdmin) DeleteEnvironment(ctx context.Context, name string) error {
	ctx = byOperator(ctx, "environment delete")
	e, err := a.store.EnvironmentByName(ctx, name)
	if hook.KindOf(err) == hook.NotFound {
		return hook.Errorf(hook.NotFound, "there is no environment named %q", name)
	}
	if err != nil {
		return fmt.Errorf("find environment: %w", err)
	}
	if err := a.store.DeleteEnvironment(ctx, e.ID); err != nil {
		return fmt.Errorf("delete environment: %w", err)
	}
	return nil
}

// backupPrefix begins the directory inside the data directory in which a backup is
// made. It is removed at the end, or at the next start.
const backupPrefix = "backup-"

func (a *localAdmin) Backup(ctx context.Context, w io.Writer, withKey bool) error {
	a.backing.Lock()
	defer a.backing.Unlock()
	// Inside the data directory, because that is where the space and the rights are.
	dir, err := os.MkdirTemp(a.dir, backupPrefix)
	if err != nil {
		return fmt.Errorf("make room for the backup: %w", err)
	}
	defer os.RemoveAll(dir) // a rest is removed at the next start
	now := time.Now()
	if err := a.store.Backup(ctx, dir); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	extra := map[string]string{}
	if check := filepath.Join(a.dir, keyCheckName); exists(check) {
		extra[keyCheckName] = check
	}
	if withKey {
		if a.keyFile == "" {
			return hook.Errorf(hook.Invalid, "the sealing key comes from the main secret, not from a file: keep that secret with the backup, and leave --with-key out")
		}
		extra[keyName] = a.keyFile
	}
	counted := &countingWriter{w: w}
	if err := writeArchive(ctx, counted, dir, extra, withKey, now); err != nil {
		return err
	}
	// The backup is whole, also where the time of it cannot be noted: the disk may be full.
	_ = a.store.NoteBackup(ctx, 1, counted.n)
	return nil
}

func (a *localAdmin) Hold(ctx context.Context) (Hold, error) {
	h, err := a.store.Held(ctx)
	if err != nil {
		return Hold{}, fmt.Errorf("read hold: %w", err)
	}
	return Hold{Held: h.Held, Pending: h.Pending, Endpoints: h.Endpoints}, nil
}

func (a *localAdmin) Release(ctx context.Context) error {
	if err := a.store.SetHold(ctx, false); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

func (a *localAdmin) Prune(ctx context.Context, before time.Time, dryRun bool) (Pruned, error) {
	if before.After(time.Now()) {
		return Pruned{}, hook.Errorf(hook.Invalid, "the moment before which messages are to go lies in the future")
	}
	k := upkeep.New(a.store, a.store, telemetry.Discard(), upkeep.Options{})
	r, err := k.Reclaim(ctx, before, dryRun)
	if err != nil {
		return Pruned{}, fmt.Errorf("prune: %w", err)
	}
	return Pruned{Dropped: r.Dropped, Compacted: r.Compacted, Postponed: r.Postponed, FreedBytes: r.FreedBytes, UsedBytes: r.UsedBytes}, nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
