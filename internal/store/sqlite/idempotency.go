package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// maxKeyLife is the longest that an idempotency key or an eventId stays taken.
const maxKeyLife = hook.EventIDLife

const hourMillis = int64(time.Hour / time.Millisecond)

// keyTablePrefix begins the name of the table with the keys of one hour; the rest is the
// hour since 1970. Tables are made on the fly and dropped whole, so that no row is ever
// deleted; within an hour the hash is the order, so a new key costs one page.
const keyTablePrefix = "idempotency_"

// createKeysSQL makes the table of an hour. request is the hash of the request's body,
// message what it made; status and answer are a receipt's, the answer sealed.
const createKeysSQL = `CREATE TABLE IF NOT EXISTS %s%d (
	hash       BLOB    PRIMARY KEY,
	expires_at INTEGER NOT NULL,
	request    BLOB,
	message    INTEGER NOT NULL,
	status     INTEGER,
	answer     BLOB
) STRICT, WITHOUT ROWID`

const (
	// insertKeySQL takes a key, also one whose life is over. No change means that it is taken.
	insertKeySQL = `INSERT INTO %s%d AS t (hash, expires_at, request, message, status, answer) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at, request = excluded.request,
			message = excluded.message, status = excluded.status, answer = excluded.answer WHERE t.expires_at <= ?7`
	findKeySQL   = `SELECT request, message, status, answer FROM %s%d WHERE hash = ?1 AND expires_at > ?2`
	deleteKeySQL = `DELETE FROM %s%d WHERE hash = ?1`
)

// hours are the tables of keys that may still be alive, of all segments. Only the writer
// uses them, but for published.
type hours struct {
	tables    []*hourTable // newest first
	published atomic.Pointer[[]*hourTable]
	changed   bool
}

// hourTable is the table of one hour in one segment.
type hourTable struct {
	seg  *segment
	hour int64
	// filter knows every hash of the table; nil for a table of an earlier process, until
	// it has been read (see learnFilters).
	filter *filter
}

// hourStatements are a pen's statements for one hour's table.
type hourStatements struct{ insert, find *sqlite.Stmt }

// takenKey is a row of an hour's table.
type takenKey struct {
	hash    [16]byte
	request []byte // 16 bytes, nil for an eventId
	message hook.MessageID
	life    time.Duration
	status  int // 0 when there is no answer
	answer  []byte
}

func (t *hourTable) expired(now int64) bool {
	return (t.hour+1)*hourMillis+maxKeyLife.Milliseconds() <= now
}

// eventIDHash is the key of an application's eventId. Its text begins with a word, so it
// is never the hash of a request's key.
func eventIDHash(app hook.ApplicationID, id string) [16]byte {
	buf := make([]byte, 0, 16+256)
	buf = append(buf, "eventId\x00"...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(app))
	buf = append(buf, id...)
	sum := sha256.Sum256(buf)
	return [16]byte(sum[:16])
}

// takeKey takes a key at now within p's transaction, or returns who has it.
func (w *writer) takeKey(p *pen, k *takenKey, now int64) (prior *takenKey, err error) {
	current, err := w.currentHour(p, now)
	if err != nil {
		return nil, err
	}
	for _, t := range w.hours.tables {
		if t == current || t.expired(now) || t.filter != nil && !t.filter.mayHold(&k.hash) {
			continue
		}
		if prior, err = w.findKey(t, &k.hash, now); err != nil || prior != nil {
			return prior, err
		}
	}
	stmts, err := p.hour(current.hour)
	if err != nil {
		return nil, err
	}
	s := stmts.insert
	s.BindBytes(1, k.hash[:])
	s.BindInt64(2, now+min(k.life, maxKeyLife).Milliseconds())
	bindBlob(s, 3, k.request)
	s.BindInt64(4, int64(k.message))
	if k.status == 0 {
		s.BindNull(5)
	} else {
		s.BindInt64(5, int64(k.status))
	}
	bindBlob(s, 6, k.answer)
	s.BindInt64(7, now)
	if err := run(s); err != nil {
		return nil, fmt.Errorf("take key: %w", err)
	}
	if p.conn.Changes() == 0 {
		return w.findKey(current, &k.hash, now)
	}
	if current.filter != nil {
		current.filter.add(&k.hash)
	}
	return nil, nil
}

// freeKey takes back what takeKey took at now in the same transaction.
func (w *writer) freeKey(p *pen, hash *[16]byte, now int64) error {
	return sqlitex.Execute(p.conn, fmt.Sprintf(deleteKeySQL, keyTablePrefix, now/hourMillis), &sqlitex.ExecOptions{Args: []any{hash[:]}})
}

func (w *writer) findKey(t *hourTable, hash *[16]byte, now int64) (*takenKey, error) {
	p, err := w.openPen(t.seg)
	if err != nil {
		return nil, err
	}
	stmts, err := p.hour(t.hour)
	if err != nil {
		return nil, err
	}
	return scanKey(stmts.find, hash, now)
}

func scanKey(stmt *sqlite.Stmt, hash *[16]byte, now int64) (*takenKey, error) {
	stmt.BindBytes(1, hash[:])
	stmt.BindInt64(2, now)
	var k *takenKey
	err := eachRow(stmt, func() (bool, error) {
		k = &takenKey{hash: *hash, request: columnBytes(stmt, 0), message: hook.MessageID(stmt.ColumnInt64(1)),
			status: stmt.ColumnInt(2), answer: columnBytes(stmt, 3)}
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("find key: %w", err)
	}
	return k, nil
}

// currentHour returns the table that keys of this moment go to, and makes it at the turn
// of the hour, when it also drops what has expired.
func (w *writer) currentHour(p *pen, now int64) (*hourTable, error) {
	hour := now / hourMillis
	for _, t := range w.hours.tables {
		if t.hour == hour && t.seg.segmentFile == p.file {
			return t, nil
		}
	}
	for i := 0; i < len(w.hours.tables); i++ {
		t := w.hours.tables[i]
		if !t.expired(now) {
			continue
		}
		if t.seg.segmentFile == p.file { // another segment's goes with its file
			if err := p.dropHour(t.hour); err != nil {
				return nil, err
			}
		}
		w.hours.tables = slices.Delete(w.hours.tables, i, i+1)
		i--
	}
	if err := sqlitex.ExecuteTransient(p.conn, fmt.Sprintf(createKeysSQL, keyTablePrefix, hour), nil); err != nil {
		return nil, fmt.Errorf("make table of keys: %w", err)
	}
	t := &hourTable{seg: w.s.segmentOf(p.first), hour: hour, filter: &filter{}}
	w.hours.tables = slices.Insert(w.hours.tables, 0, t)
	w.hours.changed = true
	return t, nil
}

// committed lets readers see the tables that the last commit made.
func (h *hours) committed() {
	if h.changed {
		tables := slices.Clone(h.tables)
		h.published.Store(&tables)
		h.changed = false
	}
}

// findHours lists the tables of keys in the segments' files. Filters that are known are kept.
func (w *writer) findHours() error {
	var tables []*hourTable
	for _, seg := range w.s.segmentsNewestFirst() {
		p, err := w.openPen(seg)
		if err != nil {
			return err
		}
		clear(p.hours)
		var found []*hourTable
		const sql = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB '` + keyTablePrefix + `*'`
		err = sqlitex.ExecuteTransient(p.conn, sql, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			hour, err := strconv.ParseInt(strings.TrimPrefix(stmt.ColumnText(0), keyTablePrefix), 10, 64)
			if err != nil {
				return nil // not ours
			}
			t := &hourTable{seg: seg, hour: hour}
			for _, old := range w.hours.tables {
				if old.hour == hour && old.seg.segmentFile == seg.segmentFile {
					t = old
				}
			}
			if !t.expired(w.s.o.Now().UnixMilli()) {
				found = append(found, t)
			}
			return nil
		}})
		if err != nil {
			return fmt.Errorf("list tables of keys: %w", err)
		}
		slices.SortFunc(found, func(a, b *hourTable) int { return int(b.hour - a.hour) })
		tables = append(tables, found...)
	}
	w.hours.tables, w.hours.changed = tables, true
	w.hours.committed()
	return nil
}

// hour returns the statements for an hour's table.
func (p *pen) hour(hour int64) (*hourStatements, error) {
	if h := p.hours[hour]; h != nil {
		return h, nil
	}
	h := &hourStatements{}
	var err error
	if h.insert, err = p.conn.Prepare(fmt.Sprintf(insertKeySQL, keyTablePrefix, hour)); err != nil {
		return nil, fmt.Errorf("prepare keys: %w", err)
	}
	if h.find, err = p.conn.Prepare(fmt.Sprintf(findKeySQL, keyTablePrefix, hour)); err != nil {
		return nil, fmt.Errorf("prepare keys: %w", err)
	}
	p.hours[hour] = h
	return h, nil
}

// dropHour removes an hour's table with its statements.
func (p *pen) dropHour(hour int64) error {
	if h := p.hours[hour]; h != nil {
		delete(p.hours, hour)
		if err := h.insert.Finalize(); err != nil {
			return err
		}
		if err := h.find.Finalize(); err != nil {
			return err
		}
	}
	return sqlitex.ExecuteTransient(p.conn, fmt.Sprintf("DROP TABLE %s%d", keyTablePrefix, hour), nil)
}

// Receipt implements store.Receipts.
func (s *Store) Receipt(ctx context.Context, key store.IdempotencyKey) (*store.Receipt, error) {
	r, err := s.catalog.catalogReceipt(ctx, key)
	if err != nil || r != nil {
		return r, err
	}
	return s.segmentReceipt(ctx, key)
}

// segmentReceipt returns the receipt that a Replay left under key, or nil. Another body
// under the same key is hook.KeyReused.
func (s *Store) segmentReceipt(ctx context.Context, key store.IdempotencyKey) (*store.Receipt, error) {
	tables := s.writer.hours.published.Load()
	if tables == nil {
		return nil, nil
	}
	now := s.o.Now().UnixMilli()
	for _, t := range *tables {
		if t.expired(now) {
			continue
		}
		var k *takenKey
		err := s.read(ctx, t.seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(fmt.Sprintf(findKeySQL, keyTablePrefix, t.hour))
			if err != nil {
				return err
			}
			k, err = scanKey(stmt, &key.Hash, now)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read receipt: %w", err)
		}
		if k == nil {
			continue
		}
		if !bytes.Equal(k.request, key.Body[:]) {
			return nil, errKeyReused()
		}
		if k.status == 0 {
			return nil, nil // a publish: Append itself answers its repeats
		}
		body, err := s.o.Sealer.Open(k.answer, receiptContext(key))
		if err != nil {
			return nil, fmt.Errorf("open receipt: %w", err)
		}
		return &store.Receipt{Key: key, Status: k.status, Body: body}, nil
	}
	return nil, nil
}

func errKeyReused() error {
	return hook.Errorf(hook.KeyReused, "this Idempotency-Key came with a different request before")
}
