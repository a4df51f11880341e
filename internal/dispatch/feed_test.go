package dispatch

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// newFeedShop is a shop whose only endpoint is a polling endpoint.
func newFeedShop(t testing.TB, dir string) *shop {
	s := newShop(t, dir, 0)
	now := time.Now()
	e := &hook.Endpoint{ID: hook.EndpointID(s.NewKey()), Application: s.app.ID, Features: hook.Features{Kind: hook.PollingEndpoint}, CreatedAt: now, UpdatedAt: now,
		Secrets: []hook.Secret{{Text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}}
	if err := s.CreateEndpoint(context.Background(), e, nil); err != nil {
		t.Fatal(err)
	}
	s.endpoints = append(s.endpoints, e)
	return s
}

// feed reads everything that the shop's feed has.
func (s *shop) feed(t testing.TB) (ids []hook.MessageID) {
	t.Helper()
	for after := hook.Position(0); ; {
		page, err := s.Feed(context.Background(), store.FeedQuery{Application: s.app.ID, Endpoint: s.endpoints[0].ID, After: after, Limit: 250})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Rows {
			if r.Position <= after {
				t.Fatalf("position %d after %d", r.Position, after)
			}
			after = r.Position
			ids = append(ids, r.Message.ID)
		}
		if !page.More {
			return ids
		}
	}
}

func TestFeedHasEveryMessageOnceAndInOrder(t *testing.T) {
	const messages, publishers = 2000, 4
	s := newFeedShop(t, t.TempDir())
	r := &receivers{}
	var fed atomic.Int64
	all := make(chan struct{})
	_, stop := start(t, s, r, Options{LaneWindow: 2 * messages, Fed: func(ep hook.EndpointID) {
		if ep != s.endpoints[0].ID {
			t.Errorf("endpoint %d was fed", ep)
		}
		if fed.Add(1) == messages {
			close(all)
		}
	}})
	// What is accepted while the process starts may stand behind what comes right after
	// (docs/polling.md), so the first is handed over before the others come.
	s.publish(t)
	for deadline := time.Now().Add(30 * time.Second); fed.Load() == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	var publish sync.WaitGroup
	for i := range publishers {
		publish.Go(func() {
			n := messages / publishers
			if i == 0 {
				n--
			}
			for range n {
				s.publish(t)
			}
		})
	}
	publish.Wait()
	select {
	case <-all:
	case <-time.After(30 * time.Second):
		t.Errorf("%d of %d messages were fed", fed.Load(), messages)
	}
	stop()
	ids := s.feed(t)
	for i := 1; i < len(ids); i++ {
		if ids[i] <= ids[i-1] {
			t.Fatalf("message %d at place %d, after %d", ids[i], i, ids[i-1])
		}
	}
	if len(ids) != messages || r.total.Load() != 0 {
		t.Errorf("the feed has %d of %d messages, and %d requests were made", len(ids), messages, r.total.Load())
	}
}

// TestFeedKeepsTheOrderWhenItsLaneIsFull: what does not fit into memory waits in the store,
// and what comes after it, when there is room again, stands behind it.
func TestFeedKeepsTheOrderWhenItsLaneIsFull(t *testing.T) {
	const messages, publishers = 1500, 8
	s := newFeedShop(t, t.TempDir())
	var fed atomic.Int64
	all := make(chan struct{})
	_, stop := start(t, s, &receivers{}, Options{LaneWindow: 4, Fed: func(hook.EndpointID) {
		if fed.Add(1) == messages+1 {
			close(all)
		}
	}})
	s.publish(t) // its lane knows from now on what it is
	for deadline := time.Now().Add(10 * time.Second); fed.Load() == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	var publish sync.WaitGroup
	for range publishers {
		publish.Go(func() {
			for range messages / publishers {
				s.publish(t)
			}
		})
	}
	publish.Wait()
	for range messages % publishers {
		s.publish(t)
	}
	select {
	case <-all:
	case <-time.After(60 * time.Second):
		t.Errorf("%d of %d messages were fed", fed.Load(), messages+1)
	}
	stop()
	ids := s.feed(t)
	for i := 1; i < len(ids); i++ {
		if ids[i] <= ids[i-1] {
			t.Fatalf("message %d at place %d of %d, after %d", ids[i], i, len(ids), ids[i-1])
		}
	}
}

func TestFeedGoesOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	s := newFeedShop(t, dir)
	want := map[hook.MessageID]bool{}
	for range 3 {
		for range 50 { // without a dispatcher each is made due
			want[s.publish(t)] = true
		}
		fed := make(chan struct{}, 1000)
		_, stop := start(t, s, &receivers{}, Options{Fed: func(hook.EndpointID) { fed <- struct{}{} }})
		for range 50 {
			select {
			case <-fed:
			case <-time.After(30 * time.Second):
				t.Fatal("not all messages were fed")
			}
		}
		stop()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s.Store = openStore(t, dir)
	}
	for _, id := range s.feed(t) {
		if !want[id] {
			t.Fatalf("message %d comes twice, or is not ours", id)
		}
		delete(want, id)
	}
	if len(want) != 0 {
		t.Errorf("%d messages are missing", len(want))
	}
}

// taker is a Sender that hands over what its function makes.
type taker struct {
	receivers
	take func(m *hook.Message, a *hook.Attempt) store.Fed
}

func (t *taker) Take(_ context.Context, m *hook.Message, _ *hook.Endpoint, _ *hook.Environment, a *hook.Attempt) store.Fed {
	a.Outcome = hook.Success
	return t.take(m, a)
}

// TestFeedHoldsWhatAScriptMakes: what a script makes is what is handed over. One that fails
// is an attempt, and is tried again; one that cancels ends the delivery.
func TestFeedHoldsWhatAScriptMakes(t *testing.T) {
	s := newFeedShop(t, t.TempDir())
	ctx := t.Context()
	_, err := s.UpdateEndpoint(ctx, s.app.ID, s.endpoints[0].ID, nil, func(e *hook.Endpoint) error {
		e.Transformation = &hook.Transformation{Code: "function handler(webhook) { return webhook }", Enabled: true}
		e.Shape = &hook.Shape{RetryPolicy: []time.Duration{time.Second}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	tries := map[hook.MessageID]int{}
	want := map[hook.MessageID]string{}
	r := &taker{take: func(m *hook.Message, a *hook.Attempt) store.Fed {
		mu.Lock()
		defer mu.Unlock()
		tries[m.ID]++
		switch {
		case want[m.ID] == "panic" && tries[m.ID] == 1:
			panic("a mistake of ours")
		case want[m.ID] == "again" && tries[m.ID] == 1:
			a.Outcome, a.Reason = hook.Failed, hook.ReasonTransformError
		case want[m.ID] == "never":
			a.Outcome, a.Reason = hook.Dropped, hook.ReasonTransformCancel
		}
		return store.Fed{Payload: []byte(`{"made":true}`), Headers: map[string]string{"x-a": "b"}}
	}}
	mu.Lock() // until what is wanted is known
	fed := make(chan struct{}, 10)
	_, stop := startSender(t, s, r, Options{Fed: func(hook.EndpointID) { fed <- struct{}{} }})
	var ids []hook.MessageID
	for _, w := range []string{"again", "never", "panic", "made"} {
		id := s.publish(t)
		ids = append(ids, id)
		want[id] = w
	}
	mu.Unlock()
	for range 3 {
		select {
		case <-fed:
		case <-time.After(20 * time.Second):
			t.Fatal("not all were fed")
		}
	}
	stop()
	page, err := s.Feed(ctx, store.FeedQuery{Application: s.app.ID, Endpoint: s.endpoints[0].ID, Limit: 10})
	if err != nil || len(page.Rows) != 3 {
		t.Fatalf("feed %+v, %v", page.Rows, err)
	}
	for _, row := range page.Rows {
		if string(row.Payload) != `{"made":true}` || row.Headers["x-a"] != "b" {
			t.Errorf("row %+v", row)
		}
	}
	for i, c := range []struct {
		state    hook.State
		attempts int
		reason   hook.Reason
	}{{hook.Delivered, 1, hook.ReasonNone}, {hook.Cancelled, 1, hook.ReasonTransformCancel}, {hook.Delivered, 1, hook.ReasonNone}, {hook.Delivered, 0, hook.ReasonNone}} {
		list, err := s.Deliveries(ctx, s.app.ID, ids[i])
		if err != nil || len(list) != 1 || list[0].State != c.state || list[0].Attempts != c.attempts || list[0].Reason != c.reason {
			t.Errorf("delivery %d: %+v, %v", i, list, err)
		}
	}
}
