package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/fanout"
	"github.com/hookloft/hookloft/internal/filter"
	"github.com/hookloft/hookloft/internal/hook"
)

func (s *server) getFilter(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, filterToAPI(e.Filter))
}

func (s *server) putFilter(c *call) error {
	in, err := decode[api.EndpointFilter](c)
	if err != nil {
		return err
	}
	if _, err := filterFromAPI(in.Filter); err != nil {
		return err
	}
	e, err := s.setFilter(c, &hook.Filter{Text: string(in.Filter)})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, filterToAPI(e.Filter))
}

func (s *server) deleteFilter(c *call) error {
	if _, err := s.setFilter(c, nil); err != nil {
		return err
	}
	return c.empty()
}

// setFilter gives the endpoint that the path names a filter, nil for none.
func (s *server) setFilter(c *call, f *hook.Filter) (*hook.Endpoint, error) {
	a, e, err := s.endpoint(c)
	if err != nil {
		return nil, err
	}
	now := s.now()
	return s.Catalog.UpdateEndpoint(c.ctx(), a.ID, e.ID, nil, func(e *hook.Endpoint) error {
		e.Filter, e.UpdatedAt = f, now
		return nil
	})
}

// filterFromAPI compiles a filter, or says which place in it is wrong.
func filterFromAPI(text json.RawMessage) (*filter.Filter, error) {
	if rawOrNil(text) == nil {
		return nil, hook.Fieldf("filter", "must be an object")
	}
	f, err := filter.Compile(text)
	var broken *filter.Error
	if errors.As(err, &broken) {
		return nil, &hook.FieldError{Path: append([]string{"filter"}, broken.Path...), Text: broken.Text}
	}
	return f, err
}

func filterToAPI(f *hook.Filter) api.EndpointFilter {
	if f == nil {
		return api.EndpointFilter{}
	}
	return api.EndpointFilter{Filter: json.RawMessage(f.Text)}
}

// testFilter asks a filter about a message. Nothing is changed.
func (s *server) testFilter(c *call) error {
	in, err := decode[api.FilterTestIn](c)
	if err != nil {
		return err
	}
	f, err := filterFromAPI(in.Filter)
	if err != nil {
		return err
	}
	var m *filter.Message
	if in.MsgID == nil {
		m, err = describedMessage(in)
	} else {
		m, err = s.storedMessage(c, in)
	}
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, decisionToAPI(f.Decide(m)))
}

// describedMessage is a message whose parts stand in the request.
func describedMessage(in api.FilterTestIn) (*filter.Message, error) {
	m := &filter.Message{Payload: rawOrNil(in.Payload), Metadata: in.Metadata, Channels: in.Channels}
	switch {
	case in.AppID != nil:
		return nil, hook.Fieldf("appId", "needs msgId")
	case in.RawPayload != nil && m.Payload != nil:
		return nil, hook.Fieldf("rawPayload", "may not stand beside payload")
	case in.RawPayload != nil:
		m.Payload = []byte(*in.RawPayload)
	}
	for name, value := range in.Headers {
		m.Header = append(m.Header, name, value)
	}
	if in.Query != nil {
		m.Query = *in.Query
	}
	if in.EventType != nil {
		m.EventType = *in.EventType
	}
	return m, nil
}

// storedMessage is a message of the caller's, as far as the caller may see it: what its event type
// redacts is asked about as it is shown, because a filter could be made to spell it out.
func (s *server) storedMessage(c *call, in api.FilterTestIn) (*filter.Message, error) {
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"payload", in.Payload != nil}, {"rawPayload", in.RawPayload != nil}, {"headers", in.Headers != nil}, {"query", in.Query != nil},
		{"metadata", in.Metadata != nil}, {"eventType", in.EventType != nil}, {"channels", in.Channels != nil},
	} {
		if f.given {
			return nil, hook.Fieldf(f.name, "may not stand beside msgId")
		}
	}
	if err := alsoNeeds(c, "message.get", http.MethodGet); err != nil {
		return nil, err
	}
	found, err := s.messageOf(c, in)
	if err != nil {
		return nil, err
	}
	m, err := s.History.Message(c.ctx(), found.Application, found.ID)
	if err != nil {
		return nil, err
	}
	if !m.HasContent(s.now()) {
		return nil, hook.Errorf(hook.MissingPayload, "message content is gone")
	}
	plan, err := s.Catalog.PlanOf(c.ctx(), m.Application)
	if err != nil {
		return nil, err
	}
	v, err := s.sight(c, m.Application)
	if err != nil {
		return nil, err
	}
	return seen(fanout.Asked(plan.Application, m), m.Inbound, v.of(m.EventType)), nil
}

// seen leaves out of a message what is not shown of it.
func seen(m *filter.Message, in *hook.Inbound, r *hook.Redaction) *filter.Message {
	if r != nil {
		m.Payload = visible(r, m.Payload)
	}
	if in == nil {
		return m
	}
	withhold := withheldOf(in.Provider)
	header := make([]string, 0, len(m.Header))
	for i := 0; i+1 < len(m.Header); i += 2 {
		header = append(header, m.Header[i], withhold.header(m.Header[i], m.Header[i+1]))
	}
	m.Header, m.Query = header, withhold.query(m.Query)
	if r != nil && m.Query != "" {
		m.Query = hook.Redacted
	}
	return m
}

// messageOf finds the message that a test names.
func (s *server) messageOf(c *call, in api.FilterTestIn) (*hook.Message, error) {
	if in.AppID == nil {
		if !isRef(*in.MsgID) {
			return nil, notFound()
		}
		m, err := s.messageAnywhere(c.ctx(), c.env(), *in.MsgID)
		if err != nil {
			return nil, err
		}
		return m, c.mayKnow(m.Application)
	}
	if !isRef(*in.AppID) {
		return nil, notFound()
	}
	a, err := s.applicationNamed(c, *in.AppID)
	if err != nil {
		return nil, err
	}
	id, err := s.messageNamed(c, a.ID, *in.MsgID)
	return &hook.Message{ID: id, Application: a.ID}, err
}

func decisionToAPI(d filter.Decision) api.FilterTestOut {
	out := api.FilterTestOut{Matches: d.Match, Why: d.Why()}
	if !d.Match {
		out.Clause = &api.FilterClause{Path: d.Clause.Path, Operator: orNil(d.Clause.Operator), Wanted: orNil(d.Clause.Wanted), Found: d.Clause.Found}
	}
	return out
}
