package dispatch

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// TestRowsAreReadAlthoughALaneFilledMeanwhile: what is new fills the lane while its claimer
// asks the plan; what was due stays in the store then, and is not forgotten.
func TestRowsAreReadAlthoughALaneFilledMeanwhile(t *testing.T) {
	const window = 256 // of a new lane
	var asked atomic.Bool
	run(t, Options{SpillAfter: time.Hour}, func(w *world) {
		w.app(1, 1)
		w.backlog(1, 100_001, 5)
		w.answer = func(_ context.Context, a *hook.Attempt) {
			time.Sleep(time.Second)
			a.Outcome, a.Status = hook.Success, 200
		}
		w.planOf = func(hook.ApplicationID) {
			if asked.CompareAndSwap(false, true) {
				for range window + 1 { // one of them is tried
					w.publish(1)
				}
			}
		}
	}, func(w *world, _ *Dispatcher) {
		rest(time.Hour)
		if got := w.count(hook.Delivered); got != 5+window+1 {
			t.Errorf("%d delivered, want %d", got, 5+window+1)
		}
	})
}

// TestFeedKeepsTheOrderWhenRowsCannotBeRead: what is new stands behind what a claimer could
// not read.
func TestFeedKeepsTheOrderWhenRowsCannotBeRead(t *testing.T) {
	run(t, Options{LaneWindow: 4}, func(w *world) {
		w.app(1, 1).Endpoints[0].Kind = hook.PollingEndpoint
	}, func(w *world, _ *Dispatcher) {
		w.publish(1)
		rest(time.Second)
		w.mu.Lock()
		w.claimErr = func() error { return errDisk }
		w.mu.Unlock()
		for range 8 {
			w.publish(1)
		}
		rest(500 * time.Millisecond)
		last := w.publish(1)
		rest(100 * time.Millisecond)
		w.mu.Lock()
		w.claimErr = nil
		w.mu.Unlock()
		rest(time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := len(w.handed); n != 10 || w.handed[n-1] != last {
			t.Errorf("fed were %v, want ten and %d at the end", w.handed, last)
		}
	})
}

// TestLineGoesOnWhenMemoryHasRoomAgain: what could not be read while others filled the memory
// does not wait for the head of another line, which rests for half an hour.
func TestLineGoesOnWhenMemoryHasRoomAgain(t *testing.T) {
	run(t, Options{MaxFresh: 20}, func(w *world) {
		w.app(1, 1)
		w.app(2, 1)
		w.ordered(1, hook.Order{Key: "k"})
		w.answer = status(404, hook.Failed, hook.ReasonNotFound)
	}, func(w *world, d *Dispatcher) {
		const ep, other = 100_001, 200_001
		for range 5 {
			w.say(1, "a")
		}
		rest(6 * time.Minute)
		w.set(func(_ context.Context, a *hook.Attempt) {
			time.Sleep(10 * time.Second)
			a.Outcome, a.Status = hook.Success, 200
		})
		w.backlog(2, other, 60)
		d.MadeDue(2, other, time.Now())
		rest(time.Second)
		id := w.say(1, "b")
		rest(5 * time.Minute)
		if got := w.delivery(ep, id); got.State != hook.Delivered {
			t.Errorf("another key is %v five minutes later", got.State)
		}
	})
}

// TestPairsInMemoryAreNotReadOverAndOver: resends of what waits for the pace of a resume are
// slow, and the claimer does not ask for the rows of these pairs until one has ended.
func TestPairsInMemoryAreNotReadOverAndOver(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1) }, func(w *world, _ *Dispatcher) {
		const ep = 100_001
		w.publish(1)
		rest(time.Second)
		w.pause(1, ep)
		var ids []hook.MessageID
		for range 100 {
			ids = append(ids, w.publish(1))
		}
		rest(time.Second)
		w.resume(1, 1)
		rest(1500 * time.Millisecond)
		n, at := 0, time.Now()
		w.mu.Lock()
		w.claimErr = func() error {
			if now := time.Now(); !now.Equal(at) {
				n, at = 0, now
			}
			if n++; n == 1000 {
				t.Error("a thousand reads in one moment")
			}
			if n >= 1000 {
				time.Sleep(time.Minute) // or the test would never end
			}
			return nil
		}
		w.mu.Unlock()
		w.set(hang)
		for _, id := range ids[:10] {
			w.resend(1, ep, id)
		}
		rest(time.Minute)
		w.set(ok)
		rest(40 * time.Hour)
		if got := w.count(hook.Delivered); got != 101 {
			t.Errorf("%d delivered, want 101", got)
		}
	})
}

// TestBooksOfWhatWasNotAdmitted: a delivery that comes without a place is counted like others.
func TestBooksOfWhatWasNotAdmitted(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1) }, func(w *world, d *Dispatcher) {
		m := &hook.Message{ID: hook.MessageID(w.clock.Next()), Application: 1, EventType: "a", Payload: []byte("{}")}
		fresh := hook.Delivery{Message: m.ID, Application: 1, Endpoint: 100_001, Fresh: true}
		w.mu.Lock()
		w.messages[m.ID], w.deliveries[pair{100_001, m.ID}] = m, fresh
		w.mu.Unlock()
		d.Committed([]store.Due{{Delivery: fresh, Message: m}})
		rest(time.Second)
		d.mu.Lock()
		for _, tn := range d.tenants {
			if tn.fresh != 0 || tn.freshBytes != 0 {
				t.Errorf("%d fresh of %d bytes in the books after its end", tn.fresh, tn.freshBytes)
			}
		}
		d.mu.Unlock()
	})
}
