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

// MessageOwner implements store.Search.
func (s *Store) MessageOwner(ctx context.Context, id hook.MessageID) (*hook.Message, error) {
	var m *storedMessage
	err := s.inMessageSegment(ctx, id, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(messageSQL)
		if err != nil {
			return err
		}
		stmt.BindInt64(1, int64(id))
		return eachRow(stmt, func() (bool, error) {
			m, err = scanMessage(stmt, nil)
			return false, err
		})
	})
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, errNoMessage()
	}
	return &m.Message, nil
}

// EachApplication implements store.Search. Index: application_environment, which holds all
// that is read.
func (c *catalog) EachApplication(ctx context.Context, env hook.EnvironmentID, f func(hook.ApplicationID) bool) error {
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare("SELECT key FROM application WHERE environment = ?1 ORDER BY source, key")
		if err != nil {
			return err
		}
		stmt.BindInt64(1, int64(env))
		return eachRow(stmt, func() (bool, error) { return f(hook.ApplicationID(stmt.ColumnInt64(0))), nil })
	})
	return wrapCatalog("read applications", err)
}

// endpointsByUIDSQL seeks in endpoint_uid for each application of application_environment.
const endpointsByUIDSQL = `SELECT ` + endpointColumns + ` FROM endpoint WHERE uid = ?2
	AND application IN (SELECT key FROM application WHERE environment = ?1) LIMIT ?3`

// EndpointsByUID implements store.Search.
func (c *catalog) EndpointsByUID(ctx context.Context, env hook.EnvironmentID, uid string, limit int) ([]*hook.Endpoint, error) {
	var list []*hook.Endpoint
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, endpointsByUIDSQL, func(stmt *sqlite.Stmt) error {
			e, err := c.scanEndpoint(stmt)
			if err == nil {
				e.Secrets, e.Headers = nil, nil
			}
			list = append(list, e)
			return err
		}, env, uid, limit)
	})
	return list, wrapCatalog("find endpoints by uid", err)
}

// Few endpoints have features. Indexes: application_environment and then the primary key; for
// all environments there is none, because that is asked for every ten minutes at most.
const (
	featuredSQL = `SELECT ` + endpointColumns + `, (SELECT environment FROM application a WHERE a.key = endpoint.application),
		(SELECT source FROM application a WHERE a.key = endpoint.application) FROM endpoint WHERE features IS NOT NULL`
	featuredOfSQL = featuredSQL + ` AND application IN (SELECT key FROM application WHERE environment = ?1)`
)

// EachCredentialed implements store.Search.
func (c *catalog) EachCredentialed(ctx context.Context, env hook.EnvironmentID, f func(hook.EnvironmentID, bool, *hook.Endpoint) bool) error {
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		query := featuredSQL
		if env != 0 {
			query = featuredOfSQL
		}
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		if env != 0 {
			stmt.BindInt64(1, int64(env))
		}
		last := stmt.ColumnCount() - 1
		return eachRow(stmt, func() (bool, error) {
			e, err := c.scanEndpoint(stmt)
			if err != nil || e.Credentials.IsEmpty() {
				return true, err
			}
			return f(hook.EnvironmentID(stmt.ColumnInt64(last-1)), stmt.ColumnBool(last), e), ctx.Err()
		})
	})
	return wrapCatalog("read endpoints with credentials", err)
}

// countEndpointsSQL adds up what each application counts. Index: application_environment.
const countEndpointsSQL = `SELECT coalesce(sum(endpoints - disabled), 0), coalesce(sum(disabled), 0),
	coalesce(sum(endpoints > 0), 0), coalesce(sum(endpoints > disabled), 0)
	FROM application WHERE environment = ?1 AND source = 0`

// CountEndpoints implements store.Search.
func (c *catalog) CountEndpoints(ctx context.Context, env hook.EnvironmentID) (n store.EndpointCount, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, countEndpointsSQL, func(stmt *sqlite.Stmt) error {
			n = store.EndpointCount{
				Active: stmt.ColumnInt64(0), Disabled: stmt.ColumnInt64(1),
				WithEndpoints: stmt.ColumnInt64(2), WithActive: stmt.ColumnInt64(3),
			}
			return nil
		}, env)
	})
	return n, wrapCatalog("count endpoints", err)
}

// endpointKeysSQL lists the endpoints of an application, removed ones too. Indexes: the
// primary keys of both.
const endpointKeysSQL = `SELECT key FROM endpoint WHERE application = ?1 UNION ALL SELECT key FROM removed_endpoint WHERE application = ?1`

// FindAttempt implements store.Search. Attempts lie by endpoint, so it costs one seek for
// each endpoint of the application in each segment that may hold the attempt.
func (s *Store) FindAttempt(ctx context.Context, app hook.ApplicationID, id hook.AttemptID) (*hook.Attempt, error) {
	var endpoints []hook.EndpointID
	err := s.catalog.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, endpointKeysSQL, func(stmt *sqlite.Stmt) error {
			endpoints = append(endpoints, hook.EndpointID(stmt.ColumnInt64(0)))
			return nil
		}, app)
	})
	if err != nil {
		return nil, wrapCatalog("find attempt", err)
	}
	var found *hook.Attempt
	for _, seg := range s.segmentsNewestFirst() {
		if seg.first > hook.Key(id) { // an attempt is never older than its message
			continue
		}
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(attemptSQL)
			if err != nil {
				return err
			}
			for _, ep := range endpoints {
				stmt.BindInt64(1, int64(ep))
				stmt.BindInt64(2, int64(id))
				err := eachRow(stmt, func() (bool, error) {
					found = scanAttempt(stmt)
					found.Application = app
					scanAnswer(stmt, found, s.content, false)
					found.TLS = decodeTLS(columnBytes(stmt, 20)) // one row, so what lies before it is no cost
					return false, nil
				})
				if err != nil || found != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("find attempt: %w", err)
		}
		if found != nil {
			return found, nil
		}
	}
	return nil, hook.Errorf(hook.NotFound, "Entity not found")
}

// CountAttempts implements store.Search. It reads row by row what Attempts would list.
func (s *Store) CountAttempts(ctx context.Context, q store.AttemptQuery, most int) (n int, isMore bool, err error) {
	q.WithContent, q.WithMessage, q.Window.Limit = false, false, most
	list, err := s.Attempts(ctx, q)
	return len(list.Rows), list.More, err
}

// dueStep is how many rows are counted between two looks at the clock.
const dueStep = 1024

// dueRowsSQL reads the primary key of due, as a whole.
const dueRowsSQL = `SELECT application, due_at FROM due LIMIT ?1`

// CountDue implements store.Search.
func (s *Store) CountDue(ctx context.Context, bounds []time.Time, most int, within time.Duration) (counts []store.DueCount, isMore bool, err error) {
	type cell struct {
		app   hook.ApplicationID
		bound int
	}
	cells := map[cell]int64{}
	began, looked := time.Now(), 0
	for _, seg := range s.segmentsOldestFirst() {
		if isMore || !seg.mayBeDue.Load() {
			continue
		}
		err := s.read(ctx, seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare(dueRowsSQL)
			if err != nil {
				return err
			}
			stmt.BindInt64(1, int64(most-looked)+1)
			return eachRow(stmt, func() (bool, error) {
				isLate := within > 0 && looked%dueStep == dueStep-1 && time.Since(began) >= within
				if isMore = looked == most || isLate; isMore {
					return false, nil
				}
				looked++
				at := stmt.ColumnInt64(1)
				bound := slices.IndexFunc(bounds, func(b time.Time) bool { return at < b.UnixMilli() })
				if bound < 0 {
					bound = len(bounds)
				}
				cells[cell{hook.ApplicationID(stmt.ColumnInt64(0)), bound}]++
				return true, nil
			})
		})
		if err != nil {
			return nil, false, fmt.Errorf("count due deliveries: %w", err)
		}
	}
	environments := map[hook.ApplicationID]hook.EnvironmentID{}
	err = s.catalog.read(ctx, func(conn *sqlite.Conn) error {
		for c, n := range cells {
			env, known := environments[c.app]
			if !known {
				err := catalogQuery(conn, "SELECT environment FROM application WHERE key = ?1", func(stmt *sqlite.Stmt) error {
					env = hook.EnvironmentID(stmt.ColumnInt64(0))
					return nil
				}, c.app)
				if err != nil {
					return err
				}
				environments[c.app] = env
			}
			counts = append(counts, store.DueCount{Environment: env, Application: c.app, Bound: c.bound, Count: n})
		}
		return nil
	})
	return counts, isMore, wrapCatalog("count due deliveries", err)
}
