package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// DefaultEnvironment is the environment of those who need only one.
const DefaultEnvironment = "default"

// Admin is what an operator may do to a store beside the HTTP API. Whoever may read
// and write the data directory may do it; there is no further check. The same
// operations run in the server that has the store, behind its admin socket, and in a
// command that opens the store itself.
type Admin interface {
	// CreateToken makes an API token of an environment, which is created when there is
	// none of that name. It returns the token's text, which is kept nowhere.
	CreateToken(ctx context.Context, environment, name string) (string, error)
	// Environments returns all environments, the oldest first.
	Environments(ctx context.Context) ([]EnvironmentInfo, error)
	// CreateEnvironment makes an environment; a name that is taken is an error.
	CreateEnvironment(ctx context.Context, name string) (EnvironmentInfo, error)
	// DeleteEnvironment removes an environment with all that it owns; see IsNotFound.
	DeleteEnvironment(ctx context.Context, name string) error
	// CreateSource makes a source that forwards to the given URLs. What is refused, with
	// words about what would be right, leaves nothing behind; see IsInvalid.
	CreateSource(ctx context.Context, s NewSource) (SourceInfo, error)
	// Sources returns all sources, environment by environment, the oldest first.
	Sources(ctx context.Context) ([]SourceInfo, error)
	// RotateSource gives a source, named by id or uid, a new URL. The old one goes on working for
	// hook.TokenOverlap.
	RotateSource(ctx context.Context, ref string) (SourceInfo, error)
	// DeleteSource removes a source; its waiting deliveries are cancelled.
	DeleteSource(ctx context.Context, ref string) error
	// Users returns everybody who may sign in, the oldest first.
	Users(ctx context.Context) ([]UserInfo, error)
	// InviteUser makes a user with a link to hand over, or gives one who is there a role in one
	// more environment.
	InviteUser(ctx context.Context, u NewUser) (UserInfo, error)
	// RemoveUser removes a user from every environment. Not the last owner.
	RemoveUser(ctx context.Context, email string) error
	// SetRole gives a user another role in an environment, or makes an owner.
	SetRole(ctx context.Context, email, role, environment string) (UserInfo, error)
	// ResetUser makes a link by which a user sets a new password.
	ResetUser(ctx context.Context, email string) (UserInfo, error)
	// Backup writes a backup of everything that was acknowledged before the call. On
	// error w holds an incomplete backup, which Restore refuses.
	Backup(ctx context.Context, w io.Writer, withKey bool) error
	// Hold says whether sending is stopped and what waits.
	Hold(ctx context.Context) (Hold, error)
	// Release ends the hold, durably.
	Release(ctx context.Context) error
	// Prune gives space back now: of what has expired, and of everything finished that was
	// accepted before a moment, zero for none. What is unfinished stays. A dry run changes
	// nothing and reports about what would go. See IsInvalid.
	Prune(ctx context.Context, before time.Time, dryRun bool) (Pruned, error)
	// Close gives the store or the connection back.
	Close() error
}

// EnvironmentInfo is an environment as an operator sees it.
type EnvironmentInfo struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
}

// Hold says whether a store's sending is stopped, and what would be sent.
type Hold struct {
	Held      bool  `json:"held"`
	Pending   int64 `json:"pending"`   // deliveries
	Endpoints int64 `json:"endpoints"` // that they go to
}

// Pruned is what Prune did, or in a dry run would do.
type Pruned struct {
	Dropped    int   `json:"dropped"`    // segment files that went as a whole
	Compacted  int   `json:"compacted"`  // those of which a part went
	Postponed  int   `json:"postponed"`  // those that were too busy; they are tried again by themselves
	FreedBytes int64 `json:"freedBytes"` // about, in a dry run
	UsedBytes  int64 `json:"usedBytes"`  // what the data directory takes
}

// IsNotFound reports whether err says that something named does not exist.
func IsNotFound(err error) bool { return hook.KindOf(err) == hook.NotFound }

// IsInvalid reports whether err says that what was asked for breaks a rule.
func IsInvalid(err error) bool { return hook.KindOf(err) == hook.Invalid }

// socketWait is how long OpenAdmin waits for the socket of a server that has the
// store but has not opened its socket yet, or no longer has it because it drains.
const socketWait = 10 * time.Second

// Missing says what OpenAdmin does about a data directory without a store.
type Missing bool

const (
	// RefuseMissing: hook.NotFound. A wrong directory is noticed, and not backed up empty.
	RefuseMissing Missing = false
	// CreateMissing: a store is made.
	CreateMissing Missing = true
)

// OpenAdmin returns the Admin of the store in the data directory: the server's when
// one runs there, else one that holds the store itself until Close.
func OpenAdmin(ctx context.Context, c *config.Config, missing Missing) (Admin, error) {
	if missing == RefuseMissing && !hasStore(c.Data) {
		return nil, hook.Errorf(hook.NotFound, "there is no store in %s; name the data directory of a server with --data", c.Data)
	}
	var deadline <-chan time.Time
	for {
		remote, err := dialAdmin(ctx, c.Data)
		if err == nil {
			return remote, nil
		}
		opened, err := openStore(ctx, c, telemetry.Discard(), nil, nil)
		if err == nil {
			d, err := doorOf(c)
			if err != nil {
				return nil, errors.Join(err, opened.store.Close())
			}
			return &localAdmin{opened: opened, door: d, closes: true}, nil
		}
		if !isLocked(err) {
			return nil, err
		}
		if deadline == nil {
			timer := time.NewTimer(socketWait)
			defer timer.Stop()
			deadline = timer.C
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline:
			return nil, fmt.Errorf("%w, and does not answer at its admin socket", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
