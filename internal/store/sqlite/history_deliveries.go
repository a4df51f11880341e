package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Index: delivery's primary key (endpoint, message).
const (
	deliveryColumns = `endpoint, message, state, step, reason, crashes, due_at, attempts, line, note`
	deliverySQL     = `SELECT ` + deliveryColumns + ` FROM delivery WHERE endpoint = ?1 AND message = ?2`
	deliveriesSQL   = `SELECT ` + deliveryColumns + ` FROM delivery WHERE endpoint = ?1 AND message BETWEEN ?2 AND ?3 ORDER BY message `
	statsSQL        = `SELECT state, attempts IS NOT NULL, count(*) FROM delivery
		WHERE endpoint = ?1 AND message BETWEEN ?2 AND ?3 GROUP BY 1, 2`
)

// AttemptedMessages implements store.History.
func (s *Store) AttemptedMessages(ctx context.Context, q store.DeliveryQuery) (store.Listed[store.Delivered], error) {
	w := newWalk(q.Window)
	filter := messageFilter{eventTypes: q.EventTypes, channel: q.Channel, tag: q.Tag}
	var content *contentSealer
	if q.WithContent {
		content = s.content
	}
	var rows []store.Delivered
	looked := 0
	canLook := func() bool { return q.Most <= 0 || looked < q.Most }
	for _, seg := range s.segmentsAlong(w) {
		w.begin()
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(deliveriesSQL + w.order())
			if err != nil {
				return err
			}
			stmt.BindInt64(1, int64(q.Endpoint))
			stmt.BindInt64(2, int64(w.low))
			stmt.BindInt64(3, int64(w.high))
			return eachRow(stmt, func() (bool, error) {
				d := scanDelivery(stmt)
				d.Application = q.Application
				looked++
				goOn := w.goOn(hook.Key(d.Message)) && canLook()
				if len(q.Statuses) > 0 && !slices.Contains(q.Statuses, store.StatusOfDelivery(&d.Delivery)) {
					return goOn, nil
				}
				m, err := messageIn(conn, q.Application, d.Message, content)
				if err != nil {
					return false, err
				}
				if filter.match(&m.Message) {
					rows = append(rows, store.Delivered{Delivery: d.Delivery, Message: &m.Message})
					w.hold(len(rows), &m.Message)
				}
				return goOn && len(rows) < w.want, nil
			})
		})
		if err != nil {
			return store.Listed[store.Delivered]{}, fmt.Errorf("list deliveries: %w", err)
		}
		if len(rows) >= w.want || w.look.isSpent || !canLook() {
			break
		}
	}
	return listed(w, rows), nil
}

// Deliveries implements store.History.
func (s *Store) Deliveries(ctx context.Context, app hook.ApplicationID, msg hook.MessageID) ([]hook.Delivery, error) {
	var out []hook.Delivery
	err := s.inMessageSegment(ctx, msg, func(conn *sqlite.Conn) error {
		return deliveriesIn(conn, app, msg, func(d *storedDelivery) error {
			out = append(out, d.Delivery)
			return nil
		})
	})
	return out, err
}

// deliveriesIn calls f with each delivery of a message, by rising endpoint. One whose
// first attempt has not ended may have no row yet and is Pending and Fresh.
func deliveriesIn(conn *sqlite.Conn, app hook.ApplicationID, msg hook.MessageID, f func(*storedDelivery) error) error {
	m, err := messageIn(conn, app, msg, nil)
	if err != nil {
		return err
	}
	for _, ep := range m.endpoints {
		d, err := deliveryIn(conn, ep, msg)
		if err != nil {
			return err
		}
		if d == nil {
			d = &storedDelivery{Delivery: hook.Delivery{Message: msg, Endpoint: ep, Fresh: true}}
		}
		d.Application = app
		if err := f(d); err != nil {
			return err
		}
	}
	return nil
}

// deliveryIn returns the row of a pair, nil when there is none.
func deliveryIn(conn *sqlite.Conn, ep hook.EndpointID, msg hook.MessageID) (*storedDelivery, error) {
	stmt, err := conn.Prepare(deliverySQL)
	if err != nil {
		return nil, fmt.Errorf("prepare delivery: %w", err)
	}
	stmt.BindInt64(1, int64(ep))
	stmt.BindInt64(2, int64(msg))
	var d *storedDelivery
	err = eachRow(stmt, func() (bool, error) {
		d = scanDelivery(stmt)
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read delivery: %w", err)
	}
	return d, nil
}

// Stats implements store.History. It counts rows of one endpoint between two keys, so
// its cost is the number of deliveries in the window.
func (s *Store) Stats(ctx context.Context, app hook.ApplicationID, ep hook.EndpointID, since, until time.Time) (store.Stats, error) {
	var out store.Stats
	w := newWalk(store.Window{After: since, Before: until})
	for _, seg := range s.segmentsAlong(w) {
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(statsSQL)
			if err != nil {
				return err
			}
			stmt.BindInt64(1, int64(ep))
			stmt.BindInt64(2, int64(w.low))
			stmt.BindInt64(3, int64(w.high))
			return eachRow(stmt, func() (bool, error) {
				d := hook.Delivery{State: hook.State(stmt.ColumnInt(0)), Attempts: stmt.ColumnInt(1)}
				n := stmt.ColumnInt64(2)
				switch store.StatusOfDelivery(&d) {
				case store.StatusSuccess:
					out.Success += n
				case store.StatusPending:
					out.Pending += n
				case store.StatusSending:
					out.Sending += n
				case store.StatusFail:
					out.Fail += n
				case store.StatusCanceled:
					out.Canceled += n
				}
				return true, nil
			})
		})
		if err != nil {
			return store.Stats{}, fmt.Errorf("count deliveries: %w", err)
		}
	}
	return out, nil
}
