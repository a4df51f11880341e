package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

// A row about an endpoint or a task is in the catalogue, one about a delivery in the
// segment of its message: each beside what it is about. Which of the two it is shows from
// the announcement itself, so nobody has to remember where a row came from.

// OnAnnounce implements store.Announcements.
func (s *Store) OnAnnounce(f func()) { s.onAnnounce.Store(&f) }

// announced tells that rows were committed.
func (s *Store) announced() {
	if f := s.onAnnounce.Load(); f != nil {
		(*f)()
	}
}

const (
	announceSQL      = "INSERT INTO announcement (key, environment, body) VALUES (?1, ?2, ?3)"
	announcementsSQL = "SELECT key, environment, body FROM announcement ORDER BY key LIMIT ?1"
	announcedSQL     = "DELETE FROM announcement WHERE key = ?1"
)

// announce writes an announcement about an outcome into the segment of its message; nil is none.
func (w *writer) announce(p *pen, a *hook.Announcement) error {
	if a == nil {
		return nil
	}
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode announcement: %w", err)
	}
	a.ID = w.nextKey()
	w.announces = true
	p.file.mayAnnounce.Store(true)
	return sqlitex.Execute(p.conn, announceSQL, &sqlitex.ExecOptions{Args: []any{int64(a.ID), int64(a.Environment), body}})
}

// Announcements implements store.Announcements.
func (s *Store) Announcements(ctx context.Context, limit int) ([]*hook.Announcement, error) {
	list, err := s.catalog.announcements(ctx, limit)
	if err != nil {
		return nil, wrapCatalog("read announcements", err)
	}
	for _, seg := range s.segmentsOldestFirst() {
		if !seg.mayAnnounce.Load() {
			continue
		}
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			more, err := announcementsIn(conn, limit)
			list = append(list, more...)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read announcements: %w", err)
		}
	}
	slices.SortFunc(list, func(a, b *hook.Announcement) int { return cmp.Compare(a.ID, b.ID) })
	return list[:min(limit, len(list))], nil
}

func announcementsIn(conn *sqlite.Conn, limit int) (list []*hook.Announcement, err error) {
	err = catalogQuery(conn, announcementsSQL, func(stmt *sqlite.Stmt) error {
		a := &hook.Announcement{ID: hook.Key(stmt.ColumnInt64(0)), Environment: hook.EnvironmentID(stmt.ColumnInt64(1))}
		list = append(list, a)
		if err := json.Unmarshal(columnBytes(stmt, 2), a); err != nil {
			return fmt.Errorf("decode announcement %d: %w", a.ID, err)
		}
		return nil
	}, limit)
	return list, err
}

// announcements returns the oldest rows of the catalogue with the tasks that they are about.
func (c *catalog) announcements(ctx context.Context, limit int) (list []*hook.Announcement, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		if list, err = announcementsIn(conn, limit); err != nil {
			return err
		}
		for _, a := range list {
			if a.TaskID == 0 {
				continue
			}
			err := catalogQuery(conn, "SELECT "+taskColumns+" FROM task WHERE key = ?1 AND environment = ?2", func(stmt *sqlite.Stmt) error {
				a.Task = scanTask(stmt)
				return nil
			}, a.TaskID, a.Environment)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// Announced implements store.Announcements.
func (s *Store) Announced(ctx context.Context, rows []*hook.Announcement) error {
	var ofCatalog, ofSegments []*hook.Announcement
	for _, a := range rows {
		if a.Message == 0 {
			ofCatalog = append(ofCatalog, a)
		} else {
			ofSegments = append(ofSegments, a)
		}
	}
	if len(ofCatalog) > 0 {
		err := s.catalog.change(ctx, func(tx *catalogTx) error {
			for _, a := range ofCatalog {
				if err := tx.exec(announcedSQL, int64(a.ID)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return wrapCatalog("remove announcements", err)
		}
	}
	if len(ofSegments) == 0 {
		return nil
	}
	return s.writer.do(ctx, true, func(w *writer) error { return w.forgetAnnounced(ofSegments) })
}

func (w *writer) forgetAnnounced(rows []*hook.Announcement) error {
	var touched []*pen
	for _, a := range rows {
		p, err := w.penOf(a.Message)
		if err != nil {
			return err
		}
		if p == nil {
			continue // the segment was dropped, and the row with it
		}
		if err := sqlitex.Execute(p.conn, announcedSQL, &sqlitex.ExecOptions{Args: []any{int64(a.ID)}}); err != nil {
			return err
		}
		if !slices.Contains(touched, p) {
			touched = append(touched, p)
		}
	}
	for _, p := range touched {
		_, left, err := queryInt(p.conn, "SELECT 1 FROM announcement LIMIT 1")
		if err != nil {
			return err
		}
		// Should the commit fail, the rows are read again with the next start, or the next
		// announcement of the segment.
		p.file.mayAnnounce.Store(left)
	}
	return nil
}

// subscribers are the endpoints of an environment that operational webhooks go to.
type subscribers []hook.Endpoint

// subscribersIn reads them as they are in the transaction. Index: endpoint's primary key.
func subscribersIn(tx *catalogTx, env hook.EnvironmentID) (list subscribers, err error) {
	err = tx.query("SELECT event_types, channels FROM endpoint WHERE application = ?1 AND disabled = 0", func(stmt *sqlite.Stmt) error {
		var e hook.Endpoint
		if err := columnJSON(stmt, 0, &e.EventTypes); err != nil {
			return err
		}
		list = append(list, e)
		return columnJSON(stmt, 1, &e.Channels)
	}, env.Operational())
	return list, err
}

func (s subscribers) want(typ string) bool {
	return slices.ContainsFunc(s, func(e hook.Endpoint) bool { return e.Wants(typ, nil) })
}

// announce writes those of list that somebody subscribed to into the change under way.
func (c *catalog) announce(tx *catalogTx, list ...hook.Announcement) error {
	if len(list) == 0 {
		return nil
	}
	to, err := subscribersIn(tx, list[0].Environment)
	if err != nil {
		return err
	}
	for i := range list {
		a := &list[i]
		if !to.want(a.Type) {
			continue
		}
		body, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("encode announcement: %w", err)
		}
		a.ID = c.NewKey()
		// The key names the announcement for good, so it must never be drawn again.
		if err := tx.used(a.ID); err != nil {
			return err
		}
		if err := tx.exec(announceSQL, int64(a.ID), int64(a.Environment), body); err != nil {
			return err
		}
		tx.announces = true
	}
	return nil
}

// announceEndpoint tells of a change of an endpoint; see hook.EndpointAnnouncements.
func (c *catalog) announceEndpoint(tx *catalogTx, before, after *hook.Endpoint) error {
	e := cmp.Or(after, before)
	app, err := applicationIn(tx.conn, "a.key = ?1", e.Application)
	if err != nil {
		return err
	}
	return c.announce(tx, hook.EndpointAnnouncements(before, after, app)...)
}

// announceFailing tells of a streak of failures when warned is more than what was told of it before.
func (c *catalog) announceFailing(tx *catalogTx, app hook.ApplicationID, id hook.EndpointID, since time.Time, warned int) error {
	told := 0
	e := &hook.Endpoint{ID: id, Application: app}
	found := false
	err := tx.query("SELECT uid, warned FROM endpoint WHERE application = ?1 AND key = ?2", func(stmt *sqlite.Stmt) error {
		e.UID, told, found = stmt.ColumnText(0), stmt.ColumnInt(1), true
		return nil
	}, app, id)
	if err != nil || !found || warned <= told {
		return err
	}
	a, err := applicationIn(tx.conn, "a.key = ?1", app)
	if err != nil {
		return err
	}
	if a.IsOperational() {
		return nil
	}
	env, _, err := environmentIn(tx.conn, "SELECT "+environmentColumns+" FROM environment WHERE key = ?1", a.Environment)
	if err != nil {
		return err
	}
	return c.announce(tx, hook.FailingAnnouncement(a, e, since, env.Settings.DisableEndpointOnFailure))
}

// taskStatus returns how a task stands in the transaction, "" when there is none.
func taskStatus(tx *catalogTx, id hook.TaskID) (status hook.TaskStatus, rate float64, err error) {
	err = tx.query("SELECT status, rate FROM task WHERE key = ?1", func(stmt *sqlite.Stmt) error {
		status, rate = hook.TaskStatus(stmt.ColumnText(0)), stmt.ColumnFloat(1)
		return nil
	}, id)
	return status, rate, err
}

// announceTask tells of the end of a task, once.
func (c *catalog) announceTask(tx *catalogTx, t *hook.Task, before hook.TaskStatus) error {
	if !t.Status.HasEnded() || before.HasEnded() {
		return nil
	}
	return c.announce(tx, hook.Announcement{Environment: t.Environment, Type: hook.BackgroundTaskFinished, TaskID: t.ID})
}

// unmadeOperational is the operational application of an environment that has none yet: it
// has no endpoints. So a look for subscribers is answered from memory, like every plan.
func unmadeOperational(conn *sqlite.Conn, app hook.ApplicationID) (*hook.Application, error) {
	env, version, err := environmentIn(conn, "SELECT "+environmentColumns+" FROM environment WHERE key = ?1", app)
	if err != nil {
		return nil, err
	}
	return &hook.Application{ID: app, Environment: env.ID, Name: operationalName, Version: version, CreatedAt: env.CreatedAt, UpdatedAt: env.UpdatedAt}, nil
}

const operationalName = "operational webhooks"

// makeOperational makes the operational application with its first endpoint e. For every
// other application that does not exist it is hook.NotFound.
func makeOperational(tx *catalogTx, e *hook.Endpoint) error {
	err := tx.exec(`INSERT INTO application (key, environment, uid, name, throttle_rate, metadata, version, endpoints, disabled, created_at, updated_at, source)
		SELECT key, key, NULL, ?2, 0, NULL, 1, 1, ?3, created_at, updated_at, key FROM environment WHERE key = ?1`,
		e.Application, operationalName, disabledCount(e))
	if err != nil {
		return err
	}
	if tx.conn.Changes() == 0 {
		return errNotFound()
	}
	tx.applications = append(tx.applications, e.Application)
	return nil
}
