package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func testVersions(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	bystander := r.application(env.ID, "bystander")
	foreign := r.application(r.environment().ID, "app")
	version := func(id hook.ApplicationID) int64 {
		r.Helper()
		p, err := r.PlanOf(r.ctx, id)
		r.must(err)
		if p.Version != p.Application.Version {
			r.Fatalf("plan has version %d, its application %d", p.Version, p.Application.Version)
		}
		return p.Version
	}
	last, quiet := version(app.ID), version(bystander.ID)
	if last != app.Version {
		r.Errorf("created at version %d, planned at %d", app.Version, last)
	}
	rises := func(what string, err error) {
		r.Helper()
		r.must(err)
		now := version(app.ID)
		if now <= last {
			r.Errorf("%s: version went from %d to %d", what, last, now)
		}
		last = now
	}
	ep := r.endpoint(app.ID, "ep")
	rises("create endpoint", nil)
	rises("update endpoint", second(r.UpdateEndpoint(r.ctx, app.ID, ep.ID, nil, func(e *hook.Endpoint) error { return nil })))
	rises("update application", second(r.UpdateApplication(r.ctx, app.ID, func(*hook.Application) error { return nil })))
	rises("delete endpoint", r.DeleteEndpoint(r.ctx, app.ID, ep.ID))
	if v := version(bystander.ID); v != quiet {
		r.Errorf("another application's version went from %d to %d", quiet, v)
	}
	foreignBefore := version(foreign.ID)
	rises("update environment", second(r.UpdateEnvironment(r.ctx, env.ID, func(e *hook.Environment) error { e.Settings.EnforceHTTPS = true; return nil })))
	if v := version(bystander.ID); v <= quiet {
		r.Errorf("the settings changed, but the version stayed %d", v)
	}
	if v := version(foreign.ID); v != foreignBefore {
		r.Errorf("another environment's settings moved the version from %d to %d", foreignBefore, v)
	}
	r.reopen()
	if v := version(app.ID); v != last {
		r.Errorf("a restart moved the version from %d to %d", last, v)
	}
}

func testPlans(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	ref := r.Codec().Application(env.ID, app.ID)
	check := func(what string) {
		r.Helper()
		e, err := r.Environment(r.ctx, env.ID)
		r.must(err)
		a, err := r.Application(r.ctx, env.ID, ref)
		r.must(err)
		page, err := r.ListEndpoints(r.ctx, app.ID, store.Page[hook.EndpointID]{Limit: 100})
		r.must(err)
		want := &store.Plan{Environment: e, Application: a, Endpoints: page.Rows, Version: a.Version}
		for _, ref := range []string{ref, a.UID, ref, a.UID} {
			p, err := r.Plan(r.ctx, env.ID, ref)
			r.must(err)
			r.same("plan after "+what, p, want)
		}
		p, err := r.PlanOf(r.ctx, app.ID)
		r.must(err)
		r.same("plan by key after "+what, p, want)
	}
	check("creation")
	var ids []hook.EndpointID
	for i := range 3 {
		ids = append(ids, r.endpoint(app.ID, fmt.Sprint(i)).ID)
		check("new endpoint")
	}
	r.must(second(r.UpdateEndpoint(r.ctx, app.ID, ids[1], nil, func(e *hook.Endpoint) error { e.Disabled = true; return nil })))
	check("disabled endpoint")
	r.must(r.DeleteEndpoint(r.ctx, app.ID, ids[0]))
	check("deleted endpoint")
	r.must(second(r.UpdateApplication(r.ctx, app.ID, func(a *hook.Application) error { a.UID, a.Name = "moved", "x"; return nil })))
	check("new uid")
	r.wants(hook.NotFound, second(r.Plan(r.ctx, env.ID, "app")))
	r.must(second(r.UpdateEnvironment(r.ctx, env.ID, func(e *hook.Environment) error { e.Settings.RetryPolicy = []time.Duration{1}; return nil })))
	check("new settings")
	r.must(r.SetFailing(r.ctx, app.ID, ids[1], time.Now(), 1))
	check("failing")
}

// testPlanRace changes and plans at the same time: whoever plans after a change was
// acknowledged sees it, also while others load the plan.
func testPlanRace(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	ep := r.endpoint(app.ID, "ep")
	const changes, planners = 60, 4
	var acknowledged atomic.Int64 // the number in the last description that was acknowledged
	var settings, failing atomic.Int64
	failing.Store(time.Time{}.UnixMilli())
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range planners {
		wg.Go(func() {
			ref := "app"
			if i%2 == 0 {
				ref = r.Codec().Application(env.ID, app.ID)
			}
			var lastVersion int64
			for {
				select {
				case <-stop:
					return
				default:
				}
				wantEndpoint, wantSettings, wantFailing := acknowledged.Load(), settings.Load(), failing.Load()
				p, err := r.Plan(r.ctx, env.ID, ref)
				if err != nil {
					r.Errorf("plan: %v", err)
					return
				}
				var got int64
				fmt.Sscan(p.Endpoints[0].Description, &got)
				if got < wantEndpoint {
					r.Errorf("change %d was acknowledged, the plan has %d", wantEndpoint, got)
					return
				}
				if got := int64(len(p.Environment.Settings.RetryPolicy)); got < wantSettings {
					r.Errorf("settings %d were acknowledged, the plan has %d", wantSettings, got)
					return
				}
				if got := p.Endpoints[0].FailingSince.UnixMilli(); got < wantFailing {
					r.Errorf("a failure at %d was acknowledged, the plan has %d", wantFailing, got)
					return
				}
				if p.Version < lastVersion {
					r.Errorf("version fell from %d to %d", lastVersion, p.Version)
					return
				}
				lastVersion = p.Version
			}
		})
	}
	for i := range int64(changes) {
		if i%5 == 4 {
			r.must(second(r.UpdateEnvironment(r.ctx, env.ID, func(e *hook.Environment) error {
				e.Settings.RetryPolicy = append(e.Settings.RetryPolicy, time.Second)
				return nil
			})))
			settings.Add(1)
			continue
		}
		if i%5 == 2 {
			r.must(r.SetFailing(r.ctx, app.ID, ep.ID, time.UnixMilli(i), 1))
			failing.Store(i)
			continue
		}
		r.must(second(r.UpdateEndpoint(r.ctx, app.ID, ep.ID, nil, func(e *hook.Endpoint) error { e.Description = fmt.Sprint(i); return nil })))
		acknowledged.Store(i)
	}
	close(stop)
	wg.Wait()
}

// testPlanUID moves a uid between two applications: a plan by that uid is always of the
// one that had it last.
func testPlanUID(r *catalogRoom) {
	env := r.environment()
	a, b := r.application(env.ID, "x"), r.application(env.ID, "")
	move := func(id hook.ApplicationID, uid string) {
		r.Helper()
		r.must(second(r.UpdateApplication(r.ctx, id, func(a *hook.Application) error { a.UID = uid; return nil })))
	}
	owner, free := a.ID, b.ID
	for range 6 {
		for range 2 {
			p, err := r.Plan(r.ctx, env.ID, "x")
			r.must(err)
			r.same("owner of the uid", p.Application.ID, owner)
		}
		move(owner, "")
		r.wants(hook.NotFound, second(r.Plan(r.ctx, env.ID, "x")))
		move(free, "x")
		owner, free = free, owner
	}
	r.must(r.DeleteApplication(r.ctx, owner))
	r.wants(hook.NotFound, second(r.Plan(r.ctx, env.ID, "x")))
	fresh := r.application(env.ID, "x")
	p, err := r.Plan(r.ctx, env.ID, "x")
	r.must(err)
	r.same("owner after deletion", p.Application.ID, fresh.ID)
}
