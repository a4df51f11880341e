package dispatch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// TestStartWithManyDueEndpoints: more endpoints than get a lane at once.
func TestStartWithManyDueEndpoints(t *testing.T) {
	const n = 3 * maxWanting / 2
	run(t, Options{}, func(w *world) {
		w.app(1, n)
		for i := range n {
			w.backlog(1, hook.EndpointID(100_001+i), 1)
		}
	}, func(w *world, d *Dispatcher) {
		rest(time.Minute)
		if got := w.count(hook.Delivered); got != n {
			t.Errorf("%d delivered, want %d", got, n)
		}
	})
}

// TestAnyCourseOfEventsKeepsThePromises lets receivers, owners, operators and the disk
// do anything at any time, restarts included, and then lets all be well. The world
// fails the test on two attempts of a pair at once, on an attempt before its time, and
// on an outcome for what is not there. In the end every delivery must have ended, the
// number of requests must be the number of recorded attempts (plus those cut by a
// stop), and the books must balance.
func TestAnyCourseOfEventsKeepsThePromises(t *testing.T) {
	seeds := uint64(150)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		isGood := t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { simulate(t, seed) })
		})
		if !isGood {
			return
		}
	}
}

// slowReads lets reads of rows take long, before or after they are made, and some fail. rng and
// faulty are guarded by mu.
func (w *world) slowReads(rng *rand.Rand, faulty *bool) func() error {
	return func() error {
		w.mu.Lock()
		dice, wait := rng.IntN(100), time.Duration(rng.IntN(3000))*time.Millisecond
		isFaulty := *faulty
		w.late, w.lateEmpty = 0, isFaulty && dice%2 == 0
		if isFaulty && dice >= 50 && dice < 70 {
			w.late = wait // of whoever reads next
		}
		w.mu.Unlock()
		switch {
		case !isFaulty:
		case dice < 8:
			return errDisk
		case dice < 25:
			time.Sleep(wait)
		}
		return nil
	}
}

func simulate(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(t)
	w.commit = time.Duration(rng.IntN(30)) * time.Millisecond
	apps := hook.ApplicationID(1 + rng.IntN(4))
	for a := range apps {
		w.app(a+1, 1+rng.IntN(5))
	}
	o := Options{MaxInFlight: 2 + rng.IntN(64), MaxFresh: 1 + rng.IntN(200), LaneWindow: 1 + rng.IntN(100), DrainTimeout: time.Duration(1+rng.IntN(20)) * time.Second}
	var cut int // attempts that a stop cut
	answer := func(ctx context.Context, a *hook.Attempt) {
		w.mu.Lock()
		dice, wait := rng.IntN(100), time.Duration(rng.IntN(3000))*time.Millisecond
		w.mu.Unlock()
		defer func() {
			if a.Reason == hook.ReasonCanceled {
				w.mu.Lock()
				cut++
				w.mu.Unlock()
			}
		}()
		switch {
		case dice < 10:
			hang(ctx, a)
			return
		case dice < 30:
			refused(ctx, a)
			return
		case dice < 35:
			status(429, hook.Failed, hook.ReasonThrottled)(ctx, a)
			a.RetryAfter = wait * 20
			return
		case dice < 36:
			status(410, hook.Gone, hook.ReasonGone)(ctx, a)
			return
		case dice < 40:
			status(404, hook.Failed, hook.ReasonNotFound)(ctx, a)
			return
		}
		select {
		case <-time.After(wait):
			a.Outcome, a.Status = hook.Success, 200
		case <-ctx.Done():
			a.Outcome, a.Reason = hook.Failed, hook.ReasonCanceled
		}
	}
	w.set(answer)
	faulty := true
	w.finishErr = func(*store.Finished) error { // called with mu
		if faulty && rng.IntN(20) == 0 {
			return errDisk
		}
		return nil
	}
	w.spillErr = func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if faulty && rng.IntN(3) == 0 {
			return errDisk
		}
		return nil
	}
	w.keptErr = w.spillErr
	w.claimErr = w.slowReads(rng, &faulty)

	d, stop := w.start(t, o)
	var published []pair
	for range 200 {
		// rng is shared with the receivers, so it is asked under mu.
		w.mu.Lock()
		dice, app, n, pick := rng.IntN(100), hook.ApplicationID(1+rng.IntN(int(apps))), rng.IntN(12), rng.IntN(1<<30)
		w.mu.Unlock()
		eps := w.plan(app).Endpoints
		ep := eps[pick%len(eps)]
		switch {
		case dice < 55:
			for range n {
				m := w.publish(app)
				published = append(published, pair{ep.ID, m})
			}
		case dice < 65 && len(published) > 0:
			p := published[pick%len(published)]
			w.mu.Lock()
			owner := w.messages[p.message].Application
			w.mu.Unlock()
			w.resend(owner, p.endpoint, p.message)
		case dice < 68:
			w.UpdateEndpoint(t.Context(), app, ep.ID, nil, func(e *hook.Endpoint) error {
				e.Disabled, e.UpdatedAt = !e.Disabled, time.Now()
				return nil
			})
		case dice < 72:
			w.UpdateEndpoint(t.Context(), app, ep.ID, nil, func(e *hook.Endpoint) error {
				e.ThrottleRate, e.UpdatedAt = n, time.Now()
				return nil
			})
		case dice < 75:
			w.SetHold(t.Context(), true)
			d.SetHeld(t.Context(), true)
			time.Sleep(time.Duration(n) * 4 * time.Second)
			w.SetHold(t.Context(), false)
			d.SetHeld(t.Context(), false)
		case dice < 78:
			w.mu.Lock()
			faulty = false // a stop that cannot store is a crash, which is the store's test
			w.mu.Unlock()
			time.Sleep(5 * time.Second)
			stop()
			d, stop = w.start(t, o)
			w.mu.Lock()
			faulty = true
			w.mu.Unlock()
		default:
			time.Sleep(time.Duration(pick % int(20*time.Second)))
		}
	}

	// All is well from here on, for longer than the schedule lasts.
	w.mu.Lock()
	faulty = false
	w.mu.Unlock()
	w.set(ok)
	rest(40 * time.Hour)
	w.mu.Lock()
	for at, got := range w.deliveries {
		if !got.State.IsFinal() || got.Fresh {
			t.Errorf("%v has not ended: %+v", at, got)
		}
	}
	left := 0
	for _, rows := range w.rows {
		left += len(rows)
	}
	requests := 0
	for _, n := range w.requests {
		requests += n
	}
	if left != 0 {
		t.Errorf("%d due rows left", left)
	}
	if requests != len(w.attempts)+cut {
		t.Errorf("%d requests, %d recorded and %d cut", requests, len(w.attempts), cut)
	}
	d.mu.Lock()
	if n := d.claimed.count + d.fresh.count + d.claimed.bytes + d.fresh.bytes + len(d.lanes) + len(d.tenants); n != 0 {
		t.Errorf("in memory in the end: %s", fmt.Sprintf("%+v %+v, %d lanes, %d tenants", d.fresh, d.claimed, len(d.lanes), len(d.tenants)))
	}
	d.mu.Unlock()
	w.mu.Unlock()
	stop()
}
