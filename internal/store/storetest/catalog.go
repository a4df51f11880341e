package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
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
		{"APITokensAreChanged", testAPITokens},
		{"OneTimeTokenIsExchangedOnce", testExchangeToken},
		{"IntegrationsAreKept", testIntegrations},
		{"ConnectorsAreKept", testConnectors},
		{"ConnectorsReachPlans", testConnectorUse},
		{"UsersAreKept", testUsers},
		{"LastOwnerStays", testLastOwner},
		{"SessionsEnd", testSessions},
		{"LinksAreFollowedOnce", testClaims},
		{"ApplicationIsFoundByOrigin", testApplicationByOrigin},
		{"EachChangeIsInTheAuditLog", testAudit},
		{"AuditLogHasNothingForNothing", testAuditOfNothing},
		{"ApplicationsAreKept", testApplications},
		{"ApplicationsAreFiltered", testAppFilter},
		{"DeletedApplicationTakesAllAlong", testDeleteApplication},
		{"EndpointsAreKept", testEndpoints},
		{"DeletedEndpointsAreRemembered", testDeletedEndpoints},
		{"FailingSinceIsKept", testSetFailing},
		{"ShapesAreKept", testShapes},
		{"SourcesAreKept", testSources},
		{"SourceOwnsAnApplication", testSourceApplication},
		{"SourceOfHasEveryAcknowledgedChange", testSourceOf},
		{"SourcesOfTenantsAreApart", testSourceTenants},
		{"SourcesPageBothWays", testSourcePages},
		{"SourcesAreSealedOnDisk", testSourceSealed},
		{"ReceiptAnswersARepeatOfASource", testSourceReceipts},
		{"NewestRejectionsAreKept", testRejections},
		{"VisitsAreCounted", testSourceCounts},
		{"ListenersAreKept", testListeners},
		{"ListenersAreBounded", testListenerLimit},
		{"ConcurrentOpensMakeOneListener", testListenerRace},
		{"ListenersAreSealedOnDisk", testListenerSealed},
		{"EventTypesAreKept", testEventTypes},
		{"EventTypeRulesAreInPlans", testEventTypeRules},
		{"ConsentsAreListedWhenDue", testConsents},
		{"PollStatesAreKept", testPollStates},
		{"ImportsAreWhole", testImport},
		{"EndpointsAreLimited", testEndpointLimit},
		{"RetryPoliciesAreInPlansAtOnce", testRetryPolicies},
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
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
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

// second is the error of a call with a result.
func second[T any](_ T, err error) error { return err }

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
	r.wants(hook.NotFound, r.SetFailing(r.ctx, own.ID, ep.ID, time.Now(), 1))
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
	scan := func() { r.Helper(); r.wantSealed(public, secret, old, header, answer) }
	scan()
	r.must(second(r.UpdateEndpoint(r.ctx, app.ID, ep.ID, nil, func(e *hook.Endpoint) error { e.Description = "x"; return nil })))
	scan()
	r.reopen()
	scan()
	got, err := r.Endpoint(r.ctx, app.ID, r.Codec().Endpoint(app.ID, ep.ID))
	r.must(err)
	r.same("secret", got.Secrets[0].Text, secret)
}

// wantSealed reads the files of the store byte for byte: none of sealed is in them. public
// is, which proves that the search finds what is there.
func (r *catalogRoom) wantSealed(public string, sealed ...string) {
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
		for _, s := range sealed {
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
