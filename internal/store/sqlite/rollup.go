package sqlite

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

//go:embed migrations/rollup/*.sql
var rollupMigrations embed.FS

const rollupName = "rollup.db"

// rollups keep sums of attempts in a database file of their own, because they outlive
// segments, are written by nobody but one worker, and must never hold up the writer of
// messages. The file is derived: one that is damaged is removed and made again from the
// attempts. Its commits are not flushed one by one: after a power loss an older state of it
// is consistent in itself, and the missing sums are read from the attempts again.
type rollups struct {
	// mu guards writer and lets one change at a time happen.
	mu      sync.Mutex
	writer  *sqlite.Conn
	readers *sqlitex.Pool
}

const rollupReaders = 2

// openRollups opens the sums at path, and begins anew where they cannot be read.
func openRollups(path string) (*rollups, error) {
	r, err := tryOpenRollups(path)
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if rerr := os.Remove(path + suffix); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
				return nil, fmt.Errorf("open rollups: %w", errors.Join(err, rerr))
			}
		}
		r, err = tryOpenRollups(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open rollups: %w", err)
	}
	return r, nil
}

func tryOpenRollups(path string) (_ *rollups, err error) {
	r := &rollups{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.writer, err = openConn(path); err != nil {
		return nil, err
	}
	for _, pragma := range []string{"PRAGMA synchronous = NORMAL", "PRAGMA secure_delete = OFF", "PRAGMA wal_autocheckpoint = 1000"} {
		if err := sqlitex.ExecuteTransient(r.writer, pragma, nil); err != nil {
			return nil, err
		}
	}
	migrations, err := fs.Sub(rollupMigrations, "migrations/rollup")
	if err != nil {
		return nil, err
	}
	if err := migrate(r.writer, migrations); err != nil {
		return nil, err
	}
	r.readers, err = sqlitex.NewPool(path, sqlitex.PoolOptions{Flags: sqlite.OpenReadOnly, PoolSize: rollupReaders})
	return r, err
}

func (r *rollups) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	if r.readers != nil {
		errs = append(errs, r.readers.Close())
	}
	if r.writer != nil {
		errs = append(errs, r.writer.Close())
		r.writer = nil
	}
	return errors.Join(errs...)
}

const (
	// Index: span's primary key.
	touchingSpanSQL = `SELECT 1 FROM span WHERE low < ?2 AND high > ?1 LIMIT 1`
	joinedSpansSQL  = `SELECT coalesce(min(low), ?1), coalesce(max(high), ?2) FROM span WHERE low <= ?2 AND high >= ?1`
	dropSpansSQL    = `DELETE FROM span WHERE low <= ?2 AND high >= ?1`
	addSpanSQL      = `INSERT INTO span (low, high) VALUES (?1, ?2)`
	// The last span that begins at or below a key.
	spanBelowSQL = `SELECT high FROM span WHERE low <= ?1 ORDER BY low DESC LIMIT 1`
	spansSQL     = `SELECT low, high FROM span ORDER BY low`

	rollupColumns = `environment, application, at, endpoint, event_type, success, failed, final, took, slowest, reasons, latency`
	// Index: the primary key (environment, application, at, endpoint, event_type); %s is the table.
	rollupSQL     = `SELECT ` + rollupColumns + ` FROM %s WHERE environment = ?1 AND application = ?2 AND at = ?3 AND endpoint = ?4 AND event_type = ?5`
	saveRollupSQL = `INSERT OR REPLACE INTO %s (` + rollupColumns + `) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)`
	rollupsSQL    = `SELECT ` + rollupColumns + ` FROM %s WHERE environment = ?1 AND application = ?2 AND at >= ?3 AND at < ?4 ORDER BY at, endpoint, event_type`
	// The next owner of sums: one seek, whatever lies between. SQLite begins a comparison of
	// (environment, application) as a whole at its own rows, and would read all of those.
	nextRollupSQL      = `SELECT environment, application FROM %s WHERE environment = ?1 AND application > ?2 ORDER BY application LIMIT 1`
	nextEnvironmentSQL = `SELECT environment, application FROM %s WHERE environment > ?1 ORDER BY environment, application LIMIT 1`
	// Indexes: minute_failed and hour_failed, which hold all that is read.
	failedRollupsSQL = `SELECT at, endpoint, event_type, reasons FROM %[1]s INDEXED BY %[1]s_failed
		WHERE environment = ?1 AND application = ?2 AND at >= ?3 AND at < ?4 AND reasons IS NOT NULL ORDER BY at, endpoint, event_type`
	nextFailedRollupSQL = `SELECT environment, application FROM %[1]s INDEXED BY %[1]s_failed
		WHERE environment = ?1 AND application > ?2 AND reasons IS NOT NULL ORDER BY application LIMIT 1`
	pruneRollupSQL = `DELETE FROM %s WHERE environment = ?1 AND application = ?2 AND at < ?3`
)

const (
	minuteTable = "minute"
	hourTable   = "hour"
)

func tableOf(p hook.RollupPeriod) string {
	if p == hook.RollupHour {
		return hourTable
	}
	return minuteTable
}

// change runs f in one transaction.
func (r *rollups) change(ctx context.Context, f func(conn *sqlite.Conn) error) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writer == nil {
		return errClosed()
	}
	r.writer.SetInterrupt(ctx.Done())
	defer r.writer.SetInterrupt(nil)
	end, err := sqlitex.ImmediateTransaction(r.writer)
	if err != nil {
		return rollupError(err)
	}
	defer func() {
		end(&err)
		err = rollupError(err)
	}()
	return f(r.writer)
}

func (r *rollups) read(ctx context.Context, f func(conn *sqlite.Conn) error) error {
	conn, err := r.readers.Take(ctx)
	if err != nil {
		if ctx.Err() == nil {
			return errClosed() // a pool refuses only after Close
		}
		return ctx.Err()
	}
	defer r.readers.Put(conn)
	err = f(conn)
	if err != nil && ctx.Err() != nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultInterrupt {
		return ctx.Err()
	}
	return err
}

// rollupError gives the errors a kind that a caller can act on.
func rollupError(err error) error {
	if err != nil && isFull(err) {
		return errStorageFull()
	}
	return err
}

// AddRollups implements store.Rollups.
func (s *Store) AddRollups(ctx context.Context, span hook.KeySpan, list []hook.Rollup) error {
	if span.IsEmpty() {
		return nil
	}
	minutes, hours := withTotals(list, hook.RollupMinute), withTotals(list, hook.RollupHour)
	err := s.rollups.change(ctx, func(conn *sqlite.Conn) error {
		if err := addSpan(conn, span); err != nil {
			return err
		}
		if err := addSums(conn, minuteTable, minutes); err != nil {
			return err
		}
		if err := addSums(conn, hourTable, hours); err != nil {
			return err
		}
		return addIssues(conn, list)
	})
	if err != nil {
		return fmt.Errorf("add rollups: %w", err)
	}
	return nil
}

// withTotals sums rows by period, beside them those of their environments, in the order of
// the tables.
func withTotals(list []hook.Rollup, p hook.RollupPeriod) []*hook.Rollup {
	sums := make(map[hook.RollupKey]*hook.Rollup, len(list))
	add := func(key hook.RollupKey, c *hook.RollupCounts) {
		key.At = p.Begin(key.At)
		sum := sums[key]
		if sum == nil {
			sum = &hook.Rollup{RollupKey: key}
			sums[key] = sum
		}
		sum.Add(c)
	}
	for i := range list {
		key := list[i].RollupKey
		add(key, &list[i].RollupCounts)
		if key.IsOfEnvironment() {
			key.Application, key.Endpoint = 0, 0
			add(key, &list[i].RollupCounts)
		}
	}
	out := make([]*hook.Rollup, 0, len(sums))
	for _, sum := range sums {
		out = append(out, sum)
	}
	slices.SortFunc(out, func(a, b *hook.Rollup) int {
		return cmp.Or(cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Application, b.Application), cmp.Compare(a.At, b.At),
			cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.EventType, b.EventType))
	})
	return out
}

// addSpan notes that span is counted, and joins it with those that it lies beside.
func addSpan(conn *sqlite.Conn, span hook.KeySpan) error {
	args := []any{int64(span.Low), int64(span.High)}
	touches := false
	err := sqlitex.Execute(conn, touchingSpanSQL, &sqlitex.ExecOptions{Args: args, ResultFunc: func(*sqlite.Stmt) error {
		touches = true
		return nil
	}})
	if err != nil {
		return err
	}
	if touches {
		return hook.Errorf(hook.Conflict, "these attempts are counted already")
	}
	joined := args
	err = sqlitex.Execute(conn, joinedSpansSQL, &sqlitex.ExecOptions{Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
		joined = []any{min(stmt.ColumnInt64(0), int64(span.Low)), max(stmt.ColumnInt64(1), int64(span.High))}
		return nil
	}})
	if err != nil {
		return err
	}
	if err := sqlitex.Execute(conn, dropSpansSQL, &sqlitex.ExecOptions{Args: args}); err != nil {
		return err
	}
	return sqlitex.Execute(conn, addSpanSQL, &sqlitex.ExecOptions{Args: joined})
}

// addSums adds to the rows of a table.
func addSums(conn *sqlite.Conn, table string, sums []*hook.Rollup) error {
	find, err := conn.Prepare(fmt.Sprintf(rollupSQL, table))
	if err != nil {
		return err
	}
	save, err := conn.Prepare(fmt.Sprintf(saveRollupSQL, table))
	if err != nil {
		return err
	}
	for _, sum := range sums {
		bindRollupKey(find, &sum.RollupKey)
		err := eachRow(find, func() (bool, error) {
			before, err := scanRollup(find)
			if err == nil {
				sum.Add(&before.RollupCounts)
			}
			return false, err
		})
		if err != nil {
			return err
		}
		bindRollupKey(save, &sum.RollupKey)
		save.BindInt64(6, sum.Success)
		save.BindInt64(7, sum.Failed)
		save.BindInt64(8, sum.Final)
		save.BindInt64(9, sum.Took.Microseconds())
		save.BindInt64(10, sum.Slowest.Microseconds())
		bindBlob(save, 11, encodeReasons(sum.Reasons))
		bindBlob(save, 12, encodeLatency(&sum.Latency))
		if err := run(save); err != nil {
			return err
		}
	}
	return nil
}

func bindRollupKey(stmt *sqlite.Stmt, k *hook.RollupKey) {
	stmt.BindInt64(1, int64(k.Environment))
	stmt.BindInt64(2, int64(k.Application))
	stmt.BindInt64(3, k.At)
	stmt.BindInt64(4, int64(k.Endpoint))
	stmt.BindText(5, k.EventType)
}

// PruneRollups implements store.Rollups. Each owner's old sums go in a transaction of their
// own, so that nobody waits long for the file.
func (s *Store) PruneRollups(ctx context.Context, minutesBefore, hoursBefore time.Time) error {
	for table, before := range map[string]time.Time{minuteTable: minutesBefore, hourTable: hoursBefore} {
		for env, app := hook.EnvironmentID(0), hook.ApplicationID(-1); ; {
			err := s.rollups.change(ctx, func(conn *sqlite.Conn) (err error) {
				last := env
				if env, app, err = nextRollup(conn, nextRollupSQL, table, env, app); err == nil && env == 0 {
					env, app, err = nextRollup(conn, nextEnvironmentSQL, table, last, 0)
				}
				if err != nil || env == 0 {
					return err
				}
				stmt, err := conn.Prepare(fmt.Sprintf(pruneRollupSQL, table))
				if err != nil {
					return err
				}
				stmt.BindInt64(1, int64(env))
				stmt.BindInt64(2, int64(app))
				stmt.BindInt64(3, before.UnixMilli())
				return run(stmt)
			})
			if err != nil {
				return fmt.Errorf("prune rollups: %w", err)
			}
			if env == 0 {
				break
			}
		}
	}
	err := s.rollups.change(ctx, func(conn *sqlite.Conn) error {
		return pruneIssues(conn, minutesBefore.Add(hook.KeepMinutes-hook.KeepIssues))
	})
	if err != nil {
		return fmt.Errorf("prune issues: %w", err)
	}
	return nil
}
