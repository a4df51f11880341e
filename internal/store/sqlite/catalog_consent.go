package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// putConsent notes when the receiver of an endpoint is to be asked, in the commit of its change.
func putConsent(tx *catalogTx, e *hook.Endpoint) error {
	if e.AwaitsConsent() && !e.Consent.NextAt.IsZero() {
		return tx.exec("INSERT OR REPLACE INTO consent_due (endpoint, application, due_at) VALUES (?1, ?2, ?3)",
			e.ID, e.Application, e.Consent.NextAt.UnixMilli())
	}
	return tx.exec("DELETE FROM consent_due WHERE endpoint = ?1", e.ID)
}

// DueConsents implements store.Consents. Index: consent_due_at.
func (c *catalog) DueConsents(ctx context.Context, now time.Time, limit int) (due []store.DueConsent, next time.Time, err error) {
	const sql = "SELECT endpoint, application, due_at FROM consent_due ORDER BY due_at LIMIT ?1"
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, sql, func(stmt *sqlite.Stmt) error {
			at := columnMillis(stmt, 2)
			if at.After(now) {
				if next.IsZero() {
					next = at
				}
				return nil
			}
			due = append(due, store.DueConsent{Endpoint: hook.EndpointID(stmt.ColumnInt64(0)), Application: hook.ApplicationID(stmt.ColumnInt64(1))})
			return nil
		}, limit+1)
	})
	return due[:min(len(due), limit)], next, wrapCatalog("list endpoints to be asked for consent", err)
}
