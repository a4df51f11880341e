package sqlite

import (
	"fmt"
	"io/fs"
	"slices"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

// migrate brings a database to the newest of the numbered files (0001.sql, 0002.sql, ...)
// at the root of fsys. The number reached is the database's user_version. All steps run in
// one transaction, so a crash leaves the version before. A database that a newer Hookloft
// has migrated is refused: there is no way back.
func migrate(conn *sqlite.Conn, fsys fs.FS) error {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return fmt.Errorf("list migrations: %w", err)
	}
	slices.Sort(names)
	for i, name := range names {
		if want := fmt.Sprintf("%04d.sql", i+1); name != want {
			return fmt.Errorf("migrations: found %s where %s belongs", name, want)
		}
	}
	if at, _, err := queryInt(conn, "PRAGMA user_version"); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	} else if at == int64(len(names)) {
		return nil
	}
	if err := sqlitex.ExecuteTransient(conn, "BEGIN IMMEDIATE", nil); err != nil {
		return fmt.Errorf("begin migration: %w", err)
	}
	if err := migrateIn(conn, fsys, names); err != nil {
		_ = sqlitex.ExecuteTransient(conn, "ROLLBACK", nil) // the first error says more
		return err
	}
	if err := sqlitex.ExecuteTransient(conn, "COMMIT", nil); err != nil {
		return fmt.Errorf("commit migration: %w", err)
	}
	return nil
}

func migrateIn(conn *sqlite.Conn, fsys fs.FS, names []string) error {
	at, _, err := queryInt(conn, "PRAGMA user_version")
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if at > int64(len(names)) {
		return hook.Errorf(hook.Conflict, "the data is at schema version %d, this program knows %d: it was opened by a newer Hookloft, which must be used from then on", at, len(names))
	}
	for i := int(at); i < len(names); i++ {
		script, err := fs.ReadFile(fsys, names[i])
		if err != nil {
			return fmt.Errorf("read migration: %w", err)
		}
		// The steps of one script are statements of this transaction, not a savepoint of their own.
		for sql := string(script); ; {
			stmt, rest, err := conn.PrepareTransient(sql)
			if err != nil {
				return fmt.Errorf("migration %s: %w", names[i], err)
			}
			_, err = stmt.Step()
			if ferr := stmt.Finalize(); err == nil {
				err = ferr
			}
			if err != nil {
				return fmt.Errorf("migration %s: %w", names[i], err)
			}
			if sql = trimSQL(sql[len(sql)-rest:]); sql == "" {
				break
			}
		}
	}
	if err := noteMigrations(conn, int(at), len(names)); err != nil {
		return fmt.Errorf("note migrations: %w", err)
	}
	return sqlitex.ExecuteTransient(conn, fmt.Sprintf("PRAGMA user_version = %d", len(names)), nil)
}

// noteMigrations notes when the files after the first from were applied, up to the one with the number
// to, in a database that has a table for it.
func noteMigrations(conn *sqlite.Conn, from, to int) error {
	_, has, err := queryInt(conn, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migration'")
	if err != nil || !has {
		return err
	}
	for n := from + 1; n <= to; n++ {
		const sql = "INSERT OR REPLACE INTO migration (number, at) VALUES (?1, CAST(unixepoch('subsec') * 1000 AS INTEGER))"
		if err := sqlitex.ExecuteTransient(conn, sql, &sqlitex.ExecOptions{Args: []any{n}}); err != nil {
			return err
		}
	}
	return nil
}

// trimSQL cuts white space and line comments from the front, so that what follows the
// last statement of a script is empty.
func trimSQL(s string) string {
	for {
		n := len(s)
		for s != "" && (s[0] == ' ' || s[0] == '\n' || s[0] == '\t' || s[0] == '\r') {
			s = s[1:]
		}
		if len(s) >= 2 && s[:2] == "--" {
			for s != "" && s[0] != '\n' {
				s = s[1:]
			}
		}
		if len(s) == n {
			return s
		}
	}
}
