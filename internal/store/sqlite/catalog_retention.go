package sqlite

import (
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
)

// argRetention is how long something is kept as an argument; zero, which inherits, is NULL.
func argRetention(d time.Duration) any {
	if d == 0 {
		return nil
	}
	return d.Milliseconds()
}

// retentionsSQL lists the types that say how long they are kept. Index: event_type_retention.
const retentionsSQL = "SELECT name, retention FROM event_type WHERE environment = ?1 AND retention IS NOT NULL AND archived = 0"

// eventTypeRetentions returns the event types of an environment that say how long their
// messages are kept; nil when none does.
func eventTypeRetentions(conn *sqlite.Conn, env hook.EnvironmentID) (kept map[string]time.Duration, err error) {
	err = catalogQuery(conn, retentionsSQL, func(stmt *sqlite.Stmt) error {
		if kept == nil {
			kept = map[string]time.Duration{}
		}
		kept[stmt.ColumnText(0)] = time.Duration(stmt.ColumnInt64(1)) * time.Millisecond
		return nil
	}, env)
	return kept, err
}

// retentionChanged makes memory forget the plans of an environment when a live type is not
// kept for as long as it was. As with policyChanged versions stay: a publish that began
// before the change may use what held then.
func retentionChanged(tx *catalogTx, env hook.EnvironmentID, name string, kept time.Duration) error {
	var old time.Duration
	err := tx.query(retentionsSQL+" AND name = ?2", func(stmt *sqlite.Stmt) error {
		old = time.Duration(stmt.ColumnInt64(1)) * time.Millisecond
		return nil
	}, env, name)
	if err == nil && old != kept {
		tx.environments = append(tx.environments, env)
	}
	return err
}
