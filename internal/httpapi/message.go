package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/publish"
	"github.com/hookloft/hookloft/internal/store"
)

// postMessage is the hot path.
func (s *server) postMessage(c *call) error {
	withContent, err := c.q.boolean("with_content", true)
	if err != nil {
		return err
	}
	ref := c.param("app_id")
	if !isRef(ref) {
		return noApplication()
	}
	in, err := decodeMessage(c)
	if err != nil {
		return err
	}
	if c.token.IsPortal() { // a message token, see access.sends
		if ref, err = s.ownApplication(c, ref); err != nil {
			return err
		}
	}
	if err := s.refuseInternal(c, ref); err != nil {
		return err
	}
	now := s.now()
	draft, err := messageFromAPI(in, now)
	if err != nil {
		return err
	}
	if max(len(draft.Payload), len(draft.RawBody)) > s.o.MaxPayloadBytes {
		return tooLarge()
	}
	inline, err := inlineApplication(in.Application, c.param("app_id"))
	if err != nil {
		return err
	}
	if inline != nil {
		s.act(c)
		if !s.mayCreateApplication(c) {
			inline = nil
		}
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	done, err := s.Publisher.Publish(c.ctx(), publish.Request{
		Environment: &hook.Environment{ID: c.env()}, AppRef: ref, CreateApplication: inline, Message: draft, Key: key,
		StoreOnly: c.route.storesOnly,
	})
	if hook.KindOf(err) == hook.NotFound {
		return noApplication()
	}
	if err != nil {
		return conflictAs(err, "conflict", "A message with that eventId already exists")
	}
	// From here on the message is durable: a crash re-sends, it does not lose.
	out := s.messageToAPI(done.Message, done.Redaction, withContent, now)
	c.span.Text("msg_id", out.ID)
	c.span.Text("event_type", out.EventType)
	return c.raw(http.StatusAccepted, appendMessage(make([]byte, 0, 320+len(out.Payload)), &out))
}

// ownApplication returns the public id of the application that ref names when it is the
// one that the caller's token is bound to. From there on the id stands for it, because a
// uid may go to another application at any moment.
func (s *server) ownApplication(c *call, ref string) (string, error) {
	plan, err := s.Catalog.Plan(c.ctx(), c.env(), ref)
	if hook.KindOf(err) == hook.NotFound && err != nil || err == nil && plan.Application.ID != c.token.Application {
		return "", noApplication()
	}
	if err != nil {
		return "", err
	}
	return s.Catalog.Codec().Application(c.env(), plan.Application.ID), nil
}

// mayCreateApplication reports whether the caller may have an application made that the
// body carries, which is more than the operation itself allows.
func (s *server) mayCreateApplication(c *call) bool {
	return c.token.IsAPI() && c.token.MayDo(scopeOf("application.create", http.MethodPost))
}

// refuseInternal refuses to publish into the internal application of a source: what is
// there came from the provider. Such an application has no uid, so most publishes cost
// nothing here; the others read the plan that they are about to read anyway.
func (s *server) refuseInternal(c *call, ref string) error {
	if _, isID := s.Catalog.Codec().ParseApplication(c.env(), ref); !isID {
		return nil
	}
	plan, err := s.Catalog.Plan(c.ctx(), c.env(), ref)
	if hook.KindOf(err) == hook.NotFound && err != nil {
		return nil // the publisher says it in the contract's words
	}
	if err != nil {
		return err
	}
	if plan.Application.Source != 0 {
		return s.belongsToSource(plan.Application)
	}
	return nil
}

func noApplication() error {
	return &statusError{http.StatusNotFound, "not_found", "Application not found"}
}

// messageFromAPI makes a draft; publish checks the rules of a message.
func messageFromAPI(in api.MessageIn, now time.Time) (m hook.Message, err error) {
	m = hook.Message{EventType: in.EventType, Channels: in.Channels, Tags: in.Tags, Payload: in.Payload}
	field := "payload"
	if m.Payload == nil && in.Data != nil {
		m.Payload, field = in.Data, "data"
	}
	switch {
	case m.Payload == nil:
		return m, &hook.FieldError{Path: []string{"payload"}, Text: "missing field `payload`", Code: typeJSON}
	case !jsonObject(m.Payload):
		return m, hook.Fieldf(field, "must be a JSON object")
	}
	if m.EventID, err = uidIn("eventId", in.EventID); err != nil {
		return m, err
	}
	if len(m.Tags) == 0 {
		m.Tags = nil
	}
	if in.DeliverAt != nil {
		m.DeliverAt = in.DeliverAt.UTC().Truncate(time.Millisecond)
	}
	if in.ExpiresAt != nil {
		m.Deadline = in.ExpiresAt.UTC().Truncate(time.Millisecond)
	}
	if m.ContentExpiresAt, err = contentExpiry(in, now); err != nil {
		return m, err
	}
	if in.TransformationsParams == nil {
		return m, nil
	}
	return m, transformationsParams(&m, in.TransformationsParams)
}

// contentExpiry reads how long the content is kept; zero when the message does not say.
func contentExpiry(in api.MessageIn, now time.Time) (time.Time, error) {
	days, hours := in.PayloadRetentionPeriod, in.PayloadRetentionHours
	switch {
	case days != nil && hours != nil:
		return time.Time{}, hook.Fieldf("payloadRetentionHours", "must not be given together with payloadRetentionPeriod")
	case days != nil && (*days < 1 || *days > 90):
		return time.Time{}, hook.Fieldf("payloadRetentionPeriod", "must lie between 1 and 90 days")
	case hours != nil && (*hours < 1 || *hours > 2160):
		return time.Time{}, hook.Fieldf("payloadRetentionHours", "must lie between 1 and 2160 hours")
	case days != nil:
		return now.Add(time.Duration(*days) * 24 * time.Hour), nil
	case hours != nil:
		return now.Add(time.Duration(*hours) * time.Hour), nil
	}
	return time.Time{}, nil
}

// transformationsParams reads the keys that have a meaning here (CONTRACT 1.10):
// rawPayload, and headers.content-type.
func transformationsParams(m *hook.Message, raw []byte) error {
	const field = "transformationsParams"
	if !jsonObject(raw) {
		return hook.Fieldf(field, "must be a JSON object")
	}
	var params struct {
		RawPayload *string        `json:"rawPayload"`
		Headers    map[string]any `json:"headers"`
	}
	if err := json.Unmarshal(raw, &params); err != nil {
		return decodeError(err, "body", field)
	}
	m.TransformationsParams = raw
	if params.RawPayload != nil {
		m.RawBody = []byte(*params.RawPayload)
	}
	for name, value := range params.Headers {
		if !strings.EqualFold(name, "content-type") {
			continue
		}
		text, ok := value.(string)
		at := &hook.FieldError{Path: []string{field, "headers", cut(name, 64)}}
		switch {
		case !ok:
			at.Text = "must be a string"
			return at
		case hook.CheckHeaders("headers", map[string]string{"x-content-type": text}) != nil || text == "":
			at.Text = "must be a header value without control characters"
			return at
		}
		m.ContentType = text
	}
	return nil
}

func (s *server) listMessages(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	now := s.now()
	q := store.MessageQuery{Application: a.ID}
	if q.Window, err = window(c.q, now, s.messageKey(a.ID)); err != nil {
		return err
	}
	if q.WithContent, err = c.q.boolean("with_content", true); err != nil {
		return err
	}
	if q.EventTypes, q.Channel, q.Tag, err = messageFilter(c.q); err != nil {
		return err
	}
	return s.answerMessages(c, q, now)
}

// answerMessages answers with a page of messages.
func (s *server) answerMessages(c *call, q store.MessageQuery, now time.Time) error {
	seen, err := s.sight(c, q.Application)
	if err != nil {
		return err
	}
	q.Window.Look = s.look()
	list, err := s.History.Messages(c.ctx(), q)
	if err != nil {
		return err
	}
	codec := s.Catalog.Codec()
	out := lookedToAPI(list, q.Window, func(m *hook.Message) string { return codec.Message(q.Application, m.ID) },
		func(k hook.Key) string { return codec.Message(q.Application, hook.MessageID(k)) },
		func(m *hook.Message) api.MessageOut {
			return s.messageToAPI(m, seen.of(m.EventType), q.WithContent, now)
		})
	return c.raw(http.StatusOK, appendList(nil, out, appendMessage))
}

// messageKey reads iterators that name messages of an application.
func (s *server) messageKey(app hook.ApplicationID) func(string) (hook.Key, bool) {
	return func(id string) (hook.Key, bool) {
		m, ok := s.Catalog.Codec().ParseMessage(app, id)
		return hook.Key(m), ok
	}
}

// messageFilter reads the filters that lists of messages and of attempts share.
func messageFilter(q query) (eventTypes []string, channel, tag string, err error) {
	if eventTypes, err = q.list("event_types"); err != nil {
		return nil, "", "", err
	}
	for _, name := range eventTypes {
		if hook.CheckEventTypeName("event_types", name) != nil {
			return nil, "", "", invalidQuery("event_types", "must be names of event types")
		}
	}
	if channel, _, err = q.text("channel"); err != nil {
		return nil, "", "", err
	}
	tag, _, err = q.text("tag")
	return eventTypes, channel, tag, err
}

func (s *server) getMessage(c *call) error {
	_, m, err := s.message(c)
	if err != nil {
		return err
	}
	withContent, err := c.q.boolean("with_content", true)
	if err != nil {
		return err
	}
	seen, err := s.sight(c, m.Application)
	if err != nil {
		return err
	}
	out := s.messageToAPI(m, seen.of(m.EventType), withContent, s.now())
	return c.raw(http.StatusOK, appendMessage(nil, &out))
}

// message resolves the application and the message that the path names.
func (s *server) message(c *call) (*hook.Application, *hook.Message, error) {
	a, err := s.application(c)
	if err != nil {
		return nil, nil, err
	}
	id, err := s.messageID(c, a.ID)
	if err != nil {
		return nil, nil, err
	}
	m, err := s.History.Message(c.ctx(), a.ID, id)
	return a, m, err
}

// messageID resolves what the path calls the message: its id, or the user's own eventId
// while that is taken (CONTRACT 1.5).
func (s *server) messageID(c *call, app hook.ApplicationID) (hook.MessageID, error) {
	return s.messageNamed(c, app, c.param("msg_id"))
}

func (s *server) messageNamed(c *call, app hook.ApplicationID, ref string) (hook.MessageID, error) {
	if id, ok := s.Catalog.Codec().ParseMessage(app, ref); ok {
		return id, nil
	}
	if hook.CheckEventID("msg_id", ref) != nil {
		return 0, notFound()
	}
	return s.History.MessageByEventID(c.ctx(), app, ref)
}

func (s *server) expungeMessage(c *call) error {
	a, m, err := s.message(c)
	if err != nil {
		return err
	}
	if err := s.History.ExpungeMessage(c.ctx(), a.ID, m.ID); err != nil {
		return err
	}
	return c.empty()
}

// precheck answers whether any endpoint would get such a message.
func (s *server) precheck(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	in, err := decode[api.MessagePrecheckIn](c)
	if err != nil {
		return err
	}
	if err := hook.CheckEventTypeName("eventType", in.EventType); err != nil {
		return err
	}
	if err := hook.CheckChannels("channels", in.Channels); err != nil {
		return err
	}
	plan, err := s.Catalog.Plan(c.ctx(), c.env(), s.Catalog.Codec().Application(c.env(), a.ID))
	if err != nil {
		return err
	}
	active := false
	for _, e := range plan.Endpoints {
		active = active || !e.Disabled && e.Wants(in.EventType, in.Channels)
	}
	return c.json(http.StatusOK, api.MessagePrecheckOut{Active: active})
}
