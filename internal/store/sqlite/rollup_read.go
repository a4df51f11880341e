package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// CountedSpans implements store.Rollups.
func (s *Store) CountedSpans(ctx context.Context) (out []hook.KeySpan, err error) {
	err = s.rollups.read(ctx, func(conn *sqlite.Conn) error {
		return sqlitex.Execute(conn, spansSQL, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			out = append(out, hook.KeySpan{Low: hook.Key(stmt.ColumnInt64(0)), High: hook.Key(stmt.ColumnInt64(1))})
			return nil
		}})
	})
	if err != nil {
		return nil, fmt.Errorf("read counted spans: %w", err)
	}
	return out, nil
}

// EachRollup implements store.Rollups.
func (s *Store) EachRollup(ctx context.Context, q store.RollupQuery, f func(*hook.Rollup) error) error {
	return s.ReadRollups(ctx, func(v store.RollupView) error { return v.EachRollup(q, f) })
}

// ReadRollups implements store.Rollups.
func (s *Store) ReadRollups(ctx context.Context, f func(store.RollupView) error) error {
	err := s.rollups.read(ctx, func(conn *sqlite.Conn) (err error) {
		end := sqlitex.Transaction(conn) // a deferred one: it sees what was there at its first read
		defer end(&err)
		return f(rollupView{conn})
	})
	if err != nil {
		return fmt.Errorf("read rollups: %w", err)
	}
	return nil
}

// rollupView is a connection in a transaction.
type rollupView struct{ conn *sqlite.Conn }

// EachRollup implements store.RollupView. An application's sums lie together by time, so the
// cost is that of what is asked for; for all applications it is one more seek for each.
func (v rollupView) EachRollup(q store.RollupQuery, f func(*hook.Rollup) error) error {
	if !q.AllApplications {
		return eachRollup(v.conn, q, q.Application, f)
	}
	for app := hook.ApplicationID(0); ; {
		var err error
		env := q.Environment
		if env, app, err = nextRollup(v.conn, nextOf(q), tableOf(q.Period), env, app); err != nil || env != q.Environment {
			return err
		}
		if err := eachRollup(v.conn, q, app, f); err != nil {
			return err
		}
	}
}

// IsCounted implements store.RollupView.
func (v rollupView) IsCounted(k hook.Key) (isCounted bool, err error) {
	stmt, err := v.conn.Prepare(spanBelowSQL)
	if err != nil {
		return false, err
	}
	stmt.BindInt64(1, int64(k))
	err = eachRow(stmt, func() (bool, error) {
		isCounted = hook.Key(stmt.ColumnInt64(0)) > k
		return false, nil
	})
	return isCounted, err
}

// nextOf is what finds the next owner of sums that q asks for.
func nextOf(q store.RollupQuery) string {
	if q.OnlyFailures {
		return nextFailedRollupSQL
	}
	return nextRollupSQL
}

// sumsBetween prepares one of the queries of an application's sums from since to before until.
func sumsBetween(conn *sqlite.Conn, query string, p hook.RollupPeriod, env hook.EnvironmentID, app hook.ApplicationID, since, until time.Time) (*sqlite.Stmt, error) {
	stmt, err := conn.Prepare(fmt.Sprintf(query, tableOf(p)))
	if err != nil {
		return nil, err
	}
	stmt.BindInt64(1, int64(env))
	stmt.BindInt64(2, int64(app))
	stmt.BindInt64(3, since.UnixMilli())
	stmt.BindInt64(4, until.UnixMilli())
	return stmt, nil
}

func eachRollup(conn *sqlite.Conn, q store.RollupQuery, app hook.ApplicationID, f func(*hook.Rollup) error) error {
	if q.OnlyFailures {
		return eachFailedRollup(conn, q, app, f)
	}
	stmt, err := sumsBetween(conn, rollupsSQL, q.Period, q.Environment, app, q.Since, q.Until)
	if err != nil {
		return err
	}
	return eachRow(stmt, func() (bool, error) {
		if q.Endpoint != 0 && hook.EndpointID(stmt.ColumnInt64(3)) != q.Endpoint || !q.WantsType(stmt.ColumnText(4)) {
			return true, nil
		}
		r, err := scanRollup(stmt)
		if err == nil {
			err = f(r)
		}
		return err == nil, err
	})
}

// eachFailedRollup gives f the same Rollup again and again: for all applications there may be a
// hundred thousand of them.
func eachFailedRollup(conn *sqlite.Conn, q store.RollupQuery, app hook.ApplicationID, f func(*hook.Rollup) error) error {
	stmt, err := sumsBetween(conn, failedRollupsSQL, q.Period, q.Environment, app, q.Since, q.Until)
	if err != nil {
		return err
	}
	r := &hook.Rollup{RollupKey: hook.RollupKey{Environment: q.Environment, Application: app}}
	var blob [64]byte
	return eachRow(stmt, func() (bool, error) {
		r.At, r.Endpoint = stmt.ColumnInt64(0), hook.EndpointID(stmt.ColumnInt64(1))
		if q.Endpoint != 0 && r.Endpoint != q.Endpoint {
			return true, nil
		}
		if len(q.EventTypes) > 0 {
			if r.EventType = stmt.ColumnText(2); !q.WantsType(r.EventType) {
				return true, nil
			}
		}
		reasons := blob[:]
		if n := stmt.ColumnLen(3); n > len(blob) {
			reasons = make([]byte, n)
		}
		var err error
		if r.Reasons, err = decodeReasons(r.Reasons[:0], reasons[:stmt.ColumnBytes(3, reasons)]); err == nil {
			err = f(r)
		}
		return err == nil, err
	})
}

// nextRollup returns who owns the sums that follow those of env and app, by one of the queries
// above; 0 for nobody.
func nextRollup(conn *sqlite.Conn, query, table string, env hook.EnvironmentID, app hook.ApplicationID) (hook.EnvironmentID, hook.ApplicationID, error) {
	stmt, err := conn.Prepare(fmt.Sprintf(query, table))
	if err != nil {
		return 0, 0, err
	}
	stmt.BindInt64(1, int64(env))
	if query != nextEnvironmentSQL {
		stmt.BindInt64(2, int64(app))
	}
	env, app = 0, 0
	err = eachRow(stmt, func() (bool, error) {
		env, app = hook.EnvironmentID(stmt.ColumnInt64(0)), hook.ApplicationID(stmt.ColumnInt64(1))
		return false, nil
	})
	return env, app, err
}
