package dispatch

import (
	"context"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func TestFreshDeliveryIsSentAtOnce(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 3) }, func(w *world, d *Dispatcher) {
		start := time.Now()
		w.publish(1)
		rest(50 * time.Millisecond)
		if got := w.count(hook.Delivered); got != 3 {
			t.Errorf("%d delivered, want 3", got)
		}
		for _, a := range w.attempts {
			if a.N != 1 || a.StartedAt.Sub(start) > time.Millisecond {
				t.Errorf("attempt %d began after %v", a.N, a.StartedAt.Sub(start))
			}
		}
		if w.claims != 0 {
			t.Errorf("%d claims, want none: it was handed over in memory", w.claims)
		}
	})
}

func TestRetriesFollowTheSchedule(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = refused }, func(w *world, d *Dispatcher) {
		m := w.publish(1)
		rest(60 * time.Hour)
		policy := hook.DefaultRetryPolicy()
		if len(w.attempts) != len(policy)+1 {
			t.Fatalf("%d attempts, want %d", len(w.attempts), len(policy)+1)
		}
		for i := 1; i < len(w.attempts); i++ {
			a, step := w.attempts[i], policy[i-1]
			before := w.attempts[i-1]
			gap := a.StartedAt.Sub(before.StartedAt.Add(before.Took))
			if least, most := step*8/10, step*12/10+100*time.Millisecond; gap < least || gap > most {
				t.Errorf("attempt %d came after %v, want %v to %v", i+1, gap, least, most)
			}
			if a.N != i+1 {
				t.Errorf("attempt %d has number %d", i+1, a.N)
			}
			if !before.NextAt.Equal(before.NextAt.Truncate(time.Millisecond)) || a.StartedAt.Before(before.NextAt) {
				t.Errorf("attempt %d began at %v, announced for %v", i+1, a.StartedAt, before.NextAt)
			}
		}
		got := w.delivery(100_001, m)
		if got.State != hook.Exhausted || got.Reason != hook.ReasonConnectRefused {
			t.Errorf("delivery ended as %+v", got)
		}
		if !w.attempts[7].NextAt.IsZero() {
			t.Error("the last attempt announces a next one")
		}
	})
}

func TestDueRowsOfAStartAreSent(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 2)
		w.backlog(1, 100_001, 700)
		w.backlog(1, 100_002, 3)
	}, func(w *world, d *Dispatcher) {
		rest(5 * time.Second)
		if got := w.count(hook.Delivered); got != 703 {
			t.Errorf("%d delivered, want 703", got)
		}
		if w.claims > 20 {
			t.Errorf("%d claims for 703 rows: rows are to be claimed in batches", w.claims)
		}
	})
}

func TestIdleDispatcherDoesNothing(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1) }, func(w *world, d *Dispatcher) {
		w.publish(1)
		rest(time.Minute)
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.parked) != 0 {
			t.Errorf("after a minute of rest %d workers still wait", len(d.parked))
		}
		if len(d.lanes) != 0 || len(d.tenants) != 0 || len(d.wakes.heap) != 0 || !d.spillAt.IsZero() || !d.armed.IsZero() {
			t.Errorf("after a minute of rest: %d lanes, %d tenants, timer at %v", len(d.lanes), len(d.tenants), d.armed)
		}
		if w.claims != 0 {
			t.Errorf("%d claims", w.claims)
		}
	})
}

// TestWorkersComeBackAfterARest publishes again once the workers have been dismissed.
func TestWorkersComeBackAfterARest(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 3) }, func(w *world, _ *Dispatcher) {
		for range 3 {
			w.publish(1)
			rest(time.Minute)
		}
		if got := w.count(hook.Delivered); got != 9 {
			t.Errorf("%d delivered, want 9", got)
		}
	})
}

func TestHeldStoreSendsNothingUntilRelease(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.held = true
		w.backlog(1, 100_001, 5)
	}, func(w *world, d *Dispatcher) {
		w.publish(1)
		rest(time.Minute)
		if len(w.requests) != 0 {
			t.Fatalf("%v requests while sending is stopped", w.requests)
		}
		w.SetHold(t.Context(), false)
		w.handoff.MadeDue(1, 100_001, time.Now()) // as the store does on a release
		rest(2 * time.Second)
		if got := w.count(hook.Delivered); got != 6 {
			t.Errorf("%d delivered after the release, want 6", got)
		}
		d.SetHeld(t.Context(), true)
		w.SetHold(t.Context(), true)
		w.publish(1)
		rest(time.Minute)
		if got := w.count(hook.Delivered); got != 6 {
			t.Errorf("%d delivered after sending was stopped, want 6", got)
		}
	})
}

// TestHoldStillStoresOutcomes: what was under way ends, and what waited in memory is
// given back, so that a restart during the hold finds it.
func TestHoldStillStoresOutcomes(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		bad := 0
		w.finishErr = func(*store.Finished) error {
			if bad++; bad == 1 {
				return errDisk
			}
			return nil
		}
		w.answer = func(ctx context.Context, a *hook.Attempt) { time.Sleep(time.Second); ok(ctx, a) }
	}, func(w *world, d *Dispatcher) {
		for range 50 {
			w.publish(1)
		}
		rest(500 * time.Millisecond)
		w.SetHold(t.Context(), true)
		d.SetHeld(t.Context(), true)
		rest(30 * time.Second)
		if got := w.count(hook.Delivered); got != startWidth {
			t.Errorf("%d delivered, want the %d that were under way", got, startWidth)
		}
		if w.spilled != 50-startWidth {
			t.Errorf("%d given back, want the other %d", w.spilled, 50-startWidth)
		}
	})
}

func TestDrainLetsAttemptsFinishAndGivesBackTheRest(t *testing.T) {
	var w *world
	run(t, Options{}, func(nw *world) {
		w = nw
		w.app(1, 1)
		w.answer = func(ctx context.Context, a *hook.Attempt) {
			select {
			case <-time.After(5 * time.Second):
				a.Outcome, a.Status = hook.Success, 200
			case <-ctx.Done():
				a.Outcome, a.Reason = hook.Failed, hook.ReasonCanceled
			}
		}
	}, func(w *world, d *Dispatcher) {
		for range 100 {
			w.publish(1)
		}
		rest(time.Second)
	})
	if got := w.count(hook.Delivered); got != startWidth {
		t.Errorf("%d delivered, want the %d that were under way", got, startWidth)
	}
	if got := w.count(hook.Delivered) + w.spilled; got != 100 {
		t.Errorf("%d delivered or given back, want all 100", got)
	}
	for at, d := range w.deliveries {
		if d.Fresh {
			t.Errorf("%v is still fresh after a clean end", at)
		}
	}
}

func TestDrainCutsHungAttemptsWithoutRecordingThem(t *testing.T) {
	var w *world
	run(t, Options{DrainTimeout: 8 * time.Second}, func(nw *world) {
		w = nw
		w.app(1, 1)
		w.answer = hang
		w.backlog(1, 100_001, 3)
	}, func(w *world, d *Dispatcher) {
		w.publish(1)
		rest(time.Second)
	})
	if len(w.attempts) != 0 {
		t.Errorf("%d attempts recorded, want none: they were cut", len(w.attempts))
	}
	if len(w.rows[100_001]) != 4 {
		t.Errorf("%d due rows, want 4", len(w.rows[100_001]))
	}
	for at, d := range w.deliveries {
		if d.State != hook.Pending || d.Attempts != 0 || d.Fresh {
			t.Errorf("%v is %+v, want pending as before", at, d)
		}
	}
}

func TestResultThatCannotBeStoredIsNotRepeated(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		bad := 0
		w.finishErr = func(*store.Finished) error {
			if bad++; bad <= 5 {
				return errDisk
			}
			return nil
		}
	}, func(w *world, d *Dispatcher) {
		m := w.publish(1)
		rest(30 * time.Second)
		if w.requests[100_001] != 1 || w.delivery(100_001, m).State != hook.Delivered {
			t.Errorf("%d requests and state %v, want 1 and delivered", w.requests[100_001], w.delivery(100_001, m).State)
		}
	})
}

func TestSpillGivesBackWhatWaitsTooLong(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = hang }, func(w *world, d *Dispatcher) {
		for range 100 {
			w.publish(1)
		}
		rest(6 * time.Second)
		w.mu.Lock()
		spilled := w.spilled
		w.mu.Unlock()
		if spilled != 100-startWidth {
			t.Errorf("%d given back after 6 s, want the %d that are not under way", spilled, 100-startWidth)
		}
		w.set(ok)
		rest(10 * time.Minute)
		if got := w.count(hook.Delivered); got != 100 {
			t.Errorf("%d delivered in the end, want 100", got)
		}
	})
}

func TestFailedSpillNeitherLosesNorRepeats(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.answer = hang
		bad := 0
		w.spillErr = func() error {
			if bad++; bad <= 3 {
				return errDisk
			}
			return nil
		}
	}, func(w *world, d *Dispatcher) {
		for range 50 {
			w.publish(1)
		}
		rest(14 * time.Second)
		w.set(ok)
		rest(10 * time.Minute)
		if got := w.count(hook.Delivered); got != 50 {
			t.Errorf("%d delivered, want 50", got)
		}
	})
}

func TestWithdrawnPlacesAreFree(t *testing.T) {
	run(t, Options{MaxFresh: 4}, func(w *world) { w.app(1, 1) }, func(w *world, d *Dispatcher) {
		var due []store.Due
		for d.Admit(1, 100_001, 100) {
			due = append(due, store.Due{Delivery: hook.Delivery{Endpoint: 100_001, Application: 1}, Message: &hook.Message{}})
		}
		if len(due) == 0 || len(due) > 4 {
			t.Fatalf("%d places, want 1 to 4", len(due))
		}
		d.Withdraw(due)
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.fresh.count != 0 || d.fresh.bytes != 0 {
			t.Errorf("%+v left after everything was withdrawn", d.fresh)
		}
	})
}

func TestPanickingSenderFailsOneAttempt(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1) }, func(w *world, d *Dispatcher) {
		d.sender = panics{}
		m := w.publish(1)
		rest(time.Second)
		if got := w.delivery(100_001, m); got.State != hook.Pending || got.Attempts != 1 || got.Reason != hook.ReasonInternal {
			t.Errorf("got %+v, want a failed attempt with a retry", got)
		}
	})
}

type panics struct{}

func (panics) Send(context.Context, *hook.Message, *hook.Endpoint, *hook.Environment, *hook.Attempt) {
	panic("boom")
}

func TestAnswersOfReceivedWebhooksAreTold(t *testing.T) {
	type told struct {
		m        *hook.Message
		n        int
		outcome  hook.Outcome
		recorded int // attempts in the store by then
	}
	var heard []told // one worker at a time: one endpoint, one delivery
	var books *world
	o := Options{Answered: func(m *hook.Message, a *hook.Attempt) {
		books.mu.Lock()
		defer books.mu.Unlock()
		heard = append(heard, told{m, a.N, a.Outcome, len(books.attempts)})
	}}
	run(t, o, func(w *world) { books = w; w.app(1, 1); w.answer = refused }, func(w *world, d *Dispatcher) {
		inbound := w.append(&hook.Message{
			ID: hook.MessageID(w.clock.Next()), Application: 1, EventType: "a", RawBody: []byte("x"), Inbound: &hook.Inbound{Provider: "slack"},
		}, w.plan(1).Endpoints...)
		rest(time.Second)
		w.set(ok)
		rest(10 * time.Second)
		if len(heard) != 2 || heard[0] != (told{inbound, 1, hook.Failed, 0}) || heard[1] != (told{inbound, 2, hook.Success, 1}) {
			t.Errorf("heard %+v of %p", heard, inbound)
		}
		w.publish(1)
		rest(time.Second)
		if len(heard) != 2 || len(w.attempts) != 3 {
			t.Errorf("heard of %d attempts after a published message, %d made", len(heard), len(w.attempts))
		}
	})
}
