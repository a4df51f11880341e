package storetest

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookloft/hookloft/internal/hook"
)

func testEnvironments(r *catalogRoom) {
	a, b := r.environment(), r.environment()
	got, err := r.Environment(r.ctx, a.ID)
	r.must(err)
	r.same("environment", got, a)
	got, err = r.EnvironmentByName(r.ctx, b.Name)
	r.must(err)
	r.same("environment by name", got, b)
	list, err := r.ListEnvironments(r.ctx)
	r.must(err)
	r.same("list", list, []*hook.Environment{a, b})

	r.wants(hook.Conflict, r.CreateEnvironment(r.ctx, &hook.Environment{Name: a.Name}))
	_, err = r.UpdateEnvironment(r.ctx, b.ID, func(e *hook.Environment) error { e.Name = a.Name; return nil })
	r.wants(hook.Conflict, err)
	updated, err := r.UpdateEnvironment(r.ctx, b.ID, func(e *hook.Environment) error { e.Name = "renamed"; return nil })
	r.must(err)
	if updated.UpdatedAt.Before(b.UpdatedAt) || !updated.CreatedAt.Equal(b.CreatedAt) {
		r.Errorf("updated at %v, created at %v", updated.UpdatedAt, updated.CreatedAt)
	}
	got, err = r.EnvironmentByName(r.ctx, "renamed")
	r.must(err)
	r.same("renamed environment", got, updated)

	for _, err := range []error{
		second(r.Environment(r.ctx, none)),
		second(r.EnvironmentByName(r.ctx, b.Name)),
		second(r.UpdateEnvironment(r.ctx, none, func(*hook.Environment) error { r.Error("update of nothing ran"); return nil })),
		r.DeleteEnvironment(r.ctx, none),
	} {
		r.wants(hook.NotFound, err)
	}
}

func testDeleteEnvironment(r *catalogRoom) {
	env, other := r.environment(), r.environment()
	var gone []func() error
	for _, e := range []*hook.Environment{env, other} {
		app := r.application(e.ID, "app")
		ep := r.endpoint(app.ID, "ep")
		removed := r.endpoint(app.ID, "removed")
		r.must(r.DeleteEndpoint(r.ctx, app.ID, removed.ID))
		api, portal := r.token(e.ID, 0, ""), r.token(e.ID, app.ID, "s")
		r.must(r.CreateEventType(r.ctx, &hook.EventType{Environment: e.ID, Name: "a"}, nil))
		task := &hook.Task{Environment: e.ID, Type: hook.TaskRecover, Status: hook.TaskRunning}
		r.must(r.CreateTask(r.ctx, task, nil))
		// Everything is in memory before the deletion.
		second(r.PlanOf(r.ctx, app.ID))
		second(r.TokenByHash(r.ctx, api.Hash))
		second(r.TokenByHash(r.ctx, portal.Hash))
		look := []func() error{
			func() error { return second(r.Environment(r.ctx, e.ID)) },
			func() error { return second(r.Application(r.ctx, e.ID, "app")) },
			func() error { return second(r.Endpoint(r.ctx, app.ID, "ep")) },
			func() error { return second(r.Endpoint(r.ctx, app.ID, r.Codec().Endpoint(app.ID, ep.ID))) },
			func() error { return second(r.Plan(r.ctx, e.ID, "app")) },
			func() error { return second(r.PlanOf(r.ctx, app.ID)) },
			func() error { return second(r.TokenByHash(r.ctx, api.Hash)) },
			func() error { return second(r.TokenByHash(r.ctx, portal.Hash)) },
			func() error { return second(r.EventType(r.ctx, e.ID, "a")) },
			func() error { return second(r.Task(r.ctx, e.ID, task.ID)) },
		}
		if e == env {
			gone = look
			r.must(r.DeleteEnvironment(r.ctx, env.ID))
			list, err := r.DeletedEndpoints(r.ctx, app.ID, []hook.EndpointID{removed.ID})
			r.must(err)
			r.same("remembered endpoints", len(list), 0)
		}
		for i, f := range look {
			if err := f(); e == other && err != nil {
				r.Errorf("look-up %d in the other environment: %v", i, err)
			} else if e == env {
				r.wants(hook.NotFound, err)
			}
		}
	}
	r.reopen()
	for _, f := range gone {
		r.wants(hook.NotFound, f())
	}
	running, err := r.RunningTasks(r.ctx)
	r.must(err)
	r.same("running tasks", len(running), 1)
	r.must(r.CreateEnvironment(r.ctx, &hook.Environment{Name: env.Name})) // the name is free again
}

func testSettings(r *catalogRoom) {
	env := r.environment()
	for _, want := range []hook.Settings{
		{},
		{WhitelabelHeaders: true, SendSvixHeaders: true, EnforceHTTPS: true, DisableEndpointOnFailure: true, DisableEndpointOnGone: true, SendTraceparent: true},
		{SealContent: true},
		{RetryPolicy: []time.Duration{}},
		{RetryPolicy: []time.Duration{hook.MinRetryStep, 1500*time.Millisecond + 1, hook.MaxRetryStep}},
		{Extra: map[string][]byte{"colorPaletteDark": []byte(`{ "primary" : "#fff", "n": 1.0000000000000000001 }`), "null": []byte("null")}},
		hook.DefaultSettings(),
	} {
		_, err := r.UpdateEnvironment(r.ctx, env.ID, func(e *hook.Environment) error { e.Settings = want; return nil })
		r.must(err)
		got, err := r.Environment(r.ctx, env.ID)
		r.must(err)
		// Here nil and empty differ: no policy of one's own, or a single attempt.
		if diff := cmp.Diff(want, got.Settings); diff != "" {
			r.Errorf("settings differ (-want +got):\n%s", diff)
		}
	}
	// What an earlier version let in is raised to the least delay.
	r.must(second(r.UpdateEnvironment(r.ctx, env.ID, func(e *hook.Environment) error {
		e.Settings.RetryPolicy = []time.Duration{0, time.Nanosecond, time.Hour}
		return nil
	})))
	r.reopen()
	got, err := r.Environment(r.ctx, env.ID)
	r.must(err)
	r.same("policy of an earlier version", got.Settings.RetryPolicy, []time.Duration{hook.MinRetryStep, hook.MinRetryStep, time.Hour})
}
