package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testSource makes a source in env.
func testSource(t testing.TB, c *catalog, env hook.EnvironmentID, name string) *hook.Source {
	t.Helper()
	s := &hook.Source{
		ID: hook.SourceID(c.NewKey()), Environment: env, Name: name, Type: "x",
		Config: hook.SourceConfig{Secrets: []string{"secret of " + name}},
	}
	s.Tokens = []hook.SourceToken{{Text: c.codec.NewSourceToken(s.ID)}}
	if err := c.CreateSource(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealedColumnsOfSourcesAreBoundToTheirRow(t *testing.T) {
	c := openCatalogOnly(t, t.TempDir(), catalogOptions{})
	env, _ := testCatalogData(t, c, 0)
	for _, change := range []string{
		"config = (SELECT config FROM source WHERE key = ?1)", // to another row
		"tokens = (SELECT tokens FROM source WHERE key = ?1)",
		"config = tokens", // to another column
	} {
		a, b := testSource(t, c, env.ID, "a"), testSource(t, c, env.ID, "b")
		err := c.change(t.Context(), func(tx *catalogTx) error { return tx.exec("UPDATE source SET "+change+" WHERE key = ?2", a.ID, b.ID) })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.SourceOf(t.Context(), a.ID); err != nil {
			t.Errorf("%s: the row that was copied: %v", change, err)
		}
		if _, err := c.SourceOf(t.Context(), b.ID); err == nil || hook.KindOf(err) != hook.Internal {
			t.Errorf("%s: what was moved opens there: %v", change, err)
		}
	}
}

func TestVisitsAndTasksAreRemovedInTime(t *testing.T) {
	now := time.Date(2026, 11, 20, 0, 30, 0, 0, time.UTC)
	c := openCatalogOnly(t, t.TempDir(), catalogOptions{now: func() time.Time { return now }})
	env, _ := testCatalogData(t, c, 0)
	old, busy := testSource(t, c, env.ID, "old"), testSource(t, c, env.ID, "busy")
	const days = 100
	for range days {
		counts := []hook.SourceCount{{Source: busy.ID, Hour: now, Verdict: hook.Rejected, Reason: "r", N: 1}}
		for range 3 {
			counts = append(counts, hook.SourceCount{Source: old.ID, Hour: now.Add(time.Duration(len(counts)) * time.Hour), N: 1})
		}
		rejections := []*hook.Rejection{{Source: busy.ID}, {Source: old.ID}}
		if err := c.SaveVisits(t.Context(), counts, rejections); err != nil {
			t.Fatal(err)
		}
		// An application each, because one has only so many that have not ended.
		running := &hook.Task{Environment: env.ID, Application: hook.ApplicationID(c.NewKey()), Type: "x", Status: hook.TaskRunning}
		ended := &hook.Task{Environment: env.ID, Type: "x", Status: hook.TaskRunning}
		for _, task := range []*hook.Task{running, ended} {
			if err := c.CreateTask(t.Context(), task, nil); err != nil {
				t.Fatal(err)
			}
		}
		ended.Status = hook.TaskFinished
		if err := c.SaveTask(t.Context(), ended); err != nil {
			t.Fatal(err)
		}
		now = now.Add(24 * time.Hour)
	}
	since := now.Add(-24*time.Hour - visitLife)
	for _, id := range []hook.SourceID{old.ID, busy.ID} {
		counts, err := c.SourceCounts(t.Context(), id, time.UnixMilli(0), now)
		if err != nil {
			t.Fatal(err)
		}
		rejections, err := c.Rejections(t.Context(), id, store.Page[hook.RejectionID]{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if first := counts[0].Hour; first.Before(since.Add(-2*time.Hour)) || first.After(since.Add(24*time.Hour)) {
			t.Errorf("the oldest count is of %v, what is older than %v goes", first, since)
		}
		if first := rejections.Rows[0].At; first.Before(since) || first.After(since.Add(24*time.Hour)) {
			t.Errorf("the oldest rejection is of %v, what is older than %v goes", first, since)
		}
	}
	for status, want := range map[hook.TaskStatus]int{hook.TaskRunning: days, hook.TaskFinished: 91} {
		page, err := c.ListTasks(t.Context(), env.ID, store.TaskFilter{Statuses: []hook.TaskStatus{status}}, store.Page[hook.TaskID]{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Rows) != want {
			t.Errorf("%d tasks are %s, want %d", len(page.Rows), status, want)
		}
	}
}

// TestSourcesInMemoryAreBounded asks for more sources than memory may hold.
func TestSourcesInMemoryAreBounded(t *testing.T) {
	c := openCatalogOnly(t, t.TempDir(), catalogOptions{sourceBytes: 10_000})
	env, _ := testCatalogData(t, c, 0)
	var list []*hook.Source
	for i := range 40 {
		list = append(list, testSource(t, c, env.ID, fmt.Sprint("source ", i)))
	}
	for range 2 {
		for _, want := range list {
			got, err := c.SourceOf(t.Context(), want.ID)
			if err != nil || got.Name != want.Name {
				t.Fatalf("source %q: %+v, %v", want.Name, got, err)
			}
			again, err := c.SourceOf(t.Context(), want.ID)
			if err != nil || again != got {
				t.Fatalf("asked again at once: %p, then %p, %v", got, again, err)
			}
		}
	}
	sum := 0
	for _, s := range c.received.entries {
		sum += sourceBytes(s)
	}
	if sum != c.received.bytes || sum > 10_000 || sum < 5_000 {
		t.Errorf("%d sources of %d bytes, counted as %d; at most 10,000 are allowed", len(c.received.entries), sum, c.received.bytes)
	}
	if err := c.DeleteEnvironment(t.Context(), env.ID); err != nil {
		t.Fatal(err)
	}
	if len(c.received.entries) != 0 || c.received.bytes != 0 {
		t.Errorf("%d sources of a removed environment are left", len(c.received.entries))
	}
	for _, table := range []string{"source", "application"} {
		if n, _, err := queryInt(c.versions, "SELECT count(*) FROM "+table); n != 0 || err != nil {
			t.Errorf("%d rows of table %s are left, %v", n, table, err)
		}
	}
}

func BenchmarkSourceOf(b *testing.B) {
	c := openCatalogOnly(b, b.TempDir(), catalogOptions{})
	env, _ := testCatalogData(b, c, 0)
	s := testSource(b, c, env.ID, "s")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.SourceOf(b.Context(), s.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}
