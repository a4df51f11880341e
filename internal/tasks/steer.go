package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// command is something that Run does between two steps.
type command struct {
	ctx context.Context // of whoever waits: an HTTP request, not data
	env hook.EnvironmentID
	id  hook.TaskID
	do  func(ctx context.Context, j *job) error
	// Sent to once; room for one, because who waits may have gone.
	done chan steered
}

type steered struct {
	task hook.Task
	err  error
}

// Pause stops a running task until Resume. What it has made due already is still sent.
func (r *Runner) Pause(ctx context.Context, env hook.EnvironmentID, id hook.TaskID) (*hook.Task, error) {
	return r.steer(ctx, env, id, func(ctx context.Context, j *job) error {
		return r.setStatus(ctx, j, hook.TaskPaused)
	})
}

// Resume lets a paused task go on.
func (r *Runner) Resume(ctx context.Context, env hook.EnvironmentID, id hook.TaskID) (*hook.Task, error) {
	return r.steer(ctx, env, id, func(ctx context.Context, j *job) error {
		return r.setStatus(ctx, j, hook.TaskRunning)
	})
}

// SetRate changes the pace of a task; 0 is none.
func (r *Runner) SetRate(ctx context.Context, env hook.EnvironmentID, id hook.TaskID, perSecond float64) (*hook.Task, error) {
	if err := hook.CheckRate("ratePerSecond", perSecond); err != nil {
		return nil, err
	}
	return r.steer(ctx, env, id, func(ctx context.Context, j *job) error {
		if j.t.Status.HasEnded() {
			return errEnded()
		}
		j.t.RatePerSecond = perSecond
		j.slot, j.next = time.Time{}, time.Time{}
		return j.save(ctx)
	})
}

// Cancel ends a task. A replay takes back what is due and was not tried; a round whose
// first attempt has been made goes on by its schedule. Cancelling again is no error.
func (r *Runner) Cancel(ctx context.Context, env hook.EnvironmentID, id hook.TaskID) (*hook.Task, error) {
	return r.steer(ctx, env, id, func(ctx context.Context, j *job) error {
		switch {
		case j.t.Status == hook.TaskCancelled:
			return nil
		case j.t.Status.HasEnded():
			return errEnded()
		}
		return r.cancel(ctx, j)
	})
}

func errEnded() error { return hook.Errorf(hook.Conflict, "the task has ended") }

func (r *Runner) cancel(ctx context.Context, j *job) error {
	if j.work != nil {
		if err := j.work.cancel(ctx, j); err != nil {
			return fmt.Errorf("cancel task: %w", err)
		}
	}
	return r.end(ctx, j, hook.TaskCancelled)
}

// setStatus pauses or resumes. Doing it twice is no error.
func (r *Runner) setStatus(ctx context.Context, j *job, s hook.TaskStatus) error {
	if j.t.Status.HasEnded() {
		return errEnded()
	}
	before := j.t.Status
	if before == s {
		return nil
	}
	j.t.Status = s
	if err := j.save(ctx); err != nil {
		j.t.Status = before
		return err
	}
	r.forget(j)
	if s == hook.TaskRunning {
		j.slot, j.next = time.Time{}, time.Time{}
		if rate := j.t.RatePerSecond; rate > 0 {
			// As long as a piece of work takes at this pace, or each pause would let one more through.
			j.next = time.Now().Add(time.Duration(float64(j.portion(r.o.Batch)) / rate * float64(time.Second)))
		}
		r.jobs = append(r.jobs, j)
		r.gauge()
	}
	return nil
}

// steer has Run do something to a task, waits for it, and returns the task as it is then.
func (r *Runner) steer(ctx context.Context, env hook.EnvironmentID, id hook.TaskID, do func(context.Context, *job) error) (*hook.Task, error) {
	c := &command{ctx: ctx, env: env, id: id, do: do, done: make(chan steered, 1)}
	r.mu.Lock()
	if r.stopped {
		r.mu.Unlock()
		return nil, errStopped()
	}
	r.commands = append(r.commands, c)
	r.mu.Unlock()
	r.signal()
	select {
	case s := <-c.done:
		return &s.task, s.err
	case <-ctx.Done():
		return nil, ctx.Err() // it may still happen
	}
}

func errStopped() error { return hook.Errorf(hook.Closed, "the server is shutting down") }

// obey does what others have asked for.
func (r *Runner) obey(ctx context.Context) {
	for ctx.Err() == nil {
		r.mu.Lock()
		if len(r.commands) == 0 {
			r.mu.Unlock()
			return
		}
		c := r.commands[0]
		r.commands = r.commands[1:]
		r.mu.Unlock()
		c.done <- r.carryOut(ctx, c)
	}
}

func (r *Runner) carryOut(ctx context.Context, c *command) steered {
	if c.ctx.Err() != nil {
		return steered{err: c.ctx.Err()} // nobody waits for it any more
	}
	ctx = hook.WithActor(ctx, hook.ActorIn(c.ctx)) // whoever asked did it, says the audit log
	j := r.job(c.id)
	switch {
	case j != nil && j.t.Environment != c.env:
		return steered{err: hook.Errorf(hook.NotFound, "Entity not found")}
	case j == nil:
		t, err := r.catalog.Task(ctx, c.env, c.id)
		if err != nil {
			return steered{err: err}
		}
		j = newJob(r, t)
	}
	err := c.do(ctx, j)
	if err != nil && hook.KindOf(err) == hook.Internal && !errors.Is(err, context.Canceled) {
		j.isSure = false
	}
	return steered{task: *j.t, err: err}
}

// stop answers who still waits when Run ends.
func (r *Runner) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	for _, c := range r.commands {
		c.done <- steered{err: errStopped()}
	}
	r.commands = nil
}
