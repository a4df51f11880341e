package sqlite

import (
	"context"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
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
	s, err := Open(context.Background(), dir, Options{Sealer: testSealer(), ReserveBytes: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB, dir string) store.Store { return stillStore{openTest(t, dir)} })
}

// TestStoreOfManySegments runs the suite with segments so short that most tests use
// several: outcomes, keys and scans cross from one to the next.
func TestStoreOfManySegments(t *testing.T) {
	if testing.Short() {
		t.Skip("makes hundreds of files")
	}
	storetest.Run(t, func(t testing.TB, dir string) store.Store {
		s, err := Open(context.Background(), dir, Options{Sealer: testSealer(), SegmentSpan: 300 * time.Millisecond, ReserveBytes: 1 << 16})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return stillStore{s}
	})
}
