package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func testLedger(t *testing.T, open Open) {
	t.Run("AcknowledgedMessagesSurviveACrash", func(t *testing.T) {
		f := newFixture(t, open)
		var mu sync.Mutex
		acked := make(map[hook.MessageID]string)
		var all sync.WaitGroup
		for p := range 8 {
			all.Go(func() {
				for i := range 25 {
					body := fmt.Sprintf(`{"producer":%d,"i":%d}`, p, i)
					pub := f.publication(f.endpoints[0], f.endpoints[1])
					pub.Message.Payload = []byte(body)
					got, err := f.Append(f.Context(), pub)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					acked[got.ID] = body
					mu.Unlock()
				}
			})
		}
		all.Wait()
		f.crash()
		if len(acked) != 200 {
			t.Fatalf("acknowledged %d different ids, want 200", len(acked))
		}
		for id, body := range acked {
			m, err := f.Message(f.Context(), f.app, id)
			f.must(err)
			if string(m.Payload) != body {
				t.Fatalf("payload %s, want %s", m.Payload, body)
			}
		}
		for _, ep := range f.endpoints[:2] {
			if due := f.claim(ep); len(due) != len(acked) {
				t.Fatalf("%d deliveries are due after the crash, want %d", len(due), len(acked))
			}
		}
	})

	t.Run("MessageComesBackAsItWas", func(t *testing.T) {
		f := newFixture(t, open)
		p := f.publication(f.endpoints[2])
		m := p.Message
		m.EventID, m.Channels, m.Tags = "evt-1", []string{"a", "b:c"}, []string{"x/y"}
		m.Payload = []byte("{\"b\":1.10,\"a\":\"\\u00e9\" }")
		m.RawBody, m.ContentType = []byte("\x00raw\xff"), "text/plain"
		m.TransformationsParams = []byte(`{"rawPayload":"x"}`)
		m.DeliverAt = time.UnixMilli(time.Now().Add(time.Hour).UnixMilli()).UTC()
		m.ContentExpiresAt = m.DeliverAt.Add(time.Hour)
		m.Deadline = m.DeliverAt.Add(time.Minute)
		p.Deliveries[0].DueAt = m.DeliverAt
		_, err := f.Append(f.Context(), p)
		f.must(err)
		got, err := f.Message(f.Context(), f.app, m.ID)
		f.must(err)
		if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", *m) {
			t.Fatalf("read %+v, want %+v", *got, *m)
		}
		if !bytes.Equal(got.Body(), m.RawBody) {
			t.Fatalf("body %q, want %q", got.Body(), m.RawBody)
		}
	})

	for _, life := range []time.Duration{time.Hour, 3 * 24 * time.Hour, hook.MaxDedupeWindow} {
		t.Run(fmt.Sprint("IdempotencyKeyFindsTheFirst", "/", life), func(t *testing.T) { testKeyFindsTheFirst(t, open, life) })
	}

	t.Run("ConcurrentEqualsMakeOneMessage", func(t *testing.T) {
		f := newFixture(t, open)
		var all sync.WaitGroup
		var mu sync.Mutex
		firsts, ids := 0, make(map[hook.MessageID]bool)
		for range 32 {
			p := f.publication(f.endpoints[0])
			p.Key = &store.IdempotencyKey{Hash: [16]byte{1}, Life: time.Hour}
			all.Go(func() {
				got, err := f.Append(f.Context(), p)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				ids[got.ID] = true
				if !got.Replayed {
					firsts++
				}
			})
		}
		all.Wait()
		if firsts != 1 || len(ids) != 1 {
			t.Fatalf("%d first answers with %d ids, want 1 and 1", firsts, len(ids))
		}
		if n := len(f.handoff.take()); n != 1 {
			t.Fatalf("%d deliveries, want 1", n)
		}
	})

	t.Run("EventIDIsTakenWithinItsApplication", func(t *testing.T) {
		f := newFixture(t, open)
		publish := func(id string, k *store.IdempotencyKey) (store.Appended, error) {
			p := f.publication(f.endpoints[0])
			p.Message.EventID, p.Key = id, k
			return f.Append(f.Context(), p)
		}
		key := func(n byte) *store.IdempotencyKey {
			return &store.IdempotencyKey{Hash: [16]byte{n}, Life: time.Hour}
		}
		first, err := publish("evt", key(1))
		f.must(err)
		_, err = publish("evt", nil)
		f.wantKind(err, hook.Conflict)
		again, err := publish("evt", key(1))
		f.must(err)
		if !again.Replayed || again.ID != first.ID {
			t.Fatalf("repeat with the key gave %+v, want a replay", again)
		}
		_, err = publish("evt", key(2))
		f.wantKind(err, hook.Conflict)
		got, err := publish("evt-2", key(2)) // the refused request has not used its key
		f.must(err)
		if got.Replayed {
			t.Fatal("a refused request took its idempotency key")
		}
		f.crash()
		_, err = publish("evt", nil)
		f.wantKind(err, hook.Conflict)
		f.app = f.newApplication("second")
		_, err = publish("evt", nil)
		f.must(err)
	})

	t.Run("StalePlansAreRefused", func(t *testing.T) {
		f := newFixture(t, open)
		p := f.publication(f.endpoints[0])
		f.newEndpoint(f.app)
		_, err := f.Append(f.Context(), p)
		f.wantKind(err, hook.Stale)
		p = f.publication(f.endpoints[0])
		f.must(f.DeleteApplication(f.Context(), f.app))
		_, err = f.Append(f.Context(), p)
		f.wantKind(err, hook.NotFound)
		if p.Message.ID != 0 {
			t.Fatal("a refused message has an id")
		}
		if h := f.handoff; len(h.fresh) != 0 || h.admitted != 0 {
			t.Fatalf("refused messages left %d deliveries and %d places", len(h.fresh), h.admitted)
		}
	})

	t.Run("HandoffSeesTheOrderOfCommits", func(t *testing.T) {
		f := newFixture(t, open)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 20 {
					got, err := f.Append(f.Context(), f.publication(f.endpoints...))
					if err != nil {
						t.Error(err)
						return
					}
					f.handoff.mu.Lock()
					here := slices.ContainsFunc(f.handoff.fresh, func(d store.Due) bool { return d.Delivery.Message == got.ID })
					f.handoff.mu.Unlock()
					if !here {
						t.Error("acknowledged before it was handed over")
					}
				}
			})
		}
		all.Wait()
		fresh := f.handoff.take()
		if len(fresh) != 8*20*3 {
			t.Fatalf("%d deliveries were handed over, want %d", len(fresh), 8*20*3)
		}
		for i, d := range fresh {
			if !d.Delivery.Fresh || d.Message == nil || d.Message.ID != d.Delivery.Message || d.Row != (store.DueKey{}) || d.Delivery.Application != f.app {
				t.Fatalf("delivery %d is %+v", i, d)
			}
			if i > 0 && d.Delivery.Message < fresh[i-1].Delivery.Message {
				t.Fatalf("delivery %d is of an older message than the one before", i)
			}
		}
		if f.handoff.admitted != 0 {
			t.Fatalf("%d places stay reserved", f.handoff.admitted)
		}
	})

	t.Run("WhatDoesNotFitIsDue", func(t *testing.T) {
		f := newFixture(t, open)
		f.handoff.setRefuse(true)
		id := f.publish(f.endpoints[0], f.endpoints[1])
		if n := len(f.handoff.take()); n != 0 {
			t.Fatalf("%d deliveries were handed over, want none", n)
		}
		if n := len(f.handoff.takeMadeDue()); n != 2 {
			t.Fatalf("%d endpoints were made due, want 2", n)
		}
		for _, ep := range f.endpoints[:2] {
			due := f.claim(ep)
			if len(due) != 1 || due[0].Message.ID != id || due[0].Row == (store.DueKey{}) || due[0].Delivery.Fresh {
				t.Fatalf("claimed %+v", due)
			}
		}
		f.wantState(id, f.endpoints[0], hook.Pending, 0)
	})

	t.Run("PlannedStatesAreKept", func(t *testing.T) {
		f := newFixture(t, open)
		at := time.UnixMilli(time.Now().Add(30 * time.Second).UnixMilli()).UTC()
		p := f.publication(f.endpoints...)
		p.Deliveries[0].DueAt = at
		p.Deliveries[1] = p.Deliveries[1].End(hook.Cancelled, hook.ReasonDisabled)
		p.Deliveries[2].State, p.Deliveries[2].Reason = hook.Held, hook.ReasonPaused
		_, err := f.Append(f.Context(), p)
		f.must(err)
		f.crash()
		due, next, err := f.Claim(f.Context(), f.app, f.endpoints[0], time.Now(), 10, nil)
		f.must(err)
		if len(due) != 0 || !next.Equal(at) {
			t.Fatalf("%d due, next %v; want none and %v", len(due), next, at)
		}
		if due := f.claim(f.endpoints[0]); len(due) != 1 || !due[0].Delivery.DueAt.Equal(at) {
			t.Fatalf("claimed %+v", due)
		}
		f.wantState(p.Message.ID, f.endpoints[1], hook.Cancelled, 0)
		if d := f.delivery(p.Message.ID, f.endpoints[1]); d.Reason != hook.ReasonDisabled {
			t.Fatalf("reason %v", d.Reason)
		}
		f.wantState(p.Message.ID, f.endpoints[2], hook.Held, 0)
		for _, ep := range f.endpoints[1:] {
			if due := f.claim(ep); len(due) != 0 {
				t.Fatalf("claimed %+v of an endpoint that gets nothing", due)
			}
		}
	})

	t.Run("RefusalsDoNotSpoilTheirBatch", func(t *testing.T) {
		f := newFixture(t, open)
		first := f.publication(f.endpoints[0])
		first.Message.EventID = "taken"
		_, err := f.Append(f.Context(), first)
		f.must(err)
		var all sync.WaitGroup
		for i := range 120 {
			p := f.publication(f.endpoints[0])
			want := hook.Internal
			switch i % 3 {
			case 1:
				p.Message.EventID, want = "taken", hook.Conflict
			case 2:
				p.PlanVersion, want = p.PlanVersion-1, hook.Stale
			}
			all.Go(func() {
				_, err := f.Append(f.Context(), p)
				if hook.KindOf(err) != want || (err == nil) != (want == hook.Internal) {
					t.Errorf("append %d: %v, want kind %d", i, err, want)
				}
			})
		}
		all.Wait()
		f.crash()
		if due := f.claim(f.endpoints[0]); len(due) != 41 {
			t.Fatalf("%d deliveries, want 41", len(due))
		}
	})

	t.Run("KeysRiseAcrossRestarts", func(t *testing.T) {
		f := newFixture(t, open)
		var last hook.MessageID
		for i := range 6 {
			id := f.publish(f.endpoints[0])
			if id <= last || hook.Key(id) >= f.NewKey() {
				t.Fatalf("id %d after %d", id, last)
			}
			if last = id; i%2 == 0 {
				f.restart()
			} else {
				f.crash()
			}
		}
	})

	t.Run("ClosedStoreSaysSo", func(t *testing.T) {
		f := newFixture(t, open)
		p := f.publication(f.endpoints[0])
		f.must(f.Close())
		_, err := f.Append(f.Context(), p)
		f.wantKind(err, hook.Closed)
		f.wantKind(f.Check(f.Context()), hook.Closed)
		f.wantKind(f.finish(&store.Finished{Delivery: hook.Delivery{Message: 1, Endpoint: 1}}), hook.Closed)
	})
}

// testKeyFindsTheFirst repeats a request under one key that is taken for life.
func testKeyFindsTheFirst(t *testing.T, open Open, life time.Duration) {
	f := newFixture(t, open)
	key := &store.IdempotencyKey{Hash: [16]byte{1}, Body: [16]byte{2}, Life: life}
	publish := func(k *store.IdempotencyKey) (store.Appended, error) {
		p := f.publication(f.endpoints[0])
		p.Key = k
		return f.Append(f.Context(), p)
	}
	first, err := publish(key)
	f.must(err)
	if first.Replayed {
		t.Fatal("the first request is a replay")
	}
	check := func(when string) {
		t.Helper()
		again, err := publish(key)
		f.must(err)
		if !again.Replayed || again.ID != first.ID {
			t.Fatalf("%s: %+v, want a replay of %d", when, again, first.ID)
		}
		changed := store.IdempotencyKey{Hash: key.Hash, Body: [16]byte{3}, Life: life}
		_, err = publish(&changed)
		f.wantKind(err, hook.KeyReused)
		id, found, err := f.Published(f.Context(), *key)
		f.must(err)
		if !found || id != first.ID {
			t.Fatalf("%s: the key made message %d, found %v; want %d", when, id, found, first.ID)
		}
		_, _, err = f.Published(f.Context(), changed)
		f.wantKind(err, hook.KeyReused)
	}
	check("at once")
	if n := len(f.handoff.take()); n != 1 {
		t.Fatalf("%d deliveries were handed over, want 1", n)
	}
	f.crash()
	check("after a crash")
	f.restart()
	check("after a restart")
	another := store.IdempotencyKey{Hash: [16]byte{9}, Body: key.Body, Life: life}
	if _, found, err := f.Published(f.Context(), another); found || err != nil {
		t.Fatalf("a key that nobody used: found %v, %v", found, err)
	}
	other, err := publish(&another)
	f.must(err)
	if other.Replayed || other.ID == first.ID {
		t.Fatalf("another key gave %+v", other)
	}
}
