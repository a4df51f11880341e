package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
)

// rescueSQL lists messages that may have been in flight. Index: message's primary key.
const rescueSQL = `SELECT key, application, endpoints FROM message WHERE key >= ?1 AND endpoints IS NOT NULL ORDER BY key`

// rescue makes due what lived in memory when the store was last used: every endpoint of a
// message above the low-water mark without an outcome. It runs before the writer starts,
// in the transactions of one batch. Running it again finds nothing.
func (w *writer) rescue(ctx context.Context, low hook.Key) error {
	w.reset()
	now := w.s.o.Now()
	rescued := 0
	for _, seg := range w.s.segmentsOldestFirst() {
		if seg.last < low {
			continue
		}
		p, err := w.openPen(seg)
		if err != nil {
			return err
		}
		stmt, err := p.conn.Prepare(rescueSQL)
		if err != nil {
			return fmt.Errorf("rescue: %w", err)
		}
		stmt.BindInt64(1, int64(low))
		err = eachRow(stmt, func() (bool, error) {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			n, err := w.rescueMessage(seg, stmt, hook.Delivery{DueAt: now})
			rescued += n
			return true, err
		})
		if err != nil {
			for _, p := range w.open {
				p.undo()
			}
			return fmt.Errorf("rescue: %w", err)
		}
	}
	for _, p := range w.open {
		if err := w.saveMarks(p); err != nil {
			return fmt.Errorf("rescue: %w", err)
		}
		if err := p.end(); err != nil {
			return fmt.Errorf("rescue: %w", err)
		}
	}
	if rescued > 0 {
		w.s.log.Info("rescued deliveries that were in flight", "count", rescued)
	}
	return nil
}

// rescueMessage gives each fresh delivery of the message under stmt a row like next.
func (w *writer) rescueMessage(seg *segment, stmt *sqlite.Stmt, next hook.Delivery) (rescued int, err error) {
	next.Message = hook.MessageID(stmt.ColumnInt64(0))
	next.Application = hook.ApplicationID(stmt.ColumnInt64(1))
	for _, next.Endpoint = range decodeKeys[hook.EndpointID](columnBytes(stmt, 2)) {
		p := w.pens[seg.segmentFile]
		old, err := deliveryIn(p.conn, next.Endpoint, next.Message)
		if err != nil {
			return rescued, err
		}
		if old != nil && !old.Fresh {
			continue
		}
		if p, err = w.pen(seg); err != nil {
			return rescued, err
		}
		if old == nil {
			next.Crashes = 1
			_, err = p.newDelivery(&next, next.DueAt, nil)
		} else {
			next.Crashes = old.Crashes + 1
			err = p.setDelivery(&next, next.DueAt, encodeKeys(old.attempts))
		}
		if err != nil {
			return rescued, err
		}
		if _, err := p.due(next.Endpoint, next.DueAt, next.Message, hook.Scheduled, next.Application); err != nil {
			return rescued, err
		}
		rescued++
	}
	return rescued, nil
}
