package sqlite

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const (
	attemptColumns = `endpoint, key, message, n, flags, outcome, reason, status, started_at, took, timings, next_at, url, remote_addr, error, header, body, sealed, batch, notes, tls`
	// Index: attempt's primary key (endpoint, key).
	attemptsSQL = `SELECT ` + attemptColumns + ` FROM attempt WHERE endpoint = ?1 AND key BETWEEN ?2 AND ?3 ORDER BY key `
	attemptSQL  = `SELECT ` + attemptColumns + ` FROM attempt WHERE endpoint = ?1 AND key = ?2`
	// Index: attempt_failed, which holds failures only.
	failedAttemptsSQL = `SELECT ` + attemptColumns + ` FROM attempt INDEXED BY attempt_failed
		WHERE endpoint = ?1 AND key BETWEEN ?2 AND ?3 AND outcome <> 1 ORDER BY key `
	expungeAttemptSQL = `UPDATE attempt SET header = NULL, body = NULL, notes = NULL, flags = flags | 16 WHERE endpoint = ?1 AND key = ?2`
)

// Bits of attempt.flags.
const (
	flagManual = 1 << iota
	flagBodyTruncated
	flagBodyIncomplete
	flagReused
	flagExpunged
)

// Attempts implements store.History.
func (s *Store) Attempts(ctx context.Context, q store.AttemptQuery) (store.Listed[store.Attempted], error) {
	w := newWalk(q.Window)
	var rows []store.Attempted
	var err error
	if q.Message != 0 {
		rows, err = s.attemptsOfMessage(ctx, q, w)
	} else {
		rows, err = s.attemptsOfEndpoint(ctx, q, &w)
	}
	if err != nil {
		return store.Listed[store.Attempted]{}, err
	}
	slices.SortFunc(rows, func(a, b store.Attempted) int {
		if w.ascending {
			return cmp.Compare(a.Attempt.ID, b.Attempt.ID)
		}
		return cmp.Compare(b.Attempt.ID, a.Attempt.ID)
	})
	if q.WithMessage && q.WithContent {
		if err := s.loadContents(ctx, &w, rows); err != nil {
			return store.Listed[store.Attempted]{}, err
		}
	}
	return listed(w, rows), nil
}

// loadContents puts the contents of messages into the rows that the page will show. Only
// now is it known which those are.
func (s *Store) loadContents(ctx context.Context, w *walk, rows []store.Attempted) error {
	loaded := map[hook.MessageID]*hook.Message{}
	for i := range rows {
		if i+1 >= w.want {
			return nil
		}
		id := rows[i].Message.ID
		m := loaded[id]
		if m == nil {
			var err error
			m, err = s.Message(ctx, rows[i].Message.Application, id)
			if hook.KindOf(err) == hook.NotFound && err != nil { // dropped since
				m = rows[i].Message
			} else if err != nil {
				return err
			}
			loaded[id] = m
		}
		rows[i].Message = m
		w.hold(i+1, m) // also when it is shown again, because it is encoded again
	}
	return nil
}

// attemptsOfEndpoint takes what the walk wants from every segment, because an older
// message's segment may hold the newer attempt; the caller merges.
func (s *Store) attemptsOfEndpoint(ctx context.Context, q store.AttemptQuery, w *walk) ([]store.Attempted, error) {
	query := attemptsSQL
	if len(q.Statuses) > 0 && !slices.Contains(q.Statuses, store.StatusSuccess) {
		query = failedAttemptsSQL
	}
	var rows []store.Attempted
	for _, seg := range s.segmentsNewestFirst() {
		if seg.first > w.high || seg.barren.Load() { // an attempt is never older than its message
			continue
		}
		found := 0
		w.begin()
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(query + w.order())
			if err != nil {
				return err
			}
			stmt.BindInt64(1, int64(q.Endpoint))
			stmt.BindInt64(2, int64(w.low))
			stmt.BindInt64(3, int64(w.high))
			return eachRow(stmt, func() (bool, error) {
				row, ok, err := matchAttempt(conn, stmt, q, s.content)
				if err != nil {
					return false, err
				}
				if ok {
					rows = append(rows, row)
					found++
				}
				return w.goOn(hook.Key(stmt.ColumnInt64(1))) && found < w.want, nil
			})
		})
		if err != nil {
			return nil, fmt.Errorf("list attempts: %w", err)
		}
	}
	// What lies beyond the file whose look ended first is not known from all files.
	return slices.DeleteFunc(rows, func(r store.Attempted) bool {
		key := hook.Key(r.Attempt.ID)
		return w.look.next != 0 && (w.ascending && key > w.look.next || !w.ascending && key < w.look.next)
	}), nil
}

func (s *Store) attemptsOfMessage(ctx context.Context, q store.AttemptQuery, w walk) ([]store.Attempted, error) {
	var rows []store.Attempted
	err := s.inMessageSegment(ctx, q.Message, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(attemptSQL)
		if err != nil {
			return fmt.Errorf("prepare attempt: %w", err)
		}
		return deliveriesIn(conn, q.Application, q.Message, func(d *storedDelivery) error {
			if q.Endpoint != 0 && d.Endpoint != q.Endpoint {
				return nil
			}
			for _, id := range d.attempts {
				if hook.Key(id) < w.low || hook.Key(id) > w.high {
					continue
				}
				stmt.BindInt64(1, int64(d.Endpoint))
				stmt.BindInt64(2, int64(id))
				err := eachRow(stmt, func() (bool, error) {
					row, ok, err := matchAttempt(conn, stmt, q, s.content)
					if ok {
						rows = append(rows, row)
					}
					return false, err
				})
				if err != nil {
					return fmt.Errorf("read attempt: %w", err)
				}
			}
			return nil
		})
	})
	return rows, err
}

// matchAttempt judges the row under stmt by the query's filters and loads it if it matches.
func matchAttempt(conn *sqlite.Conn, stmt *sqlite.Stmt, q store.AttemptQuery, content *contentSealer) (row store.Attempted, ok bool, err error) {
	a := scanAttempt(stmt)
	a.Application = q.Application
	if len(q.Statuses) > 0 && !slices.Contains(q.Statuses, store.StatusOfAttempt(a)) {
		return row, false, nil
	}
	if !matchesClass(a.Status, q.StatusClass) || q.Requests && a.Batch != nil && a.Batch.Of != a.ID {
		return row, false, nil
	}
	filter := messageFilter{eventTypes: q.EventTypes, channel: q.Channel, tag: q.Tag}
	if q.WithMessage || !filter.isEmpty() {
		m, err := messageIn(conn, q.Application, a.Message, nil)
		if err != nil {
			return row, false, err
		}
		if !filter.match(&m.Message) {
			return row, false, nil
		}
		if q.WithMessage {
			row.Message = &m.Message
		}
	}
	scanAnswer(stmt, a, content, q.WithContent)
	row.Attempt = a
	return row, true, nil
}

// matchesClass reports whether an HTTP status is in the asked class; see AttemptQuery.StatusClass.
func matchesClass(status, class int) bool {
	switch class {
	case 0:
		return true
	case 1:
		return status == 0
	}
	return status >= class && status < class+100
}

// Attempt implements store.History.
func (s *Store) Attempt(ctx context.Context, app hook.ApplicationID, msg hook.MessageID, id hook.AttemptID) (*hook.Attempt, error) {
	var out *hook.Attempt
	err := s.inMessageSegment(ctx, msg, func(conn *sqlite.Conn) error {
		var err error
		out, err = attemptIn(conn, app, msg, id, s.content)
		return err
	})
	return out, err
}

// attemptIn finds an attempt through the deliveries of its message, without its answer when
// content is nil.
func attemptIn(conn *sqlite.Conn, app hook.ApplicationID, msg hook.MessageID, id hook.AttemptID, content *contentSealer) (*hook.Attempt, error) {
	var out *hook.Attempt
	err := deliveriesIn(conn, app, msg, func(d *storedDelivery) error {
		if out != nil || !slices.Contains(d.attempts, id) {
			return nil
		}
		stmt, err := conn.Prepare(attemptSQL)
		if err != nil {
			return fmt.Errorf("prepare attempt: %w", err)
		}
		stmt.BindInt64(1, int64(d.Endpoint))
		stmt.BindInt64(2, int64(id))
		return eachRow(stmt, func() (bool, error) {
			out = scanAttempt(stmt)
			out.Application = app
			if content != nil {
				scanAnswer(stmt, out, content, true)
			}
			return false, nil
		})
	})
	if err != nil {
		return nil, err
	}
	if out == nil {
		return nil, hook.Errorf(hook.NotFound, "Entity not found")
	}
	return out, nil
}

// ExpungeAttempt implements store.History.
func (s *Store) ExpungeAttempt(ctx context.Context, app hook.ApplicationID, msg hook.MessageID, id hook.AttemptID) error {
	seg := s.segmentOf(hook.Key(msg))
	if seg == nil {
		return errNoMessage()
	}
	again := false
	err := s.change(ctx, seg, func(conn *sqlite.Conn) error {
		a, err := attemptIn(conn, app, msg, id, nil)
		if err != nil {
			return err
		}
		again = a.Expunged
		stmt, err := conn.Prepare(expungeAttemptSQL)
		if err != nil {
			return fmt.Errorf("prepare expunge: %w", err)
		}
		stmt.BindInt64(1, int64(a.Endpoint))
		stmt.BindInt64(2, int64(id))
		if err := eachRow(stmt, nil); err != nil {
			return fmt.Errorf("expunge attempt: %w", err)
		}
		s.scrubLater(seg.segmentFile)
		return nil
	})
	if err != nil || again {
		return err
	}
	return s.recordExpunge(ctx, app, hook.AuditAttempt, hook.Key(id))
}

// scanAttempt reads a row of attemptColumns, but for the answer, which scanAnswer reads.
func scanAttempt(stmt *sqlite.Stmt) *hook.Attempt {
	flags := stmt.ColumnInt(4)
	a := &hook.Attempt{
		Endpoint:       hook.EndpointID(stmt.ColumnInt64(0)),
		ID:             hook.AttemptID(stmt.ColumnInt64(1)),
		Message:        hook.MessageID(stmt.ColumnInt64(2)),
		N:              stmt.ColumnInt(3),
		BodyTruncated:  flags&flagBodyTruncated != 0,
		BodyIncomplete: flags&flagBodyIncomplete != 0,
		Expunged:       flags&flagExpunged != 0,
		Outcome:        hook.Outcome(stmt.ColumnInt(5)),
		Reason:         hook.Reason(stmt.ColumnInt(6)),
		Status:         stmt.ColumnInt(7),
		StartedAt:      time.UnixMicro(stmt.ColumnInt64(8)).UTC(),
		Took:           time.Duration(stmt.ColumnInt64(9)) * time.Microsecond,
		URL:            stmt.ColumnText(12),
		RemoteAddr:     stmt.ColumnText(13),
	}
	if flags&flagManual != 0 {
		a.Trigger = hook.Manual
	}
	a.Timings = decodeTimings(columnBytes(stmt, 10))
	a.Timings.Reused = flags&flagReused != 0
	if !stmt.ColumnIsNull(11) {
		a.NextAt = time.UnixMilli(stmt.ColumnInt64(11)).UTC()
	}
	if k := decodeKeys[int64](columnBytes(stmt, 18)); len(k) == 4 {
		a.Batch = &hook.Batch{First: hook.MessageID(k[0]), Last: hook.MessageID(k[1]), Count: int(k[2]), Of: hook.AttemptID(k[3])}
	}
	return a
}

// encodeBatch returns the batch column, nil for none.
func encodeBatch(b *hook.Batch) []byte {
	if b == nil {
		return nil
	}
	return encodeKeys([]int64{int64(b.First), int64(b.Last), int64(b.Count), int64(b.Of)})
}

// scanAnswer reads what scanAttempt leaves out into a, whose ids are there: the words of a
// failure, and with content header, body, notes and, as it lies behind them in the row, TLS.
func scanAnswer(stmt *sqlite.Stmt, a *hook.Attempt, content *contentSealer, withContent bool) {
	c := answerContent{err: stmt.ColumnText(14)}
	if withContent {
		c.header, c.body, c.notes = columnBytes(stmt, 15), columnBytes(stmt, 16), columnBytes(stmt, 19)
	}
	if withContent || a.Status == 0 { // without an answer there is no body to read past
		a.TLS = decodeTLS(columnBytes(stmt, 20))
	}
	if stmt.ColumnBool(17) {
		content.openAnswer(a, c)
		return
	}
	content.fill(a, c)
}

// encodeTimings appends the phases as uvarint microseconds; nil when all are zero.
func encodeTimings(dst []byte, t hook.Timings) []byte {
	if t.DNS|t.Connect|t.TLS|t.FirstByte|t.Body == 0 {
		return nil
	}
	for _, d := range [...]time.Duration{t.DNS, t.Connect, t.TLS, t.FirstByte, t.Body} {
		dst = binary.AppendUvarint(dst, uint64(max(d, 0)/time.Microsecond))
	}
	return dst
}

func decodeTimings(b []byte) (t hook.Timings) {
	for _, d := range [...]*time.Duration{&t.DNS, &t.Connect, &t.TLS, &t.FirstByte, &t.Body} {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return t
		}
		*d, b = time.Duration(v)*time.Microsecond, b[n:]
	}
	return t
}

// columnBytes returns a copy of a blob column, nil for NULL.
func columnBytes(stmt *sqlite.Stmt, col int) []byte {
	if stmt.ColumnIsNull(col) {
		return nil
	}
	b := make([]byte, stmt.ColumnLen(col))
	stmt.ColumnBytes(col, b)
	return b
}
