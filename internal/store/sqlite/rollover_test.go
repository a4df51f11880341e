package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// keeper is a Handoff that admits everything and knows what it was handed.
type keeper struct {
	mu     sync.Mutex
	handed map[hook.MessageID]bool
}

func (k *keeper) Admit(hook.ApplicationID, hook.EndpointID, int) bool { return true }
func (k *keeper) Committed(fresh []store.Due) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, d := range fresh {
		k.handed[d.Message.ID] = true
	}
}
func (k *keeper) Withdraw([]store.Due)                                   {}
func (k *keeper) MadeDue(hook.ApplicationID, hook.EndpointID, time.Time) {}

// dueMessages claims everything of the one endpoint.
func (c *clockStore) dueMessages() map[hook.MessageID]bool {
	c.t.Helper()
	plan, err := c.PlanOf(c.t.Context(), c.app.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	due, _, err := c.Claim(c.t.Context(), c.app.ID, plan.Endpoints[0].ID, time.UnixMilli(c.now.Load()).Add(time.Hour), 100, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	found := map[hook.MessageID]bool{}
	for _, d := range due {
		found[d.Message.ID] = true
	}
	return found
}

// failOnce makes the commit of the newest segment fail once, as a full disk or a mistake would.
func (c *clockStore) failOnce() <-chan error {
	done, first := make(chan error, 1), true
	go func() {
		done <- c.writer.do(context.Background(), false, func(w *writer) error {
			p, err := w.pen(w.newest)
			if err != nil || !first {
				return err
			}
			first = false
			return sqlitex.ExecuteTransient(p.conn, "CREATE TEMP TRIGGER fail BEFORE INSERT ON main.meta BEGIN SELECT RAISE(ABORT, 'made to fail'); END", nil)
		})
	}()
	return done
}

// TestBatchAcrossARollOverIsWhole fails a batch in whose middle the span of a segment
// ends: what is acknowledged is handed over, or found after a restart.
func TestBatchAcrossARollOverIsWhole(t *testing.T) {
	c := newClockStore(t, Options{SegmentSpan: time.Hour})
	if _, err := c.publish("", 0, 0); err != nil {
		t.Fatal(err)
	}
	k := &keeper{handed: map[hook.MessageID]bool{}}
	c.Attach(k)
	type answer struct {
		store.Appended
		err error
	}
	goOn := c.pause()
	answers := make(chan answer, 2)
	publish := func() {
		got, err := c.publish("", 0, 0)
		answers <- answer{got, err}
	}
	go publish()
	c.waitQueued(1)
	advanced := make(chan error, 1)
	go func() {
		advanced <- c.writer.do(context.Background(), false, func(*writer) error { c.advance(2 * time.Hour); return nil })
	}()
	c.waitQueued(2)
	go publish()
	c.waitQueued(3)
	failed := c.failOnce()
	c.waitQueued(4)
	goOn()
	var kept []hook.MessageID
	for range 2 {
		if a := <-answers; a.err == nil {
			kept = append(kept, a.ID)
		}
	}
	<-advanced
	<-failed
	k.mu.Lock()
	handed := k.handed
	k.mu.Unlock()
	c.restart()
	found := c.dueMessages()
	for _, m := range kept {
		if !handed[m] {
			t.Errorf("acknowledged message %d was not handed over", m)
		}
		if !found[m] {
			t.Errorf("acknowledged message %d is not found after a restart", m)
		}
	}
}

// TestHoldOutlivesARollOver sets the hold before a segment ends, with and without a batch
// that fails, and in the same batch as the message that begins the next one.
func TestHoldOutlivesARollOver(t *testing.T) {
	for name, course := range map[string]func(c *clockStore){
		"a batch that fails": func(c *clockStore) {
			if err := c.SetHold(c.t.Context(), true); err != nil {
				c.t.Fatal(err)
			}
			c.advance(2 * time.Hour)
			goOn, published := c.pause(), make(chan error, 1)
			go func() { _, err := c.publish("", 0, 0); published <- err }()
			c.waitQueued(1)
			failed := c.failOnce()
			c.waitQueued(2)
			goOn()
			<-published
			<-failed
		},
		"the same batch": func(c *clockStore) {
			c.advance(2 * time.Hour)
			goOn, held, published := c.pause(), make(chan error, 1), make(chan error, 1)
			go func() { held <- c.SetHold(context.Background(), true) }()
			c.waitQueued(1)
			go func() { _, err := c.publish("", 0, 0); published <- err }()
			c.waitQueued(2)
			goOn()
			if err := <-held; err != nil {
				c.t.Fatal(err)
			}
			<-published
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClockStore(t, Options{SegmentSpan: time.Hour})
			if _, err := c.publish("", 0, 0); err != nil {
				t.Fatal(err)
			}
			course(c)
			c.restart()
			if h, err := c.Held(t.Context()); err != nil || !h.Held {
				t.Errorf("after the restart: held %v, %v; want held", h.Held, err)
			}
		})
	}
}

// TestBackupLooksAsFarBackAsTheStore copies two segments while a fresh delivery of the
// older one gets its row after that one was copied.
func TestBackupLooksAsFarBackAsTheStore(t *testing.T) {
	c := newClockStore(t, Options{SegmentSpan: time.Hour})
	c.Attach(&keeper{handed: map[hook.MessageID]bool{}})
	a, err := c.publish("", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(2 * time.Hour)
	if _, err := c.publish("", 0, 0); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, segmentsName), 0o700); err != nil {
		t.Fatal(err)
	}
	// The steps of Backup, with what happens in between.
	var low hook.Key
	if err := c.writer.do(t.Context(), false, func(w *writer) error { low = w.lowWater(); return nil }); err != nil {
		t.Fatal(err)
	}
	segments := c.segmentsOldestFirst()
	copySegment := func(seg *segment) string {
		to := segmentPath(dir, seg.first)
		if err := copyDatabase(t.Context(), seg.path(), to); err != nil {
			t.Fatal(err)
		}
		return to
	}
	copySegment(segments[0])
	plan, err := c.PlanOf(t.Context(), c.app.ID)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	c.Finish(&store.Finished{Urgent: true, Done: func(err error) { done <- err }, Delivery: hook.Delivery{
		Message: a.ID, Application: c.app.ID, Endpoint: plan.Endpoints[0].ID, DueAt: time.UnixMilli(c.now.Load()), Step: 1}})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := c.publish("", 0, 0); err != nil { // saves the mark above a
		t.Fatal(err)
	}
	if err := holdCopy(copySegment(segments[1]), low); err != nil {
		t.Fatal(err)
	}
	if err := copyDatabase(t.Context(), filepath.Join(c.dir, catalogName), filepath.Join(dir, catalogName)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c.dir = dir
	c.open()
	if err := c.SetHold(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if !c.dueMessages()[a.ID] {
		t.Error("the restored store does not know that a delivery is still to be made")
	}
}
