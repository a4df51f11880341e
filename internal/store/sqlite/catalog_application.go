package sqlite

import (
	"context"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// CreateApplication implements store.Applications.
func (c *catalog) CreateApplication(ctx context.Context, a *hook.Application, r *store.Receipt) error {
	if a.ID == 0 {
		a.ID = hook.ApplicationID(c.NewKey())
	}
	a.Source = 0 // CreateSource makes the internal ones
	c.stamp(&a.CreatedAt, &a.UpdatedAt)
	return c.change(ctx, func(tx *catalogTx) error {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		_, environmentVersion, err := environmentIn(tx.conn, "SELECT "+environmentColumns+" FROM environment WHERE key = ?1", a.Environment)
		if err != nil {
			return err
		}
		if err := checkApplicationUID(tx, a); err != nil {
			return err
		}
		if err := tx.used(hook.Key(a.ID)); err != nil {
			return err
		}
		a.Version = environmentVersion + 1
		tx.applications = append(tx.applications, a.ID)
		err = tx.exec(`INSERT INTO application (key, environment, uid, name, throttle_rate, metadata, version, endpoints, disabled, created_at, updated_at)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 0, 0, ?7, ?8)`,
			a.ID, a.Environment, argText(a.UID), a.Name, a.ThrottleRate, argMap(a.Metadata), a.CreatedAt.UnixMilli(), a.UpdatedAt.UnixMilli())
		if err != nil {
			return err
		}
		return c.created(tx, applicationEntry(a), a.AuditFields())
	})
}

// applicationEntry is what the audit log says about which application it was.
func applicationEntry(a *hook.Application) hook.AuditEntry {
	return hook.AuditEntry{Environment: a.Environment, Noun: hook.AuditApplication, Subject: hook.Key(a.ID), Application: a.ID, Name: nameOr(a.UID, a.Name)}
}

// nameOr is the first that is not empty.
func nameOr(uid, name string) string {
	if uid != "" {
		return uid
	}
	return name
}

// checkApplicationUID refuses a uid that another application of the environment has. Index: application_uid.
func checkApplicationUID(tx *catalogTx, a *hook.Application) error {
	if a.UID == "" {
		return nil
	}
	taken, err := tx.has("SELECT 1 FROM application WHERE environment = ?1 AND uid = ?2 AND key <> ?3", a.Environment, a.UID, a.ID)
	if err == nil && taken {
		err = hook.Errorf(hook.Conflict, "An application with that id or uid already exists")
	}
	return err
}

// applicationSQL begins every query for applications. Version is the sum of the
// application's and its environment's, see migrations/catalog/0001.sql.
const applicationSQL = `SELECT a.key, a.environment, a.uid, a.name, a.throttle_rate, a.metadata, a.version + e.version, a.created_at, a.updated_at, a.source, a.hold
	FROM application a JOIN environment e ON e.key = a.environment WHERE `

// Application implements store.Applications. Index: primary key, or application_uid.
func (c *catalog) Application(ctx context.Context, env hook.EnvironmentID, ref string) (a *hook.Application, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		if id, ok := c.codec.ParseApplication(env, ref); ok && id != env.Operational() {
			a, err = applicationIn(conn, "a.key = ?1 AND a.environment = ?2", id, env)
		} else {
			a, err = applicationIn(conn, "a.environment = ?1 AND a.uid = ?2", env, ref)
		}
		return err
	})
	return a, wrapCatalog("read application", err)
}

// ApplicationByOrigin implements store.Applications. Index: application_origin.
func (c *catalog) ApplicationByOrigin(ctx context.Context, env hook.EnvironmentID, id string) (a *hook.Application, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		// Several may claim the same origin: the oldest one had it first.
		a, err = applicationIn(conn, `a.environment = ?1 AND json_extract(a.metadata, '$."svix.id"') = ?2 ORDER BY a.key LIMIT 1`, env, id)
		return err
	})
	return a, wrapCatalog("read application by its origin", err)
}

func applicationIn(conn *sqlite.Conn, where string, args ...any) (a *hook.Application, err error) {
	err = catalogQuery(conn, applicationSQL+where, func(stmt *sqlite.Stmt) error {
		a, err = scanApplication(stmt)
		return err
	}, args...)
	if err == nil && a == nil {
		err = errNotFound()
	}
	return a, err
}

// ListApplications implements store.Applications. Index: application_environment, or
// application_with_endpoints; both have internal applications apart.
func (c *catalog) ListApplications(ctx context.Context, env hook.EnvironmentID, f store.AppFilter, p store.Page[hook.ApplicationID]) (store.Listed[*hook.Application], error) {
	var sql strings.Builder
	sql.WriteString(applicationSQL + "a.environment = ?1 AND a.source = 0")
	if f.WithEndpoints {
		sql.WriteString(" AND a.endpoints > 0")
	}
	if f.WithoutAllDisabled {
		sql.WriteString(" AND a.disabled = 0")
	}
	condition, order, reversed := pageSQL(p, "a.key", "?3")
	sql.WriteString(condition + order + " LIMIT ?2")
	args := []any{env, p.Limit + 1}
	if p.HasAfter {
		args = append(args, p.After)
	}
	var rows []*hook.Application
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, sql.String(), func(stmt *sqlite.Stmt) error {
			a, err := scanApplication(stmt)
			rows = append(rows, a)
			return err
		}, args...)
	})
	return listedPage(rows, p.Limit, reversed), wrapCatalog("list applications", err)
}

// errInternal is what UpdateApplication and DeleteApplication answer for the internal
// application of a source, which UpdateSource and DeleteSource take along, and for the
// operational one, which nobody sees.
func errInternal(a *hook.Application) error {
	if a.IsOperational() {
		return errNotFound()
	}
	return hook.Errorf(hook.Conflict, "this application belongs to a source: change or delete the source instead")
}

// UpdateApplication implements store.Applications.
func (c *catalog) UpdateApplication(ctx context.Context, id hook.ApplicationID, update func(*hook.Application) error) (*hook.Application, error) {
	var a *hook.Application
	err := c.change(ctx, func(tx *catalogTx) error {
		var err error
		if a, err = applicationIn(tx.conn, "a.key = ?1", id); err != nil {
			return err
		}
		if a.Source != 0 || a.IsOperational() {
			return errInternal(a)
		}
		env, created, version, was := a.Environment, a.CreatedAt, a.Version, a.AuditFields()
		if err := update(a); err != nil {
			return err
		}
		a.ID, a.Environment, a.CreatedAt, a.UpdatedAt, a.Version, a.Source = id, env, created, toMillis(c.now()), version+1, 0
		if err := checkApplicationUID(tx, a); err != nil {
			return err
		}
		tx.applications = append(tx.applications, id)
		err = tx.exec(`UPDATE application SET uid = ?2, name = ?3, throttle_rate = ?4, metadata = ?5, version = version + 1, updated_at = ?6 WHERE key = ?1`,
			id, argText(a.UID), a.Name, a.ThrottleRate, argMap(a.Metadata), a.UpdatedAt.UnixMilli())
		if err != nil {
			return err
		}
		return c.updated(tx, applicationEntry(a), was, a.AuditFields())
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// DeleteApplication implements store.Applications. Nothing of it is kept: its history
// cannot be asked for without it.
func (c *catalog) DeleteApplication(ctx context.Context, id hook.ApplicationID) error {
	return c.change(ctx, func(tx *catalogTx) error {
		a, err := applicationIn(tx.conn, "a.key = ?1", id)
		if err != nil {
			return err
		}
		if a.Source != 0 || a.IsOperational() {
			return errInternal(a)
		}
		tx.tokens = func(t *hook.Token) bool { return t.Application == id }
		if err := leaveContent(tx, a.Environment, id, c.now()); err != nil {
			return err
		}
		if err := clearApplication(tx, id); err != nil {
			return err
		}
		return c.deleted(tx, applicationEntry(a), a.AuditFields())
	})
}

// clearApplication removes an application and what it owns, with the source that it is the
// internal application of. Indexes: primary keys, token_application,
// integration_application.
func clearApplication(tx *catalogTx, id hook.ApplicationID) error {
	tx.applications = append(tx.applications, id)
	for _, sql := range []string{
		"DELETE FROM application WHERE key = ?1",
		"DELETE FROM feed_lost WHERE endpoint IN (SELECT key FROM endpoint WHERE application = ?1)",
		"DELETE FROM consumer WHERE endpoint IN (SELECT key FROM endpoint WHERE application = ?1)",
		"DELETE FROM consent_due WHERE endpoint IN (SELECT key FROM endpoint WHERE application = ?1)",
		"DELETE FROM endpoint WHERE application = ?1",
		"DELETE FROM removed_endpoint WHERE application = ?1",
		"DELETE FROM token WHERE application = ?1",
		"DELETE FROM listener WHERE application = ?1",
		"DELETE FROM integration WHERE application = ?1",
	} {
		if err := tx.exec(sql, id); err != nil {
			return err
		}
	}
	return clearSource(tx, hook.SourceID(id))
}

func scanApplication(stmt *sqlite.Stmt) (*hook.Application, error) {
	a := &hook.Application{
		ID:           hook.ApplicationID(stmt.ColumnInt64(0)),
		Environment:  hook.EnvironmentID(stmt.ColumnInt64(1)),
		UID:          stmt.ColumnText(2),
		Name:         stmt.ColumnText(3),
		ThrottleRate: stmt.ColumnInt(4),
		Version:      stmt.ColumnInt64(6),
		CreatedAt:    columnMillis(stmt, 7),
		UpdatedAt:    columnMillis(stmt, 8),
		Source:       hook.SourceID(stmt.ColumnInt64(9)),
	}
	if a.IsOperational() {
		a.Source = 0 // the column only keeps it out of lists, see migrations/catalog/0003.sql
	}
	if err := columnJSON(stmt, 10, &a.Hold); err != nil {
		return nil, err
	}
	return a, columnJSON(stmt, 5, &a.Metadata)
}
