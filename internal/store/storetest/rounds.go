package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func testRounds(t *testing.T, open Open) {
	t.Run("ReplayableFindsEachKind", func(t *testing.T) {
		f := newFixture(t, open)
		ep, other := f.endpoints[0], f.endpoints[1]
		failed, delivered, retried := f.publish(ep), f.publish(ep), f.publish(ep)
		skipped, never, fresh, cancelled := f.publish(ep), f.publish(other), f.publish(ep), f.publish(ep)
		gone := f.publish(ep)
		for _, d := range f.handoff.take() {
			switch d.Delivery.Message {
			case failed, gone:
				end := f.ended(d, hook.Failed)
				end.Delivery = end.Delivery.End(hook.Exhausted, hook.ReasonServer)
				f.must(f.finish(end))
			case delivered:
				f.try(d, hook.Success)
			case retried:
				f.try(d, hook.Failed)
			case skipped:
				f.must(f.finish(&store.Finished{Delivery: d.Delivery.End(hook.Exhausted, hook.ReasonDisabled)}))
			case cancelled:
				f.must(f.finish(&store.Finished{Delivery: d.Delivery.End(hook.Cancelled, hook.ReasonCanceled)}))
			}
		}
		f.must(f.ExpungeMessage(f.Context(), f.app, gone))
		for name, c := range map[string]struct {
			q    store.ReplayQuery
			want []hook.MessageID // falling
		}{
			"failed":           {store.ReplayQuery{Statuses: []store.AttemptStatus{store.StatusFail}}, []hook.MessageID{skipped, failed}},
			"all that ended":   {store.ReplayQuery{}, []hook.MessageID{cancelled, skipped, delivered, failed}},
			"by last answer":   {store.ReplayQuery{StatusClass: 500}, []hook.MessageID{failed}},
			"no answer":        {store.ReplayQuery{StatusClass: 1}, nil},
			"missing":          {store.ReplayQuery{Missing: true}, []hook.MessageID{never, skipped}},
			"by event type":    {store.ReplayQuery{EventTypes: []string{"other"}}, nil},
			"by tag":           {store.ReplayQuery{Tag: "x"}, nil},
			"what is wanted":   {store.ReplayQuery{Missing: true, Wants: func(string, []string) bool { return false }}, nil},
			"another's":        {store.ReplayQuery{Application: f.newApplication("other"), Missing: true}, nil},
			"another's pairs":  {store.ReplayQuery{Application: f.newApplication("third")}, nil},
			"up to the second": {store.ReplayQuery{Window: store.Window{From: hook.Key(retried)}}, []hook.MessageID{delivered, failed}},
		} {
			q := c.q
			if q.Application == 0 {
				q.Application = f.app
			}
			q.Endpoint, q.Window.Limit = ep, 100
			page, err := f.Replayable(f.Context(), q)
			f.must(err)
			if !slices.Equal(page.Messages, c.want) || page.More {
				t.Errorf("%s: %v, more %v; want %v", name, page.Messages, page.More, c.want)
			}
			// In pages of one, and looking at one row at a time, the same comes out.
			q.Window.Limit, q.Look = 1, 1
			var walked []hook.MessageID
			for range 20 {
				page, err := f.Replayable(f.Context(), q)
				f.must(err)
				walked = append(walked, page.Messages...)
				if q.Window.From = hook.Key(page.Last); !page.More {
					break
				}
			}
			if !slices.Equal(walked, c.want) {
				t.Errorf("%s: in pages of one: %v, want %v", name, walked, c.want)
			}
		}
		_ = fresh // is on its way: neither missing nor ended
	})

	t.Run("WhatAFilterSkippedIsKeptWithItsNote", testSkipped(open))

	t.Run("WhatWasNotTriedIsTakenBack", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		failed, delivered, tried := f.publish(ep), f.publish(ep), f.publish(ep)
		never := f.publish(f.endpoints[1])
		for _, d := range f.handoff.take() {
			switch d.Delivery.Message {
			case delivered:
				f.try(d, hook.Success)
			case failed, tried:
				end := f.ended(d, hook.Failed)
				end.Delivery = end.Delivery.End(hook.Exhausted, hook.ReasonServer)
				f.must(f.finish(end))
			}
		}
		at, later := time.Now().Truncate(time.Millisecond), time.Now().Add(5*time.Millisecond).Truncate(time.Millisecond)
		replay := func(at time.Time, ids ...hook.MessageID) {
			n, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: ep, Messages: ids, Trigger: hook.Scheduled, DueAt: at})
			f.must(err)
			if n != len(ids) {
				t.Fatalf("%d made due, want %d", n, len(ids))
			}
		}
		replay(at, failed, delivered, never)
		replay(later, tried)
		waiting, err := f.Waiting(f.Context(), ep, []time.Time{at, later, later.Add(time.Second)})
		f.must(err)
		if len(waiting) != 2 || waiting[at.UnixMilli()] != 3 || waiting[later.UnixMilli()] != 1 {
			t.Fatalf("waiting %v", waiting)
		}
		for _, d := range f.claim(ep) {
			if d.Delivery.Message == tried { // the round of this one has begun
				f.try(d, hook.Failed)
			}
		}
		n, err := f.Cancel(f.Context(), store.Cancellation{Application: f.app, Endpoint: ep, Rounds: []time.Time{at, later}})
		f.must(err)
		if n != 3 {
			t.Fatalf("%d taken back, want 3", n)
		}
		f.crash()
		f.wantState(failed, ep, hook.Exhausted, 1)
		f.wantState(delivered, ep, hook.Delivered, 1)
		f.wantState(never, ep, hook.Cancelled, 0)
		f.wantState(tried, ep, hook.Pending, 2)
		if due := f.claim(ep); len(due) != 0 {
			t.Errorf("still due: %+v", due)
		}
		// It can be done again, and what was never attempted is still missing.
		page, err := f.Replayable(f.Context(), store.ReplayQuery{Application: f.app, Endpoint: ep, Missing: true, Window: store.Window{Limit: 9}})
		f.must(err)
		if !slices.Equal(page.Messages, []hook.MessageID{never}) {
			t.Errorf("missing %v, want %v", page.Messages, never)
		}
		if n, err := f.Cancel(f.Context(), store.Cancellation{Application: f.app, Endpoint: ep, Rounds: []time.Time{at, later}}); err != nil || n != 0 {
			t.Errorf("taking back twice: %d, %v", n, err)
		}
	})

	t.Run("CancelEndsWhatWaits", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		inMemory, waits, ended, resent := f.publish(ep), f.publish(ep), f.publish(ep), f.publish(f.endpoints[1])
		other := f.publish(f.endpoints[2])
		var flying, apart store.Due
		for _, d := range f.handoff.take() {
			switch {
			case d.Delivery.Message == waits:
				f.try(d, hook.Failed)
			case d.Delivery.Message == ended:
				f.try(d, hook.Success)
			case d.Delivery.Message == inMemory:
				flying = d
			case d.Delivery.Message == other:
				apart = d
			}
		}
		_, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: ep, Messages: []hook.MessageID{resent, ended}, Trigger: hook.Manual})
		f.must(err)
		before := time.Now().Add(time.Millisecond)
		for !time.Now().After(before) { // the grain of a cancellation
			time.Sleep(time.Millisecond)
		}
		kept := f.publish(ep)
		n, err := f.Cancel(f.Context(), store.Cancellation{Application: f.app, Endpoint: ep, Before: before})
		f.must(err)
		if n != 4 { // one in memory, a retry and two resends
			t.Errorf("%d cancelled, want 4", n)
		}
		// A request that was under way is recorded and has no retry; its success would count.
		f.try(flying, hook.Failed)
		f.crash()
		f.wantState(inMemory, ep, hook.Cancelled, 1)
		f.wantState(waits, ep, hook.Cancelled, 1)
		f.wantState(ended, ep, hook.Delivered, 1)
		f.wantState(resent, ep, hook.Cancelled, 0)
		f.wantState(kept, ep, hook.Pending, 0)
		f.wantState(apart.Delivery.Message, f.endpoints[2], hook.Pending, 0)
		if due := f.claim(ep); len(due) != 1 || due[0].Delivery.Message != kept {
			t.Errorf("due: %+v, want only %d", due, kept)
		}
		if n, err := f.Cancel(f.Context(), store.Cancellation{Application: f.newApplication("x"), Endpoint: ep, Before: time.Now().Add(time.Second)}); err != nil || n != 0 {
			t.Errorf("another application cancelled %d, %v", n, err)
		}
	})

	t.Run("CancelGoesInSteps", func(t *testing.T) {
		f := newFixture(t, open)
		ep := f.endpoints[0]
		const many = 603
		for _, inMemory := range []bool{false, true} {
			f.handoff.setRefuse(!inMemory)
			errs := make(chan error, many)
			for range many { // at once, to share commits
				p := f.publication(ep)
				go func() {
					_, err := f.Append(f.Context(), p)
					errs <- err
				}()
			}
			for range many {
				f.must(<-errs)
			}
		}
		n, err := f.Cancel(f.Context(), store.Cancellation{Application: f.app, Endpoint: ep, Before: time.Now().Add(time.Second)})
		f.must(err)
		if n != 2*many {
			t.Errorf("%d cancelled, want %d", n, 2*many)
		}
		f.crash()
		if due := f.claim(ep); len(due) != 0 {
			t.Errorf("%d still due", len(due))
		}
	})

	t.Run("DestinationsAreCounted", func(t *testing.T) {
		f := newFixture(t, open)
		first := f.publish(f.endpoints[:3]...)
		f.publish()
		last := f.publish(f.endpoints[:2]...)
		total, from := int64(0), hook.Key(0)
		for range 10 {
			n, next, err := f.Destinations(f.Context(), f.app, from, hook.MaxKey, 1)
			f.must(err)
			total += n
			if from = next; next == 0 {
				break
			}
		}
		if total != 5 {
			t.Errorf("%d destinations, want 5", total)
		}
		n, _, err := f.Destinations(f.Context(), f.app, hook.Key(first), hook.Key(last)-1, 100)
		f.must(err)
		if n != 0 {
			t.Errorf("%d destinations between the two, want 0", n)
		}
		n, _, err = f.Destinations(f.Context(), f.newApplication("other"), 0, hook.MaxKey, 100)
		f.must(err)
		if n != 0 {
			t.Errorf("another application has %d", n)
		}
	})
}

// testSkipped: a pair that a filter skipped ends in the commit of its message, keeps why, and
// is sent again only when asked for by hand, by its status, or as missing by a filter that wants it now.
func testSkipped(open Open) func(t *testing.T) {
	return func(t *testing.T) {
		f := newFixture(t, open)
		ep, other := f.endpoints[0], f.endpoints[1]
		const note = "payload.n $gt: does not hold for a number"
		p := f.publication(ep, other)
		p.Deliveries[0] = p.Deliveries[0].End(hook.Cancelled, hook.ReasonSkippedFilter)
		p.Deliveries[0].Note = note
		got, err := f.Append(f.Context(), p)
		f.must(err)
		if list := f.handoff.take(); len(list) != 1 || list[0].Delivery.Endpoint != other {
			t.Fatalf("handed over: %+v", list)
		}
		wantNote := func(what, want string) {
			t.Helper()
			if d := f.delivery(got.ID, ep); d.Note != want {
				t.Errorf("%s: %v %v with note %q, want %q", what, d.State, d.Reason, d.Note, want)
			}
		}
		f.restart()
		f.wantState(got.ID, ep, hook.Cancelled, 0)
		wantNote("after a restart", note)
		find := func(q store.ReplayQuery) []hook.MessageID {
			t.Helper()
			q.Application, q.Endpoint, q.Window.Limit = f.app, ep, 10
			page, err := f.Replayable(f.Context(), q)
			f.must(err)
			return page.Messages
		}
		var seen string
		filter := func(answer bool) func(*hook.Message) bool {
			return func(m *hook.Message) bool { seen = string(m.Payload); return answer }
		}
		for name, c := range map[string]struct {
			q    store.ReplayQuery
			want int
		}{
			"whatever ended":      {store.ReplayQuery{}, 0},
			"what failed":         {store.ReplayQuery{Statuses: []store.AttemptStatus{store.StatusFail}}, 0},
			"what was cancelled":  {store.ReplayQuery{Statuses: []store.AttemptStatus{store.StatusCanceled}}, 1},
			"missing":             {store.ReplayQuery{Missing: true}, 1},
			"missing and wanted":  {store.ReplayQuery{Missing: true, Filter: filter(true)}, 1},
			"missing, not wanted": {store.ReplayQuery{Missing: true, Filter: filter(false)}, 0},
		} {
			if list := find(c.q); len(list) != c.want {
				t.Errorf("%s: %v, want %d", name, list, c.want)
			}
		}
		if seen != `{"n": 1.10}` {
			t.Errorf("the filter saw %q", seen)
		}
		// A resend that fails leaves the pair as it was; a success takes the note away.
		resend := func() store.Due {
			t.Helper()
			n, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: ep, Messages: []hook.MessageID{got.ID}, Trigger: hook.Manual})
			f.must(err)
			due := f.claim(ep)
			if n != 1 || len(due) != 1 {
				t.Fatalf("resent %d, due %+v", n, due)
			}
			return due[0]
		}
		f.try(resend(), hook.Failed)
		f.wantState(got.ID, ep, hook.Cancelled, 1)
		wantNote("after a failed resend", note)
		f.try(resend(), hook.Success)
		f.wantState(got.ID, ep, hook.Delivered, 2)
		wantNote("after a resend", "")
	}
}
