package publish

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// shop is a store with one environment, in memory: enough of catalogue, ledger and
// history to see what a Publisher asks of them.
type shop struct {
	mu       sync.Mutex
	keys     hook.Key
	apps     map[string]*hook.Application
	byKey    map[[16]byte]*hook.Message
	bodies   map[[16]byte][16]byte
	appended []*store.Publication
	// appendErrs are returned by the next Appends, in order, before anything is kept.
	appendErrs []error
	// before runs at the start of each Append, without the lock.
	before func()
	// created runs at the start of each CreateApplication.
	created func()
}

func newShop(uids ...string) *shop {
	s := &shop{apps: map[string]*hook.Application{}, byKey: map[[16]byte]*hook.Message{}, bodies: map[[16]byte][16]byte{}}
	for _, u := range uids {
		s.apps[u] = &hook.Application{ID: hook.ApplicationID(s.NewKey()), UID: u, Version: 1}
	}
	return s
}

func (s *shop) EventType(context.Context, hook.EnvironmentID, string) (*hook.EventType, error) {
	return nil, hook.Errorf(hook.NotFound, "Event type not found")
}

func (s *shop) NewKey() hook.Key { s.keys++; return s.keys }

func (s *shop) Plan(_ context.Context, env hook.EnvironmentID, ref string) (*store.Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[ref]
	if a == nil {
		return nil, hook.Errorf(hook.NotFound, "Application not found")
	}
	return &store.Plan{Environment: &hook.Environment{ID: a.Environment}, Application: a, Version: a.Version, Endpoints: []*hook.Endpoint{{ID: 5, Application: a.ID}}}, nil
}

func (s *shop) PlanOf(_ context.Context, app hook.ApplicationID) (*store.Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.apps {
		if a.ID == app {
			return &store.Plan{Environment: &hook.Environment{ID: a.Environment}, Application: a, Version: a.Version}, nil
		}
	}
	return nil, hook.Errorf(hook.NotFound, "Application not found")
}

func (s *shop) CreateApplication(_ context.Context, a *hook.Application, _ *store.Receipt) error {
	if s.created != nil {
		s.created()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.apps[a.UID] != nil {
		return hook.Errorf(hook.Conflict, "exists")
	}
	s.apps[a.UID] = a
	return nil
}

func (s *shop) Append(_ context.Context, p *store.Publication) (store.Appended, error) {
	if s.before != nil {
		s.before()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.appendErrs) > 0 {
		err := s.appendErrs[0]
		s.appendErrs = s.appendErrs[1:]
		if err != nil {
			return store.Appended{}, err
		}
	}
	if p.Key != nil {
		if m := s.byKey[p.Key.Hash]; m != nil {
			if s.bodies[p.Key.Hash] != p.Key.Body {
				return store.Appended{}, hook.Errorf(hook.KeyReused, "reused")
			}
			return store.Appended{ID: m.ID, Replayed: true}, nil
		}
		s.byKey[p.Key.Hash], s.bodies[p.Key.Hash] = p.Message, p.Key.Body
	}
	p.Message.ID = hook.MessageID(s.NewKey())
	s.appended = append(s.appended, p)
	return store.Appended{ID: p.Message.ID}, nil
}

func (s *shop) Published(_ context.Context, key store.IdempotencyKey) (hook.MessageID, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.byKey[key.Hash]
	if m == nil {
		return 0, false, nil
	}
	return m.ID, true, nil
}

func (s *shop) Replay(context.Context, *store.Replay) (int, error) { panic("not a publisher's") }

func (s *shop) Message(_ context.Context, app hook.ApplicationID, id hook.MessageID) (*hook.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.appended {
		if p.Message.ID == id && p.Message.Application == app {
			return p.Message, nil
		}
	}
	return nil, hook.Errorf(hook.NotFound, "message")
}

func draft(ref string) Request {
	return Request{
		Environment: &hook.Environment{ID: 3}, AppRef: ref,
		Message: hook.Message{EventType: "a.b", Payload: []byte(`{"n":1.0}`)},
	}
}

func key(hash, body byte) *store.IdempotencyKey {
	return &store.IdempotencyKey{Hash: [16]byte{hash}, Body: [16]byte{body}, Life: time.Hour}
}

func TestPublishStoresMessageWithItsDeliveries(t *testing.T) {
	s := newShop("acme")
	got, err := New(s, s, s, Options{}).Publish(t.Context(), draft("acme"))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.appended) != 1 || len(s.appended[0].Deliveries) != 1 || s.appended[0].PlanVersion != 1 {
		t.Fatalf("appended %+v, want one message with one delivery under the plan's version", s.appended)
	}
	m := got.Message
	if m.ID == 0 || m.Environment != 3 || m.Application != s.apps["acme"].ID || string(m.Payload) != `{"n":1.0}` || got.Replayed {
		t.Errorf("got %+v", got)
	}
	if life := time.Until(m.ContentExpiresAt); life < hook.DefaultRetention-time.Minute || life > hook.DefaultRetention {
		t.Errorf("content is kept for %v, want 90 days", life)
	}
}

func TestPublishRefusesBeforeAnyEffect(t *testing.T) {
	cases := []struct {
		name, why string
		change    func(*Request)
		want      hook.Kind
	}{
		{"no such application", "nothing asks for it to be made", func(r *Request) {}, hook.NotFound},
		{"bad event type", "", func(r *Request) { r.Message.EventType = "a b" }, hook.Invalid},
		{"payload is a list", "CONTRACT 1.10", func(r *Request) { r.Message.Payload = []byte(`[1]`) }, hook.Invalid},
		{"payload too large", "never cut", func(r *Request) { r.Message.Payload = []byte("{" + strings.Repeat(" ", 1<<20)) }, hook.TooLarge},
		{"raw body too large", "", func(r *Request) { r.Message.RawBody = make([]byte, 1<<20+1) }, hook.TooLarge},
		{"bad message with a new application", "the application must not be made for a refused message", func(r *Request) {
			r.CreateApplication, r.Message.EventType = &hook.Application{UID: "new", Name: "n"}, ""
		}, hook.Invalid},
		{"bad new application", "", func(r *Request) { r.CreateApplication = &hook.Application{UID: "new"} }, hook.Invalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, r := newShop("acme"), draft("new")
			c.change(&r)
			_, err := New(s, s, s, Options{}).Publish(t.Context(), r)
			if hook.KindOf(err) != c.want {
				t.Errorf("%s: got %v, want kind %d", c.why, err, c.want)
			}
			if len(s.appended) != 0 || len(s.apps) != 1 {
				t.Errorf("%s: %d messages and %d applications, want 0 and 1", c.why, len(s.appended), len(s.apps))
			}
		})
	}
}

func TestPublishCreatesTheApplicationOnce(t *testing.T) {
	for _, other := range []bool{false, true} {
		s := newShop()
		s.created = func() {
			if other { // somebody else creates it between our plan and our create
				s.apps["new"] = &hook.Application{ID: 99, UID: "new", Version: 4}
			}
		}
		r := draft("new")
		r.CreateApplication = &hook.Application{UID: "new", Name: "New"}
		got, err := New(s, s, s, Options{}).Publish(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.apps) != 1 || got.Application != s.apps["new"] || got.Message.Application != s.apps["new"].ID {
			t.Errorf("other creator %v: got %+v, applications %+v", other, got, s.apps)
		}
		if got.Application.ID == 0 || !other && (got.Application.Environment != 3 || got.Application.CreatedAt.IsZero()) {
			t.Errorf("the new application is not filled in: %+v", got.Application)
		}
	}
}

func TestPublishPlansAgainWhenStale(t *testing.T) {
	s := newShop("acme")
	stale := hook.Errorf(hook.Stale, "stale")
	s.appendErrs = []error{stale, stale}
	s.before = func() { s.mu.Lock(); a := *s.apps["acme"]; a.Version++; s.apps["acme"] = &a; s.mu.Unlock() }
	if _, err := New(s, s, s, Options{}).Publish(t.Context(), draft("acme")); err != nil {
		t.Fatal(err)
	}
	if got := s.appended[0].PlanVersion; got != 3 {
		t.Errorf("appended under version %d, want 3, the one read after the second refusal", got)
	}
	// An application that never stands still must not hold a request for ever.
	for range 1000 {
		s.appendErrs = append(s.appendErrs, stale)
	}
	if _, err := New(s, s, s, Options{}).Publish(t.Context(), draft("acme")); hook.KindOf(err) != hook.Overloaded {
		t.Errorf("got %v, want overloaded", err)
	}
}

func TestPublishReturnsStoreErrorsAsTheyAre(t *testing.T) {
	disk := errors.New("disk I/O error")
	for _, want := range []error{hook.Errorf(hook.StorageFull, "full"), hook.Errorf(hook.Conflict, "eventId"), disk} {
		s := newShop("acme")
		s.appendErrs = []error{want}
		r := draft("acme")
		r.Key = key(1, 1)
		if _, err := New(s, s, s, Options{}).Publish(t.Context(), r); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestRepeatFindsTheStoredMessage(t *testing.T) {
	s := newShop("acme")
	p, r := New(s, s, s, Options{}), draft("acme")
	r.Key = key(1, 1)
	first, err := p.Publish(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.Publish(t.Context(), r)
	if err != nil || !again.Replayed || again.Message.ID != first.Message.ID {
		t.Errorf("got %+v, %v; want the first message, replayed", again, err)
	}
	r.Key = key(1, 2)
	if _, err := p.Publish(t.Context(), r); hook.KindOf(err) != hook.KeyReused {
		t.Errorf("another body: got %v, want key reused", err)
	}
	if len(s.appended) != 1 {
		t.Errorf("%d messages stored, want 1", len(s.appended))
	}
}

// TestLateRepeatOfADelayedMessage repeats a request whose deliverAt was far enough
// ahead when it came first and is not any more.
func TestLateRepeatOfADelayedMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop("acme")
		p, r := New(s, s, s, Options{}), draft("acme")
		r.Message.DeliverAt = time.Now().Add(2 * time.Minute)
		r.Key = key(1, 1)
		first, err := p.Publish(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // of the bubble's clock
		again, err := p.Publish(t.Context(), r)
		if err != nil || !again.Replayed || again.Message.ID != first.Message.ID {
			t.Errorf("got %+v, %v; want the first message, replayed", again, err)
		}
		r.Key = key(2, 1)
		if _, err := p.Publish(t.Context(), r); hook.KindOf(err) != hook.Invalid {
			t.Errorf("a new request with a deliverAt in the past: %v, want invalid", err)
		}
	})
}

func TestConcurrentRepeatsShareOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop("acme")
		gate, calls := make(chan struct{}), 0
		s.before = func() { calls++; <-gate }
		p, r := New(s, s, s, Options{}), draft("acme")
		r.Key = key(1, 1)
		results := make(chan Result, 50)
		for range cap(results) {
			go func() {
				got, err := p.Publish(t.Context(), r)
				if err != nil {
					t.Error(err)
				}
				results <- got
			}()
		}
		synctest.Wait()
		other := r
		other.Key = key(1, 2)
		if _, err := p.Publish(t.Context(), other); hook.KindOf(err) != hook.KeyReused {
			t.Errorf("another body while the first is under way: got %v, want key reused", err)
		}
		close(gate)
		fresh := 0
		for range cap(results) {
			if got := <-results; got.Message.ID != s.appended[0].Message.ID {
				t.Errorf("got message %d", got.Message.ID)
			} else if !got.Replayed {
				fresh++
			}
		}
		if calls != 1 || fresh != 1 {
			t.Errorf("%d appends and %d first answers, want one each", calls, fresh)
		}
		if len(p.flights.now) != 0 {
			t.Errorf("%d flights left", len(p.flights.now))
		}
	})
}

func TestWaitingRepeatTakesOverFromACancelledLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop("acme")
		s.appendErrs = []error{context.Canceled}
		gate := make(chan struct{})
		s.before = func() { <-gate }
		p, r := New(s, s, s, Options{}), draft("acme")
		r.Key = key(1, 1)
		leader := make(chan error, 1)
		go func() { _, err := p.Publish(t.Context(), r); leader <- err }()
		synctest.Wait()
		follower := make(chan Result, 1)
		go func() {
			got, err := p.Publish(t.Context(), r)
			if err != nil {
				t.Error(err)
			}
			follower <- got
		}()
		synctest.Wait()
		close(gate)
		if err := <-leader; !errors.Is(err, context.Canceled) {
			t.Errorf("leader got %v", err)
		}
		if got := <-follower; got.Message == nil || got.Replayed {
			t.Errorf("follower got %+v, want a message of its own", got)
		}
	})
}
