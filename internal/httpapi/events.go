package httpapi

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// listEvents reads an application's messages in the order in which they were committed.
// Ids are drawn inside the commit and rise, so whoever reads on from an id misses nothing.
func (s *server) listEvents(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	return s.readLog(c, a.ID)
}

// streamEvents reads the operational webhooks of the environment: the messages of its
// operational application, which has the environment's row key.
func (s *server) streamEvents(c *call) error { return s.readLog(c, hook.ApplicationID(c.env())) }

// readLog answers with the messages of an application from the iterator on, oldest first.
func (s *server) readLog(c *call, app hook.ApplicationID) error {
	limit, err := c.q.limit()
	if err != nil {
		return err
	}
	now := s.now()
	from, err := s.logPosition(c.q, app, now)
	if err != nil {
		return err
	}
	q := store.MessageQuery{Application: app, WithContent: true, Window: store.Window{Limit: limit, From: from, Backward: true}}
	if q.EventTypes, err = eventTypesIn(c.q); err != nil {
		return err
	}
	if q.Channels, err = c.q.list("channels"); err != nil {
		return err
	}
	if len(q.Channels) > 0 {
		if err := hook.CheckChannels("channels", q.Channels); err != nil {
			return invalidQuery("channels", "must be 1 to 10 names of channels")
		}
	}
	seen, err := s.sight(c, app)
	if err != nil {
		return err
	}
	list, err := s.History.Messages(c.ctx(), q)
	if err != nil {
		return err
	}
	codec := s.Catalog.Codec()
	if n := len(list.Rows); n > 0 {
		from = hook.Key(list.Rows[0].ID) // the newest comes first
	}
	slices.Reverse(list.Rows)
	body := []byte(`{"data":[`)
	for i, m := range list.Rows {
		if i > 0 {
			body = append(body, ',')
		}
		out := s.messageToAPI(m, seen.of(m.EventType), true, now)
		body = appendMessage(body, &out)
	}
	body = append(append(body, `],"iterator":"`...), codec.Message(app, hook.MessageID(from))...)
	if list.More {
		return c.raw(http.StatusOK, append(body, `","done":false}`...))
	}
	return c.raw(http.StatusOK, append(body, `","done":true}`...))
}

// logPosition reads iterator and after. An iterator is the public form of the last row key
// that was read, whether a message has it or not; without either the log is read from the
// oldest message that a list may show.
func (s *server) logPosition(q query, app hook.ApplicationID, now time.Time) (hook.Key, error) {
	at, err := q.cursor()
	if err != nil {
		return 0, err
	}
	after, err := q.time("after")
	if err != nil {
		return 0, err
	}
	if at.given {
		id, ok := s.Catalog.Codec().ParseMessage(app, at.id)
		if !ok || at.backward {
			return 0, badIterator()
		}
		return hook.Key(id), nil
	}
	if after.IsZero() {
		after = now.Add(-historyDays)
	}
	// The least position is a key whose time an id can hold (see hook.Codec).
	return max(hook.KeyAt(after), hook.KeyAt(time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC))) - 1, nil
}

// searchMessages is listMessages with the parameters in the body.
func (s *server) searchMessages(c *call) error {
	in, err := decode[api.MessageSearchIn](c)
	if err != nil {
		return err
	}
	a, err := s.application(c)
	if err != nil {
		return err
	}
	// The rules are those of the query; what breaks them is said of the body.
	values := map[string][]string{}
	set := func(name string, value *string) {
		if value != nil {
			values[name] = []string{*value}
		}
	}
	set("iterator", in.Iterator)
	set("channel", in.Channel)
	set("tag", in.Tag)
	for name, at := range map[string]*time.Time{"before": in.Before, "after": in.After} {
		if at != nil {
			values[name] = []string{at.UTC().Format(time.RFC3339Nano)}
		}
	}
	q := query{values}
	now := s.now()
	m := store.MessageQuery{Application: a.ID, EventTypes: in.EventTypes, WithContent: in.WithContent}
	if m.Window, err = window(q, now, s.messageKey(a.ID)); err != nil {
		return inBody(err)
	}
	if in.Limit != nil {
		if *in.Limit < 1 || *in.Limit > 250 {
			return hook.Fieldf("limit", "must lie between 1 and 250")
		}
		m.Window.Limit = int(*in.Limit)
	}
	for _, name := range in.EventTypes {
		if err := hook.CheckEventTypeName("event_types", name); err != nil {
			return err
		}
	}
	if _, m.Channel, m.Tag, err = messageFilter(q); err != nil {
		return inBody(err)
	}
	return s.answerMessages(c, m, now)
}

// inBody says of a field of the body what was said of a query parameter.
func inBody(err error) error {
	if list, ok := errors.AsType[invalid](err); ok {
		for i := range list {
			list[i].Loc = append([]string{"body"}, list[i].Loc[1:]...)
		}
	}
	if bad, ok := errors.AsType[*statusError](err); ok && bad.status == http.StatusBadRequest {
		for _, name := range []string{"channel", "tag", "iterator"} {
			if strings.Contains(bad.detail, "parameter "+name+" ") {
				return hook.Fieldf(name, "must not contain control characters")
			}
		}
	}
	return err
}

// getRawPayload shows the bytes that are signed and sent.
func (s *server) getRawPayload(c *call) error {
	_, m, err := s.message(c)
	if err != nil {
		return err
	}
	if !m.HasContent(s.now()) {
		return hook.Errorf(hook.MissingPayload, "message content is gone")
	}
	seen, err := s.sight(c, m.Application)
	if err != nil {
		return err
	}
	body := visible(seen.of(m.EventType), m.Body())
	out := api.MessageRawPayloadOut{Payload: string(body)}
	if !utf8.ValidString(out.Payload) {
		out.Payload = base64.StdEncoding.EncodeToString(body)
		c.w.Header().Set("Hookloft-Payload-Encoding", "base64")
	}
	return c.json(http.StatusOK, out)
}

// SentHeaders makes again the header fields of an attempt, as names and values by turns, in
// the order in which they were sent.
type SentHeaders func(ctx context.Context, m *hook.Message, ep *hook.Endpoint, env *hook.Environment, a *hook.Attempt) ([]string, error)

// getAttemptHeaders shows what an attempt sent, made again from what is known now, and what
// it was answered. Custom headers and keys may have changed since; a key that is gone cannot
// sign any more.
func (s *server) getAttemptHeaders(c *call) error {
	a, at, err := s.attempt(c)
	if err != nil {
		return err
	}
	m, err := s.History.Message(c.ctx(), a.ID, at.Message)
	if err != nil {
		return err
	}
	plan, err := s.Catalog.PlanOf(c.ctx(), a.ID)
	if err != nil {
		return err
	}
	out := api.MessageAttemptHeadersOut{SentHeaders: map[string]string{}, Sensitive: []string{}, ResponseHeaders: answeredHeaders(at)}
	if ep := plan.Endpoint(at.Endpoint); ep != nil && m.HasContent(s.now()) {
		fields, err := s.SentHeaders(c.ctx(), m, ep, plan.Environment, at)
		if err != nil {
			return err
		}
		var withhold withheld
		if m.Inbound != nil {
			withhold = withheldOf(m.Inbound.Provider)
		}
		for i := 0; i+1 < len(fields); i += 2 {
			name, value := plainText(fields[i]), plainText(fields[i+1])
			if isProof(ep, withhold, name) {
				if !slices.Contains(out.Sensitive, name) {
					out.Sensitive = append(out.Sensitive, name)
				}
				continue
			}
			if before, twice := out.SentHeaders[name]; twice {
				value = before + ", " + value
			}
			out.SentHeaders[name] = value
		}
		slices.Sort(out.Sensitive)
	}
	return c.json(http.StatusOK, out)
}

// isProof reports whether a header's value is withheld: it is what a request proves itself with.
func isProof(ep *hook.Endpoint, withhold withheld, name string) bool {
	return hook.IsSensitiveHeader(name) || withhold.has(name) || strings.EqualFold(name, "cookie") || isTokenOf(ep, name) || isKeyOf(ep, name)
}

// isTokenOf reports whether a header carries the token of an endpoint's request.
func isTokenOf(ep *hook.Endpoint, name string) bool {
	return ep.Shape != nil && ep.Shape.Token != nil && ep.Shape.Token.In == hook.InHeader && strings.EqualFold(ep.Shape.Token.Name, name)
}

// isKeyOf reports whether a header carries the API key of an endpoint's credentials.
func isKeyOf(ep *hook.Endpoint, name string) bool {
	return ep.Credentials != nil && ep.Credentials.APIKey != nil && ep.Credentials.APIKey.In == hook.InHeader &&
		strings.EqualFold(ep.Credentials.APIKey.Name, name)
}

// answeredHeaders splits the header block of an answer; nil without one.
func answeredHeaders(a *hook.Attempt) (out [][]string) {
	if a.Expunged || len(a.Header) == 0 {
		return nil
	}
	for line := range strings.SplitSeq(string(a.Header), "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if ok {
			out = append(out, []string{plainText(name), plainText(strings.TrimSpace(value))})
		}
	}
	return out
}
