package httpapi

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
	"github.com/hookloft/hookloft/webhook"
)

// Listening is a delivery to where no server can be reached from outside: the client
// connects, and messages come to it over a WebSocket (RFC 6455), one frame each. The
// frames are in api/listen.go, the rules in docs/listen.md.

// maxFrameBytes bounds what a client sends at once; an ack has some 60 bytes.
const maxFrameBytes = 4 << 10

// listen serves GET .../listen until the connection ends.
func (s *server) listen(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	l := &hook.Listener{Application: a.ID}
	if l.Name, _, err = c.q.text("name"); err != nil {
		return err
	}
	if err := l.Validate(); err != nil {
		return invalidQuery("name", "must be 1 to 256 of a-z, A-Z, 0-9, -, _ and .")
	}
	filter, err := readListenFilter(c.q)
	if err != nil {
		return err
	}
	since, err := c.q.time("since")
	if err != nil {
		return err
	}
	if since.After(s.now().Add(time.Minute)) {
		return invalidQuery("since", "must not lie in the future")
	}
	ack, err := c.q.oneOf("ack", api.AckEach, api.AckEach, api.AckCumulative, api.AckAuto)
	if err != nil {
		return err
	}
	if err := checkUpgrade(c.r); err != nil {
		return err
	}
	seat, before, err := s.Listening.join(a.ID, l.Name)
	if err != nil {
		return err
	}
	defer s.Listening.leave(seat)
	if before != nil {
		// Its acks are the begin of ours.
		select {
		case <-before.left:
		case <-time.After(takeOverWait):
		case <-c.ctx().Done():
			return c.ctx().Err()
		}
	}
	if l.Secret, err = s.newSecret(c); err != nil {
		return err
	}
	l.Cursor = s.listenFrom(since)
	l, created, err := s.Catalog.OpenListener(c.ctx(), l)
	if err != nil {
		return err
	}
	secret, err := webhook.ParseSecret(l.Secret)
	if err != nil {
		return err
	}
	signer, err := webhook.NewSigner(secret)
	if err != nil {
		return err
	}
	// The token stands in a header, which no foreign page can make a browser send: there is
	// nothing to be won by refusing other origins.
	conn, err := websocket.Accept(c.w, c.r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		c.status = http.StatusBadRequest // Accept has answered
		return badRequest("The WebSocket could not be opened.")
	}
	c.status, c.switched = http.StatusSwitchingProtocols, true
	newListenSession(s, c, conn, a, seat, l, signer, filter, ack).run(created)
	return nil
}

// takeOverWait is how long a client waits for the one before it to save its cursor. A
// write to a dead connection may hold that up; then some messages come twice.
const takeOverWait = 5 * time.Second

// listenFrom is the cursor of a new listener: everything whose publishing begins from now
// on is above a key that is drawn now.
func (s *server) listenFrom(since time.Time) hook.MessageID {
	if since.IsZero() {
		return hook.MessageID(s.Catalog.NewKey())
	}
	return hook.MessageID(max(hook.KeyAt(since)-1, 1))
}

// checkUpgrade refuses what is not a WebSocket's handshake, so that the answer is one of
// this API and nothing was changed.
func checkUpgrade(r *http.Request) error {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	ok := r.Method == http.MethodGet && r.ProtoMajor == 1 && err == nil && len(key) == 16 &&
		hasWord(r.Header["Connection"], "upgrade") && hasWord(r.Header["Upgrade"], "websocket") &&
		r.Header.Get("Sec-WebSocket-Version") == "13"
	if !ok {
		return &statusError{http.StatusUpgradeRequired, "upgrade_required", "Open this path as a WebSocket over HTTP/1.1 (RFC 6455)."}
	}
	return nil
}

// hasWord reports whether a header that is a list of words holds one.
func hasWord(lines []string, word string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), word) {
				return true
			}
		}
	}
	return false
}

// listenFilter is which messages a client wants. The others are passed over.
type listenFilter struct {
	types   []string // patterns, in which * stands for any characters; empty for all
	channel string
}

const (
	maxListenPatterns = 100
	// maxPatternStars bounds the work of one comparison.
	maxPatternStars = 4
)

func readListenFilter(q query) (f listenFilter, err error) {
	if f.types, err = q.list("event_types"); err != nil {
		return f, err
	}
	if err := checkPatterns(f.types); err != nil {
		return f, invalidQuery("event_types", err.Error())
	}
	channel, given, err := q.text("channel")
	if err != nil {
		return f, err
	}
	if given && hook.CheckChannels("channel", []string{channel}) != nil {
		return f, invalidQuery("channel", "must be 1 to 128 of a-z, A-Z, 0-9, -, _, ., : and +")
	}
	f.channel = channel
	return f, nil
}

// checkPatterns says what is wrong with a list of patterns, nil for nothing.
func checkPatterns(list []string) error {
	if len(list) > maxListenPatterns {
		return errors.New("must hold at most 100 items")
	}
	for _, p := range list {
		// A pattern is a name in which stars may stand: with a letter for each, it must be one.
		if strings.Count(p, "*") > maxPatternStars || hook.CheckEventTypeName("event_types", strings.ReplaceAll(p, "*", "x")) != nil {
			return errors.New("must be names of event types, in which * may stand for any characters up to 4 times")
		}
	}
	return nil
}

func (f *listenFilter) wants(m *hook.Message) bool {
	return (f.channel == "" || slices.Contains(m.Channels, f.channel)) &&
		(len(f.types) == 0 || slices.ContainsFunc(f.types, func(p string) bool { return matchesPattern(p, m.EventType) }))
}

// matchesPattern reports whether s is what the pattern says, where * is any run of characters.
func matchesPattern(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return s == pattern
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(s, part) // the first place leaves most to the rest
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return true
}

// stillMayListen looks again at who listens: the token may have ended or lost its rights,
// the application may be gone. Nil when all is well, or cannot be told just now.
func (s *server) stillMayListen(c *call, a *hook.Application) *closing {
	probe := &call{w: c.w, r: c.r, route: c.route, reqID: c.reqID}
	switch err := s.authenticate(probe); {
	case err == nil:
	case errors.As(err, new(*statusError)):
		return errUnauthorized
	default:
		s.Log.Warn("token of a listener not checked", telemetry.KeyError, err, telemetry.KeyRequest, c.reqID)
		return nil
	}
	if c.route.allows(probe.token) != nil || probe.token.Environment != a.Environment ||
		probe.token.IsPortal() && probe.token.Application != a.ID {
		return errUnauthorized
	}
	ctx, cancel := context.WithTimeout(c.ctx(), listenStoreTimeout)
	defer cancel()
	if _, err := s.Catalog.PlanOf(ctx, a.ID); hook.KindOf(err) == hook.NotFound {
		return errGone
	}
	return nil
}

func (s *server) listListeners(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	list, err := s.Catalog.ListListeners(c.ctx(), a.ID)
	if err != nil {
		return err
	}
	connected := s.Listening.connected(a.ID)
	out := api.ListenerList{Data: make([]api.ListenerOut, 0, len(list))}
	for _, l := range list {
		out.Data = append(out.Data, api.ListenerOut{
			Name: l.Name, Connected: connected[l.Name], Cursor: hook.Key(l.Cursor).Time(), CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt,
		})
	}
	return c.json(http.StatusOK, out)
}

func (s *server) getListenerSecret(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	list, err := s.Catalog.ListListeners(c.ctx(), a.ID)
	if err != nil {
		return err
	}
	for _, l := range list {
		if l.Name == c.param("listener_name") {
			return c.json(http.StatusOK, api.EndpointSecretOut{Key: l.Secret})
		}
	}
	return notFound()
}

func (s *server) deleteListener(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	l := &hook.Listener{Name: c.param("listener_name")}
	if l.Validate() != nil {
		return notFound()
	}
	if err := s.Catalog.DeleteListener(c.ctx(), a.ID, l.Name); err != nil {
		return err
	}
	s.Listening.kick(a.ID, l.Name, errGone)
	return c.empty()
}
