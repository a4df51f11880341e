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

var _ store.Rounds = (*Store)(nil)

const (
	// replayLook is how many rows a page of Replayable looks at by default.
	replayLook = 5000
	// filterLook is the most where a filter reads the content of each.
	filterLook = 500
)

// Replayable implements store.Rounds.
func (s *Store) Replayable(ctx context.Context, q store.ReplayQuery) (store.ReplayPage, error) {
	w := newWalk(q.Window)
	left := cmp.Or(q.Look, replayLook)
	if q.Filter != nil {
		left = min(left, filterLook)
	}
	p := store.ReplayPage{Last: hook.MessageID(q.Window.From)}
	rq, now := &replayQuery{q, s.content}, s.o.Now()
	for _, seg := range s.segmentsAlong(w) {
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			query, of := deliveriesSQL, int64(q.Endpoint)
			if q.Missing {
				query, of = messagesSQL, int64(q.Application)
			}
			stmt, err := conn.Prepare(query + w.order())
			if err != nil {
				return err
			}
			stmt.BindInt64(1, of)
			stmt.BindInt64(2, int64(w.low))
			stmt.BindInt64(3, int64(w.high))
			return eachRow(stmt, func() (bool, error) {
				if left <= 0 || len(p.Messages) >= q.Window.Limit {
					p.More = true
					return false, nil
				}
				left--
				judge := rq.judgePair
				if q.Missing {
					judge = rq.judgeMissing
				}
				id, ok, err := judge(conn, stmt, now)
				if err != nil {
					return false, err
				}
				p.Last = id
				if ok {
					p.Messages = append(p.Messages, id)
				}
				return true, nil
			})
		})
		if err != nil {
			return store.ReplayPage{}, fmt.Errorf("list what may be sent again: %w", err)
		}
		if p.More {
			break
		}
	}
	return p, nil
}

// replayQuery judges rows of a ReplayQuery.
type replayQuery struct {
	store.ReplayQuery
	content *contentSealer
}

func (q *replayQuery) matches(m *storedMessage, now time.Time) bool {
	filter := messageFilter{eventTypes: q.EventTypes, channel: q.Channel, tag: q.Tag}
	return m.HasContent(now) && filter.match(&m.Message) && (q.Wants == nil || q.Wants(m.EventType, m.Channels))
}

// passes asks the query's filter about a message that matches, with its content.
func (q *replayQuery) passes(conn *sqlite.Conn, id hook.MessageID, now time.Time) (bool, error) {
	if q.Filter == nil {
		return true, nil
	}
	m, err := messageIn(conn, q.Application, id, q.content)
	if err != nil {
		return false, err
	}
	return m.HasContent(now) && q.Filter(&m.Message), nil
}

// judgePair judges the delivery under stmt.
func (q *replayQuery) judgePair(conn *sqlite.Conn, stmt *sqlite.Stmt, now time.Time) (hook.MessageID, bool, error) {
	d := scanDelivery(stmt)
	if !d.State.IsFinal() || len(q.Statuses) > 0 && !slices.Contains(q.Statuses, store.StatusOfDelivery(&d.Delivery)) ||
		len(q.Statuses) == 0 && d.Reason == hook.ReasonSkippedFilter {
		return d.Message, false, nil
	}
	if q.StatusClass != 0 {
		a, err := lastAttemptIn(conn, d)
		if err != nil || a == nil || !matchesClass(a.Status, q.StatusClass) {
			return d.Message, false, err
		}
	}
	m, err := messageIn(conn, q.Application, d.Message, nil)
	if hook.KindOf(err) == hook.NotFound && err != nil {
		return d.Message, false, nil // another application's endpoint of the same id is nobody's
	}
	if err != nil {
		return d.Message, false, err
	}
	if !q.matches(m, now) {
		return d.Message, false, nil
	}
	ok, err := q.passes(conn, d.Message, now)
	return d.Message, ok, err
}

// judgeMissing judges the message under stmt.
func (q *replayQuery) judgeMissing(conn *sqlite.Conn, stmt *sqlite.Stmt, now time.Time) (hook.MessageID, bool, error) {
	m, err := scanMessage(stmt, nil)
	if err != nil {
		return 0, false, err
	}
	if !q.matches(m, now) {
		return m.ID, false, nil
	}
	d, err := deliveryIn(conn, q.Endpoint, m.ID)
	if err != nil {
		return m.ID, false, err
	}
	isMissing := false
	if d == nil {
		isMissing = !slices.Contains(m.endpoints, q.Endpoint) // else it is on its way
	} else {
		byHand := d.State == hook.Cancelled && d.Reason != hook.ReasonReplay && d.Reason != hook.ReasonSkippedFilter
		isMissing = d.State.IsFinal() && len(d.attempts) == 0 && !byHand
	}
	if !isMissing {
		return m.ID, false, nil
	}
	ok, err := q.passes(conn, m.ID, now)
	return m.ID, ok, err
}

// lastAttemptIn returns the attempt of a pair that ended last, without content; nil when
// there is none.
func lastAttemptIn(conn *sqlite.Conn, d *storedDelivery) (a *hook.Attempt, err error) {
	if len(d.attempts) == 0 {
		return nil, nil
	}
	return oneAttemptIn(conn, d.Endpoint, d.attempts[len(d.attempts)-1])
}

func oneAttemptIn(conn *sqlite.Conn, ep hook.EndpointID, id hook.AttemptID) (a *hook.Attempt, err error) {
	stmt, err := conn.Prepare(attemptSQL)
	if err != nil {
		return nil, fmt.Errorf("prepare attempt: %w", err)
	}
	stmt.BindInt64(1, int64(ep))
	stmt.BindInt64(2, int64(id))
	err = eachRow(stmt, func() (bool, error) {
		a = scanAttempt(stmt)
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read attempt: %w", err)
	}
	return a, nil
}

// waitingSQL counts an endpoint's due rows by time. Index: due's primary key.
const waitingSQL = `SELECT due_at, count(*) FROM due WHERE endpoint = ?1 AND due_at BETWEEN ?2 AND ?3 AND trigger = 0 GROUP BY due_at`

// Waiting implements store.Rounds.
func (s *Store) Waiting(ctx context.Context, endpoint hook.EndpointID, dueAt []time.Time) (map[int64]int, error) {
	asked := roundTimes(dueAt)
	found := make(map[int64]int, len(asked))
	if len(asked) == 0 {
		return found, nil
	}
	low, high := bounds(asked)
	for _, seg := range s.dueSegments() {
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(waitingSQL)
			if err != nil {
				return err
			}
			stmt.BindInt64(1, int64(endpoint))
			stmt.BindInt64(2, low)
			stmt.BindInt64(3, high)
			return eachRow(stmt, func() (bool, error) {
				if at := stmt.ColumnInt64(0); asked[at] {
					found[at] += stmt.ColumnInt(1)
				}
				return true, nil
			})
		})
		if err != nil {
			return nil, fmt.Errorf("count what waits of a replay: %w", err)
		}
	}
	return found, nil
}

// roundTimes returns times as the keys of due rows.
func roundTimes(list []time.Time) map[int64]bool {
	set := make(map[int64]bool, len(list))
	for _, t := range list {
		set[t.UnixMilli()] = true
	}
	return set
}

func bounds(set map[int64]bool) (low, high int64) {
	low, high = 1<<62, 0
	for at := range set {
		low, high = min(low, at), max(high, at)
	}
	return low, high
}

// destinationsSQL reads how many endpoints each message went to. Index: message_application.
const destinationsSQL = `SELECT key, length(endpoints) / 8 FROM message INDEXED BY message_application
	WHERE application = ?1 AND key > ?2 AND key <= ?3 ORDER BY key`

// Destinations implements store.Rounds.
func (s *Store) Destinations(ctx context.Context, app hook.ApplicationID, from, to hook.Key, limit int) (n int64, next hook.Key, err error) {
	for _, seg := range s.segmentsOldestFirst() {
		if seg.last <= from || seg.first > to {
			continue
		}
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(destinationsSQL)
			if err != nil {
				return err
			}
			stmt.BindInt64(1, int64(app))
			stmt.BindInt64(2, int64(from))
			stmt.BindInt64(3, int64(to))
			return eachRow(stmt, func() (bool, error) {
				if limit <= 0 {
					next = from
					return false, nil
				}
				limit--
				from = hook.Key(stmt.ColumnInt64(0))
				n += stmt.ColumnInt64(1)
				return true, nil
			})
		})
		if err != nil {
			return 0, 0, fmt.Errorf("count destinations: %w", err)
		}
		if next != 0 {
			break
		}
	}
	return n, next, nil
}
