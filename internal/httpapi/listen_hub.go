package httpapi

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// Bounds on who listens. A connection holds one message at a time, whatever its window.
const (
	// maxListening is how many connections may listen at once, unless the hub says otherwise.
	maxListening = 256
	// maxListeningPerApplication keeps one tenant from taking the places of all; those who
	// watch have seats.
	maxListeningPerApplication = 32
)

// ListenHub knows who listens: it wakes them when something was published, keeps their
// number within bounds, gives each name to one client, and ends all when the server stops.
type ListenHub struct {
	limit int
	// listening is how many seats are open. Publishing reads it and, while it is 0,
	// does nothing else.
	listening atomic.Int64

	mu      sync.Mutex
	current map[hook.ApplicationID]map[string]*listenSeat // who has the name now
	open    map[*listenSeat]struct{}                      // also those who are about to leave
	perApp  map[hook.ApplicationID]int                    // of open, but for those who watch
	// watching are those without a name. They have places of their own, as many as the
	// others: pages that stay open are no reason to send programs away.
	watching map[hook.ApplicationID]map[*listenSeat]struct{}
	watchers seats // of all applications
	draining bool
	empty    chan struct{} // closed by the last to leave a hub that drains; nil before that
}

// NewListenHub returns a hub for at most limit connections. Zero means 256.
func NewListenHub(limit int) *ListenHub {
	if limit <= 0 {
		limit = maxListening
	}
	return &ListenHub{
		limit:   limit,
		current: map[hook.ApplicationID]map[string]*listenSeat{}, open: map[*listenSeat]struct{}{}, perApp: map[hook.ApplicationID]int{},
		watching: map[hook.ApplicationID]map[*listenSeat]struct{}{}, watchers: newSeats(limit),
	}
}

// Len is how many connections listen.
func (h *ListenHub) Len() int { return int(h.listening.Load()) }

// closing is why a connection ends, as the client is told.
type closing struct {
	code   websocket.StatusCode
	reason string
}

func (c *closing) Error() string { return c.reason }

var (
	errTakenOver    = &closing{api.CloseTakenOver, "another client listens under this name now"}
	errUnauthorized = &closing{api.CloseUnauthorized, "the token has ended or may not listen any more"}
	errGone         = &closing{api.CloseGone, "the application or the listener was deleted"}
	errListenStops  = &closing{websocket.StatusGoingAway, "the server stops; come back"}
)

// listenSeat is one connection's place in the hub.
type listenSeat struct {
	app  hook.ApplicationID
	name string        // "" for one who watches
	wake chan struct{} // of size 1: there may be something new
	left chan struct{} // closed by leave, when the cursor of this connection is saved

	watches *hook.Application // as it was then; nil for one with a name

	// once guards why; asked is closed when the connection is to end.
	once  sync.Once
	why   *closing
	asked chan struct{}
}

func newListenSeat(app hook.ApplicationID, name string) *listenSeat {
	return &listenSeat{app: app, name: name, wake: make(chan struct{}, 1), left: make(chan struct{}), asked: make(chan struct{})}
}

// end asks the connection to end; the first reason counts.
func (s *listenSeat) end(why *closing) {
	s.once.Do(func() {
		s.why = why
		close(s.asked)
	})
}

// join takes the name. Who had it is asked to end and returned: its cursor is saved once
// it has left.
func (h *ListenHub) join(app hook.ApplicationID, name string) (seat, before *listenSeat, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.draining:
		return nil, nil, hook.Errorf(hook.Closed, "the server stops")
	case len(h.open)-h.watchers.taken >= h.limit:
		return nil, nil, hook.Errorf(hook.Overloaded, "%d connections listen", len(h.open)-h.watchers.taken)
	case h.perApp[app] >= maxListeningPerApplication:
		return nil, nil, hook.Errorf(hook.LimitReached, "At most %d connections may listen to an application at once.", maxListeningPerApplication)
	}
	seat = newListenSeat(app, name)
	if h.current[app] == nil {
		h.current[app] = map[string]*listenSeat{}
	}
	if before = h.current[app][name]; before != nil {
		before.end(errTakenOver)
	}
	h.current[app][name] = seat
	h.open[seat] = struct{}{}
	h.perApp[app]++
	h.listening.Add(1)
	return seat, before, nil
}

// watch takes a place without a name, for one who remembers how far it has come.
func (h *ListenHub) watch(a *hook.Application) (*listenSeat, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.draining:
		return nil, hook.Errorf(hook.Closed, "the server stops")
	case !h.watchers.take(a):
		return nil, hook.Errorf(hook.Overloaded, "%d connections watch", h.watchers.taken)
	}
	seat := newListenSeat(a.ID, "")
	seat.watches = a
	if h.watching[a.ID] == nil {
		h.watching[a.ID] = map[*listenSeat]struct{}{}
	}
	h.watching[a.ID][seat] = struct{}{}
	h.open[seat] = struct{}{}
	h.listening.Add(1)
	return seat, nil
}

// leave gives the place up. A connection leaves once it has saved its cursor.
func (h *ListenHub) leave(s *listenSeat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, there := h.open[s]; !there {
		return
	}
	delete(h.open, s)
	if s.name == "" {
		h.watchers.leave(s.watches)
		if delete(h.watching[s.app], s); len(h.watching[s.app]) == 0 {
			delete(h.watching, s.app)
		}
	} else if h.perApp[s.app]--; h.perApp[s.app] == 0 {
		delete(h.perApp, s.app)
	}
	if h.current[s.app][s.name] == s {
		if delete(h.current[s.app], s.name); len(h.current[s.app]) == 0 {
			delete(h.current, s.app)
		}
	}
	h.listening.Add(-1)
	close(s.left)
	if h.draining && len(h.open) == 0 {
		close(h.empty)
	}
}

// Wake tells those who listen to an application that something was committed. It never
// blocks, and costs one read of memory while nobody listens.
func (h *ListenHub) Wake(app hook.ApplicationID) {
	if h.listening.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.current[app] {
		s.rouse()
	}
	for s := range h.watching[app] {
		s.rouse()
	}
}

// rouse makes whoever sits there look.
func (s *listenSeat) rouse() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// kick ends the connection of a listener, if there is one.
func (h *ListenHub) kick(app hook.ApplicationID, name string, why *closing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.current[app][name]; s != nil {
		s.end(why)
	}
}

// connected returns the names that somebody has now.
func (h *ListenHub) connected(app hook.ApplicationID) map[string]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := map[string]bool{}
	for name := range h.current[app] {
		names[name] = true
	}
	return names
}

// Drain lets nobody in any more, tells all who listen that the server stops, and waits
// until their cursors are saved, or ctx ends. It is called once.
func (h *ListenHub) Drain(ctx context.Context) error {
	h.mu.Lock()
	h.draining, h.empty = true, make(chan struct{})
	for s := range h.open {
		s.end(errListenStops)
	}
	if len(h.open) == 0 {
		close(h.empty)
	}
	h.mu.Unlock()
	select {
	case <-h.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
