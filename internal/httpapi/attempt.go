package httpapi

import (
	"net/http"
	"strconv"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// listAttemptsByEndpoint lists the attempts of one endpoint.
func (s *server) listAttemptsByEndpoint(c *call) error {
	a, ep, err := s.pastEndpointOfPath(c)
	if err != nil {
		return err
	}
	withMessage, err := c.q.boolean("with_msg", false)
	if err != nil {
		return err
	}
	return s.listAttempts(c, store.AttemptQuery{Application: a.ID, Endpoint: ep, WithMessage: withMessage})
}

// listAttemptsByMessage lists the attempts of one message, at all endpoints or at one.
func (s *server) listAttemptsByMessage(c *call) error {
	a, m, err := s.message(c)
	if err != nil {
		return err
	}
	q := store.AttemptQuery{Application: a.ID, Message: m.ID}
	ref, given, err := c.q.text("endpoint_id")
	if err != nil {
		return err
	}
	if given {
		if q.Endpoint, err = s.pastEndpoint(c, a, ref); err != nil {
			return err
		}
	}
	return s.listAttempts(c, q)
}

// listAttemptsOfPair lists the attempts of one message at one endpoint, as older
// clients ask for them.
func (s *server) listAttemptsOfPair(c *call) error {
	a, m, err := s.message(c)
	if err != nil {
		return err
	}
	endpoint, err := s.pastEndpoint(c, a, c.param("endpoint_id"))
	if err != nil {
		return err
	}
	return s.listAttempts(c, store.AttemptQuery{Application: a.ID, Message: m.ID, Endpoint: endpoint})
}

// pastEndpoint resolves an endpoint that may be deleted: its attempts are still there.
func (s *server) pastEndpoint(c *call, a *hook.Application, ref string) (hook.EndpointID, error) {
	if id, ok := s.Catalog.Codec().ParseEndpoint(a.ID, ref); ok {
		return id, nil
	}
	if id, ok := s.Catalog.Codec().ParseDestination(a.ID, ref); ok {
		return id, nil
	}
	if !isRef(ref) {
		return 0, notFound()
	}
	e, err := s.Catalog.Endpoint(c.ctx(), a.ID, ref)
	if err != nil {
		return 0, err
	}
	return e.ID, nil
}

// endpointID is how an endpoint is named: a destination has an id of its own kind.
func (s *server) endpointID(e *hook.Endpoint) string {
	if e.IsDestination() {
		return s.Catalog.Codec().Destination(e.Application, e.ID)
	}
	return s.Catalog.Codec().Endpoint(e.Application, e.ID)
}

// destinationNames returns how a history names what is a destination, beside the id of an
// endpoint, which is the only one that the contract's schemas let stand there; "" for an
// endpoint, and for one that is gone.
func (s *server) destinationNames(c *call, app hook.ApplicationID) (func(hook.EndpointID) string, error) {
	plan, err := s.Catalog.PlanOf(c.ctx(), app)
	if err != nil {
		return nil, err
	}
	return func(id hook.EndpointID) string {
		if e := plan.Endpoint(id); e != nil && e.IsDestination() {
			return s.endpointID(e)
		}
		return ""
	}, nil
}

// pastEndpointOfPath resolves the application and the endpoint that the path names, for a
// history: a deleted endpoint still has one.
func (s *server) pastEndpointOfPath(c *call) (*hook.Application, hook.EndpointID, error) {
	a, err := s.application(c)
	if err != nil {
		return nil, 0, err
	}
	ep, err := s.pastEndpoint(c, a, c.param("endpoint_id"))
	return a, ep, err
}

func (s *server) listAttempts(c *call, q store.AttemptQuery) error {
	now := s.now()
	codec := s.Catalog.Codec()
	var err error
	q.Window, err = window(c.q, now, func(id string) (hook.Key, bool) {
		at, ok := codec.ParseAttempt(q.Application, id)
		return hook.Key(at), ok
	})
	if err != nil {
		return err
	}
	if q.EventTypes, q.Channel, q.Tag, err = messageFilter(c.q); err != nil {
		return err
	}
	var expanded bool
	if q.WithContent, expanded, q.Statuses, err = outcomeFilter(c.q); err != nil {
		return err
	}
	if q.StatusClass, err = statusClass(c.q); err != nil {
		return err
	}
	seen, err := s.sight(c, q.Application)
	if err != nil {
		return err
	}
	names, err := s.destinationNames(c, q.Application)
	if err != nil {
		return err
	}
	withMessage := q.WithMessage
	q.WithMessage = withMessage || seen.needsMessages(&q)
	q.Window.Look = s.look()
	list, err := s.History.Attempts(c.ctx(), q)
	if err != nil {
		return err
	}
	out := lookedToAPI(list, q.Window, func(r store.Attempted) string { return codec.Attempt(q.Application, r.Attempt.ID) },
		func(k hook.Key) string { return codec.Attempt(q.Application, hook.AttemptID(k)) },
		func(r store.Attempted) api.MessageAttemptOut {
			hidden := seen.hidesAnswer(r.Message)
			a := s.attemptToAPI(r.Attempt, hidden, q.WithContent, expanded)
			a.URL = seen.urlOf(r.Attempt, hidden)
			a.Hookloft.DestinationID = names(r.Attempt.Endpoint)
			if withMessage && r.Message != nil {
				m := s.messageToAPI(r.Message, seen.of(r.Message.EventType), q.WithContent, now)
				a.Msg = &m
			}
			return a
		})
	return c.raw(http.StatusOK, appendList(nil, out, appendAttempt))
}

// outcomeFilter reads what lists of attempts and of deliveries share: whether content is
// wanted, whether canceled is shown as such, and the statuses to show.
func outcomeFilter(q query) (withContent, expanded bool, statuses []store.AttemptStatus, err error) {
	if withContent, err = q.boolean("with_content", true); err != nil {
		return false, false, nil, err
	}
	if expanded, err = q.boolean("expanded_statuses", false); err != nil {
		return false, false, nil, err
	}
	statuses, err = statusFilter(q, expanded)
	return withContent, expanded, statuses, err
}

// statusFilter reads which status is asked for. Without expanded_statuses a canceled
// delivery shows as success, so it is found as one.
func statusFilter(q query, expanded bool) ([]store.AttemptStatus, error) {
	word, err := q.oneOf("status", "", "0", "1", "2", "3", "4")
	if err != nil || word == "" {
		return nil, err
	}
	st := store.AttemptStatus(word[0] - '0')
	if st == store.StatusSuccess && !expanded {
		return []store.AttemptStatus{store.StatusSuccess, store.StatusCanceled}, nil
	}
	return []store.AttemptStatus{st}, nil
}

// statusClass reads status_code_class. The wire's 0 means no answer; the store's 0 no filter, its 1 no answer.
func statusClass(q query) (int, error) {
	word, err := q.oneOf("status_code_class", "", "0", "100", "200", "300", "400", "500")
	if err != nil || word == "" {
		return 0, err
	}
	class, err := strconv.Atoi(word)
	return max(class, 1), err
}

func (s *server) getAttempt(c *call) error {
	_, at, err := s.attempt(c)
	if err != nil {
		return err
	}
	expanded, err := c.q.boolean("expanded_statuses", false)
	if err != nil {
		return err
	}
	hidden, url, err := s.shownOf(c, at)
	if err != nil {
		return err
	}
	names, err := s.destinationNames(c, at.Application)
	if err != nil {
		return err
	}
	out := s.attemptToAPI(at, hidden, true, expanded)
	out.URL, out.Hookloft.DestinationID = url, names(at.Endpoint)
	return c.raw(http.StatusOK, appendAttempt(nil, &out))
}

// attempt resolves the application and the attempt that the path names.
func (s *server) attempt(c *call) (*hook.Application, *hook.Attempt, error) {
	a, err := s.application(c)
	if err != nil {
		return nil, nil, err
	}
	id, known := s.Catalog.Codec().ParseAttempt(a.ID, c.param("attempt_id"))
	if !known {
		return nil, nil, notFound()
	}
	m, err := s.messageID(c, a.ID)
	if err != nil {
		return nil, nil, err
	}
	at, err := s.History.Attempt(c.ctx(), a.ID, m, id)
	return a, at, err
}

func (s *server) expungeAttempt(c *call) error {
	a, at, err := s.attempt(c)
	if err != nil {
		return err
	}
	if err := s.History.ExpungeAttempt(c.ctx(), a.ID, at.Message, at.ID); err != nil {
		return err
	}
	return c.empty()
}

// listAttemptedMessages lists an endpoint's messages with what became of each.
func (s *server) listAttemptedMessages(c *call) error {
	a, ep, err := s.pastEndpointOfPath(c)
	if err != nil {
		return err
	}
	now := s.now()
	codec := s.Catalog.Codec()
	q := store.DeliveryQuery{Application: a.ID, Endpoint: ep}
	if q.Window, err = window(c.q, now, s.messageKey(a.ID)); err != nil {
		return err
	}
	if q.EventTypes, q.Channel, q.Tag, err = messageFilter(c.q); err != nil {
		return err
	}
	var expanded bool
	if q.WithContent, expanded, q.Statuses, err = outcomeFilter(c.q); err != nil {
		return err
	}
	seen, err := s.sight(c, a.ID)
	if err != nil {
		return err
	}
	q.Window.Look = s.look()
	list, err := s.History.AttemptedMessages(c.ctx(), q)
	if err != nil {
		return err
	}
	out := lookedToAPI(list, q.Window, func(r store.Delivered) string { return codec.Message(a.ID, r.Message.ID) },
		func(k hook.Key) string { return codec.Message(a.ID, hook.MessageID(k)) },
		func(r store.Delivered) api.EndpointMessageOut {
			m := api.EndpointMessageOut{MessageOut: s.messageToAPI(r.Message, seen.of(r.Message.EventType), q.WithContent, now), NextAttempt: nextAttempt(&r.Delivery)}
			m.Status, m.StatusText = statusToAPI(store.StatusOfDelivery(&r.Delivery), expanded)
			return m
		})
	return c.raw(http.StatusOK, appendList(nil, out, appendAttempted))
}

// listAttemptedDestinations lists the endpoints of a message with what became of it
// there, deleted ones too. A message has few, so they are paged here.
func (s *server) listAttemptedDestinations(c *call) error {
	a, m, err := s.message(c)
	if err != nil {
		return err
	}
	codec := s.Catalog.Codec()
	p, err := page(c.q, false, func(id string) (hook.EndpointID, bool) { return codec.ParseEndpoint(a.ID, id) })
	if err != nil {
		return err
	}
	deliveries, err := s.History.Deliveries(c.ctx(), a.ID, m.ID)
	if err != nil {
		return err
	}
	rows := pageOf(deliveries, p, func(d hook.Delivery) hook.EndpointID { return d.Endpoint })
	endpoints, err := s.endpointsOf(c, a, rows.Rows)
	if err != nil {
		return err
	}
	out := listToAPI(rows, func(d hook.Delivery) string { return codec.Endpoint(a.ID, d.Endpoint) },
		func(d hook.Delivery) api.MessageEndpointOut {
			o := api.MessageEndpointOut{EndpointOut: s.endpointToAPI(endpoints[d.Endpoint]), NextAttempt: nextAttempt(&d)}
			o.Status, o.StatusText = statusToAPI(store.StatusOfDelivery(&d), false)
			if d.Reason != hook.ReasonNone {
				o.Hookloft = &api.DestinationDetail{Reason: d.Reason.String(), Note: d.Note}
			}
			if e := endpoints[d.Endpoint]; e.IsDestination() {
				if o.Hookloft == nil {
					o.Hookloft = &api.DestinationDetail{}
				}
				o.Hookloft.DestinationID = s.endpointID(e)
				if o.URL == "" { // of a polling endpoint; the contract's schema wants one
					o.URL = "https://polling.invalid/"
				}
			}
			return o
		})
	return c.json(http.StatusOK, out)
}

// endpointsOf returns the endpoints of deliveries by id. One that is neither there
// nor remembered is shown by its id alone.
func (s *server) endpointsOf(c *call, a *hook.Application, list []hook.Delivery) (map[hook.EndpointID]*hook.Endpoint, error) {
	plan, err := s.Catalog.PlanOf(c.ctx(), a.ID)
	if err != nil {
		return nil, err
	}
	found := make(map[hook.EndpointID]*hook.Endpoint, len(list))
	var gone []hook.EndpointID
	for _, d := range list {
		if e := plan.Endpoint(d.Endpoint); e != nil {
			found[d.Endpoint] = e
		} else {
			gone = append(gone, d.Endpoint)
		}
	}
	if len(gone) == 0 {
		return found, nil
	}
	deleted, err := s.Catalog.DeletedEndpoints(c.ctx(), a.ID, gone)
	if err != nil {
		return nil, err
	}
	for _, e := range deleted {
		found[e.ID] = e
	}
	for _, id := range gone {
		if found[id] == nil {
			at := hook.Key(id).Time()
			found[id] = &hook.Endpoint{ID: id, Application: a.ID, URL: "https://deleted.invalid/", Disabled: true, CreatedAt: at, UpdatedAt: at}
		}
	}
	return found, nil
}

// pageOf pages a list in memory that rises by key.
func pageOf[R any, K ~int64](all []R, p store.Page[K], key func(R) K) store.Listed[R] {
	if p.HasAfter {
		kept := make([]R, 0, len(all))
		for _, r := range all {
			if p.Backward && key(r) < p.After || !p.Backward && key(r) > p.After {
				kept = append(kept, r)
			}
		}
		all = kept
	}
	if len(all) <= p.Limit {
		return store.Listed[R]{Rows: all}
	}
	if p.Backward {
		return store.Listed[R]{Rows: all[len(all)-p.Limit:], More: true}
	}
	return store.Listed[R]{Rows: all[:p.Limit], More: true}
}

// endpointDisabled refuses to send to an endpoint that gets nothing (CONTRACT 2.4): a
// 202 would promise an attempt that is never made.
func endpointDisabled() error {
	return &statusError{http.StatusBadRequest, "endpoint_disabled", "The endpoint is disabled and gets nothing; enable it first."}
}

// resend asks for one more attempt at once.
func (s *server) resend(c *call) error {
	a, m, err := s.message(c)
	if err != nil {
		return err
	}
	ref := c.param("endpoint_id")
	if !isRef(ref) {
		return notFound()
	}
	e, err := s.Catalog.Endpoint(c.ctx(), a.ID, ref)
	if err != nil {
		return err
	}
	if !m.HasContent(s.now()) {
		return hook.Errorf(hook.MissingPayload, "message content is gone")
	}
	if e.Disabled {
		return endpointDisabled()
	}
	body := c.prepare(http.StatusAccepted, api.Empty{})
	_, err = s.Ledger.Replay(c.ctx(), &store.Replay{
		Application: a.ID, Endpoint: e.ID, Messages: []hook.MessageID{m.ID}, Trigger: hook.Manual, Receipt: c.receipt,
	})
	if err != nil {
		return err
	}
	return c.raw(http.StatusAccepted, body)
}
