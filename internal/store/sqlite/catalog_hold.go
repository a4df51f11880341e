package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// UpdateHold implements store.Applications.
func (c *catalog) UpdateHold(ctx context.Context, id hook.ApplicationID, r *store.Receipt, update func(*hook.Hold) (*hook.Hold, error)) (*hook.Application, error) {
	var a *hook.Application
	err := c.change(ctx, func(tx *catalogTx) (err error) {
		if err := c.saveReceipt(tx, r); err != nil {
			return err
		}
		a, err = c.updateHold(tx, id, update)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (c *catalog) updateHold(tx *catalogTx, id hook.ApplicationID, update func(*hook.Hold) (*hook.Hold, error)) (*hook.Application, error) {
	a, err := applicationIn(tx.conn, "a.key = ?1", id)
	if err != nil {
		return nil, err
	}
	if a.IsOperational() {
		return nil, errNotFound()
	}
	was := a.AuditFields()
	if a.Hold, err = update(a.Hold); err != nil {
		return nil, err
	}
	hold, err := argHold(a.Hold)
	if err != nil {
		return nil, err
	}
	tx.applications = append(tx.applications, id)
	if err := tx.exec("UPDATE application SET hold = ?2, version = version + 1 WHERE key = ?1", id, hold); err != nil {
		return nil, err
	}
	a.Version++
	entry := applicationEntry(a)
	if a.Source != 0 {
		entry = hook.AuditEntry{Environment: a.Environment, Noun: hook.AuditSource, Subject: hook.Key(a.Source), Name: a.Name}
	}
	return a, c.updated(tx, entry, was, a.AuditFields())
}

// endHold is EndHold; isLeft says whether something that waited for the end is left at an endpoint.
func (c *catalog) endHold(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, until time.Time, isLeft func(hook.EndpointID) (bool, error)) error {
	plan, err := c.PlanOf(ctx, app)
	if err != nil {
		return err
	}
	ended := func(h *hook.Hold) bool { return h.IsDraining() && h.ResumedAt.Equal(until) }
	if ep := plan.Endpoint(id); ep != nil && ended(ep.Hold) {
		_, err := c.UpdateEndpoint(ctx, app, id, nil, func(e *hook.Endpoint) error {
			if ended(e.Hold) {
				e.Hold = nil
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if !ended(plan.Application.Hold) {
		return nil
	}
	// The next endpoint is asked first: while many make up for the hold, most of them still do.
	first := 0
	for i, e := range plan.Endpoints {
		if e.ID == id {
			first = i + 1
		}
	}
	for i := range plan.Endpoints {
		e := plan.Endpoints[(first+i)%len(plan.Endpoints)]
		if left, err := isLeft(e.ID); err != nil || left {
			return err
		}
	}
	_, err = c.UpdateHold(ctx, app, nil, func(h *hook.Hold) (*hook.Hold, error) {
		if ended(h) {
			return nil, nil
		}
		return h, nil
	})
	return err
}

// EndHold implements store.Applications.
func (s *Store) EndHold(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, until time.Time) error {
	return s.catalog.endHold(ctx, app, id, until, func(ep hook.EndpointID) (bool, error) {
		n, _, err := s.CountWaiting(ctx, ep, until.Add(-time.Millisecond), 1)
		return n > 0, err
	})
}

// countWaitingSQL counts up to ?3 scheduled rows of an endpoint that are due at ?2. Index: due's primary key.
const countWaitingSQL = `SELECT count(*) FROM (SELECT 1 FROM due WHERE endpoint = ?1 AND due_at <= ?2 AND trigger = 0 LIMIT ?3)`

// CountWaiting implements store.Search.
func (s *Store) CountWaiting(ctx context.Context, ep hook.EndpointID, now time.Time, most int) (n int, isMore bool, err error) {
	for _, seg := range s.dueSegments() {
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(countWaitingSQL)
			if err != nil {
				return err
			}
			stmt.BindInt64(1, int64(ep))
			stmt.BindInt64(2, now.UnixMilli())
			stmt.BindInt64(3, int64(most-n+1))
			return eachRow(stmt, func() (bool, error) {
				n += stmt.ColumnInt(0)
				return false, nil
			})
		})
		if err != nil {
			return 0, false, fmt.Errorf("count what waits for an endpoint: %w", err)
		}
		if n > most {
			return most, true, nil
		}
	}
	return n, false, nil
}

// argHold is a hold as it is stored; nil for none.
func argHold(h *hook.Hold) (any, error) {
	if h == nil {
		return nil, nil
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode hold: %w", err)
	}
	return string(text), nil
}
