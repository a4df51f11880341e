package sqlite

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// BenchmarkExpungeByTag fills a store with b.N messages of 1 KiB, one in 1,000 of which is
// about the person that is then expunged from the whole environment. Run with -benchtime
// 1000000x for a figure that means something.
func BenchmarkExpungeByTag(b *testing.B) {
	s, err := Open(context.Background(), b.TempDir(), Options{Sealer: testSealer()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	env, apps := testCatalogData(b, s.catalog, 1)
	plan, err := s.PlanOf(b.Context(), apps[0].ID)
	if err != nil {
		b.Fatal(err)
	}
	payload := []byte(fmt.Sprintf(`{"text":"%01000d"}`, 1))
	var wg sync.WaitGroup
	const publishers = 64
	for w := range publishers {
		wg.Go(func() {
			for i := w; i < b.N; i += publishers {
				tag := "somebody"
				if i%1000 == 0 {
					tag = "anna"
				}
				m := &hook.Message{Environment: env.ID, Application: apps[0].ID, EventType: "a.b", Tags: []string{tag}, Payload: payload}
				if _, err := s.Append(context.Background(), &store.Publication{Message: m, PlanVersion: plan.Version}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ResetTimer()
	begin := time.Now()
	q := store.ExpungeQuery{Environment: env.ID, Tag: "anna", Limit: 5000}
	purged := 0
	for done := false; !done; {
		var n int
		if n, q.Cursor, done, err = s.Expunge(b.Context(), q); err != nil {
			b.Fatal(err)
		}
		purged += n
	}
	b.ReportMetric(time.Since(begin).Seconds(), "s")
	b.ReportMetric(float64(purged), "purged")
}
