package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// The feed of a polling endpoint lies in the segments of its messages, so that retention
// drops it with them, while its positions are drawn when its lane hands the messages over:
// rows of one feed may be written into two segments by one commit of the writer, which are
// two commits on disk. A reader that saw the later row and not yet the earlier one would
// pass over it for ever. So readers stop at feedEnd, which follows a batch once all of it is
// on disk. A batch of which only a part was kept draws new positions for the rest.

const (
	insertFeedSQL = `INSERT INTO feed (endpoint, position, message, headers, payload, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`
	// Index: feed's primary key.
	feedSQL    = `SELECT position, message FROM feed WHERE endpoint = ?1 AND position > ?2 AND position <= ?3 ORDER BY position LIMIT ?4`
	feedRowSQL = `SELECT headers, payload, sealed FROM feed WHERE endpoint = ?1 AND position = ?2`
	// Index: feed_message.
	hasFeedSQL     = `SELECT 1 FROM feed WHERE message = ?1 LIMIT 1`
	expungeFeedSQL = `UPDATE feed SET headers = NULL, payload = NULL WHERE message = ?1`
)

// feedLook is how many rows a poll with a filter looks at.
const feedLook = 1000

// feed puts a delivery into its endpoint's feed.
func (w *writer) feed(p *pen, f *store.Finished) error {
	if f.Feed == nil {
		return nil
	}
	d := &f.Delivery
	position := max(hook.PositionOf(w.nextKey()), w.lastFed+1)
	w.lastFed, w.feeds = position, true
	headers, payload, err := fedColumns(f.Feed)
	if err != nil {
		return err
	}
	if _, gone := w.expunged[d.Message]; gone {
		headers, payload = nil, nil
	}
	sealed := (headers != nil || payload != nil) && w.s.catalog.seals(d.Application)
	if sealed {
		row := feedContext(d.Endpoint, position)
		headers, payload = w.s.content.seal(headers, row, "headers"), w.s.content.seal(payload, row, "payload")
	}
	stmt, err := p.conn.Prepare(insertFeedSQL)
	if err != nil {
		return fmt.Errorf("prepare feed: %w", err)
	}
	stmt.BindInt64(1, int64(d.Endpoint))
	stmt.BindInt64(2, int64(position))
	stmt.BindInt64(3, int64(d.Message))
	bindBlob(stmt, 4, headers)
	bindBlob(stmt, 5, payload)
	stmt.BindBool(6, sealed)
	p.fed = position
	p.file.lastFed.Store(int64(position)) // too early if the batch fails, which costs a look
	return run(stmt)
}

func fedColumns(f *store.Fed) (headers, payload []byte, err error) {
	if len(f.Headers) > 0 {
		if headers, err = json.Marshal(f.Headers); err != nil {
			return nil, nil, fmt.Errorf("encode headers of a feed: %w", err)
		}
	}
	return headers, f.Payload, nil
}

func feedContext(ep hook.EndpointID, p hook.Position) string {
	return contentContext("feed", int64(ep), int64(p))
}

// isFed reports whether some feed has a message.
func isFed(conn *sqlite.Conn, id hook.MessageID) (found bool, err error) {
	err = sqlitex.Execute(conn, hasFeedSQL, &sqlitex.ExecOptions{
		Args:       []any{int64(id)},
		ResultFunc: func(*sqlite.Stmt) error { found = true; return nil },
	})
	return found, err
}

// FeedEnd implements store.Feeds.
func (s *Store) FeedEnd() hook.Position { return hook.Position(s.feedEnd.Load()) }

// lostFeeds holds up to which position retention has dropped rows of feeds.
type lostFeeds struct {
	mu sync.RWMutex
	at map[hook.EndpointID]hook.Position // guarded by mu
}

func (l *lostFeeds) of(ep hook.EndpointID) hook.Position {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.at[ep]
}

func (l *lostFeeds) add(lost map[hook.EndpointID]hook.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil {
		l.at = make(map[hook.EndpointID]hook.Position)
	}
	for ep, p := range lost {
		l.at[ep] = max(l.at[ep], p)
	}
}

// lostIn returns the last position of each feed among the rows d that a condition on
// a segment's table gives.
func lostIn(conn *sqlite.Conn, table, condition string) (map[hook.EndpointID]hook.Position, error) {
	lost := map[hook.EndpointID]hook.Position{}
	sql := fmt.Sprintf("SELECT d.endpoint, max(d.position) FROM %s d WHERE %s GROUP BY d.endpoint", table, condition)
	err := sqlitex.Execute(conn, sql, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		lost[hook.EndpointID(stmt.ColumnInt64(0))] = hook.Position(stmt.ColumnInt64(1))
		return nil
	}})
	if err != nil {
		return nil, fmt.Errorf("find what feeds lose: %w", err)
	}
	return lost, nil
}

// noteLost remembers what is about to be dropped of feeds, so that their consumers are told.
// If it is kept after all, they are told too early, and lose nothing.
func (s *Store) noteLost(ctx context.Context, lost map[hook.EndpointID]hook.Position) error {
	if len(lost) == 0 {
		return nil
	}
	err := s.catalog.change(ctx, func(tx *catalogTx) error {
		for ep, p := range lost {
			// Of an endpoint that is gone nobody asks any more.
			err := tx.exec(`INSERT INTO feed_lost (endpoint, position) SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM endpoint WHERE key = ?1)
				ON CONFLICT (endpoint) DO UPDATE SET position = max(position, excluded.position)`, ep, int64(p))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.lost.add(lost)
	}
	return err
}

// learnLost reads at the start what feeds have lost.
func (s *Store) learnLost() error {
	lost := map[hook.EndpointID]hook.Position{}
	err := catalogQuery(s.catalog.writer, "SELECT endpoint, position FROM feed_lost", func(stmt *sqlite.Stmt) error {
		lost[hook.EndpointID(stmt.ColumnInt64(0))] = hook.Position(stmt.ColumnInt64(1))
		return nil
	})
	s.lost.add(lost)
	return err
}

// fedRow is a row of a feed on its way to a FeedRow.
type fedRow struct {
	position hook.Position
	message  hook.MessageID
	seg      *segment
}

// Feed implements store.Feeds.
func (s *Store) Feed(ctx context.Context, q store.FeedQuery) (store.FeedPage, error) {
	page := store.FeedPage{Last: q.After}
	if lost := s.lost.of(q.Endpoint); lost > q.After {
		page.DroppedUntil = lost
	}
	end := s.FeedEnd() // before the first row is read
	if q.After >= end {
		return page, nil
	}
	look := q.Limit
	if q.EventType != "" || q.Channel != "" {
		look = max(look, feedLook)
	}
	rows, err := s.fedRows(ctx, q, end, look+1)
	if err != nil {
		return page, fmt.Errorf("read feed: %w", err)
	}
	if page.More = len(rows) > look; page.More {
		rows = rows[:look]
	}
	bytes := 0
	for len(rows) > 0 {
		// Neighbours of one segment share a connection.
		run := 1
		for run < len(rows) && rows[run].seg == rows[0].seg {
			run++
		}
		read, full := 0, false
		err := s.read(ctx, rows[0].seg, func(conn *sqlite.Conn) error {
			for _, r := range rows[:run] {
				row, err := s.loadFed(conn, &q, r, &page.Gone)
				if err != nil {
					return err
				}
				if row != nil {
					if bytes += row.Message.Size() + len(row.Payload); bytes > maxPageBytes && len(page.Rows) > 0 {
						full = true
						return nil
					}
					page.Rows = append(page.Rows, *row)
				}
				read++
				page.Last = r.position
				if len(page.Rows) == q.Limit {
					return nil
				}
			}
			return nil
		})
		switch {
		case err != nil:
			return page, fmt.Errorf("read feed: %w", err)
		case full, len(page.Rows) == q.Limit:
			page.More = page.More || read < len(rows)
			return page, nil
		case read < run: // dropped since
			page.Gone += run
			page.Last = rows[run-1].position
		}
		rows = rows[run:]
	}
	return page, nil
}

// fedRows returns the first rows of a feed after a position, at most limit and all of the
// same state of the store. Segments are looked into from the oldest on, until no later one
// can have a row among the first: all its rows were handed over after it began.
func (s *Store) fedRows(ctx context.Context, q store.FeedQuery, end hook.Position, limit int) ([]fedRow, error) {
	var rows []fedRow
	byPosition := func(a, b fedRow) int { return cmp.Compare(a.position, b.position) }
	for _, seg := range s.segmentsOldestFirst() {
		if seg.lastFed.Load() <= int64(q.After) {
			continue
		}
		if len(rows) == limit && rows[limit-1].position < hook.PositionAt(seg.first.Time()) {
			break
		}
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(feedSQL)
			if err != nil {
				return err
			}
			stmt.BindInt64(1, int64(q.Endpoint))
			stmt.BindInt64(2, int64(q.After))
			stmt.BindInt64(3, int64(end))
			stmt.BindInt64(4, int64(limit))
			return eachRow(stmt, func() (bool, error) {
				rows = append(rows, fedRow{hook.Position(stmt.ColumnInt64(0)), hook.MessageID(stmt.ColumnInt64(1)), seg})
				return true, nil
			})
		})
		if err != nil {
			return nil, err
		}
		slices.SortFunc(rows, byPosition)
		rows = rows[:min(limit, len(rows))]
	}
	return rows, nil
}

// loadFed reads one row with its message, nil where the query does not want it or nothing
// is left of it, which it counts in gone.
func (s *Store) loadFed(conn *sqlite.Conn, q *store.FeedQuery, r fedRow, gone *int) (*store.FeedRow, error) {
	if q.EventType != "" || q.Channel != "" {
		m, err := messageIn(conn, q.Application, r.message, nil)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			*gone++
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		filter := messageFilter{channel: q.Channel}
		if q.EventType != "" {
			filter.eventTypes = []string{q.EventType}
		}
		if !filter.match(&m.Message) {
			return nil, nil
		}
	}
	m, err := messageIn(conn, q.Application, r.message, s.content)
	if hook.KindOf(err) == hook.NotFound && err != nil || err == nil && !m.HasContent(s.o.Now()) {
		*gone++
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	row := &store.FeedRow{Position: r.position, Message: &m.Message}
	stmt, err := conn.Prepare(feedRowSQL)
	if err != nil {
		return nil, err
	}
	stmt.BindInt64(1, int64(q.Endpoint))
	stmt.BindInt64(2, int64(r.position))
	err = eachRow(stmt, func() (bool, error) {
		headers, payload := columnBytes(stmt, 0), columnBytes(stmt, 1)
		if stmt.ColumnBool(2) {
			context := feedContext(q.Endpoint, r.position)
			var err error
			if headers, err = s.content.open(headers, context, "headers"); err == nil {
				payload, err = s.content.open(payload, context, "payload")
			}
			if err != nil {
				s.log.Error("what a feed holds of a message cannot be read", "position", int64(r.position), "error", err)
				*gone++
				row = nil
				return false, nil
			}
		}
		row.Payload = payload
		if headers != nil {
			if err := json.Unmarshal(headers, &row.Headers); err != nil {
				return false, fmt.Errorf("decode headers of a feed: %w", err)
			}
		}
		return false, nil
	})
	return row, err
}
