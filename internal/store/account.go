package store

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Accounts are the people who sign in, of the installation as a whole; what each may do is
// said by environment. Changes are durable when the call returns, and are in the audit log of
// the environment that the call names.
type Accounts interface {
	// HasUsers reports whether there is a user at all.
	HasUsers(ctx context.Context) (bool, error)
	// Users returns all users, the oldest first.
	Users(ctx context.Context) ([]*hook.User, error)
	// ListUsers lists the users who have a role in an environment.
	ListUsers(ctx context.Context, env hook.EnvironmentID, p Page[hook.UserID]) (Listed[*hook.User], error)
	User(ctx context.Context, id hook.UserID) (*hook.User, error)
	// UserByEmail finds by address, whatever its case.
	UserByEmail(ctx context.Context, email string) (*hook.User, error)
	// CreateUser makes a user. An address that is taken is hook.Conflict.
	CreateUser(ctx context.Context, env hook.EnvironmentID, u *hook.User) error
	// UpdateUser changes a user. Where password or rights change, sessions of the user end in
	// the same transaction, but keep. The last owner stays one: hook.Conflict.
	UpdateUser(ctx context.Context, env hook.EnvironmentID, id hook.UserID, keep hook.SessionID, update func(*hook.User) error) (*hook.User, error)
	// DeleteUser removes a user with sessions and links. Not the last owner: hook.Conflict.
	DeleteUser(ctx context.Context, env hook.EnvironmentID, id hook.UserID) error

	// CreateClaim keeps a link. Earlier ones for the same purpose and user end.
	CreateClaim(ctx context.Context, c *hook.Claim) error
	// ClaimByHash finds a link that has not expired.
	ClaimByHash(ctx context.Context, hash [32]byte) (*hook.Claim, error)
	// TakeClaim uses a link up: take changes its user, and s becomes a session of theirs, in
	// one transaction. Of two at the same moment one is hook.NotFound. The link for the first
	// user makes one, and is hook.Conflict when there is one.
	TakeClaim(ctx context.Context, hash [32]byte, env hook.EnvironmentID, s *hook.Session, take func(*hook.Claim, *hook.User) error) (*hook.User, error)

	// CreateSession keeps a session of a user and removes some that are over.
	CreateSession(ctx context.Context, s *hook.Session) error
	// Session finds a session that is not over, with its user.
	Session(ctx context.Context, hash [32]byte) (*hook.Session, *hook.User, error)
	// TouchSession notes a use of a session and its user.
	TouchSession(ctx context.Context, id hook.SessionID, at time.Time, address, browser string) error
	// Sessions returns those of a user that are not over, the newest first.
	Sessions(ctx context.Context, user hook.UserID) ([]*hook.Session, error)
	// EndSession removes a session of a user.
	EndSession(ctx context.Context, user hook.UserID, id hook.SessionID) error
}
