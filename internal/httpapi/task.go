package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Tasks runs background tasks; *tasks.Runner is one. Steering answers hook.NotFound for
// what is not there, hook.Conflict for a task that has ended, and has taken effect when it
// returns.
type Tasks interface {
	// Wake is told that a task was created. It does not wait.
	Wake()
	// Preview counts what a replay t to ep would send.
	Preview(ctx context.Context, t *hook.Task, ep *hook.Endpoint) (hook.Preview, error)
	Pause(ctx context.Context, env hook.EnvironmentID, id hook.TaskID) (*hook.Task, error)
	Resume(ctx context.Context, env hook.EnvironmentID, id hook.TaskID) (*hook.Task, error)
	Cancel(ctx context.Context, env hook.EnvironmentID, id hook.TaskID) (*hook.Task, error)
	SetRate(ctx context.Context, env hook.EnvironmentID, id hook.TaskID, perSecond float64) (*hook.Task, error)
}

// taskTypes are the contract's kinds of background task (CONTRACT 1.14).
var taskTypes = []string{
	"endpoint.replay", "endpoint.recover", "application.stats", "message.broadcast", "sdk.generate",
	"event-type.aggregate", "application.purge_content", "endpoint.bulk-replay",
}

// taskStatuses are those that the contract's words stand for; nil for all.
var taskStatuses = map[string][]hook.TaskStatus{
	string(hook.TaskRunning):  {hook.TaskRunning, hook.TaskPaused},
	string(hook.TaskFinished): {hook.TaskFinished},
	string(hook.TaskFailed):   {hook.TaskFailed, hook.TaskCancelled},
}

func (s *server) listTasks(c *call) error {
	codec := s.Catalog.Codec()
	p, err := page(c.q, true, func(id string) (hook.TaskID, bool) { return codec.ParseTask(c.env(), id) })
	if err != nil {
		return err
	}
	var f store.TaskFilter
	status, err := c.q.oneOf("status", "", string(hook.TaskRunning), string(hook.TaskFinished), string(hook.TaskFailed))
	if err != nil {
		return err
	}
	f.Statuses = taskStatuses[status]
	if f.Type, err = c.q.oneOf("task", "", taskTypes...); err != nil {
		return err
	}
	list, err := s.Catalog.ListTasks(c.ctx(), c.env(), f, p)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listToAPI(list,
		func(t *hook.Task) string { return codec.Task(c.env(), t.ID) }, s.taskToAPI))
}

func (s *server) getTask(c *call) error {
	t, err := s.task(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.taskToAPI(t))
}

// task resolves the task that the path names. A portal token sees the replays of its own
// application, and nothing else.
func (s *server) task(c *call) (*hook.Task, error) {
	id, ok := s.Catalog.Codec().ParseTask(c.env(), c.param("task_id"))
	if !ok {
		return nil, notFound()
	}
	t, err := s.Catalog.Task(c.ctx(), c.env(), id)
	if err != nil {
		return nil, err
	}
	if c.token.IsPortal() && (t.Application != c.token.Application || t.Endpoint == 0) {
		return nil, notFound()
	}
	return t, nil
}

func (s *server) getOwnTask(c *call) error {
	t, err := s.task(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.ownTaskToAPI(t))
}

// steer answers with a task after something was done to it.
func (s *server) steer(c *call, do func(context.Context, hook.EnvironmentID, hook.TaskID) (*hook.Task, error)) error {
	t, err := s.task(c)
	if err != nil {
		return err
	}
	if t, err = do(c.ctx(), c.env(), t.ID); err != nil {
		return err
	}
	return c.json(http.StatusOK, s.ownTaskToAPI(t))
}

func (s *server) pauseTask(c *call) error  { return s.steer(c, s.Tasks.Pause) }
func (s *server) resumeTask(c *call) error { return s.steer(c, s.Tasks.Resume) }
func (s *server) cancelTask(c *call) error { return s.steer(c, s.Tasks.Cancel) }

// patchTask changes the pace of a task.
func (s *server) patchTask(c *call) error {
	t, err := s.task(c)
	if err != nil {
		return err
	}
	in, err := decode[api.TaskPatch](c)
	if err != nil {
		return err
	}
	rate := in.RatePerSecond
	if !rate.Given {
		return c.json(http.StatusOK, s.ownTaskToAPI(t))
	}
	if !rate.Null {
		if err := checkRate(&rate.Value); err != nil {
			return err
		}
	}
	if t, err = s.Tasks.SetRate(c.ctx(), c.env(), t.ID, rate.Value); err != nil {
		return err
	}
	return c.json(http.StatusOK, s.ownTaskToAPI(t))
}

const rateField = "ratePerSecond"

// checkRate judges a pace that was given: there, 0 is no pace that could be meant.
func checkRate(perSecond *float64) error {
	if perSecond == nil {
		return nil
	}
	if *perSecond == 0 {
		return hook.Fieldf(rateField, "must be above 0, or null for no limit")
	}
	return hook.CheckRate(rateField, *perSecond)
}

// startTask saves a task with the answer that tells of it, and lets it begin. It returns
// the answer's body.
func (s *server) startTask(c *call, t *hook.Task, answer any) error {
	body := c.prepare(http.StatusAccepted, answer)
	if err := s.Catalog.CreateTask(c.ctx(), t, c.receipt); err != nil {
		return err
	}
	s.Tasks.Wake()
	return c.raw(http.StatusAccepted, body)
}

// newTask returns a task that begins now.
func (s *server) newTask(c *call, typ string) *hook.Task {
	now := s.now()
	return &hook.Task{
		ID: hook.TaskID(s.Catalog.NewKey()), Environment: c.env(), Type: typ, Status: hook.TaskRunning,
		Total: -1, Until: now, CreatedAt: now, UpdatedAt: now,
	}
}

// startedToAPI is what the contract answers when a task begins.
func (s *server) startedToAPI(t *hook.Task) api.RecoverOut {
	out := s.taskToAPI(t)
	return api.RecoverOut{ID: out.ID, Status: out.Status, Task: out.Task, UpdatedAt: out.UpdatedAt}
}

// window sets the span of a task's messages; t.Until is the time of the request.
func taskWindow(t *hook.Task, since time.Time, until *time.Time, most time.Duration, words string) error {
	now := t.CreatedAt
	t.Since = since.UTC()
	if until != nil {
		t.Until = until.UTC()
	}
	switch {
	case since.IsZero():
		return &hook.FieldError{Path: []string{"since"}, Text: "missing field `since`", Code: typeJSON}
	case since.Before(now.Add(-most - recoverSlack)):
		return hook.Fieldf("since", "must not lie more than %s back", words)
	case t.Until.Before(t.Since):
		return hook.Fieldf("until", "must not lie before since")
	}
	return nil
}
