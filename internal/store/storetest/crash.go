package storetest

import (
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testCrash is about Delivery.Crashes: it rises for what was sent and not recorded when
// the process died, and for nothing else.
func testCrash(t *testing.T, open Open) {
	t.Run("FreshInFlightCounts", func(t *testing.T) {
		f := newFixture(t, open)
		sent, waiting := f.publish(f.endpoints...), f.publish(f.endpoints...)
		fresh := f.handoff.take()
		f.Begin(&fresh[1].Delivery)
		f.crash()
		f.wantCrashes(sent, 0, 1, 0)
		f.wantCrashes(waiting, 0, 0, 0)
	})

	t.Run("RetryInFlightCounts", func(t *testing.T) {
		f := newFixture(t, open)
		sent, waiting := f.publish(f.endpoints[0]), f.publish(f.endpoints[0])
		for _, d := range f.handoff.take() {
			f.begin(d, hook.Failed)
		}
		before := f.delivery(sent, f.endpoints[0])
		due, _, err := f.Claim(f.Context(), f.app, f.endpoints[0], time.Now().Add(2*time.Hour), 10, nil)
		f.must(err)
		f.Begin(&due[0].Delivery)
		f.crash()
		f.wantCrashes(sent, 1)
		f.wantCrashes(waiting, 0)
		before.Crashes = 1
		if after := f.delivery(sent, f.endpoints[0]); after != before {
			t.Fatalf("a crash made %+v of %+v", after, before)
		}
		due, _, err = f.Claim(f.Context(), f.app, f.endpoints[0], time.Now().Add(2*time.Hour), 10, nil)
		f.must(err)
		if len(due) != 2 || due[0].Delivery.Crashes != 1 {
			t.Fatalf("due after the crash: %+v", due)
		}
	})

	t.Run("RecordedAttemptDoesNotCount", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		var ids []hook.MessageID
		for _, o := range []hook.Outcome{hook.Success, hook.Failed, hook.Gone} {
			ids = append(ids, f.publish(ep))
			f.begin(f.handoff.take()[0], o)
		}
		f.crash()
		for _, id := range ids {
			f.wantCrashes(id, 0)
		}
	})

	t.Run("ThreeCrashesCountThree", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		bad, good := f.publish(ep), f.publish(ep)
		f.Begin(&f.handoff.take()[0].Delivery)
		for n := 1; n <= 3; n++ {
			f.crash()
			f.wantCrashes(bad, n)
			f.wantCrashes(good, 0)
			for _, d := range f.claim(ep) {
				if d.Delivery.Message == bad {
					f.Begin(&d.Delivery)
				}
			}
		}
		f.restart() // in good order: what was sent was cut, and is no suspect
		f.wantCrashes(bad, 3)
		f.crash()
		f.wantCrashes(bad, 3)
	})

	t.Run("RecordedAttemptSetsBack", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		id := f.publish(ep)
		f.Begin(&f.handoff.take()[0].Delivery)
		f.crash()
		f.wantCrashes(id, 1)
		f.begin(f.claim(ep)[0], hook.Failed)
		f.wantCrashes(id, 0)
		f.crash()
		f.wantCrashes(id, 0)
	})

	// A delivery that was put off and does it again is to be put off again.
	t.Run("CrashTakesBackThatItWasPutOff", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		id := f.publish(ep)
		f.handoff.take()
		f.crash()
		d := f.claim(ep)[0]
		next := d.Delivery
		next.Crashes, next.Reason, next.DueAt = 3, hook.ReasonSenderCrashed, time.Now().Add(time.Second)
		f.must(f.finish(&store.Finished{Delivery: next, Row: d.Row, Urgent: true}))
		f.crash()
		if d := f.delivery(id, ep); d.Crashes != 3 || d.Reason != hook.ReasonSenderCrashed {
			t.Fatalf("put off and not sent: %+v", d)
		}
		f.Begin(&f.claim(ep)[0].Delivery)
		f.crash()
		if d := f.delivery(id, ep); d.Crashes != 4 || d.Reason != hook.ReasonNone {
			t.Fatalf("put off, and sent at a crash: %+v", d)
		}
	})

	t.Run("ResendInFlightCounts", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		id := f.publish(ep)
		f.begin(f.handoff.take()[0], hook.Success)
		_, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: ep, Messages: []hook.MessageID{id}, Trigger: hook.Manual})
		f.must(err)
		f.Begin(&f.claim(ep)[0].Delivery)
		f.crash()
		f.wantCrashes(id, 1)
		f.begin(f.claim(ep)[0], hook.Failed)
		f.wantCrashes(id, 0)
		f.wantState(id, ep, hook.Delivered, 2)

		_, err = f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: ep, Messages: []hook.MessageID{id}, Trigger: hook.Manual})
		f.must(err)
		f.Begin(&f.claim(ep)[0].Delivery)
		f.crash()
		d := f.claim(ep)[0]
		given := d.Delivery
		given.Reason = hook.ReasonSenderCrashed
		f.must(f.finish(&store.Finished{Delivery: given, Row: d.Row, Urgent: true}))
		f.wantCrashes(id, 0) // given up: the next resend is a new one
		if due := f.claim(ep); len(due) != 0 {
			t.Fatalf("given up, and due: %+v", due)
		}
	})

	// An attempt that lost its pair, or whose pair was decided meanwhile, accuses nobody.
	t.Run("DecidedMeanwhileDoesNotCount", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		id := f.publish(ep)
		f.must(f.Spill(f.Context(), []hook.Delivery{f.handoff.take()[0].Delivery}))
		d := f.claim(ep)[0]
		f.Begin(&d.Delivery)
		f.must(f.finish(&store.Finished{Delivery: d.Delivery.End(hook.Cancelled, hook.ReasonCanceled), Row: d.Row, Urgent: true}))
		f.Begin(&hook.Delivery{Message: id + 1<<30, Endpoint: ep})
		f.Begin(&hook.Delivery{Message: 1, Endpoint: ep})
		f.crash()
		f.wantCrashes(id, 0)
		f.wantState(id, ep, hook.Cancelled, 0)
	})

	// More at once than one slot, and slots that were used before.
	t.Run("ManyInFlight", func(t *testing.T) {
		f := newFixture(t, open)
		var ids []hook.MessageID
		for range 12 {
			ids = append(ids, f.publish(f.endpoints...))
		}
		for i, d := range f.handoff.take() {
			switch i % 3 {
			case 0:
				f.Begin(&d.Delivery)
			case 1:
				f.begin(d, hook.Success)
			}
		}
		f.crash()
		for _, id := range ids {
			f.wantCrashes(id, 1, 0, 0)
		}
	})
}

// begin is an attempt of d from Begin to its recorded outcome. See try.
func (f *fixture) begin(d store.Due, o hook.Outcome) {
	f.Helper()
	slot := f.Begin(&d.Delivery)
	end := f.ended(d, o)
	end.Slot, end.Urgent = slot, true
	f.must(f.finish(end))
}

// wantCrashes checks the counts of a message's deliveries to the first endpoints.
func (f *fixture) wantCrashes(msg hook.MessageID, want ...int) {
	f.Helper()
	for i, n := range want {
		if d := f.delivery(msg, f.endpoints[i]); d.Crashes != n {
			f.Fatalf("message %d at endpoint %d: %d crashes, want %d", msg, i, d.Crashes, n)
		}
	}
}
