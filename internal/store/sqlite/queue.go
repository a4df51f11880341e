package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Attach implements store.Queue.
func (s *Store) Attach(h store.Handoff) { s.writer.handoff.Store(&h) }

// nextDueEndpointSQL finds the first endpoint above ?1 with due rows, and its earliest.
// Index: due's primary key.
const nextDueEndpointSQL = `SELECT endpoint, due_at, application FROM due WHERE endpoint > ?1 ORDER BY endpoint, due_at LIMIT 1`

// DueTimes implements store.Queue.
func (s *Store) DueTimes(ctx context.Context) ([]store.DueTime, error) {
	earliest := make(map[hook.EndpointID]store.DueTime)
	for _, seg := range s.dueSegments() {
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(nextDueEndpointSQL)
			if err != nil {
				return err
			}
			for after, more := int64(-1), true; more; {
				stmt.BindInt64(1, after)
				more = false
				err := eachRow(stmt, func() (bool, error) {
					more, after = true, stmt.ColumnInt64(0)
					t := store.DueTime{
						Endpoint: hook.EndpointID(after), At: columnMillis(stmt, 1),
						Application: hook.ApplicationID(stmt.ColumnInt64(2)),
					}
					if old, ok := earliest[t.Endpoint]; !ok || t.At.Before(old.At) {
						earliest[t.Endpoint] = t
					}
					return false, nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list due endpoints: %w", err)
		}
	}
	list := make([]store.DueTime, 0, len(earliest))
	for _, t := range earliest {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b store.DueTime) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	return list, nil
}

// dueSegments returns the segments that may have due rows, oldest first.
func (s *Store) dueSegments() []*segment {
	return slices.DeleteFunc(s.segmentsOldestFirst(), func(seg *segment) bool { return !seg.mayBeDue.Load() })
}

const (
	// dueSQL walks an endpoint's due rows from a time on in their order. Index: due's primary key.
	dueSQL = `SELECT due_at, message, trigger, application FROM due WHERE endpoint = ?1 AND due_at >= ?2 ORDER BY due_at, message, trigger`
	// manualSQL walks those that a person asked for: they stand among a million that wait. Index: due_manual.
	manualSQL = `SELECT due_at, message, trigger, application FROM due INDEXED BY due_manual
		WHERE endpoint = ?1 AND due_at >= ?2 AND trigger = 1 ORDER BY due_at, message`
)

// claimed is a due row on its way to a Due.
type claimed struct {
	key store.DueKey
	app hook.ApplicationID
	seg *segment
}

// Claim implements store.Queue. While sending is held it returns nothing.
func (s *Store) Claim(ctx context.Context, app hook.ApplicationID, endpoint hook.EndpointID, now time.Time, limit int, taken map[store.DueKey]bool) (due []store.Due, next time.Time, err error) {
	return s.ClaimPart(ctx, store.Part{Application: app, Endpoint: endpoint, Now: now, Limit: limit, Taken: taken})
}

// ClaimPart implements store.Queue.
func (s *Store) ClaimPart(ctx context.Context, p store.Part) (due []store.Due, next time.Time, err error) {
	defer s.slow.observe(s.times.claim, "claim", time.Now())
	if s.held.Load() {
		return nil, time.Time{}, nil
	}
	sql, from := dueSQL, int64(-1<<63)
	if p.IsManual {
		sql = manualSQL
	}
	if !p.From.IsZero() {
		from = p.From.UnixMilli()
	}
	var rows []claimed
	for _, seg := range s.dueSegments() {
		found := 0
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(sql)
			if err != nil {
				return err
			}
			stmt.BindInt64(1, int64(p.Endpoint))
			stmt.BindInt64(2, from)
			return eachRow(stmt, func() (bool, error) {
				c := claimed{
					key: store.DueKey{DueAt: stmt.ColumnInt64(0), Message: hook.MessageID(stmt.ColumnInt64(1)), Trigger: hook.Trigger(stmt.ColumnInt(2))},
					app: hook.ApplicationID(stmt.ColumnInt64(3)), seg: seg,
				}
				if p.Taken[c.key] || c.app != p.Application {
					return true, nil
				}
				rows = append(rows, c)
				found++
				// One row more than asked for, or the first that is not due yet, says when to come back.
				return found <= p.Limit && c.key.DueAt <= p.Now.UnixMilli(), nil
			})
		})
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("claim due deliveries: %w", err)
		}
	}
	slices.SortFunc(rows, func(a, b claimed) int {
		return cmp.Or(cmp.Compare(a.key.DueAt, b.key.DueAt), cmp.Compare(a.key.Message, b.key.Message), cmp.Compare(a.key.Trigger, b.key.Trigger))
	})
	n := 0
	for n < len(rows) && n < p.Limit && rows[n].key.DueAt <= p.Now.UnixMilli() {
		n++
	}
	if n < len(rows) {
		next = time.UnixMilli(rows[n].key.DueAt).UTC()
	}
	rows = rows[:n]
	due = make([]store.Due, 0, n)
	messages := make(map[hook.MessageID]*hook.Message)
	for len(rows) > 0 {
		// Neighbours of one segment share a connection.
		run := 1
		for run < len(rows) && rows[run].seg == rows[0].seg {
			run++
		}
		err := s.read(ctx, rows[0].seg, func(conn *sqlite.Conn) error {
			for _, c := range rows[:run] {
				d, err := loadDue(conn, s.content, c, p.Endpoint, messages)
				if err != nil {
					return err
				}
				if d != nil {
					due = append(due, *d)
				}
			}
			return nil
		})
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("claim due deliveries: %w", err)
		}
		rows = rows[run:]
	}
	return due, next, nil
}

// loadDue returns the delivery of a due row with its message, nil when the row is gone
// since it was read.
func loadDue(conn *sqlite.Conn, content *contentSealer, c claimed, endpoint hook.EndpointID, messages map[hook.MessageID]*hook.Message) (*store.Due, error) {
	m := messages[c.key.Message]
	if m == nil {
		stored, err := messageIn(conn, c.app, c.key.Message, content)
		if err != nil {
			return nil, err
		}
		m = &stored.Message
		messages[m.ID] = m
	}
	d, err := deliveryIn(conn, endpoint, c.key.Message)
	if err != nil {
		return nil, err
	}
	out := &store.Due{Message: m, Row: c.key, Group: c.seg.first}
	switch {
	case d != nil:
		out.Delivery = d.Delivery
	default: // a resend of a pair whose own delivery is still fresh
		out.Delivery = hook.Delivery{Message: m.ID, Endpoint: endpoint}
	}
	if c.key.Trigger == hook.Scheduled && out.Delivery.State != hook.Pending {
		return nil, nil // ended between two statements
	}
	out.Delivery.Application = c.app
	out.Delivery.Trigger = c.key.Trigger
	out.Delivery.DueAt = time.UnixMilli(c.key.DueAt).UTC()
	out.Delivery.Fresh = false
	return out, nil
}

// Spill implements store.Queue.
func (s *Store) Spill(ctx context.Context, list []hook.Delivery) error {
	for len(list) > 0 {
		part := list[:min(len(list), maxBatch)]
		list = list[len(part):]
		err := s.writer.do(ctx, true, func(w *writer) error {
			for i := range part {
				if err := w.spill(&part[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// spill gives a fresh delivery a row, unless it has got one meanwhile.
func (w *writer) spill(d *hook.Delivery) error {
	p, err := w.penOf(d.Message)
	if err != nil || p == nil {
		return err
	}
	next := *d
	next.State, next.Trigger, next.Fresh = hook.Pending, hook.Scheduled, false
	if next.DueAt.IsZero() {
		next.DueAt = w.s.o.Now()
	}
	added, err := p.newDelivery(&next, next.DueAt, nil)
	if err != nil {
		return err
	}
	if !added {
		old, err := deliveryIn(p.conn, d.Endpoint, d.Message)
		if err != nil {
			return err
		}
		if !old.Fresh {
			return nil
		}
		if err := p.setDelivery(&next, next.DueAt, encodeKeys(old.attempts)); err != nil {
			return err
		}
	}
	w.resolved = append(w.resolved, resolvedEntry{message: d.Message, pen: p})
	return w.makeDue(p, &next, next.DueAt)
}

// SetHold implements store.Queue.
func (s *Store) SetHold(ctx context.Context, held bool) error {
	err := s.writer.doToEnd(ctx, func(w *writer) error {
		p, err := w.pen(w.newest)
		if err != nil {
			return err
		}
		value := int64(0)
		if held {
			value = 1
		}
		if err := p.mark(metaHold, value); err != nil {
			return err
		}
		w.holdAfter = &held
		return nil
	})
	if err != nil || held {
		return err
	}
	// From here on Claim answers, and whatever becomes due is told. What became due before
	// is told now, also when whoever asked has left: nobody else would tell it.
	ctx = context.WithoutCancel(ctx)
	times, err := s.DueTimes(ctx)
	if err != nil {
		return err
	}
	return s.writer.do(ctx, false, func(w *writer) error {
		w.madeDue = append(w.madeDue, times...)
		return nil
	})
}

// Held implements store.Queue. It counts due rows; what is fresh is on its way.
func (s *Store) Held(ctx context.Context) (store.Hold, error) {
	h := store.Hold{Held: s.held.Load()}
	endpoints := make(map[int64]bool)
	for _, seg := range s.dueSegments() {
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare("SELECT endpoint, count(*) FROM due GROUP BY endpoint")
			if err != nil {
				return err
			}
			return eachRow(stmt, func() (bool, error) {
				endpoints[stmt.ColumnInt64(0)] = true
				h.Pending += stmt.ColumnInt64(1)
				return true, nil
			})
		})
		if err != nil {
			return store.Hold{}, fmt.Errorf("count due deliveries: %w", err)
		}
	}
	h.Endpoints = int64(len(endpoints))
	return h, nil
}
