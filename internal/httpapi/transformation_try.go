package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/transform"
)

// maxTried is how many messages one call may run a transformation on.
const maxTried = 20

// tryTransformation runs a transformation on messages as an attempt would, but for the
// request, and shows what it makes of each. What the caller may not see of a payload the
// script does not see either.
func (s *server) tryTransformation(c *call) error {
	in, err := decode[api.TransformationTryIn](c)
	if err != nil {
		return err
	}
	a, e, err := s.transformed(c)
	if err != nil {
		return err
	}
	script, err := s.triedScript(e, in)
	if err != nil {
		return err
	}
	messages, err := s.triedMessages(c, a, e, in)
	if err != nil {
		return err
	}
	out := api.TransformationTryOut{Data: []api.TransformationRunOut{}}
	for _, m := range messages {
		run, err := s.tryOn(c, e, script, m)
		if err != nil {
			return err
		}
		out.Data = append(out.Data, run)
	}
	return c.json(http.StatusOK, out)
}

// triedScript is the code that a call asks for: its own, or the endpoint's. Code of the
// call's own can tell what it is given, so it gets no variable of the endpoint's connector;
// those of the endpoint's own transformation whoever may call this could read by changing
// that. A connector's own code may show what it is given as well: it gets no secret.
func (s *server) triedScript(e *hook.Endpoint, in api.TransformationTryIn) (*hook.Transformation, error) {
	script := hook.Transformation{}
	switch own := e.Script(); {
	case e.Transformation != nil && (own == nil || own == e.Transformation || in.Code != nil): // perhaps one that does not run yet
		script = *e.Transformation
	case own != nil && in.Code == nil:
		script = *own
		script.Variables = connectorVariables(e.Connector, own.Variables)
	}
	if in.Code != nil {
		if err := hook.CheckCode("code", *in.Code); err != nil {
			return nil, err
		}
		script.Code = *in.Code
	}
	if in.Variables != nil {
		script.Variables = *in.Variables
	}
	if script.Code == "" {
		return nil, hook.Fieldf("code", "the endpoint has no transformation, so code must be given")
	}
	return &script, hook.CheckVariables("variables", script.Variables)
}

// triedMessages are the messages that a call asks for, without what the caller may not see.
func (s *server) triedMessages(c *call, a *hook.Application, e *hook.Endpoint, in api.TransformationTryIn) ([]*hook.Message, error) {
	given := 0
	for _, is := range []bool{in.Payload != nil, in.Text != nil, in.MessageID != nil, in.Last != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, hook.Fieldf("last", "give one of payload, text, messageId and last")
	}
	if (in.EventType != nil || in.Channels != nil) && in.Payload == nil {
		return nil, hook.Fieldf("eventType", "eventType and channels go with payload")
	}
	switch {
	case in.Payload != nil:
		m, err := triedPayload(a, in)
		return []*hook.Message{m}, err
	case in.Text != nil:
		if a.Source == 0 {
			return nil, hook.Fieldf("text", "is for endpoints of a source; what is published is JSON")
		}
		return []*hook.Message{{RawBody: []byte(*in.Text), Inbound: &hook.Inbound{}}}, nil
	case c.token.IsAPI() && !c.token.MayDo("message:read"):
		return nil, lacksScope("message:read")
	}
	seen, err := s.sight(c, a.ID)
	if err != nil {
		return nil, err
	}
	var found []*hook.Message
	if in.MessageID != nil {
		id, err := s.messageNamed(c, a.ID, *in.MessageID)
		if err != nil {
			return nil, err
		}
		m, err := s.History.Message(c.ctx(), a.ID, id)
		if err != nil {
			return nil, err
		}
		if !m.HasContent(s.now()) {
			return nil, hook.Errorf(hook.MissingPayload, "message without content")
		}
		found = append(found, m)
	} else {
		if *in.Last < 1 || *in.Last > maxTried {
			return nil, hook.Fieldf("last", "must lie between 1 and %d", maxTried)
		}
		list, err := s.History.Messages(c.ctx(), store.MessageQuery{
			Application: a.ID, EventTypes: e.EventTypes, Channels: e.Channels, WithContent: true, Window: store.Window{Limit: int(*in.Last)},
		})
		if err != nil {
			return nil, err
		}
		for _, m := range list.Rows {
			if m.HasContent(s.now()) {
				found = append(found, m)
			}
		}
	}
	for i, m := range found {
		found[i] = seenBy(m, seen.of(m.EventType))
	}
	return found, nil
}

func triedPayload(a *hook.Application, in api.TransformationTryIn) (*hook.Message, error) {
	m := &hook.Message{EventType: deref(in.EventType), Channels: nilIfEmpty(in.Channels), Payload: in.Payload}
	if in.EventType != nil {
		if err := hook.CheckEventTypeName("eventType", m.EventType); err != nil {
			return nil, err
		}
	}
	if err := hook.CheckChannels("channels", m.Channels); err != nil {
		return nil, err
	}
	if a.Source != 0 {
		m.Payload, m.RawBody, m.Inbound = nil, in.Payload, &hook.Inbound{}
	} else if jsontext.Value(in.Payload).Kind() != '{' {
		return nil, invalidAt(typeJSON, "must be an object", "body", "payload")
	}
	return m, nil
}

// seenBy is a message without what its event type redacts, and without the secrets of a
// provider's request.
func seenBy(m *hook.Message, r *hook.Redaction) *hook.Message {
	next := *m
	if m.Inbound != nil {
		in := *m.Inbound
		withhold := withheldOf(in.Provider)
		in.Query = withhold.query(in.Query)
		in.Header = nil
		for i := 0; i+1 < len(m.Inbound.Header); i += 2 {
			name, value := m.Inbound.Header[i], m.Inbound.Header[i+1]
			if hook.IsSensitiveHeader(name) || strings.EqualFold(name, "cookie") {
				value = withheldText
			}
			in.Header = append(in.Header, name, withhold.header(name, value))
		}
		if r != nil && in.Query != "" {
			in.Query = hook.Redacted
		}
		next.Inbound = &in
	}
	if r == nil {
		return &next
	}
	next.TransformationsParams = nil // where a raw body stands
	if m.RawBody != nil {
		next.RawBody = visible(r, m.RawBody)
	}
	if m.Payload != nil {
		next.Payload = r.Apply(m.Payload)
	}
	return &next
}

// tryOn runs a script on one message.
func (s *server) tryOn(c *call, e *hook.Endpoint, script *hook.Transformation, m *hook.Message) (api.TransformationRunOut, error) {
	id := ""
	out := api.TransformationRunOut{EventType: m.EventType, Before: strings.ToValidUTF8(string(m.Body()), "\uFFFD")}
	if m.ID != 0 {
		id = s.Catalog.Codec().Message(m.Application, m.ID)
		out.MessageID = &id
	}
	job := transform.JobOf(e, script, m, id, s.now())
	if e.Kind == hook.FIFOEndpoint {
		job.Webhook, job.Events = nil, []transform.Event{{Payload: m.Body(), EventType: m.EventType}}
	}
	r, err := s.runScript(c, job)
	var f *transform.Error
	if errors.As(err, &f) && !f.IsOurs {
		out.Outcome = "failed"
		failure := failureToAPI(f)
		out.Failure = &failure
		return out, nil
	}
	if err != nil {
		return out, failedScript(err)
	}
	out.Console = r.Console
	if r.Cancel {
		out.Outcome = "cancelled"
		return out, nil
	}
	out.Outcome, out.Method, out.URL, out.Headers = "sent", r.Method, r.URL, r.Headers
	after := m.Body()
	switch {
	case job.Events != nil:
		out.Method, out.URL, after = http.MethodPost, e.URL, r.Batch
	case r.Payload != nil:
		after = r.Payload
	default:
		out.IsUnchanged = true
	}
	text := strings.ToValidUTF8(string(after), "\uFFFD")
	out.After = &text
	changes, more, ok := transform.Diff(m.Body(), after)
	if !ok {
		return out, nil
	}
	out.Differences, out.HasMore = make([]api.Difference, 0, len(changes)), more
	for _, d := range changes {
		out.Differences = append(out.Differences, api.Difference{Op: d.Op, Path: plainText(d.Path), Value: d.To, From: d.From})
	}
	return out, nil
}
