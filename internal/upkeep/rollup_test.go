package upkeep

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/dispatch"
	"github.com/hookloft/hookloft/internal/fanout"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/store/sqlite"
)

// shop is a real store with an environment, applications and endpoints, and at times a
// dispatcher that sends and a Rollup that counts.
type shop struct {
	*testing.T
	*sqlite.Store
	dir       string
	env       hook.EnvironmentID
	apps      []hook.ApplicationID
	endpoints []hook.EndpointID // the i-th is of the i-th application
	o         RollupOptions
	rollup    *Rollup
	end       func()
}

func newShop(t *testing.T, applications int) *shop {
	s := &shop{T: t, dir: filepath.Join(t.TempDir(), "data"), o: RollupOptions{Every: time.Hour}}
	s.open()
	ctx := t.Context()
	e := &hook.Environment{ID: hook.EnvironmentID(s.NewKey()), Name: "e", Settings: hook.DefaultSettings()}
	s.must(s.CreateEnvironment(ctx, e))
	s.env = e.ID
	for i := range applications {
		a := &hook.Application{ID: hook.ApplicationID(s.NewKey()), Environment: s.env, Name: fmt.Sprint(i)}
		s.must(s.CreateApplication(ctx, a, nil))
		ep := &hook.Endpoint{ID: hook.EndpointID(s.NewKey()), Application: a.ID, URL: "http://127.0.0.1/",
			Secrets: []hook.Secret{{Text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}}
		s.must(s.CreateEndpoint(ctx, ep, nil))
		s.apps, s.endpoints = append(s.apps, a.ID), append(s.endpoints, ep.ID)
	}
	t.Cleanup(func() {
		s.stop()
		s.must(s.Close())
	})
	return s
}

func (s *shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *shop) open() {
	s.Helper()
	key, err := auth.KeyFromSecret("a secret for tests, long enough to be taken")
	s.must(err)
	s.Store, err = sqlite.Open(context.Background(), s.dir, sqlite.Options{Sealer: auth.NewSealer(key)})
	s.must(err)
}

// watch is the Observer that the server has, and counts the attempts that were recorded.
type watch struct {
	*Rollup
	recorded atomic.Int64
}

func (w *watch) End(begun uint64, m *hook.Message, _ *hook.Delivery, a *hook.Attempt) {
	if a == nil {
		w.Rollup.End(begun, nil)
		return
	}
	w.Rollup.End(begun, ended(m, a))
	w.recorded.Add(1)
}

func ended(m *hook.Message, a *hook.Attempt) *hook.EndedAttempt {
	return &hook.EndedAttempt{
		ID: a.ID, Environment: m.Environment, Application: a.Application, Endpoint: a.Endpoint, EventType: m.EventType,
		Outcome: a.Outcome, Reason: a.Reason, Status: a.Status, HasNext: !a.NextAt.IsZero(), Took: a.Took.Truncate(time.Microsecond),
	}
}

// answers is a Sender.
type answers func(a *hook.Attempt)

func (f answers) Send(_ context.Context, _ *hook.Message, ep *hook.Endpoint, _ *hook.Environment, a *hook.Attempt) {
	a.URL, a.Outcome, a.Status = ep.URL, hook.Success, 200
	f(a)
}

// start runs a dispatcher and a Rollup, which counts in w.
func (s *shop) start(send answers) *watch {
	s.Helper()
	s.rollup = NewRollup(s.Store, s.NewKey, nil, s.o)
	w := &watch{Rollup: s.rollup}
	d := dispatch.New(s.Store, s.Store, send, nil, dispatch.Options{Observer: w})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.check(d.Run(ctx)) })
	running.Go(func() { s.check(s.rollup.Run(ctx)) })
	s.end = func() {
		cancel()
		running.Wait()
	}
	return w
}

func (s *shop) check(err error) {
	if err != nil {
		s.Error(err)
	}
}

// stop ends the workers without saving sums, as a crash does.
func (s *shop) stop() {
	if s.end != nil {
		s.end()
		s.end = nil
	}
}

// crash loses what is in memory and opens the store again.
func (s *shop) crash() {
	s.Helper()
	s.stop()
	s.must(s.Close())
	s.open()
}

func (s *shop) publish(i int, eventType string) {
	s.Helper()
	ctx := s.Context()
	plan, err := s.PlanOf(ctx, s.apps[i])
	s.must(err)
	m := &hook.Message{Environment: s.env, Application: s.apps[i], EventType: eventType, Payload: []byte(`{}`), ContentExpiresAt: time.Now().Add(time.Hour)}
	_, err = s.Append(ctx, &store.Publication{Message: m, Deliveries: fanout.Plan(plan, m), PlanVersion: plan.Version})
	s.must(err)
}

func (s *shop) wait(what string, until func() bool) {
	s.Helper()
	for deadline := time.Now().Add(time.Minute); !until(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("%s: not within a minute", what)
		}
	}
}

// total adds up what src has of an application; 0 for the environment.
func (s *shop) total(src interface {
	EachRollup(context.Context, store.RollupQuery, func(*hook.Rollup) error) error
}, app hook.ApplicationID, p hook.RollupPeriod, types ...string) (c hook.RollupCounts) {
	s.Helper()
	q := store.RollupQuery{Environment: s.env, Application: app, Period: p, EventTypes: types, Since: time.Now().Add(-2 * time.Hour), Until: time.Now().Add(time.Hour)}
	s.must(src.EachRollup(s.Context(), q, func(r *hook.Rollup) error {
		c.Add(&r.RollupCounts)
		return nil
	}))
	return c
}

// failures adds up the failures that src has of all applications, asked for alone.
func (s *shop) failures(src interface {
	EachRollup(context.Context, store.RollupQuery, func(*hook.Rollup) error) error
}, p hook.RollupPeriod) (n int64) {
	s.Helper()
	q := store.RollupQuery{Environment: s.env, AllApplications: true, OnlyFailures: true, Period: p, Since: time.Now().Add(-2 * time.Hour), Until: time.Now().Add(time.Hour)}
	s.must(src.EachRollup(s.Context(), q, func(r *hook.Rollup) error {
		for _, c := range r.Reasons {
			n += c.Count
		}
		if len(r.Reasons) == 0 || r.Success != 0 {
			s.Errorf("a sum without failures, or with more: %+v", r)
		}
		return nil
	}))
	return n
}

// counts adds up what src counts of an application; endpoints narrow it.
func (s *shop) counts(src interface {
	EachRollupCount(context.Context, store.RollupCountQuery, func(store.RollupCount) error) error
}, app hook.ApplicationID, p hook.RollupPeriod, endpoints ...hook.EndpointID) (c hook.RollupCounts) {
	s.Helper()
	now := time.Now().Truncate(time.Hour)
	q := store.RollupCountQuery{Environment: s.env, Applications: []hook.ApplicationID{app}, Endpoints: endpoints, Period: p, Since: now.Add(-2 * time.Hour), Until: now.Add(2 * time.Hour)}
	s.must(src.EachRollupCount(s.Context(), q, func(n store.RollupCount) error {
		c.Success += n.Success
		c.Failed += n.Failed
		return nil
	}))
	return c
}

func (s *shop) want(what string, got hook.RollupCounts, success, failed, final int64) {
	s.Helper()
	if got.Success != success || got.Failed != failed || got.Final != final {
		s.Errorf("%s: %d, %d failed, %d of them final; want %d, %d, %d", what, got.Success, got.Failed, got.Final, success, failed, final)
	}
}

// TestRollupOfAKnownRun counts a run through the real store and dispatcher, before and
// after the sums are saved, and after a start.
func TestRollupOfAKnownRun(t *testing.T) {
	s := newShop(t, 2)
	w := s.start(func(a *hook.Attempt) {
		a.Took = 3 * time.Millisecond
		if a.Endpoint == s.endpoints[1] {
			a.Outcome, a.Reason, a.Status, a.Took = hook.Failed, hook.ReasonServer, 500, 80*time.Millisecond
		}
	})
	for i := range 60 {
		s.publish(0, []string{"a", "b", "c"}[i%3])
	}
	for range 5 {
		s.publish(1, "a")
	}
	s.wait("65 attempts", func() bool { return w.recorded.Load() == 65 })
	check := func(when string, src interface {
		EachRollup(context.Context, store.RollupQuery, func(*hook.Rollup) error) error
		EachRollupCount(context.Context, store.RollupCountQuery, func(store.RollupCount) error) error
	}) {
		t.Helper()
		for _, p := range []hook.RollupPeriod{hook.RollupMinute, hook.RollupHour} {
			s.want(when+": counts of the first", s.counts(src, s.apps[0], p), 60, 0, 0)
			s.want(when+": counts of its endpoint", s.counts(src, s.apps[0], p, s.endpoints[0]), 60, 0, 0)
			s.want(when+": counts of another's endpoint", s.counts(src, s.apps[0], p, s.endpoints[1]), 0, 0, 0)
			s.want(when+": counts of the second", s.counts(src, s.apps[1], p), 0, 5, 0)
			s.want(when+": first", s.total(src, s.apps[0], p), 60, 0, 0)
			s.want(when+": first, one type", s.total(src, s.apps[0], p, "b"), 20, 0, 0)
			s.want(when+": second", s.total(src, s.apps[1], p), 0, 5, 0)
			all := s.total(src, 0, p)
			s.want(when+": environment", all, 60, 5, 0)
			if failed := s.failures(src, p); failed != 5 {
				t.Errorf("%s: %d failures alone, want 5", when, failed)
			}
			if len(all.Reasons) != 1 || all.Reasons[0] != (hook.ReasonCount{Reason: hook.ReasonServer, Count: 5}) {
				t.Errorf("%s: reasons %v", when, all.Reasons)
			}
			if p50, p99 := all.Percentile(0.5), all.Percentile(0.99); p50 < 2500*time.Microsecond || p50 > 4*time.Millisecond || p99 < 65*time.Millisecond || p99 > 80*time.Millisecond {
				t.Errorf("%s: p50 %v, p99 %v", when, p50, p99)
			}
			if all.Slowest != 80*time.Millisecond || all.Took != 60*3*time.Millisecond+5*80*time.Millisecond {
				t.Errorf("%s: slowest %v, took %v", when, all.Slowest, all.Took)
			}
		}
	}
	check("in memory", s.rollup)
	s.must(s.rollup.Flush(t.Context()))
	check("saved", s.Store)
	check("saved, seen from memory", s.rollup)
	s.must(s.rollup.Flush(t.Context()))
	check("nothing more to save", s.Store)
	s.crash()
	check("after a start", s.Store)
}

// TestCrashLosesNoSums saves some sums, loses others, and starts again, several times:
// each attempt is counted once.
func TestCrashLosesNoSums(t *testing.T) {
	s := newShop(t, 1)
	var n int64
	for round := range 4 {
		w := s.start(func(a *hook.Attempt) { a.Took = time.Millisecond })
		for i := range 30 {
			s.publish(0, "a")
			if i == 10+round || i == 20 {
				s.must(s.rollup.Flush(t.Context()))
			}
		}
		n += 30
		s.wait("30 attempts", func() bool { return w.recorded.Load() == 30 })
		s.wait("earlier rounds are counted", func() bool { return s.total(s.rollup, s.apps[0], hook.RollupHour).Success >= n })
		s.want("while it runs", s.total(s.rollup, s.apps[0], hook.RollupHour), n, 0, 0)
		s.crash()
	}
	s.start(func(*hook.Attempt) {})
	s.wait("all rounds are counted", func() bool {
		spans, err := s.CountedSpans(t.Context())
		s.must(err)
		s.rollup.mu.Lock()
		defer s.rollup.mu.Unlock()
		return len(spans) == 1 && spans[0].High >= s.rollup.open[0].span.Low
	})
	s.want("at the end", s.total(s.Store, s.apps[0], hook.RollupMinute), n, 0, 0)
	s.want("at the end, by the hour", s.total(s.Store, 0, hook.RollupHour), n, 0, 0)
}

// TestSlowAttemptPinsItsGeneration saves while an attempt is under way whose id is lower
// than those that have ended: a mark above it would lose it at a crash.
func TestSlowAttemptPinsItsGeneration(t *testing.T) {
	s := newShop(t, 2)
	hang, hanging := make(chan struct{}), make(chan struct{})
	w := s.start(func(a *hook.Attempt) {
		if a.Endpoint == s.endpoints[0] {
			close(hanging)
			<-hang
		}
	})
	s.publish(0, "slow")
	<-hanging
	for range 10 {
		s.publish(1, "quick")
	}
	s.wait("the quick ones", func() bool { return w.recorded.Load() == 10 })
	s.must(s.rollup.Flush(t.Context()))
	if got := s.total(s.Store, 0, hook.RollupHour); got.Success != 0 {
		t.Errorf("%d attempts are saved while an older one is under way", got.Success)
	}
	s.want("seen from memory", s.total(s.rollup, 0, hook.RollupHour), 10, 0, 0)
	for range 5 {
		s.publish(1, "quick")
	}
	s.wait("more quick ones", func() bool { return w.recorded.Load() == 15 })
	close(hang)
	s.wait("the slow one", func() bool { return w.recorded.Load() == 16 })
	s.crash()
	s.start(func(*hook.Attempt) {})
	s.wait("all are counted", func() bool { return s.total(s.rollup, 0, hook.RollupHour).Success == 16 })
	s.want("the slow one", s.total(s.rollup, s.apps[0], hook.RollupHour), 1, 0, 0)
}

// TestOperationalWebhooksAreNotOfTheEnvironment: those that are not saved yet neither.
func TestOperationalWebhooksAreNotOfTheEnvironment(t *testing.T) {
	s := newShop(t, 1)
	s.start(func(*hook.Attempt) {})
	for _, app := range []hook.ApplicationID{s.apps[0], s.env.Operational(), s.env.Operational()} {
		s.rollup.End(s.rollup.Begin(), &hook.EndedAttempt{
			ID: hook.AttemptID(s.NewKey()), Environment: s.env, Application: app, Endpoint: 1, EventType: "a", Outcome: hook.Success, Status: 200,
		})
	}
	for _, when := range []string{"in memory", "saved"} {
		s.want(when, s.total(s.rollup, 0, hook.RollupHour), 1, 0, 0)
		s.want(when+", of their own", s.total(s.rollup, s.env.Operational(), hook.RollupHour), 2, 0, 0)
		s.must(s.rollup.Flush(t.Context()))
	}
}

// TestMemoryIsBounded counts more sums than fit: types fold first, then what is in memory is
// given up and read from the attempts. Nothing is counted twice or lost.
func TestMemoryIsBounded(t *testing.T) {
	s := newShop(t, 3)
	s.o.MaxSums = 10
	w := s.start(func(*hook.Attempt) {})
	for i := range 90 {
		s.publish(i%3, fmt.Sprintf("type%d", i))
	}
	s.wait("90 attempts", func() bool { return w.recorded.Load() == 90 })
	s.rollup.mu.Lock()
	held := s.rollup.sums
	s.rollup.mu.Unlock()
	if held > 10 {
		t.Errorf("%d sums are in memory, 10 are allowed", held)
	}
	s.must(s.rollup.Flush(t.Context()))
	s.wait("all are counted", func() bool { return s.total(s.rollup, 0, hook.RollupHour).Success == 90 })
	for _, app := range s.apps {
		s.want("each application", s.total(s.rollup, app, hook.RollupHour), 30, 0, 0)
	}
}

// unclear is a store whose first saves end with an error, before or after the commit.
type unclear struct {
	store.Rollups
	before, after atomic.Int64
}

var errDisk = errors.New("disk")

func (u *unclear) AddRollups(ctx context.Context, span hook.KeySpan, list []hook.Rollup) error {
	if u.before.Add(-1) >= 0 {
		return errDisk
	}
	err := u.Rollups.AddRollups(ctx, span, list)
	if err == nil && u.after.Add(-1) >= 0 {
		return errDisk
	}
	return err
}

// TestFailedSaveCountsOnce has a save that failed and was not kept, and one that failed but
// was kept.
func TestFailedSaveCountsOnce(t *testing.T) {
	s := newShop(t, 1)
	u := &unclear{Rollups: s.Store}
	r := NewRollup(u, s.NewKey, nil, s.o)
	count := func() {
		begun := r.Begin()
		r.End(begun, &hook.EndedAttempt{ID: hook.AttemptID(s.NewKey()), Environment: s.env, Application: s.apps[0], Endpoint: 7, EventType: "a", Outcome: hook.Success, Status: 200})
	}
	n := int64(0)
	for _, c := range []struct{ before, after int64 }{{1, 0}, {0, 1}, {2, 1}, {0, 0}} {
		u.before.Store(c.before)
		u.after.Store(c.after)
		count()
		n++
		for range c.before + c.after {
			if err := r.Flush(t.Context()); !errors.Is(err, errDisk) {
				t.Fatalf("%+v: flush: %v", c, err)
			}
			if got := s.total(r, s.apps[0], hook.RollupMinute).Success; got != n {
				t.Fatalf("%+v: %d attempts are read after a save that failed, want %d", c, got, n)
			}
		}
		s.must(r.Flush(t.Context()))
		s.want("saved", s.total(s.Store, s.apps[0], hook.RollupMinute), n, 0, 0)
		s.want("and in memory", s.total(r, s.apps[0], hook.RollupMinute), n, 0, 0)
	}
}

// TestCutAttemptIsNotCounted gives a pin back without an attempt.
func TestCutAttemptIsNotCounted(t *testing.T) {
	s := newShop(t, 1)
	r := NewRollup(s.Store, s.NewKey, nil, s.o)
	r.End(r.Begin(), nil)
	s.must(r.Flush(t.Context()))
	s.want("nothing", s.total(r, 0, hook.RollupHour), 0, 0, 0)
	if !r.sleep() {
		t.Error("something is left to be saved")
	}
}

// BenchmarkObserve is what one attempt pays.
func BenchmarkObserve(b *testing.B) {
	clock := hook.NewKeyClock(0, 0, time.Now)
	r := NewRollup(nil, clock.Next, nil, RollupOptions{})
	e := &hook.EndedAttempt{Environment: 1, Application: 2, Endpoint: 3, EventType: "invoice.paid", Outcome: hook.Success, Status: 200, Took: 12 * time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		begun := r.Begin()
		e.ID = hook.AttemptID(clock.Next())
		r.End(begun, e)
	}
}

// halted is a store whose saves stop before and after they are kept, until they are let go on.
type halted struct {
	store.Rollups
	reached, goOn chan struct{}
}

func (h *halted) AddRollups(ctx context.Context, span hook.KeySpan, list []hook.Rollup) error {
	h.reached <- struct{}{}
	<-h.goOn
	err := h.Rollups.AddRollups(ctx, span, list)
	h.reached <- struct{}{}
	<-h.goOn
	return err
}

// TestReadingDoesNotWaitForASave reads while a save stands still: before it is kept and after,
// each attempt is there once.
func TestReadingDoesNotWaitForASave(t *testing.T) {
	s := newShop(t, 1)
	h := &halted{Rollups: s.Store, reached: make(chan struct{}), goOn: make(chan struct{})}
	r := NewRollup(h, s.NewKey, nil, s.o)
	count := func() {
		begun := r.Begin()
		r.End(begun, &hook.EndedAttempt{ID: hook.AttemptID(s.NewKey()), Environment: s.env, Application: s.apps[0], Endpoint: s.endpoints[0], EventType: "a", Outcome: hook.Success, Status: 200})
	}
	count()
	count()
	done := make(chan error, 1)
	go func() { done <- r.Flush(t.Context()) }()
	for want := int64(3); want <= 4; want++ {
		<-h.reached
		count() // of the generation after the one that is saved
		for _, p := range []hook.RollupPeriod{hook.RollupMinute, hook.RollupHour} {
			s.want("series", s.total(r, s.apps[0], p), want, 0, 0)
			s.want("environment", s.total(r, 0, p), want, 0, 0)
			s.want("counts", s.counts(r, s.apps[0], p), want, 0, 0)
			s.want("an endpoint's counts", s.counts(r, s.apps[0], p, s.endpoints[0]), want, 0, 0)
		}
		h.goOn <- struct{}{}
	}
	s.must(<-done)
	s.want("after", s.total(r, s.apps[0], hook.RollupMinute), 4, 0, 0)
}
