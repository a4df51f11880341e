package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/store/sqlite"
)

// place is a real store with an environment, an application and an endpoint.
type place struct {
	*sqlite.Store
	t   *testing.T
	dir string
	env *hook.Environment
	app *hook.Application
	ep  *hook.Endpoint
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir()}
	p.open()
	ctx := t.Context()
	now := time.Now()
	p.env = &hook.Environment{ID: hook.EnvironmentID(p.NewKey()), Name: "e", Settings: hook.DefaultSettings(), CreatedAt: now, UpdatedAt: now}
	p.app = &hook.Application{ID: hook.ApplicationID(p.NewKey()), Environment: p.env.ID, Name: "a", CreatedAt: now, UpdatedAt: now}
	p.ep = &hook.Endpoint{ID: hook.EndpointID(p.NewKey()), Application: p.app.ID, URL: "http://127.0.0.1/", CreatedAt: now, UpdatedAt: now,
		Secrets: []hook.Secret{{Text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}}
	for _, err := range []error{p.CreateEnvironment(ctx, p.env), p.CreateApplication(ctx, p.app, nil), p.CreateEndpoint(ctx, p.ep, nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *place) open() {
	p.t.Helper()
	key, err := auth.KeyFromSecret("a secret for tests, long enough to be taken")
	if err != nil {
		p.t.Fatal(err)
	}
	if p.Store, err = sqlite.Open(p.t.Context(), p.dir, sqlite.Options{Sealer: auth.NewSealer(key)}); err != nil {
		p.t.Fatal(err)
	}
	s := p.Store
	p.t.Cleanup(func() { s.Close() })
}

// reopen closes the store and opens it again, as a restart does.
func (p *place) reopen() {
	p.t.Helper()
	if err := p.Close(); err != nil {
		p.t.Fatal(err)
	}
	p.open()
}

// add stores n messages whose delivery to the endpoint is in state s, and returns the
// last one's id.
func (p *place) add(n int, s hook.State) (last hook.MessageID) {
	p.t.Helper()
	plan, err := p.PlanOf(p.t.Context(), p.app.ID)
	if err != nil {
		p.t.Fatal(err)
	}
	errs := make(chan error, n)
	for range n {
		d := hook.Delivery{Application: p.app.ID, Endpoint: p.ep.ID, State: s}
		if s == hook.Pending {
			d.DueAt = time.Now().Add(time.Hour)
		}
		go func() {
			got, err := p.Append(context.Background(), &store.Publication{
				Message:    &hook.Message{Environment: p.env.ID, Application: p.app.ID, EventType: "a", Payload: []byte("{}"), ContentExpiresAt: time.Now().Add(time.Hour)},
				Deliveries: []hook.Delivery{d}, PlanVersion: plan.Version,
			})
			if n == 1 {
				last = got.ID
			}
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			p.t.Fatal(err)
		}
	}
	return last
}

// ask creates a recover of the given time.
func (p *place) ask(since, until time.Time) *hook.Task {
	p.t.Helper()
	now := time.Now()
	task := &hook.Task{ID: hook.TaskID(p.NewKey()), Environment: p.env.ID, Application: p.app.ID, Endpoint: p.ep.ID, Type: hook.TaskRecover,
		Status: hook.TaskRunning, Since: since, Until: until, CreatedAt: now, UpdatedAt: now}
	if err := p.CreateTask(p.t.Context(), task, nil); err != nil {
		p.t.Fatal(err)
	}
	return task
}

// work runs a Runner until the task has ended, and returns it.
func (p *place) work(task *hook.Task, r *Runner) *hook.Task {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Error(err)
		}
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		got, err := p.Task(p.t.Context(), p.env.ID, task.ID)
		if err != nil {
			p.t.Fatal(err)
		}
		if got.Status != hook.TaskRunning {
			return got
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the task is still at %+v", got)
		}
	}
}

// due counts the deliveries that are due now.
func (p *place) due() int {
	p.t.Helper()
	rows, _, err := p.Claim(p.t.Context(), p.app.ID, p.ep.ID, time.Now().Add(time.Minute), 100_000, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	seen := map[hook.MessageID]bool{}
	for _, r := range rows {
		if seen[r.Message.ID] || r.Delivery.Trigger != hook.Scheduled || r.Delivery.Step != 0 {
			p.t.Errorf("due row %+v: want one a message, at the beginning of a schedule", r.Delivery)
		}
		seen[r.Message.ID] = true
	}
	return len(rows)
}

// pause lets the wall clock pass a millisecond, the grain of a window.
func pause() time.Time { time.Sleep(3 * time.Millisecond); return time.Now() }

func TestRecoverSendsWhatFailedAndNothingElse(t *testing.T) {
	p := newPlace(t)
	p.add(7, hook.Exhausted) // before the window
	since := pause()
	p.add(437, hook.Exhausted)
	p.add(20, hook.Delivered)
	p.add(20, hook.Pending)
	p.add(5, hook.Cancelled)
	gone := p.add(1, hook.Exhausted)
	if err := p.ExpungeMessage(t.Context(), p.app.ID, gone); err != nil {
		t.Fatal(err)
	}
	until := pause()
	pause()
	p.add(9, hook.Exhausted) // after it
	got := p.work(p.ask(since, until), New(p, p, p, nil, Options{Batch: 50}))
	if got.Status != hook.TaskFinished || got.Done != 437 {
		t.Errorf("task %+v, want finished with 437", got)
	}
	if n := p.due(); n != 437 {
		t.Errorf("%d made due, want 437", n)
	}
}

func TestRecoverOfNothingFinishes(t *testing.T) {
	p := newPlace(t)
	if got := p.work(p.ask(time.Now().Add(-time.Hour), time.Time{}), New(p, p, p, nil, Options{})); got.Status != hook.TaskFinished || got.Done != 0 {
		t.Errorf("task %+v, want finished with 0", got)
	}
}

func TestWakeFindsANewTask(t *testing.T) {
	p := newPlace(t)
	r := New(p, p, p, nil, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	p.add(3, hook.Exhausted)
	task := p.ask(time.Now().Add(-time.Hour), pause())
	r.Wake()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		got, err := p.Task(t.Context(), p.env.ID, task.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Status == hook.TaskFinished && got.Done == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the task is at %+v", got)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// crashing is a catalogue whose process dies at the n-th SaveTask: before it is stored,
// or after.
type crashing struct {
	*sqlite.Store
	left  int
	after bool
	die   context.CancelFunc
}

func (c *crashing) SaveTask(ctx context.Context, t *hook.Task) error {
	if c.left--; c.left > 0 {
		return c.Store.SaveTask(ctx, t)
	}
	if c.left == 0 && c.after {
		if err := c.Store.SaveTask(ctx, t); err != nil {
			return err
		}
	}
	c.die()
	return errors.New("the process is dead")
}

func TestTaskGoesOnAfterACrashWithExactCounts(t *testing.T) {
	const failed = 437
	for _, after := range []bool{false, true} {
		for _, at := range []int{1, 4, 9} { // the ninth batch of fifty is the last
			t.Run(fmt.Sprintf("at save %d, stored %v", at, after), func(t *testing.T) {
				p := newPlace(t)
				p.add(failed, hook.Exhausted)
				task := p.ask(time.Now().Add(-time.Hour), pause())
				ctx, die := context.WithCancel(t.Context())
				// The first save is that of the count, before the first batch.
				c := &crashing{Store: p.Store, left: 1 + at, after: after, die: die}
				if err := New(c, p, p, nil, Options{Batch: 50}).Run(ctx); err != nil {
					t.Fatal(err)
				}
				if n, want := p.due(), min(failed, 50*at); n != want {
					t.Fatalf("%d made due before the crash, want %d", n, want)
				}
				p.reopen()
				got := p.work(task, New(p, p, p, nil, Options{Batch: 50}))
				if got.Status != hook.TaskFinished || got.Done != failed {
					t.Errorf("task %+v, want finished with %d", got, failed)
				}
				if n := p.due(); n != failed {
					t.Errorf("%d made due, want %d", n, failed)
				}
			})
		}
	}
}

// broken is a history that fails.
type broken struct {
	*sqlite.Store
	err error
}

func (b broken) Replayable(context.Context, store.ReplayQuery) (store.ReplayPage, error) {
	if b.err == nil {
		panic("a bug")
	}
	return store.ReplayPage{}, b.err
}

func TestFaultFailsTheTaskAlone(t *testing.T) {
	for _, err := range []error{errors.New("disk I/O error"), hook.Errorf(hook.NotFound, "the application was deleted"), nil} {
		p := newPlace(t)
		got := p.work(p.ask(time.Now().Add(-time.Hour), time.Now()), New(p, broken{p.Store, err}, p, nil, Options{}))
		if got.Status != hook.TaskFailed {
			t.Errorf("after %v the task is %s, want failed", err, got.Status)
		}
	}
}

// TestOnlyOwnFaultsAreErrorsInTheLog ends tasks by trouble of the server's and by what a
// user does: an alert on lines of errors is for the former.
func TestOnlyOwnFaultsAreErrorsInTheLog(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("disk I/O error"), "ERROR"},
		{hook.Errorf(hook.NotFound, "the endpoint was deleted"), "INFO"},
		{hook.Errorf(hook.Invalid, "the endpoint is disabled"), "INFO"},
	} {
		p := newPlace(t)
		var lines bytes.Buffer
		log := slog.New(slog.NewTextHandler(&lines, nil))
		p.work(p.ask(time.Now().Add(-time.Hour), time.Now()), New(p, broken{p.Store, c.err}, p, log, Options{}))
		if got := lines.String(); !strings.Contains(got, "level="+c.want+" msg=\"task failed\"") || c.want == "INFO" && strings.Contains(got, "level=ERROR") {
			t.Errorf("%v: %s", c.err, got)
		}
	}
}

// full is a ledger without room, until it has been asked n times.
type full struct {
	*sqlite.Store
	n int
}

func (f *full) Replay(ctx context.Context, r *store.Replay) (int, error) {
	if f.n--; f.n >= 0 {
		return 0, hook.Errorf(hook.StorageFull, "full")
	}
	return f.Store.Replay(ctx, r)
}

func TestPassingTroubleOnlyDelaysATask(t *testing.T) {
	p := newPlace(t)
	p.add(10, hook.Exhausted)
	got := p.work(p.ask(time.Now().Add(-time.Hour), pause()), New(p, p, &full{p.Store, 3}, nil, Options{Pause: time.Millisecond}))
	if got.Status != hook.TaskFinished || got.Done != 10 {
		t.Errorf("task %+v, want finished with 10", got)
	}
}

func TestUnknownTaskFails(t *testing.T) {
	p := newPlace(t)
	task := &hook.Task{ID: hook.TaskID(p.NewKey()), Environment: p.env.ID, Type: "endpoint.of.tomorrow", Status: hook.TaskRunning, CreatedAt: time.Now(), UpdatedAt: time.Now()}
	if err := p.CreateTask(t.Context(), task, nil); err != nil {
		t.Fatal(err)
	}
	if got := p.work(task, New(p, p, p, nil, Options{})); got.Status != hook.TaskFailed {
		t.Errorf("task %+v, want failed", got)
	}
}
