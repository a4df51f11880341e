package dispatch

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// pause puts endpoints of an application on hold, all of them for none, by the application's own hold.
func (w *world) pause(app hook.ApplicationID, endpoints ...hook.EndpointID) {
	h := &hook.Hold{Since: time.Now()}
	w.change(app, func(p *store.Plan) {
		if len(endpoints) == 0 {
			p.Application.Hold = h
		}
		for _, e := range p.Endpoints {
			for _, id := range endpoints {
				if e.ID == id {
					e.Hold = h
				}
			}
		}
	})
}

// resume ends all holds of an application.
func (w *world) resume(app hook.ApplicationID, perSecond int) {
	until, _ := (&hook.Hold{}).Resumed(1, time.Now())
	w.change(app, func(p *store.Plan) { // with mu
		if _, isKnown := w.resumed[until.ResumedAt]; !isKnown {
			w.resumed[until.ResumedAt] = hook.MessageID(w.clock.Next())
		}
		p.Application.Hold, _ = p.Application.Hold.Resumed(perSecond, time.Now())
		for _, e := range p.Endpoints {
			e.Hold, _ = e.Hold.Resumed(perSecond, time.Now())
		}
	})
}

// begin runs a Dispatcher of w beside the test until stop.
func begin(t *testing.T, w *world) (d *Dispatcher, stop func()) {
	d = New(w, w, w, nil, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	return d, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestHeldEndpointGetsNothingAndLosesNothing(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 2) }, func(w *world, d *Dispatcher) {
		const held, other = 100_001, 100_002
		w.publish(1)
		rest(time.Second)
		w.pause(1, held)
		for range 1000 {
			w.publish(1)
		}
		rest(time.Minute)
		if w.sentTo(held) != 1 || w.sentTo(other) != 1001 {
			t.Errorf("%d requests to the held endpoint and %d to the other, want 1 and 1001", w.sentTo(held), w.sentTo(other))
		}
		d.mu.Lock()
		if d.fresh.count != 0 || d.claimed.count != 0 || len(d.lanes) != 0 {
			t.Errorf("%d fresh, %d claimed, %d lanes while all that waits is in the store", d.fresh.count, d.claimed.count, len(d.lanes))
		}
		d.mu.Unlock()
		claims := w.claimed()
		for range 1000 {
			w.publishTo(1, w.plan(1).Endpoints[0])
		}
		rest(time.Hour)
		if n := w.claimed() - claims; n > 0 {
			t.Errorf("%d claims for an endpoint on hold", n)
		}
		w.resume(1, 0)
		rest(time.Minute)
		if got := w.count(hook.Delivered); got != 3002 || w.sentTo(held) != 2001 {
			t.Errorf("%d delivered and %d requests after the resume, want 3002 and 2001", got, w.sentTo(held))
		}
	})
}

func TestHoldStopsWhatWaitsInMemory(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1).Endpoints[0].ThrottleRate = 10
	}, func(w *world, d *Dispatcher) {
		for range 40 {
			w.publish(1)
		}
		rest(2050 * time.Millisecond)
		w.pause(1)
		sent := w.sentTo(100_001)
		rest(time.Hour)
		if sent < 20 || sent > 22 || w.sentTo(100_001) != sent {
			t.Errorf("%d requests before the pause and %d after, want about 21 and none", sent, w.sentTo(100_001)-sent)
		}
		d.mu.Lock()
		if d.fresh.count+d.claimed.count != 0 {
			t.Errorf("%d fresh and %d claimed are in memory", d.fresh.count, d.claimed.count)
		}
		d.mu.Unlock()
		w.resume(1, 0)
		rest(time.Minute)
		if got := w.count(hook.Delivered); got != 40 {
			t.Errorf("%d delivered, want 40", got)
		}
	})
}

func TestResendGoesThroughAHold(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1) }, func(w *world, d *Dispatcher) {
		w.publish(1)
		rest(time.Second)
		w.pause(1, 100_001)
		var ids []hook.MessageID
		for range 2000 {
			ids = append(ids, w.publish(1))
		}
		rest(time.Minute)
		w.resend(1, 100_001, ids[1500])
		rest(time.Second)
		if got := w.delivery(100_001, ids[1500]); got.State != hook.Delivered || w.sentTo(100_001) != 2 {
			t.Errorf("the resend came to %v after %d requests, want delivered and one", got.State, w.sentTo(100_001)-1)
		}
		// Again, with a lane and without one.
		w.resend(1, 100_001, ids[3])
		rest(time.Hour)
		w.resend(1, 100_001, ids[4])
		rest(time.Hour)
		if w.sentTo(100_001) != 4 {
			t.Errorf("%d requests, want 4", w.sentTo(100_001))
		}
		w.resume(1, 0)
		rest(time.Minute)
		if w.count(hook.Delivered) != 2001 || w.sentTo(100_001) != 2001 {
			t.Errorf("%d delivered after %d requests, want 2001 each", w.count(hook.Delivered), w.sentTo(100_001))
		}
	})
}

func TestResendFindsAnEndpointThatRests(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = refused }, func(w *world, d *Dispatcher) {
		for range 600 {
			w.publish(1)
		}
		rest(20 * time.Minute) // probed once a minute by now
		before := w.sentTo(100_001)
		var untried hook.MessageID
		for at, got := range w.deliveries {
			if got.Attempts == 0 {
				untried = max(untried, at.message)
			}
		}
		w.set(ok)
		w.resend(1, 100_001, untried)
		rest(500 * time.Millisecond)
		if got := w.delivery(100_001, untried); got.State != hook.Delivered || w.sentTo(100_001) == before {
			t.Errorf("the resend is %v after half a second, and the endpoint got %d requests", got.State, w.sentTo(100_001)-before)
		}
		rest(50 * time.Hour)
		if got := w.count(hook.Delivered); got != 600 {
			t.Errorf("%d delivered in the end, want 600", got)
		}
	})
}

func TestResumeSendsWhatWaitedAtItsPace(t *testing.T) {
	var s starts
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = s.wrap(w, ok) }, func(w *world, d *Dispatcher) {
		w.publish(1)
		rest(time.Second)
		w.pause(1, 100_001)
		for range 600 {
			w.publish(1)
		}
		rest(time.Minute)
		w.resume(1, 10)
		begun := time.Now()
		live := 0
		for time.Since(begun) < 55*time.Second {
			rest(500 * time.Millisecond)
			id := w.publish(1)
			live++
			rest(100 * time.Millisecond)
			if got := w.delivery(100_001, id); got.State != hook.Delivered {
				t.Fatalf("a live message is %v after 100 ms: it waits behind what waited", got.State)
			}
			if took := time.Since(begun).Seconds(); float64(w.sentTo(100_001)-1-live) > 10*(took+0.02)+1 {
				t.Fatalf("%d of what waited after %.1f s, want 10 a second", w.sentTo(100_001)-1-live, took)
			}
		}
		if n := w.sentTo(100_001) - 1 - live; n < 540 {
			t.Errorf("%d of what waited in 55 s, want about 550", n)
		}
		if w.plan(1).Endpoints[0].Hold == nil {
			t.Error("the hold is gone before all of it was sent")
		}
		rest(10 * time.Second)
		if got := w.count(hook.Delivered); got != 601+live {
			t.Errorf("%d delivered, want %d", got, 601+live)
		}
		if w.plan(1).Endpoints[0].Hold != nil {
			t.Error("the hold is left after all of it was sent")
		}
	})
}

func TestRetryDoesNotStandBehindWhatWaited(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1) }, func(w *world, d *Dispatcher) {
		w.publish(1)
		rest(time.Second)
		w.pause(1, 100_001)
		for range 600 {
			w.publish(1)
		}
		w.resume(1, 1)
		rest(time.Second)
		w.set(status(500, hook.Failed, hook.ReasonServer))
		id := w.publish(1)
		rest(100 * time.Millisecond)
		w.set(ok)
		rest(6500 * time.Millisecond)
		if got := w.delivery(100_001, id); got.State != hook.Delivered || got.Attempts != 2 {
			t.Errorf("the live message is %v after %d attempts, want delivered after its retry of 5 s", got.State, got.Attempts)
		}
	})
}

func TestApplicationOnHoldResumesAllItsEndpoints(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 300); w.app(2, 1) }, func(w *world, d *Dispatcher) {
		w.pause(1)
		for range 10 {
			w.publish(1)
			w.publish(2)
		}
		rest(time.Minute)
		if n := w.count(hook.Delivered); n != 10 {
			t.Errorf("%d delivered, want those of the other application", n)
		}
		w.resume(1, 5)
		rest(time.Second)
		if n := w.count(hook.Delivered); n > 10+300*7 || n < 10+300*4 {
			t.Errorf("%d delivered after a second, want about 5 at each endpoint", n-10)
		}
		rest(5 * time.Second)
		if n := w.count(hook.Delivered); n != 3010 {
			t.Errorf("%d delivered, want 3010", n)
		}
		if w.plan(1).Application.Hold != nil {
			t.Error("the hold is left")
		}
	})
}

func TestHoldOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.app(1, 1)
		w.plans[1].Endpoints[0].Hold = &hook.Hold{Since: time.Now()}
		w.backlog(1, 100_001, 500)
		first, stop := begin(t, w)
		rest(time.Minute)
		stop()
		if w.sentTo(100_001) != 0 {
			t.Errorf("%d requests to an endpoint on hold", w.sentTo(100_001))
		}
		first.check(t)
		w.resume(1, 0) // while nothing runs
		_, stop = begin(t, w)
		rest(time.Minute)
		if got := w.count(hook.Delivered); got != 500 {
			t.Errorf("%d delivered after the restart, want 500", got)
		}
		stop()
	})
}

func TestPauseAndResumeInQuickTurnsLoseNothing(t *testing.T) {
	run(t, Options{SpillAfter: 200 * time.Millisecond}, func(w *world) { w.app(1, 3) }, func(w *world, d *Dispatcher) {
		n := 0
		for i := range 300 {
			switch i % 6 {
			case 0:
				w.pause(1, 100_001)
			case 2:
				w.pause(1)
			case 3, 5:
				w.resume(1, []int{0, 50, 1000}[i%3])
			}
			for range 5 {
				w.publish(1)
				n++
			}
			time.Sleep(time.Duration(i*7%40) * time.Millisecond)
		}
		w.resume(1, 0)
		rest(time.Minute)
		if got := w.count(hook.Delivered); got != 3*n {
			t.Errorf("%d delivered, want %d", got, 3*n)
		}
	})
}

// sentTo returns how many requests an endpoint got.
func (w *world) sentTo(ep hook.EndpointID) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.requests[ep]
}

// claimed returns how often the store was asked for rows.
func (w *world) claimed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.claims
}

// TestRowsThatGoBackDuringAReadStillWait: a read that found nothing says nothing of what went
// back to the store meanwhile, because the endpoint was put on hold for a moment.
func TestRowsThatGoBackDuringAReadStillWait(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.ordered(1, hook.Order{Key: "k"})
	}, func(w *world, d *Dispatcher) {
		const ep = 100_001
		var slow atomic.Int64
		w.set(func(ctx context.Context, a *hook.Attempt) {
			switch {
			case int64(a.Message) != slow.Load():
				status(404, hook.Failed, hook.ReasonNotFound)(ctx, a)
			case a.N == 1:
				time.Sleep(20 * time.Second)
				refused(ctx, a)
			default:
				ok(ctx, a)
			}
		})
		w.sayFirst(1, "b", &slow)
		for range 3 {
			w.say(1, "a")
		}
		rest(time.Second)
		w.mu.Lock()
		w.late, w.lateEmpty = 40*time.Second, true
		w.mu.Unlock()
		d.MadeDue(1, ep, time.Now()) // a read that finds nothing new, and takes long
		rest(time.Second)
		w.pause(1, ep)
		rest(10 * time.Second) // the next attempt of the first "a" sees it, and all goes back
		w.resume(1, 1)
		rest(time.Minute) // "b" is tried once more, and knows of the end of the hold; then the read ends
		if e := w.plan(1).Endpoint(ep); e.Hold == nil {
			t.Error("the hold has ended, and three deliveries wait")
		}
		w.set(ok)
		rest(40 * time.Hour)
		if got := w.count(hook.Delivered); got != 4 {
			t.Errorf("%d delivered", got)
		}
	})
}

// TestRowsThatGoBackDuringAReadKeepTheirOrder: a read that was under way while the endpoint
// was on hold for a moment has left out what was in memory then, which goes first.
func TestRowsThatGoBackDuringAReadKeepTheirOrder(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.ordered(1, hook.Order{Key: "k"})
	}, func(w *world, _ *Dispatcher) {
		var first atomic.Int64
		w.set(func(ctx context.Context, a *hook.Attempt) {
			if int64(a.Message) == first.Load() && a.N == 1 {
				status(404, hook.Failed, hook.ReasonNotFound)(ctx, a)
				return
			}
			ok(ctx, a)
		})
		w.sayFirst(1, "a", &first)
		w.say(1, "a")
		rest(time.Second)
		w.mu.Lock()
		w.late = 10 * time.Second
		w.mu.Unlock()
		w.say(1, "a")
		rest(time.Second)
		w.pause(1, 100_001)
		rest(6 * time.Second) // the second attempt of the first sees it, and two go back
		w.resume(1, 0)
		rest(time.Hour)
		if got := w.count(hook.Delivered); got != 3 {
			t.Errorf("%d delivered", got)
		}
	})
}
