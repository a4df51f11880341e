package dispatch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// ordered makes an endpoint ordered by key, which in these tests is the event type.
func (w *world) ordered(app hook.ApplicationID, o hook.Order) hook.EndpointID {
	e := w.plans[app].Endpoints[0]
	e.Order = &o
	return e.ID
}

// say publishes a message with a key.
func (w *world) say(app hook.ApplicationID, key string) hook.MessageID {
	return w.append(&hook.Message{ID: hook.MessageID(w.clock.Next()), Application: app, EventType: key, Payload: []byte("{}")}, w.plan(app).Endpoints...).ID
}

// sayFirst is say, and tells the id before anybody gets the message.
func (w *world) sayFirst(app hook.ApplicationID, key string, id *atomic.Int64) {
	m := &hook.Message{ID: hook.MessageID(w.clock.Next()), Application: app, EventType: key, Payload: []byte("{}")}
	id.Store(int64(m.ID))
	w.append(m, w.plan(app).Endpoints...)
}

// cancelAll ends all that is due at an endpoint, what is being tried included, as a store does.
func (w *world) cancelAll(d *Dispatcher, app hook.ApplicationID, ep hook.EndpointID) {
	flying := map[hook.MessageID]bool{}
	for _, id := range d.Freeze(app, ep) {
		flying[id] = true
	}
	gone := map[store.DueKey]bool{}
	w.mu.Lock()
	for k := range w.rows[ep] {
		delete(w.rows[ep], k)
		gone[k] = true
		at := pair{ep, k.Message}
		w.cancelled[at] = flying[k.Message]
		if old := w.deliveries[at]; k.Trigger == hook.Scheduled {
			w.deliveries[at] = old.End(hook.Cancelled, hook.ReasonCanceled)
		}
	}
	w.mu.Unlock()
	d.Thaw(ep, func(due *store.Due) bool { return gone[due.Row] })
}

// TestHeadBlocksItsLineOnly: what fails holds back its own key, and nothing else.
func TestHeadBlocksItsLineOnly(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.ordered(1, hook.Order{Key: "k"})
	}, func(w *world, _ *Dispatcher) {
		var first atomic.Int64
		w.set(func(ctx context.Context, a *hook.Attempt) {
			if int64(a.Message) == first.Load() {
				status(404, hook.Failed, hook.ReasonNotFound)(ctx, a)
				return
			}
			ok(ctx, a)
		})
		w.sayFirst(1, "a", &first)
		second, other := w.say(1, "a"), w.say(1, "b")
		rest(time.Minute)
		if got := w.delivery(100_001, other).State; got != hook.Delivered {
			t.Errorf("another key is %v", got)
		}
		if got := w.delivery(100_001, second); got.Attempts != 0 {
			t.Errorf("behind the head: %+v", got)
		}
		w.set(ok)
		rest(10 * time.Minute)
		if got := w.delivery(100_001, second).State; got != hook.Delivered {
			t.Errorf("after the head it is %v", got)
		}
	})
}

// TestHeadIsSkipped: a line goes on once its head has failed as often as its owner said.
func TestHeadIsSkipped(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.ordered(1, hook.Order{SkipAfter: 2})
		w.answer = status(404, hook.Failed, hook.ReasonNotFound)
	}, func(w *world, _ *Dispatcher) {
		first := w.say(1, "a")
		rest(time.Second)
		w.set(ok)
		second := w.say(1, "a")
		w.set(status(404, hook.Failed, hook.ReasonNotFound))
		rest(10 * time.Second)
		w.set(ok)
		rest(time.Minute)
		if got := w.delivery(100_001, first); got.State != hook.Exhausted || got.Reason != hook.ReasonSkipped || got.Attempts != 2 {
			t.Errorf("the head: %+v", got)
		}
		if got := w.delivery(100_001, second); got.State != hook.Delivered && got.Attempts == 0 {
			t.Errorf("behind it: %+v", got)
		}
	})
}

// TestResendDoesNotWaitForItsLine: a person gets an attempt of what stands behind a blocked
// head, and its success takes it out of the line.
func TestResendDoesNotWaitForItsLine(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.ordered(1, hook.Order{})
	}, func(w *world, _ *Dispatcher) {
		var first atomic.Int64
		w.set(func(ctx context.Context, a *hook.Attempt) {
			if int64(a.Message) == first.Load() {
				status(404, hook.Failed, hook.ReasonNotFound)(ctx, a)
				return
			}
			ok(ctx, a)
		})
		w.sayFirst(1, "a", &first)
		second, third := w.say(1, "a"), w.say(1, "a")
		rest(10 * time.Second)
		w.resend(1, 100_001, second)
		rest(time.Second)
		if got := w.delivery(100_001, second); got.State != hook.Delivered || got.Attempts != 1 {
			t.Errorf("after the resend: %+v", got)
		}
		if got := w.delivery(100_001, third); got.Attempts != 0 {
			t.Errorf("behind it: %+v", got)
		}
		w.set(ok)
		rest(40 * time.Hour)
		if got := w.delivery(100_001, third).State; got != hook.Delivered {
			t.Errorf("in the end: %v", got)
		}
	})
}

// TestHurryTriesHeadsAtOnce: a head in the middle of its schedule is tried now.
func TestHurryTriesHeadsAtOnce(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.ordered(1, hook.Order{})
		w.answer = refused
	}, func(w *world, d *Dispatcher) {
		first := w.say(1, "a")
		rest(time.Minute)
		w.set(ok)
		w.mu.Lock()
		w.hurried[100_001] = true
		w.mu.Unlock()
		d.Hurry(100_001)
		rest(time.Second)
		if got := w.delivery(100_001, first); got.State != hook.Delivered || got.Attempts != 3 {
			t.Errorf("after the hurry: %+v", got)
		}
	})
}

// TestBusyKeyDoesNotFillTheMemory: a long line behind a head that fails stays in the store,
// and the memory for deliveries is left to others.
func TestBusyKeyDoesNotFillTheMemory(t *testing.T) {
	run(t, Options{LaneWindow: 64, MaxFresh: 256}, func(w *world) {
		w.app(1, 1)
		w.app(2, 1)
		w.ordered(1, hook.Order{Key: "k"})
		w.answer = func(ctx context.Context, a *hook.Attempt) {
			if a.Application == 1 {
				status(404, hook.Failed, hook.ReasonNotFound)(ctx, a)
				return
			}
			ok(ctx, a)
		}
	}, func(w *world, d *Dispatcher) {
		for range 1000 {
			w.say(1, "a")
		}
		rest(time.Minute)
		d.mu.Lock()
		if n := d.claimed.count; n > 64 {
			t.Errorf("%d in memory", n)
		}
		d.mu.Unlock()
		m := w.publish(2)
		rest(time.Second)
		if got := w.delivery(200_001, m).State; got != hook.Delivered {
			t.Errorf("another endpoint's is %v", got)
		}
		w.set(ok)
		rest(40 * time.Hour)
		if got := w.count(hook.Delivered); got != 1001 {
			t.Errorf("%d delivered", got)
		}
	})
}

// TestAnyCourseOfEventsKeepsTheOrder lets receivers, the disk, people and the operator do
// anything to ordered endpoints. The world fails the test on an attempt out of line.
func TestAnyCourseOfEventsKeepsTheOrder(t *testing.T) {
	seeds := uint64(150)
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			})
			simulateOrder(t, seed)
		})
		if t.Failed() {
			return
		}
	}
}

func simulateOrder(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 11))
	w := newWorld(t)
	w.commit = time.Duration(rng.IntN(30)) * time.Millisecond
	w.app(1, 2) // the second endpoint is not ordered
	w.ordered(1, hook.Order{Key: "k", SkipAfter: rng.IntN(4), BatchSize: rng.IntN(6), MaxWait: time.Duration(rng.IntN(3)) * time.Second})
	w.app(2, 1)
	w.ordered(2, hook.Order{BatchSize: rng.IntN(3)})
	o := Options{MaxInFlight: 2 + rng.IntN(32), MaxFresh: 8 + rng.IntN(100), LaneWindow: 2 + rng.IntN(60), DrainTimeout: time.Duration(1+rng.IntN(20)) * time.Second}
	faulty := true
	chance := func(n int) int { w.mu.Lock(); defer w.mu.Unlock(); return rng.IntN(n) }
	w.set(func(ctx context.Context, a *hook.Attempt) {
		switch dice := chance(100); {
		case dice < 5:
			hang(ctx, a)
		case dice < 15:
			refused(ctx, a)
		case dice < 18:
			status(429, hook.Failed, hook.ReasonThrottled)(ctx, a)
			a.RetryAfter = time.Duration(dice) * time.Second
		case dice < 30:
			status(404, hook.Failed, hook.ReasonNotFound)(ctx, a)
		default:
			select {
			case <-time.After(time.Duration(dice) * 10 * time.Millisecond):
				a.Outcome, a.Status = hook.Success, 200
			case <-ctx.Done():
				a.Outcome, a.Reason = hook.Failed, hook.ReasonCanceled
			}
		}
	})
	w.finishErr = func(*store.Finished) error { // called with mu
		if faulty && rng.IntN(20) == 0 {
			return errDisk
		}
		return nil
	}
	w.claimErr = w.slowReads(rng, &faulty)
	d, stop := w.start(t, o)
	var published []pair
	for range 150 {
		dice, app, n := chance(100), hook.ApplicationID(1+chance(2)), chance(12)
		ep := w.plan(app).Endpoints[0].ID
		switch {
		case dice < 50:
			for range n {
				published = append(published, pair{ep, w.say(app, fmt.Sprint(chance(4)))})
			}
		case dice < 60 && len(published) > 0:
			p := published[chance(len(published))]
			w.resend(hook.ApplicationID(p.endpoint/100_000), p.endpoint, p.message)
		case dice < 63:
			w.mu.Lock()
			w.hurried[ep] = true
			w.mu.Unlock()
			d.Hurry(ep)
		case dice < 66:
			w.cancelAll(d, app, ep)
		case dice < 69:
			w.UpdateEndpoint(t.Context(), app, ep, nil, func(e *hook.Endpoint) error {
				e.Disabled, e.UpdatedAt = !e.Disabled, time.Now()
				return nil
			})
		case dice < 72:
			w.pause(app, [][]hook.EndpointID{{ep}, nil}[chance(2)]...)
		case dice < 76:
			w.resume(app, []int{0, 1, 30}[chance(3)])
		case dice < 80:
			w.mu.Lock()
			faulty = false
			w.mu.Unlock()
			time.Sleep(5 * time.Second)
			stop()
			d, stop = w.start(t, o)
			w.mu.Lock()
			faulty = true
			w.mu.Unlock()
		default:
			time.Sleep(time.Duration(chance(int(time.Minute))))
		}
	}
	w.mu.Lock()
	faulty = false
	w.mu.Unlock()
	w.set(ok)
	w.resume(1, 50)
	w.resume(2, 0)
	rest(10 * 40 * time.Hour)
	w.mu.Lock()
	for at, got := range w.deliveries {
		if !got.State.IsFinal() || got.Fresh {
			t.Errorf("%v has not ended: %+v", at, got)
		}
	}
	for ep, rows := range w.rows {
		if len(rows) != 0 {
			t.Errorf("%d due rows of %d left", len(rows), ep)
		}
	}
	d.mu.Lock()
	if n := d.claimed.count + d.fresh.count + d.claimed.bytes + d.fresh.bytes + len(d.lanes) + len(d.tenants); n != 0 {
		for _, l := range d.lanes {
			t.Logf("lane %d: held %d behind %v claiming %v asked %v isHeld %v looked %v drain %+v flying %d skipped %v reserved %d lined %d inflight %d breaker %v", l.endpoint, len(l.held), l.isBehind, l.claiming, l.isAskedFor, l.isHeld, l.isLooked, l.drain, l.drainFlying, l.skipped, l.reserved, l.lined, l.inFlight, l.breaker.open)
		}
		t.Errorf("in memory in the end: %+v %+v, %d lanes, %d tenants", d.fresh, d.claimed, len(d.lanes), len(d.tenants))
	}
	d.mu.Unlock()
	w.mu.Unlock()
	stop()
}

// TestClockSetBackHoldsNoLine: keys run ahead of a clock that was set back, and places in line
// with them; a message goes at once all the same, also after a start.
func TestClockSetBackHoldsNoLine(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.ordered(1, hook.Order{})
		w.clock = hook.NewKeyClock(0, hook.KeyAt(time.Now().Add(time.Hour)), time.Now)
		m := &hook.Message{ID: hook.MessageID(w.clock.Next()), Application: 1, EventType: "a"}
		w.messages[m.ID] = m
		w.put(hook.Delivery{Message: m.ID, Application: 1, Endpoint: 100_001, DueAt: m.Time(), Line: hook.LineOfKey("a")})
	}, func(w *world, _ *Dispatcher) {
		w.say(1, "b")
		rest(5 * time.Second)
		if got := w.count(hook.Delivered); got != 2 {
			t.Errorf("%d of 2 were delivered within 5 s", got)
		}
	})
}

// TestLineRestsThroughAStepOfTheClock: a clock that is set forward, as after a laptop's sleep,
// reaches times that the process has not waited for.
func TestLineRestsThroughAStepOfTheClock(t *testing.T) {
	now := time.Now()
	stepped := forward(t, now)
	w := newWorld(t)
	l := New(w, w, w, nil, Options{}).lane(1, 1)
	waits := hook.Delivery{Message: 1, Line: 7, NotBefore: now.Add(time.Minute)}
	it := newItem(l, store.Due{Message: &hook.Message{ID: 1}, Delivery: waits, Row: store.DueKey{Message: 1}}, 1, now)
	l.join(it, now)
	taken := make(chan *item, 1)
	go func() {
		got, _ := l.take(stepped)
		taken <- got
	}()
	select {
	case got := <-taken:
		if got != it {
			t.Errorf("taken is %v", got)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the lane looks at its clock for ever")
	}
}

// forward returns the same moment of the process, an hour later by the clock.
func forward(t *testing.T, now time.Time) time.Time {
	t.Helper()
	stepped := now
	(*struct { // as time.Time is made
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&stepped)).wall += 3600 << 30
	if stepped.Sub(now) != 0 || stepped.Round(0).Sub(now.Round(0)) != time.Hour {
		t.Fatal("this Go makes a time.Time in another way: mend how it is set here")
	}
	return stepped
}

// TestPauseRestsThroughAStepOfTheClock: a lane that waits by the clock of the process is looked
// at again when that has come so far, and not all the time.
func TestPauseRestsThroughAStepOfTheClock(t *testing.T) {
	now := time.Now()
	stepped := forward(t, now)
	w := newWorld(t)
	d := New(w, w, w, nil, Options{})
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lane(1, 1)
	it := newItem(l, store.Due{Message: &hook.Message{ID: 1}, Delivery: hook.Delivery{Message: 1}, Row: store.DueKey{Message: 1}}, 1, now)
	l.held[1] = it
	l.enqueue(it, now)
	l.pausedUntil = now.Add(time.Minute)
	d.wakes.remove(l) // its end, if nothing comes
	d.makeReady(l)
	if got := d.pick(stepped); got != nil {
		t.Fatalf("taken during the pause: %v", got)
	}
	if _, at, ok := d.wakes.first(); !ok || at.Sub(stepped.Round(0)) != time.Minute {
		t.Errorf("looked at again %v later, want a minute", at.Sub(stepped.Round(0)))
	}
}
