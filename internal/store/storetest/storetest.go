// Package storetest is the one suite that every store passes: the promises of package
// store as tests. A store's own tests call Run; a new promise is a new test here.
package storetest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Open opens the store in dir and makes it when there is none. It closes the store when
// the test ends, unless the test has closed it.
type Open func(t testing.TB, dir string) store.Store

// Run runs the whole suite against a store.
func Run(t *testing.T, open Open) {
	RunMessages(t, open)
	t.Run("catalog", func(t *testing.T) { testCatalog(t, open) })
	t.Run("consumers", func(t *testing.T) { testConsumers(t, open) })
	t.Run("rollups", func(t *testing.T) { testRollups(t, open) })
	t.Run("search", func(t *testing.T) { testSearch(t, open) })
	t.Run("inspection", func(t *testing.T) { testInspection(t, open) })
}

// RunMessages runs the part of the suite that is about messages and what becomes of them.
func RunMessages(t *testing.T, open Open) {
	t.Run("ledger", func(t *testing.T) { testLedger(t, open) })
	t.Run("appendall", func(t *testing.T) { testAppendAll(t, open) })
	t.Run("inbound", func(t *testing.T) { testInbound(t, open) })
	t.Run("queue", func(t *testing.T) { testQueue(t, open) })
	t.Run("hold", func(t *testing.T) { testHold(t, open) })
	t.Run("latest", func(t *testing.T) { testLatest(t, open) })
	t.Run("lines", func(t *testing.T) { testLines(t, open) })
	t.Run("crash", func(t *testing.T) { testCrash(t, open) })
	t.Run("model", func(t *testing.T) { testModel(t, open) })
	t.Run("rowThatKeepsItsTime", func(t *testing.T) { testRowThatKeepsItsTime(t, open) })
	t.Run("history", func(t *testing.T) { testHistory(t, open) })
	t.Run("rounds", func(t *testing.T) { testRounds(t, open) })
	t.Run("announcements", func(t *testing.T) { testAnnouncements(t, open) })
	t.Run("feed", func(t *testing.T) { testFeed(t, open) })
	t.Run("retention", func(t *testing.T) { testRetention(t, open) })
}

// fixture is an open store with one application, and what its Handoff heard.
type fixture struct {
	testing.TB
	store.Store
	open      Open
	dir       string
	env       hook.EnvironmentID
	app       hook.ApplicationID
	endpoints []hook.EndpointID // rising
	handoff   *handoff
}

// newFixture opens a new store with an application of three endpoints. Its Handoff admits
// every delivery.
func newFixture(t testing.TB, open Open) *fixture {
	t.Helper()
	f := &fixture{TB: t, open: open, dir: t.TempDir()}
	f.start()
	e := &hook.Environment{ID: hook.EnvironmentID(f.NewKey()), Name: "test", Settings: hook.DefaultSettings()}
	f.must(f.CreateEnvironment(f.Context(), e))
	f.env = e.ID
	f.app = f.newApplication("first")
	for range 3 {
		f.endpoints = append(f.endpoints, f.newEndpoint(f.app))
	}
	return f
}

func (f *fixture) start() {
	f.Helper()
	f.Store = f.open(f.TB, f.dir)
	f.handoff = &handoff{changed: make(chan struct{})}
	f.Attach(f.handoff)
}

// crash leaves the store as it is, opens a copy of its files as they are now, as after a
// power loss, and goes on with that. What was not flushed may be in the copy; what was
// acknowledged must be.
func (f *fixture) crash() {
	f.Helper()
	if s, ok := f.Store.(Still); ok {
		s.Still(f.copyFiles)
	} else {
		f.copyFiles()
	}
	f.start()
}

// Still is a store that changes the names of its files while it is used. The copy of a
// crash would miss some, because it is not made in one moment.
type Still interface {
	// Still calls f while no name changes.
	Still(f func())
}

func (f *fixture) copyFiles() {
	to := f.TempDir()
	err := filepath.WalkDir(f.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(f.dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if strings.HasSuffix(path, "-shm") || strings.HasSuffix(path, ".lock") { // memory, which a crash loses
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
	f.must(err)
	f.dir = to
}

// restart closes the store and opens it again.
func (f *fixture) restart() {
	f.Helper()
	f.must(f.Close())
	f.start()
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) wantKind(err error, k hook.Kind) {
	f.Helper()
	if err == nil || hook.KindOf(err) != k {
		f.Fatalf("error %v has kind %d, want %d", err, hook.KindOf(err), k)
	}
}

func (f *fixture) newApplication(name string) hook.ApplicationID {
	f.Helper()
	a := &hook.Application{ID: hook.ApplicationID(f.NewKey()), Environment: f.env, Name: name}
	f.must(f.CreateApplication(f.Context(), a, nil))
	return a.ID
}

func (f *fixture) newEndpoint(app hook.ApplicationID) hook.EndpointID {
	f.Helper()
	e := &hook.Endpoint{
		ID: hook.EndpointID(f.NewKey()), Application: app, URL: "https://example.com/hook",
		Secrets: []hook.Secret{{Text: "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0"}},
	}
	f.must(f.CreateEndpoint(f.Context(), e, nil))
	return e.ID
}

// publication is a message for the fixture's application and these endpoints, with a plan
// that is current.
func (f *fixture) publication(endpoints ...hook.EndpointID) *store.Publication {
	f.Helper()
	plan, err := f.PlanOf(f.Context(), f.app)
	f.must(err)
	p := &store.Publication{
		Message:     &hook.Message{Environment: f.env, Application: f.app, EventType: "invoice.paid", Payload: []byte(`{"n": 1.10}`)},
		PlanVersion: plan.Version,
	}
	for _, ep := range endpoints {
		p.Deliveries = append(p.Deliveries, hook.Delivery{Endpoint: ep})
	}
	return p
}

// publish appends a message for these endpoints.
func (f *fixture) publish(endpoints ...hook.EndpointID) hook.MessageID {
	f.Helper()
	got, err := f.Append(f.Context(), f.publication(endpoints...))
	f.must(err)
	return got.ID
}

// claim returns what is due at an endpoint within a minute from now.
func (f *fixture) claim(ep hook.EndpointID) []store.Due {
	f.Helper()
	due, _, err := f.Claim(f.Context(), f.app, ep, time.Now().Add(time.Minute), 1000, nil)
	f.must(err)
	return due
}

// attempt is an attempt of d that ended now in an outcome.
func (f *fixture) attempt(d store.Due, o hook.Outcome) *hook.Attempt {
	a := &hook.Attempt{
		Message: d.Delivery.Message, Application: f.app, Endpoint: d.Delivery.Endpoint, N: d.Delivery.Attempts + 1,
		Trigger: d.Delivery.Trigger, StartedAt: time.Now(), Took: time.Millisecond, URL: "https://example.com/hook",
		Outcome: o, Status: 200,
	}
	if o == hook.Failed {
		a.Status, a.Reason = 500, hook.ReasonServer
	}
	return a
}

// try records one attempt of d with an outcome and waits until it is durable. Retries come
// after an hour.
func (f *fixture) try(d store.Due, o hook.Outcome) hook.Delivery {
	f.Helper()
	end := f.ended(d, o)
	end.Urgent = true
	f.must(f.finish(end))
	return end.Delivery
}

// ended is what try records, but not urgent.
func (f *fixture) ended(d store.Due, o hook.Outcome) *store.Finished {
	a := f.attempt(d, o)
	next := d.Delivery.After(a, []time.Duration{time.Hour, time.Hour}, time.Now(), 0.5)
	return &store.Finished{Delivery: next, Row: d.Row, Attempt: a}
}

// finish calls Finish and waits for Done.
func (f *fixture) finish(list ...*store.Finished) error {
	f.Helper()
	done := make(chan error, len(list))
	for _, one := range list {
		one.Done = func(err error) { done <- err }
	}
	f.Finish(list...)
	var first error
	for range list {
		select {
		case err := <-done:
			if first == nil {
				first = err
			}
		case <-time.After(10 * time.Second):
			f.Fatal("Finish did not call Done within 10 s")
		}
	}
	return first
}

// delivery returns the delivery of a pair as the history shows it.
func (f *fixture) delivery(msg hook.MessageID, ep hook.EndpointID) hook.Delivery {
	f.Helper()
	list, err := f.Deliveries(f.Context(), f.app, msg)
	f.must(err)
	i := slices.IndexFunc(list, func(d hook.Delivery) bool { return d.Endpoint == ep })
	if i < 0 {
		f.Fatalf("message %d has no delivery to endpoint %d", msg, ep)
	}
	return list[i]
}

// wantState checks the state of a pair and how many attempts it shows.
func (f *fixture) wantState(msg hook.MessageID, ep hook.EndpointID, s hook.State, attempts int) {
	f.Helper()
	d := f.delivery(msg, ep)
	if d.State != s || d.Attempts != attempts {
		f.Fatalf("delivery is %v with %d attempts, want %v with %d", d.State, d.Attempts, s, attempts)
	}
}

// handoff is a Handoff that keeps everything.
type handoff struct {
	mu        sync.Mutex
	refuse    bool // answer of Admit, turned round
	admitted  int  // places reserved and not yet used or given back
	fresh     []store.Due
	withdrawn []store.Due
	madeDue   []store.DueTime
	asked     int
	plans     []hook.ApplicationID // whose plans changed
	changed   chan struct{}        // closed and replaced when something was added
}

func (h *handoff) Admit(hook.ApplicationID, hook.EndpointID, int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse {
		return false
	}
	h.admitted++
	return true
}

func (h *handoff) Committed(fresh []store.Due) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.admitted -= len(fresh)
	h.fresh = append(h.fresh, fresh...)
	h.tell()
}

func (h *handoff) Withdraw(fresh []store.Due) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.admitted -= len(fresh)
	h.withdrawn = append(h.withdrawn, fresh...)
}

func (h *handoff) MadeDue(app hook.ApplicationID, ep hook.EndpointID, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.madeDue = append(h.madeDue, store.DueTime{Application: app, Endpoint: ep, At: at})
	h.tell()
}

func (h *handoff) Asked(hook.ApplicationID, hook.EndpointID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
}

func (h *handoff) Changed(apps []hook.ApplicationID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.plans = append(h.plans, apps...)
}

// takeAsked returns how often it was said since the last call that a person asked.
func (h *handoff) takeAsked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.asked
	h.asked = 0
	return n
}

// takeChanged returns the applications that were said to have changed since the last call.
func (h *handoff) takeChanged() []hook.ApplicationID {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.plans
	h.plans = nil
	return list
}

func (h *handoff) tell() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// take returns what was handed over since the last call.
func (h *handoff) take() []store.Due {
	h.mu.Lock()
	defer h.mu.Unlock()
	fresh := h.fresh
	h.fresh = nil
	return fresh
}

// takeMadeDue returns what was said to be due since the last call.
func (h *handoff) takeMadeDue() []store.DueTime {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.madeDue
	h.madeDue = nil
	return list
}

func (h *handoff) setRefuse(refuse bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = refuse
}
