package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const testBound = 16 << 20

// volume skips a test that writes many megabytes, which the race detector makes minutes of:
// the engine of the store is Go code, too.
func volume(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("writes many megabytes; not with -short")
	}
}

// fill publishes messages of 8 KiB, and reclaims whenever the store asks for it, until n are
// in or one is refused.
func (c *clockStore) fill(n int, deliver bool) (accepted int, most int64, refused error) {
	c.t.Helper()
	plan, err := c.PlanOf(c.t.Context(), c.app.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	payload := []byte(fmt.Sprintf(`{"text":"%08000d"}`, 1))
	for i := range n {
		c.advance(100 * time.Millisecond)
		m := &hook.Message{Environment: c.app.Environment, Application: c.app.ID, EventType: "a.b", Payload: payload, ContentExpiresAt: c.o.Now().Add(90 * day)}
		_, err := c.Append(c.t.Context(), &store.Publication{Message: m, Deliveries: []hook.Delivery{{Endpoint: plan.Endpoints[0].ID}}, PlanVersion: plan.Version})
		if err != nil {
			return accepted, most, err
		}
		accepted++
		if deliver && i%50 == 49 {
			c.deliverAll()
		}
		if i%20 == 19 {
			most = max(most, c.space.measure())
		}
		select {
		case <-c.Outgrown():
			c.reclaim(store.ReclaimPolicy{})
		default:
		}
	}
	return accepted, most, nil
}

func TestBoundHoldsWhateverIsWritten(t *testing.T) {
	volume(t)
	c := newClockStore(t, Options{MaxBytes: testBound})
	accepted, most, err := c.fill(5*testBound/8192, true)
	if err != nil {
		t.Fatalf("refused after %d messages: %v", accepted, err)
	}
	if most > testBound || most < testBound/2 {
		t.Fatalf("at most %d bytes on disk, the bound is %d", most, testBound)
	}
	t.Logf("at most %.2f of the bound, %d segments left", float64(most)/testBound, len(c.segmentsOldestFirst()))
	c.restart()
	if used := c.space.measure(); used > testBound {
		t.Fatalf("%d bytes after a restart", used)
	}
}

func TestUnfinishedWorkIsNeverDropped(t *testing.T) {
	volume(t)
	c := newClockStore(t, Options{MaxBytes: testBound})
	accepted, most, err := c.fill(4*testBound/8192, false)
	if err == nil || hook.KindOf(err) != hook.StorageFull {
		t.Fatalf("after %d messages: %v, want storage_full", accepted, err)
	}
	if most > testBound {
		t.Fatalf("%d bytes on disk, the bound is %d", most, testBound)
	}
	if n := c.deliverAll(); n != accepted {
		t.Fatalf("%d of %d deliveries were still there", n, accepted)
	}
	if r := c.reclaim(store.ReclaimPolicy{}); r.Full || r.Dropped == 0 {
		t.Fatalf("after everything was delivered: %+v", r)
	}
	if _, err := c.publish("", 0, 0); err != nil {
		t.Fatalf("with room again: %v", err)
	}
}

// TestFinishedWorkGoesAroundTheUnfinished has one waiting delivery in each segment: what is
// finished around them goes all the same.
func TestFinishedWorkGoesAroundTheUnfinished(t *testing.T) {
	volume(t)
	c := newClockStore(t, Options{MaxBytes: testBound})
	var waiting []hook.MessageID
	for range 24 {
		accepted, _, err := c.fill(testBound/8192/8, true)
		if err != nil {
			t.Fatalf("refused after %d messages: %v", accepted, err)
		}
		got, err := c.publish("", byte(1+len(waiting)), 20*day)
		if err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, got.ID)
		c.putOff(got.ID)
	}
	due := c.dueLater()
	for i, id := range waiting {
		if _, content := c.has(id); !content || !due[id] {
			t.Fatalf("waiting message %d of %d: content %v, due %v", i, len(waiting), content, due[id])
		}
		if got, err := c.publish("", byte(1+i), 20*day); err != nil || !got.Replayed {
			t.Fatalf("key %d is free: %+v, %v", i, got, err)
		}
	}
	c.deliverAll() // those that fill left
	c.restart()
	if n := len(c.dueLater()); n != len(waiting) {
		t.Fatalf("%d due after a restart, want %d", n, len(waiting))
	}
}

// dueLater claims what is due within 60 days.
func (c *clockStore) dueLater() map[hook.MessageID]bool {
	c.t.Helper()
	now := c.now.Load()
	c.now.Add((60 * day).Milliseconds())
	defer c.now.Store(now)
	return c.dueMessages()
}

// putOff makes the delivery of a message due in 40 days.
func (c *clockStore) putOff(id hook.MessageID) {
	c.t.Helper()
	d := c.dueOf(id)
	next := d.Delivery
	next.Fresh, next.DueAt = false, c.o.Now().Add(40*day)
	done := make(chan error, 1)
	c.Finish(&store.Finished{Delivery: next, Row: d.Row, Urgent: true, Done: func(err error) { done <- err }})
	if err := <-done; err != nil {
		c.t.Fatal(err)
	}
}

// TestReadersOutliveASwap keeps a list open while its segment is compacted and dropped.
func TestReadersOutliveASwap(t *testing.T) {
	c := newClockStore(t, Options{})
	for range 20 {
		c.publishContent(1000, 10*day)
	}
	c.deliverAll()
	c.advance(25 * time.Hour)
	c.publishContent(10, 90*day)
	seg := c.segmentsOldestFirst()[0]
	reading, goOn := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	var rows atomic.Int64
	go func() {
		done <- c.read(context.Background(), seg, func(conn *sqlite.Conn) error {
			stmt, err := conn.Prepare("SELECT key FROM message ORDER BY key")
			if err != nil {
				return err
			}
			return eachRow(stmt, func() (bool, error) {
				if rows.Add(1) == 1 {
					close(reading)
					<-goOn
				}
				return true, nil
			})
		})
	}()
	<-reading
	c.reclaiming.Lock()
	err := c.compact(t.Context(), seg, &judge{now: c.o.Now()}, false, true)
	c.reclaiming.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	c.advance(20 * day)
	if r := c.reclaim(c.keepFor(10 * day)); r.Dropped != 1 {
		t.Fatalf("reclaimed %+v", r)
	}
	close(goOn)
	if err := <-done; err != nil || rows.Load() != 20 {
		t.Fatalf("the list ended with %v after %d rows", err, rows.Load())
	}
	called := false
	if err := c.read(t.Context(), seg, func(*sqlite.Conn) error { called = true; return nil }); err != nil || called {
		t.Fatalf("reading a dropped segment: %v, called %v", err, called)
	}
	if _, _, err := seg.open(); !errors.Is(err, errDropped) {
		t.Fatalf("opening a dropped segment: %v", err)
	}
}
