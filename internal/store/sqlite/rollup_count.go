package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Index: the primary key (environment, application, at, endpoint, event_type); %s is the table.
const (
	countApplicationSQL = `SELECT at, sum(success), sum(failed) FROM %s
		WHERE environment = ?1 AND application = ?2 AND at >= ?3 AND at < ?4 GROUP BY at`
	countEndpointSQL = `SELECT sum(success), sum(failed) FROM %s
		WHERE environment = ?1 AND application = ?2 AND at = ?3 AND endpoint = ?4 HAVING count(*) > 0`
)

// EachRollupCount implements store.Rollups.
func (s *Store) EachRollupCount(ctx context.Context, q store.RollupCountQuery, f func(store.RollupCount) error) error {
	return s.ReadRollups(ctx, func(v store.RollupView) error { return v.EachRollupCount(q, f) })
}

// EachRollupCount implements store.RollupView. An application's sums lie together by time and are
// added up where they lie; an endpoint's are one seek for each period, so that those of the
// application's other endpoints, of which there may be thousands, are not read.
func (v rollupView) EachRollupCount(q store.RollupCountQuery, f func(store.RollupCount) error) error {
	if len(q.Endpoints) > 0 {
		return countEndpoints(v.conn, q, f)
	}
	for _, app := range q.Applications {
		if err := countApplication(v.conn, q, app, f); err != nil {
			return err
		}
	}
	return nil
}

func countApplication(conn *sqlite.Conn, q store.RollupCountQuery, app hook.ApplicationID, f func(store.RollupCount) error) error {
	stmt, err := sumsBetween(conn, countApplicationSQL, q.Period, q.Environment, app, q.Since, q.Until)
	if err != nil {
		return err
	}
	return eachRow(stmt, func() (bool, error) {
		err := f(store.RollupCount{Application: app, At: stmt.ColumnInt64(0), Success: stmt.ColumnInt64(1), Failed: stmt.ColumnInt64(2)})
		return err == nil, err
	})
}

func countEndpoints(conn *sqlite.Conn, q store.RollupCountQuery, f func(store.RollupCount) error) error {
	stmt, err := conn.Prepare(fmt.Sprintf(countEndpointSQL, tableOf(q.Period)))
	if err != nil {
		return err
	}
	for _, app := range q.Applications {
		for at := q.Since; at.Before(q.Until); at = at.Add(time.Duration(q.Period)) {
			for _, ep := range q.Endpoints {
				stmt.BindInt64(1, int64(q.Environment))
				stmt.BindInt64(2, int64(app))
				stmt.BindInt64(3, at.UnixMilli())
				stmt.BindInt64(4, int64(ep))
				err := eachRow(stmt, func() (bool, error) {
					err := f(store.RollupCount{Application: app, Endpoint: ep, At: at.UnixMilli(), Success: stmt.ColumnInt64(0), Failed: stmt.ColumnInt64(1)})
					return err == nil, err
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}
