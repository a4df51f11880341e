package storetest

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func testEventTypes(r *catalogRoom) {
	env, other := r.environment(), r.environment()
	a := &hook.EventType{Environment: env.ID, Name: "a.b", Description: "d", Deprecated: true, GroupName: "g", FeatureFlags: []string{"f"}, Schemas: []byte(`{ "1" : {"type":"object"} }`)}
	b := &hook.EventType{Environment: env.ID, Name: "b"}
	r.must(r.CreateEventType(r.ctx, a, nil))
	r.must(r.CreateEventType(r.ctx, b, nil))
	r.must(r.CreateEventType(r.ctx, &hook.EventType{Environment: other.ID, Name: "b"}, nil))
	for _, want := range []*hook.EventType{a, b} {
		got, err := r.EventType(r.ctx, env.ID, want.Name)
		r.must(err)
		r.same("event type", got, want)
	}
	r.wants(hook.Conflict, r.CreateEventType(r.ctx, &hook.EventType{Environment: env.ID, Name: "b"}, nil))
	r.wants(hook.NotFound, r.CreateEventType(r.ctx, &hook.EventType{Environment: none, Name: "b"}, nil))

	archived, err := r.UpdateEventType(r.ctx, env.ID, "a.b", nil, func(t *hook.EventType) error { t.Archived, t.Name = true, "renamed"; return nil })
	r.must(err)
	r.same("name, which cannot change", archived.Name, "a.b")
	missing, err := r.MissingEventTypes(r.ctx, env.ID, []string{"x", "a.b", "b", "B"})
	r.must(err)
	r.same("missing", missing, []string{"x", "B"})
	names := func(archived bool) (names []string) {
		page, err := r.ListEventTypes(r.ctx, env.ID, archived, store.Page[string]{Limit: 10})
		r.must(err)
		for _, t := range page.Rows {
			names = append(names, t.Name)
		}
		return names
	}
	r.same("live", names(false), []string{"b"})
	r.same("all", names(true), []string{"a.b", "b"})

	again := &hook.EventType{Environment: env.ID, Name: "a.b", Description: "new"}
	r.must(r.CreateEventType(r.ctx, again, nil)) // takes the archived one's place
	got, err := r.EventType(r.ctx, env.ID, "a.b")
	r.must(err)
	r.same("un-archived type", got, again)
	r.must(r.DeleteEventType(r.ctx, env.ID, "a.b"))
	r.same("after the deletion", names(true), []string{"b"})
	for _, err := range []error{
		r.DeleteEventType(r.ctx, env.ID, "a.b"),
		second(r.EventType(r.ctx, env.ID, "a.b")),
		second(r.UpdateEventType(r.ctx, env.ID, "a.b", nil, func(*hook.EventType) error { return nil })),
	} {
		r.wants(hook.NotFound, err)
	}
}

// testRetryPolicies: an event type's own policy is kept, also the empty one, and is in the
// plans of its environment as soon as the change has returned.
func testRetryPolicies(r *catalogRoom) {
	env, other := r.environment(), r.environment()
	app, foreign := r.application(env.ID, "app"), r.application(other.ID, "app")
	ep := r.endpoint(app.ID, "e")
	for _, e := range []*hook.Environment{env, other} {
		r.must(r.CreateEventType(r.ctx, &hook.EventType{Environment: e.ID, Name: "a"}, nil))
	}
	policies := func(app hook.ApplicationID) map[string][]time.Duration {
		p, err := r.PlanOf(r.ctx, app)
		r.must(err)
		return p.RetryPolicies
	}
	before, err := r.PlanOf(r.ctx, app.ID)
	r.must(err)
	r.same("policies of a catalogue without any", before.RetryPolicies, map[string][]time.Duration(nil))
	for _, want := range [][]time.Duration{{time.Second, 90 * time.Minute, 1500 * time.Millisecond}, {}, nil, {time.Second}} {
		_, err := r.UpdateEventType(r.ctx, env.ID, "a", nil, func(t *hook.EventType) error { t.RetryPolicy = want; return nil })
		r.must(err)
		for range 2 {
			got, err := r.EventType(r.ctx, env.ID, "a")
			r.must(err)
			r.same("retry policy", got.RetryPolicy, want)
			if (got.RetryPolicy == nil) != (want == nil) {
				r.Errorf("policy %#v came back as %#v", want, got.RetryPolicy)
			}
			if policy, has := policies(app.ID)["a"]; has != (want != nil) {
				r.Errorf("the plan has %v, the type %v", policy, want)
			} else {
				r.same("retry policy in the plan", policy, want)
			}
			r.reopen()
		}
	}
	now, err := r.PlanOf(r.ctx, app.ID)
	r.must(err)
	r.same("version: nobody must plan again", now.Version, before.Version)
	r.same("policy that holds", now.RetryPolicy(now.Endpoint(ep.ID), "a"), []time.Duration{time.Second})
	// What an earlier version let in is raised to the least delay, not handed on.
	r.must(second(r.UpdateEventType(r.ctx, env.ID, "a", nil, func(t *hook.EventType) error {
		t.RetryPolicy = []time.Duration{0, time.Hour, time.Millisecond}
		return nil
	})))
	r.reopen()
	raised := []time.Duration{hook.MinRetryStep, time.Hour, hook.MinRetryStep}
	old, err := r.EventType(r.ctx, env.ID, "a")
	r.must(err)
	r.same("policy of an earlier version", old.RetryPolicy, raised)
	r.same("policy of an earlier version in the plan", policies(app.ID)["a"], raised)
	r.same("policy of another type", now.RetryPolicy(now.Endpoint(ep.ID), "b"), hook.DefaultRetryPolicy())
	r.same("policies of another environment", policies(foreign.ID), map[string][]time.Duration(nil))
	r.must(r.DeleteEventType(r.ctx, env.ID, "a"))
	r.same("after the deletion", policies(app.ID), map[string][]time.Duration(nil))
	r.must(r.CreateEventType(r.ctx, &hook.EventType{Environment: env.ID, Name: "a", RetryPolicy: []time.Duration{}}, nil))
	r.same("after the creation", policies(app.ID), map[string][]time.Duration{"a": {}})
}
