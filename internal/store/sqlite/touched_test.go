package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// exec runs a statement in a segment, through the writer.
func (c *clockStore) exec(seg *segment, sql string, args ...any) {
	c.t.Helper()
	err := c.change(c.t.Context(), seg, func(conn *sqlite.Conn) error {
		return sqlitex.Execute(conn, sql, &sqlitex.ExecOptions{Args: args})
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// count counts rows in a segment's file.
func (c *clockStore) count(seg *segment, sql string) (n int64) {
	c.t.Helper()
	err := c.read(c.t.Context(), seg, func(conn *sqlite.Conn) (err error) {
		n, _, err = queryInt(conn, sql)
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// compactWith compacts a segment and calls begun before the first row is copied, and copied
// when all are.
func (c *clockStore) compactWith(seg *segment, whole bool, begun, copied func()) error {
	c.t.Helper()
	c.atStep = func(step string) {
		switch {
		case step == "begun" && begun != nil:
			begun()
		case step == "copied" && copied != nil:
			copied()
		}
	}
	c.reclaiming.Lock()
	defer func() { c.reclaiming.Unlock(); c.atStep = nil }()
	return c.compact(c.t.Context(), seg, &judge{now: c.o.Now()}, whole, true)
}

// closedSegment publishes a message, delivers it, and begins another segment.
func (c *clockStore) closedSegment() (*segment, hook.MessageID) {
	c.t.Helper()
	id := c.publishContent(100, 90*day)
	c.deliverAll()
	c.advance(25 * time.Hour)
	c.publishContent(100, 90*day)
	c.deliverAll()
	return c.segmentOf(hook.Key(id)), id
}

// TestRowThatComesAndGoesDuringACompaction has the copy see rows that are gone at its end:
// a resend that is made and an announcement that is told must not come back.
func TestRowThatComesAndGoesDuringACompaction(t *testing.T) {
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprint("whole=", whole), func(t *testing.T) {
			c := newClockStore(t, Options{})
			seg, id := c.closedSegment()
			err := c.compactWith(seg, whole, func() {
				c.resend(id)
				c.exec(seg, "INSERT INTO announcement (key, environment, body) VALUES (77, 1, x'7b7d')")
			}, func() {
				if n := c.deliverAll(); n != 1 {
					t.Errorf("resent %d", n)
				}
				c.exec(seg, "DELETE FROM announcement WHERE key = 77")
			})
			if err != nil {
				t.Fatal(err)
			}
			c.restart()
			if due := c.dueMessages(); len(due) != 0 {
				t.Errorf("a resend that was made is due again: %v", due)
			}
			seg = c.segmentOf(hook.Key(id))
			if n := c.count(seg, "SELECT (SELECT count(*) FROM due) + (SELECT count(*) FROM announcement)"); n != 0 {
				t.Errorf("%d rows came back", n)
			}
			list, err := c.Attempts(t.Context(), store.AttemptQuery{Application: c.app.ID, Message: id, WithContent: true, Window: store.Window{Limit: 5}})
			if err != nil || len(list.Rows) != 2 {
				t.Errorf("attempts: %+v, %v; want both", list, err)
			}
			if found, content := c.has(id); !found || !content {
				t.Errorf("message: found %v, content %v", found, content)
			}
		})
	}
}

// TestRowThatGoesAndComesAgainDuringACompaction has the copy pass rows while they are away.
func TestRowThatGoesAndComesAgainDuringACompaction(t *testing.T) {
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprint("whole=", whole), func(t *testing.T) {
			c := newClockStore(t, Options{})
			seg, id := c.closedSegment()
			c.resend(id)
			const row = "INSERT INTO due (endpoint, due_at, message, trigger, application) VALUES (?1, ?2, ?3, ?4, ?5)"
			d := c.dueOf(id)
			c.exec(seg, "INSERT INTO announcement (key, environment, body) VALUES (77, 1, x'7b7d')")
			err := c.compactWith(seg, whole, func() {
				c.exec(seg, "DELETE FROM due")
				c.exec(seg, "DELETE FROM announcement")
			}, func() {
				c.exec(seg, row, int64(d.Delivery.Endpoint), d.Row.DueAt, int64(id), int64(d.Row.Trigger), int64(c.app.ID))
				c.exec(seg, "INSERT INTO announcement (key, environment, body) VALUES (77, 1, x'7b7d')")
			})
			if err != nil {
				t.Fatal(err)
			}
			seg = c.segmentOf(hook.Key(id))
			if due, told := c.count(seg, "SELECT count(*) FROM due"), c.count(seg, "SELECT count(*) FROM announcement"); due != 1 || told != 1 {
				t.Errorf("%d due rows and %d announcements, want one each", due, told)
			}
			if found, content := c.has(id); !found || !content {
				t.Errorf("message: found %v, content %v", found, content)
			}
		})
	}
}

// fillRows puts n messages with deliveries and due rows into a segment, in several commits.
func (c *clockStore) fillRows(seg *segment, n int) {
	c.t.Helper()
	const part = 10_000
	for from := 0; from < n; from += part {
		with := fmt.Sprintf("WITH RECURSIVE i(x) AS (VALUES (%d) UNION ALL SELECT x + 1 FROM i WHERE x < %d) ", int64(seg.first)+1+int64(from), int64(seg.first)+int64(from+part))
		for _, sql := range []string{
			"INSERT OR IGNORE INTO message (key, application, environment, event_type, payload) SELECT x, 1, 1, 'a.b', x'7b7d' FROM i",
			"INSERT OR IGNORE INTO delivery (endpoint, message, state, step, reason, crashes, due_at) SELECT 99, x, 1, 0, 0, 0, 5 FROM i",
			"INSERT OR IGNORE INTO due (endpoint, due_at, message, trigger, application) SELECT 99, 5, x, 0, 1 FROM i",
		} {
			c.exec(seg, with+sql)
		}
	}
}

// TestCompactionDoesNotHoldTheWriter has 100,000 rows tried while they are copied: no commit
// waits for what was noted of them, and the copy has every outcome.
func TestCompactionDoesNotHoldTheWriter(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 400,000 rows")
	}
	// A record of it all in one piece held the writer for seconds, each time. A disk that others
	// use may do so once.
	var waited []time.Duration
	for range 3 {
		worst := heldByACompaction(t)
		if waited = append(waited, worst); worst <= time.Second {
			t.Logf("a commit waited up to %v", worst)
			return
		}
	}
	t.Errorf("a commit waited up to %v", waited)
}

// heldByACompaction returns how long a commit waited at most while 100,000 rows were tried that
// were being copied.
func heldByACompaction(t *testing.T) time.Duration {
	t.Helper()
	c := newClockStore(t, Options{})
	seg, _ := c.closedSegment()
	const n, part = 100_000, 2000
	c.fillRows(seg, n)
	var worst atomic.Int64
	var wg sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer func() { stop(); wg.Wait() }()
	err := c.compactWith(seg, false, nil, func() {
		low := int64(seg.first) + 1
		for from := low; from < low+n; from += part {
			for _, sql := range []string{
				`INSERT INTO attempt (endpoint, key, message, n, flags, outcome, reason, status, started_at, took, body)
					SELECT 99, message, message, 1, 0, 2, 0, 500, 1, 1, zeroblob(2000) FROM delivery WHERE endpoint = 99 AND message >= ?1 AND message < ?2`,
				"UPDATE delivery SET step = 1 WHERE endpoint = 99 AND message >= ?1 AND message < ?2",
				"UPDATE due SET application = 2 WHERE endpoint = 99 AND due_at = 5 AND message >= ?1 AND message < ?2",
			} {
				c.exec(seg, sql, from, from+part)
			}
		}
		pages := int64(0)
		if err := c.writer.doBetween(func(w *writer) (err error) {
			pages, _, err = queryInt(w.pens[seg.segmentFile].conn, "PRAGMA temp.page_count")
			return err
		}); err != nil {
			t.Error(err)
		}
		t.Logf("the keys take %d pages", pages)
		if pages < 100 || pages > maxTouchedPages {
			t.Errorf("the keys take %d pages", pages)
		}
		wg.Go(func() {
			for ctx.Err() == nil {
				begin := time.Now()
				if err := c.writer.do(ctx, false, func(*writer) error { return nil }); err != nil {
					return
				}
				worst.Store(max(worst.Load(), int64(time.Since(begin))))
				time.Sleep(time.Millisecond) // and what is looked at has the processor
			}
		})
	})
	stop()
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	seg = c.segmentOf(seg.first + 1)
	for _, sql := range []string{
		"SELECT count(*) FROM attempt WHERE endpoint = 99 AND length(body) = 2000",
		"SELECT count(*) FROM delivery WHERE endpoint = 99 AND step = 1",
		"SELECT count(*) FROM due WHERE application = 2",
	} {
		if got := c.count(seg, sql); got != n {
			t.Errorf("%s: %d, want %d", sql, got, n)
		}
	}
	return time.Duration(worst.Load())
}

// TestTooManyChangesPutACompactionOff: what is noted has a bound; beyond it the memory is
// given back at once and the segment stays as it was.
func TestTooManyChangesPutACompactionOff(t *testing.T) {
	c := newClockStore(t, Options{})
	seg, id := c.closedSegment()
	c.fillRows(seg, 10_000)
	inWriter := func(f func(p *pen) error) {
		t.Helper()
		if err := c.writer.doBetween(func(w *writer) error { return f(w.pens[seg.segmentFile]) }); err != nil {
			t.Fatal(err)
		}
	}
	waiting := func() (n int64) {
		inWriter(func(p *pen) (err error) {
			n, _, err = queryInt(p.conn, "SELECT count(*) FROM temp.touched")
			return err
		})
		return n
	}
	generation := seg.generation.Load()
	err := c.compactWith(seg, false, nil, func() {
		before := waiting()
		refused := c.change(t.Context(), seg, func(conn *sqlite.Conn) error {
			if err := sqlitex.Execute(conn, "DELETE FROM delivery", nil); err != nil {
				return err
			}
			return hook.Errorf(hook.Conflict, "refused")
		})
		if hook.KindOf(refused) != hook.Conflict {
			t.Fatal(refused)
		}
		if n := waiting(); n > before+5 { // the marks of a commit
			t.Errorf("%d keys of a change that was taken back", n-before)
		}
		c.exec(seg, "UPDATE delivery SET step = 3 WHERE endpoint = 99")
		if n := waiting(); n < 10_000 {
			t.Errorf("%d keys were noted", n)
		}
		inWriter(func(p *pen) error { return p.boundTouched(8) })
	})
	if !errors.Is(err, errBusySegment) {
		t.Fatalf("compact: %v, want it put off", err)
	}
	inWriter(func(p *pen) error {
		n, _, err := queryInt(p.conn, "SELECT count(*) FROM temp.sqlite_schema")
		if p.recording || n != 0 {
			t.Errorf("recording %v, %d temporary tables and triggers", p.recording, n)
		}
		return err
	})
	if seg.generation.Load() != generation {
		t.Error("the segment has another file")
	}
	if err := c.compactWith(seg, false, nil, nil); err != nil {
		t.Fatalf("the next time: %v", err)
	}
	if n := c.count(seg, "SELECT count(*) FROM delivery WHERE step = 3"); n != 10_000 {
		t.Errorf("%d changes are there", n)
	}
	if found, content := c.has(id); !found || !content {
		t.Errorf("message: found %v, content %v", found, content)
	}
}
