package sqlite

import (
	"context"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/store/storetest"
)

// testSealer seals under the same key in every test.
func testSealer() Sealer {
	key, err := auth.KeyFromSecret("a secret for tests, long enough to be taken")
	if err != nil {
		panic(err)
	}
	return auth.NewSealer(key)
}

func openTest(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir, Options{Sealer: testSealer()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSmoke(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir())
	env := &hook.Environment{ID: hook.EnvironmentID(s.NewKey()), Name: "e", Settings: hook.DefaultSettings()}
	if err := s.CreateEnvironment(ctx, env); err != nil {
		t.Fatal(err)
	}
	app := &hook.Application{ID: hook.ApplicationID(s.NewKey()), Environment: env.ID, Name: "a"}
	if err := s.CreateApplication(ctx, app, nil); err != nil {
		t.Fatal(err)
	}
	plan, err := s.PlanOf(ctx, app.ID)
	if err != nil {
		t.Fatal(err)
	}
	ep := hook.EndpointID(s.NewKey())
	got, err := s.Append(ctx, &store.Publication{
		Message:     &hook.Message{Environment: env.ID, Application: app.ID, EventType: "a.b", Payload: []byte(`{"a":1}`)},
		Deliveries:  []hook.Delivery{{Endpoint: ep}},
		PlanVersion: plan.Version,
	})
	if err != nil {
		t.Fatal(err)
	}
	due, next, err := s.Claim(ctx, app.ID, ep, time.Now().Add(time.Second), 10, nil)
	t.Log(got, due, next, err)
	if len(due) != 1 || due[0].Message.ID != got.ID {
		t.Fatal("not claimed")
	}
	done := make(chan error, 1)
	a := &hook.Attempt{Message: got.ID, Application: app.ID, Endpoint: ep, N: 1, Outcome: hook.Success, Status: 200, StartedAt: time.Now()}
	s.Finish(&store.Finished{Delivery: due[0].Delivery.After(a, nil, time.Now(), 0), Row: due[0].Row, Attempt: a, Done: func(err error) { done <- err }})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	list, err := s.Deliveries(ctx, app.ID, got.ID)
	t.Log(list, err)
	if err := s.Check(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB, dir string) store.Store { return openTest(t, dir) })
}
