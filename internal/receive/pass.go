package receive

import (
	"context"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// maxWaiters bounds the requests that wait for an answer of the service behind; the next
// ones get the set answer. Each may get 32 KiB.
const maxWaiters = 2048

// waiters are the requests that wait for the answer of the service behind.
type waiters struct {
	// n is how many there are, so that attempts of all other messages cost one look at it.
	n atomic.Int32

	mu sync.Mutex
	by map[*hook.Message]*waiter
}

// waiter is one of them.
type waiter struct {
	message  *hook.Message // by which it is found; nil while it expects none
	endpoint hook.EndpointID
	// answer gets at most one value, for which it has room; nil for an attempt that got
	// no answer which can be passed on.
	answer chan *passed
}

// passed is an answer of a service on its way to the provider.
type passed struct {
	status int
	header http.Header
	body   []byte
}

// add returns a waiter, nil when there are too many.
func (ws *waiters) add() *waiter {
	if ws.n.Add(1) > maxWaiters {
		ws.n.Add(-1)
		return nil
	}
	return &waiter{answer: make(chan *passed, 1)}
}

// expect makes w wait for the first attempt of p's message at the source's oldest
// endpoint that gets it. It must be called before p is appended.
func (ws *waiters) expect(w *waiter, p *store.Publication) {
	if w == nil {
		return
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.by, w.message)
	w.message = nil
	for i := range p.Deliveries { // by rising id, which is by age
		if d := &p.Deliveries[i]; d.State == hook.Pending {
			w.message, w.endpoint = p.Message, d.Endpoint
			if ws.by == nil {
				ws.by = map[*hook.Message]*waiter{}
			}
			ws.by[p.Message] = w
			return
		}
	}
}

// settle looks at what became of p in its commit. A delivery that the dispatcher did not
// take at once has no answer in time: nobody needs to wait for it.
func (ws *waiters) settle(w *waiter, p *store.Publication) {
	if w == nil {
		return
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for i := range p.Deliveries {
		if d := &p.Deliveries[i]; d.Endpoint == w.endpoint && d.Fresh {
			return
		}
	}
	delete(ws.by, w.message)
	w.message = nil
}

// remove ends the wait.
func (ws *waiters) remove(w *waiter) {
	if w == nil {
		return
	}
	ws.mu.Lock()
	delete(ws.by, w.message)
	ws.mu.Unlock()
	ws.n.Add(-1)
}

// Answered tells of an ended attempt of m, which is the very message that was appended. It does
// not block, and costs next to nothing for messages that nobody waits for.
func (r *Receiver) Answered(m *hook.Message, a *hook.Attempt) {
	if m == nil || m.Inbound == nil || r.waiters.n.Load() == 0 {
		return
	}
	r.waiters.mu.Lock()
	w := r.waiters.by[m]
	if w == nil || w.endpoint != a.Endpoint {
		r.waiters.mu.Unlock()
		return
	}
	delete(r.waiters.by, m)
	r.waiters.mu.Unlock()
	w.answer <- passable(a) // there is room: it is removed, so nobody else sends
}

// pass waits for the service's answer and hands it to the provider. false: there is none
// in time that could be handed on, and nothing was written.
func (v *visit) pass(ctx context.Context, w *waiter) bool {
	v.waiters.mu.Lock()
	waits := w.message != nil
	v.waiters.mu.Unlock()
	if !waits {
		return false // no endpoint wants it
	}
	v.release() // the body is the dispatcher's by now
	deadline := v.source.Settings.Pass.Deadline
	if deadline == 0 {
		deadline = hook.DefaultPassDeadline
	}
	timer := time.NewTimer(deadline - v.now().Sub(v.at))
	defer timer.Stop()
	var p *passed
	select {
	case p = <-w.answer:
	case <-timer.C:
	case <-v.draining:
	case <-ctx.Done():
	}
	if p == nil {
		return false
	}
	h := v.w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	if len(p.body) > 0 {
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", "application/octet-stream") // net/http would guess
		}
		h.Set("Content-Length", strconv.Itoa(len(p.body)))
		guard(h)
	}
	v.w.WriteHeader(p.status)
	_, _ = v.w.Write(p.body) // the provider has hung up when this fails
	return true
}

// passable returns what of an attempt's answer goes to the provider, nil when it cannot.
func passable(a *hook.Attempt) *passed {
	if a.Status < 200 || a.Status > 599 || a.BodyTruncated || a.BodyIncomplete {
		return nil
	}
	p := &passed{status: a.Status, header: http.Header{}, body: append([]byte(nil), a.Body...)}
	for line := range strings.SplitSeq(string(a.Header), "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		name, value = textproto.CanonicalMIMEHeaderKey(name), strings.TrimSpace(value)
		if ok && hook.IsHeaderName(name) && isHeaderText(value) && isPassed(name) {
			p.header.Add(name, value)
		}
	}
	return p
}

// isPassed reports whether a header of the service's answer goes on: not those of the
// connection, nor those by which an answer speaks for its whole origin, which is ours.
func isPassed(name string) bool {
	switch name {
	case "Content-Type":
		return true
	case "Set-Cookie", "Set-Cookie2", "Date", "Server", "Via", "Alt-Svc", "Strict-Transport-Security", "Public-Key-Pins",
		"Public-Key-Pins-Report-Only", "Clear-Site-Data", "Expect-Ct", "Nel", "Report-To", "Reporting-Endpoints",
		"Www-Authenticate", "Content-Security-Policy", "X-Content-Type-Options", "Service-Worker-Allowed":
		return false
	}
	return !hook.IsConnectionHeader(name) && !strings.HasPrefix(name, "Access-Control-")
}
