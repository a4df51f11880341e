package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func testAPITokens(r *catalogRoom) {
	env, foreign := r.environment(), r.environment()
	app := r.application(env.ID, "app")
	var want []string
	var first *hook.Token
	for range 5 {
		r.token(env.ID, app.ID, "noise")
		t := r.token(env.ID, 0, "")
		if first == nil {
			first = t
		}
		want = append(want, fmt.Sprint(t.ID))
	}
	r.token(foreign.ID, 0, "")
	walkPages(r, "API tokens", want, func(p store.Page[hook.TokenID]) (store.Listed[*hook.Token], error) {
		return r.ListAPITokens(r.ctx, env.ID, p)
	}, func(t *hook.Token) (hook.TokenID, string) { return t.ID, fmt.Sprint(t.ID) })

	second(r.TokenByHash(r.ctx, first.Hash)) // into memory
	changed, err := r.UpdateAPIToken(r.ctx, env.ID, first.ID, func(t *hook.Token) error {
		t.Name, t.Scopes = "named", []hook.Scope{"app:read"}
		t.Environment, t.Hash, t.ExpiresAt = foreign.ID, [32]byte{77}, time.Now() // none of its business
		return nil
	})
	r.must(err)
	for range 2 {
		got, err := r.TokenByHash(r.ctx, first.Hash)
		r.must(err)
		r.same("after the update", got, changed)
		if got.Name != "named" || len(got.Scopes) != 1 || got.Environment != env.ID || !got.ExpiresAt.IsZero() {
			r.Fatalf("%+v", got)
		}
		r.reopen()
	}
	got, err := r.APIToken(r.ctx, env.ID, first.ID)
	r.must(err)
	r.same("by key", got, changed)
	refuse := func(*hook.Token) error { return hook.Errorf(hook.LimitReached, "no") }
	r.wants(hook.LimitReached, second(r.UpdateAPIToken(r.ctx, env.ID, first.ID, refuse)))
	r.wants(hook.NotFound, second(r.UpdateAPIToken(r.ctx, foreign.ID, first.ID, refuse)))
	r.wants(hook.NotFound, second(r.APIToken(r.ctx, foreign.ID, first.ID)))
	portal := r.token(env.ID, app.ID, "")
	r.wants(hook.NotFound, second(r.APIToken(r.ctx, env.ID, portal.ID)))
}

func testExchangeToken(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	once := func(n byte, ends time.Duration) *hook.Token {
		t := &hook.Token{
			Kind: hook.OneTimeToken, Environment: env.ID, Application: app.ID, Hash: [32]byte{200, n}, SessionID: "visit",
			Capabilities: []hook.Capability{hook.ViewBase}, FeatureFlags: []string{"beta"}, ExpiresAt: time.Now().Add(ends), Life: 2 * time.Hour,
		}
		r.must(r.CreateToken(r.ctx, t, nil))
		return t
	}
	first := once(1, time.Minute)
	second(r.TokenByHash(r.ctx, first.Hash)) // into memory
	next := &hook.Token{Hash: [32]byte{201, 1}, Capabilities: hook.AllCapabilities(), Application: none, Environment: none}
	r.must(r.ExchangeToken(r.ctx, first.Hash, next))
	got, err := r.TokenByHash(r.ctx, next.Hash)
	r.must(err)
	if got.Application != app.ID || got.Environment != env.ID || got.Kind != hook.OrdinaryToken || got.SessionID != "visit" ||
		len(got.Capabilities) != 1 || len(got.FeatureFlags) != 1 || got.ExpiresAt.Sub(got.CreatedAt) != 2*time.Hour {
		r.Fatalf("exchanged for %+v", got)
	}
	r.wants(hook.NotFound, second(r.TokenByHash(r.ctx, first.Hash)))
	r.wants(hook.NotFound, r.ExchangeToken(r.ctx, first.Hash, &hook.Token{Hash: [32]byte{201, 2}}))
	r.reopen()
	r.wants(hook.NotFound, r.ExchangeToken(r.ctx, first.Hash, &hook.Token{Hash: [32]byte{201, 2}}))
	r.wants(hook.NotFound, r.ExchangeToken(r.ctx, once(2, -time.Second).Hash, &hook.Token{Hash: [32]byte{201, 2}}))
	r.wants(hook.NotFound, r.ExchangeToken(r.ctx, next.Hash, &hook.Token{Hash: [32]byte{201, 2}})) // of another kind
	r.wants(hook.NotFound, second(r.TokenByHash(r.ctx, [32]byte{201, 2})))

	raced := once(3, time.Minute)
	var wg sync.WaitGroup
	results := make(chan error, 8)
	for i := range cap(results) {
		wg.Go(func() { results <- r.ExchangeToken(r.ctx, raced.Hash, &hook.Token{Hash: [32]byte{202, byte(i)}}) })
	}
	wg.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
		} else {
			r.wants(hook.NotFound, err)
		}
	}
	if won != 1 {
		r.Fatalf("%d of 8 at once exchanged the token", won)
	}
	// A one-time token ends with the visitors' others.
	late := once(4, time.Minute)
	r.must(r.ExpireTokens(r.ctx, app.ID, nil, time.Now()))
	r.wants(hook.NotFound, r.ExchangeToken(r.ctx, late.Hash, &hook.Token{Hash: [32]byte{201, 2}}))
}

func testIntegrations(r *catalogRoom) {
	env := r.environment()
	app, other := r.application(env.ID, "app"), r.application(env.ID, "other")
	integration := func(a hook.ApplicationID, name string) *hook.Integration {
		i := &hook.Integration{Application: a, Name: name, FeatureFlags: []string{"beta"}}
		r.must(r.CreateIntegration(r.ctx, i, nil))
		return i
	}
	var want []string
	var one *hook.Integration
	for i := range 4 {
		integration(other.ID, "noise")
		one = integration(app.ID, fmt.Sprint("i", i))
		want = append(want, one.Name)
	}
	walkPages(r, "integrations", want, func(p store.Page[hook.IntegrationID]) (store.Listed[*hook.Integration], error) {
		return r.ListIntegrations(r.ctx, app.ID, p)
	}, func(i *hook.Integration) (hook.IntegrationID, string) { return i.ID, i.Name })
	r.wants(hook.NotFound, second(r.Integration(r.ctx, other.ID, one.ID)))
	r.wants(hook.NotFound, r.CreateIntegration(r.ctx, &hook.Integration{Application: none, Name: "n"}, nil))
	r.wants(hook.NotFound, second(r.IntegrationKey(r.ctx, app.ID, one.ID))) // none yet

	key := func(n byte, text string) *hook.Token {
		t := &hook.Token{Hash: [32]byte{210, n}, Application: none, Environment: none}
		r.must(r.RotateKey(r.ctx, app.ID, one.ID, t, text, nil))
		return t
	}
	live := func(t *hook.Token) bool {
		_, err := r.TokenByHash(r.ctx, t.Hash)
		return err == nil
	}
	old := key(1, "key-text-one")
	got, err := r.TokenByHash(r.ctx, old.Hash)
	r.must(err)
	if got.Application != app.ID || got.Environment != env.ID || got.Integration != one.ID || got.Kind != hook.IntegrationToken || !got.ExpiresAt.IsZero() {
		r.Fatalf("key %+v", got)
	}
	now := key(2, "key-text-two")
	if live(old) || !live(now) {
		r.Fatal("after a rotation the old key works, or the new one does not")
	}
	r.reopen()
	if text, err := r.IntegrationKey(r.ctx, app.ID, one.ID); err != nil || text != "key-text-two" {
		r.Fatalf("key %q, %v", text, err)
	}
	r.wants(hook.NotFound, second(r.IntegrationKey(r.ctx, other.ID, one.ID)))
	// Visitors' tokens end without the integrations' keys.
	r.must(r.ExpireTokens(r.ctx, app.ID, nil, time.Now()))
	if !live(now) {
		r.Fatal("the key ended with the portal tokens")
	}
	changed, err := r.UpdateIntegration(r.ctx, app.ID, one.ID, func(i *hook.Integration) error {
		i.Name, i.FeatureFlags, i.Application = "new name", nil, other.ID
		return nil
	})
	r.must(err)
	stored, err := r.Integration(r.ctx, app.ID, one.ID)
	r.must(err)
	r.same("updated", stored, changed)
	if got, err := r.TokenByHash(r.ctx, now.Hash); err != nil || got.FeatureFlags != nil || got.Name != "new name" {
		r.Fatalf("the key did not follow its integration: %+v, %v", got, err)
	}
	r.must(r.Store.Close())
	r.nowhereOnDisk("key-text-one", "key-text-two")
	r.Store = r.opener(r.T, r.dir)
	second(r.TokenByHash(r.ctx, now.Hash)) // into memory
	r.wants(hook.NotFound, r.DeleteIntegration(r.ctx, other.ID, one.ID))
	r.must(r.DeleteIntegration(r.ctx, app.ID, one.ID))
	if live(now) {
		r.Fatal("the key outlived its integration")
	}
	r.wants(hook.NotFound, second(r.Integration(r.ctx, app.ID, one.ID)))

	// The application takes integrations and keys along.
	one = integration(app.ID, "last")
	last := key(3, "key-text-three")
	if !live(last) {
		r.Fatal("no key")
	}
	r.must(r.DeleteApplication(r.ctx, app.ID))
	if live(last) {
		r.Fatal("the key outlived its application")
	}
	r.wants(hook.NotFound, second(r.Integration(r.ctx, app.ID, one.ID)))

	for i := range hook.MaxIntegrations - 4 {
		integration(other.ID, fmt.Sprint("more", i))
	}
	r.wants(hook.LimitReached, r.CreateIntegration(r.ctx, &hook.Integration{Application: other.ID, Name: "n"}, nil))
}

// nowhereOnDisk fails when a file of the store holds one of these texts.
func (r *catalogRoom) nowhereOnDisk(texts ...string) {
	r.Helper()
	r.must(filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, text := range texts {
			if strings.Contains(string(raw), text) {
				r.Errorf("%s holds %q", path, text)
			}
		}
		return err
	}))
}

func testApplicationByOrigin(r *catalogRoom) {
	env, foreign := r.environment(), r.environment()
	moved := &hook.Application{Environment: env.ID, Name: "moved", Metadata: map[string]string{"svix.id": "app_old", "x": "y"}}
	r.must(r.CreateApplication(r.ctx, moved, nil))
	r.application(env.ID, "plain")
	got, err := r.ApplicationByOrigin(r.ctx, env.ID, "app_old")
	r.must(err)
	r.same("by origin", got, moved)
	r.wants(hook.NotFound, second(r.ApplicationByOrigin(r.ctx, foreign.ID, "app_old")))
	r.wants(hook.NotFound, second(r.ApplicationByOrigin(r.ctx, env.ID, "app_other")))
	r.wants(hook.NotFound, second(r.ApplicationByOrigin(r.ctx, env.ID, "v")))
	r.must(second(r.UpdateApplication(r.ctx, moved.ID, func(a *hook.Application) error { a.Metadata = nil; return nil })))
	r.wants(hook.NotFound, second(r.ApplicationByOrigin(r.ctx, env.ID, "app_old")))
}

// audit returns the entries of an environment, oldest first.
func (r *catalogRoom) audit(env hook.EnvironmentID, f store.AuditFilter) []*hook.AuditEntry {
	r.Helper()
	list, err := r.Audit(r.ctx, env, f, store.Page[hook.AuditID]{Limit: 1000})
	r.must(err)
	return list.Rows
}

// testAudit makes each change of each noun once and looks for its entry.
func testAudit(r *catalogRoom) {
	actor := hook.Actor{Kind: hook.ActorAPIToken, ID: "key_1", Name: "deploy", Session: "s", RequestID: "req", Address: "192.0.2.1"}
	r.ctx = hook.WithActor(r.ctx, actor)
	env := r.environment()
	var want []string
	did := func(noun hook.AuditNoun, action hook.AuditAction) { want = append(want, fmt.Sprint(noun, " ", action)) }
	did(hook.AuditEnvironment, hook.AuditCreated)
	r.must(second(r.UpdateEnvironment(r.ctx, env.ID, func(e *hook.Environment) error {
		e.Settings.EnforceHTTPS, e.Settings.Extra = true, map[string][]byte{"brand": []byte(`"sensitive-setting"`)}
		return nil
	})))
	did(hook.AuditEnvironment, hook.AuditUpdated)
	app := r.application(env.ID, "app")
	did(hook.AuditApplication, hook.AuditCreated)
	r.must(second(r.UpdateApplication(r.ctx, app.ID, func(a *hook.Application) error { a.Name = "renamed"; return nil })))
	did(hook.AuditApplication, hook.AuditUpdated)
	e := r.endpoint(app.ID, "ep")
	did(hook.AuditEndpoint, hook.AuditCreated)
	r.must(second(r.UpdateEndpoint(r.ctx, app.ID, e.ID, nil, func(e *hook.Endpoint) error { e.Disabled, e.Headers["X-Own"] = true, "sensitive-header"; return nil })))
	did(hook.AuditEndpoint, hook.AuditUpdated)
	r.must(second(r.UpdateEndpoint(r.ctx, app.ID, e.ID, nil, func(e *hook.Endpoint) error {
		return e.Rotate(hook.Secret{Text: "whsec_sensitivesecret"}, time.Hour, time.Now())
	})))
	did(hook.AuditEndpoint, hook.AuditUpdated)
	r.must(r.DeleteEndpoint(r.ctx, app.ID, e.ID))
	did(hook.AuditEndpoint, hook.AuditDeleted)
	typ := &hook.EventType{Environment: env.ID, Name: "a.b", Description: "d"}
	r.must(r.CreateEventType(r.ctx, typ, nil))
	did(hook.AuditEventType, hook.AuditCreated)
	r.must(second(r.UpdateEventType(r.ctx, env.ID, "a.b", nil, func(t *hook.EventType) error { t.Archived = true; return nil })))
	did(hook.AuditEventType, hook.AuditUpdated)
	r.must(r.CreateEventType(r.ctx, typ, nil)) // revives it
	did(hook.AuditEventType, hook.AuditUpdated)
	r.must(r.DeleteEventType(r.ctx, env.ID, "a.b"))
	did(hook.AuditEventType, hook.AuditDeleted)
	src := &hook.Source{
		Environment: env.ID, Name: "src", Type: "stripe", Config: hook.SourceConfig{Secrets: []string{"sensitive-config"}, Values: map[string]string{"k": "sensitive-value"}},
		Tokens: []hook.SourceToken{{Text: "sensitive-token"}}, Settings: hook.SourceSettings{PublicURL: "https://sensitive-url.example"},
	}
	r.must(r.CreateSource(r.ctx, src, nil))
	did(hook.AuditSource, hook.AuditCreated)
	r.must(second(r.UpdateSource(r.ctx, src.ID, nil, func(s *hook.Source) error { s.Config.Secrets = []string{"sensitive-next"}; return nil })))
	did(hook.AuditSource, hook.AuditUpdated)
	r.must(r.DeleteSource(r.ctx, src.ID))
	did(hook.AuditSource, hook.AuditDeleted)
	token := r.token(env.ID, 0, "")
	did(hook.AuditToken, hook.AuditCreated)
	r.must(second(r.UpdateAPIToken(r.ctx, env.ID, token.ID, func(t *hook.Token) error { t.Scopes = []hook.Scope{"app:read"}; return nil })))
	did(hook.AuditToken, hook.AuditUpdated)
	r.must(r.ExpireToken(r.ctx, env.ID, token.ID, time.Now()))
	did(hook.AuditToken, hook.AuditUpdated)
	r.token(env.ID, app.ID, "visit")
	did(hook.AuditToken, hook.AuditCreated)
	r.must(r.ExpireTokens(r.ctx, app.ID, nil, time.Now()))
	did(hook.AuditToken, hook.AuditUpdated)
	i := &hook.Integration{Application: app.ID, Name: "i"}
	r.must(r.CreateIntegration(r.ctx, i, nil))
	did(hook.AuditIntegration, hook.AuditCreated)
	r.must(r.RotateKey(r.ctx, app.ID, i.ID, &hook.Token{Hash: [32]byte{220}}, "sensitive-key", nil))
	did(hook.AuditToken, hook.AuditCreated)
	r.must(second(r.UpdateIntegration(r.ctx, app.ID, i.ID, func(i *hook.Integration) error { i.Name = "j"; return nil })))
	did(hook.AuditIntegration, hook.AuditUpdated)
	r.must(r.DeleteIntegration(r.ctx, app.ID, i.ID))
	did(hook.AuditIntegration, hook.AuditDeleted)
	task := &hook.Task{Environment: env.ID, Application: app.ID, Type: hook.TaskRecover, Status: hook.TaskRunning}
	r.must(r.CreateTask(r.ctx, task, nil))
	did(hook.AuditTask, hook.AuditCreated)
	task.Status = hook.TaskFinished
	r.must(r.SaveTask(r.ctx, task))
	did(hook.AuditTask, hook.AuditUpdated)
	r.must(r.DeleteApplication(r.ctx, app.ID))
	did(hook.AuditApplication, hook.AuditDeleted)

	var got []string
	entries := r.audit(env.ID, store.AuditFilter{})
	for _, e := range entries {
		got = append(got, fmt.Sprint(e.Noun, " ", e.Action))
		r.same("actor", e.Actor, actor)
		if (e.Before == nil) != (e.Action == hook.AuditCreated) || (e.After == nil) != (e.Action == hook.AuditDeleted) {
			r.Errorf("%s %s: before %v, after %v", e.Noun, e.Action, e.Before, e.After)
		}
	}
	r.same("entries", got, want)
	r.reopen()
	r.same("after a restart", r.audit(env.ID, store.AuditFilter{}), entries)
	// An update shows what it changed and nothing else.
	r.same("before", entries[3].Before, map[string]any{"name": "application app"})
	r.same("after", entries[3].After, map[string]any{"name": "renamed"})
	r.same("of a rotation", entries[6].After, map[string]any{"secret": "whsec, and 2 rotated out"})
	text, err := json.Marshal(entries)
	r.must(err)
	for _, secret := range []string{"sensitive", "whsec_", "value"} {
		if strings.Contains(string(text), secret) {
			r.Errorf("the log holds %q", secret)
		}
	}
	testAuditFilters(r, env, entries)
}

func testAuditFilters(r *catalogRoom, env *hook.Environment, entries []*hook.AuditEntry) {
	var ids []string
	for _, e := range r.audit(env.ID, store.AuditFilter{Noun: hook.AuditToken}) {
		ids = append(ids, fmt.Sprint(e.ID))
	}
	walkPages(r, "audit log", ids, func(p store.Page[hook.AuditID]) (store.Listed[*hook.AuditEntry], error) {
		return r.Audit(r.ctx, env.ID, store.AuditFilter{Noun: hook.AuditToken}, p)
	}, func(e *hook.AuditEntry) (hook.AuditID, string) { return e.ID, fmt.Sprint(e.ID) })
	last := entries[len(entries)-1]
	ofApplication := 0
	for _, e := range entries {
		if e.Application == last.Application {
			ofApplication++
		}
	}
	if ofApplication == 0 || ofApplication == len(entries) {
		r.Fatalf("%d of %d entries are of an application", ofApplication, len(entries))
	}
	for _, c := range []struct {
		what string
		f    store.AuditFilter
		want int
	}{
		{"noun", store.AuditFilter{Noun: hook.AuditIntegration}, 3},
		{"subject", store.AuditFilter{Subject: last.Subject}, 3},
		{"application", store.AuditFilter{Application: last.Application}, ofApplication},
		{"application and noun", store.AuditFilter{Application: last.Application, Noun: hook.AuditTask}, 2},
		{"another application", store.AuditFilter{Application: last.Application + 1}, 0},
		{"actor", store.AuditFilter{Actor: "key_1"}, len(entries)},
		{"another actor", store.AuditFilter{Actor: "key_2"}, 0},
		{"noun and actor", store.AuditFilter{Actor: "key_1", Noun: hook.AuditTask}, 2},
		{"since", store.AuditFilter{Since: time.Now().Add(time.Hour)}, 0},
		{"until", store.AuditFilter{Until: time.Now().Add(-time.Hour)}, 0},
		{"around", store.AuditFilter{Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)}, len(entries)},
	} {
		if got := r.audit(env.ID, c.f); len(got) != c.want {
			r.Errorf("%s: %d entries, want %d", c.what, len(got), c.want)
		}
	}
	if got := r.audit(r.environment().ID, store.AuditFilter{Subject: last.Subject}); len(got) != 0 {
		r.Errorf("another environment sees %v", got)
	}
}

// testAuditOfNothing makes calls that change nothing, or fail.
func testAuditOfNothing(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	e := r.endpoint(app.ID, "ep")
	token := r.token(env.ID, 0, "")
	before := len(r.audit(env.ID, store.AuditFilter{}))
	r.must(second(r.UpdateEnvironment(r.ctx, env.ID, func(*hook.Environment) error { return nil })))
	r.must(second(r.UpdateApplication(r.ctx, app.ID, func(*hook.Application) error { return nil })))
	r.must(second(r.UpdateEndpoint(r.ctx, app.ID, e.ID, nil, func(*hook.Endpoint) error { return nil })))
	r.must(second(r.UpdateAPIToken(r.ctx, env.ID, token.ID, func(*hook.Token) error { return nil })))
	r.must(r.ExpireTokens(r.ctx, app.ID, nil, time.Now())) // there are none
	r.wants(hook.Conflict, r.CreateApplication(r.ctx, &hook.Application{Environment: env.ID, UID: "app", Name: "n"}, nil))
	r.wants(hook.NotFound, r.DeleteEndpoint(r.ctx, app.ID, none))
	refused := fmt.Errorf("refused")
	if _, err := r.UpdateApplication(r.ctx, app.ID, func(a *hook.Application) error { a.Name = "x"; return refused }); err == nil {
		r.Fatal("no error")
	}
	cancelled, cancel := context.WithCancel(r.ctx)
	cancel()
	if r.DeleteApplication(cancelled, app.ID) == nil {
		r.Fatal("no error")
	}
	r.TouchToken(token.ID, time.Now())
	r.reopen()
	if got := r.audit(env.ID, store.AuditFilter{}); len(got) != before {
		r.Errorf("%d entries were written for nothing: %+v", len(got)-before, got[before:])
	}
	for _, entry := range r.audit(env.ID, store.AuditFilter{}) {
		if entry.Actor != (hook.Actor{Kind: hook.ActorSystem}) {
			r.Errorf("nobody was named, the log says %+v", entry.Actor)
		}
	}
}
