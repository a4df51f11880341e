package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// job is a task that is being worked on.
type job struct {
	r    *Runner
	t    *hook.Task
	work work // nil for a type that this version does not know
	// next is the earliest time of the next step; zero for at once.
	next time.Time
	// stepped numbers the last turn; 0 before the first.
	stepped uint64
	// slot is when the pace lets the next piece of work begin.
	slot time.Time
	// isSure: nothing of this task is on disk that t does not say. It is not after a start
	// or an error, until work has looked.
	isSure bool
	saved  time.Time     // when t was saved last
	state  progress      // as it was then
	idle   time.Duration // the wait of the last step that had nothing to do
}

// progress is what a task shows of how far it has come.
type progress struct {
	cursor              hook.MessageID
	done, failed, total int64
}

func progressOf(t *hook.Task) progress { return progress{t.Cursor, t.Done, t.Failed, t.Total} }

// work is what a kind of task does.
type work interface {
	// step does the next piece, a fraction of a second of work, and keeps j.t's cursor and
	// counts. It saves j.t when it has made something. isLast says that nothing is left.
	step(ctx context.Context, j *job) (isLast bool, err error)
	// cancel takes back what can be taken back, before the task ends as cancelled.
	cancel(ctx context.Context, j *job) error
}

// newJob returns the job of a task as it is saved.
func newJob(r *Runner, t *hook.Task) *job {
	j := &job{r: r, t: t, saved: time.Now(), state: progressOf(t)}
	switch t.Type {
	case hook.TaskRecover, hook.TaskReplay, hook.TaskBulkReplay:
		j.work = &replay{}
	case hook.TaskBroadcast:
		j.work = &broadcast{}
	case hook.TaskPurge:
		j.work = purge{}
	case hook.TaskAppStats:
		j.work = &appStats{}
	case hook.TaskEventTypes:
		j.work = &eventTypes{}
	}
	return j
}

// params reads what the task was asked to do.
func (j *job) params(into any) error {
	if j.t.Params == nil {
		return nil
	}
	if err := json.Unmarshal(j.t.Params, into); err != nil {
		return fmt.Errorf("read what a task was asked to do: %w", err)
	}
	return nil
}

// save saves where the task stands.
func (j *job) save(ctx context.Context) error {
	if err := j.r.catalog.SaveTask(ctx, j.t); err != nil {
		return fmt.Errorf("save how far a task has come: %w", err)
	}
	j.saved, j.state = time.Now(), progressOf(j.t)
	return nil
}

// saveInTime saves the progress of steps that make nothing, once a second.
func (j *job) saveInTime(ctx context.Context) error {
	if time.Since(j.saved) < time.Second || j.state == progressOf(j.t) {
		return nil
	}
	return j.save(ctx)
}

// stepsPerSecond is how many steps a pace is cut into, so that a slow task is slow all the
// time and not by fits.
const stepsPerSecond = 5

// portion is how many may be done in one step.
func (j *job) portion(most int) int {
	if rate := j.t.RatePerSecond; rate > 0 {
		return max(1, min(most, int(math.Ceil(rate/stepsPerSecond))))
	}
	return most
}

// spend lets the pace know that n were done.
func (j *job) spend(n int) {
	j.idle, j.next = 0, time.Time{}
	rate := j.t.RatePerSecond
	if rate <= 0 {
		return
	}
	now := time.Now()
	if now.Sub(j.slot) > time.Second { // time that was not used is not made up for
		j.slot = now
	}
	j.slot = j.slot.Add(time.Duration(float64(n) / rate * float64(time.Second)))
	j.next = j.slot
}

// Waits of a task that cannot go on until others have: each longer than the last.
const (
	firstIdle = 10 * time.Millisecond
	lastIdle  = 500 * time.Millisecond
)

// rest puts the next step off.
func (j *job) rest() {
	j.idle = min(max(2*j.idle, firstIdle), lastIdle)
	j.next = time.Now().Add(j.idle)
}
