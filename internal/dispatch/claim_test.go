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

// TestFeedKeepsTheOrderWhenRowsCannotBeRead: what is new stands behind what a claimer could
// not read.
func TestFeedKeepsTheOrderWhenRowsCannotBeRead(t *testing.T) {
	run(t, Options{LaneWindow: 4}, func(w *world) {
		w.app(1, 1).Endpoints[0].Kind = hook.PollingEndpoint
	}, func(w *world, _ *Dispatcher) {
		w.publish(1)
		rest(time.Second)
		w.mu.Lock()
		w.claimErr = func() error { return errDisk }
		w.mu.Unlock()
		for range 8 {
			w.publish(1)
		}
		rest(500 * time.Millisecond)
		last := w.publish(1)
		rest(100 * time.Millisecond)
		w.mu.Lock()
		w.claimErr = nil
		w.mu.Unlock()
		rest(time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := len(w.handed); n != 10 || w.handed[n-1] != last {
			t.Errorf("fed were %v, want ten and %d at the end", w.handed, last)
		}
	})
}
