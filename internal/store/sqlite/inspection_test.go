package sqlite

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// report is Inspect, which must work.
func (c *clockStore) report() store.Report {
	c.t.Helper()
	r, err := c.Inspect(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// TestInspectFollowsSegments: files are told as they are, through roll, compaction and drop.
func TestInspectFollowsSegments(t *testing.T) {
	c := newClockStore(t, Options{SegmentSpan: time.Hour, MaxBytes: 1 << 30})
	if _, err := c.publish("", 0, 0); err != nil {
		t.Fatal(err)
	}
	c.advance(2 * time.Hour)
	got, err := c.publish("", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := c.report()
	if len(r.Segments) != 2 || r.Segments[0].State != store.SegmentOpen || r.Segments[1].State != store.SegmentClosed || !r.Segments[0].To.IsZero() || r.Segments[1].To.IsZero() {
		t.Fatalf("%+v", r.Segments)
	}
	for _, one := range r.Segments {
		info, err := os.Stat(filepath.Join(c.dir, one.Name))
		if err != nil || info.Size() != one.Bytes || one.Bytes == 0 {
			t.Errorf("%+v: %v", one, err)
		}
	}
	if r.MaxBytes != 1<<30 || r.LastReclaim != nil || len(r.Files) != 2 || r.Files[0].Bytes == 0 {
		t.Errorf("%+v", r)
	}
	compacting := false
	c.atStep = func(step string) {
		if step == "begun" {
			compacting = c.report().Segments[1].State == store.SegmentCompacting
		}
	}
	old := c.segmentsOldestFirst()[0]
	if err := c.compact(t.Context(), old, &judge{now: time.Now()}, false, true); err != nil {
		t.Fatal(err)
	}
	if r = c.report(); !compacting || r.Segments[1].State != store.SegmentClosed || r.Segments[1].Name == "" {
		t.Errorf("seen compacting: %v; after that %+v", compacting, r.Segments[1])
	}
	c.atStep = nil
	c.deliverAll()
	if _, err := c.Reclaim(t.Context(), store.ReclaimPolicy{Before: hook.Key(got.ID).Time().Add(-time.Minute)}); err != nil {
		t.Fatal(err)
	}
	// The event's own keys are still taken, so the file stays without messages.
	if r = c.report(); len(r.Segments) != 2 || r.Segments[1].State != store.SegmentEmpty || r.LastReclaim == nil || r.LastReclaim.Files != 1 || r.LastReclaim.Bytes <= 0 || !r.OldestMessage.Equal(hook.Key(got.ID).Time()) {
		t.Errorf("after a reclaim: %+v, %+v, oldest %v, want %v", r.Segments, r.LastReclaim, r.OldestMessage, hook.Key(got.ID).Time())
	}
}

// TestSlowOperationsAreNamed: what took long is told under the name of who asked for it.
func TestSlowOperationsAreNamed(t *testing.T) {
	c := newClockStore(t, Options{})
	if r := c.report(); r.SlowCount != uint64(len(r.Slow)) { // a busy machine may have made some slow
		t.Errorf("%d of %d", len(r.Slow), r.SlowCount)
	}
	before := c.report().SlowCount
	c.slowRead(t)
	r := c.report()
	found := false
	for _, one := range r.Slow {
		found = found || one.Kind == "read" && one.Operation == "slowRead" && one.Took >= slowAfter
	}
	if !found || r.SlowCount <= before {
		t.Errorf("%d before, %d after: %+v", before, r.SlowCount, r.Slow)
	}
	for range 2 * maxSlow {
		c.slow.observe(nil, "claim", time.Now().Add(-time.Second))
	}
	if r = c.report(); len(r.Slow) != maxSlow || r.SlowCount < 2*maxSlow || r.Slow[0].Kind == "" {
		t.Errorf("%d of %d", len(r.Slow), r.SlowCount)
	}
}

// slowRead reads for as long as is slow.
func (c *clockStore) slowRead(t *testing.T) {
	t.Helper()
	err := c.read(t.Context(), c.segmentsOldestFirst()[0], func(*sqlite.Conn) error {
		time.Sleep(slowAfter + 5*time.Millisecond)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMigrationTitle(t *testing.T) {
	for script, want := range map[string]string{
		"-- One sentence. Another.\nCREATE TABLE x (y);": "One sentence",
		"-- It goes on\n-- in a second line; more.\nX":   "It goes on in a second line; more",
		"CREATE TABLE x (y);":                            "",
	} {
		if got := migrationTitle(script); got != want {
			t.Errorf("%q: %q, want %q", script, got, want)
		}
	}
	for _, part := range schemas() {
		for _, m := range part.Migrations {
			if m.Title == "" {
				t.Errorf("%s %d has no title", part.Part, m.Number)
			}
		}
	}
}
