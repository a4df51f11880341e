package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// purgeAudit is how many entries that are too old each new one removes, see purgeReceipts.
const purgeAudit = 16

// created writes an entry for what the change made.
func (c *catalog) created(tx *catalogTx, e hook.AuditEntry, fields hook.AuditFields) error {
	e.Action, e.After = hook.AuditCreated, fields.All()
	return c.record(tx, e)
}

// updated writes an entry for what the change altered, and none where it altered nothing.
func (c *catalog) updated(tx *catalogTx, e hook.AuditEntry, before, after hook.AuditFields) error {
	e.Action = hook.AuditUpdated
	if e.Before, e.After = hook.AuditDiff(before, after); e.Before == nil {
		return nil
	}
	return c.record(tx, e)
}

// deleted writes an entry for what the change removed.
func (c *catalog) deleted(tx *catalogTx, e hook.AuditEntry, fields hook.AuditFields) error {
	e.Action, e.Before = hook.AuditDeleted, fields.All()
	return c.record(tx, e)
}

const auditColumns = "key, environment, actor, actor_id, noun, action, subject, application, name, before, after"

// record writes an entry in the name of the change's actor, and removes a few that are too
// old. Index: primary key.
func (c *catalog) record(tx *catalogTx, e hook.AuditEntry) error {
	e.ID, e.Actor = hook.AuditID(c.NewKey()), tx.actor
	before, err := auditJSON(e.Before)
	if err != nil {
		return err
	}
	after, err := auditJSON(e.After)
	if err != nil {
		return err
	}
	if err := tx.used(hook.Key(e.ID)); err != nil {
		return err
	}
	err = tx.exec("DELETE FROM audit WHERE key IN (SELECT key FROM audit WHERE key < ?1 ORDER BY key LIMIT ?2)",
		hook.KeyAt(c.now().Add(-hook.AuditLife)), purgeAudit)
	if err != nil {
		return err
	}
	return tx.exec("INSERT INTO audit ("+auditColumns+") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
		e.ID, e.Environment, mustJSON(e.Actor), e.Actor.ID, e.Noun, e.Action, e.Subject, e.Application, e.Name, argBlob(before), argBlob(after))
}

func auditJSON(fields map[string]any) ([]byte, error) {
	if fields == nil {
		return nil, nil
	}
	b, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encode audit entry: %w", err)
	}
	return b, nil
}

// recordExpunge writes that content was removed from a segment, which is another file and
// so another transaction: it comes after, and its error says that the content is gone.
func (c *catalog) recordExpunge(ctx context.Context, app hook.ApplicationID, noun hook.AuditNoun, subject hook.Key) error {
	// The client that asked may have left by now; the log is to name it all the same.
	err := c.change(context.WithoutCancel(ctx), func(tx *catalogTx) error {
		a, err := applicationIn(tx.conn, "a.key = ?1", app)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			return nil // deleted meanwhile, which is in the log
		}
		if err != nil {
			return err
		}
		return c.record(tx, hook.AuditEntry{Environment: a.Environment, Noun: noun, Action: hook.AuditExpunged, Subject: subject, Application: app})
	})
	if err != nil {
		return fmt.Errorf("the content is gone; record that: %w", err)
	}
	return nil
}

// Audit implements store.Audits. Indexes: audit_subject, audit_application, audit_actor,
// audit_noun or audit_environment, whichever the filter names first.
func (c *catalog) Audit(ctx context.Context, env hook.EnvironmentID, f store.AuditFilter, p store.Page[hook.AuditID]) (store.Listed[*hook.AuditEntry], error) {
	sql := "SELECT " + auditColumns + " FROM audit WHERE environment = ?1"
	args := []any{env, p.Limit + 1}
	where := func(condition string, arg any) {
		args = append(args, arg)
		sql += fmt.Sprintf(" AND %s ?%d", condition, len(args))
	}
	if f.Subject != 0 {
		where("subject =", f.Subject)
	}
	if f.Application != 0 {
		where("application <> 0 AND application =", f.Application) // the index leaves 0 out
	}
	if f.Actor != "" {
		where("actor_id =", f.Actor)
	}
	if f.Noun != "" {
		where("noun =", f.Noun)
	}
	if !f.Since.IsZero() {
		where("key >=", hook.KeyAt(f.Since))
	}
	if !f.Until.IsZero() {
		where("key <", hook.KeyAt(f.Until))
	}
	condition, order, reversed := pageSQL(p, "key", fmt.Sprintf("?%d", len(args)+1))
	if p.HasAfter {
		args = append(args, p.After)
	}
	var rows []*hook.AuditEntry
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, sql+condition+order+" LIMIT ?2", func(stmt *sqlite.Stmt) error {
			e, err := scanAudit(stmt)
			rows = append(rows, e)
			return err
		}, args...)
	})
	return listedPage(rows, p.Limit, reversed), wrapCatalog("list audit log", err)
}

func scanAudit(stmt *sqlite.Stmt) (*hook.AuditEntry, error) {
	e := &hook.AuditEntry{
		ID:          hook.AuditID(stmt.ColumnInt64(0)),
		Environment: hook.EnvironmentID(stmt.ColumnInt64(1)),
		Noun:        hook.AuditNoun(stmt.ColumnText(4)),
		Action:      hook.AuditAction(stmt.ColumnText(5)),
		Subject:     hook.Key(stmt.ColumnInt64(6)),
		Application: hook.ApplicationID(stmt.ColumnInt64(7)),
		Name:        stmt.ColumnText(8),
	}
	if err := columnJSON(stmt, 2, &e.Actor); err != nil {
		return nil, err
	}
	if err := columnJSON(stmt, 9, &e.Before); err != nil {
		return nil, err
	}
	return e, columnJSON(stmt, 10, &e.After)
}
