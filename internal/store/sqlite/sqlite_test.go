package sqlite

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// plainSealer is a Sealer that hides nothing but notices a wrong context.
type plainSealer struct{}

func (plainSealer) Seal(plain []byte, context string) []byte {
	sum := sha256.Sum256([]byte(context))
	return append(sum[:8:8], plain...)
}

func (plainSealer) Open(sealed []byte, context string) ([]byte, error) {
	sum := sha256.Sum256([]byte(context))
	if len(sealed) < 8 || string(sealed[:8]) != string(sum[:8]) {
		return nil, errors.New("sealed for another place")
	}
	return append([]byte{}, sealed[8:]...), nil
}

func openTest(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir, Options{Sealer: plainSealer{}})
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
