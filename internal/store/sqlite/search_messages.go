package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const (
	// Index: message's primary key, so that a walk over all applications is one over the rows
	// as they lie.
	allMessagesSQL = `SELECT ` + messageColumns + ` FROM message WHERE key BETWEEN ?1 AND ?2 ORDER BY key DESC`
	// Index: message_application(application, key).
	theirMessagesSQL = `SELECT ` + messageColumns + ` FROM message INDEXED BY message_application
		WHERE key BETWEEN ?1 AND ?2 AND application = ?3 ORDER BY key DESC`
)

// scanBatch is how many rows one read looks at, scanBatchBytes how much content it keeps at
// most: a long read would keep the write-ahead log from being restarted.
const (
	scanBatch      = 2000
	scanBatchBytes = 4 << 20
	// maxCountedDeliveries is how many deliveries of one message are looked at.
	maxCountedDeliveries = 200
)

// ScanMessages implements store.Search. What is looked at is read in short batches, and asked
// about outside of them.
func (s *Store) ScanMessages(ctx context.Context, q store.MessageScan) (store.Scanned, error) {
	out, err := s.scanMessages(ctx, &q)
	if err != nil {
		return store.Scanned{}, fmt.Errorf("scan messages: %w", err)
	}
	return out, nil
}

func (s *Store) scanMessages(ctx context.Context, q *store.MessageScan) (store.Scanned, error) {
	w := newWalk(store.Window{After: q.After, Before: q.Before, From: q.From, Limit: q.Limit})
	b := messageScan{s: s, q: q, filter: messageFilter{eventTypes: q.EventTypes, channel: q.Channel, tag: q.Tag}, left: q.MaxRows, deadline: time.Now().Add(q.MaxTime)}
	var out store.Scanned
	held := 0
	for _, seg := range s.segmentsAlong(w) {
		b.high, b.isEnd = min(w.high, seg.last), false
		for !b.isEnd {
			if b.isSpent() {
				out.Examined, out.Next = b.examined, b.next()
				return out, nil
			}
			b.found, b.isEnd = b.found[:0], true // also of a segment that was dropped since
			err := s.read(ctx, seg, func(conn *sqlite.Conn) error { return b.read(conn, w.low) })
			if err != nil {
				return out, err
			}
			for i, m := range b.found {
				if q.Wants != nil {
					wanted, err := q.Wants(&m.Message)
					if err != nil {
						return out, err
					}
					if !wanted {
						if i%64 == 63 && !time.Now().Before(b.deadline) {
							out.Examined, out.Next = b.examined-b.behind(i), hook.Key(m.ID)
							return out, nil
						}
						continue
					}
				}
				if held += m.Size(); held > maxPageBytes && len(out.Rows) > 0 {
					out.Examined, out.Next = b.examined-b.behind(i)-1, hook.Key(m.ID)+1 // it is the first of the next page
					return out, nil
				}
				counts, err := s.deliveryCounts(ctx, m)
				if err != nil {
					return out, err
				}
				out.Rows = append(out.Rows, store.ScannedMessage{Message: &m.Message, Deliveries: counts})
				if len(out.Rows) == q.Limit {
					out.Examined, out.Next = b.examined-b.behind(i), hook.Key(m.ID)
					return out, nil
				}
			}
		}
	}
	out.Examined, out.Done = b.examined, true
	return out, nil
}

// messageScan is how far a scan has come.
type messageScan struct {
	s        *Store
	q        *store.MessageScan
	filter   messageFilter
	left     int // rows that may still be looked at
	deadline time.Time

	high     hook.Key // the greatest key that was not looked at
	isEnd    bool     // of the segment
	examined int      // rows of the caller
	stopped  hook.Key // the last row that was looked at, whosever
	last     hook.Key // the last one of the caller
	// found are the rows of the last batch that fit, with how many were examined up to each.
	found   []*storedMessage
	foundAt []int
}

func (b *messageScan) isSpent() bool { return b.left <= 0 || !time.Now().Before(b.deadline) }

// behind returns how many rows were examined after the i-th of found.
func (b *messageScan) behind(i int) int { return b.examined - b.foundAt[i] }

// next returns where to go on. The key of somebody else's message is not told: what lies in
// the same millisecond is looked at again.
func (b *messageScan) next() hook.Key {
	if b.stopped == b.last || b.last != 0 && b.last.Millis() == b.stopped.Millis() {
		return b.last
	}
	return hook.KeyAt(time.UnixMilli(b.stopped.Millis() + 1))
}

// read looks at one batch of a segment, from high down to low.
func (b *messageScan) read(conn *sqlite.Conn, low hook.Key) error {
	b.foundAt = b.foundAt[:0]
	most := scanBatch
	if b.q.Wants == nil {
		most = b.q.Limit
	}
	text := allMessagesSQL
	if b.q.Application != 0 {
		text = theirMessagesSQL
	}
	stmt, err := conn.Prepare(text)
	if err != nil {
		return err
	}
	stmt.BindInt64(1, int64(low))
	stmt.BindInt64(2, int64(b.high))
	if b.q.Application != 0 {
		stmt.BindInt64(3, int64(b.q.Application))
	}
	rows, bytes := 0, 0
	b.isEnd = true
	return eachRow(stmt, func() (bool, error) {
		key := hook.Key(stmt.ColumnInt64(0))
		b.stopped, b.high = key, key-1
		b.left--
		rows++
		app := hook.ApplicationID(stmt.ColumnInt64(1))
		if hook.EnvironmentID(stmt.ColumnInt64(2)) == b.q.Environment && (b.q.Application != 0 || app != b.q.Environment.Operational()) {
			b.examined++
			b.last = key
			m, err := b.match(conn, stmt)
			if err != nil {
				return false, err
			}
			if m != nil {
				b.found, b.foundAt = append(b.found, m), append(b.foundAt, b.examined)
				bytes += m.Size()
			}
		}
		goOn := rows < scanBatch && len(b.found) < most && bytes < scanBatchBytes && b.left > 0 && (rows%64 != 0 || time.Now().Before(b.deadline))
		b.isEnd = goOn
		return goOn, nil
	})
}

// match returns the row that stmt is at where it fits as far as columns tell; else nil.
func (b *messageScan) match(conn *sqlite.Conn, stmt *sqlite.Stmt) (*storedMessage, error) {
	m, err := scanMessage(stmt, nil)
	if err != nil || !b.filter.match(&m.Message) || b.q.Endpoint != 0 && !slices.Contains(m.endpoints, b.q.Endpoint) {
		return nil, err
	}
	if len(b.q.Statuses) > 0 {
		fits := false
		err := eachDeliveryOf(conn, m, func(st store.AttemptStatus, ep hook.EndpointID) bool {
			fits = slices.Contains(b.q.Statuses, st) && (b.q.Endpoint == 0 || ep == b.q.Endpoint)
			b.left--
			return !fits
		})
		if err != nil || !fits {
			return nil, err
		}
	}
	if b.q.WithContent {
		return scanMessage(stmt, b.s.content)
	}
	return m, nil
}

// eachDeliveryOf calls f with what each delivery of a message shows, until it returns false.
func eachDeliveryOf(conn *sqlite.Conn, m *storedMessage, f func(store.AttemptStatus, hook.EndpointID) bool) error {
	for _, ep := range m.endpoints {
		d, err := deliveryIn(conn, ep, m.ID)
		if err != nil {
			return err
		}
		st := store.StatusPending // fresh: it has no row yet
		if d != nil {
			st = store.StatusOfDelivery(&d.Delivery)
		}
		if !f(st, ep) {
			return nil
		}
	}
	return nil
}

// deliveryCounts counts a message's deliveries by what they show; nil for too many.
func (s *Store) deliveryCounts(ctx context.Context, m *storedMessage) (*store.Stats, error) {
	if len(m.endpoints) > maxCountedDeliveries {
		return nil, nil
	}
	out := &store.Stats{}
	if len(m.endpoints) == 0 {
		return out, nil
	}
	err := s.inMessageSegment(ctx, m.ID, func(conn *sqlite.Conn) error {
		return eachDeliveryOf(conn, m, func(st store.AttemptStatus, _ hook.EndpointID) bool {
			out.Count(st)
			return true
		})
	})
	if hook.KindOf(err) == hook.NotFound && err != nil { // dropped since
		return nil, nil
	}
	return out, err
}
