// Package tasks does durable work in the background: replays, broadcasts, the removal of
// content, and statistics. A task is a row of the catalogue: whoever asked for it has its
// id, and it goes on after a restart where it had come to.
//
// Work is done in steps, one of each running task in turn. What a step made and the note
// that it was made are one commit (store.Receipt, or the idempotency key of a message), so
// a crash in between neither repeats it nor loses its count. Statistics only read: after a
// crash they begin again.
//
// One goroutine does all steps, and it alone changes a task's row once that exists: whoever
// pauses, resumes, cancels or slows a task asks it to, between two steps. So no save undoes
// another's, and a task stands still as soon as it is said to.
package tasks

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// Catalog is what a Runner asks of the catalogue.
type Catalog interface {
	RunningTasks(ctx context.Context) ([]*hook.Task, error)
	Task(ctx context.Context, env hook.EnvironmentID, id hook.TaskID) (*hook.Task, error)
	SaveTask(ctx context.Context, t *hook.Task) error
	Receipt(ctx context.Context, key store.IdempotencyKey) (*store.Receipt, error)
	PlanOf(ctx context.Context, app hook.ApplicationID) (*store.Plan, error)
	ListApplications(ctx context.Context, env hook.EnvironmentID, f store.AppFilter, p store.Page[hook.ApplicationID]) (store.Listed[*hook.Application], error)
	ListEndpoints(ctx context.Context, app hook.ApplicationID, p store.Page[hook.EndpointID]) (store.Listed[*hook.Endpoint], error)
	Codec() *hook.Codec
}

// History is what a Runner asks of the past.
type History interface {
	Replayable(ctx context.Context, q store.ReplayQuery) (store.ReplayPage, error)
	Waiting(ctx context.Context, endpoint hook.EndpointID, dueAt []time.Time) (map[int64]int, error)
	Destinations(ctx context.Context, app hook.ApplicationID, from, to hook.Key, limit int) (n int64, next hook.Key, err error)
}

// Ledger is what a Runner does.
type Ledger interface {
	Replay(ctx context.Context, r *store.Replay) (int, error)
	Cancel(ctx context.Context, c store.Cancellation) (int, error)
	Expunge(ctx context.Context, q store.ExpungeQuery) (purged int, next hook.Key, done bool, err error)
}

// Options are the knobs of a Runner. The zero value is a good start.
type Options struct {
	// Batch is how many messages a step deals with. More makes a task faster and
	// publishers, who share the disk with it, slower. Zero means 200.
	Batch int
	// Ahead is how many deliveries of a replay may wait in its lane: what is ahead of the
	// lane cannot be paused. Zero means 512.
	Ahead int
	// Pause is the wait after trouble that may pass. Zero means 1 s.
	Pause time.Duration
	// Publish publishes a broadcast's message m in an application, once for a key. Nil
	// makes broadcasts fail.
	Publish func(ctx context.Context, env hook.EnvironmentID, app hook.ApplicationID, m hook.Message, key store.IdempotencyKey) (hook.MessageID, error)
	// Metrics counts tasks; nil for none.
	Metrics *telemetry.Metrics
}

// Runner works off running tasks. Use New, then Run; Wake after a task was created.
type Runner struct {
	catalog Catalog
	history History
	ledger  Ledger
	log     *slog.Logger
	o       Options
	// wake has room for one: more would say the same. Sent to by Wake and Steer, never closed.
	wake chan struct{}

	// mu guards what others leave for Run.
	mu       sync.Mutex
	isStale  bool // there may be tasks that Run does not know of
	commands []*command
	stopped  bool

	// What follows is Run's alone.
	jobs   []*job    // of running tasks, oldest first
	steps  uint64    // turns so far
	lastAt time.Time // DueAt of the last batch; see nextAt
}

// New returns a Runner of c's tasks.
func New(c Catalog, h History, l Ledger, log *slog.Logger, o Options) *Runner {
	if o.Batch <= 0 {
		o.Batch = 200
	}
	if o.Ahead <= 0 {
		o.Ahead = 512
	}
	if o.Pause <= 0 {
		o.Pause = time.Second
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.NewMetrics(nil)
	}
	if log == nil {
		log = telemetry.Discard()
	}
	return &Runner{catalog: c, history: h, ledger: l, log: log, o: o, wake: make(chan struct{}, 1), isStale: true}
}

// Wake says that there may be a new task. It does not wait.
func (r *Runner) Wake() {
	r.mu.Lock()
	r.isStale = true
	r.mu.Unlock()
	r.signal()
}

func (r *Runner) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends, and sleeps while there is nothing to do. What is running
// then goes on at the next start. It returns nil.
func (r *Runner) Run(ctx context.Context) error {
	defer r.stop()
	for ctx.Err() == nil {
		r.obey(ctx)
		err := r.load(ctx)
		isLoaded := err == nil
		if isLoaded {
			err = r.round(ctx)
		}
		if ctx.Err() != nil {
			break
		}
		next := r.nextStep()
		if err != nil {
			r.log.Error("background tasks", telemetry.KeyError, err)
			if pause := time.Now().Add(r.o.Pause); !isLoaded || next.IsZero() || pause.Before(next) {
				next = pause
			}
		}
		r.sleep(ctx, next)
	}
	return nil
}

// sleep waits for a signal, ctx, or a time; the zero time means as long as it takes.
func (r *Runner) sleep(ctx context.Context, until time.Time) {
	var c <-chan time.Time
	if !until.IsZero() {
		wait := time.Until(until)
		if wait <= 0 {
			return
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		c = timer.C
	}
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-c:
	}
}

// nextStep returns when the first task wants its turn; zero without one.
func (r *Runner) nextStep() (at time.Time) {
	for _, j := range r.jobs {
		if at.IsZero() || j.next.Before(at) {
			at = j.next
			if at.IsZero() {
				return time.Now()
			}
		}
	}
	return at
}

// load learns of tasks that were created since the last time.
func (r *Runner) load(ctx context.Context) error {
	r.mu.Lock()
	isStale := r.isStale
	r.isStale = false
	r.mu.Unlock()
	if !isStale {
		return nil
	}
	list, err := r.catalog.RunningTasks(ctx)
	if err != nil {
		r.mu.Lock()
		r.isStale = true
		r.mu.Unlock()
		return fmt.Errorf("list running tasks: %w", err)
	}
	for _, t := range list {
		if r.job(t.ID) == nil {
			r.jobs = append(r.jobs, newJob(r, t))
		}
	}
	r.gauge()
	return nil
}

func (r *Runner) job(id hook.TaskID) *job {
	for _, j := range r.jobs {
		if j.t.ID == id {
			return j
		}
	}
	return nil
}

func (r *Runner) gauge() {
	r.o.Metrics.ReplayTasks.WithLabelValues(string(hook.TaskRunning)).Set(float64(len(r.jobs)))
}

// forget stops working on a task.
func (r *Runner) forget(j *job) {
	r.jobs = slices.DeleteFunc(r.jobs, func(other *job) bool { return other == j })
	r.gauge()
}

// round does one step for each owner with a task whose time has come, so that who starts
// many tasks slows only these.
func (r *Runner) round(ctx context.Context) error {
	var trouble error
	for _, j := range r.turns(time.Now()) {
		r.obey(ctx) // so that a command waits for one step, whoever's
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if j.next.After(time.Now()) || r.job(j.t.ID) != j {
			continue
		}
		if err := r.turn(ctx, j); err != nil {
			trouble = err
		}
	}
	return trouble
}

// owner is whose turn it is: an application, or the environment for what is of no
// application. What removes content has turns of its own, because it is promised in time.
type owner struct {
	environment hook.EnvironmentID
	application hook.ApplicationID
	removes     bool
}

// turns returns, of each owner's tasks that could do a step, the one whose last step is
// the longest ago.
func (r *Runner) turns(now time.Time) []*job {
	place := map[owner]int{}
	var list []*job
	for _, j := range r.jobs {
		if j.next.After(now) {
			continue
		}
		o := owner{j.t.Environment, j.t.Application, j.t.Type == hook.TaskPurge}
		i, found := place[o]
		if !found {
			place[o] = len(list)
			list = append(list, j)
		} else if j.stepped < list[i].stepped {
			list[i] = j
		}
	}
	for _, j := range list {
		r.steps++
		j.stepped = r.steps
	}
	return list
}

// turn does one step of a task, and ends the task if it was the last or cannot be done.
func (r *Runner) turn(ctx context.Context, j *job) error {
	t := j.t
	isLast, err := r.step(ctx, j)
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil && isLast:
		err = r.end(ctx, j, hook.TaskFinished)
	case err == nil:
		err = j.saveInTime(ctx)
	}
	if err == nil {
		return nil
	}
	// What the step did may be on disk or not: look before the next.
	j.isSure = false
	if isPassing(err) {
		j.next = time.Now().Add(r.o.Pause)
		return fmt.Errorf("task %s waits: %w", r.id(t), err)
	}
	level := slog.LevelInfo // whoever asked did it, or may read why in the task
	if hook.KindOf(err) == hook.Internal {
		level = slog.LevelError
	}
	r.log.Log(ctx, level, "task failed", telemetry.KeyTask, r.id(t), telemetry.KeyError, err)
	t.Error = explain(err)
	if err := r.end(ctx, j, hook.TaskFailed); err != nil {
		return r.lost(j, err)
	}
	return nil
}

// lost deals with an end that could not be saved: the task goes on as it is saved, unless
// it is gone.
func (r *Runner) lost(j *job, err error) error {
	r.forget(j)
	if hook.KindOf(err) == hook.NotFound {
		return nil // its environment was removed
	}
	r.mu.Lock()
	r.isStale = true
	r.mu.Unlock()
	return fmt.Errorf("task %s: %w", r.id(j.t), err)
}

// explain returns what a failed task tells whoever asked: the text of an error that has a
// kind, which is made to be shown.
func explain(err error) string {
	if hook.KindOf(err) == hook.Internal {
		return "Something went wrong here; the log of the server has the story."
	}
	return err.Error()
}

func (r *Runner) id(t *hook.Task) string { return r.catalog.Codec().Task(t.Environment, t.ID) }

// isPassing reports whether the same step may succeed later.
func isPassing(err error) bool {
	switch hook.KindOf(err) {
	case hook.Overloaded, hook.StorageFull, hook.Closed, hook.Stale, hook.Conflict:
		return true
	}
	return false
}

// step does the next piece of a task. A bug that panics fails the task, not the process.
func (r *Runner) step(ctx context.Context, j *job) (isLast bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if j.work == nil {
		return false, hook.Errorf(hook.Invalid, "this version knows no task of type %q", j.t.Type)
	}
	if j.t.StartedAt.IsZero() {
		j.t.StartedAt = time.Now()
	}
	return j.work.step(ctx, j)
}

// end saves the last state of a task. On an error the task is as it was.
func (r *Runner) end(ctx context.Context, j *job, s hook.TaskStatus) error {
	t := j.t
	before := *t
	t.Status, t.UpdatedAt = s, time.Now()
	t.State = nil
	if t.Type == hook.TaskBroadcast {
		t.Params = nil // the payload is in the messages, and goes with them
	}
	if err := r.catalog.SaveTask(ctx, t); err != nil {
		*t = before
		return fmt.Errorf("save the end of a task: %w", err)
	}
	r.forget(j)
	r.o.Metrics.ReplayTasks.WithLabelValues(string(s)).Inc()
	r.log.Info("task ended", telemetry.KeyTask, r.id(t), telemetry.KeyState, string(s), telemetry.KeyCount, t.Done)
	return nil
}
