package sqlite

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// purgeReceipts is how many expired receipts each new one removes: more than one, so
// that they never pile up, and few, so that no change waits for the dead.
const purgeReceipts = 16

// saveReceipt keeps the answer of the change under way, in its transaction. A nil
// receipt is none. When the key has been used already, by a request that ran at the
// same time, the change is refused: repeating it then finds the first one's answer.
// The row is written when the change has run, so an update function may still fill in
// Status and Body.
func (c *catalog) saveReceipt(tx *catalogTx, r *store.Receipt) error {
	if r == nil {
		return nil
	}
	earlier, err := c.receiptIn(tx.conn, r.Key)
	if err != nil {
		return err
	}
	if earlier != nil {
		return hook.Errorf(hook.Conflict, "a request with this Idempotency-Key has just been answered; repeat it to get that answer")
	}
	tx.receipt = r
	return nil
}

// putReceipt writes the receipt of a change that has run, nil for none. Index: receipt_expires.
func (c *catalog) putReceipt(tx *catalogTx) error {
	r := tx.receipt
	if r == nil {
		return nil
	}
	now := c.now()
	err := tx.exec("DELETE FROM receipt WHERE hash IN (SELECT hash FROM receipt WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)", now.UnixMilli(), purgeReceipts)
	if err != nil {
		return err
	}
	return tx.exec("INSERT OR REPLACE INTO receipt (hash, request, status, answer, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
		r.Key.Hash[:], r.Key.Body[:], r.Status, c.sealer.Seal(r.Body, receiptContext(r.Key)), now.Add(r.Key.Life).UnixMilli())
}

// catalogReceipt returns the receipt that a change of the catalog left under this key,
// or nil. Another body under the same key is hook.KeyReused. Index: primary key.
func (c *catalog) catalogReceipt(ctx context.Context, key store.IdempotencyKey) (r *store.Receipt, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		r, err = c.receiptIn(conn, key)
		return err
	})
	return r, wrapCatalog("read receipt", err)
}

func (c *catalog) receiptIn(conn *sqlite.Conn, key store.IdempotencyKey) (*store.Receipt, error) {
	var r *store.Receipt
	err := catalogQuery(conn, "SELECT request, status, answer FROM receipt WHERE hash = ?1 AND expires_at > ?2", func(stmt *sqlite.Stmt) error {
		if !bytes.Equal(columnBytes(stmt, 0), key.Body[:]) {
			return hook.Errorf(hook.KeyReused, "this Idempotency-Key came with a different request before")
		}
		body, err := c.sealer.Open(columnBytes(stmt, 2), receiptContext(key))
		if err != nil {
			return fmt.Errorf("open receipt: %w", err)
		}
		r = &store.Receipt{Key: key, Status: stmt.ColumnInt(1), Body: body}
		return nil
	}, key.Hash[:], c.now().UnixMilli())
	return r, err
}

func receiptContext(key store.IdempotencyKey) string {
	return "receipt/" + hex.EncodeToString(key.Hash[:]) + "/answer"
}
