package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
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
	born uint64 // the batch that made it; 0 for one that was there at the start
	// filter knows every hash of the table; nil for a table of an earlier process, until
	// it has been read (see learnFilters).
	filter   *filter
	learning bool // somebody reads the table to make its filter
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
	if prior, err := w.priorKey(&k.hash, current, now); err != nil || prior != nil {
		return prior, err
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

// priorKey returns who has a key at now, nil for nobody. It leaves out the table except.
func (w *writer) priorKey(hash *[16]byte, except *hourTable, now int64) (*takenKey, error) {
	for _, t := range w.hours.tables {
		if t == except || t.expired(now) || t.filter != nil && !t.filter.mayHold(hash) {
			continue
		}
		if prior, err := w.findKey(t, hash, now); err != nil || prior != nil {
			return prior, err
		}
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
	t := &hourTable{seg: w.s.segmentOf(p.first), hour: hour, born: w.batch, filter: &filter{}}
	w.hours.tables = slices.Insert(w.hours.tables, 0, t)
	w.hours.changed = true
	w.learn(now)
	return t, nil
}

// learn has the filters of earlier hours made that a start has found without one. Until
// then each new key costs a look into their tables. A table of an hour that is over gets
// no more rows, so it can be read beside the writer.
func (w *writer) learn(now int64) {
	var todo []*hourTable
	for _, t := range w.hours.tables {
		if t.filter == nil && !t.learning && t.hour < now/hourMillis {
			t.learning = true
			todo = append(todo, t)
		}
	}
	if len(todo) > 0 {
		w.s.background.Go(func() { w.s.learn(todo) })
	}
}

func (s *Store) learn(tables []*hourTable) {
	for _, t := range tables {
		f := &filter{}
		err := s.read(s.life, t.seg, func(conn *sqlite.Conn) error {
			stmt, _, err := conn.PrepareTransient(fmt.Sprintf("SELECT hash FROM %s%d", keyTablePrefix, t.hour))
			if err != nil {
				return err
			}
			defer func() { _ = stmt.Finalize() }() // repeats the last error of a step
			return eachRow(stmt, func() (bool, error) {
				var hash [16]byte
				stmt.ColumnBytes(0, hash[:])
				f.add(&hash)
				return !f.full, nil
			})
		})
		if err == nil {
			err = s.writer.do(s.life, false, func(*writer) error { t.filter = f; return nil })
		}
		if err != nil {
			return // closing, or a table that was dropped; without a filter it is only slower
		}
	}
}

// committed lets readers see the tables that the last commit made.
func (h *hours) committed() {
	if h.changed {
		tables := slices.Clone(h.tables)
		h.published.Store(&tables)
		h.changed = false
	}
}

// found adds the tables of a segment that was there when the store was opened.
func (h *hours) found(seg *segment, list []int64, now int64) {
	for _, hour := range list {
		if t := (&hourTable{seg: seg, hour: hour}); !t.expired(now) {
			h.tables = append(h.tables, t)
		}
	}
	slices.SortFunc(h.tables, func(a, b *hourTable) int {
		return cmp.Or(cmp.Compare(b.hour, a.hour), cmp.Compare(b.seg.first, a.seg.first))
	})
	h.changed = true
}

// forgetNew forgets the tables that a transaction made which was undone.
func (w *writer) forgetNew(done []*pen) {
	w.hours.tables = slices.DeleteFunc(w.hours.tables, func(t *hourTable) bool {
		if t.born != w.batch {
			return false
		}
		p := w.pens[t.seg.segmentFile]
		if p == nil || slices.Contains(done, p) {
			return false
		}
		delete(p.hours, t.hour)
		return true
	})
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
	k, err := s.findTaken(ctx, &key.Hash)
	if err != nil {
		return nil, fmt.Errorf("read receipt: %w", err)
	}
	if k == nil {
		return nil, nil
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

// Published implements store.Ledger.
func (s *Store) Published(ctx context.Context, key store.IdempotencyKey) (hook.MessageID, bool, error) {
	k, err := s.findTaken(ctx, &key.Hash)
	switch {
	case err != nil:
		return 0, false, fmt.Errorf("find what a key made: %w", err)
	case k == nil:
		return 0, false, nil
	case !bytes.Equal(k.request, key.Body[:]):
		return 0, false, errKeyReused()
	}
	return k.message, k.status == 0, nil
}

// findTaken returns the living row of a key as committed, nil when there is none.
func (s *Store) findTaken(ctx context.Context, hash *[16]byte) (k *takenKey, err error) {
	tables := s.writer.hours.published.Load()
	if tables == nil {
		return nil, nil
	}
	now := s.o.Now().UnixMilli()
	for _, t := range *tables {
		if t.expired(now) {
			continue
		}
		err = s.read(ctx, t.seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(fmt.Sprintf(findKeySQL, keyTablePrefix, t.hour))
			if err != nil {
				return err
			}
			k, err = scanKey(stmt, hash, now)
			return err
		})
		if err != nil || k != nil {
			return k, err
		}
	}
	return nil, nil
}

func errKeyReused() error {
	return hook.Errorf(hook.KeyReused, "this Idempotency-Key came with a different request before")
}
