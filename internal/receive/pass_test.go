package receive

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// serve makes the queue answer each delivery as a service behind would.
func (w *world) serve(answer func(d store.Due) *hook.Attempt) {
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	w.queue.taken = func(d store.Due) {
		if a := answer(d); a != nil {
			a.Endpoint, a.Message = d.Delivery.Endpoint, d.Message.ID
			w.receiver.Answered(d.Message, a)
		}
	}
}

func passing(s *hook.Source) {
	s.Settings.Pass = hook.PassRule{Enabled: true, Deadline: 200 * time.Millisecond}
	s.Settings.Answer = hook.SourceAnswer{Status: 202, Body: "set"}
	s.Settings.Dedupe.By = hook.DedupeByHash // a duplicate needs no id then
}

func TestAnswerOfTheServiceIsPassedOn(t *testing.T) {
	w := newWorld(t, Options{})
	header := "Content-Type: text/xml\r\nX-Extra: 1\r\nSet-Cookie: a=b\r\nConnection: close\r\nContent-Length: 99\r\nStrict-Transport-Security: max-age=1\r\n"
	cases := []struct {
		name    string
		attempt *hook.Attempt
		status  int
		body    string
	}{
		{"success", &hook.Attempt{Status: 200, Header: []byte(header), Body: []byte("<Response/>")}, 200, "<Response/>"},
		{"failure", &hook.Attempt{Status: 500, Header: []byte(header), Body: []byte("oops")}, 500, "oops"},
		{"no body", &hook.Attempt{Status: 204}, 204, ""},
		{"truncated", &hook.Attempt{Status: 200, Body: []byte("part"), BodyTruncated: true}, 202, "set"},
		{"broken off", &hook.Attempt{Status: 200, Body: []byte("part"), BodyIncomplete: true}, 202, "set"},
		{"no connection", &hook.Attempt{Error: "connection refused"}, 202, "set"},
		{"too late", nil, 202, "set"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := w.source(hook.GenericSource, passing)
			w.endpoint(s.ID.Application()) // a younger one, whose answer is nobody's
			oldest := hook.EndpointID(0)
			w.serve(func(d store.Due) *hook.Attempt {
				if oldest == 0 {
					oldest = d.Delivery.Endpoint
				}
				if d.Delivery.Endpoint != oldest {
					return &hook.Attempt{Status: 418}
				}
				if c.attempt == nil {
					return nil
				}
				a := *c.attempt
				return &a
			})
			got := w.post(s, c.name)
			if got.status != c.status || got.body != c.body {
				t.Fatalf("answered %d %q, want %d %q", got.status, got.body, c.status, c.body)
			}
			if c.name == "success" && (got.header.Get("Content-Type") != "text/xml" || got.header.Get("X-Extra") != "1" ||
				got.header.Get("Set-Cookie") != "" || got.header.Get("Strict-Transport-Security") != "" || got.header.Get("X-Content-Type-Options") != "nosniff") {
				t.Errorf("headers %v", got.header)
			}
			w.serve(func(store.Due) *hook.Attempt { t.Error("a duplicate was sent"); return nil })
			if again := w.post(s, c.name); again.status != 202 || again.body != "set" {
				t.Errorf("duplicate: answered %d %q, want the set answer", again.status, again.body)
			}
			w.one(s)
		})
	}
	if n := w.receiver.waiters.n.Load(); n != 0 || len(w.receiver.waiters.by) != 0 {
		t.Errorf("%d waiters and %d messages are left", n, len(w.receiver.waiters.by))
	}
}

func TestNobodyWaitsWithoutAnEndpoint(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source(hook.GenericSource, func(s *hook.Source) { passing(s); s.Settings.Pass.Deadline = 20 * time.Second })
	plan, err := w.PlanOf(t.Context(), s.ID.Application())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.UpdateEndpoint(t.Context(), s.ID.Application(), plan.Endpoints[0].ID, nil, func(e *hook.Endpoint) error { e.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if got := w.post(s, "x"); got.status != 202 || time.Since(began) > 10*time.Second {
		t.Errorf("answered %d after %v", got.status, time.Since(began))
	}
}

// An equal question is asked anew: who asks waits for the answer. Only an id of the
// provider's makes it a repeat.
func TestEqualQuestionsAreAskedAnew(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source(hook.GenericSource, func(s *hook.Source) { passing(s); s.Settings.Dedupe.By = hook.DedupeByProvider })
	w.serve(func(store.Due) *hook.Attempt { return &hook.Attempt{Status: 200, Body: []byte("rates")} })
	for i := range 3 {
		if got := w.post(s, "the same cart"); got.body != "rates" {
			t.Errorf("question %d is answered %d %q", i+1, got.status, got.body)
		}
	}
}

// A delivery for which there was no room in memory comes up later: nobody waits for it.
func TestNobodyWaitsForADeliveryThatWaits(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source(hook.GenericSource, func(s *hook.Source) { passing(s); s.Settings.Pass.Deadline = 20 * time.Second })
	w.queue.full.Store(true)
	began := time.Now()
	if got := w.post(s, "x"); got.status != 202 || time.Since(began) > 10*time.Second {
		t.Errorf("answered %d after %v", got.status, time.Since(began))
	}
}

// A server that stops has two seconds for its requests, and a provider may wait for longer.
func TestDrainEndsTheWait(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source(hook.GenericSource, func(s *hook.Source) { passing(s); s.Settings.Pass.Deadline = 20 * time.Second })
	w.serve(func(store.Due) *hook.Attempt { w.receiver.Drain(); w.receiver.Drain(); return nil })
	began := time.Now()
	if got := w.post(s, "x"); got.status != 202 || time.Since(began) > 10*time.Second {
		t.Errorf("answered %d after %v", got.status, time.Since(began))
	}
	if n := len(w.messages(s.ID.Application())); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

func TestAnsweredCostsNothingForOthers(t *testing.T) {
	w := newWorld(t, Options{})
	m, a := &hook.Message{Inbound: &hook.Inbound{}}, &hook.Attempt{Status: 200}
	if n := testing.AllocsPerRun(100, func() { w.receiver.Answered(m, a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	w.receiver.Answered(nil, a)
}

func TestWaitersAreBounded(t *testing.T) {
	var ws waiters
	var list []*waiter
	for range maxWaiters {
		list = append(list, ws.add())
	}
	if ws.add() != nil {
		t.Errorf("more than %d wait", maxWaiters)
	}
	ws.expect(nil, &store.Publication{})
	for _, w := range list {
		ws.remove(w)
	}
	if ws.add() == nil {
		t.Error("nobody can wait after all have gone")
	}
}

func TestPassedHeadersAreHarmless(t *testing.T) {
	var block strings.Builder
	for _, name := range []string{"connection", "SET-COOKIE", "transfer-encoding", "Access-Control-Allow-Origin", "content-security-policy", "no colon"} {
		fmt.Fprintf(&block, "%s: x\r\n", name)
	}
	block.WriteString("broken\r\nretry-after:  7 \r\n")
	p := passable(&hook.Attempt{Status: 429, Header: []byte(block.String())})
	if len(p.header) > 2 || p.header.Get("Retry-After") != "7" {
		t.Errorf("passed on %v", p.header)
	}
	for name := range p.header {
		if !hook.IsHeaderName(name) {
			t.Errorf("passed on the name %q", name)
		}
	}
}
