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
	seg.compacting.Store(true)
	defer seg.compacting.Store(false)
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
	lost, err := lostIn(c.conn, "old.feed", "NOT "+inCopySQL)
	if err == nil {
		err = s.noteLost(ctx, lost)
	}
	if err != nil {
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
		"PRAGMA secure_delete = ON", // what is expunged meanwhile leaves the copy, too
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
