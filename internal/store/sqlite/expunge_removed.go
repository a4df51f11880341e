package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const (
	// removedPause is how long a deleted application is left alone: a message that was being
	// accepted when it was deleted is stored by then.
	removedPause = 10 * time.Second
	// removedStep is how many messages one call looks at.
	removedStep = 5000
)

// leaveContent notes in the transaction of a deletion that content is to be removed, of an
// application, or with 0 of all of an environment.
func leaveContent(tx *catalogTx, env hook.EnvironmentID, app hook.ApplicationID, now time.Time) error {
	return tx.exec("INSERT OR REPLACE INTO removed_content (environment, application, cursor, removed_at) VALUES (?1, ?2, 0, ?3)", env, app, now.UnixMilli())
}

// ExpungeRemoved implements store.Retention.
func (s *Store) ExpungeRemoved(ctx context.Context) (purged int, more bool, err error) {
	q := store.ExpungeQuery{Limit: removedStep}
	err = s.catalog.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT environment, application, cursor FROM removed_content WHERE removed_at <= ?1 LIMIT 1", func(stmt *sqlite.Stmt) error {
			q.Environment, q.Application, q.Cursor = hook.EnvironmentID(stmt.ColumnInt64(0)), hook.ApplicationID(stmt.ColumnInt64(1)), hook.Key(stmt.ColumnInt64(2))
			return nil
		}, s.o.Now().Add(-removedPause).UnixMilli())
	})
	if err != nil || q.Environment == 0 {
		return 0, false, wrapCatalog("find removed content", err)
	}
	purged, next, done, err := s.Expunge(ctx, q)
	if err != nil {
		return purged, true, fmt.Errorf("remove the content of what was deleted: %w", err)
	}
	err = s.catalog.change(ctx, func(tx *catalogTx) error {
		if done {
			return tx.exec("DELETE FROM removed_content WHERE environment = ?1 AND application = ?2", q.Environment, q.Application)
		}
		return tx.exec("UPDATE removed_content SET cursor = ?3 WHERE environment = ?1 AND application = ?2", q.Environment, q.Application, next)
	})
	return purged, true, err
}
