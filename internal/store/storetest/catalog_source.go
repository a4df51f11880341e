package storetest

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
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

// testSourceOf changes a source while others ask for it: whoever asks after a change was
// acknowledged sees it, and as long as nothing changes it is the same pointer.
func testSourceOf(r *catalogRoom) {
	env := r.environment()
	s, bystander := r.source(env.ID, "s"), r.source(env.ID, "bystander")
	of := func(id hook.SourceID) *hook.Source {
		r.Helper()
		got, err := r.SourceOf(r.ctx, id)
		r.must(err)
		return got
	}
	rename := func(name string) {
		r.Helper()
		r.must(second(r.UpdateSource(r.ctx, s.ID, nil, func(s *hook.Source) error { s.Name = name; return nil })))
	}
	first, other := of(s.ID), of(bystander.ID)
	r.must(second(r.UpdateEnvironment(r.ctx, env.ID, func(e *hook.Environment) error { e.Settings.EnforceHTTPS = true; return nil })))
	r.source(env.ID, "more")
	r.endpoint(s.ID.Application(), "ep")
	if of(s.ID) != first {
		r.Error("the source did not change, its snapshot did")
	}
	reason := errors.New("the caller's own reason")
	err := second(r.UpdateSource(r.ctx, s.ID, nil, func(s *hook.Source) error {
		s.Name, s.Config.Secrets[0], s.Metadata["k"] = "x", "x", "x"
		return reason
	}))
	if err != reason {
		r.Errorf("the update's error came back as %v", err)
	}
	r.same("source after an update that failed", of(s.ID), first)
	rename("second")
	if got := of(s.ID); got == first || got.Name != "second" || first.Name != s.Name {
		r.Errorf("after a change: %q, before it was %q", got.Name, first.Name)
	}
	if of(bystander.ID) != other {
		r.Error("another source's change moved the snapshot")
	}

	var acknowledged, same atomic.Int64 // the number of the last acknowledged change
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			last := map[int64]*hook.Source{}
			for {
				select {
				case <-stop:
					return
				default:
				}
				before := acknowledged.Load()
				got, err := r.SourceOf(r.ctx, s.ID)
				if err != nil {
					r.Errorf("source: %v", err)
					return
				}
				if int64(got.Settings.MaxBodyBytes) < before {
					r.Errorf("change %d was acknowledged, the source has %d", before, got.Settings.MaxBodyBytes)
					return
				}
				if before == acknowledged.Load() && int64(got.Settings.MaxBodyBytes) == before {
					if kept := last[before]; kept != nil && kept == got {
						same.Add(1)
					}
					last[before] = got
				}
			}
		})
	}
	for i := range int64(40) {
		r.must(second(r.UpdateSource(r.ctx, s.ID, nil, func(s *hook.Source) error { s.Settings.MaxBodyBytes = int(i + 1); return nil })))
		acknowledged.Store(i + 1)
		for n := same.Load(); same.Load() == n && !r.Failed(); { // somebody has seen it twice
			runtime.Gosched()
		}
	}
	close(stop)
	wg.Wait()
	r.must(r.DeleteSource(r.ctx, s.ID))
	r.wants(hook.NotFound, second(r.SourceOf(r.ctx, s.ID)))
}

func testSourceTenants(r *catalogRoom) {
	mine, theirs := r.environment(), r.environment()
	own, foreign := r.source(mine.ID, "same"), r.source(theirs.ID, "same")
	for env, want := range map[hook.EnvironmentID]*hook.Source{mine.ID: own, theirs.ID: foreign} {
		got, err := r.Source(r.ctx, env, "same")
		r.must(err)
		r.same("source", got, want)
		page, err := r.ListSources(r.ctx, env, store.Page[hook.SourceID]{Limit: 5})
		r.must(err)
		r.same("list", page.Rows, []*hook.Source{want})
	}
	// The public id of another tenant's source is not an id here.
	r.wants(hook.NotFound, second(r.Source(r.ctx, mine.ID, r.Codec().Source(theirs.ID, foreign.ID))))
	r.wants(hook.NotFound, second(r.Application(r.ctx, mine.ID, r.Codec().Application(theirs.ID, foreign.ID.Application()))))

	r.must(second(r.SourceOf(r.ctx, own.ID)))
	r.must(r.SaveVisits(r.ctx, []hook.SourceCount{{Source: own.ID, Hour: time.Now(), N: 1}}, []*hook.Rejection{{Source: own.ID}}))
	r.must(r.DeleteEnvironment(r.ctx, mine.ID))
	for range 2 {
		for _, err := range []error{
			second(r.Source(r.ctx, mine.ID, "same")), second(r.SourceOf(r.ctx, own.ID)), second(r.PlanOf(r.ctx, own.ID.Application())),
			r.DeleteSource(r.ctx, own.ID), second(r.UpdateSource(r.ctx, own.ID, nil, func(*hook.Source) error { return nil })),
		} {
			r.wants(hook.NotFound, err)
		}
		list, err := r.SourcesOfType(r.ctx, own.Type)
		r.must(err)
		r.same("sources that are left", list, []*hook.Source{foreign})
		page, err := r.ListSources(r.ctx, mine.ID, store.Page[hook.SourceID]{Limit: 5})
		r.must(err)
		r.same("list of a removed environment", len(page.Rows), 0)
		r.same("rejections", len(r.rejections(own.ID)), 0)
		r.same("counts", len(r.counts(own.ID)), 0)
		r.reopen()
	}
}

func testSourcePages(r *catalogRoom) {
	env, noise := r.environment(), r.environment()
	var uids []string
	for i := range 7 {
		uid := fmt.Sprintf("u%d", i)
		r.source(env.ID, uid)
		r.source(noise.ID, uid)
		r.application(env.ID, uid) // and internal applications are between the ordinary ones
		uids = append(uids, uid)
	}
	walkPages(r, "sources", uids, func(p store.Page[hook.SourceID]) (store.Listed[*hook.Source], error) {
		return r.ListSources(r.ctx, env.ID, p)
	}, func(s *hook.Source) (hook.SourceID, string) { return s.ID, s.UID })
	walkPages(r, "applications beside sources", uids, func(p store.Page[hook.ApplicationID]) (store.Listed[*hook.Application], error) {
		return r.ListApplications(r.ctx, env.ID, store.AppFilter{}, p)
	}, func(a *hook.Application) (hook.ApplicationID, string) { return a.ID, a.UID })
}

// testSourceSealed reads the files of the store byte for byte, open and closed.
func testSourceSealed(r *catalogRoom) {
	const secret, value, password, header, body = "TheSecretOfTheProvider", "TheVerifyTokenItself", "ThePasswordInTheURL", "TheRejectedHeaderItself", "TheRejectedBodyItself"
	const public = "TheNameIsNotSealed"
	env := r.environment()
	s := &hook.Source{
		ID: hook.SourceID(r.NewKey()), Environment: env.ID, Name: public, Type: "x",
		Config: hook.SourceConfig{Secrets: []string{secret}, Values: map[string]string{"verify_token": value}},
		// A URL may hold a password, and an answer's header anything.
		Settings: hook.SourceSettings{PublicURL: "https://user:" + password + "@example.com"},
	}
	old, current := r.Codec().NewSourceToken(s.ID), r.Codec().NewSourceToken(s.ID)
	s.Tokens = []hook.SourceToken{{Text: old}}
	r.must(r.CreateSource(r.ctx, s, &store.Receipt{Key: catalogKey(1, 1), Status: 201, Body: []byte(old)}))
	r.must(second(r.UpdateSource(r.ctx, s.ID, nil, func(s *hook.Source) error { return s.RotateToken(current, time.Now()) })))
	r.must(r.SaveVisits(r.ctx, nil, []*hook.Rejection{{Source: s.ID, Reason: public, Header: map[string]string{"X": header}, Body: []byte(body)}}))
	for range 2 {
		r.wantSealed(public, secret, value, password, old, current, header, body)
		r.reopen()
	}
	got, err := r.SourceOf(r.ctx, s.ID)
	r.must(err)
	r.same("secret", got.Config.Secrets[0], secret)
	r.same("values", got.Config.Values["verify_token"], value)
	r.same("tokens", []string{got.Tokens[0].Text, got.Tokens[1].Text}, []string{current, old})
}

func testSourceReceipts(r *catalogRoom) {
	env := r.environment()
	made := &store.Receipt{Key: catalogKey(1, 1), Status: 201, Body: []byte("made")}
	s := &hook.Source{Environment: env.ID, Name: "n", Type: "x"}
	r.must(r.CreateSource(r.ctx, s, made))
	r.wants(hook.Conflict, r.CreateSource(r.ctx, &hook.Source{Environment: env.ID, Name: "n", Type: "x"}, made))
	changed := &store.Receipt{Key: catalogKey(2, 2)}
	r.must(second(r.UpdateSource(r.ctx, s.ID, changed, func(*hook.Source) error { changed.Status, changed.Body = 200, []byte("filled in late"); return nil })))
	failed := &store.Receipt{Key: catalogKey(3, 3), Status: 200}
	if second(r.UpdateSource(r.ctx, s.ID, failed, func(*hook.Source) error { return errors.New("no") })) == nil {
		r.Error("an update that failed did not say so")
	}
	r.reopen()
	for _, want := range []*store.Receipt{made, changed} {
		got, err := r.Receipt(r.ctx, want.Key)
		r.must(err)
		r.same("receipt", got, want)
	}
	got, err := r.Receipt(r.ctx, failed.Key)
	r.must(err)
	if got != nil {
		r.Error("a receipt of a change that failed was kept")
	}
	page, err := r.ListSources(r.ctx, env.ID, store.Page[hook.SourceID]{Limit: 5})
	r.must(err)
	r.same("sources", len(page.Rows), 1)
}
