package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// heartbeat is how often a stream says that it lives, sooner than proxies give up.
	heartbeat = 15 * time.Second
	// tailWrite is how long one write may take: a reader that does not read is let go.
	tailWrite = 30 * time.Second
	// lastTailWrite is how long the rest may take when the server stops.
	lastTailWrite = 2 * time.Second
	// tailBatch is how many events go in one write at most.
	tailBatch = 128
)

// tail answers with server-sent events (WHATWG HTML section 9.2) until the reader goes
// away or the server drains. It begins with the present, or behind the place that a reader
// who comes back names in Last-Event-ID. What was forgotten meanwhile is said (gap), and so is
// how much a reader lost who was too slow (missed).
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
	gap, err := s.Tail.add(w, c.r.Header.Get("Last-Event-ID"))
	if err != nil {
		header.Del("Content-Type")
		return err
	}
	defer s.Tail.remove(w)
	c.status = http.StatusOK
	c.w.WriteHeader(http.StatusOK)
	s.stream(c, w, gap)
	return nil // however it ended, it has been answered
}

// watcherIn reads what a stream is asked to show. A portal token sees its own application.
func (s *server) watcherIn(c *call) (*watcher, error) {
	w := &watcher{owner: ownerOf(c.token), env: c.env(), application: c.token.Application, wake: make(chan struct{}, 1)}
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
// Each write ends with the place up to which the reader has seen everything.
func (s *server) stream(c *call, w *watcher, gap *api.TailGap) {
	out := http.NewResponseController(c.w)
	write := func(b []byte, until time.Time) error {
		// The server's own limit is for answers that end.
		if err := out.SetWriteDeadline(until); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if _, err := c.w.Write(b); err != nil {
			return err
		}
		return out.Flush()
	}
	b := []byte("retry: 2000\n: watching\n")
	if gap != nil {
		b = append(append(append(b, "event: gap\ndata: "...), encode(gap)...), '\n')
	}
	if err := write(s.appendPlace(b, s.Tail.place(w)), time.Now().Add(tailWrite)); err != nil {
		return
	}
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	events := make([]happened, 0, tailBatch)
	for {
		b = b[:0]
		stops, until := false, time.Now().Add(tailWrite)
		select {
		case <-c.ctx().Done():
			return
		case <-s.Tail.closed:
			stops, until = true, time.Now().Add(lastTailWrite)
		case <-alive.C:
			if s.isRevoked(c) {
				return
			}
			b = append(b, ": alive\n"...)
		case <-w.wake:
		}
		for {
			taken, place, missed, isMore := s.Tail.take(w, events[:0])
			if missed > 0 {
				b = append(append(append(b, "event: missed\ndata: "...), encode(api.TailMissed{Missed: missed})...), "\n\n"...)
			}
			for i := range taken {
				b = s.appendEvent(b, &taken[i])
			}
			if !isMore && stops {
				b = append(b, "event: end\ndata: {}\n"...)
			}
			// Behind everything that is in b, and behind what w does not want.
			if err := write(s.appendPlace(b, place), until); err != nil || !isMore && stops {
				return // also where the reader is gone
			}
			if b = b[:0]; !isMore {
				break
			}
			if !stops { // look whether it has ended meanwhile, then go on
				w.rouse()
				break
			}
		}
	}
}

// isRevoked reports whether the token of a stream has ended since, or lost its rights.
func (s *server) isRevoked(c *call) bool {
	probe := &call{w: c.w, r: c.r, route: c.route, reqID: c.reqID}
	return s.authenticate(probe) != nil || c.route.allows(probe.token) != nil ||
		probe.token.Environment != c.token.Environment || probe.token.Application != c.token.Application
}

// appendEvent appends one event. JSON holds no line breaks of its own.
func (s *server) appendEvent(b []byte, h *happened) []byte {
	e := s.Tail.eventOf(h)
	b = append(append(b, "event: "...), e.Kind...)
	b = append(append(b, "\ndata: "...), encode(e)...)
	return s.appendPlace(append(b, '\n'), h.place)
}

// appendPlace ends an event, or stands alone: readers keep an id also where no data is with it.
func (s *server) appendPlace(b []byte, place int64) []byte {
	return append(append(append(b, "id: "...), s.Tail.nameOf(place)...), "\n\n"...)
}
