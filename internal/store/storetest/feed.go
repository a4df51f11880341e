package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// fed is the end of d that puts it into its endpoint's feed.
func fed(d store.Due, f store.Fed) *store.Finished {
	return &store.Finished{Delivery: d.Delivery.End(hook.Delivered, hook.ReasonNone), Row: d.Row, Feed: &f}
}

// poll reads a page of the first endpoint's feed.
func (f *fixture) poll(after hook.Position, limit int) store.FeedPage {
	f.Helper()
	page, err := f.Feed(f.Context(), store.FeedQuery{Application: f.app, Endpoint: f.endpoints[0], After: after, Limit: limit})
	f.must(err)
	for _, r := range page.Rows {
		if r.Position <= after || r.Position > page.Last {
			f.Fatalf("position %d after %d, page ends at %d", r.Position, after, page.Last)
		}
		after = r.Position
	}
	return page
}

// wantFeed checks which messages a feed has, in order.
func (f *fixture) wantFeed(want ...hook.MessageID) store.FeedPage {
	f.Helper()
	page := f.poll(0, 250)
	var got []hook.MessageID
	for _, r := range page.Rows {
		got = append(got, r.Message.ID)
	}
	if !slices.Equal(got, want) {
		f.Fatalf("feed %v, want %v", got, want)
	}
	return page
}

func testFeed(t *testing.T, open Open) {
	t.Run("PositionsRiseThroughCrashAndRestart", func(t *testing.T) {
		f := newFixture(t, open)
		var want []hook.MessageID
		last := hook.Position(0)
		for round := range 6 {
			var ended []*store.Finished
			for range 5 {
				want = append(want, f.publish(f.endpoints[0]))
				ended = append(ended, fed(f.handoff.take()[0], store.Fed{}))
			}
			f.must(f.finish(ended...))
			page := f.wantFeed(want...)
			if page.More || page.Last <= last || page.Last > hook.MaxPosition {
				t.Fatalf("round %d: page ends at %d after %d, more %v", round, page.Last, last, page.More)
			}
			if end := f.FeedEnd(); end != page.Last {
				t.Fatalf("the feed ends at %d, want %d", end, page.Last)
			}
			last = page.Last
			if round%2 == 0 {
				f.crash()
			} else {
				f.restart()
			}
		}
	})

	t.Run("OneDeliveryIsOneRow", func(t *testing.T) {
		f := newFixture(t, open)
		id := f.publish(f.endpoints[0])
		d := f.handoff.take()[0]
		f.must(f.finish(fed(d, store.Fed{}), fed(d, store.Fed{})))
		f.must(f.finish(fed(d, store.Fed{})))
		f.wantFeed(id)
		f.wantState(id, f.endpoints[0], hook.Delivered, 0)

		// One that was spilled while its lane had it.
		second := f.publish(f.endpoints[0])
		d = f.handoff.take()[0]
		f.must(f.Spill(f.Context(), []hook.Delivery{d.Delivery}))
		f.must(f.finish(fed(d, store.Fed{})))
		f.wantFeed(id)
		claimed := f.claim(f.endpoints[0])
		if len(claimed) != 1 {
			t.Fatalf("%d are due, want the spilled one", len(claimed))
		}
		f.must(f.finish(fed(claimed[0], store.Fed{}), fed(claimed[0], store.Fed{})))
		f.wantFeed(id, second)
		if due := f.claim(f.endpoints[0]); len(due) != 0 {
			t.Fatalf("%d are due after that", len(due))
		}
		f.crash()
		f.wantFeed(id, second)
		if due := f.claim(f.endpoints[0]); len(due) != 0 {
			t.Fatalf("%d are due after a crash", len(due))
		}
	})

	t.Run("ResendIsOneMoreRow", func(t *testing.T) {
		f := newFixture(t, open)
		id := f.publish(f.endpoints[0])
		f.must(f.finish(fed(f.handoff.take()[0], store.Fed{})))
		_, err := f.Replay(f.Context(), &store.Replay{Application: f.app, Endpoint: f.endpoints[0], Messages: []hook.MessageID{id}, Trigger: hook.Manual})
		f.must(err)
		due := f.claim(f.endpoints[0])
		if len(due) != 1 {
			t.Fatalf("%d are due, want the resend", len(due))
		}
		f.must(f.finish(fed(due[0], store.Fed{})))
		f.wantFeed(id, id)
		f.wantState(id, f.endpoints[0], hook.Delivered, 0)
		if due := f.claim(f.endpoints[0]); len(due) != 0 {
			t.Fatalf("%d are due after the resend", len(due))
		}
	})

	t.Run("PagesFiltersAndOtherFeeds", func(t *testing.T) {
		f := newFixture(t, open)
		var all []hook.MessageID
		for i := range 7 {
			p := f.publication(f.endpoints[0], f.endpoints[1])
			p.Message.EventType = []string{"a.a", "b.b"}[i%2]
			p.Message.Channels = []string{fmt.Sprintf("c%d", i%3)}
			got, err := f.Append(f.Context(), p)
			f.must(err)
			all = append(all, got.ID)
			for _, d := range f.handoff.take() {
				f.must(f.finish(fed(d, store.Fed{})))
			}
		}
		var got []hook.MessageID
		for after, n := hook.Position(0), 0; ; n++ {
			page := f.poll(after, 3)
			for _, r := range page.Rows {
				got = append(got, r.Message.ID)
			}
			after = page.Last
			if page.More != (n < 2) {
				t.Fatalf("page %d: more %v", n, page.More)
			}
			if !page.More {
				break
			}
		}
		if !slices.Equal(got, all) {
			t.Fatalf("pages %v, want %v", got, all)
		}
		for _, c := range []struct {
			typ, channel string
			want         []hook.MessageID
		}{
			{"b.b", "", []hook.MessageID{all[1], all[3], all[5]}},
			{"", "c0", []hook.MessageID{all[0], all[3], all[6]}},
			{"a.a", "c1", []hook.MessageID{all[4]}},
			{"none", "", nil},
		} {
			page, err := f.Feed(f.Context(), store.FeedQuery{Application: f.app, Endpoint: f.endpoints[0], Limit: 10, EventType: c.typ, Channel: c.channel})
			f.must(err)
			var got []hook.MessageID
			for _, r := range page.Rows {
				got = append(got, r.Message.ID)
			}
			if !slices.Equal(got, c.want) || page.More || page.Last != f.poll(0, 250).Last {
				t.Errorf("type %q channel %q: %v up to %d, want %v", c.typ, c.channel, got, page.Last, c.want)
			}
		}
		if page := f.poll(f.FeedEnd(), 10); len(page.Rows) != 0 || page.More || page.Last != f.FeedEnd() {
			t.Errorf("after the end: %+v", page)
		}
	})

	t.Run("WhatATransformationMadeAndWhatIsGone", func(t *testing.T) {
		f := newFixture(t, open)
		var ids []hook.MessageID
		for i := range 3 {
			ids = append(ids, f.publish(f.endpoints[0]))
			made := store.Fed{Payload: fmt.Appendf(nil, `{"made":%d}`, i), Headers: map[string]string{"x-n": fmt.Sprint(i)}}
			if i == 2 {
				made = store.Fed{}
			}
			f.must(f.finish(fed(f.handoff.take()[0], made)))
		}
		f.must(f.ExpungeMessage(f.Context(), f.app, ids[0]))
		f.crash()
		page := f.wantFeed(ids[1], ids[2])
		if page.Gone != 1 {
			t.Errorf("%d are gone, want the expunged one", page.Gone)
		}
		if r := page.Rows[0]; string(r.Payload) != `{"made":1}` || r.Headers["x-n"] != "1" || string(r.Message.Payload) != `{"n": 1.10}` {
			t.Errorf("row %+v", r)
		}
		if r := page.Rows[1]; r.Payload != nil || r.Headers != nil {
			t.Errorf("row %+v", r)
		}
	})

	t.Run("HandedOverIsNotYetWiped", func(t *testing.T) {
		f := newFixture(t, open)
		id := f.publish(f.endpoints[0], f.endpoints[1])
		for _, d := range f.handoff.take() {
			end := fed(d, store.Fed{})
			if d.Delivery.Endpoint == f.endpoints[1] {
				end = f.ended(d, hook.Success)
				end.Wipe = true
			}
			f.must(f.finish(end))
		}
		f.wantFeed(id)
	})
}

func testConsumers(t *testing.T, open Open) {
	f := newFixture(t, open)
	ctx, ep := f.Context(), f.endpoints[0]
	_, err := f.Consumer(ctx, ep, "a")
	f.wantKind(err, hook.NotFound)
	same := func(*hook.Consumer) error { return nil }
	_, err = f.UpdateConsumer(ctx, f.app, ep, "a", nil, same)
	f.wantKind(err, hook.NotFound)
	_, err = f.UpdateConsumer(ctx, f.app, hook.EndpointID(f.NewKey()), "a", &hook.Consumer{}, same)
	f.wantKind(err, hook.NotFound)
	_, err = f.UpdateConsumer(ctx, f.newApplication("other"), ep, "a", &hook.Consumer{}, same)
	f.wantKind(err, hook.NotFound)

	until := time.Now().Add(time.Minute).UTC().Truncate(time.Millisecond)
	made, err := f.UpdateConsumer(ctx, f.app, ep, "a", &hook.Consumer{Position: 7}, func(c *hook.Consumer) error {
		c.Lease(9, until)
		return nil
	})
	f.must(err)
	f.crash()
	got, err := f.Consumer(ctx, ep, "a")
	f.must(err)
	if *got != *made || got.Position != 7 || got.Leased != 9 || !got.LeaseUntil.Equal(until) || got.CreatedAt.IsZero() {
		t.Fatalf("consumer %+v, made as %+v", got, made)
	}
	_, err = f.UpdateConsumer(ctx, f.app, ep, "a", nil, func(c *hook.Consumer) error {
		c.Position = 1000
		return hook.Errorf(hook.Conflict, "no")
	})
	f.wantKind(err, hook.Conflict)
	_, err = f.UpdateConsumer(ctx, f.app, ep, "a", nil, func(c *hook.Consumer) error { return c.Commit(9) })
	f.must(err)
	if got, err = f.Consumer(ctx, ep, "a"); err != nil || got.Position != 9 || !got.LeaseUntil.IsZero() {
		t.Fatalf("after the commit: %+v, %v", got, err)
	}

	for i := range hook.MaxConsumers - 1 {
		_, err := f.UpdateConsumer(ctx, f.app, ep, fmt.Sprintf("c%d", i), &hook.Consumer{}, same)
		f.must(err)
	}
	_, err = f.UpdateConsumer(ctx, f.app, ep, "more", &hook.Consumer{}, same)
	f.wantKind(err, hook.LimitReached)
	_, err = f.UpdateConsumer(ctx, f.app, f.endpoints[1], "a", &hook.Consumer{Position: 3}, same)
	f.must(err)
	f.must(f.DeleteConsumer(ctx, ep, "c0"))
	f.wantKind(f.DeleteConsumer(ctx, ep, "c0"), hook.NotFound)
	list, err := f.ListConsumers(ctx, ep)
	f.must(err)
	if len(list) != hook.MaxConsumers-1 || list[0].Name != "a" {
		t.Fatalf("%d consumers, the first %+v", len(list), list[0])
	}

	f.must(f.DeleteEndpoint(ctx, f.app, ep))
	if list, err = f.ListConsumers(ctx, ep); err != nil || len(list) != 0 {
		t.Fatalf("consumers of a deleted endpoint: %v, %v", list, err)
	}
	f.must(f.DeleteApplication(ctx, f.app))
	if list, err = f.ListConsumers(ctx, f.endpoints[1]); err != nil || len(list) != 0 {
		t.Fatalf("consumers of a deleted application: %v, %v", list, err)
	}
}
