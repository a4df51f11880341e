package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

// While a segment is compacted, triggers on its writing connection note the primary key of
// each row that is written, in a table in memory that goes with a rollback like the rows
// themselves. Nothing is noted about what happened to a row: it is looked up in the segment
// when its turn comes, and made so in the copy, or removed there. So it does not matter
// whether the copy saw the row before, between or after its changes, nor how often it came
// and went; and what the writer does for it is small, whatever is in the rows.
//
// SQLite's sessions look like the tool for this and are not: their record of a row that was
// inserted and deleted again is empty, and a copy that saw it in between would keep it.

// copiedTable is a table that a compaction copies.
type copiedTable struct {
	name string
	key  []string // columns of its primary key
	// begins says that a new row may begin a message anew that is finished, so that it is
	// kept now. The table has a column "message".
	begins bool
	// weightSQL is how many bytes of content the row d has; "" for few.
	weightSQL string
}

// copiedTables are the tables that a compaction knows how to copy, beside those of keys. A
// table that is not among them would be lost, so it refuses a segment that has one.
var copiedTables = []copiedTable{
	{name: "message", key: []string{"key"}, weightSQL: "coalesce(length(d.params), 0) + coalesce(length(d.raw), 0) + coalesce(length(d.payload), 0) + coalesce(length(d.inbound), 0)"},
	{name: "delivery", key: []string{"endpoint", "message"}, begins: true},
	{name: "attempt", key: []string{"endpoint", "key"}, begins: true, weightSQL: "coalesce(length(d.header), 0) + coalesce(length(d.body), 0) + coalesce(length(d.notes), 0)"},
	{name: "due", key: []string{"endpoint", "due_at", "message", "trigger"}, begins: true},
	{name: "feed", key: []string{"endpoint", "position"}, begins: true, weightSQL: "coalesce(length(d.headers), 0) + coalesce(length(d.payload), 0)"},
	{name: "latest", key: []string{"endpoint", "key"}},
	{name: "announcement", key: []string{"key"}, weightSQL: "length(d.body)"},
	{name: "meta", key: []string{"name"}},
}

const (
	// drainKeys is how many keys the writer hands out at once: below a millisecond or two.
	drainKeys = 500
	// maxDelta is how many rows the writer brings into the copy itself, maxDeltaBytes how
	// much content they may have.
	maxDelta, maxDeltaBytes = 256, 1 << 20
	// maxTouchedPages bounds the memory of the keys that wait, in pages of 4 KiB: 64 MiB,
	// which is more than a million keys.
	maxTouchedPages = 16 << 10
	// maxDrains bounds how often keys are taken after the copy before it is put off.
	maxDrains = 10_000
	// walkDrains is how often keys are taken at once between two steps of the copy.
	walkDrains = 4

	// touchedSQL makes the table of keys. part is 0 for a message that may have begun
	// anew, else one more than the position of a table; b to d are 0 where a key is shorter.
	touchedSQL = `CREATE TEMP TABLE touched (part INTEGER NOT NULL, a NOT NULL, b NOT NULL, c NOT NULL, d NOT NULL,
		PRIMARY KEY (part, a, b, c, d)) WITHOUT ROWID`
	takeTouchedSQL   = `SELECT part, a, b, c, d FROM temp.touched ORDER BY part, a, b, c, d LIMIT ?1`
	forgetTouchedSQL = `DELETE FROM temp.touched WHERE (part, a, b, c, d) <= (?1, ?2, ?3, ?4, ?5)`
)

// touchedKey is the key of a row that was written: the columns of the table touched.
type touchedKey struct {
	part int
	key  [4]any // int64, string or []byte
}

// record begins to note what is written into the tables.
func (p *pen) record(tables []copiedTable) error {
	if p.recording {
		return errors.New("a segment is compacted twice at a time")
	}
	list := []string{touchedSQL}
	for i, t := range tables {
		note := func(row string) string {
			columns := make([]string, 4)
			for j := range columns {
				if columns[j] = "0"; j < len(t.key) {
					columns[j] = row + "." + t.key[j]
				}
			}
			// A clause of its own, because OR IGNORE would be overruled by the statement
			// that fires the trigger.
			return fmt.Sprintf("INSERT INTO touched VALUES (%d, %s) ON CONFLICT DO NOTHING;", i+1, strings.Join(columns, ", "))
		}
		insert := note("NEW")
		if t.begins {
			insert += " INSERT INTO touched VALUES (0, NEW.message, 0, 0, 0) ON CONFLICT DO NOTHING;"
		}
		// No statement of this room changes a primary key.
		for event, body := range map[string]string{"INSERT": insert, "UPDATE": note("OLD"), "DELETE": note("OLD")} {
			list = append(list, fmt.Sprintf("CREATE TEMP TRIGGER touched_%s_%s AFTER %s ON main.%s BEGIN %s END", t.name, event, event, t.name, body))
		}
	}
	p.recording = true
	for _, sql := range list {
		if err := sqlitex.ExecuteTransient(p.conn, sql, nil); err != nil {
			return errors.Join(fmt.Errorf("note changes: %w", err), p.stopRecording())
		}
	}
	return nil
}

// stopRecording ends it and gives the memory back. No transaction is under way.
func (p *pen) stopRecording() error {
	if !p.recording {
		return nil
	}
	p.recording = false
	// A change of where they are kept removes a connection's temporary tables and triggers
	// (sqlite.org/pragma.html#pragma_temp_store).
	for _, sql := range []string{"PRAGMA temp_store = FILE", "PRAGMA temp_store = MEMORY"} {
		if err := sqlitex.ExecuteTransient(p.conn, sql, nil); err != nil {
			return fmt.Errorf("end noting changes: %w", err)
		}
	}
	return nil
}

// boundTouched ends the noting of changes when they take too much memory; a compaction
// finds that out and is put off.
func (p *pen) boundTouched(maxPages int64) error {
	if !p.recording {
		return nil
	}
	pages := int64(0)
	err := sqlitex.Execute(p.conn, "PRAGMA temp.page_count", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		pages = stmt.ColumnInt64(0)
		return nil
	}})
	if err == nil && pages <= maxPages {
		return nil
	}
	return errors.Join(err, p.stopRecording())
}

// touched returns up to limit keys. They stay.
func (p *pen) touched(limit int) (keys []touchedKey, err error) {
	err = sqlitex.Execute(p.conn, takeTouchedSQL, &sqlitex.ExecOptions{Args: []any{limit}, ResultFunc: func(stmt *sqlite.Stmt) error {
		k := touchedKey{part: stmt.ColumnInt(0)}
		for i := range k.key {
			switch stmt.ColumnType(1 + i) {
			case sqlite.TypeText:
				k.key[i] = stmt.ColumnText(1 + i)
			case sqlite.TypeBlob:
				k.key[i] = columnBytes(stmt, 1+i)
			default:
				k.key[i] = stmt.ColumnInt64(1 + i)
			}
		}
		keys = append(keys, k)
		return nil
	}})
	return keys, err
}

// takeTouched returns up to limit keys and forgets them.
func (p *pen) takeTouched(limit int) ([]touchedKey, error) {
	keys, err := p.touched(limit)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	last := keys[len(keys)-1]
	return keys, sqlitex.Execute(p.conn, forgetTouchedSQL, &sqlitex.ExecOptions{Args: append([]any{last.part}, last.key[:]...)})
}

// recordingPen returns the segment's pen, or errBusySegment when it notes nothing any more:
// there was too much of it, or the pen was lost after an error.
func (c *compaction) recordingPen(w *writer) (*pen, error) {
	p := w.pens[c.seg.segmentFile]
	if p == nil || !p.recording {
		return nil, errBusySegment
	}
	return p, nil
}

// catchUp brings what was written into the copy, until nothing waits or after so many turns.
func (c *compaction) catchUp(ctx context.Context, turns int) (emptied bool, err error) {
	for range turns {
		var keys []touchedKey
		err := c.s.writer.doBetween(func(w *writer) error {
			p, err := c.recordingPen(w)
			if err == nil {
				keys, err = p.takeTouched(drainKeys)
			}
			return err
		})
		if err != nil {
			return false, err
		}
		for part := range slices.Chunk(keys, stepMessages) {
			if err := c.paced(ctx, func() error { return c.bringAll(part) }); err != nil {
				return false, fmt.Errorf("bring changes: %w", err)
			}
		}
		if len(keys) < drainKeys {
			return true, nil
		}
	}
	return false, nil
}

// bringSQL are the statements that make a row in the copy what it is in the segment.
type bringSQL struct{ insert, remove, weigh string }

// makeBrings prepares what bring needs.
func (c *compaction) makeBrings() error {
	for _, t := range c.tables {
		selectSQL, condition, alias := fmt.Sprintf("SELECT d.* FROM old.%s d", t.name), "TRUE", "d" //nolint:unqueryvet // both files went through the same migrations
		var err error
		switch t.name {
		case "message": // one that is left out stays so; that of part 0 brings it
			condition = "EXISTS (SELECT 1 FROM main.message k WHERE k.key = ?1)"
			if !c.whole {
				alias = "m"
				selectSQL, err = c.messageSQL()
			}
		case "attempt":
			condition = inCopySQL
			if !c.whole {
				selectSQL, err = c.attemptSQL()
			}
		case "delivery":
			condition = inCopySQL
		case "feed":
			condition = inCopySQL
			if !c.whole {
				selectSQL, err = c.feedSQL()
			}
		case "meta": // the copy has a summary of its own
			condition = fmt.Sprintf("d.name <> '%s'", metaSummary)
		}
		if err != nil {
			return err
		}
		where := func(alias string) string {
			terms := make([]string, len(t.key))
			for i, column := range t.key {
				terms[i] = fmt.Sprintf("%s.%s = ?%d", alias, column, 1+i)
			}
			return strings.Join(terms, " AND ")
		}
		b := bringSQL{
			insert: fmt.Sprintf("INSERT OR REPLACE INTO main.%s %s WHERE %s AND %s", t.name, selectSQL, where(alias), condition),
			remove: fmt.Sprintf("DELETE FROM main.%s AS k WHERE %s AND NOT EXISTS (SELECT 1 FROM old.%s d WHERE %s)", t.name, where("k"), t.name, where("d")),
		}
		if t.weightSQL != "" {
			b.weigh = fmt.Sprintf("SELECT %s FROM old.%s d WHERE %s", t.weightSQL, t.name, where("d"))
		}
		c.brings = append(c.brings, b)
	}
	return nil
}

// bringAll makes rows in the copy what they are in the segment now.
func (c *compaction) bringAll(keys []touchedKey) error {
	for _, k := range keys {
		if k.part == 0 {
			id := k.key[0].(int64) //nolint:forcetypeassert // a column of a STRICT table
			if found, err := c.hasMessage(id); err != nil {
				return err
			} else if !found {
				// It was left out, because it was finished, or its turn comes yet.
				if err := c.copyMessage(hook.MessageID(id)); err != nil {
					return err
				}
			}
			continue
		}
		b, args := &c.brings[k.part-1], k.key[:len(c.tables[k.part-1].key)]
		if err := sqlitex.Execute(c.conn, b.insert, &sqlitex.ExecOptions{Args: args}); err != nil {
			return err
		}
		if c.conn.Changes() > 0 {
			continue
		}
		if err := sqlitex.Execute(c.conn, b.remove, &sqlitex.ExecOptions{Args: args}); err != nil {
			return err
		}
	}
	return nil
}

func (c *compaction) hasMessage(id int64) (found bool, err error) {
	err = sqlitex.Execute(c.conn, "SELECT 1 FROM main.message WHERE key = ?1", &sqlitex.ExecOptions{Args: []any{id},
		ResultFunc: func(*sqlite.Stmt) error { found = true; return nil }})
	return found, err
}

// isLight reports whether the rows of keys are few and small enough for the writer. A whole
// message is not: it may have many attempts.
func (c *compaction) isLight(keys []touchedKey) (bool, error) {
	if len(keys) > maxDelta {
		return false, nil
	}
	bytes := int64(0)
	for _, k := range keys {
		if k.part == 0 {
			if found, err := c.hasMessage(k.key[0].(int64)); err != nil || !found { //nolint:forcetypeassert // a column of a STRICT table
				return false, err
			}
			continue
		}
		b := &c.brings[k.part-1]
		if b.weigh == "" {
			continue
		}
		err := sqlitex.Execute(c.conn, b.weigh, &sqlitex.ExecOptions{Args: k.key[:len(c.tables[k.part-1].key)],
			ResultFunc: func(stmt *sqlite.Stmt) error { bytes += stmt.ColumnInt64(0); return nil }})
		if err != nil {
			return false, err
		}
	}
	return bytes <= maxDeltaBytes, nil
}
