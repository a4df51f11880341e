package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
)

// A compaction builds a smaller file beside a segment, for the same span of keys, with what
// is to be kept, and puts it in the segment's place.
//
// The copy is made in small steps while the writer goes on writing into the segment. The
// writer's connection notes the keys of the rows that it writes meanwhile (touched.go); each
// is looked up in the segment and brought into the copy, now and then during the copy, and
// after it in rounds that become short. The last round, and the change of names, run in the
// writer between two batches: some milliseconds.
//
// The new file has the next generation in its name. It is flushed before it gets that name,
// and the name is flushed before the writer writes into it, so that a power loss leaves one
// whole file or the other. If it leaves both, a start removes the lower generation: both
// hold everything that was acknowledged when the names changed.
type compaction struct {
	s    *Store
	seg  *segment
	j    *judge
	path string // of the new file while it is not ready
	// conn has the new file as main and the segment as old.
	conn *sqlite.Conn
	pace pace
	// whole says that only what is unfinished is kept, so that it is looked for, and not
	// what is finished looked through.
	whole bool
	low   hook.Key     // messages from here on may be fresh
	keys  []keyTableID // tables with keys that are still taken

	tables []copiedTable // whose changes are noted
	brings []bringSQL    // by table
	// schema is the segment's when its tables were listed.
	schema int64

	sinceSync, sinceDrain int // steps
}

// errBusySegment says that a segment changes faster than it can be copied.
var errBusySegment = errors.New("the segment is too busy to be compacted")

const (
	// maxRounds bounds the rounds before a compaction is put off.
	maxRounds = 20
	// stepRows is how many rows are copied in one step, stepMessages how many messages: those
	// may be large.
	stepRows, stepMessages = 1000, 64
	// syncSteps is after how many steps the copy is flushed. A flush of the writer's log may
	// have to wait for what else the file system has not written yet.
	syncSteps = 8
	// drainSteps is after how many steps of the copy it catches up with the writer.
	drainSteps = 8
)

// compact puts a smaller file in a segment's place. On errors, also errBusySegment, the
// segment is as it was.
func (s *Store) compact(ctx context.Context, seg *segment, j *judge, whole, urgent bool) (err error) {
	c := &compaction{s: s, seg: seg, j: j, whole: whole, pace: pace{factor: 1}}
	if urgent {
		c.pace.factor = 0.25
	}
	next := seg.generation.Load() + 1
	c.path = filepath.Join(seg.dir, segmentName(seg.segmentFile.first, next)+unreadySuffix)
	if err := removeUnready(c.path); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	if err := c.begin(); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	swapped := false
	defer func() {
		if swapped {
			return
		}
		// Nobody knows of the new file.
		stop := s.writer.doBetween(func(w *writer) error {
			if p := w.pens[seg.segmentFile]; p != nil {
				return p.stopRecording()
			}
			return nil
		})
		if c.conn != nil {
			_ = c.conn.Close()
		}
		if stop != nil && hook.KindOf(stop) != hook.Closed {
			err = errors.Join(err, stop)
		}
		err = errors.Join(err, removeUnready(c.path))
	}()
	s.step("begun")
	if err := c.copy(ctx); err != nil {
		return fmt.Errorf("compact %s: %w", filepath.Base(seg.path()), err)
	}
	s.step("copied")
	for round := 0; ; round++ {
		emptied, err := c.catchUp(ctx, maxDrains)
		if err == nil && !emptied {
			err = errBusySegment
		}
		if err == nil {
			err = c.flush()
		}
		if err == nil {
			s.step("flushed")
			old, path := (*pen)(nil), seg.path()
			old, err = c.swap(next)
			if err == nil {
				swapped = true
				return c.retire(old, path)
			}
			if errors.Is(err, errHeavyDelta) {
				err = nil // much came in between: once more
			}
		}
		if err == nil && round == maxRounds {
			err = errBusySegment
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("compact %s: %w", filepath.Base(seg.path()), err)
		}
	}
}

// begin has changes noted, from before the first row is copied, and asks the writer what must be kept.
func (c *compaction) begin() error {
	return c.s.writer.doBetween(func(w *writer) error {
		if c.seg.segmentFile == w.newest.segmentFile || c.seg.isDropped() {
			return errDropped
		}
		p, err := w.openPen(c.seg)
		if err != nil {
			return err
		}
		c.low, c.keys = w.lowWater(), w.livingKeys(c.seg.segmentFile)
		c.tables = slices.Clone(copiedTables)
		for _, id := range c.keys {
			c.tables = append(c.tables, copiedTable{name: id.String(), key: []string{"hash"}})
		}
		if c.schema, _, err = queryInt(p.conn, schemaVersionSQL); err != nil {
			return err
		}
		return p.record(c.tables)
	})
}

// schemaVersionSQL is a number that changes with a file's tables.
const schemaVersionSQL = "PRAGMA main.schema_version"

// open makes the new file with the schema of a segment, and attaches the old one. Until it
// takes the other's place, a crash may leave it broken: it is neither logged nor flushed
// step by step.
func (c *compaction) open(ctx context.Context) (err error) {
	if c.conn, err = sqlite.OpenConn(c.path, sqlite.OpenReadWrite|sqlite.OpenCreate); err != nil {
		return err
	}
	c.conn.SetInterrupt(ctx.Done())
	c.conn.SetBusyTimeout(busyTimeout)
	for _, sql := range []string{
		"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA temp_store = MEMORY", "PRAGMA foreign_keys = OFF",
		fmt.Sprintf("PRAGMA cache_size = -%d", 2*defaultCacheKiB),
	} {
		if err := sqlitex.ExecuteTransient(c.conn, sql, nil); err != nil {
			return err
		}
	}
	migrations, err := fs.Sub(segmentMigrations, "migrations/segment")
	if err != nil {
		return err
	}
	if err := migrate(c.conn, migrations); err != nil {
		return err
	}
	c.seg.naming.RLock()
	defer c.seg.naming.RUnlock()
	return sqlitex.ExecuteTransient(c.conn, "ATTACH ?1 AS old", &sqlitex.ExecOptions{Args: []any{c.seg.path()}})
}

// copy fills the new file, in steps.
func (c *compaction) copy(ctx context.Context) error {
	if err := c.open(ctx); err != nil {
		return err
	}
	if err := c.checkTables(); err != nil {
		return err
	}
	if err := c.rule(); err != nil {
		return err
	}
	for _, id := range c.keys {
		if err := c.makeKeys(id); err != nil {
			return err
		}
	}
	if err := c.makeBrings(); err != nil {
		return err
	}
	copyRows := c.copyFinished
	if c.whole {
		copyRows = c.copyUnfinished
	}
	if err := copyRows(ctx); err != nil {
		return err
	}
	for _, sql := range []string{
		"INSERT OR REPLACE INTO main.announcement SELECT * FROM old.announcement",
		"INSERT OR REPLACE INTO main.meta SELECT * FROM old.meta",
	} {
		if err := sqlitex.ExecuteTransient(c.conn, sql, nil); err != nil {
			return err
		}
	}
	if err := c.copyWalk(ctx, "due", []string{"endpoint", "due_at", "message", "trigger"}, "SELECT d.* FROM old.due d", "TRUE"); err != nil { //nolint:unqueryvet // both files went through the same migrations
		return err
	}
	for _, id := range c.keys {
		if err := c.copyKeys(ctx, id); err != nil {
			return err
		}
	}
	sum, err := summarize(ctx, c.conn, c.pace)
	if err == nil {
		err = saveSummary(c.conn, sum)
	}
	if err == nil { // as every segment, so that whoever opens it first has nothing to change
		err = sqlitex.ExecuteTransient(c.conn, "PRAGMA journal_mode = WAL", nil)
	}
	return err
}

// checkTables refuses a segment with a table that would not be copied.
func (c *compaction) checkTables() error {
	return sqlitex.ExecuteTransient(c.conn, "SELECT name FROM old.sqlite_schema WHERE type = 'table'", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		name := stmt.ColumnText(0)
		if _, isKeys := parseKeyTable(name); isKeys || strings.HasPrefix(name, "sqlite_") ||
			slices.ContainsFunc(copiedTables, func(t copiedTable) bool { return t.name == name }) {
			return nil
		}
		return fmt.Errorf("table %s is not known", name)
	}})
}

// rule puts into tables of this connection what a judge says: live are messages that wait,
// bound the keys below which an environment's rows go.
func (c *compaction) rule() error {
	for _, sql := range []string{
		"CREATE TEMP TABLE live (message INTEGER PRIMARY KEY)",
		"CREATE TEMP TABLE bound (environment INTEGER PRIMARY KEY, key INTEGER)",
		"INSERT OR IGNORE INTO temp.live SELECT message FROM old.due",
		fmt.Sprintf("INSERT OR IGNORE INTO temp.live SELECT message FROM old.delivery WHERE state = %d", hook.Held),
	} {
		if err := sqlitex.ExecuteTransient(c.conn, sql, nil); err != nil {
			return err
		}
	}
	err := sqlitex.Execute(c.conn, "INSERT OR IGNORE INTO temp.live SELECT key FROM old.message WHERE key >= ?1", &sqlitex.ExecOptions{Args: []any{int64(c.low)}})
	for env, key := range c.j.bounds {
		if err == nil {
			err = sqlitex.Execute(c.conn, "INSERT INTO temp.bound VALUES (?1, ?2)", &sqlitex.ExecOptions{Args: []any{int64(env), int64(key)}})
		}
	}
	return err
}

// expiredSQL is true for a message whose content has expired and is not kept for another reason.
func (c *compaction) expiredSQL() string {
	if !c.j.aged {
		return "FALSE"
	}
	return fmt.Sprintf("coalesce(m.expires_at <= %d, FALSE)", c.j.now.UnixMilli())
}

// inCopySQL is true for a row d whose message is in the copy.
const inCopySQL = "EXISTS (SELECT 1 FROM main.message k WHERE k.key = d.message)"

// messageSQL reads messages m without content that has expired.
func (c *compaction) messageSQL() (string, error) {
	names, err := c.columns("message")
	for i, name := range names {
		switch name {
		case "params", "raw", "payload", "inbound":
			names[i] = fmt.Sprintf("CASE WHEN %s THEN NULL ELSE m.%s END", c.expiredSQL(), name)
		default:
			names[i] = "m." + name
		}
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM old.message m", err
}

// attemptSQL reads attempts d without what a message's content takes with it.
func (c *compaction) attemptSQL() (string, error) {
	names, err := c.columns("attempt")
	expired := fmt.Sprintf("(SELECT %s FROM main.message m WHERE m.key = d.message)", c.expiredSQL())
	for i, name := range names {
		switch name {
		case "header", "body":
			names[i] = fmt.Sprintf("CASE WHEN %s THEN NULL ELSE d.%s END", expired, name)
		case "flags":
			names[i] = fmt.Sprintf("CASE WHEN %s THEN d.flags | %d ELSE d.flags END", expired, flagExpunged)
		default:
			names[i] = "d." + name
		}
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM old.attempt d", err
}

// copyFinished looks through everything and leaves out what goes.
func (c *compaction) copyFinished(ctx context.Context) error {
	// A row goes with its content, when it is as old as its environment keeps rows; in an
	// environment that is gone that is every row.
	kept := fmt.Sprintf(`(m.key IN (SELECT message FROM temp.live) OR m.key >= %d AND NOT
		(%s AND m.key < coalesce((SELECT b.key FROM temp.bound b WHERE b.environment = m.environment), %d)))`,
		int64(c.j.before), c.expiredSQL(), int64(hook.MaxKey))
	messages, err := c.messageSQL()
	if err != nil {
		return err
	}
	if err := c.copyWalk(ctx, "message", []string{"key"}, messages, kept); err != nil {
		return err
	}
	if err := c.copyWalk(ctx, "delivery", []string{"endpoint", "message"}, "SELECT d.* FROM old.delivery d", inCopySQL); err != nil { //nolint:unqueryvet // both files went through the same migrations
		return err
	}
	if err := c.copyWalk(ctx, "feed", []string{"endpoint", "position"}, "SELECT d.* FROM old.feed d", inCopySQL); err != nil { //nolint:unqueryvet // both files went through the same migrations
		return err
	}
	attempts, err := c.attemptSQL()
	if err != nil {
		return err
	}
	return c.copyWalk(ctx, "attempt", []string{"endpoint", "key"}, attempts, inCopySQL)
}

// copyUnfinished copies the messages that wait, one by one, with all that belongs to them.
func (c *compaction) copyUnfinished(ctx context.Context) error {
	for after, more := hook.Key(-1), true; more; {
		var ids []hook.MessageID
		err := sqlitex.Execute(c.conn, "SELECT message FROM temp.live WHERE message > ?1 ORDER BY message LIMIT ?2", &sqlitex.ExecOptions{
			Args:       []any{int64(after), stepMessages},
			ResultFunc: func(stmt *sqlite.Stmt) error { ids = append(ids, hook.MessageID(stmt.ColumnInt64(0))); return nil },
		})
		if err != nil {
			return err
		}
		if more = len(ids) == stepMessages; len(ids) > 0 {
			after = hook.Key(ids[len(ids)-1])
		}
		err = c.step(ctx, func() error {
			for _, id := range ids {
				if err := c.copyMessage(id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyMessage copies a message as it is, with deliveries and attempts.
func (c *compaction) copyMessage(id hook.MessageID) error {
	copyRow := func(sql string, args ...any) error {
		return sqlitex.Execute(c.conn, sql, &sqlitex.ExecOptions{Args: args})
	}
	if err := copyRow("INSERT OR REPLACE INTO main.message SELECT * FROM old.message WHERE key = ?1", int64(id)); err != nil { //nolint:unqueryvet // both files went through the same migrations
		return err
	}
	var endpoints []hook.EndpointID
	err := sqlitex.Execute(c.conn, "SELECT endpoints FROM main.message WHERE key = ?1", &sqlitex.ExecOptions{Args: []any{int64(id)}, ResultFunc: func(stmt *sqlite.Stmt) error {
		endpoints = decodeKeys[hook.EndpointID](columnBytes(stmt, 0))
		return nil
	}})
	if err != nil {
		return err
	}
	for _, ep := range endpoints {
		if err := copyRow("INSERT OR REPLACE INTO main.delivery SELECT * FROM old.delivery WHERE endpoint = ?1 AND message = ?2", int64(ep), int64(id)); err != nil { //nolint:unqueryvet // both files went through the same migrations
			return err
		}
	}
	return eachAttempt(c.conn, id, func(ep hook.EndpointID, a hook.AttemptID) error {
		return copyRow("INSERT OR REPLACE INTO main.attempt SELECT * FROM old.attempt WHERE endpoint = ?1 AND key = ?2", int64(ep), int64(a)) //nolint:unqueryvet // both files went through the same migrations
	})
}

// copyKeys copies the keys of a table that are still taken.
func (c *compaction) copyKeys(ctx context.Context, id keyTableID) error {
	living := fmt.Sprintf("d.expires_at > %d", c.j.now.UnixMilli())
	return c.copyWalk(ctx, id.String(), []string{"hash"}, fmt.Sprintf("SELECT d.* FROM old.%s d", id), living) //nolint:unqueryvet // both files went through the same migrations
}

func (c *compaction) makeKeys(id keyTableID) error {
	return sqlitex.ExecuteTransient(c.conn, fmt.Sprintf(createKeysSQL, "main."+id.String()), nil)
}

// columns returns the names of a table's columns, in order.
func (c *compaction) columns(table string) (names []string, err error) {
	err = sqlitex.Execute(c.conn, "SELECT name FROM pragma_table_info(?1, 'old') ORDER BY cid", &sqlitex.ExecOptions{Args: []any{table},
		ResultFunc: func(stmt *sqlite.Stmt) error { names = append(names, stmt.ColumnText(0)); return nil }})
	return names, err
}

// copyWalk copies the rows of a table that selectSQL gives under a condition, step by step
// along the table's primary key.
func (c *compaction) copyWalk(ctx context.Context, table string, key []string, selectSQL, condition string) error {
	columns := strings.Join(key, ", ")
	params := func(first int) string {
		list := make([]string, len(key))
		for i := range list {
			list[i] = fmt.Sprintf("?%d", first+i)
		}
		return strings.Join(list, ", ")
	}
	rows := stepRows
	if table == "message" {
		rows = stepMessages
	}
	after, upTo := fmt.Sprintf("(%s) > (%s)", columns, params(1)), fmt.Sprintf("(%s) <= (%s)", columns, params(1+len(key)))
	endSQL := func(where string) string {
		return fmt.Sprintf("SELECT %s FROM old.%s %s ORDER BY %s LIMIT 1 OFFSET %d", columns, table, where, columns, rows-1)
	}
	insertSQL := fmt.Sprintf("INSERT OR REPLACE INTO main.%s %s WHERE %s", table, selectSQL, condition)
	var from []any // the key after which the step begins; nil for the first
	for more := true; more; {
		err := c.step(ctx, func() error {
			where, sql := "", insertSQL
			if from != nil {
				where, sql = "WHERE "+after, insertSQL+" AND "+after
			}
			var end []any
			err := sqlitex.Execute(c.conn, endSQL(where), &sqlitex.ExecOptions{Args: from, ResultFunc: func(stmt *sqlite.Stmt) error {
				for i := range key {
					if stmt.ColumnType(i) == sqlite.TypeBlob {
						end = append(end, columnBytes(stmt, i))
					} else {
						end = append(end, stmt.ColumnInt64(i))
					}
				}
				return nil
			}})
			if err != nil {
				return err
			}
			args := slices.Clone(from)
			switch {
			case end != nil && from != nil:
				sql += " AND " + upTo
				args = append(args, end...)
			case end != nil:
				sql += " AND " + fmt.Sprintf("(%s) <= (%s)", columns, params(1))
				args = end
			}
			from, more = end, end != nil
			return sqlitex.Execute(c.conn, sql, &sqlitex.ExecOptions{Args: args})
		})
		if err != nil {
			return fmt.Errorf("copy %s: %w", table, err)
		}
	}
	return nil
}

// step runs one step of the copy, and catches up with the writer now and then, so that
// little waits in memory.
func (c *compaction) step(ctx context.Context, f func() error) error {
	if err := c.paced(ctx, f); err != nil {
		return err
	}
	if c.sinceDrain++; c.sinceDrain < drainSteps {
		return nil
	}
	c.sinceDrain = 0
	_, err := c.catchUp(ctx, walkDrains)
	return err
}

// paced runs f in a transaction on the copy and rests.
func (c *compaction) paced(ctx context.Context, f func() error) (err error) {
	begin := time.Now()
	if c.s.space.isSpent() {
		return errBusySegment // what is left of the disk is for outcomes
	}
	end := sqlitex.Transaction(c.conn)
	err = f()
	end(&err)
	if err != nil {
		return err
	}
	if c.sinceSync++; c.sinceSync >= syncSteps {
		c.sinceSync = 0
		if err := syncFile(c.path); err != nil {
			return err
		}
	}
	return c.pace.rest(ctx, time.Since(begin))
}

// flush brings the copy to the disk, so that the last flush, in the writer, is short.
func (c *compaction) flush() error {
	// Closing would copy the log without telling of an error.
	switch _, _, busy, err := walCheckpoint(c.conn, "TRUNCATE"); {
	case err != nil:
		return err
	case busy:
		return errors.New("the log of a segment's copy is in use")
	}
	return syncFile(c.path)
}

// errHeavyDelta says that more was written than the writer brings into a copy itself.
var errHeavyDelta = errors.New("much was written to a segment in between")

// swap brings what was written last and puts the copy in the segment's place. It is
// errHeavyDelta, and has done nothing, when there is too much of it. Before the copy has its name everything can
// be taken back; after that an error is one of the disk, which ends the store.
func (c *compaction) swap(generation int64) (old *pen, err error) {
	err = c.s.writer.doBetween(func(w *writer) error {
		p, err := c.recordingPen(w)
		if err != nil {
			return err
		}
		if schema, _, err := queryInt(p.conn, schemaVersionSQL); err != nil {
			return err
		} else if schema != c.schema {
			return errBusySegment // a table came that is not copied
		}
		delta, err := p.touched(maxDelta + 1)
		if err != nil {
			return err
		}
		if light, err := c.isLight(delta); err != nil {
			return plain(err)
		} else if !light {
			return errHeavyDelta
		}
		if err := c.apply(delta); err != nil {
			return plain(err)
		}
		c.s.step("applied")
		hasMessages, err := c.finish()
		if err != nil {
			return plain(err)
		}
		c.s.step("ready")
		if err := os.Rename(c.path, strings.TrimSuffix(c.path, unreadySuffix)); err != nil {
			return plain(err)
		}
		// From here on a power loss may leave either file.
		c.s.step("renamed")
		if err := syncDir(c.seg.dir); err != nil {
			return err
		}
		w.forgetKeys(c.seg.segmentFile, c.keys)
		old = w.leave(c.seg.segmentFile, generation)
		c.seg.barren.Store(!hasMessages)
		return nil
	})
	return old, err
}

// apply brings rows into the copy, all or none.
func (c *compaction) apply(keys []touchedKey) (err error) {
	end := sqlitex.Transaction(c.conn)
	defer end(&err)
	return c.bringAll(keys)
}

// finish closes the copy, whole and flushed.
func (c *compaction) finish() (hasMessages bool, err error) {
	c.conn.SetInterrupt(nil)
	if _, hasMessages, err = queryInt(c.conn, "SELECT 1 FROM main.message LIMIT 1"); err != nil {
		return false, err
	}
	if err = c.flush(); err != nil {
		return false, err
	}
	err = c.conn.Close()
	c.conn = nil
	if err != nil {
		return false, err
	}
	// Only the file itself gets the segment's name, so nothing may be left beside it.
	if sizeOf(c.path+"-wal") > 0 {
		return false, errors.New("the copy of a segment has a log that was not copied into it")
	}
	return hasMessages, nil
}

// plain is an error that leaves the store as it was: not one that ends it.
func plain(err error) error { return errors.New(err.Error()) }

// retire removes the segment's former file. Readers that have it open end with it.
func (c *compaction) retire(old *pen, path string) error {
	c.s.readers.forget(c.seg.segmentFile)
	c.s.step("swapped")
	if err := c.s.removeDatabase(path); err != nil {
		return fmt.Errorf("remove a compacted segment: %w", err)
	}
	return old.close()
}

// removeUnready removes what an earlier compaction has left.
func removeUnready(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
