package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/store/storetest"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// TestStoreThatIsCompactedAllTheTime runs the suite with short segments, each of which is
// compacted over and over while it is used: nothing is lost, and nothing is there twice.
func TestStoreThatIsCompactedAllTheTime(t *testing.T) {
	if testing.Short() {
		t.Skip("makes thousands of files")
	}
	var compacted, busy atomic.Int64 // by the goroutines of all stores
	storetest.RunMessages(t, func(t testing.TB, dir string) store.Store {
		s, err := Open(context.Background(), dir, Options{Sealer: testSealer(), SegmentSpan: 20 * time.Millisecond, ReserveBytes: 1 << 16})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for s.life.Err() == nil {
				list := s.segmentsOldestFirst()
				for _, seg := range list[:len(list)-1] {
					s.reclaiming.Lock()
					err := s.compact(s.life, seg, &judge{now: time.Now()}, false, true)
					s.reclaiming.Unlock()
					switch {
					case err == nil:
						compacted.Add(1)
					case errors.Is(err, errBusySegment):
						busy.Add(1)
					case s.life.Err() != nil:
						return
					default:
						t.Error(err)
						return
					}
				}
				select {
				case <-time.After(2 * time.Millisecond):
				case <-s.life.Done():
				}
			}
		}()
		t.Cleanup(func() { s.Close(); <-done })
		return stillStore{s}
	})
	t.Logf("%d compactions, %d put off", compacted.Load(), busy.Load())
	if n := compacted.Load(); n < 10 {
		t.Errorf("only %d compactions: the suite was not disturbed", n)
	}
}

// stillStore lets the suite copy the files while no file changes its name, and no log is
// emptied into its file: between the copies of the two, that would lose what is in neither.
type stillStore struct{ *Store }

// Still implements storetest.Still.
func (s stillStore) Still(f func()) {
	s.reclaiming.Lock()
	defer s.reclaiming.Unlock()
	s.space.copying.Lock()
	defer s.space.copying.Unlock()
	f()
}

// deliverAll records a success of everything that is due at the endpoint.
func (c *clockStore) deliverAll() int {
	c.t.Helper()
	n := 0
	for {
		plan, err := c.PlanOf(c.t.Context(), c.app.ID)
		if err != nil {
			c.t.Fatal(err)
		}
		due, _, err := c.Claim(c.t.Context(), c.app.ID, plan.Endpoints[0].ID, c.o.Now().Add(time.Hour), 500, nil)
		if err != nil {
			c.t.Fatal(err)
		}
		if len(due) == 0 {
			return n
		}
		for _, d := range due {
			c.succeed(d)
			n++
		}
	}
}

func (c *clockStore) succeed(d store.Due) {
	c.t.Helper()
	a := &hook.Attempt{Message: d.Delivery.Message, Application: d.Delivery.Application, Endpoint: d.Delivery.Endpoint, N: d.Delivery.Attempts + 1,
		StartedAt: c.o.Now(), Outcome: hook.Success, Status: 200, Body: []byte("thanks for everything")}
	done := make(chan error, 1)
	c.Finish(&store.Finished{Delivery: d.Delivery.After(a, nil, c.o.Now(), 0), Row: d.Row, Attempt: a, Urgent: true, Done: func(err error) { done <- err }})
	if err := <-done; err != nil {
		c.t.Fatal(err)
	}
}

// publishContent publishes a message with a payload of n bytes whose content expires after life.
func (c *clockStore) publishContent(n int, life time.Duration) hook.MessageID {
	c.t.Helper()
	plan, err := c.PlanOf(c.t.Context(), c.app.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	m := &hook.Message{Environment: c.app.Environment, Application: c.app.ID, EventType: "a.b", ContentExpiresAt: c.o.Now().Add(life),
		Payload: []byte(fmt.Sprintf(`{"text":"%s"}`, strings.Repeat("x", n)))}
	got, err := c.Append(c.t.Context(), &store.Publication{Message: m, Deliveries: []hook.Delivery{{Endpoint: plan.Endpoints[0].ID}}, PlanVersion: plan.Version})
	if err != nil {
		c.t.Fatal(err)
	}
	return got.ID
}

func (c *clockStore) has(id hook.MessageID) (found, content bool) {
	c.t.Helper()
	m, err := c.Message(c.t.Context(), c.app.ID, id)
	if err != nil {
		if hook.KindOf(err) != hook.NotFound {
			c.t.Fatal(err)
		}
		return false, false
	}
	return true, m.Payload != nil
}

func (c *clockStore) reclaim(p store.ReclaimPolicy) store.Reclaimed {
	c.t.Helper()
	r, err := c.Reclaim(c.t.Context(), p)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *clockStore) keepFor(d time.Duration) store.ReclaimPolicy {
	return store.ReclaimPolicy{Retention: map[hook.EnvironmentID]time.Duration{c.app.Environment: d}}
}

func (c *clockStore) files() (names []string) {
	c.t.Helper()
	entries, err := os.ReadDir(filepath.Join(c.dir, segmentsName))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestExpiredSegmentIsDroppedWhenNothingWaits(t *testing.T) {
	c := newClockStore(t, Options{})
	finished := c.publishContent(100, 30*day)
	c.deliverAll()
	c.advance(25 * time.Hour)
	young := c.publishContent(100, 30*day)
	if r := c.reclaim(c.keepFor(30 * day)); r.Dropped+r.Compacted != 0 {
		t.Fatalf("reclaimed before its time: %+v", r)
	}
	c.advance(32*day - 25*time.Hour)
	if r := c.reclaim(store.ReclaimPolicy{Retention: c.keepFor(30 * day).Retention, DryRun: true}); r.Dropped != 1 || r.FreedBytes == 0 {
		t.Fatalf("dry run: %+v", r)
	}
	if found, _ := c.has(finished); !found {
		t.Fatal("a dry run has dropped a segment")
	}
	r := c.reclaim(c.keepFor(30 * day))
	if r.Dropped != 1 || r.FreedBytes <= 0 {
		t.Fatalf("reclaimed %+v, want one segment dropped", r)
	}
	if found, _ := c.has(finished); found {
		t.Fatal("the message is still found")
	}
	if _, content := c.has(young); !content {
		t.Fatal("the younger message has lost its content")
	}
	for _, name := range c.files() {
		if strings.HasPrefix(name, fmt.Sprintf("%020d", int64(c.segmentsOldestFirst()[0].first))) {
			continue
		}
		t.Errorf("left behind: %s", name)
	}
	c.restart()
	if _, content := c.has(young); !content {
		t.Fatal("the younger message is lost after a restart")
	}
	c.deliverAll()
}

func TestExpiredContentGoesAndRowsStay(t *testing.T) {
	c := newClockStore(t, Options{})
	var short, long []hook.MessageID
	for range 40 {
		short = append(short, c.publishContent(20000, time.Hour))
		long = append(long, c.publishContent(2000, 60*day))
	}
	c.deliverAll()
	waiting := c.publishContent(20000, time.Hour)
	c.advance(25 * time.Hour)
	c.publishContent(1, day)
	c.advance(2 * day)
	before := fileBytes(c.segmentsOldestFirst()[0].path())
	r := c.reclaim(c.keepFor(90 * day))
	if r.Compacted != 1 || r.Dropped != 0 {
		t.Fatalf("reclaimed %+v, want one compaction", r)
	}
	after := fileBytes(c.segmentsOldestFirst()[0].path())
	if after > before/2 {
		t.Fatalf("the segment went from %d to %d bytes", before, after)
	}
	for _, id := range short {
		if found, content := c.has(id); !found || content {
			t.Fatalf("expired message: found %v, content %v", found, content)
		}
		list, err := c.Attempts(t.Context(), store.AttemptQuery{Application: c.app.ID, Message: id, WithContent: true, Window: store.Window{Limit: 5}})
		if err != nil || len(list.Rows) != 1 || list.Rows[0].Attempt.Body != nil || !list.Rows[0].Attempt.Expunged {
			t.Fatalf("attempts of an expired message: %+v, %v", list, err)
		}
	}
	for _, id := range long {
		if _, content := c.has(id); !content {
			t.Fatal("a message that has not expired has lost its content")
		}
	}
	if got := c.dueMessages(); !got[waiting] {
		t.Fatal("what waits is not due any more")
	}
	if r := c.reclaim(c.keepFor(90 * day)); r.Compacted+r.Dropped != 0 {
		t.Fatalf("reclaimed again: %+v", r)
	}
}

// TestCopyWithALogIsNotTaken keeps the log of a copy from being emptied into its file just
// before the copy would take the segment's place: the segment stays as it was, whole.
func TestCopyWithALogIsNotTaken(t *testing.T) {
	c := newClockStore(t, Options{})
	c.publishContent(2000, day)
	c.deliverAll()
	var waiting []hook.MessageID
	for range 5 {
		waiting = append(waiting, c.publishContent(2000, 30*day))
	}
	c.advance(25 * time.Hour)
	c.publishContent(10, 30*day)
	c.advance(2 * day)
	var reader *sqlite.Conn
	c.atStep = func(step string) {
		switch step {
		case "flushed":
			c.resend(waiting[0]) // so that something is left to apply
		case "applied":
			if reader != nil {
				return // the other segment's
			}
			names, err := filepath.Glob(filepath.Join(c.dir, segmentsName, "*"+unreadySuffix))
			if err != nil || len(names) != 1 {
				t.Fatalf("copies: %v, %v", names, err)
			}
			if reader, err = openConn(names[0]); err != nil {
				t.Fatal(err)
			}
			for _, sql := range []string{"BEGIN", "SELECT count(*) FROM due"} {
				if err := sqlitex.ExecuteTransient(reader, sql, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if r, err := c.Reclaim(t.Context(), store.ReclaimPolicy{Before: c.o.Now()}); err == nil && r.Compacted != 0 {
		t.Errorf("a copy with a log was taken: %+v", r)
	}
	if reader == nil {
		t.Fatal("no copy came so far")
	}
	c.atStep = nil
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		due := c.dueMessages()
		for i, id := range waiting {
			if found, content := c.has(id); !found || !content || !due[id] {
				t.Errorf("waiting message %d: found %v, content %v, due %v", i, found, content, due[id])
			}
		}
	}
	check()
	c.restart()
	check()
	if r := c.reclaim(store.ReclaimPolicy{Before: c.o.Now()}); r.Compacted == 0 {
		t.Errorf("the next time: %+v", r)
	}
	check()
}

// TestCrashInACompaction takes a copy of the directory at each step of a compaction and of
// a drop, as a kill leaves it, and checks that what must be there is there once.
func TestCrashInACompaction(t *testing.T) {
	c := newClockStore(t, Options{})
	var waiting []hook.MessageID
	for range 30 {
		c.publishContent(2000, day)
	}
	c.deliverAll()
	for range 70 {
		waiting = append(waiting, c.publishContent(2000, 30*day))
	}
	if _, err := c.publish("evt", 9, 20*day); err != nil {
		t.Fatal(err)
	}
	c.advance(25 * time.Hour)
	c.publishContent(10, 30*day)
	c.succeed(c.dueOf(waiting[0])) // in the log of the older segment
	c.advance(2 * day)
	taken := map[string]string{}
	c.atStep = func(step string) {
		if taken[step] != "" {
			return // the other segment's
		}
		dir := t.TempDir()
		copyStore(t, c.dir, dir)
		taken[step] = dir
		if step == "copied" { // an outcome and a resend that the copy does not have yet
			c.succeed(c.dueOf(waiting[1]))
			c.resend(waiting[0])
		}
	}
	if r := c.reclaim(store.ReclaimPolicy{Before: c.o.Now()}); r.Compacted == 0 {
		t.Fatalf("reclaimed %+v", r)
	}
	c.atStep = nil
	for _, step := range []string{"copied", "ready", "renamed", "swapped", "removed", ""} {
		t.Run("step="+step, func(t *testing.T) {
			dir := c.dir
			if step != "" {
				if dir = taken[step]; dir == "" {
					t.Fatalf("no such step: %v", taken)
				}
			} else if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			o := &clockStore{t: t, dir: dir, o: c.o, app: c.app}
			o.now.Store(c.now.Load())
			o.open()
			defer o.Close()
			due := o.dueMessages()
			for i, id := range waiting {
				found, content := o.has(id)
				if i > 1 && (!found || !content || !due[id]) {
					t.Fatalf("waiting message %d: found %v, content %v, due %v", i, found, content, due[id])
				}
				if i == 0 && due[id] != (step != "copied") { // resent after that copy was taken
					t.Fatalf("resent message: due %v", due[id])
				}
				if i == 1 && due[id] != (step == "copied") {
					t.Fatalf("delivered message: due %v", due[id])
				}
			}
			if n := len(due); n != 71 && n != 70 && n != 69 {
				t.Fatalf("%d deliveries are due", n)
			}
			if got, err := o.publish("", 9, 20*day); err != nil || !got.Replayed {
				t.Fatalf("the key is free: %+v, %v", got, err)
			}
			for _, name := range o.files() {
				if strings.Contains(name, unreadySuffix) {
					t.Errorf("left behind: %s", name)
				}
			}
			firsts := map[string]int{}
			for _, name := range o.files() {
				if strings.HasSuffix(name, segmentSuffix) {
					firsts[name[:segmentDigits]]++
				}
			}
			for first, n := range firsts {
				if n != 1 {
					t.Errorf("segment %s has %d files", first, n)
				}
			}
			o.deliverAll()
		})
	}
}

func (c *clockStore) dueOf(id hook.MessageID) store.Due {
	c.t.Helper()
	plan, err := c.PlanOf(c.t.Context(), c.app.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	due, _, err := c.Claim(c.t.Context(), c.app.ID, plan.Endpoints[0].ID, c.o.Now().Add(time.Hour), 500, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, d := range due {
		if d.Delivery.Message == id {
			return d
		}
	}
	c.t.Fatalf("message %d is not due", id)
	return store.Due{}
}

func (c *clockStore) resend(id hook.MessageID) {
	c.t.Helper()
	plan, err := c.PlanOf(c.t.Context(), c.app.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	n, err := c.Replay(c.t.Context(), &store.Replay{Application: c.app.ID, Endpoint: plan.Endpoints[0].ID, Messages: []hook.MessageID{id}, Trigger: hook.Manual})
	if err != nil || n != 1 {
		c.t.Fatalf("resend: %d, %v", n, err)
	}
}

// copyStore copies a store's files as they are, as a kill of the process leaves them.
func copyStore(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if strings.HasSuffix(path, "-shm") || strings.HasSuffix(path, ".lock") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
