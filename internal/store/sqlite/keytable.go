package sqlite

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

// keySpan is one of the two ways in which taken keys are kept. Tables are made on the fly
// and dropped whole, so that no row is ever deleted; within a table the hash is the order,
// so a new key costs one page. How long a key lives decides where it goes, and so where
// it is looked for: a request's key of some hours never meets the tables of a month.
type keySpan uint8

const (
	hourKeys keySpan = iota // a table for each hour: keys that live up to a day
	dayKeys                 // a table for each day: keys that live longer
	keySpans
)

// spanOf says where keys of this life are.
func spanOf(life time.Duration) keySpan {
	if life > hook.EventIDLife {
		return dayKeys
	}
	return hourKeys
}

// keySpanRules are what differs between the spans, by keySpan.
var keySpanRules = [keySpans]struct {
	prefix string // of the tables' names; the number of the hour or day since 1970 follows
	millis int64
	// life is the longest that a key stays taken. Tables that may hold a living key are
	// therefore at most life/millis + 2.
	life time.Duration
	// filterBytes bounds the filter of one table, all layers together. With all tables at
	// their bounds, filters take 26 * 8 MiB + 37 * 4 MiB = 356 MiB: that is 1,100 keys a
	// second for a day, and 24 a second that live for 35 days. What is beyond the bound is
	// looked up on disk.
	filterBytes int
}{
	hourKeys: {prefix: "idempotency_", millis: hourMillis, life: hook.EventIDLife, filterBytes: 8 << 20},
	dayKeys:  {prefix: "idempotency_day_", millis: 24 * hourMillis, life: hook.MaxDedupeWindow, filterBytes: 4 << 20},
}

// hourMillis is an hour in milliseconds.
const hourMillis = int64(time.Hour / time.Millisecond)

// keyTableID names a table of keys within a segment.
type keyTableID struct {
	span   keySpan
	number int64 // of hours or days since 1970
}

func (id keyTableID) String() string {
	return keySpanRules[id.span].prefix + strconv.FormatInt(id.number, 10)
}

// keyTablesSQL lists the tables of keys, and perhaps others.
const keyTablesSQL = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'idempotency_*'`

// parseKeyTable is the reverse of keyTableID.String.
func parseKeyTable(name string) (keyTableID, bool) {
	for span := range keySpans {
		digits, ok := strings.CutPrefix(name, keySpanRules[span].prefix)
		if !ok {
			continue
		}
		if number, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return keyTableID{span: span, number: number}, true
		}
	}
	return keyTableID{}, false
}

const (
	// createKeysSQL makes a table. request is the hash of the request's body, message what
	// it made; status and answer are a receipt's, the answer sealed.
	createKeysSQL = `CREATE TABLE IF NOT EXISTS %s (
		hash       BLOB    PRIMARY KEY,
		expires_at INTEGER NOT NULL,
		request    BLOB,
		message    INTEGER NOT NULL,
		status     INTEGER,
		answer     BLOB
	) STRICT, WITHOUT ROWID`
	// insertKeySQL takes a key, also one whose life is over. No change means that it is taken.
	insertKeySQL = `INSERT INTO %s AS t (hash, expires_at, request, message, status, answer) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at, request = excluded.request,
			message = excluded.message, status = excluded.status, answer = excluded.answer WHERE t.expires_at <= ?7`
	findKeySQL   = `SELECT request, message, status, answer FROM %s WHERE hash = ?1 AND expires_at > ?2`
	deleteKeySQL = `DELETE FROM %s WHERE hash = ?1`
)

// keyTable is the table of one hour or day in one segment. A segment that is not the newest
// gets no more keys.
type keyTable struct {
	keyTableID
	seg  *segment
	born uint64 // the batch that made it; 0 for one that was there at the start
	// until is when its last key is free again, Unix milliseconds: what is known of a table
	// that has been read, else the latest that it can be.
	until atomic.Int64
	// filter knows every hash of the table; nil for a table of an earlier process, until
	// it has been read (see learn).
	filter   *filter
	learning bool // somebody reads the table to make its filter
}

func (t *keyTable) expired(now int64) bool { return t.until.Load() <= now }

// keyTables are the tables of one span that may hold living keys, of all segments. Only
// the writer uses them, but for published.
type keyTables struct {
	tables    []*keyTable // newest first
	published atomic.Pointer[[]*keyTable]
	changed   bool
}

// found adds the tables of a segment that was there when the store was opened.
func (k *keyTables) found(seg *segment, list []keyTableID, span keySpan, now int64) {
	rules := &keySpanRules[span]
	for _, id := range list {
		if id.span != span {
			continue
		}
		t := &keyTable{keyTableID: id, seg: seg}
		t.until.Store((id.number+1)*rules.millis + rules.life.Milliseconds())
		if !t.expired(now) {
			k.tables = append(k.tables, t)
		}
	}
	slices.SortFunc(k.tables, func(a, b *keyTable) int {
		return cmp.Or(cmp.Compare(b.number, a.number), cmp.Compare(b.seg.first, a.seg.first))
	})
	k.changed = true
}

// committed lets readers see the tables that the last commit made.
func (k *keyTables) committed() {
	if k.changed {
		tables := slices.Clone(k.tables)
		k.published.Store(&tables)
		k.changed = false
	}
}

// currentTable returns the table of a span that keys of this moment go to, and makes it at
// the turn of the hour or day, when it also drops what has expired.
func (w *writer) currentTable(p *pen, span keySpan, now int64) (*keyTable, error) {
	k := &w.keys[span]
	number := now / keySpanRules[span].millis
	for _, t := range k.tables {
		if t.number == number && t.seg.segmentFile == p.file {
			return t, nil
		}
	}
	for i := 0; i < len(k.tables); i++ {
		t := k.tables[i]
		if !t.expired(now) {
			continue
		}
		if t.seg.segmentFile == p.file { // another segment's goes with its file
			if err := p.dropKeys(t.keyTableID); err != nil {
				return nil, err
			}
		}
		k.tables = slices.Delete(k.tables, i, i+1)
		i--
	}
	id := keyTableID{span: span, number: number}
	if err := sqlitex.ExecuteTransient(p.conn, fmt.Sprintf(createKeysSQL, id), nil); err != nil {
		return nil, fmt.Errorf("make table of keys: %w", err)
	}
	t := &keyTable{keyTableID: id, seg: w.s.segmentOf(p.first), born: w.batch, filter: newKeyFilter(span)}
	k.tables = slices.Insert(k.tables, 0, t)
	k.changed = true
	w.learn(now)
	return t, nil
}

func newKeyFilter(span keySpan) *filter { return &filter{limit: keySpanRules[span].filterBytes} }

// learn has the filters of earlier tables made that a start has found without one. Until
// then each new key costs a look into them. A table whose hour or day is over, or whose
// segment is, gets no more rows, so it can be read beside the writer.
func (w *writer) learn(now int64) {
	var todo []*keyTable
	for span := range keySpans {
		for _, t := range w.keys[span].tables {
			ended := t.number < now/keySpanRules[span].millis || t.seg.segmentFile != w.newest.segmentFile
			if t.filter == nil && !t.learning && ended {
				t.learning = true
				todo = append(todo, t)
			}
		}
	}
	if len(todo) > 0 {
		w.s.background.Go(func() { w.s.learn(todo) })
	}
}

// learn reads tables one after the other. What cannot be read, because the store closes or
// the table was dropped, stays without a filter, and is only slower.
func (s *Store) learn(tables []*keyTable) {
	for _, t := range tables {
		f, until := newKeyFilter(t.span), int64(0)
		err := s.read(s.life, t.seg, func(conn *sqlite.Conn) error {
			stmt, _, err := conn.PrepareTransient(fmt.Sprintf("SELECT hash, expires_at FROM %s", t))
			if err != nil {
				return err
			}
			defer func() { _ = stmt.Finalize() }() // repeats the last error of a step
			return eachRow(stmt, func() (bool, error) {
				var hash [16]byte
				stmt.ColumnBytes(0, hash[:])
				f.add(&hash)
				until = max(until, stmt.ColumnInt64(1))
				return !f.full, nil
			})
		})
		if f.full { // not read to its end
			until = math.MaxInt64
		}
		if err == nil {
			err = s.writer.do(s.life, false, func(*writer) error {
				t.filter = f
				t.until.Store(min(until, t.until.Load()))
				return nil
			})
		}
		if err != nil && s.life.Err() != nil {
			return
		}
	}
}

// forgetNew forgets the tables that a transaction made which was undone.
func (w *writer) forgetNew(done []*pen) {
	for span := range keySpans {
		k := &w.keys[span]
		k.tables = slices.DeleteFunc(k.tables, func(t *keyTable) bool {
			if t.born != w.batch {
				return false
			}
			p := w.pens[t.seg.segmentFile]
			if p == nil || slices.Contains(done, p) {
				return false
			}
			delete(p.keyTables, t.keyTableID)
			return true
		})
	}
}

// keyStatements are a pen's statements for one table of keys.
type keyStatements struct{ insert, find *sqlite.Stmt }

// keysIn returns the statements for a table.
func (p *pen) keysIn(id keyTableID) (*keyStatements, error) {
	if h := p.keyTables[id]; h != nil {
		return h, nil
	}
	h := &keyStatements{}
	var err error
	if h.insert, err = p.conn.Prepare(fmt.Sprintf(insertKeySQL, id)); err != nil {
		return nil, fmt.Errorf("prepare keys: %w", err)
	}
	if h.find, err = p.conn.Prepare(fmt.Sprintf(findKeySQL, id)); err != nil {
		return nil, fmt.Errorf("prepare keys: %w", err)
	}
	p.keyTables[id] = h
	return h, nil
}

// dropKeys removes a table with its statements.
func (p *pen) dropKeys(id keyTableID) error {
	if h := p.keyTables[id]; h != nil {
		delete(p.keyTables, id)
		if err := h.insert.Finalize(); err != nil {
			return err
		}
		if err := h.find.Finalize(); err != nil {
			return err
		}
	}
	return sqlitex.ExecuteTransient(p.conn, "DROP TABLE IF EXISTS "+id.String(), nil)
}
