package httpapi

import (
	"cmp"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
)

// access says who may call an operation.
type access struct {
	open    bool            // anybody, without a token
	portal  bool            // portal tokens and integrations' keys too, for their own application
	only    bool            // portal tokens alone
	users   bool            // who has signed in, alone: no token
	sends   bool            // message tokens too, for their own application
	streams bool            // stream tokens too, for their own application, also in the query
	polls   bool            // poller tokens too, for their own endpoint
	can     hook.Capability // what a portal token needs; "" for nothing
}

// The zero access lets API tokens in alone.
var (
	open       = access{open: true}
	anyToken   = access{portal: true}
	portalOnly = access{portal: true, only: true}
	messages   = access{sends: true}
	signedIn   = access{users: true}
)

// portalMay lets API tokens in, and portal tokens with a capability.
func portalMay(can hook.Capability) access { return access{portal: true, can: can} }

// allows reports whether t may call the operation. Which application a token that is
// bound to one may name is settled where the application is looked up (call.application).
func (rt *route) allows(t *hook.Token) error {
	a := &rt.access
	switch {
	case t.IsAPI():
		if a.only {
			return insufficientAccess()
		}
		if rt.needs != "" && !t.MayDo(rt.needs) && (rt.also == "" || !t.MayDo(rt.also)) {
			return lacksScope(rt.needs)
		}
		if a.users && t.User == 0 {
			return &statusError{http.StatusForbidden, "insufficient access", "Only people do this: sign in, a token is not enough."}
		}
		return nil
	case t.Kind == hook.OrdinaryToken:
		if a.portal && (a.can == "" || t.Can(a.can)) {
			return nil
		}
	case t.Kind == hook.IntegrationToken:
		// A key ends by being rotated or with its integration, never by a logout.
		if a.portal && !a.only && (a.can == "" || t.Can(a.can)) {
			return nil
		}
	case t.Kind == hook.MessageToken:
		if a.sends {
			return nil
		}
	case t.Kind == hook.StreamToken:
		if a.streams {
			return nil
		}
	case t.Kind == hook.PollerToken:
		if a.polls {
			return nil
		}
	}
	return insufficientAccess()
}

// exceeds returns an operation that granted would be allowed and granter is not: nobody
// can make a token that may do more than the own one. "" where there is none.
func (s *server) exceeds(granted, granter *hook.Token) string {
	if granter.IsAPI() && len(granter.Scopes) == 0 {
		return ""
	}
	for i := range s.routes {
		rt := &s.routes[i]
		if !rt.access.open && !rt.access.only && !rt.access.users && rt.allows(granted) == nil && rt.allows(granter) != nil {
			return rt.op
		}
	}
	return ""
}

// mayGrant refuses a token that may do more than the caller's own.
func (s *server) mayGrant(c *call, granted *hook.Token) error {
	if op := s.exceeds(granted, c.token); op != "" {
		return &statusError{
			http.StatusForbidden, "insufficient access",
			"That token could call " + op + ", which yours cannot; a token can never give more than it has.",
		}
	}
	return nil
}

func lacksScope(scope hook.Scope) error {
	return &statusError{
		http.StatusForbidden, "insufficient access",
		"Insufficient access for the given operation. The token lacks the scope " + string(scope) + ".",
	}
}

func insufficientAccess() error {
	return &statusError{http.StatusForbidden, "insufficient access", "Insufficient access for the given operation."}
}

func unauthenticated(detail string) error {
	return &statusError{http.StatusUnauthorized, "authentication_failed", detail}
}

// authenticate finds the token of a request. A right token is let in however many
// wrong ones came from the same address before, so that nobody can lock out others
// behind the same proxy; guessing is slowed by 429.
func (s *server) authenticate(c *call) error {
	const wrong = "Incorrect authentication credentials."
	header := c.r.Header["Authorization"]
	if len(header) == 0 && c.r.Header[environmentHeader] != nil {
		return s.authenticateUser(c)
	}
	inQuery := c.route.access.streams && len(header) == 0
	var rest string
	switch {
	case inQuery:
		// A URL is written down in more places than a header, so of all kinds only the one
		// that is made for it is taken from there.
		q, err := parseQuery(c.r.URL.RawQuery)
		if err != nil {
			return err
		}
		var given bool
		if rest, given, err = q.text("token"); err != nil || !given {
			return cmp.Or(err, unauthenticated(wrong))
		}
	case len(header) == 1:
		var scheme string
		scheme, rest, _ = strings.Cut(header[0], " ")
		rest = strings.TrimSpace(rest)
		if !strings.EqualFold(scheme, "bearer") || rest == "" {
			return unauthenticated(wrong)
		}
	case len(header) == 0 && sessionCookie(c.r) != "":
		return unauthenticated("A session counts only together with the header " + environmentHeader + ", which names the environment.")
	default:
		return unauthenticated(wrong)
	}
	now := s.now()
	text, ours := auth.ParseToken(rest)
	if !ours && inQuery {
		return s.wrongToken(c, now)
	}
	if !ours {
		return s.foreignToken(c, rest, now)
	}
	token, err := s.Catalog.TokenByHash(c.ctx(), s.Hasher.Hash(text))
	switch {
	case err == nil && !token.Expired(now) && token.Kind != hook.OneTimeToken && (!inQuery || token.Kind == hook.StreamToken):
	case err == nil, hook.KindOf(err) == hook.NotFound:
		return s.wrongToken(c, now)
	default:
		return err
	}
	c.token = token
	s.Catalog.TouchToken(token.ID, now)
	return nil
}

// actor is who makes the request, for the audit log.
func (s *server) actor(c *call) hook.Actor {
	a := hook.Actor{RequestID: c.reqID, Address: s.clientAddr(c.r).String()}
	if c.token == nil {
		return a
	}
	t := c.token
	a.Name, a.Session = t.Name, t.SessionID
	codec := s.Catalog.Codec()
	switch {
	case t.User != 0:
		a.Kind, a.ID = hook.ActorUser, codec.User(t.User)
		return a
	case c.jwt:
		a.Kind = hook.ActorJWT
		return a
	case t.Kind == hook.IntegrationToken:
		a.Kind, a.ID = hook.ActorIntegration, codec.Integration(t.Application, t.Integration)
		return a
	case t.IsPortal():
		a.Kind = hook.ActorPortal
	default:
		a.Kind = hook.ActorAPIToken
	}
	a.ID = codec.Token(t.Environment, t.ID)
	return a
}

// act puts the caller's name on what the rest of the request changes.
func (s *server) act(c *call) {
	c.r = c.r.WithContext(hook.WithActor(c.r.Context(), s.actor(c)))
}

func (s *server) wrongToken(c *call, now time.Time) error {
	if err := s.guesses.wrong(c, s.clientAddr(c.r), now); err != nil {
		return err
	}
	return unauthenticated("Invalid token")
}

// application resolves the application that the path names, within the caller's
// reach: what belongs to another environment, or is not the portal token's own, is
// the same 404 as what does not exist. Where the path names a source, it is the
// source's internal one, so that the same handlers serve the endpoints of both, and
// likewise for the receivers of operational webhooks.
func (s *server) application(c *call) (*hook.Application, error) {
	if c.isOperational() {
		return s.operationalApplication(c)
	}
	if c.param("source_id") == "" {
		return s.applicationNamed(c, c.param("app_id"))
	}
	src, err := s.source(c)
	if err != nil {
		return nil, err
	}
	return s.applicationNamed(c, s.Catalog.Codec().Application(src.Environment, src.ID.Application()))
}

// ordinaryApplication is application for what a source's internal one does not allow:
// it lives and is named as its source, and only providers write to it.
func (s *server) ordinaryApplication(c *call) (*hook.Application, error) {
	a, err := s.application(c)
	if err == nil && a.Source != 0 {
		return nil, s.belongsToSource(a)
	}
	return a, err
}

func (s *server) belongsToSource(a *hook.Application) error {
	return &statusError{
		http.StatusConflict, "conflict",
		"This application belongs to the source " + s.Catalog.Codec().Source(a.Environment, a.Source) + "; change or delete that instead.",
	}
}

func (s *server) applicationNamed(c *call, ref string) (*hook.Application, error) {
	if !isRef(ref) {
		return nil, notFound()
	}
	a, err := s.Catalog.Application(c.ctx(), c.env(), ref)
	if err != nil {
		return nil, err
	}
	if c.token.IsPortal() && a.ID != c.token.Application {
		return nil, notFound()
	}
	return a, nil
}

// endpoint resolves the application and the endpoint, or destination, that the path names.
func (s *server) endpoint(c *call) (*hook.Application, *hook.Endpoint, error) {
	a, err := s.application(c)
	if err != nil {
		return nil, nil, err
	}
	find, ref := s.Catalog.Endpoint, c.param("endpoint_id")
	if strings.Contains(c.route.path, "{destination_id}") {
		find, ref = s.Catalog.Destination, c.param("destination_id")
	}
	if !isRef(ref) {
		return a, nil, notFound()
	}
	e, err := find(c.ctx(), a.ID, ref)
	return a, e, err
}

// isRef reports whether s could be an id or a uid, so that nothing else reaches a look-up.
func isRef(s string) bool {
	if s == "" || len(s) > 256 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

func (s *server) clientAddr(r *http.Request) netip.Addr { return ClientAddr(r, s.o.TrustedProxies) }

// ClientAddr returns who the request is from: the peer, or what a trusted proxy says
// about it. X-Forwarded-For is read from the right, because only what trusted
// proxies appended can be believed.
func ClientAddr(r *http.Request, trusted []netip.Prefix) netip.Addr {
	trusts := func(addr netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	addr := peer.Addr().Unmap()
	if err != nil || !trusts(addr) {
		return addr
	}
	var hops []string
	for _, h := range r.Header["X-Forwarded-For"] {
		hops = append(hops, strings.Split(h, ",")...)
	}
	for i := len(hops) - 1; i >= 0; i-- {
		text := strings.TrimSpace(hops[i])
		hop, err := netip.ParseAddr(text)
		if err != nil { // some write the port, too, such as Azure Application Gateway
			withPort, err := netip.ParseAddrPort(text)
			if err != nil {
				return addr
			}
			hop = withPort.Addr()
		}
		addr = hop.Unmap()
		if !trusts(addr) {
			return addr
		}
	}
	return addr
}
