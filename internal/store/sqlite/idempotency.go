package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// takenKey is a row of a table of keys.
type takenKey struct {
	hash    [16]byte
	request []byte // 16 bytes, nil for an eventId
	message hook.MessageID
	life    time.Duration
	status  int // 0 when there is no answer
	answer  []byte
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
	span := spanOf(k.life)
	current, err := w.currentTable(p, span, now)
	if err != nil {
		return nil, err
	}
	if prior, err := w.priorKey(span, &k.hash, current, now); err != nil || prior != nil {
		return prior, err
	}
	stmts, err := p.keysIn(current.keyTableID)
	if err != nil {
		return nil, err
	}
	until := now + min(k.life, keySpanRules[span].life).Milliseconds()
	s := stmts.insert
	s.BindBytes(1, k.hash[:])
	s.BindInt64(2, until)
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
	if until > current.until.Load() {
		current.until.Store(until)
	}
	return nil, nil
}

// priorKey returns who has a key of a span at now, nil for nobody. It leaves out the table except.
func (w *writer) priorKey(span keySpan, hash *[16]byte, except *keyTable, now int64) (*takenKey, error) {
	for _, t := range w.keys[span].tables {
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
func (w *writer) freeKey(p *pen, k *store.IdempotencyKey, now int64) error {
	span := spanOf(k.Life)
	id := keyTableID{span: span, number: now / keySpanRules[span].millis}
	return sqlitex.Execute(p.conn, fmt.Sprintf(deleteKeySQL, id), &sqlitex.ExecOptions{Args: []any{k.Hash[:]}})
}

func (w *writer) findKey(t *keyTable, hash *[16]byte, now int64) (*takenKey, error) {
	find, err := w.findStatement(t)
	if err != nil {
		return nil, err
	}
	return scanKey(find, hash, now)
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
	k, err := s.findTaken(ctx, hourKeys, &key.Hash) // see Replay
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
	k, err := s.findTaken(ctx, spanOf(key.Life), &key.Hash)
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
func (s *Store) findTaken(ctx context.Context, span keySpan, hash *[16]byte) (k *takenKey, err error) {
	published := &s.writer.keys[span].published
	tables := published.Load()
	if tables == nil {
		return nil, nil
	}
	now := s.o.Now().UnixMilli()
	for _, t := range *tables {
		if t.expired(now) {
			continue
		}
		err = s.read(ctx, t.seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(fmt.Sprintf(findKeySQL, t))
			if err != nil {
				return err
			}
			k, err = scanKey(stmt, hash, now)
			return err
		})
		if err != nil && !slices.Contains(*published.Load(), t) {
			continue // dropped since, because all its keys were free
		}
		if err != nil || k != nil {
			return k, err
		}
	}
	return nil, nil
}

func errKeyReused() error {
	return hook.Errorf(hook.KeyReused, "this Idempotency-Key came with a different request before")
}
