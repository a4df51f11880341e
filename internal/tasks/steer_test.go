package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// start runs a Runner until the test ends, or stop is called.
func (p *place) start(r *Runner) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Error(err)
		}
	})
	p.t.Cleanup(stop)
	return stop
}

// until looks at a task until it is so.
func (p *place) until(id hook.TaskID, what string, is func(*hook.Task) bool) *hook.Task {
	p.t.Helper()
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		got, err := p.Task(p.t.Context(), p.env.ID, id)
		if err != nil {
			p.t.Fatal(err)
		}
		if is(got) {
			return got
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the task is not %s: %+v", what, got)
		}
	}
}

// endless is a history that is never read to its end.
type endless struct {
	History
	began, ended []time.Time
}

func (e *endless) Replayable(context.Context, store.ReplayQuery) (store.ReplayPage, error) {
	e.began = append(e.began, time.Now())
	time.Sleep(100 * time.Millisecond) // in a bubble
	e.ended = append(e.ended, time.Now())
	return store.ReplayPage{More: true, Messages: []hook.MessageID{1}}, nil
}

// TestPreviewYieldsBetweenScans: others read as long as it does.
func TestPreviewYieldsBetweenScans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &endless{}
		began := time.Now()
		p, err := New(nil, h, nil, nil, Options{}).Preview(t.Context(), &hook.Task{Type: hook.TaskRecover}, &hook.Endpoint{})
		if err != nil || p.IsComplete || p.Count == 0 {
			t.Fatalf("%+v, %v", p, err)
		}
		for i := 1; i < len(h.began); i++ {
			if pause := h.began[i].Sub(h.ended[i-1]); pause < 100*time.Millisecond {
				t.Errorf("scan %d began %v after the one before", i, pause)
			}
		}
		if took := time.Since(began); len(h.began) < 5 || took > previewTime+200*time.Millisecond {
			t.Errorf("%d scans, %v", len(h.began), took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(150*time.Millisecond, cancel)
		if _, err := New(nil, h, nil, nil, Options{}).Preview(ctx, &hook.Task{Type: hook.TaskRecover}, &hook.Endpoint{}); !errors.Is(err, context.Canceled) {
			t.Errorf("after the caller went away: %v", err)
		}
	})
}

// TestReplayStaysAheadOfItsLaneALittle shows that no more is made due than the lane may hold,
// and that a cancellation takes all of it back.
func TestReplayStaysAheadOfItsLaneALittle(t *testing.T) {
	p := newPlace(t)
	p.add(300, hook.Exhausted)
	task := p.ask(time.Now().Add(-time.Hour), pause())
	r := New(p, p, p, nil, Options{Batch: 20, Ahead: 60})
	p.start(r)
	got := p.until(task.ID, "as far as it may", func(t *hook.Task) bool { return t.Done == 60 })
	if got.Total != 300 || p.due() != 60 {
		t.Errorf("%d due, task %+v", p.due(), got)
	}
	ended, err := r.Cancel(t.Context(), p.env.ID, task.ID)
	if err != nil || ended.Status != hook.TaskCancelled || ended.Done != 0 || ended.State != nil {
		t.Errorf("cancelled: %+v, %v", ended, err)
	}
	if n := p.due(); n != 0 {
		t.Errorf("%d still due", n)
	}
	page, err := p.Replayable(t.Context(), store.ReplayQuery{Application: p.app.ID, Endpoint: p.ep.ID, Statuses: []store.AttemptStatus{store.StatusCanceled}, Window: store.Window{Limit: 100}})
	if err != nil || len(page.Messages) != 60 { // they had failed without any attempt
		t.Errorf("%d are as if cancelled, %v", len(page.Messages), err)
	}
}

// TestCancelIsFinishedAfterACrash lets the process die between the wish and the end.
func TestCancelIsFinishedAfterACrash(t *testing.T) {
	for saves := 1; saves <= 2; saves++ { // the wish; the end
		for _, after := range []bool{false, true} {
			p := newPlace(t)
			p.add(100, hook.Exhausted)
			task := p.ask(time.Now().Add(-time.Hour), pause())
			r := New(p, p, p, nil, Options{Batch: 20, Ahead: 60})
			stop := p.start(r)
			p.until(task.ID, "as far as it may", func(t *hook.Task) bool { return t.Done == 60 })
			stop()
			ctx, die := context.WithCancel(t.Context())
			c := &crashing{Store: p.Store, left: saves, after: after, die: die}
			dying := New(c, p, p, nil, Options{Batch: 20, Ahead: 60})
			ended := make(chan error, 1)
			go func() { ended <- dying.Run(ctx) }()
			_, err := dying.Cancel(t.Context(), p.env.ID, task.ID)
			<-ended
			die()
			if err == nil && !(after && saves == 2) {
				t.Fatalf("cancelled by a process that died at save %d", saves)
			}
			p.reopen()
			again := New(p, p, p, nil, Options{Batch: 20, Ahead: 60})
			if saves == 1 && !after { // nobody knows of the wish
				stop := p.start(again)
				if got := p.until(task.ID, "running", func(t *hook.Task) bool { return t.Status == hook.TaskRunning }); got.Done != 60 || p.due() != 60 {
					t.Errorf("%d due of %+v", p.due(), got)
				}
				stop()
				continue
			}
			stop = p.start(again)
			if got := p.until(task.ID, "cancelled", func(t *hook.Task) bool { return t.Status.HasEnded() }); got.Status != hook.TaskCancelled || p.due() != 0 {
				t.Errorf("save %d, stored %v: %d due of %+v", saves, after, p.due(), got)
			}
			stop()
		}
	}
}

func TestPausedTaskOutlivesARestart(t *testing.T) {
	p := newPlace(t)
	p.add(50, hook.Exhausted)
	task := p.ask(time.Now().Add(-time.Hour), pause())
	r := New(p, p, p, nil, Options{Batch: 10, Ahead: 20})
	stop := p.start(r)
	p.until(task.ID, "as far as it may", func(t *hook.Task) bool { return t.Done == 20 })
	if got, err := r.Pause(t.Context(), p.env.ID, task.ID); err != nil || got.Status != hook.TaskPaused {
		t.Fatalf("paused: %+v, %v", got, err)
	}
	stop()
	if _, err := r.Resume(t.Context(), p.env.ID, task.ID); hook.KindOf(err) != hook.Closed {
		t.Errorf("a Runner that has ended answers %v", err)
	}
	p.reopen()
	r = New(p, p, p, nil, Options{Batch: 10})
	p.start(r)
	if _, err := r.SetRate(t.Context(), p.env.ID, task.ID, 1000); err != nil {
		t.Fatal(err)
	}
	if got := p.until(task.ID, "as it was", func(t *hook.Task) bool { return true }); got.Status != hook.TaskPaused || got.Done != 20 {
		t.Errorf("after the restart: %+v", got)
	}
	other := &hook.Environment{ID: hook.EnvironmentID(p.NewKey()), Name: "other", Settings: hook.DefaultSettings()}
	if err := p.CreateEnvironment(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Cancel(t.Context(), other.ID, task.ID); hook.KindOf(err) != hook.NotFound {
		t.Errorf("another environment gets %v", err)
	}
	if _, err := r.Resume(t.Context(), p.env.ID, task.ID); err != nil {
		t.Fatal(err)
	}
	if got := p.until(task.ID, "finished", func(t *hook.Task) bool { return t.Status.HasEnded() }); got.Status != hook.TaskFinished || got.Done != 50 {
		t.Errorf("in the end: %+v", got)
	}
	if n := p.due(); n != 50 {
		t.Errorf("%d due, want 50", n)
	}
}

// TestPaceIsKept lets a slow task make five messages due and looks how long that took.
func TestPaceIsKept(t *testing.T) {
	p := newPlace(t)
	const messages = 500 // 50 s of it
	p.add(messages, hook.Exhausted)
	now := time.Now()
	task := &hook.Task{ID: hook.TaskID(p.NewKey()), Environment: p.env.ID, Application: p.app.ID, Endpoint: p.ep.ID, Type: hook.TaskRecover,
		Status: hook.TaskRunning, Total: -1, Since: now.Add(-time.Hour), Until: pause(), RatePerSecond: 10, CreatedAt: now, UpdatedAt: now}
	if err := p.CreateTask(t.Context(), task, nil); err != nil {
		t.Fatal(err)
	}
	r := New(p, p, p, nil, Options{Ahead: 10 * messages})
	began := time.Now()
	p.start(r)
	got := p.until(task.ID, "at six", func(t *hook.Task) bool { return t.Done >= 6 })
	if took := time.Since(began); float64(got.Done) > 10*took.Seconds()+2 {
		t.Errorf("%d at ten a second within %v", got.Done, took)
	}
	// No slower than it may be, and at once when the pace is taken off.
	if _, err := r.SetRate(t.Context(), p.env.ID, task.ID, 1e-9); hook.KindOf(err) != hook.Invalid {
		t.Errorf("a pace of one in thirty years: %v", err)
	}
	if _, err := r.SetRate(t.Context(), p.env.ID, task.ID, 0); err != nil {
		t.Fatal(err)
	}
	p.until(task.ID, "finished", func(t *hook.Task) bool { return t.Status == hook.TaskFinished && t.Done == messages })
}

func TestReplayEndsWithItsEndpoint(t *testing.T) {
	for name, change := range map[string]func(p *place) error{
		"deleted": func(p *place) error { return p.DeleteEndpoint(p.t.Context(), p.app.ID, p.ep.ID) },
		"disabled": func(p *place) error {
			_, err := p.UpdateEndpoint(p.t.Context(), p.app.ID, p.ep.ID, nil, func(e *hook.Endpoint) error { e.Disabled = true; return nil })
			return err
		},
		"gone with its application": func(p *place) error { return p.DeleteApplication(p.t.Context(), p.app.ID) },
	} {
		p := newPlace(t)
		p.add(5, hook.Exhausted)
		task := p.ask(time.Now().Add(-time.Hour), pause())
		if err := change(p); err != nil {
			t.Fatal(err)
		}
		if got := p.work(task, New(p, p, p, nil, Options{})); got.Status != hook.TaskFailed || got.Error == "" || got.Done != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestBroadcastIsExactAfterACrash publishes in 120 applications and dies in between.
func TestBroadcastIsExactAfterACrash(t *testing.T) {
	for _, at := range []int{2, 3, 4} { // of the count, of two steps, of the end
		p := newPlace(t)
		for range 119 {
			a := &hook.Application{ID: hook.ApplicationID(p.NewKey()), Environment: p.env.ID, Name: "n"}
			if err := p.CreateApplication(t.Context(), a, nil); err != nil {
				t.Fatal(err)
			}
		}
		var mu sync.Mutex
		published := map[store.IdempotencyKey]int{} // what a ledger keeps
		options := Options{Publish: func(_ context.Context, _ hook.EnvironmentID, app hook.ApplicationID, m hook.Message, key store.IdempotencyKey) (hook.MessageID, error) {
			mu.Lock()
			defer mu.Unlock()
			published[key]++
			return hook.MessageID(app), nil
		}}
		params, err := json.Marshal(hook.BroadcastParams{EventType: "a", Payload: []byte("{}"), KeepContent: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		task := &hook.Task{ID: hook.TaskID(p.NewKey()), Environment: p.env.ID, Type: hook.TaskBroadcast, Status: hook.TaskRunning, Total: -1, Params: params}
		if err := p.CreateTask(t.Context(), task, nil); err != nil {
			t.Fatal(err)
		}
		ctx, die := context.WithCancel(t.Context())
		c := &crashing{Store: p.Store, left: at, die: die}
		if err := New(c, p, p, nil, options).Run(ctx); err != nil {
			t.Fatal(err)
		}
		p.reopen()
		got := p.work(task, New(p, p, p, nil, options))
		if got.Status != hook.TaskFinished || got.Done != 120 || got.Total != 120 || got.Params != nil {
			t.Errorf("died at save %d: %+v", at, got)
		}
		if len(published) != 120 {
			t.Errorf("died at save %d: %d keys, want one for each application", at, len(published))
		}
		var result hook.BroadcastResult
		if err := json.Unmarshal(got.Result, &result); err != nil || len(result.Created) != 120 {
			t.Errorf("died at save %d: %d messages named, %v", at, len(result.Created), err)
		}
	}
}

func TestBroadcastCountsRefusals(t *testing.T) {
	p := newPlace(t)
	task := &hook.Task{ID: hook.TaskID(p.NewKey()), Environment: p.env.ID, Type: hook.TaskBroadcast, Status: hook.TaskRunning, Total: -1, Params: []byte("{}")}
	if err := p.CreateTask(t.Context(), task, nil); err != nil {
		t.Fatal(err)
	}
	busy := 2
	got := p.work(task, New(p, p, p, nil, Options{Pause: time.Millisecond, Publish: func(context.Context, hook.EnvironmentID, hook.ApplicationID, hook.Message, store.IdempotencyKey) (hook.MessageID, error) {
		if busy--; busy >= 0 {
			return 0, hook.Errorf(hook.StorageFull, "full")
		}
		return 0, hook.Errorf(hook.Conflict, "taken")
	}}))
	if got.Status != hook.TaskFinished || got.Failed != 1 || got.Done != 0 {
		t.Errorf("%+v", got)
	}
	task = &hook.Task{ID: hook.TaskID(p.NewKey()), Environment: p.env.ID, Type: hook.TaskBroadcast, Status: hook.TaskRunning, Total: -1, Params: []byte("{}")}
	if err := p.CreateTask(t.Context(), task, nil); err != nil {
		t.Fatal(err)
	}
	got = p.work(task, New(p, p, p, nil, Options{Publish: func(context.Context, hook.EnvironmentID, hook.ApplicationID, hook.Message, store.IdempotencyKey) (hook.MessageID, error) {
		return 0, errors.New("secret of the house")
	}}))
	if got.Status != hook.TaskFailed || got.Error == "" || got.Error == "secret of the house" {
		t.Errorf("an error of ours: %+v", got)
	}
}

// TestTurnsGoByOwner: an application with many tasks has one step a round, as one with a
// single task has; and removing content waits for neither.
func TestTurnsGoByOwner(t *testing.T) {
	r := New(nil, nil, nil, nil, Options{})
	add := func(app hook.ApplicationID, typ string) *job {
		j := newJob(r, &hook.Task{ID: hook.TaskID(len(r.jobs) + 1), Environment: 1, Application: app, Type: typ})
		r.jobs = append(r.jobs, j)
		return j
	}
	var many []*job
	for range 30 {
		many = append(many, add(1, hook.TaskBulkReplay))
	}
	single, purge := add(2, hook.TaskBulkReplay), add(1, hook.TaskPurge)
	steps := map[*job]int{}
	for range 60 {
		for _, j := range r.turns(time.Now()) {
			steps[j]++
		}
	}
	if steps[single] != 60 || steps[purge] != 60 {
		t.Errorf("the single task had %d turns and the removal %d, of 60", steps[single], steps[purge])
	}
	for i, j := range many {
		if steps[j] != 2 {
			t.Errorf("task %d of many had %d turns", i, steps[j])
		}
	}
}

// TestPauseEarnsNothing: however often a slow task is paused and resumed, its pace is kept.
func TestPauseEarnsNothing(t *testing.T) {
	p := newPlace(t)
	task := &hook.Task{Environment: p.env.ID, Application: p.app.ID, Endpoint: p.ep.ID, Type: hook.TaskRecover, Status: hook.TaskPaused, Total: -1, RatePerSecond: 1.0 / 60}
	if err := p.CreateTask(t.Context(), task, nil); err != nil {
		t.Fatal(err)
	}
	r := New(p, p, p, nil, Options{})
	j := newJob(r, task)
	if err := r.setStatus(t.Context(), j, hook.TaskRunning); err != nil {
		t.Fatal(err)
	}
	if wait := time.Until(j.next); wait < 55*time.Second {
		t.Errorf("the next message goes after %v", wait)
	}
}
