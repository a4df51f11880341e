package sqlite

import (
	"fmt"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const day = 24 * time.Hour

// wantKey publishes under a key and checks whether it is a replay of first, or a new message for 0.
func (c *clockStore) wantKey(when string, key byte, life time.Duration, first hook.MessageID) hook.MessageID {
	c.t.Helper()
	got, err := c.publish("", key, life)
	if err != nil {
		c.t.Fatalf("%s: %v", when, err)
	}
	if got.Replayed != (first != 0) || first != 0 && got.ID != first {
		c.t.Fatalf("%s: %+v, want a replay of %d", when, got, first)
	}
	id, found, err := c.Published(c.t.Context(), store.IdempotencyKey{Hash: [16]byte{key}, Life: life})
	if err != nil || !found || id != got.ID {
		c.t.Fatalf("%s: the key made %d, found %v, %v; want %d", when, id, found, err, got.ID)
	}
	return got.ID
}

func TestLongKeysLiveAsLongAsTheySay(t *testing.T) {
	for _, span := range []time.Duration{day, 1000 * day} {
		t.Run(fmt.Sprint("span=", span), func(t *testing.T) {
			c := newClockStore(t, Options{SegmentSpan: span})
			three := c.wantKey("first", 1, 3*day, 0)
			most := c.wantKey("first", 2, hook.MaxDedupeWindow, 0)
			beyond := c.wantKey("first", 3, 100*day, 0) // cut to what is promised
			for hours := 6; hours < 72; hours += 6 {
				c.advance(6 * time.Hour)
				if hours%24 == 6 {
					c.restart()
				}
				c.wantKey(fmt.Sprintf("hour %d", hours), 1, 3*day, three)
			}
			c.advance(6*time.Hour - time.Minute)
			c.wantKey("a minute before it ends", 1, 3*day, three)
			c.advance(2 * time.Minute)
			c.wantKey("a minute after it ended", 1, 3*day, 0)
			for at := 5; at < 35; at += 5 {
				c.advance(5 * day)
				if at%10 == 0 {
					c.restart()
				}
				c.wantKey(fmt.Sprintf("day %d", at), 2, hook.MaxDedupeWindow, most)
				c.wantKey(fmt.Sprintf("day %d", at), 3, 100*day, beyond)
			}
			c.advance(2 * day)
			c.wantKey("after 35 days", 2, hook.MaxDedupeWindow, 0)
			c.wantKey("after 35 days", 3, 100*day, 0)
		})
	}
}

// keyTableNames are the tables of keys of the newest segment.
func (c *clockStore) keyTableNames() (names []keyTableID) {
	c.t.Helper()
	err := c.writer.do(c.t.Context(), false, func(w *writer) error {
		return catalogQuery(w.pens[w.newest.segmentFile].conn, keyTablesSQL, func(stmt *sqlite.Stmt) error {
			id, ok := parseKeyTable(stmt.ColumnText(0))
			if !ok {
				c.t.Errorf("what is table %s?", stmt.ColumnText(0))
			}
			names = append(names, id)
			return nil
		})
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return names
}

func TestShortKeysNeverMeetDayTables(t *testing.T) {
	c := newClockStore(t, Options{})
	c.wantKey("short", 1, hook.EventIDLife, 0)
	if got := c.keyTableNames(); len(got) != 1 || got[0].span != hourKeys {
		t.Fatalf("a short key is in %v", got)
	}
	c = newClockStore(t, Options{})
	c.wantKey("long", 1, hook.EventIDLife+1, 0)
	if got := c.keyTableNames(); len(got) != 1 || got[0].span != dayKeys {
		t.Fatalf("a long key is in %v", got)
	}
}

func TestTablesOfDaysAreDropped(t *testing.T) {
	for life, most := range map[time.Duration]int{25 * time.Hour: 4, hook.MaxDedupeWindow: 37} {
		c := newClockStore(t, Options{SegmentSpan: 1000 * day})
		for range 120 {
			if _, err := c.publish("", 1, life); err != nil {
				t.Fatal(err)
			}
			c.advance(12 * time.Hour)
		}
		names := c.keyTableNames()
		err := c.writer.do(t.Context(), false, func(w *writer) error {
			if n := len(w.keys[dayKeys].tables); len(names) > most || len(names) != n {
				t.Errorf("life %v: %d tables of keys, %d known; want at most %d", life, len(names), n, most)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFiltersAreLearned waits until a start has read the tables of earlier days: then they
// are known exactly, and those whose keys are all free are known to be.
func TestFiltersAreLearned(t *testing.T) {
	c := newClockStore(t, Options{})
	var ids []hook.MessageID
	for i := range 10 {
		ids = append(ids, c.wantKey("first", byte(1+i), 10*day, 0))
		c.advance(day)
	}
	c.restart()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		unread := 0
		err := c.writer.do(t.Context(), false, func(w *writer) error {
			for _, table := range w.keys[dayKeys].tables {
				if table.filter == nil {
					unread++
				} else if want := (table.number + 1) * keySpanRules[dayKeys].millis; table.until.Load() > want+(10*day).Milliseconds() {
					t.Errorf("table %v is kept until %d", table, table.until.Load())
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if unread == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d tables are without a filter", unread)
		}
	}
	for i := range ids { // the first has just ended
		want := ids[i]
		if i == 0 {
			want = 0
		}
		c.wantKey("with filters", byte(1+i), 10*day, want)
	}
}

// TestKeysOfManySegmentsAreFoundWithoutFilters is the worst case: each new key is looked
// for in the segments of a month.
func TestKeysOfManySegmentsAreFoundWithoutFilters(t *testing.T) {
	c := newClockStore(t, Options{})
	var ids []hook.MessageID
	for i := range 34 {
		ids = append(ids, c.wantKey("first", byte(1+i), hook.MaxDedupeWindow, 0))
		c.advance(day)
	}
	blind := func() {
		err := c.writer.do(t.Context(), false, func(w *writer) error {
			for _, table := range w.keys[dayKeys].tables {
				table.filter = nil
			}
			if n := len(w.lookers.open); n > maxLookers {
				t.Errorf("%d connections look for keys", n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, id := range ids {
		blind()
		c.wantKey("without filters", byte(1+i), hook.MaxDedupeWindow, id)
	}
	blind()
	begin := time.Now()
	c.wantKey("a new key", 200, 2*day, 0)
	t.Logf("a new key took %v in %d segments", time.Since(begin), len(c.segmentsOldestFirst()))
}

// TestUndoneTableOfKeysIsMadeAgain fails the first commit that makes a table.
func TestUndoneTableOfKeysIsMadeAgain(t *testing.T) {
	for _, life := range []time.Duration{time.Hour, 3 * day} {
		c := newClockStore(t, Options{})
		goOn := c.pause()
		type answer struct {
			store.Appended
			err error
		}
		published := make(chan answer, 1)
		go func() { got, err := c.publish("", 1, life); published <- answer{got, err} }()
		c.waitQueued(1)
		failed := c.failOnce()
		c.waitQueued(2)
		goOn()
		<-failed
		first := <-published
		if first.err != nil || first.Replayed {
			t.Fatalf("tried again alone: %+v", first)
		}
		c.wantKey("after it", 1, life, first.ID)
		c.restart()
		c.wantKey("after a restart", 1, life, first.ID)
	}
}
