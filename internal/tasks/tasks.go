// Package tasks does durable background work that makes deliveries. A task is a row of
// the catalogue: whoever asked for it has its id, and it goes on after a restart where
// it had come to.
//
// Work is done in batches, one of each running task in turn. A batch and the note that
// it was done are one commit (store.Receipt), so a crash in between neither repeats it
// nor loses its count.
package tasks

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// Catalog is what a Runner asks of the catalogue.
type Catalog interface {
	RunningTasks(ctx context.Context) ([]*hook.Task, error)
	SaveTask(ctx context.Context, t *hook.Task) error
	Receipt(ctx context.Context, key store.IdempotencyKey) (*store.Receipt, error)
	Codec() *hook.Codec
}

// History is what a Runner asks of the past.
type History interface {
	AttemptedMessages(ctx context.Context, q store.DeliveryQuery) (store.Listed[store.Delivered], error)
}

// Options are the knobs of a Runner. The zero value is a good start.
type Options struct {
	// Batch is how many messages are dealt with in one commit. More makes a task faster
	// and publishers, who share the disk with it, slower. Zero means 200.
	Batch int
	// Pause is the wait after trouble that may pass. Zero means 1 s.
	Pause time.Duration
	// Metrics counts tasks; nil for none.
	Metrics *telemetry.Metrics
}

// Runner works off running tasks. Use New, then Run; Wake after a task was created.
type Runner struct {
	catalog Catalog
	history History
	ledger  store.Ledger
	log     *slog.Logger
	o       Options
	// wake has room for one: more would say the same. Sent to by Wake, never closed.
	wake chan struct{}
}

// New returns a Runner of c's tasks.
func New(c Catalog, h History, l store.Ledger, log *slog.Logger, o Options) *Runner {
	if o.Batch <= 0 {
		o.Batch = 200
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
	return &Runner{catalog: c, history: h, ledger: l, log: log, o: o, wake: make(chan struct{}, 1)}
}

// Wake says that there may be a new task. It does not wait.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends, and sleeps while there is nothing to do. What is running
// then goes on at the next start. It returns nil.
func (r *Runner) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := r.round(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.log.Error("background tasks", telemetry.KeyError, err)
			r.sleep(ctx, r.o.Pause)
		case n == 0:
			r.sleep(ctx, 0)
		}
	}
	return nil
}

// sleep waits for Wake, ctx, or a time; zero means as long as it takes.
func (r *Runner) sleep(ctx context.Context, d time.Duration) {
	var c <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		c = timer.C
	}
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-c:
	}
}

// round does one batch of each running task and returns how many are running.
func (r *Runner) round(ctx context.Context) (n int, err error) {
	list, err := r.catalog.RunningTasks(ctx)
	if err != nil {
		return 0, fmt.Errorf("list running tasks: %w", err)
	}
	r.o.Metrics.ReplayTasks.WithLabelValues(string(hook.TaskRunning)).Set(float64(len(list)))
	var trouble error
	for _, t := range list {
		if ctx.Err() != nil {
			return len(list), ctx.Err()
		}
		switch err := r.batch(ctx, t); {
		case err == nil, ctx.Err() != nil:
		case isPassing(err):
			trouble = fmt.Errorf("task %s waits: %w", r.catalog.Codec().Task(t.Environment, t.ID), err)
		default:
			r.log.Error("task failed", telemetry.KeyTask, r.catalog.Codec().Task(t.Environment, t.ID), telemetry.KeyError, err)
			if err := r.end(ctx, t, hook.TaskFailed); err != nil {
				trouble = err
			}
		}
	}
	return len(list), trouble
}

// isPassing reports whether the same batch may succeed later.
func isPassing(err error) bool {
	switch hook.KindOf(err) {
	case hook.Overloaded, hook.StorageFull, hook.Closed, hook.Stale, hook.Conflict:
		return true
	}
	return false
}

// batch does the next piece of a task. A bug that panics fails the task, not the process.
func (r *Runner) batch(ctx context.Context, t *hook.Task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	switch t.Type {
	case hook.TaskRecover:
		return r.recover(ctx, t)
	}
	return fmt.Errorf("this version knows no task of type %q", t.Type)
}

// end saves the last state of a task.
func (r *Runner) end(ctx context.Context, t *hook.Task, s hook.TaskStatus) error {
	t.Status, t.UpdatedAt = s, time.Now()
	if err := r.catalog.SaveTask(ctx, t); err != nil {
		return fmt.Errorf("save the end of a task: %w", err)
	}
	r.o.Metrics.ReplayTasks.WithLabelValues(string(s)).Inc()
	r.log.Info("task ended", telemetry.KeyTask, r.catalog.Codec().Task(t.Environment, t.ID), telemetry.KeyState, string(s), telemetry.KeyCount, t.Done)
	return nil
}
