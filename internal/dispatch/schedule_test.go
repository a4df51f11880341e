package dispatch

import (
	"context"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

var rejects = status(400, hook.Failed, hook.ReasonRejected)

// TestScheduleIsTheEndpointsThenTheTypes: the first that is set stands, and a change acts
// on the next attempt.
func TestScheduleIsTheEndpointsThenTheTypes(t *testing.T) {
	second := []time.Duration{time.Second}
	two := []time.Duration{time.Second, time.Second}
	none := []time.Duration{}
	for _, c := range []struct {
		name                             string
		endpoint, eventType, environment []time.Duration
		attempts                         int
	}{
		{"default", nil, nil, nil, 8},
		{"environment", nil, nil, second, 2},
		{"event type above the environment", nil, two, second, 3},
		{"endpoint above both", second, two, none, 2},
		{"single attempt of the endpoint", none, two, two, 1},
		{"single attempt of the type", nil, none, two, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, Options{}, func(w *world) {
				p := w.app(1, 1)
				p.Environment.Settings.RetryPolicy = c.environment
				if c.eventType != nil {
					p.RetryPolicies = map[string][]time.Duration{"a": c.eventType, "b": {time.Hour}}
				}
				p.Endpoints[0].Shape = &hook.Shape{RetryPolicy: c.endpoint}
				w.answer = rejects
			}, func(w *world, d *Dispatcher) {
				m := w.publish(1)
				rest(48 * time.Hour)
				if got := w.delivery(100_001, m); got.State != hook.Exhausted || got.Attempts != c.attempts || got.Reason != hook.ReasonRejected {
					t.Errorf("%+v, want %d attempts", got, c.attempts)
				}
			})
		})
	}
}

// publishUntil publishes a message that is too late after the given time.
func (w *world) publishUntil(left time.Duration) hook.MessageID {
	m := &hook.Message{ID: hook.MessageID(w.clock.Next()), Application: 1, EventType: "a", Payload: []byte("{}"), Deadline: time.Now().Add(left)}
	return w.append(m, w.plan(1).Endpoints...).ID
}

func TestRetryAfterTheDeadlineIsNotScheduled(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = rejects }, func(w *world, d *Dispatcher) {
		m := w.publishUntil(10 * time.Minute)
		rest(time.Second)
		if got := w.delivery(100_001, m); got.State != hook.Pending || got.Attempts != 1 {
			t.Errorf("after the first attempt: %+v", got)
		}
		rest(20 * time.Second) // the retry after 5 s; the next would come after 5 min
		rest(7 * time.Minute)
		got := w.delivery(100_001, m)
		if got.State != hook.Exhausted || got.Reason != hook.ReasonExpired || got.Attempts != 3 {
			t.Errorf("%+v, want 3 attempts and no more", got)
		}
		last := w.attempts[len(w.attempts)-1]
		if last.Reason != hook.ReasonRejected || !last.NextAt.IsZero() {
			t.Errorf("the last attempt is %s with the next at %v", last.Reason, last.NextAt)
		}
		rest(40 * time.Hour)
		if w.requests[100_001] != 3 {
			t.Errorf("%d requests", w.requests[100_001])
		}
		// A resend is a person's decision.
		w.set(ok)
		w.resend(1, 100_001, m)
		rest(time.Second)
		if got := w.delivery(100_001, m); got.State != hook.Delivered || w.requests[100_001] != 4 {
			t.Errorf("after a resend %+v, %d requests", got, w.requests[100_001])
		}
	})
}

// TestWhatIsDueTooLateIsNotTried: a delivery that comes up after its deadline, from memory
// as from the store, ends without a request and takes no turn from others.
func TestWhatIsDueTooLateIsNotTried(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = ok }, func(w *world, d *Dispatcher) {
		w.mu.Lock()
		var late []hook.MessageID
		for range 40 {
			m := &hook.Message{ID: hook.MessageID(w.clock.Next()), Application: 1, EventType: "a", Payload: []byte("{}"), Deadline: time.Now().Add(-time.Second)}
			w.messages[m.ID] = m
			w.put(hook.Delivery{Message: m.ID, Application: 1, Endpoint: 100_001, DueAt: time.Now()})
			late = append(late, m.ID)
		}
		w.mu.Unlock()
		w.handoff.MadeDue(1, 100_001, time.Now())
		fresh := w.publishUntil(0)
		timely := w.publishUntil(time.Minute)
		rest(5 * time.Second)
		for _, m := range append(late, fresh) {
			if got := w.delivery(100_001, m); got.State != hook.Exhausted || got.Reason != hook.ReasonExpired || got.Attempts != 0 {
				t.Fatalf("%+v", got)
			}
		}
		if got := w.delivery(100_001, timely); got.State != hook.Delivered || w.requests[100_001] != 1 {
			t.Errorf("%+v, %d requests", got, w.requests[100_001])
		}
	})
}

// TestLateOnesDoNotWaitForTheBreaker: behind an open breaker they end with the next probe.
func TestLateOnesDoNotWaitForTheBreaker(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = refused }, func(w *world, d *Dispatcher) {
		for range 60 {
			w.publishUntil(30 * time.Second)
		}
		rest(3 * time.Minute)
		if n := w.count(hook.Exhausted); n != 60 {
			t.Errorf("%d of 60 have ended", n)
		}
	})
}

func TestReceiversWishes(t *testing.T) {
	wish := func(code int, o hook.Outcome, x hook.Wish) func(context.Context, *hook.Attempt) {
		answer := status(code, o, map[bool]hook.Reason{true: hook.ReasonNone, false: hook.ReasonRejected}[o == hook.Success])
		return func(ctx context.Context, a *hook.Attempt) {
			answer(ctx, a)
			a.Wish = x
		}
	}
	for _, c := range []struct {
		name     string
		answer   func(context.Context, *hook.Attempt)
		allow    bool // the setting disableEndpointOnGone
		disabled bool
		want     hook.State
		attempts int
	}{
		{"disable after a failure", wish(400, hook.Gone, hook.WishDisable), true, true, hook.Exhausted, 1},
		{"disable after a success", wish(200, hook.Success, hook.WishDisable), true, true, hook.Delivered, 1},
		{"disable, which the owner forbids", wish(400, hook.Gone, hook.WishDisable), false, false, hook.Exhausted, 8},
		{"disable after a success, forbidden", wish(200, hook.Success, hook.WishDisable), false, false, hook.Delivered, 1},
		{"abort", wish(400, hook.Failed, hook.WishAbort), true, false, hook.Exhausted, 1},
		{"abort after a success", wish(200, hook.Success, hook.WishAbort), true, false, hook.Delivered, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, Options{}, func(w *world) {
				w.app(1, 1).Environment.Settings.DisableEndpointOnGone = c.allow
				w.answer = c.answer
			}, func(w *world, d *Dispatcher) {
				m := w.publish(1)
				rest(48 * time.Hour)
				if got := w.delivery(100_001, m); got.State != c.want || got.Attempts != c.attempts {
					t.Errorf("%+v", got)
				}
				if e := w.plan(1).Endpoint(100_001); e.Disabled != c.disabled {
					t.Errorf("disabled is %v (%s)", e.Disabled, e.DisabledBy)
				}
			})
		})
	}
}

// TestChangedScheduleActsOnTheNextAttempt: without a read of the catalogue between.
func TestChangedScheduleActsOnTheNextAttempt(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1); w.answer = rejects }, func(w *world, d *Dispatcher) {
		m := w.publish(1)
		rest(time.Second)
		w.mu.Lock()
		next := *w.plans[1]
		next.RetryPolicies = map[string][]time.Duration{"a": {}}
		w.plans[1] = &next
		w.mu.Unlock()
		rest(time.Minute)
		if got := w.delivery(100_001, m); got.State != hook.Exhausted || got.Attempts != 2 {
			t.Errorf("%+v", got)
		}
	})
}

// BenchmarkPolicyOf is what each attempt pays for the precedence of schedules.
func BenchmarkPolicyOf(b *testing.B) {
	plan := &store.Plan{Environment: &hook.Environment{Settings: hook.DefaultSettings()}}
	ep, m := &hook.Endpoint{}, &hook.Message{EventType: "a.b"}
	for _, a := range []*hook.Attempt{{Outcome: hook.Success}, {Outcome: hook.Failed}} {
		b.Run(a.Outcome.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				policyOf(plan, ep, m, a)
			}
		})
	}
}
