package httpapi

import (
	"cmp"
	"crypto/rand"
	"slices"
	"sort"
	"strconv"
	"strings"
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
	// tailKept is how many events are kept for who comes back and for who reads slowly: about 3 MiB.
	tailKept = 8192
	// tailLinger is how long they are kept, and more are added, after the last watcher has gone.
	tailLinger = 5 * time.Minute
)

// Tail hands what happens to those who watch, and to those who come back after their
// connection was cut. It remembers while somebody watches and a while longer; otherwise it
// costs one atomic read. The zero value is not ready; use NewTail.
//
// Each event has a place: microseconds that only rise. A reader names the last place that
// it saw and gets what came after it, or is told what cannot be had any more. Places are times
// and no count, because a count would tell one tenant how busy the others are.
type Tail struct {
	codec *hook.Codec
	// boot tells the places of this process from those of others.
	boot string
	base time.Time // what places count from; with a monotonic reading, so that they never go back
	// remembers says that events are recorded.
	remembers atomic.Bool

	mu       sync.RWMutex
	watchers map[*watcher]bool
	// The events of the numbers first to next-1; that of number n is ring[n%tailKept].
	// It is nil while nothing is remembered.
	ring        []happened
	first, next int64
	// floor is the newest place that is not in the ring, last the newest of all.
	floor, last int64
	forget      *time.Timer   // runs while nobody watches
	closed      chan struct{} // closed by Close
	isClosed    bool
}

// NewTail returns a Tail that shows ids by c.
func NewTail(c *hook.Codec) *Tail {
	return &Tail{codec: c, boot: strings.ToLower(rand.Text()[:8]), base: time.Now(), watchers: map[*watcher]bool{}, closed: make(chan struct{})}
}

// happened is an event as it is remembered: what a watcher may ask for, and what it is shown.
type happened struct {
	place       int64
	at          time.Time
	env         hook.EnvironmentID
	application hook.ApplicationID
	message     hook.MessageID
	eventType   string
	eventID     string

	// The rest is of attempts.
	attempt    hook.AttemptID // 0 for a message
	endpoint   hook.EndpointID
	url, error string
	n, status  int
	state      store.AttemptStatus
	reason     hook.Reason
	took       time.Duration
	nextAt     time.Time
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
	// wake is sent to by whoever reports, never closed; one token is enough.
	wake chan struct{}
	// next is the number of the next event to look at, missed how many were wanted and gone
	// before the reader came to them. Both are the Tail's: its lock is held.
	next, missed int64
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

// Attempt reports an attempt that was recorded. It waits for no reader.
func (t *Tail) Attempt(m *hook.Message, a *hook.Attempt) {
	if t == nil || !t.remembers.Load() {
		return
	}
	h := happenedTo(m)
	h.at, h.attempt, h.endpoint, h.url = a.StartedAt, a.ID, a.Endpoint, cmp.Or(a.EndpointURL, a.URL)
	h.n, h.status, h.state, h.reason, h.took, h.nextAt = a.N, a.Status, store.StatusOfAttempt(a), a.Reason, a.Took, a.NextAt
	// Nobody who looks on is asked what he may see, and a script may write the payload into either.
	if !repeatsPayload(a) {
		h.error = a.Error
	}
	t.report(&h)
}

// Message reports a message that was accepted. It waits for no reader.
func (t *Tail) Message(m *hook.Message) {
	if t == nil || !t.remembers.Load() {
		return
	}
	h := happenedTo(m)
	h.at = m.Time()
	t.report(&h)
}

// happenedTo begins an event. Its words are copied: they may be pieces of what came in, which
// would be kept whole for them.
func happenedTo(m *hook.Message) happened {
	return happened{env: m.Environment, application: m.Application, message: m.ID, eventType: strings.Clone(m.EventType), eventID: strings.Clone(m.EventID)}
}

func (t *Tail) report(h *happened) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ring == nil {
		return // forgotten since it was asked
	}
	t.last = max(t.clock(), t.last+1)
	h.place = t.last
	slot := &t.ring[t.next%tailKept]
	if t.next-t.first == tailKept {
		for w := range t.watchers {
			if w.next == t.first {
				w.next++
				if w.wants(slot) {
					w.missed++
				}
			}
		}
		t.first++
		t.floor = slot.place
	}
	*slot = *h
	t.next++
	for w := range t.watchers {
		switch {
		case w.wants(h):
			w.rouse()
		case w.next == t.next-1:
			w.next++ // who waits at the end stays there
		}
	}
}

// clock is the present place.
func (t *Tail) clock() int64 { return t.base.UnixMicro() + time.Since(t.base).Microseconds() }

func (w *watcher) wants(h *happened) bool {
	if w.env != h.env || w.application != 0 && w.application != h.application || len(w.eventTypes) > 0 && !slices.Contains(w.eventTypes, h.eventType) {
		return false
	}
	if h.attempt == 0 {
		return w.messages
	}
	return w.attempts && (w.endpoint == 0 || w.endpoint == h.endpoint) && (w.reason == hook.ReasonNone || w.reason == h.reason) &&
		(len(w.statuses) == 0 || slices.Contains(w.statuses, h.state))
}

func (w *watcher) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take appends to out what w wants of the next events, up to cap(out) of them; place is up to
// where that was. isMore says that there is more to look at, missed how many were gone
// before w came to them since the last call.
func (t *Tail) take(w *watcher, out []happened) (_ []happened, place, missed int64, isMore bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	// The lock is held for a short time, however little of it is wanted.
	for end := min(t.next, w.next+tailKept/8); w.next < end && len(out) < cap(out); w.next++ {
		if h := &t.ring[w.next%tailKept]; w.wants(h) {
			out = append(out, *h)
		}
	}
	missed, w.missed = w.missed, 0
	return out, t.placeOf(w), missed, w.next < t.next
}

// placeOf is the place up to which w has seen everything. At the end that is the present and
// not the last event, which may be another tenant's. What is reported from now on gets a higher one.
func (t *Tail) placeOf(w *watcher) int64 {
	switch {
	case w.next == t.next:
		return max(t.clock()-1, t.last)
	case w.next == t.first:
		return t.floor
	}
	return t.ring[(w.next-1)%tailKept].place
}

// place is up to where w has seen everything.
func (t *Tail) place(w *watcher) int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.placeOf(w)
}

// nameOf is a place as readers know it, and name it when they come back.
func (t *Tail) nameOf(place int64) string { return t.boot + "-" + strconv.FormatInt(place, 10) }

// add lets w watch from the place after on, or from now on where that is "", unless there are
// too many watchers or the server stops. gap is what lies between after and what is known.
func (t *Tail) add(w *watcher, after string) (gap *api.TailGap, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isClosed {
		return nil, hook.Errorf(hook.Closed, "the server stops")
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
		return nil, hook.Errorf(hook.Overloaded, "too many streams are open")
	}
	if t.ring == nil {
		t.ring, t.first, t.next = make([]happened, tailKept), 0, 0
		t.last = max(t.clock(), t.last+1)
		t.floor = t.last
		t.remembers.Store(true)
	}
	if t.forget != nil {
		t.forget.Stop()
		t.forget = nil
	}
	t.watchers[w] = true
	if w.next = t.next; after != "" {
		gap = t.resume(w, after)
	}
	return gap, nil
}

// resume puts w behind the place of this name. One that is not known any more, or never was,
// is a gap, and no reason to refuse: the reader can do nothing about it.
func (t *Tail) resume(w *watcher, after string) *api.TailGap {
	boot, digits, _ := strings.Cut(after, "-")
	place, err := strconv.ParseInt(digits, 10, 64)
	isTime := err == nil && place > 0 && place <= t.clock()
	if isTime && boot == t.boot && place >= t.floor {
		w.next = t.first + int64(sort.Search(int(t.next-t.first), func(i int) bool { return t.ring[(t.first+int64(i))%tailKept].place > place }))
		w.rouse()
		return nil
	}
	w.next = t.first
	w.rouse()
	gap := &api.TailGap{Until: time.UnixMicro(t.floor).UTC().Truncate(time.Millisecond)}
	if isTime && place <= t.floor {
		since := time.UnixMicro(place).UTC().Truncate(time.Millisecond)
		gap.Since = &since
	}
	return gap
}

func (t *Tail) remove(w *watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.watchers, w)
	if len(t.watchers) > 0 || t.isClosed {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(tailLinger, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.forget == timer { // nobody came back meanwhile
			t.remembers.Store(false)
			t.ring, t.forget = nil, nil
		}
	})
	t.forget = timer
}

// Close ends all streams: the server drains.
func (t *Tail) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isClosed {
		return
	}
	t.isClosed = true
	close(t.closed)
	if t.forget != nil {
		t.forget.Stop()
	}
}

// eventOf shows an event.
func (t *Tail) eventOf(h *happened) *api.TailEvent {
	e := &api.TailEvent{
		Kind: "message", At: h.at, AppID: t.codec.Application(h.env, h.application), MsgID: t.codec.Message(h.application, h.message),
		EventType: h.eventType, EventID: orNil(h.eventID),
	}
	if h.attempt == 0 {
		return e
	}
	status, words := statusToAPI(h.state, true)
	took := millis(h.took)
	e.Kind, e.At = "attempt", h.at.UTC().Truncate(time.Millisecond)
	e.AttemptID, e.EndpointID = t.codec.Attempt(h.application, h.attempt), t.codec.Endpoint(h.application, h.endpoint)
	e.URL, e.N, e.Status, e.StatusText = plainText(h.url), h.n, &status, words
	e.HTTPStatus, e.DurationMS, e.Reason, e.Next, e.Error = h.status, &took, h.reason.String(), timeOrNil(h.nextAt), plainText(h.error)
	return e
}
