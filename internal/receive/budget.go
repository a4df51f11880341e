package receive

import (
	"context"
	"sync"
	"time"
)

// budget bounds the bytes of all bodies in memory. Who asks for more than is left waits
// in turn, for a short time: requests hold what they have while they wait for more, so
// that waiting longer could be waiting for each other.
type budget struct {
	wait time.Duration

	mu      sync.Mutex
	left    int64
	waiting []*claim // in the order of arrival
}

type claim struct {
	n int64
	// granted is closed by release once n was taken off what is left.
	granted chan struct{}
}

func newBudget(total int64, wait time.Duration) *budget { return &budget{wait: wait, left: total} }

// take takes n bytes, false when they were not to be had in time.
func (b *budget) take(ctx context.Context, n int64) bool {
	b.mu.Lock()
	if len(b.waiting) == 0 && n <= b.left {
		b.left -= n
		b.mu.Unlock()
		return true
	}
	c := &claim{n: n, granted: make(chan struct{})}
	b.waiting = append(b.waiting, c)
	b.mu.Unlock()
	timer := time.NewTimer(b.wait)
	defer timer.Stop()
	select {
	case <-c.granted:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, other := range b.waiting {
		if other == c {
			b.waiting = append(b.waiting[:i], b.waiting[i+1:]...)
			b.grant() // the next may want less
			return false
		}
	}
	return true // it was granted in this moment
}

// release gives back n bytes.
func (b *budget) release(n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	b.left += n
	b.grant()
	b.mu.Unlock()
}

// grant serves who waits, in turn. b.mu is held.
func (b *budget) grant() {
	for len(b.waiting) > 0 && b.waiting[0].n <= b.left {
		c := b.waiting[0]
		b.waiting = b.waiting[1:]
		b.left -= c.n
		close(c.granted)
	}
}
