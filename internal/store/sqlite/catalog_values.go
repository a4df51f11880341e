package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/store"
)

func catalogQuery(conn *sqlite.Conn, sql string, row func(*sqlite.Stmt) error, args ...any) error {
	return sqlitex.Execute(conn, sql, &sqlitex.ExecOptions{Args: args, ResultFunc: row})
}

// The forms of columns.

// columnMillis returns a time in milliseconds, zero for NULL.
func columnMillis(stmt *sqlite.Stmt, col int) time.Time {
	if stmt.ColumnIsNull(col) {
		return time.Time{}
	}
	return time.UnixMilli(stmt.ColumnInt64(col)).UTC()
}

// argMillis is a time as an argument; zero is NULL.
func argMillis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// argText is a text as an argument; "" is NULL, so that unique indexes leave it out.
func argText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// argBlob is a blob as an argument; nil is NULL.
func argBlob(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// argList is a list of text as an argument; an empty one is NULL.
func argList[T ~string](list []T) any {
	if len(list) == 0 {
		return nil
	}
	return mustJSON(list)
}

// argMap is a map of text as an argument; an empty one is NULL.
func argMap(m map[string]string) any {
	if len(m) == 0 {
		return nil
	}
	return mustJSON(m)
}

// mustJSON encodes lists and maps of text, which always succeeds.
func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func columnJSON(stmt *sqlite.Stmt, col int, into any) error {
	if stmt.ColumnIsNull(col) {
		return nil
	}
	if err := json.Unmarshal([]byte(stmt.ColumnText(col)), into); err != nil {
		return fmt.Errorf("decode column %s: %w", stmt.ColumnName(col), err)
	}
	return nil
}

// toMillis is what a time becomes when it is stored, so that what a caller holds equals what is read later.
func toMillis(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// pageSQL returns the condition and order for a walk over a key column, after the
// argument n. Walks go by key, never by offset.
func pageSQL[K any](p store.Page[K], column, n string) (condition, order string, reversed bool) {
	descending := p.Descending != p.Backward
	compare, direction := " > ", " ASC"
	if descending {
		compare, direction = " < ", " DESC"
	}
	if p.HasAfter {
		condition = " AND " + column + compare + n
	}
	return condition, " ORDER BY " + column + direction, p.Backward
}

// listedPage turns the rows that a walk found, at most one over the limit, into a page.
func listedPage[T any](rows []T, limit int, reversed bool) store.Listed[T] {
	more := len(rows) > limit
	if more {
		rows = rows[:limit]
	}
	if reversed {
		for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
			rows[i], rows[j] = rows[j], rows[i]
		}
	}
	return store.Listed[T]{Rows: rows, More: more}
}

// listOwned reads a page of what an owner has. selectSQL ends with the condition on the
// owner, which is argument ?1; the rows are ordered by the column key.
func listOwned[K, T any](ctx context.Context, c *catalog, selectSQL string, owner any, p store.Page[K], scan func(*sqlite.Stmt) (T, error)) (store.Listed[T], error) {
	condition, order, reversed := pageSQL(p, "key", "?3")
	args := []any{owner, p.Limit + 1}
	if p.HasAfter {
		args = append(args, p.After)
	}
	var rows []T
	err := c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, selectSQL+condition+order+" LIMIT ?2", func(stmt *sqlite.Stmt) error {
			row, err := scan(stmt)
			rows = append(rows, row)
			return err
		}, args...)
	})
	return listedPage(rows, p.Limit, reversed), err
}
