package storetest

import (
	"errors"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testImport: settings and event types change together or not at all, and plans know at once.
func testImport(r *catalogRoom) {
	env, other := r.environment(), r.environment()
	r.must(r.CreateEventType(r.ctx, &hook.EventType{Environment: env.ID, Name: "old", Description: "d"}, nil))
	r.must(r.CreateEventType(r.ctx, &hook.EventType{Environment: other.ID, Name: "foreign"}, nil))
	before, err := r.EventType(r.ctx, env.ID, "old")
	r.must(err)
	app := &hook.Application{Environment: env.ID, Name: "a"}
	r.must(r.CreateApplication(r.ctx, app, nil))
	archived := func() map[string]bool {
		plan, err := r.PlanOf(r.ctx, app.ID)
		r.must(err)
		return plan.Archived
	}
	r.same("archived types of a plan", len(archived()), 0)

	change := func(c *store.Configuration) error {
		r.same("types that an import sees", len(c.EventTypes), 1)
		gone := *c.EventTypes["old"]
		gone.Archived = true
		c.Put = []*hook.EventType{&gone, {Name: "new", Description: "n"}}
		c.Environment.Settings.EnforceHTTPS, c.PutSettings = true, true
		return nil
	}
	broken := errors.New("broken off")
	if err := r.Import(r.ctx, env.ID, nil, func(c *store.Configuration) error { r.must(change(c)); return broken }); !errors.Is(err, broken) {
		r.Errorf("an import that its plan refused: %v", err)
	}
	_, err = r.EventType(r.ctx, env.ID, "new")
	r.wants(hook.NotFound, err)
	now, err := r.Environment(r.ctx, env.ID)
	r.must(err)
	r.same("settings after a refused import", now.Settings.EnforceHTTPS, false)
	r.same("archived types after a refused import", len(archived()), 0)

	r.must(r.Import(r.ctx, env.ID, nil, change))
	r.same("archived types", archived()["old"], true)
	got, err := r.EventType(r.ctx, env.ID, "old")
	r.must(err)
	r.same("created at, which an import keeps", got.CreatedAt, before.CreatedAt)
	got, err = r.EventType(r.ctx, env.ID, "new")
	r.must(err)
	r.same("description", got.Description, "n")
	now, err = r.Environment(r.ctx, env.ID)
	r.must(err)
	r.same("settings", now.Settings.EnforceHTTPS, true)
	plan, err := r.PlanOf(r.ctx, app.ID)
	r.must(err)
	r.same("settings of a plan", plan.Environment.Settings.EnforceHTTPS, true)

	r.must(r.DeleteEventType(r.ctx, env.ID, "old"))
	r.same("archived types after one is removed", len(archived()), 0)
	r.wants(hook.NotFound, r.Import(r.ctx, none, nil, change))
}

// testEndpointLimit: an application has no more endpoints than its environment allows; what
// there is stays.
func testEndpointLimit(r *catalogRoom) {
	env := r.environment()
	app := &hook.Application{Environment: env.ID, Name: "a"}
	r.must(r.CreateApplication(r.ctx, app, nil))
	add := func() error {
		return r.CreateEndpoint(r.ctx, &hook.Endpoint{Application: app.ID, URL: "https://example.com/", Secrets: []hook.Secret{{Text: "whsec_x"}}}, nil)
	}
	r.must(add())
	r.must(add())
	_, err := r.UpdateEnvironment(r.ctx, env.ID, func(e *hook.Environment) error { e.Settings.EndpointLimit = 1; return nil })
	r.must(err)
	r.wants(hook.LimitReached, add())
	list, err := r.ListEndpoints(r.ctx, app.ID, store.Page[hook.EndpointID]{Limit: 10})
	r.must(err)
	r.same("endpoints", len(list.Rows), 2)
	_, err = r.UpdateEnvironment(r.ctx, env.ID, func(e *hook.Environment) error { e.Settings.EndpointLimit = 3; return nil })
	r.must(err)
	r.must(add())
	r.wants(hook.LimitReached, add())
}
