package storetest

import (
	"net/netip"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// source makes a source that has something in every field.
func (r *catalogRoom) source(env hook.EnvironmentID, uid string) *hook.Source {
	r.Helper()
	s := &hook.Source{
		ID: hook.SourceID(r.NewKey()), Environment: env, UID: uid, Name: "source " + uid, Type: "github",
		Config: hook.SourceConfig{Secrets: []string{"current", "old"}, Values: map[string]string{"query_param": "x"}},
		Settings: hook.SourceSettings{
			PublicURL: "https://example.com/in", Methods: []string{"POST"}, FailureStatus: 400, Tolerance: time.Minute,
			Answer: hook.SourceAnswer{Status: 202, Header: map[string]string{"X-A": "b"}, Body: "ok\n"},
			Dedupe: hook.DedupeRule{By: hook.DedupeByBody, Name: "data.id", Window: time.Hour}, MaxBodyBytes: 1000, RatePerMinute: 7, RatePerHour: 8,
			Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")},
			Forward:  hook.ForwardRule{Headers: []string{"x-a"}, NoQuery: true}, Split: true,
			Validate: hook.ValidationRule{ContentTypes: []string{"application/json"}, UTF8: true, Syntax: "json", MaxDepth: 3, Schema: `{"type":"object"}`},
			Stale:    hook.StaleRule{After: time.Hour, Drop: true}, Pass: hook.PassRule{Enabled: true, Deadline: time.Second}, PublishTo: 77,
		},
		Metadata: map[string]string{"k": "v"},
	}
	s.Tokens = []hook.SourceToken{
		{Text: r.Codec().NewSourceToken(s.ID)},
		{Text: r.Codec().NewSourceToken(s.ID), ExpiresAt: time.Date(2036, 1, 2, 3, 4, 5, 6e6, time.UTC)},
	}
	r.must(r.CreateSource(r.ctx, s, nil))
	return s
}

func testSources(r *catalogRoom) {
	env := r.environment()
	a, b := r.source(env.ID, "a"), r.source(env.ID, "")
	plain := &hook.Source{Environment: env.ID, Name: "plain", Type: hook.CronSource} // any number may be without a uid
	r.must(r.CreateSource(r.ctx, plain, nil))
	if plain.ID == 0 || plain.CreatedAt.IsZero() {
		r.Errorf("created %+v", plain)
	}
	for range 2 {
		for _, c := range []struct {
			ref  string
			want *hook.Source
		}{{"a", a}, {r.Codec().Source(env.ID, a.ID), a}, {r.Codec().Source(env.ID, b.ID), b}, {r.Codec().Source(env.ID, plain.ID), plain}} {
			got, err := r.Source(r.ctx, env.ID, c.ref)
			r.must(err)
			r.same("source "+c.ref, got, c.want)
			got, err = r.SourceOf(r.ctx, c.want.ID)
			r.must(err)
			r.same("source by key", got, c.want)
		}
		r.reopen()
	}
	for _, ref := range []string{"", "A", "c", "src_", r.Codec().Source(env.ID, none), r.Codec().Source(none, b.ID), r.Codec().Application(env.ID, a.ID.Application())} {
		r.wants(hook.NotFound, second(r.Source(r.ctx, env.ID, ref)))
	}
	err := r.CreateSource(r.ctx, &hook.Source{Environment: env.ID, UID: "a", Name: "n", Type: "x"}, nil)
	r.wants(hook.Conflict, err)
	r.same("text of the conflict", err.Error(), "A source with that id or uid already exists")
	r.wants(hook.Conflict, second(r.UpdateSource(r.ctx, b.ID, nil, func(s *hook.Source) error { s.UID = "a"; return nil })))

	list, err := r.SourcesOfType(r.ctx, "github")
	r.must(err)
	r.same("sources of a type", list, []*hook.Source{a, b})

	updated, err := r.UpdateSource(r.ctx, a.ID, nil, func(s *hook.Source) error {
		s.UID, s.Name, s.Type, s.Settings, s.Metadata = "a", "new", hook.GenericSource, hook.SourceSettings{}, nil // its own uid is no conflict
		s.Config, s.Tokens = hook.SourceConfig{}, s.Tokens[:1]
		s.ID, s.Environment, s.CreatedAt = 1, 2, time.Time{}
		return nil
	})
	r.must(err)
	got, err := r.Source(r.ctx, env.ID, "a")
	r.must(err)
	r.same("updated source", got, updated)
	if got.ID != a.ID || got.Environment != env.ID || !got.CreatedAt.Equal(a.CreatedAt) || got.Name != "new" || len(got.Tokens) != 1 {
		r.Errorf("updated to %+v", got)
	}
	list, err = r.SourcesOfType(r.ctx, "github")
	r.must(err)
	r.same("sources of a type after an update", list, []*hook.Source{b})

	r.must(r.DeleteSource(r.ctx, a.ID))
	r.source(env.ID, "a") // the uid is free again
	r.wants(hook.NotFound, r.CreateSource(r.ctx, &hook.Source{Environment: none, Name: "n"}, nil))
	r.wants(hook.NotFound, second(r.UpdateSource(r.ctx, a.ID, nil, func(*hook.Source) error { r.Error("update of nothing ran"); return nil })))
	r.wants(hook.NotFound, r.DeleteSource(r.ctx, a.ID))
	r.wants(hook.NotFound, second(r.SourceOf(r.ctx, a.ID)))
}

// testSourceApplication is about the application that owns a source's endpoints.
func testSourceApplication(r *catalogRoom) {
	env := r.environment()
	ordinary := r.application(env.ID, "ordinary")
	s := r.source(env.ID, "s")
	id := s.ID.Application()
	ref := r.Codec().Application(env.ID, id)
	a, err := r.Application(r.ctx, env.ID, ref)
	r.must(err)
	if a.ID != id || a.Source != s.ID || a.Name != s.Name || a.UID != "" || a.Environment != env.ID {
		r.Fatalf("the internal application is %+v", a)
	}
	ep := r.endpoint(id, "ep")
	plan, err := r.Plan(r.ctx, env.ID, ref)
	r.must(err)
	if plan.Application.Source != s.ID || len(plan.Endpoints) != 1 || plan.Endpoints[0].ID != ep.ID {
		r.Fatalf("its plan is %+v", plan)
	}
	for _, f := range []store.AppFilter{{}, {WithEndpoints: true}, {WithoutAllDisabled: true}, {WithEndpoints: true, WithoutAllDisabled: true}} {
		for _, limit := range []int{1, 10} {
			page, err := r.ListApplications(r.ctx, env.ID, f, store.Page[hook.ApplicationID]{Limit: limit})
			r.must(err)
			if f.WithEndpoints {
				r.same("list", len(page.Rows), 0)
			} else {
				r.same("list", appUIDs(page.Rows), []string{"ordinary"})
			}
			if page.More {
				r.Errorf("the list with %+v goes on", f)
			}
		}
	}
	r.wants(hook.Conflict, second(r.UpdateApplication(r.ctx, id, func(*hook.Application) error { r.Error("the update ran"); return nil })))
	r.wants(hook.Conflict, r.DeleteApplication(r.ctx, id))
	r.wants(hook.NotFound, r.DeleteSource(r.ctx, hook.SourceID(ordinary.ID)))

	// Nobody makes or becomes an internal application by himself.
	fake := &hook.Application{Environment: env.ID, Name: "n", Source: s.ID}
	r.must(r.CreateApplication(r.ctx, fake, nil))
	changed, err := r.UpdateApplication(r.ctx, ordinary.ID, func(a *hook.Application) error { a.Source = s.ID; return nil })
	r.must(err)
	if got, err := r.Application(r.ctx, env.ID, "ordinary"); err != nil || got.Source != 0 || changed.Source != 0 || fake.Source != 0 {
		r.Errorf("an ordinary application became %+v, %v", got, err)
	}

	// Settings are not part of a plan, so only a new name makes webhooks plan again.
	r.must(second(r.UpdateSource(r.ctx, s.ID, nil, func(s *hook.Source) error { s.Settings.Split = false; s.Config.Secrets = nil; return nil })))
	after, err := r.PlanOf(r.ctx, id)
	r.must(err)
	r.same("version after new settings", after.Version, plan.Version)
	r.must(second(r.UpdateSource(r.ctx, s.ID, nil, func(s *hook.Source) error { s.Name = "renamed"; return nil })))
	after, err = r.PlanOf(r.ctx, id)
	r.must(err)
	if after.Version <= plan.Version || after.Application.Name != "renamed" {
		r.Errorf("after a new name: version %d after %d, name %q", after.Version, plan.Version, after.Application.Name)
	}

	token := r.token(env.ID, id, "portal")
	r.must(second(r.TokenByHash(r.ctx, token.Hash)))
	r.must(r.DeleteSource(r.ctx, s.ID))
	for range 2 {
		for _, err := range []error{
			second(r.Application(r.ctx, env.ID, ref)), second(r.PlanOf(r.ctx, id)), second(r.Endpoint(r.ctx, id, "ep")),
			second(r.TokenByHash(r.ctx, token.Hash)), second(r.SourceOf(r.ctx, s.ID)), second(r.Source(r.ctx, env.ID, "s")),
		} {
			r.wants(hook.NotFound, err)
		}
		r.reopen()
	}
}
