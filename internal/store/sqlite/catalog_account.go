package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const userColumns = "key, email, name, password, owner, created_at, seen_at"

// HasUsers implements store.Accounts.
func (c *catalog) HasUsers(ctx context.Context) (found bool, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT 1 FROM user LIMIT 1", func(*sqlite.Stmt) error { found = true; return nil })
	})
	return found, wrapCatalog("look for users", err)
}

// Users implements store.Accounts.
func (c *catalog) Users(ctx context.Context) (list []*hook.User, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		list, err = usersIn(conn, "SELECT "+userColumns+" FROM user ORDER BY key")
		return err
	})
	return list, wrapCatalog("list users", err)
}

// ListUsers implements store.Accounts. Few people have a role, so the owners are found by a scan.
func (c *catalog) ListUsers(ctx context.Context, env hook.EnvironmentID, p store.Page[hook.UserID]) (store.Listed[*hook.User], error) {
	const sql = "SELECT " + userColumns + " FROM user WHERE (owner = 1 OR key IN (SELECT user FROM membership WHERE environment = ?1))"
	condition, order, reversed := pageSQL(p, "key", "?3")
	args := []any{env, p.Limit + 1}
	if p.HasAfter {
		args = append(args, p.After)
	}
	var rows []*hook.User
	err := c.read(ctx, func(conn *sqlite.Conn) (err error) {
		rows, err = usersIn(conn, sql+condition+order+" LIMIT ?2", args...)
		return err
	})
	return listedPage(rows, p.Limit, reversed), wrapCatalog("list users", err)
}

// User implements store.Accounts.
func (c *catalog) User(ctx context.Context, id hook.UserID) (u *hook.User, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		u, err = userIn(conn, "key = ?1", id)
		return err
	})
	return u, wrapCatalog("read user", err)
}

// UserByEmail implements store.Accounts.
func (c *catalog) UserByEmail(ctx context.Context, email string) (u *hook.User, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		u, err = userIn(conn, "email_key = ?1", hook.NormalEmail(email))
		return err
	})
	return u, wrapCatalog("read user", err)
}

func userIn(conn *sqlite.Conn, where string, args ...any) (*hook.User, error) {
	list, err := usersIn(conn, "SELECT "+userColumns+" FROM user WHERE "+where, args...)
	if err == nil && len(list) == 0 {
		err = errNotFound()
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// usersIn reads users with their roles. Index of those: primary key of membership.
func usersIn(conn *sqlite.Conn, sql string, args ...any) (list []*hook.User, err error) {
	err = catalogQuery(conn, sql, func(stmt *sqlite.Stmt) error {
		list = append(list, &hook.User{
			ID: hook.UserID(stmt.ColumnInt64(0)), Email: stmt.ColumnText(1), Name: stmt.ColumnText(2), Password: stmt.ColumnText(3),
			Owner: stmt.ColumnInt64(4) != 0, CreatedAt: columnMillis(stmt, 5), SeenAt: columnMillis(stmt, 6),
		})
		return nil
	}, args...)
	if err != nil {
		return nil, err
	}
	for _, u := range list {
		err := catalogQuery(conn, "SELECT environment, role FROM membership WHERE user = ?1", func(stmt *sqlite.Stmt) error {
			if u.Roles == nil {
				u.Roles = map[hook.EnvironmentID]hook.Role{}
			}
			u.Roles[hook.EnvironmentID(stmt.ColumnInt64(0))] = hook.Role(stmt.ColumnText(1))
			return nil
		}, u.ID)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// userEntry is what the audit log says about which user it was.
func userEntry(env hook.EnvironmentID, u *hook.User) hook.AuditEntry {
	return hook.AuditEntry{Environment: env, Noun: hook.AuditUser, Subject: hook.Key(u.ID), Name: u.Email}
}

// CreateUser implements store.Accounts.
func (c *catalog) CreateUser(ctx context.Context, env hook.EnvironmentID, u *hook.User) error {
	return c.change(ctx, func(tx *catalogTx) error { return c.insertUser(tx, env, u) })
}

func (c *catalog) insertUser(tx *catalogTx, env hook.EnvironmentID, u *hook.User) error {
	if u.ID == 0 {
		u.ID = hook.UserID(c.NewKey())
	}
	c.stamp(&u.CreatedAt, nil)
	if err := checkUser(tx, u); err != nil {
		return err
	}
	if err := tx.used(hook.Key(u.ID)); err != nil {
		return err
	}
	err := tx.exec("INSERT INTO user (key, email, email_key, name, password, owner, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
		u.ID, u.Email, hook.NormalEmail(u.Email), u.Name, u.Password, u.Owner, u.CreatedAt.UnixMilli())
	if err != nil {
		return err
	}
	if err := insertRoles(tx, u); err != nil {
		return err
	}
	return c.created(tx, userEntry(env, u), u.AuditFieldsIn(env))
}

// checkUser refuses an address that is another's, and environments that do not exist.
func checkUser(tx *catalogTx, u *hook.User) error {
	taken, err := tx.has("SELECT 1 FROM user WHERE email_key = ?1 AND key <> ?2", hook.NormalEmail(u.Email), u.ID)
	if err != nil {
		return err
	}
	if taken {
		return hook.Errorf(hook.Conflict, "A user with this e-mail address exists already")
	}
	for env := range u.Roles {
		if err := checkEnvironmentExists(tx, env); err != nil {
			return err
		}
	}
	return nil
}

func insertRoles(tx *catalogTx, u *hook.User) error {
	for env, role := range u.Roles {
		if err := tx.exec("INSERT INTO membership (user, environment, role) VALUES (?1, ?2, ?3)", u.ID, env, role); err != nil {
			return err
		}
	}
	return nil
}

// UpdateUser implements store.Accounts.
func (c *catalog) UpdateUser(ctx context.Context, env hook.EnvironmentID, id hook.UserID, keep hook.SessionID, update func(*hook.User) error) (u *hook.User, err error) {
	err = c.change(ctx, func(tx *catalogTx) error {
		u, err = c.updateUser(tx, env, id, keep, update)
		return err
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

func (c *catalog) updateUser(tx *catalogTx, env hook.EnvironmentID, id hook.UserID, keep hook.SessionID, update func(*hook.User) error) (*hook.User, error) {
	was, err := userIn(tx.conn, "key = ?1", id)
	if err != nil {
		return nil, err
	}
	u := *was // update replaces what it changes of Roles, see hook.User.SetRole
	if err := update(&u); err != nil {
		return nil, err
	}
	u.ID, u.CreatedAt, u.SeenAt = was.ID, was.CreatedAt, was.SeenAt
	if err := checkUser(tx, &u); err != nil {
		return nil, err
	}
	if was.Owner && !u.Owner {
		if err := checkOtherOwner(tx, id); err != nil {
			return nil, err
		}
	}
	err = tx.exec("UPDATE user SET email = ?2, email_key = ?3, name = ?4, password = ?5, owner = ?6 WHERE key = ?1",
		id, u.Email, hook.NormalEmail(u.Email), u.Name, u.Password, u.Owner)
	if err != nil {
		return nil, err
	}
	if err := tx.exec("DELETE FROM membership WHERE user = ?1", id); err != nil {
		return nil, err
	}
	if err := insertRoles(tx, &u); err != nil {
		return nil, err
	}
	if u.Password != was.Password || u.Owner != was.Owner || fmt.Sprint(u.Roles) != fmt.Sprint(was.Roles) {
		// Index: session_user.
		if err := tx.exec("DELETE FROM session WHERE user = ?1 AND key <> ?2", id, keep); err != nil {
			return nil, err
		}
	}
	return &u, c.updated(tx, userEntry(env, &u), was.AuditFieldsIn(env), u.AuditFieldsIn(env))
}

// checkOtherOwner refuses what would leave nobody who can manage the installation. Only who
// can sign in counts: an owner who was invited and never came manages nothing.
func checkOtherOwner(tx *catalogTx, id hook.UserID) error {
	found, err := tx.has("SELECT 1 FROM user WHERE owner = 1 AND password <> '' AND key <> ?1", id)
	if err == nil && !found {
		err = hook.Errorf(hook.Conflict, "This is the last owner who can sign in; make another user an owner first")
	}
	return err
}

// DeleteUser implements store.Accounts.
func (c *catalog) DeleteUser(ctx context.Context, env hook.EnvironmentID, id hook.UserID) error {
	return c.change(ctx, func(tx *catalogTx) error {
		u, err := userIn(tx.conn, "key = ?1", id)
		if err != nil {
			return err
		}
		if u.Owner {
			if err := checkOtherOwner(tx, id); err != nil {
				return err
			}
		}
		for _, sql := range []string{
			"DELETE FROM session WHERE user = ?1", "DELETE FROM claim WHERE user = ?1",
			"DELETE FROM membership WHERE user = ?1", "DELETE FROM user WHERE key = ?1",
		} {
			if err := tx.exec(sql, id); err != nil {
				return err
			}
		}
		return c.deleted(tx, userEntry(env, u), u.AuditFieldsIn(env))
	})
}

// CreateClaim implements store.Accounts. Index: claim_user.
func (c *catalog) CreateClaim(ctx context.Context, cl *hook.Claim) error {
	c.stamp(&cl.CreatedAt, nil)
	cl.ExpiresAt = toMillis(cl.ExpiresAt)
	return c.change(ctx, func(tx *catalogTx) error {
		if cl.User != 0 {
			if _, err := userIn(tx.conn, "key = ?1", cl.User); err != nil {
				return err
			}
		}
		if err := tx.exec("DELETE FROM claim WHERE user = ?1 AND purpose = ?2", cl.User, cl.Purpose); err != nil {
			return err
		}
		return tx.exec("INSERT INTO claim (hash, purpose, user, environment, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
			cl.Hash[:], cl.Purpose, cl.User, cl.Environment, cl.CreatedAt.UnixMilli(), cl.ExpiresAt.UnixMilli())
	})
}

// ClaimByHash implements store.Accounts.
func (c *catalog) ClaimByHash(ctx context.Context, hash [32]byte) (cl *hook.Claim, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		cl, err = claimIn(conn, hash, c.now())
		return err
	})
	return cl, wrapCatalog("read link", err)
}

func claimIn(conn *sqlite.Conn, hash [32]byte, now time.Time) (cl *hook.Claim, err error) {
	err = catalogQuery(conn, "SELECT purpose, user, environment, created_at, expires_at FROM claim WHERE hash = ?1 AND expires_at > ?2", func(stmt *sqlite.Stmt) error {
		cl = &hook.Claim{
			Hash: hash, Purpose: hook.ClaimPurpose(stmt.ColumnText(0)), User: hook.UserID(stmt.ColumnInt64(1)),
			Environment: hook.EnvironmentID(stmt.ColumnInt64(2)), CreatedAt: columnMillis(stmt, 3), ExpiresAt: columnMillis(stmt, 4),
		}
		return nil
	}, hash[:], now.UnixMilli())
	if err == nil && cl == nil {
		err = errNotFound()
	}
	return cl, err
}

// TakeClaim implements store.Accounts.
func (c *catalog) TakeClaim(ctx context.Context, hash [32]byte, env hook.EnvironmentID, s *hook.Session, take func(*hook.Claim, *hook.User) error) (u *hook.User, err error) {
	err = c.change(ctx, func(tx *catalogTx) error {
		cl, err := claimIn(tx.conn, hash, c.now())
		if err != nil {
			return err
		}
		change := func(u *hook.User) error {
			if err := take(cl, u); err != nil {
				return err
			}
			tx.actor.Kind, tx.actor.ID, tx.actor.Name = hook.ActorUser, c.codec.User(u.ID), u.Email
			return nil
		}
		if cl.User == 0 {
			if err := checkNoUser(tx); err != nil {
				return err
			}
			u = &hook.User{ID: hook.UserID(c.NewKey())}
			if err := change(u); err != nil {
				return err
			}
			if err := c.insertUser(tx, env, u); err != nil {
				return err
			}
		} else if u, err = c.updateUser(tx, env, cl.User, 0, change); err != nil {
			return err
		}
		// A link to set a password that lies about somewhere else is over, too.
		if err := tx.exec("DELETE FROM claim WHERE hash = ?1 OR user = ?2 AND purpose = ?3", hash[:], u.ID, cl.Purpose); err != nil {
			return err
		}
		s.User = u.ID
		return c.insertSession(tx, s)
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

func checkNoUser(tx *catalogTx) error {
	found, err := tx.has("SELECT 1 FROM user LIMIT 1")
	if err == nil && found {
		err = hook.Errorf(hook.Conflict, "Somebody was faster: there is a user already. Ask for an invitation")
	}
	return err
}

const (
	sessionColumns = "key, hash, user, created_at, used_at, ends_at, address, browser"
	// purgeSessions is how many that are over each new session removes, see purgeReceipts.
	purgeSessions = 16
)

// CreateSession implements store.Accounts.
func (c *catalog) CreateSession(ctx context.Context, s *hook.Session) error {
	return c.change(ctx, func(tx *catalogTx) error { return c.insertSession(tx, s) })
}

func (c *catalog) insertSession(tx *catalogTx, s *hook.Session) error {
	if s.ID == 0 {
		s.ID = hook.SessionID(c.NewKey())
	}
	c.stamp(&s.CreatedAt, &s.UsedAt)
	s.EndsAt = toMillis(s.EndsAt)
	if _, err := userIn(tx.conn, "key = ?1", s.User); err != nil {
		return err
	}
	// What is over in all was not used for longer than SessionIdle, so one index serves. Index: session_used.
	err := tx.exec("DELETE FROM session WHERE key IN (SELECT key FROM session WHERE used_at <= ?1 ORDER BY used_at LIMIT ?2)",
		c.now().Add(-hook.SessionIdle).UnixMilli(), purgeSessions)
	if err != nil {
		return err
	}
	if err := tx.used(hook.Key(s.ID)); err != nil {
		return err
	}
	if err := tx.exec("UPDATE user SET seen_at = max(coalesce(seen_at, 0), ?2) WHERE key = ?1", s.User, s.UsedAt.UnixMilli()); err != nil {
		return err
	}
	return tx.exec("INSERT INTO session ("+sessionColumns+") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
		s.ID, s.Hash[:], s.User, s.CreatedAt.UnixMilli(), s.UsedAt.UnixMilli(), s.EndsAt.UnixMilli(), s.Address, s.Browser)
}

// Session implements store.Accounts.
func (c *catalog) Session(ctx context.Context, hash [32]byte) (s *hook.Session, u *hook.User, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		list, err := c.sessionsIn(conn, "hash = ?1", hash[:])
		if err == nil && len(list) == 0 {
			err = errNotFound()
		}
		if err != nil {
			return err
		}
		s = list[0]
		u, err = userIn(conn, "key = ?1", s.User)
		return err
	})
	if err != nil {
		return nil, nil, wrapCatalog("read session", err)
	}
	return s, u, nil
}

// TouchSession implements store.Accounts.
func (c *catalog) TouchSession(ctx context.Context, id hook.SessionID, at time.Time, address, browser string) error {
	return c.change(ctx, func(tx *catalogTx) error {
		err := tx.exec("UPDATE session SET used_at = max(used_at, ?2), address = ?3, browser = ?4 WHERE key = ?1", id, at.UnixMilli(), address, browser)
		if err != nil {
			return err
		}
		return tx.exec("UPDATE user SET seen_at = max(coalesce(seen_at, 0), ?2) WHERE key = (SELECT user FROM session WHERE key = ?1)", id, at.UnixMilli())
	})
}

// Sessions implements store.Accounts. Index: session_user.
func (c *catalog) Sessions(ctx context.Context, user hook.UserID) (list []*hook.Session, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		list, err = c.sessionsIn(conn, "user = ?1 ORDER BY key DESC", user)
		return err
	})
	return list, wrapCatalog("list sessions", err)
}

// sessionsIn reads sessions that are not over.
func (c *catalog) sessionsIn(conn *sqlite.Conn, where string, args ...any) (list []*hook.Session, err error) {
	now := c.now()
	err = catalogQuery(conn, "SELECT "+sessionColumns+" FROM session WHERE "+where, func(stmt *sqlite.Stmt) error {
		s := &hook.Session{
			ID: hook.SessionID(stmt.ColumnInt64(0)), User: hook.UserID(stmt.ColumnInt64(2)), CreatedAt: columnMillis(stmt, 3),
			UsedAt: columnMillis(stmt, 4), EndsAt: columnMillis(stmt, 5), Address: stmt.ColumnText(6), Browser: stmt.ColumnText(7),
		}
		stmt.ColumnBytes(1, s.Hash[:])
		if !s.Ended(now) {
			list = append(list, s)
		}
		return nil
	}, args...)
	return list, err
}

// EndSession implements store.Accounts.
func (c *catalog) EndSession(ctx context.Context, user hook.UserID, id hook.SessionID) error {
	return c.change(ctx, func(tx *catalogTx) error {
		if err := tx.exec("DELETE FROM session WHERE key = ?1 AND user = ?2", id, user); err != nil {
			return err
		}
		if tx.conn.Changes() == 0 {
			return errNotFound()
		}
		return nil
	})
}
