package dispatch

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// withdraw takes due rows back as a store does on a cancellation, all that wait.
func (w *world) withdraw(d *Dispatcher, app hook.ApplicationID, ep hook.EndpointID) (taken int, flying int) {
	busy := map[hook.MessageID]bool{}
	for _, id := range d.Freeze(app, ep) {
		busy[id] = true
	}
	gone := map[store.DueKey]bool{}
	w.mu.Lock()
	for k := range w.rows[ep] {
		if !busy[k.Message] {
			delete(w.rows[ep], k)
			gone[k] = true
		}
	}
	w.mu.Unlock()
	d.Thaw(ep, func(due *store.Due) bool { return gone[due.Row] })
	return len(gone), len(busy)
}

// TestFrozenLaneEndsExactlyWhatWasNotTried cancels a backlog in the middle: what was taken
// back is never tried, and the rest is.
func TestFrozenLaneEndsExactlyWhatWasNotTried(t *testing.T) {
	const n = 600
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.backlog(1, 100_001, n)
		w.answer = func(_ context.Context, a *hook.Attempt) {
			time.Sleep(50 * time.Millisecond)
			a.Outcome, a.Status = hook.Success, 200
		}
	}, func(w *world, d *Dispatcher) {
		rest(300 * time.Millisecond)
		taken, flying := w.withdraw(d, 1, 100_001)
		if flying == 0 || taken == 0 {
			t.Fatalf("%d taken back with %d under way", taken, flying)
		}
		rest(10 * time.Second)
		if got := w.count(hook.Delivered); got != n-taken {
			t.Errorf("%d delivered, want %d - %d", got, n, taken)
		}
		// The lane goes on as before.
		m := w.publish(1)
		rest(time.Second)
		if got := w.delivery(100_001, m); got.State != hook.Delivered {
			t.Errorf("a message after it: %+v", got)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.claimed.count != 0 || d.claimed.bytes != 0 || d.fresh.count != 0 {
			t.Errorf("%+v claimed and %+v fresh left in memory", d.claimed, d.fresh)
		}
	})
}

// TestNothingBeginsInAFrozenLane freezes an endpoint before it has anything.
func TestNothingBeginsInAFrozenLane(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 2) }, func(w *world, d *Dispatcher) {
		if flying := d.Freeze(1, 100_001); len(flying) != 0 {
			t.Errorf("%d under way", len(flying))
		}
		d.Freeze(1, 100_001)
		m := w.publish(1)
		rest(2 * time.Minute) // longer than an idle lane stays
		if a, b := w.delivery(100_001, m), w.delivery(100_002, m); a.Attempts != 0 || b.Attempts != 1 {
			t.Errorf("frozen %+v, beside it %+v", a, b)
		}
		d.Thaw(100_001, nil)
		rest(time.Second)
		if a := w.delivery(100_001, m); a.Attempts != 0 {
			t.Errorf("thawed by one of two: %+v", a)
		}
		d.Thaw(100_001, nil)
		rest(time.Second)
		if a := w.delivery(100_001, m); a.State != hook.Delivered {
			t.Errorf("thawed: %+v", a)
		}
	})
}

// TestReplaysLeaveRoomForLiveMessages fills a lane with replays: a new message goes before
// them, from memory.
func TestReplaysLeaveRoomForLiveMessages(t *testing.T) {
	run(t, Options{LaneWindow: 64}, func(w *world) {
		w.app(1, 1)
		w.mu.Lock()
		for range 500 {
			m := &hook.Message{ID: hook.MessageID(w.clock.Next()), Application: 1, EventType: "a", Payload: []byte("{}")}
			w.messages[m.ID] = m
			w.put(hook.Delivery{Message: m.ID, Application: 1, Endpoint: 100_001, DueAt: time.Now(), Reason: hook.ReasonReplay})
		}
		w.mu.Unlock()
		w.answer = func(_ context.Context, a *hook.Attempt) {
			time.Sleep(time.Second)
			a.Outcome, a.Status = hook.Success, 200
		}
	}, func(w *world, d *Dispatcher) {
		rest(500 * time.Millisecond)
		m := w.publish(1)
		rest(1600 * time.Millisecond) // the rest of those under way, and its own
		if got := w.delivery(100_001, m); got.State != hook.Delivered {
			t.Errorf("a live message waits behind replays: %+v", got)
		}
		if w.spilled != 0 {
			t.Errorf("%d spilled", w.spilled)
		}
	})
}

// TestResendDoesNotWaitForAProbe asks for an attempt at an endpoint that rests and for which
// nothing else waits.
func TestResendDoesNotWaitForAProbe(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1).Environment.Settings.RetryPolicy = []time.Duration{} // one attempt each
		w.answer = refused
	}, func(w *world, d *Dispatcher) {
		for range 14 {
			w.publish(1)
		}
		rest(300 * time.Millisecond) // it rests, and the first probe is a second after that
		d.mu.Lock()
		open, at := d.lanes[100_001].breaker.open, d.lanes[100_001].breaker.probeAt
		d.mu.Unlock()
		if !open || time.Until(at) < 500*time.Millisecond {
			t.Fatalf("open %v, next probe in %v: not what this test is about", open, time.Until(at))
		}
		m := hook.MessageID(w.clock.Next())
		w.mu.Lock()
		w.messages[m] = &hook.Message{ID: m, Application: 1, EventType: "a", Payload: []byte("{}")}
		w.deliveries[pair{100_001, m}] = hook.Delivery{Message: m, Application: 1, Endpoint: 100_001, State: hook.Exhausted}
		w.mu.Unlock()
		w.resend(1, 100_001, m)
		rest(300 * time.Millisecond)
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, a := range w.attempts {
			if a.Message == m {
				return
			}
		}
		t.Error("a resend waits for the next probe")
	})
}

// TestFrozenLaneFillsNoBatch: what Freeze has reported as waiting does not go along with a
// head that was taken before.
func TestFrozenLaneFillsNoBatch(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		ep := w.ordered(1, hook.Order{BatchSize: 10})
		w.backlogInLine(1, ep, 5)
	}, func(w *world, d *Dispatcher) {
		rest(time.Minute)
		if got := w.count(hook.Delivered); got != 5 {
			t.Fatalf("%d of 5 delivered", got)
		}
		var once sync.Once
		var flying []hook.MessageID
		w.mu.Lock()
		w.planOf = func(app hook.ApplicationID) {
			d.mu.Lock()
			l := d.lanes[100_001]
			isTaken := l != nil && l.inFlight == 1 && l.lined == 4
			d.mu.Unlock()
			if !isTaken {
				return
			}
			once.Do(func() { flying = d.Freeze(app, 100_001) })
		}
		w.mu.Unlock()
		ids := w.backlogInLine(1, 100_001, 5)
		d.MadeDue(1, 100_001, time.Now())
		rest(time.Second)
		if len(flying) != 1 || flying[0] != ids[0] {
			t.Fatalf("under way: %v, want the head only", flying)
		}
		for _, id := range ids {
			if got := w.delivery(100_001, id); got.Attempts != 0 {
				t.Errorf("%d was tried while its lane stood still", id)
			}
		}
		d.Thaw(100_001, nil)
		rest(time.Minute)
		if got := w.count(hook.Delivered); got != 10 {
			t.Errorf("%d of 10 delivered after the thaw", got)
		}
	})
}

// backlogInLine adds deliveries in one line whose rows are due.
func (w *world) backlogInLine(app hook.ApplicationID, ep hook.EndpointID, n int) (ids []hook.MessageID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range n {
		m := &hook.Message{ID: hook.MessageID(w.clock.Next()), Application: app, EventType: "a", Payload: []byte("{}")}
		w.messages[m.ID] = m
		w.put(hook.Delivery{Message: m.ID, Application: app, Endpoint: ep, DueAt: m.Time(), Line: hook.LineOfKey("a")})
		ids = append(ids, m.ID)
	}
	return ids
}

// TestResendOutlivesTheCancellationOfItsPair: the row of a resend stays in the store while its
// pair waits in memory. It is read once the pair was taken back, as a replay is.
func TestResendOutlivesTheCancellationOfItsPair(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1).Endpoints[0].ThrottleRate = 1
		w.backlog(1, 100_001, 3)
	}, func(w *world, d *Dispatcher) {
		const ep = 100_001
		rest(1100 * time.Millisecond)
		w.mu.Lock()
		var last hook.MessageID
		for at := range w.deliveries {
			last = max(last, at.message)
		}
		w.mu.Unlock()
		w.resend(1, ep, last)
		rest(200 * time.Millisecond)
		if flying := d.Freeze(1, ep); len(flying) > 0 {
			t.Fatalf("%v are under way", flying)
		}
		w.mu.Lock()
		for k := range w.rows[ep] {
			if k.Trigger == hook.Scheduled {
				delete(w.rows[ep], k)
			}
		}
		w.mu.Unlock()
		d.Thaw(ep, func(due *store.Due) bool { return due.Row.Trigger == hook.Scheduled })
		rest(time.Minute)
		if got := w.delivery(ep, last); got.State != hook.Delivered {
			t.Errorf("the resend is %v after a minute", got.State)
		}
	})
}
