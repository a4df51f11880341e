package sqlite

import (
	"fmt"
	"slices"
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

// superseded is a delivery that a later one of its key takes the place of.
type superseded struct {
	endpoint hook.EndpointID
	message  hook.MessageID
	since    time.Time // when the first of the key came that it took the place of
	dueMs    int64
}

// deliverLatest makes a delivery due when its window is over, and ends the one of its key that
// waits: both in the commit of the message, so no crash comes between them. One whose time
// has come is sent, and the next begins anew. One of an older segment is ended in the next
// commit: segments commit one after another, and a crash in between must not end it while
// what takes its place is lost.
func (w *writer) deliverLatest(p *pen, d *hook.Delivery, now time.Time) error {
	key := d.Latest.Key[:]
	since := now
	old, err := latestIn(p, d.Endpoint, key)
	if err != nil {
		return err
	}
	if old != nil {
		ended, err := w.supersede(p, old, now)
		if err != nil {
			return err
		}
		if ended {
			since = old.since
		}
	} else if old, err = w.latestBefore(d, now); err != nil {
		return err
	} else if old != nil {
		since = old.since
		w.later = append(w.later, *old)
	}
	next := *d // the caller's own stays as it is: it may be appended once more
	d = &next
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

// latestIn returns what a segment knows to have come last of a key, nil for nothing.
func latestIn(p *pen, ep hook.EndpointID, key []byte) (old *superseded, err error) {
	err = sqlitex.Execute(p.conn, latestSQL, &sqlitex.ExecOptions{Args: []any{int64(ep), key}, ResultFunc: func(stmt *sqlite.Stmt) error {
		old = &superseded{endpoint: ep, message: hook.MessageID(stmt.ColumnInt64(0)), since: columnMillis(stmt, 1), dueMs: stmt.ColumnInt64(2)}
		return nil
	}})
	if err != nil {
		return nil, fmt.Errorf("find what waits of a key: %w", err)
	}
	return old, nil
}

// latestBefore looks for what waits of a key in older segments, as far back as the window.
func (w *writer) latestBefore(d *hook.Delivery, now time.Time) (*superseded, error) {
	begin := now.Add(-d.Latest.Window)
	if w.newest.first.Time().Before(begin) {
		return nil, nil
	}
	for _, seg := range w.s.segmentsNewestFirst() {
		if seg.segmentFile == w.newest.segmentFile {
			continue
		}
		if seg.last.Time().Before(begin) {
			break
		}
		p, err := w.openPen(seg)
		if err != nil {
			return nil, err
		}
		old, err := latestIn(p, d.Endpoint, d.Latest.Key[:])
		if err != nil {
			return nil, err
		}
		if old == nil {
			continue
		}
		waits, err := old.waits(p, now)
		if err != nil || waits == nil {
			return nil, err
		}
		return old, nil
	}
	return nil, nil
}

// waits returns the delivery if it waits for its first attempt and its time has not come.
func (o *superseded) waits(p *pen, now time.Time) (*storedDelivery, error) {
	if now.UnixMilli() >= o.dueMs {
		return nil, nil
	}
	d, err := deliveryIn(p.conn, o.endpoint, o.message)
	if err != nil || d == nil || d.State != hook.Pending || d.DueAt.UnixMilli() != o.dueMs || d.Reason != hook.ReasonNone {
		return nil, err
	}
	return d, nil
}

// supersede ends a delivery that waits, and reports false when it does not.
func (w *writer) supersede(p *pen, old *superseded, now time.Time) (bool, error) {
	d, err := old.waits(p, now)
	if err != nil || d == nil {
		return false, err
	}
	waits, err := p.notDue(old.endpoint, old.dueMs, old.message, hook.Scheduled)
	if err != nil || !waits {
		return false, err
	}
	w.thinned(p)
	next := d.End(hook.Cancelled, hook.ReasonSuperseded)
	return true, p.setDelivery(&next, time.Time{}, encodeKeys(d.attempts))
}

// supersedeLater ends what the commit that has just been made takes the place of in older
// segments. If the store is closed before, they are sent, too.
func (w *writer) supersedeLater() {
	if len(w.later) == 0 {
		return
	}
	list := slices.Clone(w.later)
	_ = w.s.intake.addTask(&task{again: true, done: make(chan struct{}, 1), run: func(w *writer) error {
		for i := range list {
			p, err := w.penOf(list[i].message)
			if err != nil {
				return err
			}
			if p == nil {
				continue // dropped
			}
			if _, err := w.supersede(p, &list[i], w.s.o.Now()); err != nil {
				return err
			}
		}
		return nil
	}})
}
