package httpapi

import (
	"slices"
	"strings"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// payloadOperations are those that show a payload, or what a receiver said about one, to
// people: what event types redact is left out of them unless the caller asks for it and
// may see it. What is delivered (listen, streams, polling) is whole.
var payloadOperations = []string{
	"message.list", "message.get", "message.events", "events.stream", "message.search", "message.get-raw-payload",
	"message-attempt.list-by-endpoint", "message-attempt.list-by-msg", "message-attempt.list", "message-attempt.get",
	"message-attempt.list-attempted-messages", "message-attempt.curl", "message.find", "message.find-in-application", "message-attempt.list-by-endpoint-deprecated", "ingest.log.list", "search.why",
	"endpoint.try-transformation", "source.endpoint.try-transformation", "destination.try-transformation",
}

var redactedParam = param{
	name: "redacted", kind: "boolean",
	summary: "false shows the values, too, that an event type redacts; for API tokens without scopes or with sensitive:read.",
}

// sight is what the caller sees of an application's payloads. The zero value sees everything.
type sight struct {
	redactions map[string]*hook.Redaction // by event type
	plan       *store.Plan                // of the application; not nil where there are redactions
}

// of returns what is left out of payloads of an event type; nil for nothing.
func (v sight) of(eventType string) *hook.Redaction { return v.redactions[eventType] }

// sight judges what the caller sees of an application's payloads. Where that cannot be
// told nothing is shown: the error ends the call.
func (s *server) sight(c *call, app hook.ApplicationID) (sight, error) {
	isWhole, err := c.wantsWhole()
	if err != nil || isWhole || app == c.env().Operational() { // whose event types are not the catalogue's
		return sight{}, err
	}
	plan, err := s.Catalog.PlanOf(c.ctx(), app)
	if err != nil {
		return sight{}, err
	}
	return sight{plan.Redactions, plan}, nil
}

// wantsWhole reports whether the caller asks for payloads with what is redacted, and
// refuses one who may not see that.
func (c *call) wantsWhole() (bool, error) {
	redacted, err := c.q.boolean(redactedParam.name, true)
	switch {
	case err != nil || redacted:
		return false, err
	case !c.token.IsAPI():
		return false, insufficientAccess()
	case !c.token.MayDo(hook.ScopeReadSensitive):
		return false, lacksScope(hook.ScopeReadSensitive)
	}
	return true, nil
}

// visible returns what is shown of a body: itself, with what is redacted left out, or one
// word where it is no JSON and so withheld whole.
func visible(r *hook.Redaction, body []byte) []byte {
	shown := r.Apply(body)
	if r != nil && string(shown) == hook.RedactedJSON {
		return []byte(hook.Redacted)
	}
	return shown
}

// needsMessages reports whether a list of attempts needs their messages: the event types
// decide whether the receivers' words are shown, because those often repeat the payload.
func (v sight) needsMessages(q *store.AttemptQuery) bool {
	return len(v.redactions) > 0 && q.WithContent
}

// hidesAnswer reports whether what a receiver answered about a message is withheld.
func (v sight) hidesAnswer(m *hook.Message) bool {
	if m == nil { // nobody knows its type
		return len(v.redactions) > 0
	}
	return v.of(m.EventType) != nil
}

// urlOf is where an attempt went; with hidden without what is redacted. A script may put the
// payload into any part of a URL, so that one is shown only where it is the endpoint's own.
func (v sight) urlOf(a *hook.Attempt, hidden bool) string {
	if !hidden || a.URL == "" {
		return a.URL
	}
	if e := v.plan.Endpoint(a.Endpoint); e != nil && e.URL == a.URL {
		return a.URL
	}
	return hook.Redacted
}

// repeatsPayload reports whether the words of an attempt's failure may hold what its payload
// does: a script throws what it is given, and a mail server refuses an addressee by name.
func repeatsPayload(a *hook.Attempt) bool {
	return a.Reason.IsTransformation() || strings.HasPrefix(a.URL, "smtp")
}

// failureOf is an attempt's failure in words; with hidden without what is redacted.
func failureOf(a *hook.Attempt, hidden bool) string {
	if hidden && a.Error != "" && repeatsPayload(a) {
		return hook.Redacted
	}
	return strings.ToValidUTF8(a.Error, "\uFFFD")
}

// shownOf tells whether the answer to one attempt is withheld from the caller, and what is
// shown of the attempt's URL.
func (s *server) shownOf(c *call, at *hook.Attempt) (hidden bool, url string, err error) {
	v, err := s.sight(c, at.Application)
	if err != nil || len(v.redactions) == 0 {
		return false, at.URL, err
	}
	m, err := s.History.Message(c.ctx(), at.Application, at.Message)
	if err != nil {
		return false, "", err
	}
	hidden = v.hidesAnswer(m)
	return hidden, v.urlOf(at, hidden), nil
}

// sightOfSource is what the caller sees of requests that a source rejected. Nobody knows
// their event type, so each of the environment's counts.
func (s *server) sightOfSource(c *call, src *hook.Source) ([]*hook.Redaction, error) {
	v, err := s.sight(c, src.ID.Application())
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(v.redactions))
	for name := range v.redactions {
		names = append(names, name)
	}
	slices.Sort(names)
	list := make([]*hook.Redaction, len(names))
	for i, name := range names {
		list[i] = v.redactions[name]
	}
	return list, nil
}
