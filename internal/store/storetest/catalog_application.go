package storetest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func testApplications(r *catalogRoom) {
	env := r.environment()
	a, b := r.application(env.ID, "a"), r.application(env.ID, "b")
	plain := r.application(env.ID, "")
	r.application(env.ID, "") // any number may be without a uid
	for _, c := range []struct {
		ref  string
		want *hook.Application
	}{
		{"a", a}, {"b", b}, {r.Codec().Application(env.ID, a.ID), a}, {r.Codec().Application(env.ID, plain.ID), plain},
	} {
		got, err := r.Application(r.ctx, env.ID, c.ref)
		r.must(err)
		r.same("application "+c.ref, got, c.want)
	}
	for _, ref := range []string{"", "A", "c", "app_", r.Codec().Application(env.ID, none), r.Codec().Application(none, b.ID), "a\x00", "%"} {
		r.wants(hook.NotFound, second(r.Application(r.ctx, env.ID, ref)))
		r.wants(hook.NotFound, second(r.Plan(r.ctx, env.ID, ref)))
	}
	err := r.CreateApplication(r.ctx, &hook.Application{Environment: env.ID, UID: "a", Name: "n"}, nil)
	r.wants(hook.Conflict, err)
	r.same("text of the conflict", err.Error(), "An application with that id or uid already exists")
	r.wants(hook.Conflict, second(r.UpdateApplication(r.ctx, b.ID, func(a *hook.Application) error { a.UID = "a"; return nil })))
	updated, err := r.UpdateApplication(r.ctx, a.ID, func(x *hook.Application) error {
		x.UID, x.Name, x.ThrottleRate, x.Metadata = "a", "new", 0, nil // its own uid is no conflict
		x.ID, x.Environment, x.CreatedAt, x.Version = 1, 2, time.Time{}, 3
		return nil
	})
	r.must(err)
	got, err := r.Application(r.ctx, env.ID, "a")
	r.must(err)
	r.same("updated application", got, updated)
	if got.ID != a.ID || got.Environment != env.ID || !got.CreatedAt.Equal(a.CreatedAt) || got.Version <= a.Version {
		r.Errorf("an update changed what is not its own: %+v", got)
	}
	r.must(r.DeleteApplication(r.ctx, a.ID))
	again := r.application(env.ID, "a")
	if again.ID <= plain.ID {
		r.Errorf("key %d is not above %d", again.ID, plain.ID)
	}
	r.wants(hook.NotFound, r.CreateApplication(r.ctx, &hook.Application{Environment: none, Name: "n"}, nil))
	r.wants(hook.NotFound, second(r.UpdateApplication(r.ctx, a.ID, func(*hook.Application) error { return nil })))
	r.wants(hook.NotFound, r.DeleteApplication(r.ctx, a.ID))
}

func testAppFilter(r *catalogRoom) {
	env := r.environment()
	empty := r.application(env.ID, "empty")
	live, off, mixed := r.application(env.ID, "live"), r.application(env.ID, "off"), r.application(env.ID, "mixed")
	setDisabled := func(app hook.ApplicationID, id hook.EndpointID, off bool) {
		second(r.UpdateEndpoint(r.ctx, app, id, nil, func(e *hook.Endpoint) error { e.Disabled = off; return nil }))
	}
	r.endpoint(live.ID, "1")
	offEndpoint := r.endpoint(off.ID, "1")
	setDisabled(off.ID, offEndpoint.ID, true)
	setDisabled(off.ID, offEndpoint.ID, true) // a second time counts nothing
	r.endpoint(mixed.ID, "1")
	mixedEndpoint := r.endpoint(mixed.ID, "2")
	setDisabled(mixed.ID, mixedEndpoint.ID, true)
	check := func(f store.AppFilter, want ...*hook.Application) {
		r.Helper()
		page, err := r.ListApplications(r.ctx, env.ID, f, store.Page[hook.ApplicationID]{Limit: 10})
		r.must(err)
		r.same("applications", appUIDs(page.Rows), appUIDs(want))
	}
	check(store.AppFilter{}, empty, live, off, mixed)
	check(store.AppFilter{WithEndpoints: true}, live, off, mixed)
	check(store.AppFilter{WithoutAllDisabled: true}, empty, live)
	check(store.AppFilter{WithEndpoints: true, WithoutAllDisabled: true}, live)
	setDisabled(off.ID, offEndpoint.ID, false)
	r.must(r.DeleteEndpoint(r.ctx, mixed.ID, mixedEndpoint.ID))
	check(store.AppFilter{WithoutAllDisabled: true}, empty, live, off, mixed)
	r.must(r.DeleteEndpoint(r.ctx, off.ID, offEndpoint.ID))
	check(store.AppFilter{WithEndpoints: true}, live, mixed)
}

func appUIDs(list []*hook.Application) []string {
	var uids []string
	for _, a := range list {
		uids = append(uids, a.UID)
	}
	return uids
}

func testDeleteApplication(r *catalogRoom) {
	env := r.environment()
	app, other := r.application(env.ID, "app"), r.application(env.ID, "other")
	ep := r.endpoint(app.ID, "ep")
	token, foreign := r.token(env.ID, app.ID, "s"), r.token(env.ID, other.ID, "s")
	for _, t := range []*hook.Token{token, foreign} {
		r.must(second(r.TokenByHash(r.ctx, t.Hash)))
	}
	r.must(second(r.Plan(r.ctx, env.ID, "app")))
	r.must(r.DeleteApplication(r.ctx, app.ID))
	for range 2 {
		for _, err := range []error{
			second(r.Plan(r.ctx, env.ID, "app")),
			second(r.Plan(r.ctx, env.ID, r.Codec().Application(env.ID, app.ID))),
			second(r.PlanOf(r.ctx, app.ID)),
			second(r.Application(r.ctx, env.ID, "app")),
			second(r.Endpoint(r.ctx, app.ID, "ep")),
			second(r.UpdateEndpoint(r.ctx, app.ID, ep.ID, nil, func(*hook.Endpoint) error { return nil })),
			second(r.TokenByHash(r.ctx, token.Hash)),
			r.CreateEndpoint(r.ctx, &hook.Endpoint{Application: app.ID, URL: "https://example.com/"}, nil),
			r.SetFailing(r.ctx, app.ID, ep.ID, time.Now(), 1),
		} {
			r.wants(hook.NotFound, err)
		}
		r.must(second(r.TokenByHash(r.ctx, foreign.Hash)))
		r.reopen()
	}
}

func testUIDRace(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "")
	var apps, endpoints atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := r.CreateApplication(r.ctx, &hook.Application{Environment: env.ID, UID: "x", Name: "n"}, nil); err == nil {
				apps.Add(1)
			} else if hook.KindOf(err) != hook.Conflict {
				r.Errorf("application: %v", err)
			}
			if err := r.CreateEndpoint(r.ctx, &hook.Endpoint{Application: app.ID, UID: "x", URL: "https://example.com/"}, nil); err == nil {
				endpoints.Add(1)
			} else if hook.KindOf(err) != hook.Conflict {
				r.Errorf("endpoint: %v", err)
			}
		})
	}
	wg.Wait()
	if apps.Load() != 1 || endpoints.Load() != 1 {
		r.Errorf("%d applications and %d endpoints have one uid", apps.Load(), endpoints.Load())
	}
}
