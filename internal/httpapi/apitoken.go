package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
)

// maxTokenExpiry is how far ahead the end of a token may be set (CONTRACT 3.2 and the schema).
const maxTokenExpiry = 259200 * time.Second

// ownEnvironment refuses a path that names another environment than the caller's: that is
// the same 404 as one that does not exist.
func (s *server) ownEnvironment(c *call) error {
	if id, ok := s.Catalog.Codec().ParseEnvironment(c.param("env_id")); !ok || id != c.env() {
		return notFound()
	}
	return nil
}

// apiToken resolves the API token that the path names.
func (s *server) apiToken(c *call) (*hook.Token, error) {
	if err := s.ownEnvironment(c); err != nil {
		return nil, err
	}
	id, ok := s.Catalog.Codec().ParseToken(c.env(), c.param("key_id"))
	if !ok {
		return nil, notFound()
	}
	return s.Catalog.APIToken(c.ctx(), c.env(), id)
}

// ownedAPIToken is apiToken for what changes it: a token may not touch one that may do more.
func (s *server) ownedAPIToken(c *call) (*hook.Token, error) {
	t, err := s.apiToken(c)
	if err != nil {
		return nil, err
	}
	return t, s.mayGrant(c, t)
}

func (s *server) listAPITokens(c *call) error {
	if err := s.ownEnvironment(c); err != nil {
		return err
	}
	codec := s.Catalog.Codec()
	p, err := page(c.q, false, func(id string) (hook.TokenID, bool) { return codec.ParseToken(c.env(), id) })
	if err != nil {
		return err
	}
	list, err := s.Catalog.ListAPITokens(c.ctx(), c.env(), p)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listToAPI(list,
		func(t *hook.Token) string { return codec.Token(c.env(), t.ID) }, s.censoredToAPI))
}

func (s *server) createAPIToken(c *call) error {
	if err := s.ownEnvironment(c); err != nil {
		return err
	}
	in, err := decode[api.APITokenIn](c)
	if err != nil {
		return err
	}
	t := &hook.Token{Name: in.Name, Scopes: scopesFromAPI(in.Scopes)}
	if err := s.checkAPIToken(c, t); err != nil {
		return err
	}
	return s.grantToken(c, t, auth.MintAPI())
}

// checkAPIToken checks what a client sets of an API token, and that the caller may give it.
func (s *server) checkAPIToken(c *call, t *hook.Token) error {
	if err := hook.CheckName("name", t.Name); err != nil {
		return err
	}
	if err := hook.CheckScopes("scopes", t.Scopes, s.scopes); err != nil {
		return err
	}
	return s.mayGrant(c, t)
}

// grantToken stores a token and answers with its text, the only time that it is shown.
func (s *server) grantToken(c *call, t *hook.Token, text auth.Text) error {
	t.ID, t.Environment, t.CreatedAt = hook.TokenID(s.Catalog.NewKey()), c.env(), s.now()
	t.Hash, t.Hint = s.Hasher.Hash(text), text.Hint()
	body := c.prepare(http.StatusOK, api.APITokenOut{
		ID: s.Catalog.Codec().Token(t.Environment, t.ID), Token: text.Reveal(), Name: orNil(t.Name),
		CreatedAt: t.CreatedAt, ExpiresAt: orNil(t.ExpiresAt), Scopes: scopesToAPI(t.Scopes),
	})
	if err := s.Catalog.CreateToken(c.ctx(), t, c.receipt); err != nil {
		return err
	}
	return c.raw(http.StatusOK, body)
}

func (s *server) getAPIToken(c *call) error {
	t, err := s.apiToken(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.censoredToAPI(t))
}

func (s *server) updateAPIToken(c *call) error {
	in, err := decode[api.APITokenUpdate](c)
	if err != nil {
		return err
	}
	return s.changeAPIToken(c, func(t *hook.Token) { t.Name = in.Name })
}

func (s *server) patchAPIToken(c *call) error {
	in, err := decode[api.APITokenPatch](c)
	if err != nil {
		return err
	}
	return s.changeAPIToken(c, func(t *hook.Token) {
		if in.Name.Given {
			t.Name = in.Name.Value // null is no name, which is refused
		}
		if in.Scopes.Given {
			t.Scopes = scopesFromAPI(in.Scopes.Value)
		}
	})
}

func (s *server) changeAPIToken(c *call, change func(*hook.Token)) error {
	t, err := s.ownedAPIToken(c)
	if err != nil {
		return err
	}
	t, err = s.Catalog.UpdateAPIToken(c.ctx(), c.env(), t.ID, func(t *hook.Token) error {
		// Once more: another request may have widened it since.
		if err := s.mayGrant(c, t); err != nil {
			return err
		}
		change(t)
		return s.checkAPIToken(c, t)
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.censoredToAPI(t))
}

func (s *server) expireAPIToken(c *call) error {
	in, err := decodeOptional[api.APITokenExpireIn](c)
	if err != nil {
		return err
	}
	after := time.Duration(deref(in.Expiry)) * time.Second
	if n := deref(in.Expiry); n < 0 || n > int64(maxTokenExpiry/time.Second) {
		return hook.Fieldf("expiry", "must lie between 0 and %d seconds", int64(maxTokenExpiry/time.Second))
	}
	t, err := s.ownedAPIToken(c)
	if err != nil {
		return err
	}
	if err := s.Catalog.ExpireToken(c.ctx(), c.env(), t.ID, s.now().Add(after)); err != nil {
		return err
	}
	return c.empty()
}

// createMessageToken makes a token that may only create messages in one application.
func (s *server) createMessageToken(c *call) error {
	in, err := decode[api.CreateTokenIn](c)
	if err != nil {
		return err
	}
	if err := hook.CheckName("name", in.Name); err != nil {
		return err
	}
	t := &hook.Token{Kind: hook.MessageToken, Name: in.Name}
	if in.Expiry != nil {
		const most = int64(10 * 365 * 24 * time.Hour / time.Second)
		if *in.Expiry < 1 || *in.Expiry > most {
			return hook.Fieldf("expiry", "must lie between 1 and %d seconds; leave it out for a token that does not end by itself", most)
		}
		t.ExpiresAt = s.now().Add(time.Duration(*in.Expiry) * time.Second)
	}
	a, err := s.ordinaryApplication(c)
	if err != nil {
		return err
	}
	t.Application = a.ID
	if err := s.mayGrant(c, t); err != nil {
		return err
	}
	return s.grantToken(c, t, auth.MintMessage())
}

// createOneTimeToken makes a token that is good for one exchange.
func (s *server) createOneTimeToken(c *call) error {
	in, err := decodeOptional[api.AppPortalAccessIn](c)
	if err != nil {
		return err
	}
	now := s.now()
	t, err := portalFromAPI(in, now)
	if err != nil {
		return err
	}
	if err := s.mayGrant(c, asPortal(t)); err != nil {
		return err
	}
	a, err := s.portalApplication(c, in)
	if err != nil {
		return err
	}
	text := auth.MintOneTime()
	t.ID, t.Environment, t.Application = hook.TokenID(s.Catalog.NewKey()), c.env(), a.ID
	t.Hash, t.Hint, t.Name, t.Kind = s.Hasher.Hash(text), text.Hint(), "one-time", hook.OneTimeToken
	t.Life, t.ExpiresAt = t.ExpiresAt.Sub(now), now.Add(hook.OneTimeLife)
	body := c.prepare(http.StatusOK, api.OneTimeAccessOut{
		URL: s.portalLink(a, "oneTimeToken", text.Reveal()), OneTimeToken: text.Reveal(), ExpiresAt: t.ExpiresAt,
	})
	if err := s.Catalog.CreateToken(c.ctx(), t, c.receipt); err != nil {
		return err
	}
	return c.raw(http.StatusOK, body)
}

// exchangeOneTimeToken needs no token but the one-time token itself. The exchange is one
// change of the store, so of two at the same moment one finds nothing.
func (s *server) exchangeOneTimeToken(c *call) error {
	in, err := decode[api.OneTimeTokenIn](c)
	if err != nil {
		return err
	}
	if in.OneTimeToken == "" {
		return &hook.FieldError{Path: []string{"oneTimeToken"}, Text: "missing field `oneTimeToken`", Code: typeJSON}
	}
	now := s.now()
	once, ours := auth.ParseToken(in.OneTimeToken)
	if !ours {
		return s.wrongToken(c, now)
	}
	text := auth.MintPortal()
	t := &hook.Token{
		ID: hook.TokenID(s.Catalog.NewKey()), Hash: s.Hasher.Hash(text), Hint: text.Hint(), Name: "portal", CreatedAt: now,
	}
	err = s.Catalog.ExchangeToken(c.ctx(), s.Hasher.Hash(once), t)
	if hook.KindOf(err) == hook.NotFound && err != nil {
		return s.wrongToken(c, now)
	}
	if err != nil {
		return err
	}
	out := api.OneTimeTokenOut{Token: text.Reveal(), Capabilities: []string{}}
	for _, can := range t.Capabilities {
		out.Capabilities = append(out.Capabilities, string(can))
	}
	return c.json(http.StatusOK, out)
}

func (s *server) censoredToAPI(t *hook.Token) api.APITokenCensoredOut {
	return api.APITokenCensoredOut{
		ID: s.Catalog.Codec().Token(t.Environment, t.ID), CensoredToken: t.Hint + "****************", Name: orNil(t.Name),
		CreatedAt: t.CreatedAt, ExpiresAt: orNil(t.ExpiresAt), Scopes: scopesToAPI(t.Scopes), LastUsedAt: orNil(t.LastUsedAt),
	}
}

// scopesFromAPI keeps nil, no restriction, apart from an empty list, which is refused.
func scopesFromAPI(list []string) []hook.Scope {
	if list == nil {
		return nil
	}
	scopes := make([]hook.Scope, len(list))
	for i, s := range list {
		scopes[i] = hook.Scope(s)
	}
	return scopes
}

func scopesToAPI(scopes []hook.Scope) []string {
	if len(scopes) == 0 {
		return nil
	}
	list := make([]string, len(scopes))
	for i, s := range scopes {
		list[i] = string(s)
	}
	slices.Sort(list)
	return list
}
