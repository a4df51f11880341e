package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// maxWaitingCounted is how many rows an answer counts: a tenth of a second's work.
const maxWaitingCounted = 100_000

// held is what an operation on holds is about: an endpoint, or an application with all of its own.
type held struct {
	app *hook.Application
	ep  *hook.Endpoint // nil for the application
}

func (s *server) held(c *call) (h held, err error) {
	if strings.Contains(c.route.path, "{endpoint_id}") || strings.Contains(c.route.path, "{destination_id}") {
		h.app, h.ep, err = s.endpoint(c)
		return h, err
	}
	h.app, err = s.application(c)
	return h, err
}

func (s *server) getHold(c *call) error {
	h, err := s.held(c)
	if err != nil {
		return err
	}
	return s.answerHold(c, h)
}

func (s *server) answerHold(c *call, h held) error {
	out, err := s.holdToAPI(c, h)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, out)
}

// pause puts an endpoint or an application on hold. One that is on hold stays so since when it
// was, and gets the note that is given.
func (s *server) pause(c *call) error {
	in, err := decodeOptional[api.HoldIn](c)
	if err != nil {
		return err
	}
	h, err := s.held(c)
	if err != nil {
		return err
	}
	note := ""
	if in.Note != nil {
		note = *in.Note
	}
	begin, err := hook.NewHold(note, s.now())
	if err != nil {
		return err
	}
	return s.changeHold(c, h, func(old *hook.Hold) (*hook.Hold, error) {
		if !old.IsOn() {
			return begin, nil
		}
		next := *old
		if in.Note != nil {
			next.Note = note
		}
		return &next, nil
	})
}

// resume ends a hold. What waited is sent at the pace that is given; without one, or where
// nothing waits, the hold is gone. An endpoint that rests after failures is probed at once.
func (s *server) resume(c *call) error {
	in, err := decodeOptional[api.ResumeIn](c)
	if err != nil {
		return err
	}
	h, err := s.held(c)
	if err != nil {
		return err
	}
	pace := 0
	if in.DrainRate != nil {
		if *in.DrainRate < 1 || *in.DrainRate > 65535 {
			return hook.Fieldf("drainRate", "must lie between 1 and 65535")
		}
		pace = int(*in.DrainRate)
	}
	now := s.now()
	err = s.changeHold(c, h, func(old *hook.Hold) (*hook.Hold, error) {
		if old.IsDraining() && pace > 0 { // only the pace is new
			next := *old
			next.DrainRate = pace
			return &next, nil
		}
		return old.Resumed(pace, now)
	})
	if err == nil && h.ep != nil {
		s.Lanes.Hurry(h.ep.ID)
	}
	return err
}

// changeHold changes a hold and answers what has come of it.
func (s *server) changeHold(c *call, h held, change func(*hook.Hold) (*hook.Hold, error)) (err error) {
	now := s.now()
	if h.ep == nil {
		h.app, err = s.Catalog.UpdateHold(c.ctx(), h.app.ID, nil, change)
	} else {
		h.ep, err = s.Catalog.UpdateEndpoint(c.ctx(), h.app.ID, h.ep.ID, nil, func(e *hook.Endpoint) (err error) {
			e.Hold, err = change(e.Hold)
			e.UpdatedAt = now
			return err
		})
	}
	if err != nil {
		return err
	}
	if hold := h.hold(); hold.IsDraining() {
		// Where nothing waits, no lane would ever notice that it is done.
		n, _, err := s.countWaiting(c, h, hold.ResumedAt.Add(-time.Millisecond), 1)
		if err != nil {
			return err
		}
		if n == 0 {
			if err := s.endHold(c, &h, hold.ResumedAt); err != nil {
				return err
			}
		}
	}
	return s.answerHold(c, h)
}

// endHold removes a hold that has nothing left to make up for.
func (s *server) endHold(c *call, h *held, until time.Time) (err error) {
	ended := func(old *hook.Hold) *hook.Hold {
		if old.IsDraining() && old.ResumedAt.Equal(until) {
			return nil
		}
		return old
	}
	if h.ep == nil {
		h.app, err = s.Catalog.UpdateHold(c.ctx(), h.app.ID, nil, func(old *hook.Hold) (*hook.Hold, error) { return ended(old), nil })
		return err
	}
	h.ep, err = s.Catalog.UpdateEndpoint(c.ctx(), h.app.ID, h.ep.ID, nil, func(e *hook.Endpoint) error {
		e.Hold = ended(e.Hold)
		return nil
	})
	return err
}

func (h *held) hold() *hook.Hold {
	if h.ep != nil {
		return h.ep.Hold
	}
	return h.app.Hold
}

// countWaiting counts what is due at now and waits in the store.
func (s *server) countWaiting(c *call, h held, now time.Time, most int) (n int, isMore bool, err error) {
	if h.ep != nil {
		return s.Search.CountWaiting(c.ctx(), h.ep.ID, now, most)
	}
	plan, err := s.Catalog.PlanOf(c.ctx(), h.app.ID)
	if err != nil {
		return 0, false, err
	}
	for _, e := range plan.Endpoints {
		count, isMore, err := s.Search.CountWaiting(c.ctx(), e.ID, now, most-n)
		if n += count; err != nil || isMore {
			return n, isMore, err
		}
	}
	return n, false, nil
}

func (s *server) holdToAPI(c *call, h held) (out api.HoldOut, err error) {
	out.State = "open"
	own, by := h.hold(), "application"
	if h.app.Source != 0 {
		by = "source"
	}
	at := h.app.Hold
	switch {
	case h.ep == nil:
	case own.IsOn():
		by, at = "endpoint", own
	case at.IsOn():
	case h.ep.AwaitsConsent():
		by, at = "consent", nil
		out.State, out.By, out.Reason = "held", &by, orNil(hook.ReasonUnverified.String())
	case own.IsDraining():
		by, at = "endpoint", own
	}
	if at != nil {
		out.State, out.By = "draining", &by
		if at.IsOn() {
			out.State, out.Reason = "held", orNil(hook.ReasonPaused.String())
		}
		out.Since, out.Note, out.ResumedAt, out.DrainRate = timeOrNil(at.Since), orNil(at.Note), timeOrNil(at.ResumedAt), orNil(int64(at.DrainRate))
	}
	n, isMore, err := s.countWaiting(c, h, s.now(), maxWaitingCounted)
	out.Waiting, out.Approximated = int64(n), isMore
	if h.ep != nil {
		b := s.Lanes.Breaker(h.ep.ID)
		out.Breaker = &api.BreakerOut{State: "closed", Failures: int64(b.Failures)}
		switch {
		case b.IsOpen:
			out.Breaker.State, out.Breaker.NextProbeAt = "resting", timeOrNil(b.ProbeAt)
		case b.IsRecovering:
			out.Breaker.State = "recovering"
		}
	}
	return out, err
}

// heldReasons says why endpoints of deliveries are on hold; those that are not are left out.
func (s *server) heldReasons(c *call, app hook.ApplicationID, list []hook.Delivery) (map[hook.EndpointID]hook.Reason, error) {
	if len(list) == 0 {
		return nil, nil
	}
	plan, err := s.Catalog.PlanOf(c.ctx(), app)
	if err != nil {
		return nil, err
	}
	held := map[hook.EndpointID]hook.Reason{}
	for i := range list {
		if e := plan.Endpoint(list[i].Endpoint); e != nil && e.IsHeld(plan.Application.Hold) {
			held[e.ID] = e.HeldReason(plan.Application.Hold)
		}
	}
	return held, nil
}

// holdVerdict says in words that an endpoint is on hold, "" where it is not, with what waits
// there and whether it rests after failures.
func (s *server) holdVerdict(c *call, e *hook.Endpoint) (verdict, next string, facts []api.WhyFact, err error) {
	plan, err := s.Catalog.PlanOf(c.ctx(), e.Application)
	if err != nil || plan.Endpoint(e.ID) == nil {
		return "", "", nil, err
	}
	h := held{app: plan.Application, ep: e}
	out, err := s.holdToAPI(c, h)
	if err != nil {
		return "", "", nil, err
	}
	waiting := strconv.FormatInt(out.Waiting, 10)
	if out.Approximated {
		waiting = "more than " + waiting
	}
	if out.Waiting > 0 {
		facts = append(facts, api.WhyFact{Name: "waiting", Value: waiting})
	}
	if at := out.Breaker.NextProbeAt; at != nil {
		facts = append(facts, api.WhyFact{Name: "rests until", Value: at.UTC().Format(time.RFC3339) + " after " + timesText(int(out.Breaker.Failures)) + " failed in a row"})
	}
	if why := e.HeldReason(plan.Application.Hold); why != hook.ReasonNone {
		said := hook.Explain(why)
		verdict, next = "On hold. "+said.Words+".", said.Next
		if *out.By == "application" || *out.By == "source" {
			verdict, next = "On hold, because its "+*out.By+" is paused.", "Resume the "+*out.By+": what is held is sent then."
		}
		if out.Since != nil {
			facts = append(facts, api.WhyFact{Name: "on hold since", Value: out.Since.UTC().Format(time.RFC3339)})
		}
		if out.Note != nil {
			facts = append(facts, api.WhyFact{Name: "note", Value: plainText(*out.Note)})
		}
	} else if out.State == "draining" {
		facts = append(facts, api.WhyFact{Name: "sends what waited", Value: strconv.FormatInt(*out.DrainRate, 10) + " a second"})
	}
	return verdict, next, facts, nil
}

func (s *server) getLatest(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, latestToAPI(e.Latest))
}

func (s *server) putLatest(c *call) error {
	in, err := decode[api.EndpointLatestIn](c)
	if err != nil {
		return err
	}
	var want *hook.Latest
	if in.Key != nil || in.WindowSeconds != nil {
		want = &hook.Latest{}
		if in.Key != nil {
			want.Key = *in.Key
		}
		if in.WindowSeconds != nil {
			// Far beyond the bounds, and not so far that it overflows.
			want.Window = time.Duration(min(max(*in.WindowSeconds, 0), 1<<20)) * time.Second
		}
		if err := want.Validate(); err != nil {
			return err
		}
	}
	if err := s.setLatest(c, want); err != nil {
		return err
	}
	return c.json(http.StatusOK, latestToAPI(want))
}

func (s *server) deleteLatest(c *call) error {
	if err := s.setLatest(c, nil); err != nil {
		return err
	}
	return c.empty()
}

func (s *server) setLatest(c *call, want *hook.Latest) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	now := s.now()
	_, err = s.Catalog.UpdateEndpoint(c.ctx(), a.ID, e.ID, nil, func(e *hook.Endpoint) error {
		if want != nil && e.IsOrdered() {
			return hook.Errorf(hook.Conflict, "the endpoint keeps an order or a feed: each of its messages has its place, so none is left out")
		}
		e.Latest, e.UpdatedAt = want, now
		return nil
	})
	return err
}

func latestToAPI(l *hook.Latest) api.EndpointLatestOut {
	if l == nil {
		return api.EndpointLatestOut{}
	}
	seconds := int64(l.Window / time.Second)
	patience := hook.LatestPatience * seconds
	return api.EndpointLatestOut{Enabled: true, Key: orNil(l.Key), WindowSeconds: &seconds, MaxWaitSeconds: &patience}
}
