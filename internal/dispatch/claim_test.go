package dispatch

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// TestRowsAreReadAlthoughALaneFilledMeanwhile: what is new fills the lane while its claimer
// asks the plan; what was due stays in the store then, and is not forgotten.
func TestRowsAreReadAlthoughALaneFilledMeanwhile(t *testing.T) {
	const window = 256 // of a new lane
	var asked atomic.Bool
	run(t, Options{SpillAfter: time.Hour}, func(w *world) {
		w.app(1, 1)
		w.backlog(1, 100_001, 5)
		w.answer = func(_ context.Context, a *hook.Attempt) {
			time.Sleep(time.Second)
			a.Outcome, a.Status = hook.Success, 200
		}
		w.planOf = func(hook.ApplicationID) {
			if asked.CompareAndSwap(false, true) {
				for range window + 1 { // one of them is tried
					w.publish(1)
				}
			}
		}
	}, func(w *world, _ *Dispatcher) {
		rest(time.Hour)
		if got := w.count(hook.Delivered); got != 5+window+1 {
			t.Errorf("%d delivered, want %d", got, 5+window+1)
		}
	})
}
