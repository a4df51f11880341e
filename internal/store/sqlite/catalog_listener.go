package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
)

const listenerColumns = "application, name, secret, cursor, created_at, updated_at"

// OpenListener implements store.Listeners. One that exists is only read, so that coming
// back costs no write.
func (c *catalog) OpenListener(ctx context.Context, l *hook.Listener) (*hook.Listener, bool, error) {
	var found *hook.Listener
	find := func(conn *sqlite.Conn) error {
		list, err := c.listenersIn(conn, "application = ?1 AND name = ?2", l.Application, l.Name)
		if len(list) > 0 {
			found = list[0]
		}
		return err
	}
	if err := c.read(ctx, find); err != nil {
		return nil, false, wrapCatalog("read listener", err)
	}
	if found != nil {
		return found, false, nil
	}
	c.stamp(&l.CreatedAt, &l.UpdatedAt)
	err := c.change(ctx, func(tx *catalogTx) error {
		// Another caller may have been faster.
		if err := find(tx.conn); err != nil || found != nil {
			return err
		}
		a, err := applicationIn(tx.conn, "a.key = ?1", l.Application)
		if err != nil {
			return err
		}
		full, err := tx.has("SELECT 1 FROM listener WHERE application = ?1 LIMIT 1 OFFSET ?2", l.Application, hook.MaxListeners-1)
		if err != nil {
			return err
		}
		if full {
			return hook.Errorf(hook.LimitReached, "An application may have %d listeners; delete one that is of no use any more.", hook.MaxListeners)
		}
		err = tx.exec("INSERT INTO listener ("+listenerColumns+") VALUES (?1, ?2, ?3, ?4, ?5, ?6)", l.Application, l.Name,
			c.sealer.Seal([]byte(l.Secret), listenerContext(l.Application, l.Name)), l.Cursor, l.CreatedAt.UnixMilli(), l.UpdatedAt.UnixMilli())
		if err != nil {
			return err
		}
		return c.created(tx, listenerEntry(a, l), l.AuditFields())
	})
	if err != nil {
		return nil, false, wrapCatalog("make listener", err)
	}
	if found != nil {
		return found, false, nil
	}
	return l, true, nil
}

// listenerEntry is what the audit log says about which listener it was.
func listenerEntry(a *hook.Application, l *hook.Listener) hook.AuditEntry {
	return hook.AuditEntry{Environment: a.Environment, Noun: hook.AuditListener, Application: a.ID, Name: l.Name}
}

func listenerContext(app hook.ApplicationID, name string) string {
	return fmt.Sprintf("listener/%d/%s/secret", app, name)
}

// ListListeners implements store.Listeners. Index: primary key.
func (c *catalog) ListListeners(ctx context.Context, app hook.ApplicationID) (list []*hook.Listener, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		list, err = c.listenersIn(conn, "application = ?1 ORDER BY name", app)
		return err
	})
	return list, wrapCatalog("list listeners", err)
}

// MoveListener implements store.Listeners. Index: primary key.
func (c *catalog) MoveListener(ctx context.Context, app hook.ApplicationID, name string, to hook.MessageID) error {
	return c.change(ctx, func(tx *catalogTx) error {
		err := tx.exec("UPDATE listener SET cursor = max(cursor, ?3), updated_at = ?4 WHERE application = ?1 AND name = ?2",
			app, name, to, c.now().UnixMilli())
		if err == nil && tx.conn.Changes() == 0 {
			err = errNotFound()
		}
		return err
	})
}

// DeleteListener implements store.Listeners. Index: primary key.
func (c *catalog) DeleteListener(ctx context.Context, app hook.ApplicationID, name string) error {
	return c.change(ctx, func(tx *catalogTx) error {
		list, err := c.listenersIn(tx.conn, "application = ?1 AND name = ?2", app, name)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return errNotFound()
		}
		a, err := applicationIn(tx.conn, "a.key = ?1", app)
		if err != nil {
			return err
		}
		if err := tx.exec("DELETE FROM listener WHERE application = ?1 AND name = ?2", app, name); err != nil {
			return err
		}
		return c.deleted(tx, listenerEntry(a, list[0]), list[0].AuditFields())
	})
}

func (c *catalog) listenersIn(conn *sqlite.Conn, where string, args ...any) (list []*hook.Listener, err error) {
	err = catalogQuery(conn, "SELECT "+listenerColumns+" FROM listener WHERE "+where, func(stmt *sqlite.Stmt) error {
		l := &hook.Listener{
			Application: hook.ApplicationID(stmt.ColumnInt64(0)),
			Name:        stmt.ColumnText(1),
			Cursor:      hook.MessageID(stmt.ColumnInt64(3)),
			CreatedAt:   columnMillis(stmt, 4),
			UpdatedAt:   columnMillis(stmt, 5),
		}
		secret, err := c.sealer.Open(columnBytes(stmt, 2), listenerContext(l.Application, l.Name))
		if err != nil {
			return fmt.Errorf("open secret of a listener of application %d: %w", l.Application, err)
		}
		l.Secret = string(secret)
		list = append(list, l)
		return nil
	}, args...)
	return list, err
}
