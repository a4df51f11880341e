//go:build unix

package operational

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store/sqlite"
	"github.com/hookloft/hookloft/test/rig"
)

// failedFor makes the server believe that the only endpoint of an application has failed
// for this long, as the catalogue says it: a clock cannot be moved from outside.
func failedFor(t *testing.T, s *rig.Server, app hook.ApplicationID, ep hook.EndpointID, age time.Duration) time.Time {
	t.Helper()
	if err := s.Stop(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	var since time.Time
	inStore(t, s, func(ctx context.Context, store *sqlite.Store) {
		plan, err := store.PlanOf(ctx, app)
		if err != nil {
			t.Fatal(err)
		}
		since = time.Now().Add(-age).UTC().Truncate(time.Millisecond)
		// No more warnings than before: nothing is told of this.
		if err := store.SetFailing(ctx, app, ep, since, plan.Endpoint(ep).Warned); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	return since
}

// inStore opens the store of a server that does not run.
func inStore(t *testing.T, s *rig.Server, f func(context.Context, *sqlite.Store)) {
	t.Helper()
	key, _, err := auth.LoadOrCreateKey(filepath.Join(s.Data, "main.key"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), s.Data, sqlite.Options{Sealer: auth.NewSealer(key)})
	if err != nil {
		t.Fatal(err)
	}
	f(t.Context(), store)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// keysOf returns the row keys behind public ids of the default environment.
func keysOf(t *testing.T, s *rig.Server, application func(context.Context, *sqlite.Store, hook.EnvironmentID) hook.ApplicationID, endpoint string) (app hook.ApplicationID, ep hook.EndpointID) {
	t.Helper()
	if err := s.Stop(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	inStore(t, s, func(ctx context.Context, store *sqlite.Store) {
		env, err := store.EnvironmentByName(ctx, "default")
		if err != nil {
			t.Fatal(err)
		}
		app = application(ctx, store, env.ID)
		var ok bool
		if ep, ok = store.Codec().ParseEndpoint(app, endpoint); !ok {
			t.Fatalf("%s is no endpoint of application %d", endpoint, app)
		}
	})
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	return app, ep
}

// TestOwnerIsWarnedBeforeAnEndpointIsDisabled goes through five days of failure: the first
// warning comes once the streak is stored, the others half-way and in the last twelve
// hours, each once, whatever is restarted in between; then the endpoint is disabled.
func TestOwnerIsWarnedBeforeAnEndpointIsDisabled(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	api := s.API()
	retrySoon(t, api, 0)
	r := newReceiver(t)
	r.subscribe(api, "endpoint.failing", "endpoint.disabled")
	app := api.MustCreateApp(t, "acme")
	c := newCustomer(t, http.StatusInternalServerError)
	id := api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: c.URL + "/"})
	fail := func() {
		t.Helper()
		before := c.calls.Load()
		if status, _, err := s.API().Publish(app, rig.MessageIn{EventType: "a.b", Payload: json.RawMessage(`{}`)}); err != nil || status != http.StatusAccepted {
			t.Fatalf("publish: %d, %v", status, err)
		}
		for deadline := time.Now().Add(patience); c.calls.Load() == before; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the endpoint was not called")
			}
		}
	}
	warned := func(what string, since time.Time) {
		t.Helper()
		r.wants(what, map[string]map[string]any{"endpoint.failing": {
			"appId": app, "appUid": "acme", "endpointId": id, "endpointUid": nil,
			"failSince": since.Format(wireTime), "disableAt": since.Add(hook.DisableAfter).Format(wireTime),
		}})
	}
	began := time.Now()
	fail()
	// An endpoint without work for ten seconds is put away, and with that its streak stored.
	first := r.await(1)[0]
	since, err := time.Parse(time.RFC3339Nano, first.Data["failSince"].(string))
	if err != nil || first.Type != "endpoint.failing" || since.Before(began.Add(-time.Second)) || since.After(time.Now()) {
		t.Fatalf("first: %v, %v", first, err)
	}
	same(t, "first", first.Data, map[string]any{
		"appId": app, "appUid": "acme", "endpointId": id, "endpointUid": nil,
		"failSince": "*", "disableAt": since.Add(hook.DisableAfter).Format(wireTime),
	})
	appKey, epKey := keysOf(t, s, func(ctx context.Context, store *sqlite.Store, env hook.EnvironmentID) hook.ApplicationID {
		key, ok := store.Codec().ParseApplication(env, app)
		if !ok {
			t.Fatalf("%s is no application", app)
		}
		return key
	}, id)
	failedFor(t, s, appKey, epKey, 59*time.Hour)
	fail() // not yet half-way: nothing is told
	since = failedFor(t, s, appKey, epKey, 60*time.Hour)
	fail()
	warned("half-way", since)
	failedFor(t, s, appKey, epKey, 61*time.Hour)
	fail() // told already, before the restart
	since = failedFor(t, s, appKey, epKey, 109*time.Hour)
	fail()
	warned("the last warning", since)
	since = failedFor(t, s, appKey, epKey, 121*time.Hour)
	fail()
	r.wants("the end", map[string]map[string]any{"endpoint.disabled": {
		"appId": app, "appUid": "acme", "endpointId": id, "endpointUid": nil, "failSince": since.Format(wireTime), "trigger": "automatic",
	}})
}

// wireTime is how the API writes times of whole milliseconds.
const wireTime = "2006-01-02T15:04:05.999Z"

// TestOwnerOfASourceIsWarned: the same for the endpoint of a source, under its own name.
func TestOwnerOfASourceIsWarned(t *testing.T) {
	s := rig.Start(t, rig.Options{})
	api := s.API()
	retrySoon(t, api, 0)
	call(t, api, http.MethodPatch, "/api/v1/management/environment-settings", map[string]any{"disableEndpointOnFailure": false}, nil)
	r := newReceiver(t)
	r.subscribe(api)
	c := newCustomer(t, http.StatusInternalServerError)
	src := api.MustCreateSource(t, "github", c.URL+"/", rig.Secret("x"))
	appKey, epKey := keysOf(t, s, func(ctx context.Context, store *sqlite.Store, env hook.EnvironmentID) hook.ApplicationID {
		source, err := store.Source(ctx, env, src.ID)
		if err != nil {
			t.Fatal(err)
		}
		return source.ID.Application()
	}, src.Endpoint)
	since := failedFor(t, s, appKey, epKey, 130*time.Hour)
	if status, err := src.Send("delivery-1", []byte(`{"a":1}`)); err != nil || status/100 != 2 {
		t.Fatalf("send: %d, %v", status, err)
	}
	// The environment disables nothing, so there is no time at which it would.
	r.wants("warned", map[string]map[string]any{
		"ingest.endpoint.failing": {"sourceId": src.ID, "endpointId": src.Endpoint, "endpointUid": nil, "failSince": since.Format(wireTime), "disableAt": nil},
		"ingest.message.attempt.exhausted": {"sourceId": src.ID, "msgId": "*", "msgEventId": nil, "endpointId": src.Endpoint,
			"lastAttempt": map[string]any{"id": "*", "responseStatusCode": 500, "timestamp": "*"}},
	})
}
