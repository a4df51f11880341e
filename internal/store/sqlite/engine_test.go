package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
	"github.com/prometheus/client_golang/prometheus"
)

// clockStore is a store whose wall clock a test moves.
type clockStore struct {
	*Store
	t   *testing.T
	dir string
	o   Options
	now atomic.Int64 // Unix milliseconds
	app *hook.Application
}

func newClockStore(t *testing.T, o Options) *clockStore {
	c := &clockStore{t: t, dir: t.TempDir(), o: o}
	c.now.Store(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).UnixMilli())
	c.o.ReserveBytes = 1 << 16
	c.o.Sealer, c.o.Now = testSealer(), func() time.Time { return time.UnixMilli(c.now.Load()) }
	c.open()
	_, apps := testCatalogData(t, c.catalog, 1)
	c.app = apps[0]
	return c
}

func (c *clockStore) open() {
	c.t.Helper()
	s, err := Open(c.t.Context(), c.dir, c.o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.Store = s
	c.t.Cleanup(func() { s.Close() })
}

func (c *clockStore) restart() {
	c.t.Helper()
	if err := c.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.open()
}

func (c *clockStore) advance(d time.Duration) { c.now.Add(d.Milliseconds()) }

func (c *clockStore) publish(eventID string, key byte, life time.Duration) (store.Appended, error) {
	c.t.Helper()
	plan, err := c.PlanOf(c.t.Context(), c.app.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	p := &store.Publication{
		Message:     &hook.Message{Environment: c.app.Environment, Application: c.app.ID, EventType: "a.b", EventID: eventID, Payload: []byte(`{}`)},
		Deliveries:  []hook.Delivery{{Endpoint: plan.Endpoints[0].ID}},
		PlanVersion: plan.Version,
	}
	if key != 0 {
		p.Key = &store.IdempotencyKey{Hash: [16]byte{key}, Life: life}
	}
	return c.Append(c.t.Context(), p)
}

func TestKeysLiveAsLongAsTheySay(t *testing.T) {
	for _, span := range []time.Duration{24 * time.Hour, 90 * time.Minute} {
		t.Run(fmt.Sprint("span=", span), func(t *testing.T) {
			c := newClockStore(t, Options{SegmentSpan: span})
			first, err := c.publish("evt", 1, 12*time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			short, err := c.publish("", 2, 10*time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			c.advance(9 * time.Minute)
			if got, err := c.publish("", 2, 10*time.Minute); err != nil || got != (store.Appended{ID: short.ID, Replayed: true}) {
				t.Fatalf("after 9 of 10 minutes: %+v, %v", got, err)
			}
			c.advance(2 * time.Minute)
			if got, err := c.publish("", 2, 10*time.Minute); err != nil || got.Replayed {
				t.Fatalf("after 11 of 10 minutes: %+v, %v", got, err)
			}
			for hours := 1; hours < 12; hours++ {
				c.advance(time.Hour - time.Minute)
				if hours%4 == 0 {
					c.restart()
				}
				if got, err := c.publish("", 1, 12*time.Hour); err != nil || got != (store.Appended{ID: first.ID, Replayed: true}) {
					t.Fatalf("hour %d: %+v, %v", hours, got, err)
				}
				if _, err := c.publish("evt", 0, 0); hook.KindOf(err) != hook.Conflict {
					t.Fatalf("hour %d: eventId: %v", hours, err)
				}
			}
			c.advance(time.Hour)
			if got, err := c.publish("", 1, 12*time.Hour); err != nil || got.Replayed {
				t.Fatalf("after its life: %+v, %v", got, err)
			}
			if _, err := c.publish("evt", 0, 0); hook.KindOf(err) != hook.Conflict {
				t.Fatalf("eventId after 12 h: %v", err)
			}
			c.advance(12 * time.Hour)
			if got, err := c.publish("evt", 0, 0); err != nil || got.Replayed {
				t.Fatalf("eventId after 24 h: %+v, %v", got, err)
			}
		})
	}
}

func TestOldTablesOfKeysAreDropped(t *testing.T) {
	c := newClockStore(t, Options{SegmentSpan: 1000 * time.Hour})
	for range 60 {
		if _, err := c.publish("", 1, time.Minute); err != nil {
			t.Fatal(err)
		}
		c.advance(time.Hour)
	}
	err := c.writer.do(t.Context(), false, func(w *writer) error {
		n, _, err := queryInt(w.pens[w.newest.segmentFile].conn, "SELECT count(*) FROM sqlite_schema WHERE name GLOB 'idempotency_*' AND type = 'table'")
		if n > 26 || int(n) != len(w.keys[hourKeys].tables) {
			t.Errorf("%d tables of keys, %d known; want at most 26", n, len(w.keys[hourKeys].tables))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMessagesRollOverToNewSegments(t *testing.T) {
	c := newClockStore(t, Options{SegmentSpan: time.Hour})
	var ids []hook.MessageID
	for range 6 {
		got, err := c.publish("", 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, got.ID)
		c.advance(time.Hour)
	}
	for range 2 {
		list := c.segmentsNewestFirst()
		if len(list) != 6 {
			t.Fatalf("%d segments, want 6", len(list))
		}
		for i, id := range ids {
			seg := c.segmentOf(hook.Key(id))
			if seg != list[5-i] || hook.Key(id) < seg.first || hook.Key(id) > seg.last {
				t.Fatalf("message %d is in %+v", id, seg)
			}
			if _, err := c.Message(t.Context(), c.app.ID, id); err != nil {
				t.Fatal(err)
			}
		}
		if c.segmentOf(1) != nil {
			t.Fatal("a segment holds what was before all")
		}
		c.restart()
	}
	// The due rows of all segments are found and finished in their own.
	plan, err := c.PlanOf(t.Context(), c.app.ID)
	if err != nil {
		t.Fatal(err)
	}
	due, _, err := c.Claim(t.Context(), c.app.ID, plan.Endpoints[0].ID, c.o.Now(), 100, nil)
	if err != nil || len(due) != 6 {
		t.Fatalf("claimed %d: %v", len(due), err)
	}
	var list []*store.Finished
	done := make(chan error, len(due))
	for _, d := range due {
		list = append(list, &store.Finished{Delivery: d.Delivery.End(hook.Cancelled, hook.ReasonCanceled), Row: d.Row, Done: func(err error) { done <- err }})
	}
	c.Finish(list...)
	for range list {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if left := c.dueSegments(); len(left) != 1 {
		t.Fatalf("%d segments are looked into for due rows, want the newest alone", len(left))
	}
}

// TestManySegmentsOpenFast opens a store with a quarter year of segments.
func TestManySegmentsOpenFast(t *testing.T) {
	c := newClockStore(t, Options{})
	for range 90 {
		if _, err := c.publish("", 1, time.Hour); err != nil {
			t.Fatal(err)
		}
		c.advance(24 * time.Hour)
	}
	c.restart()
	begin := time.Now()
	c.restart()
	took := time.Since(begin)
	t.Logf("closing and opening %d segments took %v", len(c.segmentsNewestFirst()), took)
	if took > time.Minute {
		t.Fatal("that is too long")
	}
}

func TestClockThatStepsBack(t *testing.T) {
	c := newClockStore(t, Options{})
	first, err := c.publish("", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(-time.Hour)
	c.restart()
	second, err := c.publish("", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if second.ID <= first.ID {
		t.Fatalf("id %d after %d", second.ID, first.ID)
	}
}

func TestOneProcessOwnsTheDirectory(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	_, err := Open(t.Context(), dir, Options{Sealer: testSealer()})
	if hook.KindOf(err) != hook.Conflict || !strings.Contains(err.Error(), "another hookloft process holds "+dir) {
		t.Fatalf("second open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openTest(t, dir)
}

func TestMigrationsGoForwardOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	conn, err := openConn(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	one := fstest.MapFS{"0001.sql": {Data: []byte("-- one\nCREATE TABLE a (x); -- first\nCREATE TABLE b (x);\n-- end\n")}}
	two := fstest.MapFS{"0001.sql": one["0001.sql"], "0002.sql": {Data: []byte("INSERT INTO a VALUES (2)")}}
	broken := fstest.MapFS{"0001.sql": one["0001.sql"], "0002.sql": {Data: []byte("INSERT INTO a VALUES (2); INSERT INTO nowhere VALUES (1)")}}
	gap := fstest.MapFS{"0001.sql": one["0001.sql"], "0003.sql": one["0001.sql"]}
	for _, step := range []struct {
		why  string
		fsys fstest.MapFS
		ok   bool
		rows int64
	}{
		{"a new database gets all", one, true, 0},
		{"again is nothing", one, true, 0},
		{"a broken step leaves the version before", broken, false, 0},
		{"a missing number is refused", gap, false, 0},
		{"a later version goes on from there", two, true, 1},
		{"an earlier program refuses", one, false, 1},
	} {
		if err := migrate(conn, step.fsys); (err == nil) != step.ok {
			t.Fatalf("%s: %v", step.why, err)
		}
		if n, _, err := queryInt(conn, "SELECT count(*) FROM a"); err != nil || n != step.rows {
			t.Fatalf("%s: %d rows, want %d (%v)", step.why, n, step.rows, err)
		}
	}
}

// TestLogStaysBounded writes more than the log may hold while somebody reads for long.
func TestLogStaysBounded(t *testing.T) {
	c := newClockStore(t, Options{})
	path := c.segmentsNewestFirst()[0].path() + "-wal"
	plan, err := c.PlanOf(t.Context(), c.app.ID)
	if err != nil {
		t.Fatal(err)
	}
	payload := []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	largest := int64(0)
	for range 200 {
		p := &store.Publication{
			Message:     &hook.Message{Environment: c.app.Environment, Application: c.app.ID, EventType: "a.b", Payload: payload},
			PlanVersion: plan.Version,
		}
		if _, err := c.Append(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	// A restart waits for the passive pass before it, during which writing goes on.
	if limit := int64(2 * restartFrames * pageBytes); largest > limit {
		t.Fatalf("the log grew to %d MiB", largest>>20)
	}
	t.Logf("200 MiB went through a log of at most %d MiB", largest>>20)
}

func TestAppendsWaitWhileTheLogIsTooLong(t *testing.T) {
	c := newClockStore(t, Options{})
	log := &c.segmentsNewestFirst()[0].walFrames
	log.Store(stallFrames)
	c.checkpoints.setStalled(true)
	answer := make(chan error, 1)
	go func() { _, err := c.publish("", 0, 0); answer <- err }()
	select {
	case err := <-answer:
		t.Fatalf("append went in while the log was too long: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.checkpoints.admit(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("somebody who has gone waits: %v", err)
	}
	log.Store(0)
	c.checkpoints.setStalled(false)
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
}

// TestStallEndsWithItsLog: the long log that appends wait for may be emptied by somebody else
// than a checkpoint, and while nothing is written nobody else looks.
func TestStallEndsWithItsLog(t *testing.T) {
	c := newClockStore(t, Options{})
	c.checkpoints.setStalled(true)
	if err := c.scrub(t.Context(), c.segmentsNewestFirst()[0].segmentFile); err != nil {
		t.Fatal(err)
	}
	if _, err := c.publish("", 0, 0); err != nil {
		t.Fatal(err)
	}
}

// TestReadOfAClosedStoreEnds: also for who would wait for ever.
func TestReadOfAClosedStoreEnds(t *testing.T) {
	c := newClockStore(t, Options{})
	id := c.publishContent(10, day)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := c.Message(ctx, c.app.ID, id); hook.KindOf(err) != hook.Closed {
		t.Fatalf("read: %v", err)
	}
}

// TestClaimsOverManySegmentsKeepTheirConnections: a replay of a month makes rows due in a
// month of segments, and each claim looks into all of them.
func TestClaimsOverManySegmentsKeepTheirConnections(t *testing.T) {
	const segments = 30
	c := newClockStore(t, Options{})
	for range segments {
		if _, err := c.publish("", 0, 0); err != nil { // without a Handoff it is made due
			t.Fatal(err)
		}
		c.advance(24 * time.Hour)
	}
	plan, err := c.PlanOf(t.Context(), c.app.ID)
	if err != nil {
		t.Fatal(err)
	}
	var first []*reader
	for range 3 {
		due, _, err := c.Claim(t.Context(), c.app.ID, plan.Endpoints[0].ID, time.UnixMilli(c.now.Load()), 256, nil)
		if err != nil || len(due) != segments {
			t.Fatalf("claimed %d, %v; want %d", len(due), err, segments)
		}
		c.readers.mu.Lock()
		idle := slices.Clone(c.readers.idle)
		c.readers.mu.Unlock()
		slices.SortFunc(idle, func(a, b *reader) int { return cmp.Compare(a.file.path(), b.file.path()) })
		if first == nil {
			first = idle
		}
		if !slices.Equal(idle, first) {
			t.Fatal("a claim opened connections that the one before it had closed")
		}
	}
}

func TestReadersAreBounded(t *testing.T) {
	c := newClockStore(t, Options{})
	for range maxOpenReaders + 5 {
		if _, err := c.publish("", 0, 0); err != nil {
			t.Fatal(err)
		}
		c.advance(24 * time.Hour)
	}
	var reading sync.WaitGroup
	for _, seg := range c.segmentsNewestFirst() {
		for range 2 {
			reading.Go(func() {
				err := c.read(t.Context(), seg, func(*sqlite.Conn) error {
					c.readers.mu.Lock()
					defer c.readers.mu.Unlock()
					if busy, idle := len(c.readers.busy), len(c.readers.idle); busy > maxReaders || busy+idle > maxOpenReaders {
						t.Errorf("%d busy and %d idle", busy, idle)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	reading.Wait()
}

func TestLongReadIsCut(t *testing.T) {
	c := newClockStore(t, Options{})
	seg := c.segmentsNewestFirst()[0]
	begun := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- c.read(context.Background(), seg, func(conn *sqlite.Conn) error {
			close(begun)
			return sqlitex.ExecuteTransient(conn, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", nil)
		})
	}()
	<-begun
	c.readers.cutLong(seg.segmentFile, 0)
	if err := <-ended; hook.KindOf(err) != hook.Overloaded {
		t.Fatalf("cut read: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.read(ctx, seg, func(*sqlite.Conn) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Fatalf("read of somebody who has gone: %v", err)
	}
}

func TestFullIntakeRefuses(t *testing.T) {
	c := newClockStore(t, Options{QueueOperations: 4, QueueBytes: 1 << 20})
	goOn := c.pause()
	answers := make(chan error, 16)
	for range 16 {
		go func() { _, err := c.publish("", 0, 0); answers <- err }()
	}
	for range 12 {
		if err := <-answers; hook.KindOf(err) != hook.Overloaded {
			t.Fatalf("append to a full queue: %v", err)
		}
	}
	goOn()
	for range 4 {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
}

// pause makes the writer stand still until the returned function is called, so that what
// comes meanwhile is one batch.
func (c *clockStore) pause() (goOn func()) {
	c.t.Helper()
	inside, wait := make(chan struct{}), make(chan struct{})
	stopped := make(chan error, 1)
	go func() {
		stopped <- c.writer.do(context.Background(), false, func(*writer) error { close(inside); <-wait; return nil })
	}()
	<-inside
	return func() {
		close(wait)
		if err := <-stopped; err != nil {
			c.t.Error(err)
		}
	}
}

func TestMistakeInABatchHarmsOnlyItself(t *testing.T) {
	c := newClockStore(t, Options{})
	goOn := c.pause()
	answers := make(chan error, 20)
	mistaken := make(chan error, 1)
	for i := range 20 {
		go func() { _, err := c.publish("", 0, 0); answers <- err }()
		if i == 10 {
			go func() {
				mistaken <- c.writer.do(context.Background(), false, func(w *writer) error {
					p, err := w.pen(w.newest)
					if err != nil {
						return err
					}
					return sqlitex.ExecuteTransient(p.conn, "INSERT INTO meta VALUES ('check', 1), ('check', 2)", nil)
				})
			}()
		}
	}
	c.waitQueued(21)
	goOn()
	if err := <-mistaken; err == nil {
		t.Fatal("a broken constraint went through")
	}
	for range 20 {
		if err := <-answers; err != nil {
			t.Fatalf("append in the same batch: %v", err)
		}
	}
}

// TestLatestOfAKeyInABatchThatIsRepeated: what is appended once more, because another operation
// of its commit has failed, is still the latest of its key.
func TestLatestOfAKeyInABatchThatIsRepeated(t *testing.T) {
	c := newClockStore(t, Options{})
	plan, err := c.PlanOf(t.Context(), c.app.ID)
	if err != nil {
		t.Fatal(err)
	}
	publication := func() *store.Publication {
		return &store.Publication{
			Message:     &hook.Message{Environment: c.app.Environment, Application: c.app.ID, EventType: "a.b", Payload: []byte("{}")},
			PlanVersion: plan.Version,
			Deliveries:  []hook.Delivery{{Endpoint: plan.Endpoints[0].ID, Latest: &hook.LatestOf{Key: [16]byte{1}, Window: time.Minute}}},
		}
	}
	goOn := c.pause()
	type answer struct {
		id  hook.MessageID
		err error
	}
	first, mistaken := make(chan answer, 1), make(chan error, 1)
	go func() {
		got, err := c.Append(context.Background(), publication())
		first <- answer{got.ID, err}
	}()
	c.waitQueued(1)
	go func() {
		mistaken <- c.writer.do(context.Background(), false, func(*writer) error { return errors.New("a mistake of ours") })
	}()
	c.waitQueued(2)
	goOn()
	if err := <-mistaken; err == nil {
		t.Fatal("the mistake went through")
	}
	got := <-first
	if got.err != nil {
		t.Fatal(got.err)
	}
	c.advance(time.Second)
	if _, err := c.Append(t.Context(), publication()); err != nil {
		t.Fatal(err)
	}
	if state := c.stateOf(got.id); state != hook.Cancelled {
		t.Errorf("the earlier message of the key is %v, want cancelled", state)
	}
}

// waitQueued returns when n operations wait for the writer.
func (c *clockStore) waitQueued(n int) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		c.intake.mu.Lock()
		queued := len(c.intake.queue)
		c.intake.mu.Unlock()
		if queued == n {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%d operations are queued, want %d", queued, n)
		}
	}
}

func TestForeignLockRefusesAppendsAndKeepsOutcomes(t *testing.T) {
	c := newClockStore(t, Options{})
	first, err := c.publish("", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := openConn(c.segmentsNewestFirst()[0].path())
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	err = c.writer.do(t.Context(), false, func(w *writer) error {
		w.pens[w.newest.segmentFile].conn.SetBusyTimeout(10 * time.Millisecond)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlitex.ExecuteTransient(foreign, "BEGIN IMMEDIATE", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.publish("", 0, 0); hook.KindOf(err) != hook.Overloaded {
		t.Fatalf("append while another program has the file: %v", err)
	}
	done := make(chan error, 1)
	d := hook.Delivery{Message: first.ID, Application: c.app.ID, Endpoint: 99}
	c.Finish(&store.Finished{Delivery: d.End(hook.Cancelled, hook.ReasonCanceled), Urgent: true, Done: func(err error) { done <- err }})
	select {
	case err := <-done:
		t.Fatalf("an outcome was answered while it could not be stored: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := sqlitex.ExecuteTransient(foreign, "ROLLBACK", nil); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := c.publish("", 0, 0); err != nil {
		t.Fatal(err)
	}
}

func TestFilterHoldsWhatWasAdded(t *testing.T) {
	f := &filter{}
	hash := func(i int) [16]byte { return eventIDHash(1, fmt.Sprint(i)) }
	const n = 50_000
	for i := range n {
		h := hash(i)
		f.add(&h)
	}
	wrong := 0
	for i := range n {
		if h := hash(i); !f.mayHold(&h) {
			t.Fatalf("hash %d was forgotten", i)
		}
		if h := hash(n + i); f.mayHold(&h) {
			wrong++
		}
	}
	if wrong > n/50 {
		t.Fatalf("%d of %d answers are wrong", wrong, n)
	}
	t.Logf("%.3f %% of the answers are wrong, in %d layers", 100*float64(wrong)/n, len(f.layers))
}

// TestOperationsAreTimed reads what a registry knows after one of each operation.
func TestOperationsAreTimed(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	c := newClockStore(t, Options{Metrics: telemetry.NewMetrics(reg)})
	if _, err := c.publish("", 0, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Claim(t.Context(), 1, 1, time.Now(), 1, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Messages(t.Context(), store.MessageQuery{Window: store.Window{Limit: 1}}); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, f := range families {
		if f.GetName() == "hookloft_store_operation_duration_seconds" {
			for _, m := range f.GetMetric() {
				counts[m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleCount()
			}
		}
	}
	if counts["append"] != 1 || counts["commit"] == 0 || counts["claim"] != 1 || counts["read"] == 0 {
		t.Errorf("operations were counted as %v", counts)
	}
}
