package storetest

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func testTasks(r *catalogRoom) {
	env, other := r.environment(), r.environment()
	a := &hook.Task{Environment: env.ID, Application: 5, Endpoint: 6, Type: hook.TaskRecover, Status: hook.TaskRunning, Since: time.Now().Add(-time.Hour),
		Params: []byte(`{"Tag":"t"}`), Total: -1}
	b := &hook.Task{Environment: env.ID, Type: "other", Status: hook.TaskRunning}
	foreign := &hook.Task{Environment: other.ID, Type: "other", Status: hook.TaskRunning}
	for _, t := range []*hook.Task{a, b, foreign} {
		r.must(r.CreateTask(r.ctx, t, nil))
	}
	a.Cursor, a.Done, a.Until = 77, 3, time.Now().UTC().Truncate(time.Millisecond)
	a.Total, a.RatePerSecond, a.Failed, a.State, a.StartedAt = 400, 2.5, 2, []byte(`{"a":1}`), a.Until
	r.must(r.SaveTask(r.ctx, a))
	b.Status, b.Error, b.Result = hook.TaskFailed, "no luck", []byte(`{"b":2}`)
	r.must(r.SaveTask(r.ctx, b))
	got, err := r.Task(r.ctx, env.ID, a.ID)
	r.must(err)
	r.same("task", got, a)
	r.wants(hook.NotFound, second(r.Task(r.ctx, other.ID, a.ID)))
	r.wants(hook.NotFound, r.SaveTask(r.ctx, &hook.Task{ID: none}))
	running, err := r.RunningTasks(r.ctx)
	r.must(err)
	r.same("running", running, []*hook.Task{a, foreign})
	for _, c := range []struct {
		f    store.TaskFilter
		want []*hook.Task
	}{
		{store.TaskFilter{}, []*hook.Task{b, a}},
		{store.TaskFilter{Statuses: []hook.TaskStatus{hook.TaskRunning}}, []*hook.Task{a}},
		{store.TaskFilter{Type: "other"}, []*hook.Task{b}},
		{store.TaskFilter{Statuses: []hook.TaskStatus{hook.TaskPaused, hook.TaskRunning}, Type: "other"}, nil},
	} {
		page, err := r.ListTasks(r.ctx, env.ID, c.f, store.Page[hook.TaskID]{Limit: 5, Descending: true})
		r.must(err)
		for i, t := range c.want { // a list leaves out what a task works with
			listed := *t
			listed.Params, listed.State = nil, nil
			c.want[i] = &listed
		}
		r.same("tasks", page.Rows, c.want)
	}
	// A paused task is neither worked on nor over. What it was asked to do may be dropped.
	a.Status, a.Params = hook.TaskPaused, nil
	r.must(r.SaveTask(r.ctx, a))
	got, err = r.Task(r.ctx, env.ID, a.ID)
	r.must(err)
	r.same("paused task", got, a)
	running, err = r.RunningTasks(r.ctx)
	r.must(err)
	r.same("running", running, []*hook.Task{foreign})
}
