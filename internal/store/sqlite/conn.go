package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

// busyTimeout is how long a connection waits for another one's lock. Writers of one file
// do not compete in this room, so a wait means a checkpoint or a recovery.
const busyTimeout = 5 * time.Second

// defaultCacheKiB is the page cache of a connection, small because there are many.
const defaultCacheKiB = 4 << 10

// openConn opens a connection with the pragmas that the promises of this room rest on.
// Without flags it may write and creates the file.
func openConn(path string, flags ...sqlite.OpenFlags) (*sqlite.Conn, error) {
	var all sqlite.OpenFlags
	for _, f := range flags {
		all |= f
	}
	if all == 0 {
		all = sqlite.OpenReadWrite | sqlite.OpenCreate
	}
	conn, err := sqlite.OpenConn(path, all)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	conn.SetBusyTimeout(busyTimeout)
	pragmas := []string{
		"PRAGMA synchronous = FULL", // flush the log in every commit
		"PRAGMA secure_delete = ON", // expunged content leaves the file
		"PRAGMA temp_store = MEMORY",
		"PRAGMA foreign_keys = OFF",
		fmt.Sprintf("PRAGMA cache_size = -%d", defaultCacheKiB),
	}
	if all&sqlite.OpenReadOnly == 0 {
		pragmas = append([]string{"PRAGMA journal_mode = WAL"}, pragmas...)
	}
	for _, p := range pragmas {
		if err := sqlitex.ExecuteTransient(conn, p, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %s: %w", path, p, err), conn.Close())
		}
	}
	return conn, nil
}

// run steps a statement that returns no rows and makes it ready for the next use. The
// bindings stay, so every use binds all parameters.
func run(stmt *sqlite.Stmt) error {
	if _, err := stmt.Step(); err != nil {
		return err
	}
	return stmt.Reset()
}

// queryInt runs a query that returns at most one number; ok is false without a row or with NULL.
func queryInt(conn *sqlite.Conn, sql string) (n int64, ok bool, err error) {
	err = sqlitex.ExecuteTransient(conn, sql, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		n, ok = stmt.ColumnInt64(0), !stmt.ColumnIsNull(0)
		return nil
	}})
	return n, ok, err
}

func bindText(stmt *sqlite.Stmt, param int, s string) {
	if s == "" {
		stmt.BindNull(param)
		return
	}
	stmt.BindText(param, s)
}

// bindLines stores a list as one text, an item a line; nil and empty are NULL.
func bindLines(stmt *sqlite.Stmt, param int, list []string) {
	switch len(list) {
	case 0:
		stmt.BindNull(param)
	case 1:
		stmt.BindText(param, list[0])
	default:
		stmt.BindText(param, strings.Join(list, "\n"))
	}
}

func bindBlob(stmt *sqlite.Stmt, param int, b []byte) {
	if b == nil {
		stmt.BindNull(param)
		return
	}
	stmt.BindBytes(param, b)
}

func bindMillis(stmt *sqlite.Stmt, param int, t time.Time) {
	if t.IsZero() {
		stmt.BindNull(param)
		return
	}
	stmt.BindInt64(param, t.UnixMilli())
}

// isFull reports whether err means that the disk has no room. Growing the shared memory
// of the log reports it in its own way.
func isFull(err error) bool {
	code := sqlite.ErrCode(err)
	return code.ToPrimary() == sqlite.ResultFull || code == sqlite.ResultIOErrSHMSize || errors.Is(err, syscall.ENOSPC)
}

// isBusy reports whether another program's lock was in the way for longer than busyTimeout.
func isBusy(err error) bool {
	code := sqlite.ErrCode(err).ToPrimary()
	return code == sqlite.ResultBusy || code == sqlite.ResultLocked
}

func errClosed() error { return hook.Errorf(hook.Closed, "the store is closed") }

func errStorageFull() error {
	return hook.Errorf(hook.StorageFull, "no space left on the store's disk")
}

// isDiskError reports whether err leaves unknown what is on the disk, so that the store
// must not go on: everything that SQLite's files answer, but for a busy lock.
func isDiskError(err error) bool {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultCorrupt, sqlite.ResultNotADB, sqlite.ResultCantOpen,
		sqlite.ResultReadOnly, sqlite.ResultNoMem:
		return true
	}
	var file *fs.PathError // flushing a directory
	return errors.As(err, &file)
}
