package dispatch

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/fanout"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/store/sqlite"
	"github.com/hookloft/hookloft/internal/upkeep"
)

// shop is a real store with one application and n endpoints.
type shop struct {
	*sqlite.Store
	app       *hook.Application
	endpoints []*hook.Endpoint
}

func openStore(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	key, err := auth.KeyFromSecret("a secret for tests, long enough to be taken")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(context.Background(), dir, sqlite.Options{Sealer: auth.NewSealer(key)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newShop(t testing.TB, dir string, endpoints int) *shop {
	t.Helper()
	s := &shop{Store: openStore(t, dir)}
	ctx := context.Background()
	now := time.Now()
	env := &hook.Environment{ID: hook.EnvironmentID(s.NewKey()), Name: "e", Settings: hook.DefaultSettings(), CreatedAt: now, UpdatedAt: now}
	if err := s.CreateEnvironment(ctx, env); err != nil {
		t.Fatal(err)
	}
	s.app = &hook.Application{ID: hook.ApplicationID(s.NewKey()), Environment: env.ID, Name: "a", CreatedAt: now, UpdatedAt: now}
	if err := s.CreateApplication(ctx, s.app, nil); err != nil {
		t.Fatal(err)
	}
	for range endpoints {
		e := &hook.Endpoint{ID: hook.EndpointID(s.NewKey()), Application: s.app.ID, URL: "http://127.0.0.1/", CreatedAt: now, UpdatedAt: now,
			Secrets: []hook.Secret{{Text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}}
		if err := s.CreateEndpoint(ctx, e, nil); err != nil {
			t.Fatal(err)
		}
		s.endpoints = append(s.endpoints, e)
	}
	return s
}

// publish accepts one message and returns its id.
func (s *shop) publish(t testing.TB) hook.MessageID {
	ctx := context.Background()
	plan, err := s.PlanOf(ctx, s.app.ID)
	if err != nil {
		t.Error(err)
		return 0
	}
	m := &hook.Message{Environment: s.app.Environment, Application: s.app.ID, EventType: "a.b", Payload: []byte(`{"n":1}`), ContentExpiresAt: time.Now().Add(time.Hour)}
	got, err := s.Append(ctx, &store.Publication{Message: m, Deliveries: fanout.Plan(plan, m), PlanVersion: plan.Version})
	if err != nil {
		t.Error(err)
	}
	return got.ID
}

// receivers answer by f and count the requests of each pair.
type receivers struct {
	answer func(a *hook.Attempt)
	mu     sync.Mutex
	seen   map[pair]int
	total  atomic.Int64
}

func (r *receivers) Send(_ context.Context, m *hook.Message, ep *hook.Endpoint, _ *hook.Environment, a *hook.Attempt) {
	a.StartedAt, a.URL = time.Now(), ep.URL
	a.Outcome, a.Status = hook.Success, 200
	if r.answer != nil {
		r.answer(a)
	}
	a.Took = time.Since(a.StartedAt)
	if r.seen != nil {
		r.mu.Lock()
		r.seen[pair{ep.ID, m.ID}]++
		r.mu.Unlock()
	}
	r.total.Add(1)
}

// start runs a Dispatcher of s until stop is called.
func start(t testing.TB, s store.Store, r *receivers, o Options) (d *Dispatcher, stop func()) {
	t.Helper()
	return startSender(t, s, r, o)
}

func startSender(t testing.TB, s store.Store, r Sender, o Options) (d *Dispatcher, stop func()) {
	t.Helper()
	d = New(s, s, r, nil, o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	return d, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// until polls until f holds.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// states counts the deliveries of some messages by state.
func (s *shop) states(t testing.TB, ids []hook.MessageID) map[hook.State]int {
	t.Helper()
	got := map[hook.State]int{}
	for _, id := range ids {
		list, err := s.Deliveries(context.Background(), s.app.ID, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			got[d.State]++
		}
	}
	return got
}

// TestQuietRunSendsEachOnce: without faults exactly one request per delivery (T22).
func TestQuietRunSendsEachOnce(t *testing.T) {
	s := newShop(t, t.TempDir(), 3)
	r := &receivers{seen: map[pair]int{}}
	_, stop := start(t, s, r, Options{})
	const n = 2000
	ids := make([]hook.MessageID, n)
	var wg sync.WaitGroup
	for w := range 50 {
		wg.Go(func() {
			for i := w; i < n; i += 50 {
				ids[i] = s.publish(t)
			}
		})
	}
	wg.Wait()
	until(t, "all are sent", func() bool { return r.total.Load() >= 3*n })
	stop()
	if got := s.states(t, ids); got[hook.Delivered] != 3*n {
		t.Errorf("states %v, want %d delivered", got, 3*n)
	}
	for at, times := range r.seen {
		if times != 1 {
			t.Errorf("%v had %d requests", at, times)
		}
	}
	if times, err := s.DueTimes(t.Context()); err != nil || len(times) != 0 {
		t.Errorf("left due: %v, %v", times, err)
	}
}

// TestRestartGoesOnWhereItEnded: what was waiting, failed or cut is sent after a restart.
func TestRestartGoesOnWhereItEnded(t *testing.T) {
	dir := t.TempDir()
	s := newShop(t, dir, 2)
	var down atomic.Bool
	down.Store(true)
	r := &receivers{answer: func(a *hook.Attempt) {
		if down.Load() && a.Endpoint == s.endpoints[0].ID {
			a.Outcome, a.Status, a.Reason = hook.Failed, 500, hook.ReasonServer
		}
	}}
	_, stop := start(t, s, r, Options{DrainTimeout: time.Second})
	var ids []hook.MessageID
	for range 500 {
		ids = append(ids, s.publish(t))
	}
	until(t, "the healthy endpoint has all", func() bool { return s.states(t, ids[499:])[hook.Delivered] == 1 })
	stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	down.Store(false)
	s.Store = openStore(t, dir)
	_, stop = start(t, s, r, Options{})
	defer stop()
	until(t, "everything is delivered", func() bool { return s.states(t, ids)[hook.Delivered] == 1000 })
}

func TestBacklogOverTheMemoryWindowIsClaimed(t *testing.T) {
	s := newShop(t, t.TempDir(), 1)
	r := &receivers{seen: map[pair]int{}, answer: func(*hook.Attempt) { time.Sleep(2 * time.Millisecond) }}
	_, stop := start(t, s, r, Options{MaxFresh: 64, LaneWindow: 64})
	const n = 3000
	ids := make([]hook.MessageID, n)
	var wg sync.WaitGroup
	for w := range 100 {
		wg.Go(func() {
			for i := w; i < n; i += 100 {
				ids[i] = s.publish(t)
			}
		})
	}
	wg.Wait()
	until(t, "all are sent", func() bool { return r.total.Load() >= n })
	stop()
	if got := s.states(t, ids); got[hook.Delivered] != n {
		t.Errorf("states %v, want %d delivered", got, n)
	}
	for at, times := range r.seen {
		if times != 1 {
			t.Errorf("%v had %d requests", at, times)
		}
	}
}

func TestResendCompletesInARealStore(t *testing.T) {
	s := newShop(t, t.TempDir(), 1)
	var up atomic.Bool
	r := &receivers{answer: func(a *hook.Attempt) {
		if !up.Load() {
			a.Outcome, a.Status, a.Reason = hook.Failed, 503, hook.ReasonServer
			a.RetryAfter = time.Hour // however slow the machine is, the resend is first
		}
	}}
	_, stop := start(t, s, r, Options{})
	defer stop()
	id := s.publish(t)
	until(t, "the first attempt", func() bool {
		list, err := s.Deliveries(t.Context(), s.app.ID, id)
		return err == nil && len(list) == 1 && list[0].Attempts == 1
	})
	up.Store(true)
	_, err := s.Replay(t.Context(), &store.Replay{Application: s.app.ID, Endpoint: s.endpoints[0].ID, Messages: []hook.MessageID{id}, Trigger: hook.Manual})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "delivered", func() bool { return s.states(t, []hook.MessageID{id})[hook.Delivered] == 1 })
	if got := r.total.Load(); got != 2 {
		t.Errorf("%d requests, want 2", got)
	}
	if times, err := s.DueTimes(t.Context()); err != nil || len(times) != 0 {
		t.Errorf("left due: %v, %v", times, err)
	}
}

// BenchmarkPublishToOutcome is a message's whole life but for HTTP: accepted, handed
// over, tried, recorded.
func BenchmarkPublishToOutcome(b *testing.B) {
	benchmarkPublish(b, func(*shop) Options { return Options{} })
}

// counting is an Observer that sums attempts, as the server has it.
type counting struct{ *upkeep.Rollup }

func (c counting) End(begun uint64, m *hook.Message, _ *hook.Delivery, a *hook.Attempt) {
	if a == nil {
		c.Rollup.End(begun, nil)
		return
	}
	c.Rollup.End(begun, &hook.EndedAttempt{
		ID: a.ID, Environment: m.Environment, Application: a.Application, Endpoint: a.Endpoint, EventType: m.EventType,
		Outcome: a.Outcome, Reason: a.Reason, Status: a.Status, HasNext: !a.NextAt.IsZero(), Took: a.Took.Truncate(time.Microsecond),
	})
}

// BenchmarkPublishToOutcomeCounted is BenchmarkPublishToOutcome with the sums of attempts.
func BenchmarkPublishToOutcomeCounted(b *testing.B) {
	benchmarkPublish(b, func(s *shop) Options {
		r := upkeep.NewRollup(s, s.NewKey, nil, upkeep.RollupOptions{Every: time.Second})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = r.Run(ctx) // always nil
		}()
		b.Cleanup(func() {
			cancel()
			<-done
		})
		return Options{Observer: counting{r}}
	})
}

func benchmarkPublish(b *testing.B, options func(*shop) Options) {
	s := newShop(b, b.TempDir(), 1)
	r := &receivers{}
	_, stop := start(b, s, r, options(s))
	b.ReportAllocs()
	b.SetParallelism(256 / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.publish(b)
		}
	})
	until(b, "all are sent", func() bool { return r.total.Load() >= int64(b.N) })
	stop() // returns when the last outcome is stored
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkBacklog is the rate at which due rows of one endpoint are worked off after a
// start: claimed, tried, recorded.
func BenchmarkBacklog(b *testing.B) {
	s := newShop(b, b.TempDir(), 1)
	var wg sync.WaitGroup
	for w := range 256 { // without a Dispatcher every delivery is made due
		wg.Go(func() {
			for i := w; i < b.N; i += 256 {
				s.publish(b)
			}
		})
	}
	wg.Wait()
	r := &receivers{}
	b.ReportAllocs()
	b.ResetTimer()
	_, stop := start(b, s, r, Options{})
	until(b, "all are sent", func() bool { return r.total.Load() >= int64(b.N) })
	stop() // returns when the last outcome is stored
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}
