package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

var _ store.Retention = (*Store)(nil)

const (
	// expungeLimit is how many messages one call of Expunge looks at by default.
	expungeLimit = 1000
	// expungeStep is how many messages lose their content in one commit: some hundred
	// pages, which hold up the publishers who share it for milliseconds.
	expungeStep = 64
)

// Statements that find what to expunge, by rising key. ?1 is the application or the
// environment, ?2 and ?3 bound the key, both inclusive.
const (
	expungeColumns = `key, application, environment, tags, payload IS NULL AND raw IS NULL AND params IS NULL AND inbound IS NULL`
	// Index: message_application(application, key).
	expungeOfApplicationSQL = `SELECT ` + expungeColumns + ` FROM message INDEXED BY message_application
		WHERE application = ?1 AND key BETWEEN ?2 AND ?3 ORDER BY key`
	// Index: message's primary key, so it walks over other environments' messages too.
	expungeOfEnvironmentSQL = `SELECT ` + expungeColumns + ` FROM message WHERE environment = ?1 AND key BETWEEN ?2 AND ?3 ORDER BY key`
)

// Expunge implements store.Retention.
func (s *Store) Expunge(ctx context.Context, q store.ExpungeQuery) (purged int, next hook.Key, done bool, err error) {
	next = q.Cursor
	if q.Environment == 0 {
		return 0, next, false, fmt.Errorf("expunge: no environment")
	}
	var last hook.Key
	if before := q.Before; !before.IsZero() {
		last = hook.KeyAt(before) - 1
	} else {
		last = s.keys.Next() // above everything that has been acknowledged
	}
	left := cmp.Or(q.Limit, expungeLimit)
	for _, seg := range s.segmentsOldestFirst() {
		if seg.last <= next || seg.first > last {
			continue
		}
		for left > 0 {
			keys, reached, looked, err := s.findExpungeable(ctx, seg, &q, next, last, left)
			if err != nil {
				return purged, next, false, fmt.Errorf("expunge: %w", err)
			}
			left -= looked
			for part := range slices.Chunk(keys, expungeStep) {
				n, err := s.expungeMessages(ctx, part)
				purged += n
				if err != nil {
					return purged, next, false, fmt.Errorf("expunge: %w", err)
				}
				next = hook.Key(part[len(part)-1])
			}
			next = max(next, reached)
			if reached >= min(seg.last, last) {
				// The walk leaves this segment. What it purged, also in an earlier call or before
				// a crash, is in old pages of the log until that is emptied.
				if err := s.scrub(ctx, seg.segmentFile); err != nil {
					return purged, next, false, fmt.Errorf("expunge: %w", err)
				}
				break
			}
		}
		if left <= 0 && next < last {
			return purged, next, false, nil
		}
	}
	return purged, max(next, last), true, nil
}

// findExpungeable returns the messages of a segment after a key that q names and that have
// something to lose. reached is the last key that was looked at, or the segment's last when
// there is no more; looked is how many rows.
func (s *Store) findExpungeable(ctx context.Context, seg *segment, q *store.ExpungeQuery, after, last hook.Key, limit int) (keys []hook.MessageID, reached hook.Key, looked int, err error) {
	query, of := expungeOfApplicationSQL, int64(q.Application)
	if q.Application == 0 {
		query, of = expungeOfEnvironmentSQL, int64(q.Environment)
	}
	filter := messageFilter{tag: q.Tag}
	reached = min(seg.last, last)
	err = s.read(ctx, seg, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		stmt.BindInt64(1, of)
		stmt.BindInt64(2, int64(after)+1)
		stmt.BindInt64(3, int64(last))
		return eachRow(stmt, func() (bool, error) {
			looked++
			key := hook.Key(stmt.ColumnInt64(0))
			m := hook.Message{Tags: splitLines(stmt.ColumnText(3))}
			if hook.EnvironmentID(stmt.ColumnInt64(2)) == q.Environment && filter.match(&m) && !stmt.ColumnBool(4) {
				keys = append(keys, hook.MessageID(key))
			}
			if looked < limit {
				return true, nil
			}
			reached = key
			return false, nil
		})
	})
	return keys, reached, looked, err
}

// expungeMessages removes the content of messages of one segment in one commit, and
// returns how many there were.
func (s *Store) expungeMessages(ctx context.Context, messages []hook.MessageID) (n int, err error) {
	err = s.writer.doToEnd(ctx, func(w *writer) error {
		n = 0
		p, err := w.penOf(messages[0])
		if err != nil || p == nil { // dropped since: then nothing is left to remove
			return err
		}
		for _, id := range messages {
			if err := w.expunge(p, id); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err == nil && n > 0 {
		s.expunged.add(s.o.Now(), messages...)
	}
	return n, err
}

// expungedSet holds the messages whose content was removed within the hour.
type expungedSet struct {
	any atomic.Bool // there has been one, so that nobody else pays for the look

	mu      sync.RWMutex
	at      map[hook.MessageID]time.Time
	sweepAt int // the size at which old ones are looked for
}

// inMemory is for how long what was claimed may be sent as it was read, generously: a lane
// reads what has waited for ten minutes again.
const inMemory = time.Hour

func (e *expungedSet) add(now time.Time, messages ...hook.MessageID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.at == nil {
		e.at = make(map[hook.MessageID]time.Time)
	}
	if len(e.at) >= e.sweepAt {
		maps.DeleteFunc(e.at, func(_ hook.MessageID, at time.Time) bool { return now.Sub(at) > inMemory })
		e.sweepAt = max(1024, 2*len(e.at))
	}
	for _, id := range messages {
		e.at[id] = now
	}
	e.any.Store(true)
}

// IsExpunged implements store.Retention.
func (s *Store) IsExpunged(id hook.MessageID) bool {
	if !s.expunged.any.Load() {
		return false
	}
	s.expunged.mu.RLock()
	defer s.expunged.mu.RUnlock()
	_, found := s.expunged.at[id]
	return found
}

// afterExpunge is for how long answers to requests that were under way are not kept: an
// attempt takes at most a minute, and lanes read a message again before they try it late.
const afterExpunge = 5 * time.Minute

// expunge removes the content of a message, and has the answers of attempts under way left out.
func (w *writer) expunge(p *pen, id hook.MessageID) error {
	if err := expungeIn(p.conn, id); err != nil {
		return err
	}
	now := w.s.o.Now()
	if w.expunged == nil {
		w.expunged = make(map[hook.MessageID]time.Time)
	}
	if len(w.expunged) >= w.expungedLimit {
		for m, at := range w.expunged {
			if now.Sub(at) > afterExpunge {
				delete(w.expunged, m)
			}
		}
		w.expungedLimit = max(1024, 2*len(w.expunged))
	}
	w.expunged[id] = now
	return nil
}

// withoutAnswer returns the attempt as it is recorded: without the answer when the content
// of its message was removed while it was under way.
func (w *writer) withoutAnswer(a *hook.Attempt) *hook.Attempt {
	if a == nil || len(w.expunged) == 0 {
		return a
	}
	if _, found := w.expunged[a.Message]; !found {
		return a
	}
	b := *a // the caller's own stays as it is
	b.Header, b.Body, b.Notes, b.Expunged = nil, nil, nil, true
	return &b
}

const (
	expungeMessageSQL = `UPDATE message SET payload = NULL, raw = NULL, params = NULL, inbound = NULL WHERE key = ?1`
	endpointsSQL      = `SELECT endpoints FROM message WHERE key = ?1`
)

// expungeContent removes the content of a message.
func expungeContent(conn *sqlite.Conn, id hook.MessageID) error {
	stmt, err := conn.Prepare(expungeMessageSQL)
	if err == nil {
		stmt.BindInt64(1, int64(id))
		err = run(stmt)
	}
	if err != nil {
		return fmt.Errorf("expunge message: %w", err)
	}
	if err := sqlitex.Execute(conn, expungeFeedSQL, &sqlitex.ExecOptions{Args: []any{int64(id)}}); err != nil {
		return fmt.Errorf("expunge feed: %w", err)
	}
	return nil
}

// expungeIn removes the content of a message with the answers of its attempts.
func expungeIn(conn *sqlite.Conn, id hook.MessageID) error {
	if err := expungeContent(conn, id); err != nil {
		return err
	}
	attempt, err := conn.Prepare(expungeAttemptSQL)
	if err != nil {
		return fmt.Errorf("prepare expunge: %w", err)
	}
	return eachAttempt(conn, id, func(ep hook.EndpointID, a hook.AttemptID) error {
		attempt.BindInt64(1, int64(ep))
		attempt.BindInt64(2, int64(a))
		if err := run(attempt); err != nil {
			return fmt.Errorf("expunge attempt: %w", err)
		}
		return nil
	})
}

// endpointsOf returns the endpoints that a message goes to.
func endpointsOf(conn *sqlite.Conn, id hook.MessageID) (endpoints []hook.EndpointID, err error) {
	find, err := conn.Prepare(endpointsSQL)
	if err != nil {
		return nil, fmt.Errorf("find endpoints: %w", err)
	}
	find.BindInt64(1, int64(id))
	err = eachRow(find, func() (bool, error) {
		endpoints = decodeKeys[hook.EndpointID](columnBytes(find, 0))
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("find endpoints: %w", err)
	}
	return endpoints, nil
}

// eachAttempt calls f with the ended attempts of a message.
func eachAttempt(conn *sqlite.Conn, id hook.MessageID, f func(hook.EndpointID, hook.AttemptID) error) error {
	endpoints, err := endpointsOf(conn, id)
	if err != nil {
		return err
	}
	for _, ep := range endpoints {
		d, err := deliveryIn(conn, ep, id)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		for _, a := range d.attempts {
			if err := f(ep, a); err != nil {
				return err
			}
		}
	}
	return nil
}
