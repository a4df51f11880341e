package sqlite

import (
	"context"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// cancelStep is how many messages or due rows a cancellation deals with in one commit: a
// few milliseconds, so that publishers who share it do not notice.
const cancelStep = 500

// Cancel implements store.Rounds. It goes step by step; while one is under way the
// endpoint stands still (store.Freezer), so that each delivery is either ended or tried.
// When ctx ends, the step under way is done whole, and no other begins.
func (s *Store) Cancel(ctx context.Context, c store.Cancellation) (int, error) {
	ended := 0
	if c.Rounds == nil {
		n, err := s.cancelFresh(ctx, &c)
		if ended += n; err != nil {
			return ended, fmt.Errorf("cancel fresh deliveries: %w", err)
		}
	}
	for _, seg := range s.dueSegments() {
		var after cancelCursor
		for more := true; more; {
			var n int
			var err error
			n, more, err = s.cancelDue(ctx, &c, seg, &after)
			if ended += n; err != nil {
				return ended, fmt.Errorf("cancel due deliveries: %w", err)
			}
		}
	}
	return ended, nil
}

// frozen runs f while nothing of the endpoint begins. f returns which waiting deliveries
// are gone, nil for none; they count as gone only if it has no error.
func (s *Store) frozen(c *store.Cancellation, f func(flying map[hook.MessageID]bool) (gone func(*store.Due) bool, err error)) error {
	var freezer store.Freezer
	if h := s.writer.handoff.Load(); h != nil {
		freezer, _ = (*h).(store.Freezer)
	}
	flying := make(map[hook.MessageID]bool)
	if freezer == nil {
		_, err := f(flying)
		return err
	}
	for _, id := range freezer.Freeze(c.Application, c.Endpoint) {
		flying[id] = true
	}
	gone, err := f(flying)
	if err != nil {
		gone = nil
	}
	freezer.Thaw(c.Endpoint, gone)
	return err
}

// keysOf returns the first and the last key of the messages whose deliveries are to end.
func keysOf(c *store.Cancellation) (first, last hook.Key) {
	if c.Until != 0 {
		return c.From, c.Until
	}
	return 0, hook.KeyAt(c.Before) - 1
}

// reasonOf returns why they end.
func reasonOf(c *store.Cancellation) hook.Reason {
	if c.Reason != hook.ReasonNone {
		return c.Reason
	}
	return hook.ReasonCanceled
}

// freshSQL lists an application's messages that go anywhere. Index: message_application.
const freshSQL = `SELECT key, endpoints FROM message INDEXED BY message_application
	WHERE application = ?1 AND key BETWEEN ?2 AND ?3 AND endpoints IS NOT NULL ORDER BY key LIMIT ?4`

// cancelFresh ends fresh deliveries, which live in memory: each gets its row, as after an
// outcome. Whoever is being tried is recorded beside it.
func (s *Store) cancelFresh(ctx context.Context, c *store.Cancellation) (ended int, err error) {
	first, last := keysOf(c)
	for from, more := first, true; more; {
		err := s.frozen(c, func(map[hook.MessageID]bool) (func(*store.Due) bool, error) {
			var n int
			var reached hook.Key
			err := s.writer.doToEnd(ctx, func(w *writer) error {
				n = 0
				if low := w.lowWater(); from < low {
					from = low
				}
				var err error
				n, reached, err = w.cancelFresh(c, from, last)
				return err
			})
			if err != nil {
				return nil, err
			}
			ended += n
			looked := from
			from, more = reached+1, reached < last
			return func(d *store.Due) bool {
				id := hook.Key(d.Message.ID)
				return d.Delivery.Fresh && id >= looked && id <= reached
			}, nil
		})
		if err != nil {
			return ended, err
		}
	}
	return ended, nil
}

// cancelFresh deals with one step of messages and returns the last that it looked at.
func (w *writer) cancelFresh(c *store.Cancellation, from, last hook.Key) (ended int, reached hook.Key, err error) {
	for _, seg := range w.s.segmentsOldestFirst() {
		if seg.last < from || seg.first > last {
			continue
		}
		p, err := w.openPen(seg)
		if err != nil {
			return ended, 0, err
		}
		stmt, err := p.conn.Prepare(freshSQL)
		if err != nil {
			return ended, 0, fmt.Errorf("prepare cancel: %w", err)
		}
		stmt.BindInt64(1, int64(c.Application))
		stmt.BindInt64(2, int64(from))
		stmt.BindInt64(3, int64(last))
		stmt.BindInt64(4, cancelStep)
		looked := 0
		var messages []hook.MessageID
		err = eachRow(stmt, func() (bool, error) {
			looked++
			reached = hook.Key(stmt.ColumnInt64(0))
			if slices.Contains(decodeKeys[hook.EndpointID](columnBytes(stmt, 1)), c.Endpoint) {
				messages = append(messages, hook.MessageID(reached))
			}
			return true, nil
		})
		if err != nil {
			return ended, 0, err
		}
		for _, id := range messages {
			done, err := w.cancelOneFresh(c, id)
			if err != nil {
				return ended, 0, err
			}
			if done {
				ended++
			}
		}
		if looked == cancelStep {
			return ended, reached, nil
		}
	}
	return ended, max(last, from), nil
}

// cancelOneFresh ends a delivery if it is fresh.
func (w *writer) cancelOneFresh(c *store.Cancellation, id hook.MessageID) (bool, error) {
	p, err := w.penOf(id)
	if err != nil || p == nil {
		return false, err
	}
	old, err := deliveryIn(p.conn, c.Endpoint, id)
	if err != nil || old != nil && !old.Fresh {
		return false, err
	}
	next := hook.Delivery{Message: id, Application: c.Application, Endpoint: c.Endpoint}.End(hook.Cancelled, reasonOf(c))
	if old == nil {
		_, err = p.newDelivery(&next, next.DueAt, nil)
	} else {
		err = p.setDelivery(&next, next.DueAt, encodeKeys(old.attempts))
	}
	if err != nil {
		return false, err
	}
	w.resolved = append(w.resolved, resolvedEntry{message: id, pen: p})
	return true, nil
}

// cancelCursor is a place in an endpoint's due rows.
type cancelCursor struct {
	key     store.DueKey
	isGiven bool
}

// cancelDueSQL walks an endpoint's due rows behind a place. Index: due's primary key.
const cancelDueSQL = `SELECT due_at, message, trigger FROM due
	WHERE endpoint = ?1 AND (due_at, message, trigger) > (?2, ?3, ?4) AND due_at <= ?5 AND application = ?6
	ORDER BY due_at, message, trigger LIMIT ?7`

// cancelDue deals with one step of a segment's due rows.
func (s *Store) cancelDue(ctx context.Context, c *store.Cancellation, seg *segment, after *cancelCursor) (ended int, more bool, err error) {
	rounds := roundTimes(c.Rounds)
	low, high := int64(-1), int64(1<<62)
	if c.Rounds != nil {
		low, high = bounds(rounds)
	}
	first, until := keysOf(c)
	err = s.frozen(c, func(flying map[hook.MessageID]bool) (func(*store.Due) bool, error) {
		from := after.key
		if !after.isGiven {
			from = store.DueKey{DueAt: low - 1, Message: hook.MessageID(hook.MaxKey), Trigger: 255}
		}
		ids := make(map[store.DueKey]bool)
		last := from
		err := s.writer.doToEnd(ctx, func(w *writer) error {
			clear(ids)
			last = from
			ended, more = 0, false
			if seg.isDropped() { // since the walk began: then nothing in it waits
				return nil
			}
			p, err := w.openPen(seg)
			if err != nil {
				return err
			}
			keys, err := dueKeysIn(p.conn, c, from, high)
			if err != nil {
				return err
			}
			more = len(keys) == cancelStep
			for _, k := range keys {
				last = k
				var done bool
				switch {
				case c.Rounds == nil && hook.Key(k.Message) >= first && hook.Key(k.Message) <= until:
					done, err = w.cancelOneDue(c, k)
				case c.Rounds != nil && k.Trigger == hook.Scheduled && rounds[k.DueAt] && !flying[k.Message]:
					done, err = w.takeBack(c, k)
				}
				if err != nil {
					return err
				}
				if done {
					ids[k] = true
				}
			}
			ended = len(ids)
			return nil
		})
		if err != nil {
			ended, more = 0, false
			return nil, err
		}
		*after = cancelCursor{key: last, isGiven: true}
		return func(d *store.Due) bool { return ids[d.Row] }, nil
	})
	return ended, more, err
}

func dueKeysIn(conn *sqlite.Conn, c *store.Cancellation, from store.DueKey, high int64) (keys []store.DueKey, err error) {
	stmt, err := conn.Prepare(cancelDueSQL)
	if err != nil {
		return nil, fmt.Errorf("prepare cancel: %w", err)
	}
	stmt.BindInt64(1, int64(c.Endpoint))
	stmt.BindInt64(2, from.DueAt)
	stmt.BindInt64(3, int64(from.Message))
	stmt.BindInt64(4, int64(from.Trigger))
	stmt.BindInt64(5, high)
	stmt.BindInt64(6, int64(c.Application))
	stmt.BindInt64(7, cancelStep)
	err = eachRow(stmt, func() (bool, error) {
		keys = append(keys, store.DueKey{DueAt: stmt.ColumnInt64(0), Message: hook.MessageID(stmt.ColumnInt64(1)), Trigger: hook.Trigger(stmt.ColumnInt(2))})
		return true, nil
	})
	return keys, err
}

// cancelOneDue removes a due row and ends its pair, unless that has another reason to wait.
func (w *writer) cancelOneDue(c *store.Cancellation, k store.DueKey) (bool, error) {
	if c.Line != 0 {
		p, err := w.penOf(k.Message)
		if err != nil || p == nil {
			return false, err
		}
		if d, err := deliveryIn(p.conn, c.Endpoint, k.Message); err != nil || d == nil || d.Line != c.Line {
			return false, err
		}
	}
	p, old, err := w.notDueAny(c, k)
	if err != nil || old == nil {
		return p != nil, err
	}
	if k.Trigger == hook.Manual {
		// A pair that waits by its schedule ends with its own row; one that was there for this
		// resend alone ends now.
		scheduled, err := p.hasDue(c.Endpoint, old.DueAt.UnixMilli(), k.Message, hook.Scheduled)
		if err != nil || scheduled || old.State != hook.Pending || old.Fresh {
			return true, err
		}
	} else if old.State != hook.Pending {
		return true, nil
	}
	next := old.Delivery.End(hook.Cancelled, reasonOf(c))
	return true, p.setDelivery(&next, next.DueAt, encodeKeys(old.attempts))
}

// takeBack removes the due row of a round that a replay began and that was not tried.
// The pair shows again what its attempts came to.
func (w *writer) takeBack(c *store.Cancellation, k store.DueKey) (bool, error) {
	p, err := w.penOf(k.Message)
	if err != nil || p == nil {
		return false, err
	}
	old, err := deliveryIn(p.conn, c.Endpoint, k.Message)
	if err != nil || old == nil || old.State != hook.Pending || old.Step != 0 || old.Reason != hook.ReasonReplay && len(old.attempts) == 0 {
		return false, err // it is no replay's, or was tried
	}
	if p, _, err = w.notDueAny(c, k); err != nil || p == nil {
		return false, err
	}
	next := old.Delivery.End(hook.Cancelled, hook.ReasonReplay)
	for i, id := range slices.Backward(old.attempts) {
		a, err := oneAttemptIn(p.conn, c.Endpoint, id)
		if err != nil {
			return false, err
		}
		switch {
		case a == nil:
		case a.Outcome == hook.Success:
			next.State, next.Reason = hook.Delivered, hook.ReasonNone
		case i == len(old.attempts)-1:
			next.State, next.Reason = hook.Exhausted, a.Reason
		}
		if next.State == hook.Delivered {
			break
		}
	}
	return true, p.setDelivery(&next, next.DueAt, encodeKeys(old.attempts))
}

// notDueAny removes a due row, and returns the pair's delivery as it was before. The pen
// is nil when there was no such row.
func (w *writer) notDueAny(c *store.Cancellation, k store.DueKey) (*pen, *storedDelivery, error) {
	p, err := w.penOf(k.Message)
	if err != nil || p == nil {
		return nil, nil, err
	}
	removed, err := p.notDue(c.Endpoint, k.DueAt, k.Message, k.Trigger)
	if err != nil || !removed {
		return nil, nil, err
	}
	w.thinned(p)
	old, err := deliveryIn(p.conn, c.Endpoint, k.Message)
	return p, old, err
}
