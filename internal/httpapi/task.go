package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

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
	id, ok := s.Catalog.Codec().ParseTask(c.env(), c.param("task_id"))
	if !ok {
		return notFound()
	}
	t, err := s.Catalog.Task(c.ctx(), c.env(), id)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.taskToAPI(t))
}
