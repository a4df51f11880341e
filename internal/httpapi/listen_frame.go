package httpapi

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// frame reads a message and returns what the client gets of it: the webhook, signed now,
// or word that its content is gone. hook.NotFound: there is no such message.
func (l *listenSession) frame(ctx context.Context, id hook.MessageID) (*api.ListenFrameOut, error) {
	ctx, cancel := context.WithTimeout(ctx, listenStoreTimeout)
	defer cancel()
	m, err := l.s.History.Message(ctx, l.app.ID, id)
	if hook.KindOf(err) == hook.NotFound {
		return nil, err
	}
	if err != nil {
		return nil, &storeError{err}
	}
	plan, err := l.s.Catalog.PlanOf(ctx, l.app.ID)
	if hook.KindOf(err) == hook.NotFound {
		return nil, errGone
	}
	if err != nil {
		return nil, &storeError{err}
	}
	f, now := l.frameOf(m), l.s.now()
	switch {
	case m.Expunged:
		f.Type, f.Reason = api.FrameSkipped, "expunged"
		return f, nil
	case m.Unreadable:
		f.Type, f.Reason = api.FrameSkipped, "unreadable"
		return f, nil
	case !m.HasContent(now):
		f.Type, f.Reason = api.FrameSkipped, "expired"
		return f, nil
	}
	f.Type, f.Channels, f.Tags, f.Body = api.FrameMessage, m.Channels, m.Tags, m.Body()
	l.addHeaders(f, m, &plan.Environment.Settings, now)
	if m.Inbound == nil {
		return f, nil
	}
	return f, l.addRequest(f, m)
}

// frameOf is what every frame about a message has.
func (l *listenSession) frameOf(m *hook.Message) *api.ListenFrameOut {
	at := m.Time().UTC()
	return &api.ListenFrameOut{
		ID: l.s.Catalog.Codec().Message(l.app.ID, m.ID), EventType: m.EventType, EventID: m.EventID, Timestamp: &at,
	}
}

// addHeaders signs the body as an endpoint's would be (CONTRACT 2.2).
func (l *listenSession) addHeaders(f *api.ListenFrameOut, m *hook.Message, settings *hook.Settings, now time.Time) {
	contentType := plainText(m.ContentType)
	if contentType == "" && m.Inbound == nil {
		contentType = "application/json"
	}
	if contentType != "" {
		f.Headers = append(f.Headers, [2]string{"Content-Type", contentType})
	}
	stamp, signature := strconv.FormatInt(now.Unix(), 10), string(l.signer.AppendSignature(nil, f.ID, now, m.Body()))
	add := func(family string) {
		f.Headers = append(f.Headers,
			[2]string{family + "-Id", f.ID}, [2]string{family + "-Timestamp", stamp}, [2]string{family + "-Signature", signature})
	}
	add("Webhook")
	if settings.SendSvixHeaders && !settings.WhitelabelHeaders {
		add("Svix")
	}
}

// addRequest adds the provider's request. One that cannot be made again is skipped.
func (l *listenSession) addRequest(f *api.ListenFrameOut, m *hook.Message) error {
	if l.s.Forward == nil {
		return &storeError{errors.New("nobody knows how webhooks are forwarded")}
	}
	req, headers, err := l.s.Forward(m, l.s.Catalog.Codec().Source(l.app.Environment, hook.SourceID(l.app.ID)))
	if err != nil {
		*f = *l.frameOf(m)
		f.Type, f.Reason = api.FrameSkipped, plainText(err.Error())
		return nil
	}
	f.Request = &req
	for _, h := range headers {
		// JSON is UTF-8; a value in another encoding loses what is none.
		f.Headers = append(f.Headers, [2]string{h[0], plainText(h[1])})
	}
	return nil
}
