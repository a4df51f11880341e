package upkeep

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// fakeStore notes what a Keeper asks of it.
type fakeStore struct {
	store.Retention
	outgrown chan struct{}
	asked    []store.ReclaimPolicy
	at       []time.Time
	full     int // how many Reclaims leave the store full
	fails    int // how many fail
	removed  int // steps of content that deletions have left
}

func (f *fakeStore) Outgrown() <-chan struct{} { return f.outgrown }

func (f *fakeStore) Reclaim(_ context.Context, p store.ReclaimPolicy) (store.Reclaimed, error) {
	f.asked, f.at = append(f.asked, p), append(f.at, time.Now())
	if f.fails > 0 {
		f.fails--
		return store.Reclaimed{}, errors.New("no luck")
	}
	f.full--
	return store.Reclaimed{Full: f.full >= 0}, nil
}

func (f *fakeStore) ExpungeRemoved(context.Context) (int, bool, error) {
	f.removed--
	return 1, f.removed > 0, nil
}

func (f *fakeStore) ListEnvironments(context.Context) ([]*hook.Environment, error) {
	return []*hook.Environment{{ID: 1}, {ID: 2, Settings: hook.Settings{Retention: 7 * 24 * time.Hour}}}, nil
}

// keep runs a Keeper of f for a while.
func keep(t *testing.T, f *fakeStore, d time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	if err := New(f, f, telemetry.Discard(), Options{}).Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestExpiredContentIsLookedForEachHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{outgrown: make(chan struct{}, 1)}
		keep(t, f, 3*time.Hour+2*time.Minute)
		if len(f.asked) != 4 {
			t.Fatalf("reclaimed %d times in three hours: %v", len(f.asked), f.at)
		}
		p := f.asked[0]
		if p.DryRun || !p.Before.IsZero() || len(p.Retention) != 2 || p.Retention[1] != hook.DefaultRetention || p.Retention[2] != 7*24*time.Hour {
			t.Fatalf("asked %+v", p)
		}
	})
}

func TestFailureIsTriedAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{outgrown: make(chan struct{}, 1), fails: 2}
		keep(t, f, 10*time.Minute)
		if len(f.asked) != 3 {
			t.Fatalf("asked at %v", f.at)
		}
	})
}

func TestFullStoreIsRelievedUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{outgrown: make(chan struct{}, 1), full: 4}
		f.outgrown <- struct{}{}
		keep(t, f, 30*time.Second)
		if len(f.asked) != 5 {
			t.Fatalf("asked %d times at %v, want 5 times in a row", len(f.asked), f.at)
		}
		for _, p := range f.asked {
			if p.Retention != nil {
				t.Fatalf("asked %+v, want by bytes alone", p)
			}
		}
	})
}

func TestRemovedContentGoesStepByStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{outgrown: make(chan struct{}, 1), removed: 5}
		keep(t, f, 16*time.Second)
		if f.removed != 0 {
			t.Fatalf("%d steps were left", f.removed)
		}
	})
}
