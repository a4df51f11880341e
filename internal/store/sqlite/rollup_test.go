package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// TestDamagedRollupsAreMadeAgain opens a store whose sums cannot be read: it loses them,
// says that nothing is counted, and goes on.
func TestDamagedRollupsAreMadeAgain(t *testing.T) {
	c := newClockStore(t, Options{})
	span := hook.KeySpan{Low: 1, High: 9}
	sum := hook.Rollup{RollupKey: hook.RollupKey{Environment: c.app.Environment, Application: c.app.ID, Endpoint: 1, EventType: "a"}, RollupCounts: hook.RollupCounts{Success: 3}}
	if err := c.AddRollups(t.Context(), span, []hook.Rollup{sum}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(c.dir, rollupName)
	for name, damage := range map[string]func() error{
		"no database": func() error { return os.WriteFile(path, bytes.Repeat([]byte("nonsense"), 2000), 0o600) },
		"removed":     func() error { return os.Remove(path) },
		"cut":         func() error { return os.Truncate(path, 5000) },
	} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		c.open()
		if spans, err := c.CountedSpans(t.Context()); err != nil || len(spans) != 0 {
			t.Errorf("%s: counted %v, %v", name, spans, err)
		}
		if err := c.AddRollups(t.Context(), span, []hook.Rollup{sum}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		n := int64(0)
		q := store.RollupQuery{Environment: c.app.Environment, Period: hook.RollupMinute, Since: time.UnixMilli(0), Until: time.Now()}
		err := c.EachRollup(t.Context(), q, func(r *hook.Rollup) error {
			n += r.Success
			return nil
		})
		if err != nil || n != 3 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// TestFailuresAreReadFromTheIndexAlone asks SQLite how it would read them: a row of the table for
// each of a hundred thousand failures costs ten times as much.
func TestFailuresAreReadFromTheIndexAlone(t *testing.T) {
	c := newClockStore(t, Options{})
	for _, table := range []string{minuteTable, hourTable} {
		for _, query := range []string{failedRollupsSQL, nextFailedRollupSQL} {
			plan := ""
			err := c.rollups.read(t.Context(), func(conn *sqlite.Conn) error {
				stmt, err := conn.Prepare("EXPLAIN QUERY PLAN " + fmt.Sprintf(query, table))
				if err != nil {
					return err
				}
				return eachRow(stmt, func() (bool, error) {
					plan += stmt.ColumnText(3) + "\n"
					return true, nil
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(plan, "COVERING INDEX "+table+"_failed (environment=? AND application") || strings.Contains(plan, "TEMP") {
				t.Errorf("%s: %s", table, plan)
			}
		}
	}
}
