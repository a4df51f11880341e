package publish

import (
	"context"
	"fmt"
	"testing"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store/sqlite"
)

// BenchmarkAnnouncer tells of changes of endpoints through a real store: an iteration is
// one announcement, from its row to the message that is on disk and the row that is gone.
func BenchmarkAnnouncer(b *testing.B) {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, b.TempDir(), sqlite.Options{Sealer: auth.NewSealer(auth.NewKey())})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	env := &hook.Environment{Name: "e", Settings: hook.DefaultSettings()}
	if err := s.CreateEnvironment(ctx, env); err != nil {
		b.Fatal(err)
	}
	app := &hook.Application{Environment: env.ID, Name: "a"}
	if err := s.CreateApplication(ctx, app, nil); err != nil {
		b.Fatal(err)
	}
	for _, of := range []hook.ApplicationID{env.ID.Operational(), app.ID} {
		if err := s.CreateEndpoint(ctx, &hook.Endpoint{Application: of, URL: "https://example.com/"}, nil); err != nil {
			b.Fatal(err)
		}
	}
	a := NewAnnouncer(New(s, s, s, Options{}), s, func(n *hook.Announcement) ([]byte, error) {
		return fmt.Appendf(nil, `{"type":%q,"data":{"id":%d}}`, n.Type, n.ID), nil
	}, nil)
	for range b.N {
		if err := s.CreateEndpoint(ctx, &hook.Endpoint{Application: app.ID, URL: "https://example.com/"}, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for told := 0; told < b.N; {
		n, err := a.drain(ctx)
		if err != nil || n == 0 {
			b.Fatalf("told %d of %d: %v", told, b.N, err)
		}
		told += n
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "told/s")
}
