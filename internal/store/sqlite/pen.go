package sqlite

import (
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

// pen writes one segment: its writing connection with every statement of the hot path
// prepared. Only the writer's goroutine uses it.
type pen struct {
	file  *segmentFile
	first hook.Key
	conn  *sqlite.Conn
	used  uint64 // the batch that used it last

	writing bool // between BEGIN and COMMIT
	// recording says that what is written is noted while a smaller file is built, see touched.go.
	recording bool
	fed       hook.Position // drawn last in the transaction under way; 0 for none
	frames    int64         // length of the log after the last commit

	begin, commit, rollback, walState              *sqlite.Stmt
	insertMessage, insertDelivery, insertAttempt   *sqlite.Stmt
	updateDelivery, insertDue, deleteDue, saveMark *sqlite.Stmt
	updateEndpoints                                *sqlite.Stmt

	keyTables map[keyTableID]*keyStatements // see keytable.go
	keys      []byte                        // scratch for lists of keys
	scratch   []byte                        // scratch for the key of an attempt
}

const (
	// Page caches: the newest segment takes all messages, an older one some outcomes.
	newestCacheKiB = 32 << 10

	insertMessageSQL = `INSERT INTO message (key, application, environment, event_type, event_id, channels, tags,
		deliver_at, expires_at, content_type, endpoints, params, raw, payload, inbound, deadline, sealed)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)`

	// insertDeliverySQL leaves a pair that has a row as it is. Index: delivery's primary key.
	insertDeliverySQL = `INSERT INTO delivery (endpoint, message, state, step, reason, crashes, due_at, attempts, line, note)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (endpoint, message) DO NOTHING`

	updateDeliverySQL = `UPDATE delivery SET state = ?3, step = ?4, reason = ?5, crashes = ?6, due_at = ?7, attempts = ?8, line = ?9, note = ?10
		WHERE endpoint = ?1 AND message = ?2`

	insertAttemptSQL = `INSERT INTO attempt (endpoint, key, message, n, flags, outcome, reason, status, started_at, took,
		timings, next_at, url, remote_addr, error, header, body, sealed, batch, notes, tls)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)`

	// insertDueSQL reports by the number of changes whether the row is new.
	insertDueSQL = `INSERT INTO due (endpoint, due_at, message, trigger, application) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (endpoint, due_at, message, trigger) DO NOTHING`

	deleteDueSQL = `DELETE FROM due WHERE endpoint = ?1 AND due_at = ?2 AND message = ?3 AND trigger = ?4`

	saveMarkSQL = `INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`
)

// newPen makes conn, a connection of openSegment, the pen of a segment.
func newPen(seg *segment, conn *sqlite.Conn, newest bool) (*pen, error) {
	// checkpoint.go does it, beside the commits.
	err := sqlitex.ExecuteTransient(conn, "PRAGMA wal_autocheckpoint = 0", nil)
	p := &pen{file: seg.segmentFile, first: seg.first, conn: conn, keyTables: make(map[keyTableID]*keyStatements)}
	if newest && err == nil {
		err = sqlitex.ExecuteTransient(conn, fmt.Sprintf("PRAGMA cache_size = -%d", newestCacheKiB), nil)
	}
	for _, s := range []struct {
		stmt **sqlite.Stmt
		sql  string
	}{
		{&p.begin, "BEGIN IMMEDIATE"}, {&p.commit, "COMMIT"}, {&p.rollback, "ROLLBACK"},
		{&p.walState, "PRAGMA wal_checkpoint(NOOP)"},
		{&p.insertMessage, insertMessageSQL}, {&p.insertDelivery, insertDeliverySQL}, {&p.updateDelivery, updateDeliverySQL},
		{&p.insertAttempt, insertAttemptSQL}, {&p.insertDue, insertDueSQL}, {&p.deleteDue, deleteDueSQL}, {&p.saveMark, saveMarkSQL},
		{&p.updateEndpoints, `UPDATE message SET endpoints = ?2 WHERE key = ?1`},
	} {
		if err == nil {
			*s.stmt, err = conn.Prepare(s.sql)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("prepare segment: %w", err)
	}
	return p, nil
}

// start begins a transaction unless one is under way.
func (p *pen) start() error {
	if p.writing {
		return nil
	}
	p.file.gate.Lock()
	if err := run(p.begin); err != nil {
		p.file.gate.Unlock()
		return fmt.Errorf("begin: %w", err)
	}
	p.writing, p.fed = true, 0
	return nil
}

// end commits and flushes. After an error nothing is under way; only a new start of the
// process can tell whether the commit happened.
func (p *pen) end() error {
	if err := run(p.commit); err != nil {
		p.undo()
		return fmt.Errorf("commit: %w", err)
	}
	p.writing = false
	p.file.gate.Unlock()
	return nil
}

// undo rolls back what is under way.
func (p *pen) undo() {
	if !p.writing {
		return
	}
	if !p.conn.AutocommitEnabled() { // SQLite rolls back by itself after some errors
		_ = run(p.rollback)
	}
	p.writing = false
	p.file.gate.Unlock()
}

// wal returns how many pages the write-ahead log holds and how many of them a checkpoint
// has copied.
func (p *pen) wal() (frames, copied int64, err error) {
	if _, err := p.walState.Step(); err != nil {
		return 0, 0, err
	}
	frames, copied = p.walState.ColumnInt64(1), p.walState.ColumnInt64(2)
	return frames, copied, p.walState.Reset()
}

// close releases the connection.
func (p *pen) close() error { return p.conn.Close() }

func (p *pen) mark(name string, value int64) error {
	p.saveMark.BindText(1, name)
	p.saveMark.BindInt64(2, value)
	return run(p.saveMark)
}

// message writes a message that goes to endpoints, with c for its content.
func (p *pen) message(m *hook.Message, endpoints []byte, c messageContent) error {
	s := p.insertMessage
	s.BindInt64(1, int64(m.ID))
	s.BindInt64(2, int64(m.Application))
	s.BindInt64(3, int64(m.Environment))
	s.BindText(4, m.EventType)
	bindText(s, 5, m.EventID)
	bindLines(s, 6, m.Channels)
	bindLines(s, 7, m.Tags)
	bindMillis(s, 8, m.DeliverAt)
	bindMillis(s, 9, m.ContentExpiresAt)
	bindText(s, 10, m.ContentType)
	bindBlob(s, 11, endpoints)
	bindBlob(s, 12, c.params)
	bindBlob(s, 13, c.raw)
	bindBlob(s, 14, c.payload)
	bindBlob(s, 15, c.inbound)
	bindMillis(s, 16, m.Deadline)
	s.BindBool(17, c.sealed)
	return run(s)
}

// newDelivery writes the row of a pair and reports false when the pair has one already.
func (p *pen) newDelivery(d *hook.Delivery, dueAt time.Time, attempts []byte) (bool, error) {
	p.bindDelivery(p.insertDelivery, d, dueAt, attempts)
	if err := run(p.insertDelivery); err != nil {
		return false, err
	}
	return p.conn.Changes() == 1, nil
}

// setDelivery overwrites the row of a pair.
func (p *pen) setDelivery(d *hook.Delivery, dueAt time.Time, attempts []byte) error {
	p.bindDelivery(p.updateDelivery, d, dueAt, attempts)
	return run(p.updateDelivery)
}

func (p *pen) bindDelivery(s *sqlite.Stmt, d *hook.Delivery, dueAt time.Time, attempts []byte) {
	s.BindInt64(1, int64(d.Endpoint))
	s.BindInt64(2, int64(d.Message))
	s.BindInt64(3, int64(d.State))
	s.BindInt64(4, int64(d.Step))
	s.BindInt64(5, int64(d.Reason))
	s.BindInt64(6, int64(d.Crashes))
	bindMillis(s, 7, dueAt)
	bindBlob(s, 8, attempts)
	bindBlob(s, 9, encodeLine(d))
	bindText(s, 10, d.Note)
}

// attempt writes an ended attempt, with c for its content.
func (p *pen) attempt(a *hook.Attempt, c answerContent) error {
	var flags int64
	if a.Trigger == hook.Manual {
		flags |= flagManual
	}
	if a.BodyTruncated {
		flags |= flagBodyTruncated
	}
	if a.BodyIncomplete {
		flags |= flagBodyIncomplete
	}
	if a.Timings.Reused {
		flags |= flagReused
	}
	if a.Expunged {
		flags |= flagExpunged
	}
	s := p.insertAttempt
	s.BindInt64(1, int64(a.Endpoint))
	s.BindInt64(2, int64(a.ID))
	s.BindInt64(3, int64(a.Message))
	s.BindInt64(4, int64(a.N))
	s.BindInt64(5, flags)
	s.BindInt64(6, int64(a.Outcome))
	s.BindInt64(7, int64(a.Reason))
	s.BindInt64(8, int64(a.Status))
	s.BindInt64(9, a.StartedAt.UnixMicro())
	s.BindInt64(10, int64(a.Took/time.Microsecond))
	p.keys = encodeTimings(p.keys[:0], a.Timings)
	bindBlob(s, 11, p.keys)
	bindMillis(s, 12, a.NextAt)
	bindText(s, 13, a.URL)
	bindText(s, 14, a.RemoteAddr)
	bindText(s, 15, c.err)
	bindBlob(s, 16, c.header)
	bindBlob(s, 17, c.body)
	s.BindBool(18, c.sealed)
	bindBlob(s, 19, encodeBatch(a.Batch))
	bindBlob(s, 20, c.notes)
	if a.TLS != nil {
		p.keys = encodeTLS(p.keys[:0], a.TLS)
		s.BindBytes(21, p.keys)
	} else {
		s.BindNull(21)
	}
	return run(s)
}

// due writes a due row and reports false when there is one like it already.
func (p *pen) due(ep hook.EndpointID, at time.Time, msg hook.MessageID, trigger hook.Trigger, app hook.ApplicationID) (bool, error) {
	s := p.insertDue
	s.BindInt64(1, int64(ep))
	s.BindInt64(2, at.UnixMilli())
	s.BindInt64(3, int64(msg))
	s.BindInt64(4, int64(trigger))
	s.BindInt64(5, int64(app))
	if err := run(s); err != nil {
		return false, err
	}
	p.file.mayBeDue.Store(true)
	return p.conn.Changes() == 1, nil
}

// notDue removes a due row and reports false when there was none.
func (p *pen) notDue(ep hook.EndpointID, atMillis int64, msg hook.MessageID, trigger hook.Trigger) (bool, error) {
	s := p.deleteDue
	s.BindInt64(1, int64(ep))
	s.BindInt64(2, atMillis)
	s.BindInt64(3, int64(msg))
	s.BindInt64(4, int64(trigger))
	if err := run(s); err != nil {
		return false, err
	}
	return p.conn.Changes() == 1, nil
}

// hasDue reports whether there is such a due row.
func (p *pen) hasDue(ep hook.EndpointID, atMillis int64, msg hook.MessageID, trigger hook.Trigger) (found bool, err error) {
	const sql = "SELECT 1 FROM due WHERE endpoint = ?1 AND due_at = ?2 AND message = ?3 AND trigger = ?4"
	err = sqlitex.Execute(p.conn, sql, &sqlitex.ExecOptions{
		Args:       []any{int64(ep), atMillis, int64(msg), int64(trigger)},
		ResultFunc: func(*sqlite.Stmt) error { found = true; return nil },
	})
	return found, err
}

// setEndpoints overwrites the list of endpoints that a message goes to.
func (p *pen) setEndpoints(m *storedMessage) error {
	p.updateEndpoints.BindInt64(1, int64(m.ID))
	p.updateEndpoints.BindBytes(2, encodeKeys(m.endpoints))
	return run(p.updateEndpoints)
}
