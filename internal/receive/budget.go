package receive

import (
	"cmp"
	"container/list"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// budget bounds the bytes of all bodies in memory. Whoever asks for more than is left waits
// for a short time: requests hold what they have while they wait for more, so that waiting
// longer could be waiting for each other.
//
// Anybody who knows a URL can send most of a large body and then nothing. So the larger a
// body is, the more it must leave to smaller ones, and the later it gets its turn; and
// bodies that have stopped coming, or come slowly, are given up when others find no room.
type budget struct {
	wait  time.Duration
	total int64

	mu      sync.Mutex
	left    int64
	cutting int64     // bytes of bodies that were cut and have not left yet
	waiting []*claim  // the smallest body first, and equal ones in the order of arrival
	coming  list.List // of *hold: bodies that are being read, the one that began first in front
}

const (
	// cutsPerWait is how often those who wait look for bodies to cut.
	cutsPerWait = 4
	// fairRate, in bytes per second, is how fast a body must come to be safe from being cut.
	// Whoever wants to fill the budget pays for it with as much of a network.
	fairRate = 1 << 20
)

type claim struct {
	n    int64
	size int64 // what the body will hold with it
	// granted is closed by grant once n was taken off what is left.
	granted chan struct{}
}

func newBudget(total int64, wait time.Duration) *budget {
	return &budget{wait: wait, total: total, left: total}
}

// leaves is how much a body of a size must leave to smaller ones: four times as much, or
// half of what is beside it. So one body may have nearly everything when it is alone.
func (b *budget) leaves(size int64) int64 { return min(4*size, max(b.total-size, 0)/2) }

// hold is what one body holds of a budget. Its methods are for the goroutine that reads the body.
type hold struct {
	b     *budget
	began time.Time
	cut   func()      // ends the reading
	isCut atomic.Bool // cut was called
	// got is how many bytes came, the last of them at last (since began).
	got, last atomic.Int64

	// The rest belongs to the mutex of b.
	n       int64
	cutting int64         // its part of b.cutting
	place   *list.Element // in b.coming; nil once the body is whole, was cut or has left
}

// enter announces a body. While it is being read, cut may be called, once, by whoever
// needs its room; it must make the reading fail, and must not wait.
func (b *budget) enter(cut func()) *hold {
	h := &hold{b: b, began: time.Now(), cut: cut}
	b.mu.Lock()
	h.place = b.coming.PushBack(h)
	b.mu.Unlock()
	return h
}

// take takes n bytes, false when they were not to be had in time.
func (h *hold) take(ctx context.Context, n int64) bool {
	b := h.b
	b.mu.Lock()
	c := &claim{n: n, size: h.n + n}
	if b.fits(c) && (len(b.waiting) == 0 || c.size < b.waiting[0].size) {
		b.left -= n
		h.n += n
		b.mu.Unlock()
		return true
	}
	c.granted = make(chan struct{})
	// The first that is larger.
	at, _ := slices.BinarySearchFunc(b.waiting, c.size+1, func(w *claim, size int64) int { return cmp.Compare(w.size, size) })
	b.waiting = slices.Insert(b.waiting, at, c)
	b.makeRoom(h, c)
	b.mu.Unlock()
	granted := b.await(ctx, h, c)
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := slices.Index(b.waiting, c); !granted && at >= 0 {
		b.waiting = slices.Delete(b.waiting, at, at+1)
		b.grant() // the next may want less
		return false
	}
	h.n += n // it may have been granted only in this moment
	return true
}

// await waits for a claim, and looks for room now and then.
func (b *budget) await(ctx context.Context, h *hold, c *claim) (granted bool) {
	tick := time.NewTicker(max(b.wait/cutsPerWait, 1))
	defer tick.Stop()
	for range cutsPerWait {
		select {
		case <-c.granted:
			return true
		case <-ctx.Done():
			return false
		case <-tick.C:
			if h.isCut.Load() {
				return false
			}
			b.mu.Lock()
			b.makeRoom(h, c)
			b.mu.Unlock()
		}
	}
	return false
}

func (b *budget) fits(c *claim) bool { return c.n+b.leaves(c.size) <= b.left }

// makeRoom cuts bodies, the one that began first first, until there will be room for c and
// all that get their turn before it. Bodies that are a lot smaller are spared, for they are not
// what takes the room. mu is held.
func (b *budget) makeRoom(h *hold, c *claim) {
	need := b.leaves(c.size) - b.left - b.cutting
	for _, w := range b.waiting {
		need += w.n
		if w == c {
			break
		}
	}
	now := time.Now()
	for e := b.coming.Front(); e != nil && need > 0; {
		other := e.Value.(*hold)
		e = e.Next()
		if other == h || other.n < c.size/4 || !other.lags(now) {
			continue
		}
		need -= other.n
		other.cutting = other.n
		b.cutting += other.n
		other.leaveRow()
		other.isCut.Store(true)
		other.cut()
	}
}

// came says that n bytes have come in all.
func (h *hold) came(n int) {
	h.got.Store(int64(n))
	h.last.Store(int64(time.Since(h.began)))
}

// lags reports whether a body has stopped coming, or comes slowly.
func (h *hold) lags(now time.Time) bool {
	age, patience := now.Sub(h.began), h.b.wait/cutsPerWait
	return age >= patience && (age-time.Duration(h.last.Load()) >= patience || float64(h.got.Load()) < fairRate*age.Seconds())
}

// leaveRow ends the time in which h may be cut. b.mu is held.
func (h *hold) leaveRow() {
	if h.place != nil {
		h.b.coming.Remove(h.place)
		h.place = nil
	}
}

// whole says that the body has come, or will not: from now on it is not cut. false: it was.
func (h *hold) whole() bool {
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	h.leaveRow()
	return !h.isCut.Load()
}

// leave gives everything back.
func (h *hold) leave() {
	b := h.b
	b.mu.Lock()
	h.leaveRow()
	b.cutting -= h.cutting
	b.left += h.n
	h.n, h.cutting = 0, 0
	b.grant()
	b.mu.Unlock()
}

// grant serves who waits, in turn. mu is held.
func (b *budget) grant() {
	for len(b.waiting) > 0 && b.fits(b.waiting[0]) {
		c := b.waiting[0]
		b.waiting = slices.Delete(b.waiting, 0, 1)
		b.left -= c.n
		close(c.granted)
	}
}
