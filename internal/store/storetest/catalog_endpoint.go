package storetest

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

func testEndpoints(r *catalogRoom) {
	env := r.environment()
	app, other := r.application(env.ID, "app"), r.application(env.ID, "other")
	a, b := r.endpoint(app.ID, "a"), r.endpoint(app.ID, "b")
	r.endpoint(other.ID, "a") // a uid is unique in its application only
	bare := &hook.Endpoint{Application: app.ID, URL: "https://example.com/"}
	r.must(r.CreateEndpoint(r.ctx, bare, nil))
	for _, c := range []struct {
		ref  string
		want *hook.Endpoint
	}{
		{"a", a}, {"b", b}, {r.Codec().Endpoint(app.ID, a.ID), a}, {r.Codec().Endpoint(app.ID, bare.ID), bare},
	} {
		got, err := r.Endpoint(r.ctx, app.ID, c.ref)
		r.must(err)
		r.same("endpoint "+c.ref, got, c.want)
	}
	for _, ref := range []string{"", "A", "c", "ep_", r.Codec().Endpoint(app.ID, none), r.Codec().Endpoint(other.ID, a.ID)} {
		r.wants(hook.NotFound, second(r.Endpoint(r.ctx, app.ID, ref)))
	}
	r.wants(hook.Conflict, r.CreateEndpoint(r.ctx, &hook.Endpoint{Application: app.ID, UID: "a", URL: "https://example.com/"}, nil))
	r.wants(hook.Conflict, second(r.UpdateEndpoint(r.ctx, app.ID, b.ID, nil, func(e *hook.Endpoint) error { e.UID = "a"; return nil })))

	updated, err := r.UpdateEndpoint(r.ctx, app.ID, a.ID, nil, func(e *hook.Endpoint) error {
		e.UID, e.URL, e.EventTypes, e.Channels, e.Headers, e.Metadata = "", "https://example.org/", nil, []string{"1", "2"}, nil, nil
		e.Disabled, e.DisabledBy = true, hook.ReasonGone
		e.FailingSince = time.Now()
		e.Secrets = append(e.Secrets, hook.Secret{Text: "whsk_third"})
		e.ID, e.Application, e.CreatedAt = 1, 2, time.Time{}
		return nil
	})
	r.must(err)
	got, err := r.Endpoint(r.ctx, app.ID, r.Codec().Endpoint(app.ID, a.ID))
	r.must(err)
	r.same("updated endpoint", got, updated)
	if got.ID != a.ID || got.Application != app.ID || !got.CreatedAt.Equal(a.CreatedAt) || len(got.Secrets) != 3 {
		r.Errorf("the update changed what is not its own, or lost a secret: %d secrets", len(got.Secrets))
	}
	again := r.endpoint(app.ID, "a") // the uid is free
	r.must(r.DeleteEndpoint(r.ctx, app.ID, again.ID))
	r.endpoint(app.ID, "a") // and again after the deletion
	r.wants(hook.NotFound, r.DeleteEndpoint(r.ctx, app.ID, again.ID))
	r.wants(hook.NotFound, r.DeleteEndpoint(r.ctx, other.ID, b.ID))
	r.wants(hook.NotFound, second(r.UpdateEndpoint(r.ctx, other.ID, b.ID, nil, func(*hook.Endpoint) error { return nil })))
}

func testDeletedEndpoints(r *catalogRoom) {
	env := r.environment()
	app, other := r.application(env.ID, "app"), r.application(env.ID, "other")
	a, b, live, foreign := r.endpoint(app.ID, "a"), r.endpoint(app.ID, "b"), r.endpoint(app.ID, "c"), r.endpoint(other.ID, "a")
	for _, e := range []*hook.Endpoint{a, b} {
		r.must(r.DeleteEndpoint(r.ctx, app.ID, e.ID))
		e.Secrets, e.Headers = nil, nil
	}
	r.must(r.DeleteEndpoint(r.ctx, other.ID, foreign.ID))
	got, err := r.DeletedEndpoints(r.ctx, app.ID, []hook.EndpointID{a.ID, live.ID, foreign.ID, 5, b.ID})
	r.must(err)
	r.same("removed endpoints", got, []*hook.Endpoint{a, b})
	p, err := r.PlanOf(r.ctx, app.ID)
	r.must(err)
	r.same("endpoints of the plan", len(p.Endpoints), 1)
	if p.Endpoint(a.ID) != nil || p.Endpoint(live.ID) == nil {
		r.Error("the plan has the wrong endpoint")
	}
}

func testSetFailing(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	ep := r.endpoint(app.ID, "ep")
	before, err := r.PlanOf(r.ctx, app.ID)
	r.must(err)
	since := time.Now().UTC().Truncate(time.Millisecond)
	for _, step := range []struct {
		since        time.Time
		warned, kept int
	}{{since, 1, 1}, {since, 2, 2}, {time.Time{}, 2, 0}} {
		want := step.since
		r.must(r.SetFailing(r.ctx, app.ID, ep.ID, want, step.warned))
		ep.Warned = step.kept
		p, err := r.PlanOf(r.ctx, app.ID)
		r.must(err)
		ep.FailingSince = want
		r.same("endpoint in the plan", p.Endpoint(ep.ID), ep)
		if p.Version != before.Version {
			r.Error("an endpoint in trouble makes publishes plan again")
		}
		if !before.Endpoint(ep.ID).FailingSince.IsZero() {
			r.Error("a plan that was handed out has changed")
		}
	}
	r.wants(hook.NotFound, r.SetFailing(r.ctx, app.ID, none, since, 1))
}

// testShapes: a shape is kept whole over a restart, an endpoint's update without one takes
// it away, and its token is nowhere in the files.
func testShapes(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	e := r.endpoint(app.ID, "e")
	for _, want := range []*hook.Shape{
		{Method: "PUT", Body: hook.BodyXML, XMLRoot: "r", Token: &hook.ShapeToken{In: hook.InHeader, Name: "X-Key", Value: "token-canary"},
			Success: []hook.StatusRange{{Low: 302, High: 302}, {Low: 200, High: 204}}, Timeout: 30 * time.Second, RetryPolicy: []time.Duration{time.Second, time.Hour}},
		{Method: "GET", Body: hook.BodyQuery, RetryPolicy: []time.Duration{}},
		{Token: &hook.ShapeToken{In: hook.InBody, Name: "t", Value: "token-canary"}},
		{Timeout: time.Second},
		nil,
	} {
		_, err := r.UpdateEndpoint(r.ctx, app.ID, e.ID, nil, func(e *hook.Endpoint) error { e.Shape = want; return nil })
		r.must(err)
		r.wantSealed("https://", "token-canary")
		for range 2 {
			got, err := r.Endpoint(r.ctx, app.ID, "e")
			r.must(err)
			r.same("shape", got.Shape, want)
			if want != nil && (got.Shape.RetryPolicy == nil) != (want.RetryPolicy == nil) {
				r.Errorf("an empty policy, which is a single attempt, and an inherited one are the same: %v", got.Shape.RetryPolicy)
			}
			plan, err := r.PlanOf(r.ctx, app.ID)
			r.must(err)
			r.same("shape in the plan", plan.Endpoint(e.ID).Shape, want)
			r.must(r.SetFailing(r.ctx, app.ID, e.ID, time.Now(), 1))
			r.reopen()
		}
	}
	born := &hook.Endpoint{Application: app.ID, UID: "born", URL: "https://example.com/", Shape: &hook.Shape{Body: hook.BodyFormEncoded}}
	r.must(r.CreateEndpoint(r.ctx, born, nil))
	got, err := r.Endpoint(r.ctx, app.ID, "born")
	r.must(err)
	r.same("shape from the begin", got.Shape, born.Shape)
}
