package httpapi

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
)

// createPortalAccess makes a token that is bound to one application, and a link that
// carries it.
func (s *server) createPortalAccess(c *call) error {
	in, err := decodeOptional[api.AppPortalAccessIn](c)
	if err != nil {
		return err
	}
	token, err := portalFromAPI(in, s.now())
	if err != nil {
		return err
	}
	if err := s.mayGrant(c, asPortal(token)); err != nil {
		return err
	}
	a, err := s.portalApplication(c, in)
	if err != nil {
		return err
	}
	return s.grantPortal(c, token, a)
}

// asPortal is a portal token with the rights of t, of whichever application.
func asPortal(t *hook.Token) *hook.Token {
	return &hook.Token{Application: 1, Capabilities: t.Capabilities, FeatureFlags: t.FeatureFlags}
}

// grantPortal stores a token for a and answers with it.
func (s *server) grantPortal(c *call, token *hook.Token, a *hook.Application) error {
	text := auth.MintPortal()
	token.ID, token.Environment, token.Application = hook.TokenID(s.Catalog.NewKey()), c.env(), a.ID
	token.Hash, token.Hint, token.Name = s.Hasher.Hash(text), text.Hint(), "portal"
	body := c.prepare(http.StatusOK, api.AppPortalAccessOut{URL: s.portalLink(a, "token", text.Reveal()), Token: text.Reveal()})
	if err := s.Catalog.CreateToken(c.ctx(), token, c.receipt); err != nil {
		return err
	}
	return c.raw(http.StatusOK, body)
}

// portalApplication resolves the application that the path names, or creates the one
// that the body carries.
func (s *server) portalApplication(c *call, in api.AppPortalAccessIn) (*hook.Application, error) {
	inline, err := inlineApplication(in.Application, c.param("app_id"))
	if err != nil {
		return nil, err
	}
	a, err := s.application(c)
	if hook.KindOf(err) != hook.NotFound || inline == nil || !s.mayCreateApplication(c) {
		return a, err
	}
	now := s.now()
	inline.ID, inline.Environment = hook.ApplicationID(s.Catalog.NewKey()), c.env()
	inline.CreatedAt, inline.UpdatedAt = now, now
	// Conflict: somebody else has just created it, which is as good.
	if err := s.Catalog.CreateApplication(c.ctx(), inline, nil); err != nil && hook.KindOf(err) != hook.Conflict {
		return nil, err
	}
	return s.application(c)
}

func portalFromAPI(in api.AppPortalAccessIn, now time.Time) (*hook.Token, error) {
	life := hook.DefaultPortalLife
	if in.Expiry != nil {
		least, most := int64(hook.MinPortalLife/time.Second), int64(hook.MaxPortalLife/time.Second)
		if *in.Expiry < least || *in.Expiry > most {
			return nil, hook.Fieldf("expiry", "must lie between %d and %d seconds", least, most)
		}
		life = time.Duration(*in.Expiry) * time.Second
	}
	t := &hook.Token{CreatedAt: now, ExpiresAt: now.Add(life), FeatureFlags: in.FeatureFlags}
	if err := hook.CheckFeatureFlags("featureFlags", in.FeatureFlags); err != nil {
		return nil, err
	}
	if in.SessionID != nil {
		if t.SessionID = *in.SessionID; !isSession(t.SessionID) {
			return nil, hook.Fieldf("sessionId", "must match ^[a-zA-Z0-9@_-]+$ and have 1 to 64 characters")
		}
	}
	for _, name := range in.Capabilities {
		can := hook.Capability(name)
		if !slices.Contains(hook.AllCapabilities(), can) {
			return nil, hook.Fieldf("capabilities", "must be among ViewBase, ViewEndpointSecret, ManageEndpointSecret, ManageTransformations, CreateAttempts, ManageEndpoint")
		}
		if !slices.Contains(t.Capabilities, can) {
			t.Capabilities = append(t.Capabilities, can)
		}
	}
	switch {
	case in.Capabilities != nil:
	case in.ReadOnly != nil && *in.ReadOnly:
		t.Capabilities = []hook.Capability{hook.ViewBase}
	default:
		t.Capabilities = hook.AllCapabilities()
	}
	return t, nil
}

func isSession(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '@' || r == '_' || r == '-')
	})
}

// portalPath is where package web serves the customer portal (web.PortalPath), which this room does not know.
const portalPath = "/app-portal"

// portalLink carries a token, under its name, in the fragment, which no browser sends to a server.
func (s *server) portalLink(a *hook.Application, name, token string) string {
	key := encode(map[string]string{"appId": s.Catalog.Codec().Application(a.Environment, a.ID), name: token})
	return strings.TrimRight(s.o.PublicURL, "/") + portalPath + "#key=" + base64.StdEncoding.EncodeToString(key)
}

// logout ends the portal token that the request carries.
func (s *server) logout(c *call) error {
	if c.jwt {
		// It is not in the store, and holds until it expires, as on the server that issued it.
		return &statusError{http.StatusNotImplemented, "not_implemented", "A JWT cannot be ended before it expires."}
	}
	if err := s.Catalog.ExpireToken(c.ctx(), c.env(), c.token.ID, s.now()); err != nil {
		return err
	}
	return c.empty()
}

func (s *server) expireAll(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	in, err := decodeOptional[api.ApplicationTokenExpireIn](c)
	if err != nil {
		return err
	}
	const maxExpirySeconds = 259200
	after := deref(in.Expiry)
	if after < 0 || after > maxExpirySeconds {
		return hook.Fieldf("expiry", "must lie between 0 and %d seconds", maxExpirySeconds)
	}
	const maxSessions = 1000
	if len(in.SessionIDs) > maxSessions {
		return hook.Fieldf("sessionIds", "must hold at most %d items", maxSessions)
	}
	for _, id := range in.SessionIDs {
		if !isSession(id) {
			return hook.Fieldf("sessionIds", "must match ^[a-zA-Z0-9@_-]+$ and have 1 to 64 characters each")
		}
	}
	at := s.now().Add(time.Duration(after) * time.Second)
	if err := s.Catalog.ExpireTokens(c.ctx(), a.ID, nilIfEmpty(in.SessionIDs), at); err != nil {
		return err
	}
	return c.empty()
}

// The contract's names for an opaque token of one server, and for a JWT.
const (
	permissionSource    = "RegionalAuthToken"
	jwtPermissionSource = "SvixJwt"
)

func (s *server) whoami(c *call) error {
	codec := s.Catalog.Codec()
	env := codec.Environment(c.env())
	out := api.WhoamiOut{EnvID: &env, PermissionSource: permissionSource, SessionID: orNil(c.token.SessionID)}
	if c.jwt {
		out.PermissionSource = jwtPermissionSource
	}
	if c.token.IsPortal() {
		app := codec.Application(c.env(), c.token.Application)
		out.AppID = &app
	}
	return c.json(http.StatusOK, out)
}
