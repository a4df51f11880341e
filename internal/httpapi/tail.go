package httpapi

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const (
	// maxWatchers bounds the streams of one server, maxOwnWatchers those of one owner, and
	// keptWatchers are left to the operators' tokens, whatever applications do.
	maxWatchers, maxOwnWatchers, keptWatchers = 256, 32, 64
	// watcherRoom is how many events wait for a reader that is slow: a second's worth, or a
	// megabyte.
	watcherRoom = 1024
	// heartbeat is how often a stream says that it lives, sooner than proxies give up.
	heartbeat = 15 * time.Second
	// tailWrite is how long one write may take: a reader that does not read is let go.
	tailWrite = 30 * time.Second
)

// Tail hands what happens to those who watch. Without a watcher it costs one atomic read.
// The zero value is not ready; use NewTail.
type Tail struct {
	codec *hook.Codec
	count atomic.Int64 // of watchers

	mu       sync.RWMutex
	watchers map[*watcher]bool
	closed   chan struct{} // closed by Close
	isClosed bool
}

// NewTail returns a Tail that shows ids by c.
func NewTail(c *hook.Codec) *Tail {
	return &Tail{codec: c, watchers: map[*watcher]bool{}, closed: make(chan struct{})}
}

// watcher is one reader of the stream.
type watcher struct {
	owner       watchOwner
	env         hook.EnvironmentID
	application hook.ApplicationID // 0 for all
	endpoint    hook.EndpointID    // 0 for all
	eventTypes  []string           // nil for all
	statuses    []store.AttemptStatus
	reason      hook.Reason
	// attempts and messages say which kinds are wanted.
	attempts, messages bool
	// events is sent to by whoever reports, never closed; what does not fit is counted in missed.
	events chan api.TailEvent
	missed atomic.Int64
}

// watchOwner is who answers for a stream: an application for all tokens that are bound to
// it, since it gets a new one with each login, else the token.
type watchOwner struct {
	application hook.ApplicationID
	token       hook.TokenID
}

func ownerOf(t *hook.Token) watchOwner {
	if t.Application != 0 {
		return watchOwner{application: t.Application}
	}
	return watchOwner{token: t.ID}
}

// Attempt reports an attempt that was recorded. It does not block and keeps nothing.
func (t *Tail) Attempt(m *hook.Message, a *hook.Attempt) {
	if t == nil || t.count.Load() == 0 {
		return
	}
	var e *api.TailEvent
	t.each(func(w *watcher) {
		if !w.attempts || !w.wants(m) || w.endpoint != 0 && w.endpoint != a.Endpoint ||
			len(w.statuses) > 0 && !slices.Contains(w.statuses, store.StatusOfAttempt(a)) || w.reason != hook.ReasonNone && w.reason != a.Reason {
			return
		}
		if e == nil {
			e = t.attemptEvent(m, a)
		}
		w.offer(e)
	})
}

// Message reports a message that was accepted. It does not block and keeps nothing.
func (t *Tail) Message(m *hook.Message) {
	if t == nil || t.count.Load() == 0 {
		return
	}
	var e *api.TailEvent
	t.each(func(w *watcher) {
		if !w.messages || !w.wants(m) {
			return
		}
		if e == nil {
			e = t.messageEvent("message", m)
			e.At = m.Time()
		}
		w.offer(e)
	})
}

func (t *Tail) each(f func(*watcher)) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for w := range t.watchers {
		f(w)
	}
}

func (w *watcher) wants(m *hook.Message) bool {
	return w.env == m.Environment && (w.application == 0 || w.application == m.Application) &&
		(len(w.eventTypes) == 0 || slices.Contains(w.eventTypes, m.EventType))
}

func (w *watcher) offer(e *api.TailEvent) {
	select {
	case w.events <- *e:
	default:
		w.missed.Add(1)
	}
}

func (t *Tail) messageEvent(kind string, m *hook.Message) *api.TailEvent {
	return &api.TailEvent{
		Kind: kind, AppID: t.codec.Application(m.Environment, m.Application), MsgID: t.codec.Message(m.Application, m.ID),
		EventType: m.EventType, EventID: orNil(m.EventID),
	}
}

func (t *Tail) attemptEvent(m *hook.Message, a *hook.Attempt) *api.TailEvent {
	e := t.messageEvent("attempt", m)
	status, words := statusToAPI(store.StatusOfAttempt(a), true)
	took := millis(a.Took)
	e.At = a.StartedAt.UTC().Truncate(time.Millisecond)
	e.AttemptID, e.EndpointID = t.codec.Attempt(a.Application, a.ID), t.codec.Endpoint(a.Application, a.Endpoint)
	e.URL, e.N, e.Status, e.StatusText = plainText(a.URL), a.N, &status, words
	e.HTTPStatus, e.DurationMS, e.Reason, e.Next = a.Status, &took, a.Reason.String(), timeOrNil(a.NextAt)
	if !repeatsPayload(a) { // nobody who looks on is asked what he may see
		e.Error = plainText(a.Error)
	}
	return e
}

// add lets w watch, unless there are too many watchers or the server stops.
func (t *Tail) add(w *watcher) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isClosed {
		return hook.Errorf(hook.Closed, "the server stops")
	}
	n, tenants := 0, 0
	for other := range t.watchers {
		if other.owner == w.owner {
			n++
		}
		if other.owner.application != 0 {
			tenants++
		}
	}
	if len(t.watchers) >= maxWatchers || n >= maxOwnWatchers || w.owner.application != 0 && tenants >= maxWatchers-keptWatchers {
		return hook.Errorf(hook.Overloaded, "too many streams are open")
	}
	t.watchers[w] = true
	t.count.Add(1)
	return nil
}

func (t *Tail) remove(w *watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.watchers, w)
	t.count.Add(-1)
}

// Close ends all streams: the server drains.
func (t *Tail) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.isClosed {
		t.isClosed = true
		close(t.closed)
	}
}

// tail answers with server-sent events (WHATWG HTML section 9.2) until the reader goes
// away or the server drains. What happened before is not in it, nor what happened while
// the reader was too slow, of which it is told how much it was.
func (s *server) tail(c *call) error {
	w, err := s.watcherIn(c)
	if err != nil {
		return err
	}
	header := c.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would hold the events back
	if c.r.Method == http.MethodHead {
		c.status = http.StatusOK
		return nil
	}
	if err := s.Tail.add(w); err != nil {
		header.Del("Content-Type")
		return err
	}
	defer s.Tail.remove(w)
	c.status = http.StatusOK
	c.w.WriteHeader(http.StatusOK)
	s.stream(c, w)
	return nil // however it ended, it has been answered
}

// watcherIn reads what a stream is asked to show. A portal token sees its own application.
func (s *server) watcherIn(c *call) (*watcher, error) {
	w := &watcher{owner: ownerOf(c.token), env: c.env(), application: c.token.Application, events: make(chan api.TailEvent, watcherRoom)}
	ref, given, err := c.q.text("app_id")
	if err != nil {
		return nil, err
	}
	var a *hook.Application
	if given {
		if a, err = s.applicationNamed(c, ref); err != nil {
			return nil, err
		}
		w.application = a.ID
	}
	if ref, given, err = c.q.text("endpoint_id"); err != nil {
		return nil, err
	}
	if given {
		if w.application == 0 {
			return nil, invalidQuery("app_id", "is needed beside endpoint_id")
		}
		e, err := s.endpointOrDeleted(c.ctx(), w.application, ref)
		if err != nil {
			return nil, err
		}
		w.endpoint = e.ID
	}
	if w.eventTypes, err = eventTypesIn(c.q); err != nil {
		return nil, err
	}
	if w.statuses, err = statusFilter(c.q, true); err != nil {
		return nil, err
	}
	if w.reason, err = reasonIn(c.q); err != nil {
		return nil, err
	}
	kind, err := c.q.oneOf("kind", "", "attempt", "message")
	if err != nil {
		return nil, err
	}
	w.attempts = kind != "message"
	// A filter that only attempts can pass leaves messages out.
	w.messages = kind == "message" || kind == "" && w.endpoint == 0 && len(w.statuses) == 0 && w.reason == hook.ReasonNone
	return w, nil
}

// stream writes events until the reader goes away, the server drains or the token ends.
func (s *server) stream(c *call, w *watcher) {
	out := http.NewResponseController(c.w)
	write := func(b []byte) error {
		// The server's own limit is for answers that end.
		if err := out.SetWriteDeadline(time.Now().Add(tailWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if _, err := c.w.Write(b); err != nil {
			return err
		}
		return out.Flush()
	}
	if err := write([]byte("retry: 2000\n\n: watching\n\n")); err != nil {
		return
	}
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	var missed int64
	for {
		var b []byte
		select {
		case <-c.ctx().Done():
			return
		case <-s.Tail.closed:
			_ = write([]byte("event: end\ndata: {}\n\n")) // the reader may be gone
			return
		case <-alive.C:
			if s.isRevoked(c) {
				return
			}
			b = append(b, ": alive\n\n"...)
		case e := <-w.events:
			b = appendSSE(b, &e)
			// What waits goes in the same write.
			for n := len(w.events); n > 0 && len(b) < 64<<10; n-- {
				e := <-w.events
				b = appendSSE(b, &e)
			}
		}
		if n := w.missed.Load(); n != missed {
			b = append(b, "event: missed\ndata: "...)
			b = append(b, encode(api.TailMissed{Missed: n - missed})...)
			b, missed = append(b, "\n\n"...), n
		}
		if err := write(b); err != nil {
			return
		}
	}
}

// isRevoked reports whether the token of a stream has ended since, or lost its rights.
func (s *server) isRevoked(c *call) bool {
	probe := &call{w: c.w, r: c.r, route: c.route, reqID: c.reqID}
	return s.authenticate(probe) != nil || c.route.allows(probe.token) != nil ||
		probe.token.Environment != c.token.Environment || probe.token.Application != c.token.Application
}

// appendSSE appends one event. JSON holds no line breaks of its own.
func appendSSE(b []byte, e *api.TailEvent) []byte {
	b = append(append(b, "event: "...), e.Kind...)
	b = append(append(b, "\nid: "...), strconv.FormatInt(e.At.UnixMilli(), 10)...)
	b = append(append(b, "\ndata: "...), encode(e)...)
	return append(b, "\n\n"...)
}
