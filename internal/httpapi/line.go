package httpapi

import (
	"net/http"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// forceRetry lets the heads of an endpoint's lines be tried now.
func (s *server) forceRetry(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	if e.Disabled {
		return endpointDisabled()
	}
	s.Lanes.Hurry(e.ID)
	return c.empty()
}

// skipLine ends what stands at the head of an endpoint's lines, or all that was accepted up
// to a message. What is under way gets no further attempt.
func (s *server) skipLine(c *call) error {
	in, err := decodeOptional[api.SkipParams](c)
	if err != nil {
		return err
	}
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	ref, given := deref(in.Iterator), in.Iterator != nil
	if !given {
		if ref, given, err = c.q.text("iterator"); err != nil {
			return err
		}
	}
	var cancel store.Cancellation
	switch head, err := s.headOf(c, a, e); {
	case err != nil:
		return err
	case given:
		id, known := s.Catalog.Codec().ParseMessage(a.ID, ref)
		if !known {
			return hook.Fieldf("iterator", "must be the id of a message of the application")
		}
		cancel.Until = hook.Key(id)
	case head == nil:
		return c.empty() // nothing waits, so nothing is skipped
	default:
		cancel.Until, cancel.From = hook.Key(head.Delivery.Message), hook.Key(head.Delivery.Message)
		if end := head.Delivery.BatchEnd; end != (hook.PlaceInLine{}) {
			cancel.Until = max(cancel.Until, hook.Key(end.Message)) // what leaves in one request is skipped as one
			cancel.Line = head.Delivery.Line
		}
	}
	cancel.Application, cancel.Endpoint, cancel.Reason = a.ID, e.ID, hook.ReasonSkipped
	if _, err := s.Ledger.Cancel(c.ctx(), cancel); err != nil {
		return err
	}
	return c.empty()
}

func (s *server) getNextEvent(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	head, err := s.headOf(c, a, e)
	if err != nil {
		return err
	}
	if head == nil {
		return notFound()
	}
	return s.showEvent(c, a, head.Message)
}

func (s *server) getLastAckedEvent(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	head, err := s.headOf(c, a, e)
	if err != nil {
		return err
	}
	acked, err := s.lastAcked(c, a, e, head, true)
	if err != nil {
		return err
	}
	if acked == nil {
		return notFound()
	}
	return s.showEvent(c, a, acked.Message)
}

// showEvent answers with a message as the contract's streams show one: its payload as text.
func (s *server) showEvent(c *call, a *hook.Application, m *hook.Message) error {
	seen, err := s.sight(c, a.ID)
	if err != nil {
		return err
	}
	out := api.EventOut{EventType: m.EventType, Timestamp: m.Time().UTC()}
	if m.HasContent(s.now()) {
		out.Payload = string(visible(seen.of(m.EventType), m.Body()))
	}
	return c.json(http.StatusOK, out)
}

func (s *server) listDestinationAttempts(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	codec := s.Catalog.Codec()
	q := store.AttemptQuery{Application: a.ID, Endpoint: e.ID, Requests: true}
	q.Window, err = window(c.q, s.now(), func(id string) (hook.Key, bool) {
		at, ok := codec.ParseDestinationAttempt(a.ID, id)
		return hook.Key(at), ok
	})
	if err != nil {
		return err
	}
	if q.Statuses, err = statusFilter(c.q, false); err != nil {
		return err
	}
	if _, err := c.q.boolean("withContent", true); err != nil {
		return err
	}
	q.Window.Look = s.look()
	list, err := s.History.Attempts(c.ctx(), q)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, lookedToAPI(list, q.Window, func(r store.Attempted) string { return codec.DestinationAttempt(a.ID, r.Attempt.ID) },
		func(k hook.Key) string { return codec.DestinationAttempt(a.ID, hook.AttemptID(k)) },
		func(r store.Attempted) api.DestinationAttemptOut { return s.destinationAttemptToAPI(r.Attempt) }))
}

func (s *server) getDestinationAttempt(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	id, known := s.Catalog.Codec().ParseDestinationAttempt(a.ID, c.param("attempt_id"))
	if !known {
		return notFound()
	}
	list, err := s.History.Attempts(c.ctx(), store.AttemptQuery{
		Application: a.ID, Endpoint: e.ID, Window: store.Window{Limit: 1, From: hook.Key(id) + 1},
	})
	if err != nil {
		return err
	}
	if len(list.Rows) == 0 || list.Rows[0].Attempt.ID != id {
		return notFound()
	}
	return c.json(http.StatusOK, s.destinationAttemptToAPI(list.Rows[0].Attempt))
}

func (s *server) destinationAttemptToAPI(a *hook.Attempt) api.DestinationAttemptOut {
	codec := s.Catalog.Codec()
	first, last, n := a.Message, a.Message, 1
	if a.Batch != nil {
		first, last, n = a.Batch.First, a.Batch.Last, a.Batch.Count
	}
	from, to := codec.Message(a.Application, first), codec.Message(a.Application, last)
	out := api.DestinationAttemptOut{
		ID: codec.DestinationAttempt(a.Application, a.ID), DestinationID: codec.Destination(a.Application, a.Endpoint),
		FirstMsgID: &from, LastMsgID: &to, NumEvents: int64(n),
		ResponseDurationMS: a.Took.Milliseconds(), Timestamp: a.StartedAt.UTC().Truncate(time.Millisecond),
	}
	out.Status, out.StatusText = statusToAPI(store.StatusOfAttempt(a), false)
	return out
}

func (s *server) getOrder(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	if e.Order == nil && !e.IsLined() {
		return notFound()
	}
	return c.json(http.StatusOK, orderToAPI(e.Order))
}

// putOrder replaces an endpoint's order; what is absent is the default.
func (s *server) putOrder(c *call) error {
	in, err := decode[api.EndpointOrderInOut](c)
	if err != nil {
		return err
	}
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	o, err := orderFromAPI(in)
	if err != nil {
		return err
	}
	if e.IsDestination() && o.BatchSize == 0 {
		o.BatchSize = hook.DefaultBatchSize // a destination gets batches, be they of one
	}
	if a.Source != 0 && o.BatchSize != 0 {
		return hook.Fieldf("batchSize", "is not for an endpoint of a source, which gets the provider's request as it came")
	}
	now := s.now()
	e, err = s.Catalog.UpdateEndpoint(c.ctx(), a.ID, e.ID, nil, func(e *hook.Endpoint) error {
		e.Order, e.UpdatedAt = &o, now
		return e.CheckTogether()
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, orderToAPI(e.Order))
}

func (s *server) deleteOrder(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	now := s.now()
	_, err = s.Catalog.UpdateEndpoint(c.ctx(), a.ID, e.ID, nil, func(e *hook.Endpoint) error {
		e.Order, e.UpdatedAt = nil, now
		return nil
	})
	if err != nil {
		return err
	}
	return c.empty()
}

func orderFromAPI(in api.EndpointOrderInOut) (o hook.Order, err error) {
	if in.SkipAfter < 0 || in.SkipAfter > hook.MaxSkipAfter {
		return o, hook.Fieldf("skipAfter", "must lie between 0 and %d", hook.MaxSkipAfter)
	}
	o = hook.Order{Key: in.Key, SkipAfter: int(in.SkipAfter), Lines: in.Lines}
	if in.BatchSize != 0 {
		if err := setBatchSize(&o, in.BatchSize); err != nil {
			return o, err
		}
	}
	if o.MaxWait, err = waitFromAPI(in.MaxWaitSecs); err != nil {
		return o, err
	}
	return o, o.Validate()
}

func orderToAPI(o *hook.Order) api.EndpointOrderInOut {
	if o == nil {
		o = &hook.Order{}
	}
	return api.EndpointOrderInOut{
		Key: o.Key, SkipAfter: int64(o.SkipAfter), BatchSize: int64(o.BatchSize), MaxWaitSecs: int64(o.MaxWait / time.Second), Lines: o.Lines,
	}
}
