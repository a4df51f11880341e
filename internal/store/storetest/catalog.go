package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testCatalog is the suite of store.Catalog. open opens the store in dir, creating it
// when there is none; the suite closes it.
func testCatalog(t *testing.T, open func(t testing.TB, dir string) store.Store) {
	for _, c := range []struct {
		name string
		test func(r *catalogRoom)
	}{
		{"EnvironmentsAreKept", testEnvironments},
		{"DeletedEnvironmentTakesAllAlong", testDeleteEnvironment},
		{"SettingsComeBackAsTheyWere", testSettings},
		{"TokensAreFoundByHash", testTokens},
		{"PortalTokensExpireBySession", testExpireTokens},
		{"TokenUseIsNoted", testTouchToken},
		{"ApplicationsAreKept", testApplications},
		{"ApplicationsAreFiltered", testAppFilter},
		{"DeletedApplicationTakesAllAlong", testDeleteApplication},
		{"EndpointsAreKept", testEndpoints},
		{"DeletedEndpointsAreRemembered", testDeletedEndpoints},
		{"FailingSinceIsKept", testSetFailing},
		{"EventTypesAreKept", testEventTypes},
		{"TasksAreKept", testTasks},
		{"ListsPageBothWays", testCatalogPages},
		{"TenantsAreApart", testCatalogTenants},
		{"FailedUpdateChangesNothing", testFailedUpdate},
		{"VersionRisesWithEveryChange", testVersions},
		{"ReceiptAnswersARepeat", testReceipts},
		{"ReceiptExpires", testReceiptExpires},
		{"ReceiptRefusesAConcurrentRepeat", testReceiptRace},
		{"PlanHasEveryAcknowledgedChange", testPlans},
		{"PlanIsFreshUnderLoad", testPlanRace},
		{"PlanFollowsAUID", testPlanUID},
		{"ConcurrentCreatesKeepUIDsUnique", testUIDRace},
		{"ReopenedStoreHasAll", testCatalogReopen},
		{"SecretsAreSealedOnDisk", testCatalogSealed},
		{"KeysAreNeverDrawnTwice", testCatalogKeys},
		{"ClosedStoreSaysSo", testCatalogClosed},
		{"CancelledContextEndsACall", testCatalogCancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &catalogRoom{T: t, dir: t.TempDir(), opener: open, ctx: t.Context()}
			r.Store = open(t, r.dir)
			t.Cleanup(func() { r.Store.Close() })
			c.test(r)
		})
	}
}

// none is a row key that no test draws: clocks are far above it.
const none = 5

// catalogRoom is one store with what a test needs at hand.
type catalogRoom struct {
	*testing.T
	store.Store
	ctx    context.Context
	dir    string
	opener func(t testing.TB, dir string) store.Store
	count  int
}

// reopen closes the store and opens it again, as a restart does.
func (r *catalogRoom) reopen() {
	r.Helper()
	r.must(r.Store.Close())
	r.Store = r.opener(r.T, r.dir)
}

func (r *catalogRoom) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// wants fails unless err is of this kind.
func (r *catalogRoom) wants(k hook.Kind, err error) {
	r.Helper()
	if err == nil || hook.KindOf(err) != k {
		r.Fatalf("got error %v (kind %d), want kind %d", err, hook.KindOf(err), k)
	}
}

// same fails unless both are equal to the last field; nil and empty lists are equal.
func (r *catalogRoom) same(what string, got, want any) {
	r.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		r.Fatalf("%s differs (-want +got):\n%s", what, diff)
	}
}

func (r *catalogRoom) environment() *hook.Environment {
	r.Helper()
	r.count++
	e := &hook.Environment{Name: fmt.Sprintf("environment %d", r.count), Settings: hook.DefaultSettings()}
	r.must(r.CreateEnvironment(r.ctx, e))
	return e
}

func (r *catalogRoom) application(env hook.EnvironmentID, uid string) *hook.Application {
	r.Helper()
	a := &hook.Application{Environment: env, UID: uid, Name: "application " + uid, ThrottleRate: 7, Metadata: map[string]string{"k": "v"}}
	r.must(r.CreateApplication(r.ctx, a, nil))
	return a
}

func (r *catalogRoom) endpoint(app hook.ApplicationID, uid string) *hook.Endpoint {
	r.Helper()
	e := &hook.Endpoint{
		Application: app, UID: uid, URL: "https://example.com/" + uid, Description: "d\nü", ThrottleRate: 3,
		EventTypes: []string{"a.b", "c"}, Channels: []string{"x:y"}, Metadata: map[string]string{"a": "b"},
		Headers: map[string]string{"X-Own": "value"},
		Secrets: []hook.Secret{{Text: "whsec_current"}, {Text: "whsec_old", ExpiresAt: time.Date(2036, 1, 2, 3, 4, 5, 6e6, time.UTC)}},
	}
	r.must(r.CreateEndpoint(r.ctx, e, nil))
	return e
}

func (r *catalogRoom) token(env hook.EnvironmentID, app hook.ApplicationID, session string) *hook.Token {
	r.Helper()
	r.count++
	t := &hook.Token{Environment: env, Application: app, SessionID: session, Name: "token", Hash: [32]byte{byte(r.count), 1, 2}}
	if app != 0 {
		t.ExpiresAt = time.Now().Add(time.Hour)
		t.Capabilities = []hook.Capability{hook.ViewBase, hook.CreateAttempts}
		t.FeatureFlags = []string{"beta"}
	}
	r.must(r.CreateToken(r.ctx, t, nil))
	return t
}

// eventually polls until ok, for what a store does behind its caller's back.
func (r *catalogRoom) eventually(what string, ok func() bool) {
	r.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.Fatal("not within 20 s: " + what)
		}
	}
}

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

// second is the error of a call with a result.
func second[T any](_ T, err error) error { return err }

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
		{WhitelabelHeaders: true, SendSvixHeaders: true, EnforceHTTPS: true, DisableEndpointOnFailure: true, DisableEndpointOnGone: true},
		{RetryPolicy: []time.Duration{}},
		{RetryPolicy: []time.Duration{time.Nanosecond, 5 * time.Second, hook.MaxRetryStep}},
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
}

func testTokens(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	api, portal := r.token(env.ID, 0, ""), r.token(env.ID, app.ID, "session")
	for range 2 { // from disk, then from memory
		for _, want := range []*hook.Token{api, portal} {
			got, err := r.TokenByHash(r.ctx, want.Hash)
			r.must(err)
			r.same("token", got, want)
		}
	}
	for range 2 {
		r.wants(hook.NotFound, second(r.TokenByHash(r.ctx, [32]byte{99})))
	}
	late := &hook.Token{Environment: env.ID, Hash: [32]byte{99}}
	r.must(r.CreateToken(r.ctx, late, nil))
	if _, err := r.TokenByHash(r.ctx, late.Hash); err != nil {
		r.Errorf("a token that was asked for before it existed is not found: %v", err)
	}
	r.wants(hook.Conflict, r.CreateToken(r.ctx, &hook.Token{Environment: env.ID, Hash: api.Hash}, nil))
	r.wants(hook.NotFound, r.CreateToken(r.ctx, &hook.Token{Environment: none, Hash: [32]byte{98}}, nil))
	r.wants(hook.NotFound, r.CreateToken(r.ctx, &hook.Token{Environment: env.ID, Application: none, Hash: [32]byte{98}}, nil))
	foreign := r.environment()
	r.wants(hook.NotFound, r.CreateToken(r.ctx, &hook.Token{Environment: foreign.ID, Application: app.ID, Hash: [32]byte{98}}, nil))

	list, err := r.ListTokens(r.ctx, env.ID)
	r.must(err)
	r.same("list", list, []*hook.Token{api, portal, late})

	r.wants(hook.NotFound, r.ExpireToken(r.ctx, foreign.ID, api.ID, time.Now()))
	if _, err := r.TokenByHash(r.ctx, api.Hash); err != nil {
		r.Errorf("another environment's request ended a token: %v", err)
	}
	r.must(r.ExpireToken(r.ctx, env.ID, api.ID, time.Now().Add(-time.Second)))
	r.wants(hook.NotFound, second(r.TokenByHash(r.ctx, api.Hash)))
	r.must(r.ExpireToken(r.ctx, env.ID, api.ID, time.Now().Add(time.Hour)))
	r.wants(hook.NotFound, second(r.TokenByHash(r.ctx, api.Hash))) // nothing brings it back
	r.reopen()
	r.wants(hook.NotFound, second(r.TokenByHash(r.ctx, api.Hash)))

	soon := &hook.Token{Environment: env.ID, Hash: [32]byte{97}, ExpiresAt: time.Now().Add(50 * time.Millisecond)}
	r.must(r.CreateToken(r.ctx, soon, nil))
	r.eventually("a token in memory expires by the clock", func() bool {
		return hook.KindOf(second(r.TokenByHash(r.ctx, soon.Hash))) == hook.NotFound
	})
}

func testExpireTokens(r *catalogRoom) {
	env := r.environment()
	app, other := r.application(env.ID, "app"), r.application(env.ID, "other")
	a, b, plain := r.token(env.ID, app.ID, "a"), r.token(env.ID, app.ID, "b"), r.token(env.ID, app.ID, "")
	foreign, api := r.token(env.ID, other.ID, "a"), r.token(env.ID, 0, "")
	live := func(want ...*hook.Token) {
		r.Helper()
		for i, t := range []*hook.Token{a, b, plain, foreign, api} {
			_, err := r.TokenByHash(r.ctx, t.Hash)
			if (err == nil) != slices.Contains(want, t) {
				r.Fatalf("token %d: %v", i, err)
			}
		}
	}
	live(a, b, plain, foreign, api)
	r.must(r.ExpireTokens(r.ctx, app.ID, []string{"a", "unknown"}, time.Now()))
	live(b, plain, foreign, api)
	r.must(r.ExpireTokens(r.ctx, app.ID, nil, time.Now().Add(10*time.Minute))) // a grace period
	live(b, plain, foreign, api)
	r.must(r.ExpireTokens(r.ctx, app.ID, nil, time.Now()))
	live(foreign, api)
	r.reopen()
	live(foreign, api)
}

func testTouchToken(r *catalogRoom) {
	env := r.environment()
	token := r.token(env.ID, 0, "")
	second(r.TokenByHash(r.ctx, token.Hash))
	at := time.Now().UTC().Truncate(time.Millisecond)
	used := func() time.Time {
		list, err := r.ListTokens(r.ctx, env.ID)
		r.must(err)
		return list[0].LastUsedAt
	}
	r.TouchToken(token.ID, at)
	r.TouchToken(token.ID, at.Add(59*time.Second))
	r.TouchToken(none, at) // of no token
	r.same("last use", used(), at)
	r.reopen()
	r.same("last use after a restart", used(), at)
	r.TouchToken(token.ID, at.Add(59*time.Second))
	r.reopen()
	r.same("last use within the minute", used(), at)
	r.TouchToken(token.ID, at.Add(time.Minute))
	r.reopen()
	r.same("last use after a minute", used(), at.Add(time.Minute))
}

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
			r.SetFailing(r.ctx, app.ID, ep.ID, time.Now()),
		} {
			r.wants(hook.NotFound, err)
		}
		r.must(second(r.TokenByHash(r.ctx, foreign.Hash)))
		r.reopen()
	}
}

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
	for _, want := range []time.Time{since, {}} {
		r.must(r.SetFailing(r.ctx, app.ID, ep.ID, want))
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
	r.wants(hook.NotFound, r.SetFailing(r.ctx, app.ID, none, since))
}

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

func testTasks(r *catalogRoom) {
	env, other := r.environment(), r.environment()
	a := &hook.Task{Environment: env.ID, Application: 5, Endpoint: 6, Type: hook.TaskRecover, Status: hook.TaskRunning, Since: time.Now().Add(-time.Hour)}
	b := &hook.Task{Environment: env.ID, Type: "other", Status: hook.TaskRunning}
	foreign := &hook.Task{Environment: other.ID, Type: "other", Status: hook.TaskRunning}
	for _, t := range []*hook.Task{a, b, foreign} {
		r.must(r.CreateTask(r.ctx, t, nil))
	}
	a.Cursor, a.Done, a.Until = 77, 3, time.Now().UTC().Truncate(time.Millisecond)
	r.must(r.SaveTask(r.ctx, a))
	b.Status = hook.TaskFinished
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
		{store.TaskFilter{Status: hook.TaskRunning}, []*hook.Task{a}},
		{store.TaskFilter{Type: "other"}, []*hook.Task{b}},
		{store.TaskFilter{Status: hook.TaskRunning, Type: "other"}, nil},
	} {
		page, err := r.ListTasks(r.ctx, env.ID, c.f, store.Page[hook.TaskID]{Limit: 5, Descending: true})
		r.must(err)
		r.same("tasks", page.Rows, c.want)
	}
}

func testCatalogPages(r *catalogRoom) {
	env, noise := r.environment(), r.environment()
	const rows = 7
	var apps, endpoints, types, tasks []string
	var app *hook.Application
	for i := range rows {
		uid := fmt.Sprintf("u%d", i)
		app = r.application(env.ID, uid)
		apps = append(apps, uid)
		r.application(noise.ID, uid)
		r.must(r.CreateEventType(r.ctx, &hook.EventType{Environment: env.ID, Name: uid}, nil))
		r.must(r.CreateEventType(r.ctx, &hook.EventType{Environment: noise.ID, Name: uid + "x"}, nil))
		types = append(types, uid)
		r.must(r.CreateTask(r.ctx, &hook.Task{Environment: env.ID, Type: uid, Status: hook.TaskRunning}, nil))
		tasks = append(tasks, uid)
	}
	for i := range rows {
		endpoints = append(endpoints, r.endpoint(app.ID, fmt.Sprintf("e%d", i)).UID)
	}
	walkPages(r, "applications", apps, func(p store.Page[hook.ApplicationID]) (store.Listed[*hook.Application], error) {
		return r.ListApplications(r.ctx, env.ID, store.AppFilter{}, p)
	}, func(a *hook.Application) (hook.ApplicationID, string) { return a.ID, a.UID })
	walkPages(r, "endpoints", endpoints, func(p store.Page[hook.EndpointID]) (store.Listed[*hook.Endpoint], error) {
		return r.ListEndpoints(r.ctx, app.ID, p)
	}, func(e *hook.Endpoint) (hook.EndpointID, string) { return e.ID, e.UID })
	walkPages(r, "event types", types, func(p store.Page[string]) (store.Listed[*hook.EventType], error) {
		return r.ListEventTypes(r.ctx, env.ID, false, p)
	}, func(t *hook.EventType) (string, string) { return t.Name, t.Name })
	walkPages(r, "tasks", tasks, func(p store.Page[hook.TaskID]) (store.Listed[*hook.Task], error) {
		return r.ListTasks(r.ctx, env.ID, store.TaskFilter{}, p)
	}, func(t *hook.Task) (hook.TaskID, string) { return t.ID, t.Type })
}

// walkPages walks a list of want in both orders, with every page size, to the end and back.
func walkPages[K, T any](r *catalogRoom, what string, want []string, list func(store.Page[K]) (store.Listed[T], error), key func(T) (K, string)) {
	r.Helper()
	for _, descending := range []bool{false, true} {
		ordered := slices.Clone(want)
		if descending {
			slices.Reverse(ordered)
		}
		for limit := 1; limit <= len(want)+1; limit++ {
			p := store.Page[K]{Limit: limit, Descending: descending}
			at := 0
			var last store.Listed[T]
			for {
				page, err := list(p)
				r.must(err)
				end := min(at+limit, len(ordered))
				var got []string
				for _, row := range page.Rows {
					_, name := key(row)
					got = append(got, name)
				}
				r.same(fmt.Sprintf("%s, descending %v, limit %d, from %d", what, descending, limit, at), got, ordered[at:end])
				if page.More != (end < len(ordered)) {
					r.Fatalf("%s: More is %v at %d of %d", what, page.More, end, len(ordered))
				}
				last, at = page, end
				if !page.More {
					break
				}
				p.After, _ = key(page.Rows[len(page.Rows)-1])
				p.HasAfter = true
			}
			// Back from the last page; rows still come in the list's order.
			start := len(ordered) - len(last.Rows)
			for start > 0 {
				p.After, _ = key(last.Rows[0])
				p.HasAfter, p.Backward = true, true
				page, err := list(p)
				r.must(err)
				begin := max(start-limit, 0)
				var got []string
				for _, row := range page.Rows {
					_, name := key(row)
					got = append(got, name)
				}
				r.same(fmt.Sprintf("%s backward, descending %v, limit %d, to %d", what, descending, limit, start), got, ordered[begin:start])
				if page.More != (begin > 0) {
					r.Fatalf("%s backward: More is %v at %d", what, page.More, begin)
				}
				last, start = page, begin
			}
		}
	}
}

func testCatalogTenants(r *catalogRoom) {
	mine, theirs := r.environment(), r.environment()
	own, foreign := r.application(mine.ID, "same"), r.application(theirs.ID, "same")
	for _, c := range []struct {
		env  hook.EnvironmentID
		want *hook.Application
	}{{mine.ID, own}, {theirs.ID, foreign}} {
		for range 2 {
			p, err := r.Plan(r.ctx, c.env, "same")
			r.must(err)
			r.same("application of the plan", p.Application, c.want)
			r.same("environment of the plan", p.Environment.ID, c.env)
		}
	}
	// The public id of another tenant's application is not an id here.
	ref := r.Codec().Application(theirs.ID, foreign.ID)
	r.wants(hook.NotFound, second(r.Application(r.ctx, mine.ID, ref)))
	r.wants(hook.NotFound, second(r.Plan(r.ctx, mine.ID, ref)))
	ep := r.endpoint(foreign.ID, "ep")
	r.wants(hook.NotFound, second(r.Endpoint(r.ctx, own.ID, "ep")))
	r.wants(hook.NotFound, second(r.Endpoint(r.ctx, own.ID, r.Codec().Endpoint(foreign.ID, ep.ID))))
	r.wants(hook.NotFound, second(r.UpdateEndpoint(r.ctx, own.ID, ep.ID, nil, func(*hook.Endpoint) error { return nil })))
	r.wants(hook.NotFound, r.DeleteEndpoint(r.ctx, own.ID, ep.ID))
	r.wants(hook.NotFound, r.SetFailing(r.ctx, own.ID, ep.ID, time.Now()))
	page, err := r.ListEndpoints(r.ctx, own.ID, store.Page[hook.EndpointID]{Limit: 5})
	r.must(err)
	r.same("endpoints", len(page.Rows), 0)
}

func testFailedUpdate(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	ep := r.endpoint(app.ID, "ep")
	r.must(r.CreateEventType(r.ctx, &hook.EventType{Environment: env.ID, Name: "a", Description: "d"}, nil))
	before, err := r.PlanOf(r.ctx, app.ID)
	r.must(err)
	receipt := &store.Receipt{Key: catalogKey(1, 1), Status: 200}
	reason := errors.New("the caller's own reason")
	for _, err := range []error{
		second(r.UpdateEnvironment(r.ctx, env.ID, func(e *hook.Environment) error { e.Name = "x"; return reason })),
		second(r.UpdateApplication(r.ctx, app.ID, func(a *hook.Application) error { a.Name = "x"; a.Metadata["k"] = "x"; return reason })),
		second(r.UpdateEndpoint(r.ctx, app.ID, ep.ID, receipt, func(e *hook.Endpoint) error { e.URL = "x"; e.Secrets[0].Text = "x"; return reason })),
		second(r.UpdateEventType(r.ctx, env.ID, "a", receipt, func(t *hook.EventType) error { t.Description = "x"; return reason })),
	} {
		if err != reason {
			r.Fatalf("the update's error came back as %v", err)
		}
	}
	after, err := r.PlanOf(r.ctx, app.ID)
	r.must(err)
	r.same("plan", after, before)
	found, err := r.Receipt(r.ctx, receipt.Key)
	r.must(err)
	if found != nil {
		r.Error("a receipt of a change that failed was kept")
	}
	kind := hook.Fieldf("url", "must be better")
	if err := second(r.UpdateEndpoint(r.ctx, app.ID, ep.ID, nil, func(*hook.Endpoint) error { return kind })); err != kind {
		r.Errorf("the update's error came back as %v", err)
	}
}

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

// catalogKey returns an idempotency key with these hashes.
func catalogKey(key, body byte) store.IdempotencyKey {
	return store.IdempotencyKey{Hash: [16]byte{key, 7}, Body: [16]byte{body, 9}, Life: time.Hour}
}

func testReceipts(r *catalogRoom) {
	env := r.environment()
	n := byte(0)
	receipt := func() *store.Receipt {
		n++
		return &store.Receipt{Key: catalogKey(n, n), Status: 200 + int(n), Body: fmt.Appendf(nil, `{"n":%d}`, n)}
	}
	var kept []*store.Receipt
	keep := func(err error, r2 *store.Receipt) {
		r.Helper()
		r.must(err)
		kept = append(kept, r2)
	}
	app := &hook.Application{Environment: env.ID, Name: "n"}
	x := receipt()
	keep(r.CreateApplication(r.ctx, app, x), x)
	ep := &hook.Endpoint{Application: app.ID, URL: "https://example.com/"}
	x = receipt()
	keep(r.CreateEndpoint(r.ctx, ep, x), x)
	x = receipt()
	keep(second(r.UpdateEndpoint(r.ctx, app.ID, ep.ID, x, func(*hook.Endpoint) error { x.Status, x.Body = 299, []byte("filled in late"); return nil })), x)
	x = receipt()
	keep(r.CreateEventType(r.ctx, &hook.EventType{Environment: env.ID, Name: "a"}, x), x)
	x = receipt()
	keep(second(r.UpdateEventType(r.ctx, env.ID, "a", x, func(*hook.EventType) error { return nil })), x)
	x = receipt()
	keep(r.CreateToken(r.ctx, &hook.Token{Environment: env.ID, Hash: [32]byte{1}}, x), x)
	x = receipt()
	keep(r.CreateTask(r.ctx, &hook.Task{Environment: env.ID, Status: hook.TaskRunning}, x), x)
	for range 2 {
		for _, want := range kept {
			got, err := r.Receipt(r.ctx, want.Key)
			r.must(err)
			if got == nil {
				r.Fatalf("receipt %d is not found", want.Status)
			}
			r.same("status", got.Status, want.Status)
			r.same("body", got.Body, want.Body)
			other := want.Key
			other.Body[0]++
			r.wants(hook.KeyReused, second(r.Receipt(r.ctx, other)))
		}
		got, err := r.Receipt(r.ctx, catalogKey(200, 1))
		r.must(err)
		if got != nil {
			r.Error("found a receipt that nobody left")
		}
		r.reopen()
	}
}

func testReceiptExpires(r *catalogRoom) {
	env := r.environment()
	receipt := &store.Receipt{Key: catalogKey(1, 1), Status: 201, Body: []byte("first")}
	receipt.Key.Life = 200 * time.Millisecond
	r.must(r.CreateApplication(r.ctx, &hook.Application{Environment: env.ID, Name: "n"}, receipt))
	r.eventually("the receipt expires", func() bool {
		got, err := r.Receipt(r.ctx, receipt.Key)
		r.must(err)
		return got == nil
	})
	again := &store.Receipt{Key: catalogKey(1, 2), Status: 202, Body: []byte("second")} // another body is fine by then
	r.must(r.CreateApplication(r.ctx, &hook.Application{Environment: env.ID, Name: "n"}, again))
	got, err := r.Receipt(r.ctx, again.Key)
	r.must(err)
	r.same("receipt", got.Body, again.Body)
}

func testReceiptRace(r *catalogRoom) {
	env := r.environment()
	const racers = 8
	var made atomic.Int32
	var wg sync.WaitGroup
	for range racers {
		wg.Go(func() {
			err := r.CreateApplication(r.ctx, &hook.Application{Environment: env.ID, Name: "n"}, &store.Receipt{Key: catalogKey(1, 1), Status: 201})
			if err == nil {
				made.Add(1)
			} else if k := hook.KindOf(err); k != hook.Conflict {
				r.Errorf("a repeat got %v", err)
			}
		})
	}
	wg.Wait()
	page, err := r.ListApplications(r.ctx, env.ID, store.AppFilter{}, store.Page[hook.ApplicationID]{Limit: racers})
	r.must(err)
	if made.Load() != 1 || len(page.Rows) != 1 {
		r.Errorf("%d requests with one key made %d applications", racers, len(page.Rows))
	}
	err = r.CreateApplication(r.ctx, &hook.Application{Environment: env.ID, Name: "n"}, &store.Receipt{Key: catalogKey(1, 2), Status: 201})
	r.wants(hook.KeyReused, err)
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
	r.must(r.SetFailing(r.ctx, app.ID, ids[1], time.Now()))
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
			r.must(r.SetFailing(r.ctx, app.ID, ep.ID, time.UnixMilli(i)))
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

func testCatalogReopen(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	ep := r.endpoint(app.ID, "ep")
	removed := r.endpoint(app.ID, "removed")
	r.must(r.DeleteEndpoint(r.ctx, app.ID, removed.ID))
	token := r.token(env.ID, app.ID, "s")
	event := &hook.EventType{Environment: env.ID, Name: "a", Schemas: []byte(`{}`)}
	r.must(r.CreateEventType(r.ctx, event, nil))
	task := &hook.Task{Environment: env.ID, Type: "t", Status: hook.TaskRunning, Since: time.Now()}
	r.must(r.CreateTask(r.ctx, task, nil))
	ref := r.Codec().Endpoint(app.ID, ep.ID)
	before, err := r.PlanOf(r.ctx, app.ID)
	r.must(err)
	r.reopen()
	after, err := r.Plan(r.ctx, env.ID, "app")
	r.must(err)
	r.same("plan", after, before)
	gotEndpoint, err := r.Endpoint(r.ctx, app.ID, ref) // so public ids live on
	r.must(err)
	r.same("endpoint", gotEndpoint, ep)
	gotToken, err := r.TokenByHash(r.ctx, token.Hash)
	r.must(err)
	r.same("token", gotToken, token)
	gotEvent, err := r.EventType(r.ctx, env.ID, "a")
	r.must(err)
	r.same("event type", gotEvent, event)
	gotTasks, err := r.RunningTasks(r.ctx)
	r.must(err)
	r.same("tasks", gotTasks, []*hook.Task{task})
	list, err := r.DeletedEndpoints(r.ctx, app.ID, []hook.EndpointID{removed.ID})
	r.must(err)
	r.same("removed endpoints", len(list), 1)
}

// testCatalogSealed reads the files of the store byte for byte, open and closed.
func testCatalogSealed(r *catalogRoom) {
	const secret, old, header, answer = "whsec_TheSigningSecretItself", "whsec_TheRotatedSecretItself", "TheHeaderValueItself", "TheTokenInTheAnswerItself"
	const public = "https://example.com/the-url-is-not-sealed"
	env := r.environment()
	app := r.application(env.ID, "app")
	ep := &hook.Endpoint{
		Application: app.ID, URL: public, Headers: map[string]string{"X-Key": header},
		Secrets: []hook.Secret{{Text: secret}, {Text: old, ExpiresAt: time.Now().Add(time.Hour)}},
	}
	r.must(r.CreateEndpoint(r.ctx, ep, &store.Receipt{Key: catalogKey(1, 1), Status: 201, Body: []byte(answer)}))
	scan := func() {
		r.Helper()
		sawPublic := false
		err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sawPublic = sawPublic || bytes.Contains(content, []byte(public))
			for _, s := range []string{secret, old, header, answer} {
				if bytes.Contains(content, []byte(s)) {
					r.Errorf("%s holds %s", filepath.Base(path), s)
				}
			}
			return nil
		})
		r.must(err)
		if !sawPublic {
			r.Error("the search found nothing at all, so it proves nothing")
		}
	}
	scan()
	r.must(second(r.UpdateEndpoint(r.ctx, app.ID, ep.ID, nil, func(e *hook.Endpoint) error { e.Description = "x"; return nil })))
	scan()
	r.reopen()
	scan()
	got, err := r.Endpoint(r.ctx, app.ID, r.Codec().Endpoint(app.ID, ep.ID))
	r.must(err)
	r.same("secret", got.Secrets[0].Text, secret)
}

func testCatalogKeys(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	ep := r.endpoint(app.ID, "ep")
	token := r.token(env.ID, 0, "")
	last := max(hook.Key(ep.ID), hook.Key(token.ID), r.NewKey())
	if k := r.NewKey(); k <= last {
		r.Errorf("key %d is not above %d", k, last)
	}
	// A key from a clock that ran ahead, of a noun that is gone again.
	ahead := hook.KeyAt(time.Now().Add(time.Hour))
	gone := &hook.Endpoint{ID: hook.EndpointID(ahead), Application: app.ID, URL: "https://example.com/"}
	r.must(r.CreateEndpoint(r.ctx, gone, nil))
	r.must(r.DeleteApplication(r.ctx, app.ID))
	r.reopen()
	if k := r.NewKey(); k <= ahead {
		r.Errorf("after a restart key %d is not above %d, which was used", k, ahead)
	}
}

func testCatalogClosed(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	token := r.token(env.ID, 0, "")
	r.must(r.Store.Close())
	for _, err := range []error{
		r.CreateEnvironment(r.ctx, &hook.Environment{Name: "n"}),
		second(r.Environment(r.ctx, env.ID)),
		second(r.Application(r.ctx, env.ID, "app")),
		second(r.PlanOf(r.ctx, app.ID)),
		second(r.ListEndpoints(r.ctx, app.ID, store.Page[hook.EndpointID]{Limit: 1})),
	} {
		r.wants(hook.Closed, err)
	}
	r.TouchToken(token.ID, time.Now()) // says nothing, and does no harm
}

func testCatalogCancelled(r *catalogRoom) {
	env := r.environment()
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	for _, err := range []error{
		r.CreateApplication(ctx, &hook.Application{Environment: env.ID, UID: "x", Name: "n"}, nil),
		second(r.Application(ctx, env.ID, "x")),
	} {
		if !errors.Is(err, context.Canceled) {
			r.Errorf("got %v, want the context's error", err)
		}
	}
	r.wants(hook.NotFound, second(r.Application(r.ctx, env.ID, "x"))) // so nothing was written
}
