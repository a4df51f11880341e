package httpapi

import (
	"sync"
	"sync/atomic"

	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// maxPollers bounds the polls of one server that wait, see seats; maxPollersPerEndpoint
	// those of one endpoint.
	maxPollers, maxPollersPerEndpoint = 1024, 64
)

// FeedHub wakes polls that wait for a polling endpoint's next message.
type FeedHub struct {
	// waiting is how many wait. The store's writer reads it and, while it is 0, does nothing else.
	waiting atomic.Int64
	closed  chan struct{} // closed by Close

	mu       sync.Mutex
	seats    seats // as many are taken as wait
	waiters  map[hook.EndpointID]map[chan struct{}]struct{}
	isClosed bool
}

// NewFeedHub returns a hub that nobody waits at.
func NewFeedHub() *FeedHub {
	return &FeedHub{seats: newSeats(maxPollers), closed: make(chan struct{}), waiters: map[hook.EndpointID]map[chan struct{}]struct{}{}}
}

// Wake says that an endpoint's feed has grown. It never blocks.
func (h *FeedHub) Wake(ep hook.EndpointID) {
	if h.waiting.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.waiters[ep] {
		select {
		case c <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// join returns a channel that is told when the feed grows, and how to leave. Whoever looks
// at the feed after joining misses nothing. hook.Overloaded says that there is no place.
func (h *FeedHub) join(a *hook.Application, ep hook.EndpointID) (wake <-chan struct{}, leave func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.waiters[ep]) >= maxPollersPerEndpoint || !h.seats.take(a) {
		return nil, nil, hook.Errorf(hook.Overloaded, "too many polls wait")
	}
	c := make(chan struct{}, 1) // more than one signal would say the same
	if h.waiters[ep] == nil {
		h.waiters[ep] = map[chan struct{}]struct{}{}
	}
	h.waiters[ep][c] = struct{}{}
	h.waiting.Add(1)
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if delete(h.waiters[ep], c); len(h.waiters[ep]) == 0 {
			delete(h.waiters, ep)
		}
		h.seats.leave(a)
		h.waiting.Add(-1)
	}, nil
}

// Close sends all who wait away with what there is: the server drains.
func (h *FeedHub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.isClosed {
		h.isClosed = true
		close(h.closed)
	}
}
