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
	if e.AwaitsConsent() && !e.Disabled && !e.Consent.NextAt.IsZero() {
		return tx.exec("INSERT OR REPLACE INTO consent_due (endpoint, application, due_at) VALUES (?1, ?2, ?3)",
			e.ID, e.Application, e.Consent.NextAt.UnixMilli())
	}
	return tx.exec("DELETE FROM consent_due WHERE endpoint = ?1", e.ID)
}

// dueConsentsSQL takes of each application the one that waits longest, then the next of
// each, and so on: one with many endpoints is not before others. Index: consent_due_at.
const dueConsentsSQL = `SELECT endpoint, application, due_at FROM (
	SELECT endpoint, application, due_at, row_number() OVER (PARTITION BY application ORDER BY due_at) AS n FROM consent_due WHERE due_at <= ?1
) ORDER BY n, due_at LIMIT ?2`

// nextConsentSQL is when the next one is due. Index: consent_due_at.
const nextConsentSQL = "SELECT due_at FROM consent_due WHERE due_at > ?1 ORDER BY due_at LIMIT 1"

// DueConsents implements store.Consents.
func (c *catalog) DueConsents(ctx context.Context, now time.Time, limit int) (due []store.DueConsent, next time.Time, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		err := catalogQuery(conn, dueConsentsSQL, func(stmt *sqlite.Stmt) error {
			due = append(due, store.DueConsent{Endpoint: hook.EndpointID(stmt.ColumnInt64(0)), Application: hook.ApplicationID(stmt.ColumnInt64(1))})
			return nil
		}, now.UnixMilli(), limit)
		if err != nil {
			return err
		}
		return catalogQuery(conn, nextConsentSQL, func(stmt *sqlite.Stmt) error {
			next = columnMillis(stmt, 0)
			return nil
		}, now.UnixMilli())
	})
	return due, next, wrapCatalog("list endpoints to be asked for consent", err)
}
