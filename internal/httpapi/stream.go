package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// A stream is an application's messages as server-sent events (WHATWG HTML section 9.2),
// for pages that stay open. It reads the history after the message that the reader saw
// last, so a reader that comes back misses nothing, and one that is slow is sent what it
// takes: of each connection one page of rows and some events are in memory. What is
// written at once, streamBuffer, ends after the first event that exceeds it.
const (
	streamPage   = 64
	streamBuffer = 64 << 10
	// maxEventID bounds what a reader sends as the last id that it saw; ours have 31 characters.
	maxEventID = 64
)

// streamMessages serves GET .../stream until the reader goes away.
func (s *server) streamMessages(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	r := &streamReader{s: s, c: c, app: a}
	if r.filter, err = readListenFilter(c.q); err != nil {
		return err
	}
	if r.after, err = s.streamFrom(c, a); err != nil {
		return err
	}
	if _, err := s.sight(c, a.ID); err != nil {
		return err
	}
	header := c.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer") // the token may stand in the URL
	header.Set("X-Accel-Buffering", "no")        // nginx would hold the events back
	if c.r.Method == http.MethodHead {
		c.status = http.StatusOK
		return nil
	}
	if r.seat, err = s.Listening.watch(a); err != nil {
		header.Del("Content-Type")
		return err
	}
	defer s.Listening.leave(r.seat)
	c.status, c.switched = http.StatusOK, true
	c.w.WriteHeader(http.StatusOK)
	r.run()
	return nil // however it ended, it has been answered
}

// streamFrom reads where a stream begins: after the message that the reader saw last, or
// at a time, or now.
func (s *server) streamFrom(c *call, a *hook.Application) (hook.MessageID, error) {
	// A browser sends the header when it comes back, with the URL of the first time: so the
	// header is the newer one.
	last, place := c.r.Header.Get("Last-Event-Id"), []string{"header", "last-event-id"}
	if last == "" {
		text, _, err := c.q.text("last_event_id")
		if err != nil {
			return 0, err
		}
		last, place = text, []string{"query", "last_event_id"}
	}
	since, err := c.q.time("since")
	switch {
	case err != nil:
		return 0, err
	case since.After(s.now().Add(time.Minute)):
		return 0, invalidQuery("since", "must not lie in the future")
	case last == "":
		return s.listenFrom(since), nil
	}
	id, ok := hook.MessageID(0), false
	if len(last) <= maxEventID {
		id, ok = s.Catalog.Codec().ParseMessage(a.ID, last)
	}
	if !ok {
		return 0, invalidAt("value_error", "must be the id of a message of this application", place...)
	}
	return id, nil
}

// streamReader is one connection.
type streamReader struct {
	s      *server
	c      *call
	app    *hook.Application
	seat   *listenSeat
	filter listenFilter
	// after is the last message that was looked at, and told the last one whose id the reader knows.
	after, told hook.MessageID
	buffer      bytes.Buffer
}

// run writes until the reader goes away, the server drains or the token ends.
func (r *streamReader) run() {
	r.told = r.after
	r.buffer.WriteString("retry: 2000\n: streaming\n\n")
	if r.isBeyond() {
		r.event("missed", "", encode(api.StreamMissed{After: r.id(r.after)}))
	}
	alive, poll := time.NewTicker(heartbeat), time.NewTicker(listenPollEvery)
	defer alive.Stop()
	defer poll.Stop()
	for {
		if err := r.more(); err != nil {
			if hook.KindOf(err) != hook.NotFound && r.c.ctx().Err() == nil && !errors.As(err, new(*writeError)) {
				r.s.Log.Warn("a stream cannot be served", telemetry.KeyError, err, telemetry.KeyRequest, r.c.reqID)
			}
			return
		}
		select {
		case <-r.c.ctx().Done():
			return
		case <-r.seat.asked:
			r.event("end", "", []byte("{}"))
			_ = r.flush() // the reader may be gone
			return
		case <-r.seat.wake:
		case <-poll.C:
		case <-alive.C:
			if r.s.isRevoked(r.c) {
				return
			}
			r.heartbeat()
		}
	}
}

// heartbeat shows that the stream lives. An id without data is no event: it lets a reader
// that has been sent nothing for long come back here, and not to the last one it was sent.
func (r *streamReader) heartbeat() {
	r.buffer.WriteString(": alive\n")
	if r.told < r.after {
		r.buffer.WriteString("id: " + r.id(r.after) + "\n")
		r.told = r.after
	}
	r.buffer.WriteString("\n")
}

// isBeyond reports whether the message that the reader saw last is gone, so that others
// after it may be. A reader that begins now or at a time has seen none.
func (r *streamReader) isBeyond() bool {
	if r.c.r.Header.Get("Last-Event-Id") == "" && len(r.c.q.values["last_event_id"]) == 0 {
		return false
	}
	_, err := r.s.History.Message(r.c.ctx(), r.app.ID, r.after)
	return err != nil && hook.KindOf(err) == hook.NotFound
}

// more writes what there is.
func (r *streamReader) more() error {
	for {
		if err := r.flush(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.c.ctx(), listenStoreTimeout)
		page, err := r.page(ctx)
		cancel()
		if err != nil {
			return err
		}
		if !page.More {
			return r.flush()
		}
	}
}

// page puts one page of messages into the buffer.
func (r *streamReader) page(ctx context.Context) (store.Listed[*hook.Message], error) {
	page, err := r.s.History.Messages(ctx, store.MessageQuery{
		Application: r.app.ID, Window: store.Window{Limit: streamPage, From: hook.Key(r.after), Backward: true},
	})
	if err != nil || len(page.Rows) == 0 {
		return page, err
	}
	view, err := r.s.sight(r.c, r.app.ID) // what is redacted may have changed
	if err != nil {
		return page, err
	}
	for _, listed := range slices.Backward(page.Rows) { // a page is newest first
		if r.wants(listed) {
			err := r.message(ctx, listed.ID, view)
			if err != nil && hook.KindOf(err) != hook.NotFound { // else it is gone since it was listed
				return page, err
			}
		}
		r.after = listed.ID
		if r.buffer.Len() >= streamBuffer {
			page.More = true
			break
		}
	}
	return page, nil
}

// wants reports whether both the reader and its token want a message.
func (r *streamReader) wants(m *hook.Message) bool {
	token := listenFilter{types: r.c.token.EventTypes, channel: r.c.token.Channel}
	return r.filter.wants(m) && token.wants(m)
}

// message puts a message into the buffer, if it still has its content. It is shown to
// people, so what its event type redacts is left out.
func (r *streamReader) message(ctx context.Context, id hook.MessageID, view sight) error {
	m, err := r.s.History.Message(ctx, r.app.ID, id)
	if err != nil || !m.HasContent(r.s.now()) {
		return err
	}
	out := r.s.messageToAPI(m, view.of(m.EventType), true, r.s.now())
	r.event("", out.ID, appendMessage(nil, &out))
	r.told = id
	return nil
}

func (r *streamReader) id(m hook.MessageID) string { return r.s.Catalog.Codec().Message(r.app.ID, m) }

// event puts an event into the buffer. A payload may hold line breaks between its tokens,
// each of which ends a line of data.
func (r *streamReader) event(kind, id string, data []byte) {
	if kind != "" {
		r.buffer.WriteString("event: " + kind + "\n")
	}
	if id != "" {
		r.buffer.WriteString("id: " + id + "\n")
	}
	for line := range bytes.Lines(data) {
		for part := range bytes.SplitSeq(bytes.TrimRight(line, "\r\n"), []byte{'\r'}) {
			r.buffer.WriteString("data: ")
			r.buffer.Write(part)
			r.buffer.WriteByte('\n')
		}
	}
	r.buffer.WriteByte('\n')
}

// writeError says that the reader is gone or does not read.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

// flush writes the buffer. A reader that does not take it within tailWrite is let go.
func (r *streamReader) flush() error {
	if r.buffer.Len() == 0 {
		return nil
	}
	out := http.NewResponseController(r.c.w)
	// The server's own limit is for answers that end.
	if err := out.SetWriteDeadline(time.Now().Add(tailWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return &writeError{err}
	}
	_, err := r.c.w.Write(r.buffer.Bytes())
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return &writeError{err}
	}
	if r.buffer.Cap() > 2*streamBuffer { // a large payload is not kept for the next one
		r.buffer = bytes.Buffer{}
	}
	r.buffer.Reset()
	return nil
}

// createStreamToken makes a token that may follow an application's messages, or some of
// them, and nothing else. A page gets it in place of a token that may do more, and it may
// stand in the URL, because a browser's EventSource sends no headers.
func (s *server) createStreamToken(c *call) error {
	in, err := decodeOptional[api.StreamTokenIn](c)
	if err != nil {
		return err
	}
	life := hook.DefaultStreamLife
	if in.Expiry != nil {
		if life = time.Duration(*in.Expiry) * time.Second; *in.Expiry < 60 || *in.Expiry > int64(hook.MaxStreamLife/time.Second) {
			return hook.Fieldf("expiry", "must lie between 60 and %d seconds", int64(hook.MaxStreamLife/time.Second))
		}
	}
	if err := checkPatterns(in.EventTypes); err != nil {
		return hook.Fieldf("eventTypes", "%s", err)
	}
	if in.EventTypes != nil && len(in.EventTypes) == 0 {
		return hook.Fieldf("eventTypes", "must hold 1 to %d items; leave it out for all", maxListenPatterns)
	}
	channel := ""
	if in.Channel != nil {
		if err := hook.CheckChannels("channel", []string{*in.Channel}); err != nil {
			return hook.Fieldf("channel", "must be 1 to 128 of a-z, A-Z, 0-9, -, _, ., : and +")
		}
		channel = *in.Channel
	}
	a, err := s.application(c)
	if err != nil {
		return err
	}
	text := auth.MintStream()
	now := s.now()
	t := &hook.Token{
		ID: hook.TokenID(s.Catalog.NewKey()), Kind: hook.StreamToken, Environment: a.Environment, Application: a.ID, Name: "stream",
		EventTypes: in.EventTypes, Channel: channel, SessionID: c.token.SessionID,
		CreatedAt: now, ExpiresAt: now.Add(life), Hash: s.Hasher.Hash(text), Hint: text.Hint(),
	}
	// It opens the stream below which it is made, and no other operation.
	follow := slices.IndexFunc(s.routes, func(rt route) bool { return rt.path+"/token" == c.route.path })
	if err := s.routes[follow].allows(c.token); err != nil {
		return err
	}
	stream := strings.TrimSuffix(c.r.URL.EscapedPath(), "/token")
	body := c.prepare(http.StatusCreated, api.StreamTokenOut{
		ID: s.Catalog.Codec().Token(t.Environment, t.ID), Token: text.Reveal(), ExpiresAt: t.ExpiresAt.UTC().Truncate(time.Millisecond),
		URL: strings.TrimRight(s.o.PublicURL, "/") + stream + "?token=" + text.Reveal(),
	})
	if err := s.Catalog.CreateToken(c.ctx(), t, c.receipt); err != nil {
		return err
	}
	return c.raw(http.StatusCreated, body)
}
