package dispatch

import (
	"context"
	"testing"
	"time"
	"unsafe"

	"github.com/hookloft/hookloft/internal/hook"
)

// TestLineSendsWhatTheStoreHas: what waited for hours behind a head, and the head itself, go
// with their present content, which may have been removed.
func TestLineSendsWhatTheStoreHas(t *testing.T) {
	for _, batch := range []int{0, 10} {
		run(t, Options{}, func(w *world) {
			w.app(1, 1)
			w.ordered(1, hook.Order{BatchSize: batch})
		}, func(w *world, d *Dispatcher) {
			w.set(status(503, hook.Failed, hook.ReasonServer))
			for range 3 {
				w.say(1, "a")
			}
			rest(3 * time.Hour)
			w.mu.Lock()
			for id, m := range w.messages {
				gone := *m
				gone.Payload, gone.Expunged = nil, true
				w.messages[id] = &gone
			}
			w.seen = func(m *hook.Message) {
				if m.Payload != nil {
					t.Errorf("batch %d: message %d was sent with %q, which was removed", batch, m.ID, m.Payload)
				}
			}
			w.mu.Unlock()
			w.set(ok)
			rest(24 * time.Hour)
			if got := w.count(hook.Delivered); got != 3 {
				t.Errorf("batch %d: %d of 3 delivered", batch, got)
			}
		})
	}
}

// TestFailingLineLeavesRoomForOthers: large messages behind a head that fails fill neither
// the memory nor the way of others.
func TestFailingLineLeavesRoomForOthers(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.app(2, 1)
		w.ordered(1, hook.Order{})
		big := make([]byte, 1<<20)
		for range 200 {
			m := &hook.Message{ID: hook.MessageID(w.clock.Next()), Application: 1, EventType: "a", Payload: big}
			w.messages[m.ID] = m
			w.put(hook.Delivery{Message: m.ID, Application: 1, Endpoint: 100_001, DueAt: m.Time(), Line: hook.LineOfKey("a")})
		}
		w.answer = func(ctx context.Context, a *hook.Attempt) {
			if a.Application == 1 {
				status(503, hook.Failed, hook.ReasonServer)(ctx, a)
				return
			}
			ok(ctx, a)
		}
	}, func(w *world, d *Dispatcher) {
		for range 20 {
			rest(30 * time.Second)
			d.mu.Lock()
			if d.claimed.bytes > d.claimed.maxBytes/2 {
				t.Errorf("%d of %d bytes are claimed", d.claimed.bytes, d.claimed.maxBytes)
			}
			d.mu.Unlock()
		}
		w.backlog(2, 200_001, 5000)
		d.MadeDue(2, 200_001, time.Now())
		rest(3 * time.Second)
		if got := w.count(hook.Delivered); got != 5000 {
			t.Errorf("%d of the neighbour's 5000 were delivered", got)
		}
		w.set(ok)
		rest(24 * time.Hour)
		if got := w.count(hook.Delivered); got != 5200 {
			t.Errorf("%d of 5200 were delivered", got)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.claimed.bytes != 0 || d.claimed.count != 0 {
			t.Errorf("%d of %d bytes are claimed at the end", d.claimed.count, d.claimed.bytes)
		}
	})
}

// TestBatchFullByBytesDoesNotWait: what cannot take more leaves.
func TestBatchFullByBytesDoesNotWait(t *testing.T) {
	run(t, Options{}, func(w *world) {
		w.app(1, 1)
		w.ordered(1, hook.Order{BatchSize: 1000, MaxWait: 5 * time.Minute})
	}, func(w *world, _ *Dispatcher) {
		big := make([]byte, 100<<10)
		for range 50 {
			w.append(&hook.Message{ID: hook.MessageID(w.clock.Next()), Application: 1, EventType: "a", Payload: big}, w.plan(1).Endpoints...)
		}
		rest(5 * time.Second)
		if got := w.count(hook.Delivered); got < 40 {
			t.Errorf("%d of a full batch of 40 were delivered", got)
		}
	})
}

// TestItemFitsASmallBlock: the allocator rounds what is more than 640 bytes up to 704, for each
// delivery in memory.
func TestItemFitsASmallBlock(t *testing.T) {
	if n := unsafe.Sizeof(item{}); n > 640 {
		t.Errorf("an item has %d bytes", n)
	}
}
