package storetest

import (
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func testHold(t *testing.T, open Open) {
	t.Run("ApplicationHoldIsInItsPlanAndDurable", func(t *testing.T) {
		f := newFixture(t, open)
		before, err := f.PlanOf(f.Context(), f.app)
		f.must(err)
		begin, err := hook.NewHold("maintenance", time.Now())
		f.must(err)
		_, err = f.UpdateHold(f.Context(), f.app, nil, func(old *hook.Hold) (*hook.Hold, error) {
			if old != nil {
				f.Errorf("held before: %+v", old)
			}
			return begin, nil
		})
		f.must(err)
		f.restart()
		plan, err := f.PlanOf(f.Context(), f.app)
		f.must(err)
		if h := plan.Application.Hold; !h.IsOn() || h.Note != "maintenance" || !h.Since.Equal(begin.Since) {
			f.Errorf("hold after a restart: %+v, want %+v", h, begin)
		}
		if plan.Version <= before.Version {
			f.Error("the plan's version did not rise, so a publish that began before would be handed over")
		}
		if _, err := f.UpdateApplication(f.Context(), f.app, func(a *hook.Application) error { a.Name = "other"; return nil }); err != nil {
			f.Fatal(err)
		}
		if plan, err = f.PlanOf(f.Context(), f.app); err != nil || !plan.Application.Hold.IsOn() {
			f.Errorf("another change of the application ended the hold: %v", err)
		}
		_, err = f.UpdateHold(f.Context(), f.env.Operational(), nil, func(h *hook.Hold) (*hook.Hold, error) { return begin, nil })
		f.wantKind(err, hook.NotFound)
	})

	t.Run("HoldEndsWhenNothingIsLeftAnywhere", func(t *testing.T) {
		f := newFixture(t, open)
		f.handoff.setRefuse(true)
		f.publish(f.endpoints[0], f.endpoints[1])
		until := time.Now().Add(time.Millisecond).Truncate(time.Millisecond).Add(time.Millisecond)
		hold := &hook.Hold{Since: until.Add(-time.Hour), DrainRate: 5, ResumedAt: until}
		_, err := f.UpdateHold(f.Context(), f.app, nil, func(*hook.Hold) (*hook.Hold, error) { return hold, nil })
		f.must(err)
		_, err = f.UpdateEndpoint(f.Context(), f.app, f.endpoints[0], nil, func(e *hook.Endpoint) error { e.Hold = hold; return nil })
		f.must(err)
		for i, ep := range f.endpoints[:2] {
			f.try(f.claim(ep)[0], hook.Success)
			f.must(f.EndHold(f.Context(), f.app, ep, until))
			plan, err := f.PlanOf(f.Context(), f.app)
			f.must(err)
			if ended := plan.Application.Hold == nil; ended != (i == 1) {
				f.Errorf("after endpoint %d the application's hold is over: %v", i, ended)
			}
			if plan.Endpoint(f.endpoints[0]).Hold != nil {
				f.Errorf("after endpoint %d its own hold is left", i)
			}
		}
	})

	t.Run("ClaimPart", func(t *testing.T) {
		f := newFixture(t, open)
		f.handoff.setRefuse(true)
		ep := f.endpoints[0]
		var ids []hook.MessageID
		for range 30 {
			ids = append(ids, f.publish(ep))
		}
		f.handoff.takeMadeDue()
		n, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: ep, Messages: []hook.MessageID{ids[20]}, Trigger: hook.Manual})
		f.must(err)
		if asked := f.handoff.takeAsked(); n != 1 || asked != 1 {
			f.Errorf("a resend made %d due and was told %d times", n, asked)
		}
		part := store.Part{Application: f.app, Endpoint: ep, Now: time.Now().Add(time.Minute), Limit: 5, IsManual: true}
		due, next, err := f.ClaimPart(f.Context(), part)
		f.must(err)
		if len(due) != 1 || due[0].Delivery.Message != ids[20] || due[0].Delivery.Trigger != hook.Manual || !next.IsZero() {
			f.Errorf("what a person asked for: %+v, next %v", due, next)
		}
		all := f.claim(ep)
		from := time.UnixMilli(all[10].Row.DueAt)
		want := 0
		for _, d := range all {
			if d.Row.DueAt >= all[10].Row.DueAt {
				want++
			}
		}
		part.IsManual, part.From, part.Limit = false, from, 100
		if due, _, err = f.ClaimPart(f.Context(), part); err != nil || len(due) != want {
			f.Errorf("%d rows from a time on, %v, want %d", len(due), err, want)
		}
		part.From, part.Now, part.Limit = time.Time{}, from.Add(-time.Millisecond), 3
		due, next, err = f.ClaimPart(f.Context(), part)
		if f.must(err); len(due) != min(3, len(all)-want) || next.IsZero() {
			f.Errorf("%d rows before a time, next %v", len(due), next)
		}
		if n, more, err := f.CountWaiting(f.Context(), ep, time.Now().Add(time.Minute), 100); err != nil || n != 30 || more {
			f.Errorf("%d wait, more %v, %v; want 30: a resend is not among them", n, more, err)
		}
		if n, more, err := f.CountWaiting(f.Context(), ep, time.Now().Add(time.Minute), 7); err != nil || n != 7 || !more {
			f.Errorf("%d wait of at most 7, more %v, %v", n, more, err)
		}
		if n, _, err := f.CountWaiting(f.Context(), f.endpoints[1], time.Now().Add(time.Minute), 7); err != nil || n != 0 {
			f.Errorf("%d wait at another endpoint, %v", n, err)
		}
	})

	t.Run("ChangesAreTold", func(t *testing.T) {
		f := newFixture(t, open)
		f.handoff.takeChanged()
		_, err := f.UpdateEndpoint(f.Context(), f.app, f.endpoints[0], nil, func(e *hook.Endpoint) error { e.Description = "x"; return nil })
		f.must(err)
		if got := f.handoff.takeChanged(); len(got) != 1 || got[0] != f.app {
			f.Errorf("changed: %v, want the application", got)
		}
	})
}

func testLatest(t *testing.T, open Open) {
	// publishOf appends a message of a key that is sent after a window.
	publishOf := func(f *fixture, key byte, window time.Duration, ep hook.EndpointID) hook.MessageID {
		f.Helper()
		p := f.publication(ep)
		p.Deliveries[0].Latest = &hook.LatestOf{Key: [16]byte{key}, Window: window}
		got, err := f.Append(f.Context(), p)
		f.must(err)
		return got.ID
	}
	t.Run("LaterMessageOfItsKeySupersedes", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		first := publishOf(f, 1, time.Minute, ep)
		other := publishOf(f, 2, time.Minute, ep)
		elsewhere := publishOf(f, 1, time.Minute, f.endpoints[1])
		if n := len(f.handoff.take()); n != 0 {
			f.Fatalf("%d handed over at once", n)
		}
		f.crash()
		second := publishOf(f, 1, time.Minute, ep)
		ends := func(m hook.MessageID) { // at once, or in the next commit
			for end := time.Now().Add(5 * time.Second); f.delivery(m, ep).State == hook.Pending && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
		}
		ends(first)
		f.crash()
		last := publishOf(f, 1, time.Minute, ep)
		ends(second)
		for _, m := range []hook.MessageID{first, second} {
			if d := f.delivery(m, ep); d.State != hook.Cancelled || d.Reason != hook.ReasonSuperseded || d.Attempts != 0 {
				f.Errorf("an earlier one: %+v", d)
			}
		}
		for _, m := range []hook.MessageID{last, other} {
			if d := f.delivery(m, ep); d.State != hook.Pending || d.DueAt.Sub(hook.Key(m).Time()) != time.Minute {
				f.Errorf("the latest of a key: %+v, due %v after it was accepted", d, d.DueAt.Sub(hook.Key(m).Time()))
			}
		}
		if d := f.delivery(elsewhere, f.endpoints[1]); d.State != hook.Pending {
			f.Errorf("another endpoint's: %+v", d)
		}
		due, _, err := f.Claim(f.Context(), f.app, ep, time.Now().Add(2*time.Minute), 100, nil)
		if f.must(err); len(due) != 2 || due[0].Delivery.Message != other || due[1].Delivery.Message != last {
			f.Errorf("due are %+v", due)
		}
	})

	t.Run("SteadyStreamIsSentAllTheSame", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		const window = 30 * time.Millisecond
		var ids []hook.MessageID
		var durable []time.Time // when each was surely on disk
		begun := time.Now()
		for time.Since(begun) < 25*window || len(ids) < 50 {
			ids = append(ids, publishOf(f, 1, window, ep))
			durable = append(durable, time.Now())
			time.Sleep(2 * time.Millisecond) // the stream is faster than the window
		}
		for end := time.Now().Add(time.Second); len(ids) > 1 && f.delivery(ids[len(ids)-2], ep).State == hook.Pending && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		var kept []hook.MessageID
		for _, m := range ids {
			if d := f.delivery(m, ep); d.State == hook.Pending {
				kept = append(kept, m)
			}
		}
		// A store that is slow now may itself let a window end: the next one supersedes when it
		// is committed, some time after its id was made.
		pauses := 0
		for i := 1; i < len(ids); i++ {
			if durable[i].Sub(hook.Key(ids[i-1]).Time()) >= window-time.Millisecond {
				pauses++
			}
		}
		if pauses == 0 && len(kept) < 3 || len(kept) > pauses+5 {
			f.Errorf("%d of %d are sent in 25 windows with %d pauses, want one in ten windows and the last", len(kept), len(ids), pauses)
		}
		if kept[len(kept)-1] != ids[len(ids)-1] {
			f.Error("the last one is not sent")
		}
		// Nor does a message come while the store, or the machine, stands still.
		stood := func(from, to hook.MessageID) (sum time.Duration) {
			for i := 1; i < len(ids); i++ {
				if ids[i] > from && ids[i] <= to {
					sum += max(0, hook.Key(ids[i]).Time().Sub(hook.Key(ids[i-1]).Time())-window/3)
				}
			}
			return sum
		}
		for i := 1; i < len(kept); i++ {
			gap := hook.Key(kept[i]).Time().Sub(hook.Key(kept[i-1]).Time())
			if gap-stood(kept[i-1], kept[i]) > (hook.LatestPatience+5)*window {
				f.Errorf("%v between two that are sent, want at most %v", gap, hook.LatestPatience*window)
			}
		}
	})

	t.Run("WhatWasTriedIsNotSuperseded", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		first := publishOf(f, 1, time.Minute, ep)
		f.try(f.claimUntil(ep, 2*time.Minute)[0], hook.Failed)
		publishOf(f, 1, time.Minute, ep)
		if d := f.delivery(first, ep); d.State != hook.Pending || d.Attempts != 1 {
			f.Errorf("one that waits for its retry: %+v", d)
		}
	})
}

// claimUntil returns what is due at an endpoint within a time from now.
func (f *fixture) claimUntil(ep hook.EndpointID, most time.Duration) []store.Due {
	f.Helper()
	due, _, err := f.Claim(f.Context(), f.app, ep, time.Now().Add(most), 1000, nil)
	f.must(err)
	return due
}
