package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testAppendAll is about several publications in one transaction.
func testAppendAll(t *testing.T, open Open) {
	t.Run("AllAreWritten", func(t *testing.T) {
		f := newFixture(t, open)
		other := f.newApplication("other")
		otherEndpoint := f.newEndpoint(other)
		group := []*store.Publication{f.publication(f.endpoints...), f.publicationOf(other, otherEndpoint), f.publication()}
		got, err := f.AppendAll(f.Context(), group)
		f.must(err)
		if len(got) != 3 {
			t.Fatalf("%d answers, want 3", len(got))
		}
		for i, a := range got {
			if a.Replayed || a.ID != group[i].Message.ID || i > 0 && a.ID <= got[i-1].ID {
				t.Fatalf("answer %d is %+v", i, a)
			}
		}
		fresh := f.handoff.take()
		if len(fresh) != 4 || f.handoff.admitted != 0 {
			t.Fatalf("%d deliveries were handed over, %d places stay reserved; want 4 and none", len(fresh), f.handoff.admitted)
		}
		for i, d := range fresh {
			if want := group[i/3].Message; d.Message != want || d.Delivery.Message != want.ID || d.Delivery.Application != want.Application {
				t.Fatalf("delivery %d is %+v", i, d)
			}
		}
		if got, err := f.AppendAll(f.Context(), nil); err != nil || len(got) != 0 {
			t.Fatalf("none: %+v, %v", got, err)
		}
		f.crash()
		for i, app := range []hook.ApplicationID{f.app, other, f.app} {
			_, err := f.Message(f.Context(), app, got[i].ID)
			f.must(err)
		}
		for _, ep := range f.endpoints {
			if due := f.claim(ep); len(due) != 1 || due[0].Message.ID != got[0].ID {
				t.Fatalf("due after a crash: %+v", due)
			}
		}
		due, _, err := f.Claim(f.Context(), other, otherEndpoint, time.Now().Add(time.Minute), 10, nil)
		f.must(err)
		if len(due) != 1 || due[0].Message.ID != got[1].ID {
			t.Fatalf("due at the other application after a crash: %+v", due)
		}
	})

	t.Run("OneRefusalRefusesAll", func(t *testing.T) {
		f := newFixture(t, open)
		gone := f.newApplication("gone")
		orphan := f.publicationOf(gone)
		f.must(f.DeleteApplication(f.Context(), gone))
		taken := f.publication(f.endpoints[0])
		taken.Key = &store.IdempotencyKey{Hash: [16]byte{1}, Body: [16]byte{1}, Life: 72 * time.Hour}
		_, err := f.Append(f.Context(), taken)
		f.must(err)
		f.handoff.take()
		withKey := func(hash, body byte) *store.Publication {
			p := f.publication(f.endpoints...)
			p.Key = &store.IdempotencyKey{Hash: [16]byte{hash}, Body: [16]byte{body}, Life: 72 * time.Hour}
			return p
		}
		stale := f.publication(f.endpoints[0])
		stale.PlanVersion--
		large := make([]*store.Publication, store.MaxPublications+1)
		for i := range large {
			large[i] = withKey(50, 0)
		}
		for _, c := range []struct {
			name  string
			group []*store.Publication
			want  hook.Kind
		}{
			{"stale plan", []*store.Publication{withKey(2, 0), withKey(3, 0), stale}, hook.Stale},
			{"deleted application", []*store.Publication{withKey(2, 0), orphan, withKey(3, 0)}, hook.NotFound},
			{"key with another body, before", []*store.Publication{withKey(2, 0), withKey(3, 0), withKey(1, 9)}, hook.KeyReused},
			{"key with another body, in the group", []*store.Publication{withKey(2, 0), withKey(3, 0), withKey(2, 9)}, hook.KeyReused},
			{"key with another body, alone", []*store.Publication{withKey(1, 9)}, hook.KeyReused},
			{"too many", large, hook.TooLarge},
		} {
			_, err := f.AppendAll(f.Context(), c.group)
			f.wantKind(err, c.want)
			for _, p := range c.group {
				if p.Message.ID != 0 {
					t.Errorf("%s: a message that was not written has id %d", c.name, p.Message.ID)
				}
			}
		}
		for range 2 {
			list, err := f.Messages(f.Context(), store.MessageQuery{Application: f.app, Window: store.Window{Limit: 10}})
			f.must(err)
			if len(list.Rows) != 1 || len(f.handoff.take()) != 0 || f.handoff.admitted != 0 {
				t.Fatalf("%d messages after refusals, want the one before", len(list.Rows))
			}
			for _, hash := range []byte{2, 3, 50} {
				if _, found, err := f.Published(f.Context(), store.IdempotencyKey{Hash: [16]byte{hash}, Life: 72 * time.Hour}); found || err != nil {
					t.Fatalf("key %d is taken, %v", hash, err)
				}
			}
			f.crash()
		}
		got, err := f.AppendAll(f.Context(), []*store.Publication{withKey(2, 0), withKey(3, 0)})
		f.must(err)
		if got[0].Replayed || got[1].Replayed {
			t.Fatalf("the keys of refused groups: %+v", got)
		}
	})

	t.Run("TakenKeysAreReplayed", func(t *testing.T) {
		f := newFixture(t, open)
		key := func(hash byte, life time.Duration) *store.IdempotencyKey {
			return &store.IdempotencyKey{Hash: [16]byte{hash}, Life: life}
		}
		group := func() []*store.Publication {
			all := []*store.Publication{f.publication(f.endpoints[0]), f.publication(f.endpoints[0]), f.publication(f.endpoints[0]), f.publication(f.endpoints[0])}
			all[0].Key, all[1].Key, all[3].Key = key(1, 72*time.Hour), key(2, time.Hour), key(1, 72*time.Hour)
			return all
		}
		earlier := f.publication(f.endpoints[0])
		earlier.Key = key(2, time.Hour)
		first, err := f.Append(f.Context(), earlier)
		f.must(err)
		f.handoff.take()
		got, err := f.AppendAll(f.Context(), group())
		f.must(err)
		want := []store.Appended{{ID: got[0].ID}, {ID: first.ID, Replayed: true}, {ID: got[2].ID}, {ID: got[0].ID, Replayed: true}}
		if !slices.Equal(got, want) || got[0].ID == got[2].ID {
			t.Fatalf("answers %+v, want %+v", got, want)
		}
		if fresh := f.handoff.take(); len(fresh) != 2 {
			t.Fatalf("%d deliveries were handed over, want 2", len(fresh))
		}
		for i := range 2 {
			if i == 0 {
				f.crash()
			} else {
				f.restart()
			}
			again, err := f.AppendAll(f.Context(), group())
			f.must(err)
			want := []store.Appended{{ID: got[0].ID, Replayed: true}, {ID: first.ID, Replayed: true}, {ID: again[2].ID}, {ID: got[0].ID, Replayed: true}}
			if !slices.Equal(again, want) || again[2].ID <= got[2].ID {
				t.Fatalf("repeated: %+v, want %+v", again, want)
			}
		}
	})

	t.Run("EventIDsAreNotTaken", func(t *testing.T) {
		f := newFixture(t, open)
		named := func() *store.Publication {
			p := f.publication(f.endpoints[0])
			p.Message.EventID = "evt"
			return p
		}
		got, err := f.AppendAll(f.Context(), []*store.Publication{named(), named()})
		f.must(err)
		if got[0].ID == got[1].ID || got[1].Replayed {
			t.Fatalf("answers %+v", got)
		}
		m, err := f.Message(f.Context(), f.app, got[1].ID)
		f.must(err)
		if m.EventID != "evt" {
			t.Fatalf("eventId %q", m.EventID)
		}
		_, err = f.Append(f.Context(), named())
		f.must(err)
		// One that is taken keeps no group out, and a group of one is no other.
		got, err = f.AppendAll(f.Context(), []*store.Publication{named()})
		f.must(err)
		if got[0].Replayed {
			t.Fatalf("answer %+v", got)
		}
	})

	t.Run("ConcurrentGroupsAreWhole", func(t *testing.T) {
		f := newFixture(t, open)
		const groups, size = 24, 5
		var mu sync.Mutex
		acked := make(map[hook.MessageID]bool)
		var all sync.WaitGroup
		for g := range groups {
			group := make([]*store.Publication, size)
			for i := range group {
				group[i] = f.publication(f.endpoints[:i%3]...)
				// Two groups share each key.
				group[i].Key = &store.IdempotencyKey{Hash: [16]byte{byte(g / 2), byte(i), 1}, Life: 48 * time.Hour}
			}
			refused := g%4 == 3
			if refused {
				group[size-1].PlanVersion++
			}
			all.Go(func() {
				got, err := f.AppendAll(f.Context(), group)
				if refused {
					if hook.KindOf(err) != hook.Stale {
						t.Errorf("group %d: %v", g, err)
					}
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				for i, a := range got {
					if a.Replayed != got[0].Replayed {
						t.Errorf("group %d: answers %+v", g, got)
					}
					if i > 0 && a.ID <= got[i-1].ID {
						t.Errorf("group %d: answers %+v", g, got)
					}
					acked[a.ID] = true
				}
			})
			all.Go(func() { // with messages of others in the same batch
				if _, err := f.Append(f.Context(), f.publication()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		f.crash()
		list, err := f.Messages(f.Context(), store.MessageQuery{Application: f.app, Window: store.Window{Limit: 1000}})
		f.must(err)
		if len(acked) != groups/2*size || len(list.Rows) != len(acked)+groups {
			t.Fatalf("%d messages, %d of them in groups; want %d and %d", len(list.Rows), len(acked), groups/2*size+groups, groups/2*size)
		}
		for i, ep := range f.endpoints[:2] {
			want := groups / 2 * []int{3, 1}[i] // the five of a group go to 0, 1, 2, 0 and 1 endpoints
			if due := f.claim(ep); len(due) != want {
				t.Errorf("%d deliveries are due at endpoint %d, want %d", len(due), i, want)
			}
		}
	})

	t.Run("ClosedStoreSaysSo", func(t *testing.T) {
		f := newFixture(t, open)
		group := []*store.Publication{f.publication(), f.publication()}
		f.must(f.Close())
		_, err := f.AppendAll(f.Context(), group)
		f.wantKind(err, hook.Closed)
	})
}

// publicationOf is publication for another application.
func (f *fixture) publicationOf(app hook.ApplicationID, endpoints ...hook.EndpointID) *store.Publication {
	f.Helper()
	plan, err := f.PlanOf(f.Context(), app)
	f.must(err)
	p := &store.Publication{
		Message:     &hook.Message{Environment: f.env, Application: app, EventType: "invoice.paid", Payload: fmt.Appendf(nil, `{"of": %d}`, app)},
		PlanVersion: plan.Version,
	}
	for _, ep := range endpoints {
		p.Deliveries = append(p.Deliveries, hook.Delivery{Endpoint: ep})
	}
	return p
}
