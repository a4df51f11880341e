package httpapi

import (
	"net/http"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
)

// pollerToken is a new token of the polling endpoint that the path names, with its text.
func (s *server) pollerToken(c *call) (*hook.Token, auth.Text, error) {
	a, e, err := s.pollingEndpoint(c)
	if err != nil {
		return nil, auth.Text{}, err
	}
	text := auth.MintPoller()
	t := &hook.Token{
		ID: hook.TokenID(s.Catalog.NewKey()), Kind: hook.PollerToken, Environment: a.Environment, Application: a.ID, Endpoint: e.ID,
		Name: "poller", CreatedAt: s.now(), Hash: s.Hasher.Hash(text), Hint: text.Hint(),
	}
	return t, text, s.mayGrant(c, t)
}

// getPollerToken shows the token of a polling endpoint; one that has none gets it now.
func (s *server) getPollerToken(c *call) error {
	first, text, err := s.pollerToken(c)
	if err != nil {
		return err
	}
	s.act(c) // it may be made now
	t, shown, err := s.Catalog.PollerToken(c.ctx(), first, text.Reveal())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.pollerTokenToAPI(t, shown))
}

// rotatePollerToken makes the next token; the one before works for a while.
func (s *server) rotatePollerToken(c *call) error {
	in, err := decode[api.RotatePollerTokenIn](c)
	if err != nil {
		return err
	}
	most := int64(hook.MaxPollerLife / time.Second)
	if in.Expiry != nil && (*in.Expiry < 1 || *in.Expiry > most) {
		return hook.Fieldf("expiry", "must lie between 1 and %d seconds; leave it out for a token that does not end by itself", most)
	}
	old := hook.DefaultOldPollerLife
	if n := in.OldTokenExpiry; n != nil {
		if *n < 0 || *n > int64(hook.MaxOldPollerLife/time.Second) {
			return hook.Fieldf("oldTokenExpiry", "must lie between 0 and %d seconds", int64(hook.MaxOldPollerLife/time.Second))
		}
		old = time.Duration(*n) * time.Second
	}
	t, text, err := s.pollerToken(c)
	if err != nil {
		return err
	}
	if in.Expiry != nil {
		t.ExpiresAt = t.CreatedAt.Add(time.Duration(*in.Expiry) * time.Second)
	}
	body := c.prepare(http.StatusCreated, s.pollerTokenToAPI(t, text.Reveal()))
	if err := s.Catalog.RotatePollerToken(c.ctx(), t, text.Reveal(), s.now().Add(old), c.receipt); err != nil {
		return err
	}
	return c.raw(http.StatusCreated, body)
}

func (s *server) pollerTokenToAPI(t *hook.Token, text string) api.APITokenOut {
	return api.APITokenOut{
		ID: s.Catalog.Codec().Token(t.Environment, t.ID), Token: text, Name: orNil(t.Name),
		CreatedAt: t.CreatedAt, ExpiresAt: orNil(t.ExpiresAt),
	}
}
