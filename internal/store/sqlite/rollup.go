package sqlite

import (
	"cmp"
	"context"
	"embed"
	"encoding/binary"
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
	"github.com/hookloft/hookloft/internal/store"
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

// scanRollup reads a row of rollupColumns.
func scanRollup(stmt *sqlite.Stmt) (*hook.Rollup, error) {
	r := &hook.Rollup{
		RollupKey: hook.RollupKey{
			Environment: hook.EnvironmentID(stmt.ColumnInt64(0)), Application: hook.ApplicationID(stmt.ColumnInt64(1)),
			At: stmt.ColumnInt64(2), Endpoint: hook.EndpointID(stmt.ColumnInt64(3)), EventType: stmt.ColumnText(4),
		},
		RollupCounts: hook.RollupCounts{
			Success: stmt.ColumnInt64(5), Failed: stmt.ColumnInt64(6), Final: stmt.ColumnInt64(7),
			Took:    time.Duration(stmt.ColumnInt64(8)) * time.Microsecond,
			Slowest: time.Duration(stmt.ColumnInt64(9)) * time.Microsecond,
		},
	}
	var err error
	if r.Reasons, err = decodeReasons(nil, columnBytes(stmt, 10)); err != nil {
		return nil, err
	}
	numbers, err := uvarints(columnBytes(stmt, 11))
	if err != nil || len(numbers) > hook.LatencyBuckets {
		return nil, errors.Join(errors.New("rollup: the histogram is damaged"), err)
	}
	for i, n := range numbers {
		r.Latency[i] = int64(n)
	}
	return r, nil
}

func encodeReasons(list []hook.ReasonCount) (b []byte) {
	for _, r := range list {
		b = binary.AppendUvarint(b, uint64(r.Reason))
		b = binary.AppendUvarint(b, uint64(r.Count))
	}
	return b
}

// decodeReasons appends to out what encodeReasons wrote.
func decodeReasons(out []hook.ReasonCount, b []byte) ([]hook.ReasonCount, error) {
	for len(b) > 0 {
		reason, n := binary.Uvarint(b)
		count, m := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || m <= 0 {
			return nil, errors.New("rollup: the counts by reason are damaged")
		}
		out, b = append(out, hook.ReasonCount{Reason: hook.Reason(reason), Count: int64(count)}), b[n+m:]
	}
	return out, nil
}

func encodeLatency(buckets *[hook.LatencyBuckets]int64) (b []byte) {
	n := len(buckets)
	for n > 0 && buckets[n-1] == 0 {
		n--
	}
	for _, count := range buckets[:n] {
		b = binary.AppendUvarint(b, uint64(count))
	}
	return b
}

func uvarints(b []byte) (out []uint64, err error) {
	for len(b) > 0 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errors.New("a number is cut")
		}
		out, b = append(out, v), b[n:]
	}
	return out, nil
}

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
