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
// message above the low-water mark without an outcome. It raises the count of crashes of
// those whose attempt had begun. It runs before the writer starts, in the transactions of
// one batch. Running it again finds nothing, but for begun: a crash before the journal is
// emptied counts twice what was in flight.
func (w *writer) rescue(ctx context.Context, low hook.Key, begun map[pairKey]attemptBegun) error {
	w.reset()
	now := w.s.o.Now()
	rescued, inFlight := 0, 0
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
			n, sent, err := w.rescueMessage(seg, stmt, hook.Delivery{DueAt: now}, begun)
			rescued += n
			inFlight += sent
			return true, err
		})
		if err != nil {
			return w.undoRescue(err)
		}
	}
	for k, a := range begun { // of deliveries that had a row
		counted, err := w.countCrash(k, a)
		if err != nil {
			return w.undoRescue(err)
		}
		if counted {
			inFlight++
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
		w.s.log.Info("rescued deliveries that were in memory", "count", rescued)
	}
	if inFlight > 0 {
		w.s.log.Warn("deliveries were in flight when the process died", "count", inFlight)
	}
	return nil
}

func (w *writer) undoRescue(err error) error {
	for _, p := range w.open {
		p.undo()
	}
	return fmt.Errorf("rescue: %w", err)
}

// rescueMessage gives each fresh delivery of the message under stmt a row like next. Those
// in begun are taken out of it; inFlight is how many of them count a crash.
func (w *writer) rescueMessage(seg *segment, stmt *sqlite.Stmt, next hook.Delivery, begun map[pairKey]attemptBegun) (rescued, inFlight int, err error) {
	next.Message = hook.MessageID(stmt.ColumnInt64(0))
	next.Application = hook.ApplicationID(stmt.ColumnInt64(1))
	for _, next.Endpoint = range decodeKeys[hook.EndpointID](columnBytes(stmt, 2)) {
		p := w.pens[seg.segmentFile]
		old, err := deliveryIn(p.conn, next.Endpoint, next.Message)
		if err != nil {
			return rescued, inFlight, err
		}
		if old != nil && !old.Fresh {
			continue
		}
		if p, err = w.pen(seg); err != nil {
			return rescued, inFlight, err
		}
		one := next
		if old != nil {
			one.Crashes = old.Crashes
		}
		k := pairKey{one.Endpoint, one.Message}
		if a, ok := begun[k]; ok {
			if delete(begun, k); a.counts(old) {
				inFlight++
				crashed(&one)
			}
		}
		if old == nil {
			_, err = p.newDelivery(&one, one.DueAt, nil)
		} else {
			err = p.setDelivery(&one, one.DueAt, encodeKeys(old.attempts))
		}
		if err != nil {
			return rescued, inFlight, err
		}
		if _, err := p.due(one.Endpoint, one.DueAt, one.Message, hook.Scheduled, one.Application); err != nil {
			return rescued, inFlight, err
		}
		rescued++
	}
	return rescued, inFlight, nil
}
