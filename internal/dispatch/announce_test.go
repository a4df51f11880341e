package dispatch

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// subscribe makes application 1, which has the key of every environment of this world, the
// operational one with a subscriber.
func (w *world) subscribe(types ...string) *hook.Endpoint {
	e := w.app(1, 1).Endpoints[0]
	e.EventTypes = types
	return e
}

// told returns the types of what was announced, in order.
func (w *world) told() (types []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.announced {
		types = append(types, a.Type)
	}
	return types
}

func TestFailingThenExhaustedIsAnnounced(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.subscribe()
		w.app(2, 1).Application.UID = "acme"
		w.answer = status(503, hook.Failed, hook.ReasonServer)
	}, func(w *world, d *Dispatcher) {
		m := w.append(&hook.Message{ID: hook.MessageID(w.clock.Next()), Application: 2, EventType: "a", EventID: "evt", Payload: []byte("{}")}, w.plan(2).Endpoints...)
		rest(10 * time.Minute) // three attempts
		if got := w.told(); got != nil {
			t.Fatalf("after three failures: %v", got)
		}
		rest(time.Hour)
		if got := w.told(); !slices.Equal(got, []string{hook.AttemptFailing}) {
			t.Fatalf("after four failures: %v", got)
		}
		rest(48 * time.Hour)
		if got := w.told(); !slices.Equal(got, []string{hook.AttemptFailing, hook.AttemptExhausted}) {
			t.Fatalf("after the last: %v", got)
		}
		for i, n := range []int{4, 8} {
			at := w.attempts[n-1]
			want := hook.Announcement{
				Environment: 1, Type: w.told()[i], Application: 2, ApplicationUID: "acme", Endpoint: 200_001, Message: m.ID, EventID: "evt",
				LastAttempt: hook.AnnouncedAttempt{ID: at.ID, Status: 503, At: at.StartedAt.UTC()},
			}
			if *w.announced[i] != want {
				t.Errorf("says %+v\nwant %+v", *w.announced[i], want)
			}
		}
		w.set(ok)
		w.resend(2, 200_001, m.ID)
		rest(2 * time.Minute)
		if got := w.told(); !slices.Equal(got[2:], []string{hook.AttemptRecovered}) {
			t.Errorf("after a resend that succeeds: %v", got)
		}
	})
}

func TestRecoveryByScheduleIsAnnounced(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.subscribe()
		p := w.app(2, 1)
		p.Application.Source = 2
		w.answer = status(503, hook.Failed, hook.ReasonServer)
	}, func(w *world, d *Dispatcher) {
		w.publish(2)
		rest(time.Hour)
		w.set(ok)
		w.publish(2) // its first attempt succeeds: nothing to tell
		rest(12 * time.Hour)
		if got := w.told(); !slices.Equal(got, []string{"ingest.message.attempt.failing", "ingest.message.attempt.recovered"}) {
			t.Fatalf("told %v", got)
		}
		if a := w.announced[1]; a.Source != 2 || a.ApplicationUID != "" {
			t.Errorf("says %+v", a)
		}
	})
}

func TestNothingIsAnnouncedWithoutASubscriber(t *testing.T) {
	cases := map[string]func(w *world){
		"no endpoint":       func(w *world) { w.app(1, 0) },
		"disabled":          func(w *world) { w.subscribe().Disabled = true },
		"another type":      func(w *world) { w.subscribe(hook.EndpointCreated) },
		"environment gone":  func(w *world) {},
		"operational alone": func(w *world) { w.subscribe() },
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			run(t, Options{}, func(w *world) {
				prepare(w)
				w.app(2, 1)
				w.answer = status(503, hook.Failed, hook.ReasonServer)
			}, func(w *world, d *Dispatcher) {
				app := hook.ApplicationID(2)
				if name == "operational alone" {
					app = 1 // its own failures must not feed it
				}
				w.publish(app)
				rest(72 * time.Hour)
				if got := w.told(); got != nil {
					t.Errorf("told %v", got)
				}
				if w.count(hook.Exhausted) == 0 {
					t.Error("nothing has failed")
				}
			})
		})
	}
}

// TestSuccessAsksForNoSubscribers counts the look-ups: what goes well costs none, and a
// failure only when there is something to tell.
func TestSuccessAsksForNoSubscribers(t *testing.T) {
	run(t, Options{}, func(w *world) { w.subscribe(); w.app(2, 1) }, func(w *world, d *Dispatcher) {
		var asked atomic.Int64
		w.mu.Lock()
		w.planOf = func(app hook.ApplicationID) {
			if app == 1 {
				asked.Add(1)
			}
		}
		w.mu.Unlock()
		for range 20 {
			w.publish(2)
		}
		rest(time.Second)
		w.set(status(503, hook.Failed, hook.ReasonServer))
		w.publish(2)
		rest(10 * time.Minute)
		if n := asked.Load(); n != 0 {
			t.Errorf("asked %d times who subscribed", n)
		}
		rest(time.Hour)
		if n := asked.Load(); n != 1 || len(w.told()) != 1 {
			t.Errorf("asked %d times who subscribed, told %v", n, w.told())
		}
	})
}

func TestOwnerIsWarnedBeforeDisabling(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(2, 1)
		w.answer = status(500, hook.Failed, hook.ReasonServer)
	}, func(w *world, d *Dispatcher) {
		start := time.Now()
		for time.Since(start) < 160*time.Hour {
			w.publish(2)
			time.Sleep(time.Hour)
		}
		if !w.plan(2).Endpoints[0].Disabled || len(w.warnings) != 3 {
			t.Fatalf("warned at %v, disabled %v", w.warnings, w.plan(2).Endpoints[0].Disabled)
		}
		for i, want := range []struct{ least, most time.Duration }{{0, 15 * time.Minute}, {60 * time.Hour, 62 * time.Hour}, {108 * time.Hour, 110 * time.Hour}} {
			if at := w.warnings[i].Sub(start); at < want.least || at > want.most {
				t.Errorf("warning %d came after %v, want %v to %v", i+1, at, want.least, want.most)
			}
		}
	})
}

// TestWarningThatWasNotStoredIsTriedAgain: a catalogue in trouble delays a warning.
func TestWarningThatWasNotStoredIsTriedAgain(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(2, 1)
		w.answer = status(500, hook.Failed, hook.ReasonServer)
		w.failingErr = errors.New("disk in trouble")
	}, func(w *world, d *Dispatcher) {
		for range 30 {
			w.publish(2)
			rest(time.Minute)
		}
		if len(w.warnings) != 0 {
			t.Fatal("the trouble did not happen")
		}
		w.mu.Lock()
		w.failingErr = nil
		w.mu.Unlock()
		w.publish(2)
		rest(15 * time.Minute)
		if len(w.warnings) != 1 {
			t.Errorf("warned %d times once the catalogue works", len(w.warnings))
		}
	})
}

// TestRestartDoesNotWarnAgain: what was told is in the catalogue.
func TestRestartDoesNotWarnAgain(t *testing.T) {
	run(t, Options{}, func(w *world) {
		e := w.app(2, 1).Endpoints[0]
		e.FailingSince, e.Warned = time.Now().Add(-61*time.Hour), 2
		w.answer = status(500, hook.Failed, hook.ReasonServer)
	}, func(w *world, d *Dispatcher) {
		for range 40 {
			w.publish(2)
			rest(time.Hour)
		}
		if len(w.warnings) != 0 {
			t.Errorf("warned again: %v", w.warnings)
		}
		for range 10 {
			w.publish(2)
			rest(time.Hour)
		}
		if len(w.warnings) != 1 {
			t.Errorf("%d warnings in the last twelve hours, want 1", len(w.warnings))
		}
	})
}
