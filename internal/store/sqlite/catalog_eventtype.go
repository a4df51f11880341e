package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const eventTypeColumns = "environment, name, description, archived, deprecated, schemas, group_name, feature_flags, created_at, updated_at, retry_policy, retention, validate, redact"

// CreateEventType implements store.EventTypes. It takes the place of an archived type
// of that name (CONTRACT 1.12); a live one is a conflict.
func (c *catalog) CreateEventType(ctx context.Context, t *hook.EventType, r *store.Receipt) error {
	c.stamp(&t.CreatedAt, &t.UpdatedAt)
	return c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		if err := checkEnvironmentExists(tx, t.Environment); err != nil {
			return err
		}
		archived, err := eventTypeIn(tx.conn, t.Environment, t.Name)
		if err != nil && hook.KindOf(err) != hook.NotFound {
			return err
		}
		if archived != nil && !archived.Archived {
			return hook.Errorf(hook.Conflict, "An event_type with that name already exists")
		}
		if err := c.putEventType(tx, t); err != nil {
			return err
		}
		if archived != nil {
			return c.updated(tx, eventTypeEntry(t), archived.AuditFields(), t.AuditFields())
		}
		return c.created(tx, eventTypeEntry(t), t.AuditFields())
	})
}

// eventTypeEntry is what the audit log says about which event type it was.
func eventTypeEntry(t *hook.EventType) hook.AuditEntry {
	return hook.AuditEntry{Environment: t.Environment, Noun: hook.AuditEventType, Name: t.Name}
}

func checkEnvironmentExists(tx *catalogTx, id hook.EnvironmentID) error {
	found, err := tx.has("SELECT 1 FROM environment WHERE key = ?1", id)
	if err == nil && !found {
		err = errNotFound()
	}
	return err
}

func (c *catalog) putEventType(tx *catalogTx, t *hook.EventType) error {
	if err := policyChanged(tx, t.Environment, t.Name, t.RetryPolicy); err != nil {
		return err
	}
	kept := t.Retention
	if t.Archived { // then the environment's holds
		kept = 0
	}
	if err := retentionChanged(tx, t.Environment, t.Name, kept); err != nil {
		return err
	}
	if err := archivingChanged(tx, t.Environment, t.Name, t.Archived); err != nil {
		return err
	}
	if t.Revision = 0; t.IsChecked {
		t.Revision = int64(c.NewKey())
	}
	if err := rulesChanged(tx, t); err != nil {
		return err
	}
	return tx.exec("INSERT OR REPLACE INTO event_type ("+eventTypeColumns+") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
		t.Environment, t.Name, t.Description, t.Archived, t.Deprecated, argBlob(t.Schemas), t.GroupName, argList(t.FeatureFlags),
		t.CreatedAt.UnixMilli(), t.UpdatedAt.UnixMilli(), argPolicy(t.RetryPolicy), argRetention(t.Retention), t.Revision, argList(t.Redact))
}

// EventType implements store.EventTypes. Index: primary key.
func (c *catalog) EventType(ctx context.Context, env hook.EnvironmentID, name string) (t *hook.EventType, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		t, err = eventTypeIn(conn, env, name)
		return err
	})
	return t, wrapCatalog("read event type", err)
}

func eventTypeIn(conn *sqlite.Conn, env hook.EnvironmentID, name string) (t *hook.EventType, err error) {
	err = catalogQuery(conn, "SELECT "+eventTypeColumns+" FROM event_type WHERE environment = ?1 AND name = ?2", func(stmt *sqlite.Stmt) error {
		t, err = scanEventType(stmt)
		return err
	}, env, name)
	if err == nil && t == nil {
		err = errNotFound()
	}
	return t, err
}

// MissingEventTypes implements store.EventTypes. Archived types exist.
func (c *catalog) MissingEventTypes(ctx context.Context, env hook.EnvironmentID, names []string) ([]string, error) {
	var missing []string
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		for _, name := range names {
			found := false
			err := catalogQuery(conn, "SELECT 1 FROM event_type WHERE environment = ?1 AND name = ?2", func(*sqlite.Stmt) error { found = true; return nil }, env, name)
			if err != nil {
				return err
			}
			if !found {
				missing = append(missing, name)
			}
		}
		return nil
	})
	return missing, wrapCatalog("find missing event types", err)
}

// ListEventTypes implements store.EventTypes; with archived, archived types are listed
// too. Index: primary key.
func (c *catalog) ListEventTypes(ctx context.Context, env hook.EnvironmentID, archived bool, p store.Page[string]) (store.Listed[*hook.EventType], error) {
	sql := "SELECT " + eventTypeColumns + " FROM event_type WHERE environment = ?1"
	if !archived {
		sql += " AND archived = 0"
	}
	condition, order, reversed := pageSQL(p, "name", "?3")
	args := []any{env, p.Limit + 1}
	if p.HasAfter {
		args = append(args, p.After)
	}
	var rows []*hook.EventType
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, sql+condition+order+" LIMIT ?2", func(stmt *sqlite.Stmt) error {
			t, err := scanEventType(stmt)
			rows = append(rows, t)
			return err
		}, args...)
	})
	return listedPage(rows, p.Limit, reversed), wrapCatalog("list event types", err)
}

// UpdateEventType implements store.EventTypes.
func (c *catalog) UpdateEventType(ctx context.Context, env hook.EnvironmentID, name string, r *store.Receipt, update func(*hook.EventType) error) (*hook.EventType, error) {
	var t *hook.EventType
	err := c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		var err error
		if t, err = eventTypeIn(tx.conn, env, name); err != nil {
			return err
		}
		created, was := t.CreatedAt, t.AuditFields()
		if err := update(t); err != nil {
			return err
		}
		// Endpoints subscribe by name, so a name never changes.
		t.Environment, t.Name, t.CreatedAt, t.UpdatedAt = env, name, created, toMillis(c.now())
		if err := c.putEventType(tx, t); err != nil {
			return err
		}
		return c.updated(tx, eventTypeEntry(t), was, t.AuditFields())
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// DeleteEventType implements store.EventTypes.
func (c *catalog) DeleteEventType(ctx context.Context, env hook.EnvironmentID, name string) error {
	return c.change(ctx, func(tx *catalogTx) error {
		t, err := eventTypeIn(tx.conn, env, name)
		if err != nil {
			return err
		}
		if err := policyChanged(tx, env, name, nil); err != nil {
			return err
		}
		if err := retentionChanged(tx, env, name, 0); err != nil {
			return err
		}
		if err := archivingChanged(tx, env, name, false); err != nil {
			return err
		}
		if err := rulesChanged(tx, &hook.EventType{Environment: env, Name: name}); err != nil {
			return err
		}
		if err := tx.exec("DELETE FROM event_type WHERE environment = ?1 AND name = ?2", env, name); err != nil {
			return err
		}
		return c.deleted(tx, eventTypeEntry(t), t.AuditFields())
	})
}

func scanEventType(stmt *sqlite.Stmt) (*hook.EventType, error) {
	t := &hook.EventType{
		Environment: hook.EnvironmentID(stmt.ColumnInt64(0)),
		Name:        stmt.ColumnText(1),
		Description: stmt.ColumnText(2),
		Archived:    stmt.ColumnBool(3),
		Deprecated:  stmt.ColumnBool(4),
		Schemas:     columnBytes(stmt, 5),
		GroupName:   stmt.ColumnText(6),
		CreatedAt:   columnMillis(stmt, 8),
		UpdatedAt:   columnMillis(stmt, 9),
	}
	var err error
	if t.RetryPolicy, err = columnPolicy(stmt, 10); err != nil {
		return nil, err
	}
	t.Retention = time.Duration(stmt.ColumnInt64(11)) * time.Millisecond
	t.Revision = stmt.ColumnInt64(12)
	t.IsChecked = t.Revision != 0
	if err := columnJSON(stmt, 13, &t.Redact); err != nil {
		return nil, err
	}
	return t, columnJSON(stmt, 7, &t.FeatureFlags)
}
