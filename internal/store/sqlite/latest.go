package sqlite

import (
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// latestSQL finds what waits of a key. Index: latest's primary key.
	latestSQL    = `SELECT message, since, due_at FROM latest WHERE endpoint = ?1 AND key = ?2`
	putLatestSQL = `INSERT INTO latest (endpoint, key, message, since, due_at) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (endpoint, key) DO UPDATE SET message = excluded.message, since = excluded.since, due_at = excluded.due_at`
)

// deliverLatest makes a delivery due when its window is over, and ends the one of its key that
// waits: both in the commit of the message, so no crash comes between them. One whose time
// has come is sent, and the next begins anew, as does the first of a new segment: a row of an
// older one would be a commit of its own, and a crash between the two could lose both.
func (w *writer) deliverLatest(p *pen, d *hook.Delivery, now time.Time) error {
	key := d.Latest.Key[:]
	var before struct {
		message           hook.MessageID
		sinceMs, dueMs    int64
		found, superseded bool
	}
	err := sqlitex.Execute(p.conn, latestSQL, &sqlitex.ExecOptions{Args: []any{int64(d.Endpoint), key}, ResultFunc: func(stmt *sqlite.Stmt) error {
		before.message, before.sinceMs, before.dueMs, before.found = hook.MessageID(stmt.ColumnInt64(0)), stmt.ColumnInt64(1), stmt.ColumnInt64(2), true
		return nil
	}})
	if err != nil {
		return fmt.Errorf("find what waits of a key: %w", err)
	}
	if before.found && now.UnixMilli() < before.dueMs {
		if before.superseded, err = w.supersede(p, d.Endpoint, before.message, before.dueMs); err != nil {
			return err
		}
	}
	since := now
	if before.superseded {
		since = time.UnixMilli(before.sinceMs).UTC()
	}
	d.DueAt = now.Add(d.Latest.Window)
	if last := since.Add(hook.LatestPatience * d.Latest.Window); last.Before(d.DueAt) {
		d.DueAt = last
	}
	if d.DueAt.Before(now) { // the window is shorter than it was
		d.DueAt = now
	}
	err = sqlitex.Execute(p.conn, putLatestSQL, &sqlitex.ExecOptions{Args: []any{int64(d.Endpoint), key, int64(d.Message), since.UnixMilli(), d.DueAt.UnixMilli()}})
	if err != nil {
		return fmt.Errorf("note the latest of a key: %w", err)
	}
	if _, err := p.newDelivery(d, d.DueAt, nil); err != nil {
		return err
	}
	return w.makeDue(p, d, d.DueAt)
}

// supersede ends a delivery that waits for its first attempt at a time, and reports false when
// it does not.
func (w *writer) supersede(p *pen, ep hook.EndpointID, m hook.MessageID, dueMs int64) (bool, error) {
	old, err := deliveryIn(p.conn, ep, m)
	if err != nil || old == nil || old.State != hook.Pending || old.DueAt.UnixMilli() != dueMs || old.Reason != hook.ReasonNone {
		return false, err
	}
	waits, err := p.notDue(ep, dueMs, m, hook.Scheduled)
	if err != nil || !waits {
		return false, err
	}
	next := old.End(hook.Cancelled, hook.ReasonSuperseded)
	return true, p.setDelivery(&next, time.Time{}, encodeKeys(old.attempts))
}
