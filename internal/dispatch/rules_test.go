package dispatch

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// starts returns when the requests to an endpoint began, in order.
type starts struct{ at []time.Time }

func (s *starts) wrap(w *world, f func(context.Context, *hook.Attempt)) func(context.Context, *hook.Attempt) {
	return func(ctx context.Context, a *hook.Attempt) {
		w.mu.Lock()
		s.at = append(s.at, time.Now())
		w.mu.Unlock()
		f(ctx, a)
	}
}

func (w *world) times(s *starts) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(s.at)
}

func TestBreakerOpensProbesAndRamps(t *testing.T) {
	var s starts
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = s.wrap(w, refused) }, func(w *world, d *Dispatcher) {
		for range 300 {
			w.publish(1)
		}
		rest(500 * time.Millisecond)
		before := w.times(&s)
		if n := len(before); n < openAfter || n > openAfter+startWidth {
			t.Fatalf("%d requests until the lane opened, want %d to %d", n, openAfter, openAfter+startWidth)
		}
		rest(9*time.Minute + 30*time.Second)
		probes := w.times(&s)[len(before):]
		last := before[len(before)-1]
		gap := time.Duration(0)
		for i, at := range probes {
			was := gap
			if gap, last = at.Sub(last), at; gap < firstProbe-10*time.Millisecond || gap < was-10*time.Millisecond || gap > lastProbe+time.Second {
				t.Errorf("probe %d came after %v, the one before after %v", i, gap, was)
			}
		}
		if len(probes) < 12 || len(probes) > 16 {
			t.Errorf("%d probes in 9.5 minutes of rest, want one a second rising to one a minute", len(probes))
		}
		untouched := 0
		for _, got := range w.deliveries {
			if got.Attempts == 0 {
				untouched++
			}
		}
		if untouched < 300-openAfter-startWidth-len(probes) {
			t.Errorf("%d deliveries untouched: waiting must not consume attempts", untouched)
		}
		// The receiver comes back, slowly at first.
		w.mu.Lock()
		w.mostInLane = map[hook.EndpointID]int{}
		w.mu.Unlock()
		n := len(w.times(&s))
		w.set(s.wrap(w, ok))
		rest(61*time.Second + 100*time.Millisecond)
		after := w.times(&s)[n:]
		for i := range after {
			// Doubling from 1: within the first k rounds of 10 ms at most 2^k - 1 requests.
			if rounds := int(after[i].Sub(after[0])/(10*time.Millisecond)) + 1; rounds < 5 && i+1 > 1<<rounds {
				t.Errorf("request %d came in round %d after the probe", i+1, rounds)
			}
		}
		rest(30 * time.Hour)
		if got := w.count(hook.Delivered); got != 300 {
			t.Errorf("%d delivered in the end, want 300", got)
		}
	})
}

func TestSingleFailureKeepsItsRetry(t *testing.T) {
	var s starts
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = s.wrap(w, status(500, hook.Failed, hook.ReasonServer)) }, func(w *world, d *Dispatcher) {
		w.publish(1)
		rest(time.Second)
		w.set(s.wrap(w, ok))
		rest(6 * time.Second)
		got := w.times(&s)
		if len(got) != 2 || got[1].Sub(got[0]) < 4*time.Second || got[1].Sub(got[0]) > 6100*time.Millisecond {
			t.Errorf("requests at %v, want a retry after 5 s ± 20 %%", got)
		}
	})
}

func TestAnswersThatDislikeTheMessageDoNotOpenTheBreaker(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = status(400, hook.Failed, hook.ReasonRejected) }, func(w *world, d *Dispatcher) {
		for range 100 {
			w.publish(1)
		}
		rest(time.Second)
		if w.requests[100_001] != 100 {
			t.Errorf("%d requests, want 100", w.requests[100_001])
		}
	})
}

func TestFlappingEndpointIsFoundSoonAndNotFlooded(t *testing.T) {
	var s starts
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		start := time.Now()
		w.answer = s.wrap(w, func(ctx context.Context, a *hook.Attempt) {
			if time.Since(start)/(5*time.Second)%2 == 0 {
				ok(ctx, a)
			} else {
				refused(ctx, a)
			}
		})
	}, func(w *world, d *Dispatcher) {
		for range 600 {
			w.publish(1)
			time.Sleep(100 * time.Millisecond)
		}
		w.set(ok)
		rest(40 * time.Hour)
		if got := w.count(hook.Delivered); got != 600 {
			t.Errorf("%d delivered, want 600", got)
		}
	})
}

func TestThrottleHoldsTheRate(t *testing.T) {
	cases := []struct {
		name          string
		app, endpoint int
		want          int
	}{
		{"endpoint", 0, 50, 50},
		{"application", 20, 0, 20},
		{"endpoint over application", 20, 100, 100},
		{"one a second", 0, 1, 1},
		{"fast", 0, 600, 600},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var s starts
			run(t, Options{}, func(w *world) {
				p := w.app(1, 1)
				p.Application.ThrottleRate, p.Endpoints[0].ThrottleRate = c.app, c.endpoint
				w.answer = s.wrap(w, ok)
			}, func(w *world, d *Dispatcher) {
				for range 20 * c.want {
					w.publish(1)
				}
				time.Sleep(15 * time.Second)
				at := w.times(&s)
				// Every span of ten seconds, not only the first.
				worst, i := 0, 0
				for j := range at {
					for at[j].Sub(at[i]) >= 10*time.Second {
						i++
					}
					worst = max(worst, j-i+1)
				}
				if limit := float64(10*c.want)*1.05 + 1; float64(worst) > limit {
					t.Errorf("%d requests in ten seconds, want at most %.0f", worst, limit)
				}
				if len(at) < 15*c.want*95/100-1 {
					t.Errorf("%d requests in 15 s, want about %d", len(at), 15*c.want)
				}
			})
		})
	}
}

func TestThrottleCountsRetriesAndFollowsChanges(t *testing.T) {
	var s starts
	run(t, Options{}, func(w *world) {
		w.app(1, 1).Endpoints[0].ThrottleRate = 10
		w.answer = s.wrap(w, status(404, hook.Failed, hook.ReasonNotFound))
	}, func(w *world, d *Dispatcher) {
		for range 200 {
			w.publish(1)
		}
		rest(30 * time.Second)
		if n := len(w.times(&s)); n > 300*105/100+1 || n < 290 {
			t.Errorf("%d requests in 30 s, retries included, want about 300", n)
		}
		w.UpdateEndpoint(t.Context(), 1, 100_001, nil, func(e *hook.Endpoint) error { e.ThrottleRate = 100; return nil })
		n := len(w.times(&s))
		rest(time.Second)
		if got := len(w.times(&s)) - n; got < 80 {
			t.Errorf("%d requests in the second after the rate was raised to 100", got)
		}
	})
}

func TestWidthGrowsWhileAnswersAreGoodAndHalvesOn429(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1) }, func(w *world, d *Dispatcher) {
		for range 40_000 {
			w.publish(1)
		}
		rest(500 * time.Millisecond)
		if got := w.mostInLane[100_001]; got <= 2*startWidth || got > maxWidth {
			t.Errorf("at most %d at once, want growth above %d", got, 2*startWidth)
		}
		d.mu.Lock()
		wide := d.lanes[100_001].width.limit
		d.mu.Unlock()
		w.set(status(429, hook.Failed, hook.ReasonThrottled))
		rest(15 * time.Millisecond)
		d.mu.Lock()
		defer d.mu.Unlock()
		if got := d.lanes[100_001].width.limit; got > wide/2 {
			t.Errorf("width %d after 429, was %d", got, wide)
		}
	})
}

func TestTimeoutsNarrowALane(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = hang }, func(w *world, d *Dispatcher) {
		for range 100 {
			w.publish(1)
		}
		rest(hook.AttemptTimeout + time.Second)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.laneFlying[100_001] > 1 {
			t.Errorf("%d under way after %d time-outs, want at most one", w.laneFlying[100_001], startWidth)
		}
	})
}

func TestWidthIsCutOncePerRound(t *testing.T) {
	w := width{limit: 64}
	t0 := time.Unix(1000, 0)
	a := &hook.Attempt{Outcome: hook.Failed, Reason: hook.ReasonThrottled}
	for range 10 { // all were under way together
		w.ended(a, t0, t0.Add(time.Second), true, false)
	}
	if w.limit != 32 {
		t.Errorf("width %d, want 32", w.limit)
	}
	w.ended(a, t0.Add(2*time.Second), t0.Add(3*time.Second), true, false)
	if w.limit != 16 {
		t.Errorf("width %d after a later one, want 16", w.limit)
	}
}

func TestFiveTimeoutsInARowLeaveOneAtATime(t *testing.T) {
	w := width{limit: 256}
	t0 := time.Unix(1000, 0)
	late := &hook.Attempt{Outcome: hook.Failed, Reason: hook.ReasonTimeoutHeaders}
	for range 4 {
		w.ended(late, t0, t0.Add(time.Second), true, false)
	}
	w.ended(&hook.Attempt{Outcome: hook.Success}, t0, t0.Add(time.Second), true, false)
	w.ended(late, t0, t0.Add(time.Second), true, false)
	if w.limit != 128 {
		t.Errorf("width %d after four and one, want 128: they were not in a row", w.limit)
	}
	for range 4 {
		w.ended(late, t0, t0.Add(time.Second), true, false)
	}
	if w.limit != 1 {
		t.Errorf("width %d after five in a row, want 1", w.limit)
	}
}

func TestRetryAfterOf429StopsTheEndpointForAWhile(t *testing.T) {
	var s starts
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.answer = s.wrap(w, func(ctx context.Context, a *hook.Attempt) {
			status(429, hook.Failed, hook.ReasonThrottled)(ctx, a)
			a.RetryAfter = 30 * time.Second
		})
	}, func(w *world, d *Dispatcher) {
		w.publish(1)
		rest(time.Second)
		w.publish(1)
		rest(28 * time.Second)
		if n := len(w.times(&s)); n != 1 {
			t.Errorf("%d requests before the 30 s were over, want 1", n)
		}
		w.set(s.wrap(w, ok))
		rest(2 * time.Second)
		if n := len(w.times(&s)); n != 2 {
			t.Errorf("%d requests after the 30 s, want the second message's", n)
		}
	})
}

// TestHungEndpointsOfOneApplicationLeaveOthersAlone is T9 in the small.
func TestHungEndpointsOfOneApplicationLeaveOthersAlone(t *testing.T) {
	run(t, Options{MaxInFlight: 512}, func(w *world) {
		w.app(1, 1000)
		w.app(2, 1)
		w.answer = func(ctx context.Context, a *hook.Attempt) {
			if a.Application == 1 {
				hang(ctx, a)
			} else {
				ok(ctx, a)
			}
		}
	}, func(w *world, d *Dispatcher) {
		for range 20 {
			w.publish(1) // 20,000 deliveries that hang
		}
		for range 60 * 20 {
			w.publish(2)
			time.Sleep(50 * time.Millisecond)
		}
		rest(time.Second)
		if late := w.latest(func(a *hook.Attempt) bool { return a.Application == 2 }); late > 10*time.Millisecond {
			t.Errorf("a message of the other application waited for %v", late)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.requests[200_001] != 1200 {
			t.Errorf("%d requests of the other application, want 1200", w.requests[200_001])
		}
		if w.mostFlying > 512 {
			t.Errorf("%d at once, want at most 512", w.mostFlying)
		}
	})
}

// TestHungEndpointsLeaveTheirSiblingsAlone: the same within an application.
func TestHungEndpointsLeaveTheirSiblingsAlone(t *testing.T) {
	run(t, Options{MaxInFlight: 512}, func(w *world) {
		w.app(1, 101)
		w.answer = func(ctx context.Context, a *hook.Attempt) {
			if a.Endpoint != 100_101 {
				hang(ctx, a)
			} else {
				ok(ctx, a)
			}
		}
	}, func(w *world, d *Dispatcher) {
		for range 100 {
			w.publish(1)
			time.Sleep(50 * time.Millisecond)
		}
		rest(100 * time.Millisecond)
		if late := w.latest(func(a *hook.Attempt) bool { return a.Endpoint == 100_101 }); late > 10*time.Millisecond {
			t.Errorf("a message to the healthy endpoint waited for %v", late)
		}
		if w.requests[100_101] != 100 {
			t.Errorf("%d requests to the healthy endpoint, want 100", w.requests[100_101])
		}
	})
}

func TestFloodOfOneApplicationLeavesOthersAlone(t *testing.T) {
	run(t, Options{MaxInFlight: 64, LaneWindow: 512}, func(w *world) {
		w.app(1, 4)
		w.app(2, 1)
		for i := range 4 {
			w.backlog(1, hook.EndpointID(100_001+i), 10_000)
		}
	}, func(w *world, d *Dispatcher) {
		for range 100 {
			w.publish(2)
			time.Sleep(50 * time.Millisecond)
		}
		rest(100 * time.Millisecond)
		if late := w.latest(func(a *hook.Attempt) bool { return a.Application == 2 }); late > 20*time.Millisecond {
			t.Errorf("a message of the other application waited for %v", late)
		}
		if got := w.requests[200_001]; got != 100 {
			t.Errorf("%d attempts of the other application, want 100", got)
		}
	})
}

func TestRotationIsFair(t *testing.T) {
	d := New(newWorld(t), newWorld(t), nil, nil, Options{MaxInFlight: 1 << 20})
	now := time.Unix(1000, 0)
	fill := func(app hook.ApplicationID, ep hook.EndpointID, n int) {
		l := d.lane(app, ep)
		l.isPlanned, l.width.limit = true, 1<<20
		for i := range n {
			m := &hook.Message{ID: hook.MessageID(i + 1)}
			l.queue[liveQueue].push(newItem(l, store.Due{Delivery: hook.Delivery{Application: app, Endpoint: ep, Message: m.ID}, Message: m}, 1, now))
		}
		d.makeReady(l)
	}
	for i := range 50 {
		fill(1, hook.EndpointID(i+1), 100)
	}
	fill(2, 100, 100)
	fill(3, 101, 100)
	got := map[hook.ApplicationID]int{}
	lanes := map[hook.EndpointID]int{}
	for range 300 {
		it := d.pick(now)
		got[it.lane.tenant.id]++
		lanes[it.lane.endpoint]++
	}
	if got[1] != 100 || got[2] != 100 || got[3] != 100 {
		t.Errorf("turns %v, want 100 each", got)
	}
	for ep := range hook.EndpointID(50) {
		if lanes[ep+1] != 2 {
			t.Errorf("endpoint %d had %d turns of its application's 100, want 2", ep+1, lanes[ep+1])
		}
	}
}

func TestQueuesOfALaneShare(t *testing.T) {
	l := &lane{}
	for range 1000 {
		for q := range drainQueue {
			l.queue[q].push(&item{kind: []kind{live, retry, replay}[q]})
		}
	}
	var got [kinds]int
	for range 100 {
		got[l.pop(false).kind]++
	}
	if got[replay] < 10 || got[retry] < 10 || got[live] < 60 {
		t.Errorf("of 100 taken %d live, %d retries, %d replays; want mostly live and at least 10 each", got[live], got[retry], got[replay])
	}
}

func TestGoneDisablesTheEndpoint(t *testing.T) {
	for _, setting := range []bool{true, false} {
		run(t, Options{}, func(w *world) {
			w.app(1, 1).Environment.Settings.DisableEndpointOnGone = setting
			w.answer = status(410, hook.Gone, hook.ReasonGone)
		}, func(w *world, d *Dispatcher) {
			m := w.publish(1)
			time.Sleep(time.Second)
			e := w.plan(1).Endpoints[0]
			got := w.delivery(100_001, m)
			if setting {
				if !e.Disabled || e.DisabledBy != hook.ReasonGone || got.State != hook.Exhausted || got.Reason != hook.ReasonGone {
					t.Errorf("endpoint %+v, delivery %+v; want disabled and exhausted", e, got)
				}
			} else if e.Disabled || got.State != hook.Pending || got.Step != 1 {
				t.Errorf("with the setting off: endpoint %+v, delivery %+v; want an ordinary failure", e, got)
			}
		})
	}
}

func TestDisabledEndpointEndsWhatComesUp(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 2).Endpoints[0].Disabled = true
		w.backlog(1, 100_001, 500)
	}, func(w *world, d *Dispatcher) {
		m := w.publish(1) // raced with the disable: planned before, sent after
		rest(2 * time.Second)
		if w.requests[100_001] != 0 {
			t.Errorf("%d requests to a disabled endpoint", w.requests[100_001])
		}
		if got := w.delivery(100_001, m); got.State != hook.Exhausted || got.Reason != hook.ReasonDisabled || got.Attempts != 0 {
			t.Errorf("got %+v, want exhausted because disabled, without an attempt", got)
		}
		if got := w.count(hook.Exhausted); got != 501 {
			t.Errorf("%d ended, want 501", got)
		}
	})
}

func TestDeletedEndpointAndApplicationEndWhatComesUp(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.app(2, 1)
		w.backlog(1, 100_001, 1)
		w.backlog(1, 199_999, 1) // was deleted
		w.backlog(2, 200_001, 1)
		delete(w.plans, 2)
	}, func(w *world, d *Dispatcher) {
		rest(time.Second)
		for at, got := range w.deliveries {
			want := map[hook.EndpointID]hook.Delivery{
				100_001: {State: hook.Delivered}, 199_999: {State: hook.Exhausted, Reason: hook.ReasonEndpointDeleted}, 200_001: {State: hook.Cancelled, Reason: hook.ReasonCanceled},
			}[at.endpoint]
			if got.State != want.State || got.Reason != want.Reason {
				t.Errorf("%v ended as %v (%v), want %v (%v)", at, got.State, got.Reason, want.State, want.Reason)
			}
		}
	})
}

func TestFiveDaysOfFailureDisable(t *testing.T) {
	for _, setting := range []bool{true, false} {
		run(t, Options{}, func(w *world) {
			w.app(1, 1).Environment.Settings.DisableEndpointOnFailure = setting
			w.answer = status(500, hook.Failed, hook.ReasonServer)
		}, func(w *world, d *Dispatcher) {
			start := time.Now()
			for time.Since(start) < 119*time.Hour {
				w.publish(1)
				time.Sleep(7 * time.Hour)
			}
			if w.plan(1).Endpoints[0].Disabled {
				t.Fatalf("disabled after %v", time.Since(start))
			}
			for time.Since(start) < 160*time.Hour {
				w.publish(1)
				time.Sleep(7 * time.Hour)
			}
			e := w.plan(1).Endpoints[0]
			if e.Disabled != setting || setting && e.DisabledBy != hook.ReasonDisabled {
				t.Errorf("setting %v: after %v disabled is %v by %v", setting, time.Since(start), e.Disabled, e.DisabledBy)
			}
		})
	}
}

func TestSuccessEndsTheStreak(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = status(500, hook.Failed, hook.ReasonServer) }, func(w *world, d *Dispatcher) {
		w.publish(1)
		rest(time.Hour)
		if w.plan(1).Endpoints[0].FailingSince.IsZero() {
			t.Fatal("an hour of failure is not in the catalogue")
		}
		w.set(ok)
		rest(4 * time.Hour)
		if since := w.plan(1).Endpoints[0].FailingSince; !since.IsZero() {
			t.Errorf("failing since %v after a success", since)
		}
	})
}

func TestStreaksAreSavedApart(t *testing.T) {
	minutes := map[time.Duration]int{}
	for i := range hook.EndpointID(1000) {
		at := saveAfter(i<<21 + 5)
		if at < time.Minute || at > 10*time.Minute {
			t.Fatalf("a streak is saved after %v", at)
		}
		minutes[at.Truncate(time.Minute)]++
	}
	for m := time.Minute; m < 10*time.Minute; m += time.Minute {
		if n := minutes[m]; n < 60 || n > 170 {
			t.Errorf("%d of 1000 streaks are saved in minute %v, want about 111", n, m)
		}
	}
}

func TestOneFailureIsNotWrittenToTheCatalogue(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = status(500, hook.Failed, hook.ReasonServer) }, func(w *world, d *Dispatcher) {
		w.publish(1)
		rest(time.Second)
		w.set(ok)
		rest(time.Hour)
		if len(w.failing) != 0 {
			t.Errorf("the catalogue was told of a single failure: %v", w.failing)
		}
	})
}

func TestResendIsOneAttemptAndCompletesAWaitingDelivery(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = status(500, hook.Failed, hook.ReasonServer) }, func(w *world, d *Dispatcher) {
		m := w.publish(1)
		time.Sleep(10 * time.Second) // the second try has failed, the third is 5 minutes away
		w.resend(1, 100_001, m)
		rest(time.Second)
		if got := w.delivery(100_001, m); w.requests[100_001] != 3 || got.State != hook.Pending || got.Step != 2 || got.Attempts != 3 {
			t.Errorf("%d requests and %+v; want a third attempt that leaves the schedule alone", w.requests[100_001], got)
		}
		w.set(ok)
		w.resend(1, 100_001, m)
		rest(time.Hour)
		if got := w.delivery(100_001, m); w.requests[100_001] != 4 || got.State != hook.Delivered {
			t.Errorf("%d requests and %+v; want 4 and delivered, and no scheduled attempt after it", w.requests[100_001], got)
		}
		if a := w.attempts[3]; a.Trigger != hook.Manual || a.N != 4 {
			t.Errorf("attempt %+v, want manual, number 4", a)
		}
	})
}

func TestResendWaitsForTheAttemptUnderWay(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = hang }, func(w *world, d *Dispatcher) {
		m := w.publish(1)
		rest(time.Second)
		for range 3 {
			w.resend(1, 100_001, m) // Send fails the test on two at once
			time.Sleep(time.Millisecond)
		}
		rest(time.Minute)
		if got := w.requests[100_001]; got != 4 {
			t.Errorf("%d requests, want the first and three resends", got)
		}
	})
}

// TestResendThatSucceedsWhileTheScheduleIsRead: what was read before a success ended the pair
// is not sent after it.
func TestResendThatSucceedsWhileTheScheduleIsRead(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = status(500, hook.Failed, hook.ReasonServer) }, func(w *world, d *Dispatcher) {
		m := w.publish(1)
		rest(time.Second)
		w.mu.Lock()
		w.late = 3 * time.Second
		w.answer = func(ctx context.Context, a *hook.Attempt) { time.Sleep(time.Second); ok(ctx, a) }
		w.mu.Unlock()
		time.Sleep(time.Until(w.delivery(100_001, m).DueAt) - 100*time.Millisecond)
		w.resend(1, 100_001, m)
		rest(time.Hour)
		if got := w.delivery(100_001, m); w.requests[100_001] != 2 || got.State != hook.Delivered || len(w.rows[100_001]) != 0 {
			t.Errorf("%d requests, %+v and %d rows; want two requests and no scheduled attempt", w.requests[100_001], got, len(w.rows[100_001]))
		}
	})
}

func TestResendToADisabledEndpointLeavesThePairAlone(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1) }, func(w *world, d *Dispatcher) {
		m := w.publish(1)
		rest(time.Second)
		w.UpdateEndpoint(t.Context(), 1, 100_001, nil, func(e *hook.Endpoint) error { e.Disabled = true; return nil })
		w.resend(1, 100_001, m)
		rest(time.Second)
		if got := w.delivery(100_001, m); w.requests[100_001] != 1 || got.State != hook.Delivered || len(w.rows[100_001]) != 0 {
			t.Errorf("%d requests, %+v and %d rows; want the delivery as it was and no row left", w.requests[100_001], got, len(w.rows[100_001]))
		}
	})
}

func TestBacklogStaysWithinTheWindows(t *testing.T) {
	const n = 100_000
	o := Options{MaxFresh: 8192, LaneWindow: 1024}
	run(t, o, func(w *world) {
		w.app(1, 2)
		w.answer = hang
		w.commit = 0
		w.backlog(1, 100_001, 2000)
		w.backlog(1, 100_002, 2000)
	}, func(w *world, d *Dispatcher) {
		most := 0
		look := func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if most = max(most, d.claimed.count); d.fresh.count > o.MaxFresh {
				t.Fatalf("%d fresh in memory", d.fresh.count)
			}
		}
		for i := range n / 2 {
			w.publish(1)
			if i%100 == 0 {
				look()
				time.Sleep(time.Millisecond)
			}
		}
		rest(20 * time.Second)
		d.mu.Lock()
		held := d.claimed.count + d.fresh.count
		d.mu.Unlock()
		if held > 16 {
			t.Errorf("%d deliveries of two hung endpoints in memory, want about what is tried at once", held)
		}
		if most > 2*(256+startWidth) { // what waits, and what is tried
			t.Errorf("%d claimed at a time from lanes that never answered", most)
		}
	})
}

func TestDeliveryThatCrashedIsTriedAlone(t *testing.T) {
	run(t, Options{Chance: func() float64 { return 0 }}, func(w *world) {
		w.app(1, 1)
		w.backlog(1, 100_001, 50)
		for at, d := range w.deliveries { // one of them
			d.Crashes = 3
			w.deliveries[at] = d
			break
		}
		w.answer = func(ctx context.Context, a *hook.Attempt) {
			if w.delivery(a.Endpoint, a.Message).Crashes >= 3 {
				w.mu.Lock()
				if w.laneFlying[a.Endpoint] != 1 {
					t.Errorf("%d others are under way", w.laneFlying[a.Endpoint]-1)
				}
				w.mu.Unlock()
				time.Sleep(time.Second)
				w.mu.Lock()
				if w.laneFlying[a.Endpoint] != 1 {
					t.Errorf("%d others began meanwhile", w.laneFlying[a.Endpoint]-1)
				}
				w.mu.Unlock()
			}
			ok(ctx, a)
		}
	}, func(w *world, d *Dispatcher) {
		rest(10 * time.Second)
		if got := w.count(hook.Delivered); got != 49 {
			t.Errorf("%d delivered at first, want the 49 that never crashed", got)
		}
		rest(time.Minute - 10*time.Second - 5*time.Millisecond)
		for range 20 {
			w.publish(1)
		}
		rest(5 * time.Second)
		if got := w.count(hook.Delivered); got != 70 {
			t.Errorf("%d delivered, want all 70", got)
		}
	})
}

func TestExpiredContentIsNotRetried(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = status(0, hook.Unsendable, hook.ReasonExpired) }, func(w *world, d *Dispatcher) {
		m := w.publish(1)
		rest(time.Hour)
		if got := w.delivery(100_001, m); got.State != hook.Exhausted || got.Reason != hook.ReasonExpired || w.requests[100_001] != 1 {
			t.Errorf("got %+v after %d tries", got, w.requests[100_001])
		}
	})
}

func TestEndpointChangeActsOnTheNextAttempt(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = refused }, func(w *world, d *Dispatcher) {
		w.publish(1)
		rest(time.Second)
		w.UpdateEndpoint(t.Context(), 1, 100_001, nil, func(e *hook.Endpoint) error { e.URL = "http://new"; return nil })
		w.set(ok)
		rest(10 * time.Second)
		if got := w.attempts[1].URL; got != "http://new" {
			t.Errorf("the retry went to %s", got)
		}
	})
}

// TestDisableDoesNotHitANewURL: the owner changed the URL while the old one answered 410.
func TestDisableDoesNotHitANewURL(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.answer = func(ctx context.Context, a *hook.Attempt) {
			time.Sleep(5 * time.Second)
			a.Outcome, a.Status, a.Reason = hook.Gone, 410, hook.ReasonGone
		}
	}, func(w *world, d *Dispatcher) {
		w.publish(1)
		rest(time.Second)
		w.UpdateEndpoint(t.Context(), 1, 100_001, nil, func(e *hook.Endpoint) error { e.URL = "http://new"; return nil })
		rest(10 * time.Second)
		if w.plan(1).Endpoints[0].Disabled {
			t.Error("the new URL was disabled for what the old one answered")
		}
	})
}

func TestClockKeepsOrder(t *testing.T) {
	var c clock[int]
	base := time.Unix(1000, 0)
	at := func(i int) time.Time { return base.Add(time.Duration(i*7919%1009) * time.Second) }
	for i := range 1009 {
		c.lower(i, at(i))
	}
	for i := 0; i < 1009; i += 3 {
		c.remove(i)
	}
	c.lower(1, base.Add(-time.Second))
	c.lower(2, base.Add(time.Hour)) // later than it has: stays
	last, n := time.Time{}, 0
	for {
		k, first, ok := c.first()
		if !ok {
			break
		}
		if first.Before(last) {
			t.Fatalf("%v after %v", first, last)
		}
		if k%3 == 0 || k != 1 && !first.Equal(at(k)) {
			t.Errorf("key %d at %v", k, first)
		}
		last = first
		c.remove(k)
		n++
	}
	if want := 1009 - 337; n != want || len(c.place) != 0 {
		t.Errorf("%d keys, %d places left; want %d and 0", n, len(c.place), want)
	}
}
