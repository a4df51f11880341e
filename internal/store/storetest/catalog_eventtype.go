package storetest

import (
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
