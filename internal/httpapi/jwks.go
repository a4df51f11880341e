package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// jwksMaxAge is how long a receiver may keep the keys, in seconds. A key that was rotated
// in signs beside the old one for a day by default, so minutes late is early enough.
const jwksMaxAge = "300"

// endpointKeys shows an endpoint's public keys to who may see the endpoint.
func (s *server) endpointKeys(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	return s.writeKeys(c, e)
}

// publicKeys shows an endpoint's public keys to anybody who has its ids, without a token:
// a receiver verifies with them and should hold no secret for that. The code in the ids
// refuses made-up ones without a look-up, and what has no public key answers like them.
func (s *server) publicKeys(c *call) error {
	codec := s.Catalog.Codec()
	appRef := c.param("app_id")
	app, endpoint, ok := codec.ParseEndpointOf(appRef, c.param("endpoint_id"))
	if !ok {
		return notFound()
	}
	plan, err := s.Catalog.PlanOf(c.ctx(), app)
	if err != nil {
		return err
	}
	e := plan.Endpoint(endpoint)
	if e == nil || codec.Application(plan.Environment.ID, app) != appRef {
		return notFound()
	}
	return s.writeKeys(c, e)
}

func (s *server) writeKeys(c *call, e *hook.Endpoint) error {
	set := api.JWKSet{}
	for _, secret := range e.LiveSecrets(s.now()) {
		key, err := webhook.ParseSecret(secret.Text)
		if err != nil {
			return err
		}
		public, ok := key.Public()
		if !ok {
			continue // symmetric: there is nothing to show
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public.String(), "whpk_"))
		if err != nil {
			return err
		}
		jwk := publicJWK(raw)
		jwk.ExpiresAt = orNil(secret.ExpiresAt)
		set.Keys = append(set.Keys, jwk)
	}
	if set.Keys == nil {
		return notFound()
	}
	c.w.Header().Set("Cache-Control", "max-age="+jwksMaxAge)
	return c.json(http.StatusOK, set)
}

// publicJWK writes an ed25519 key as RFC 8037 section 2 does. Its id is the thumbprint of
// RFC 7638, over the required members in alphabetical order without white space (RFC 8037
// appendix A.3).
func publicJWK(key []byte) api.JWK {
	x := base64.RawURLEncoding.EncodeToString(key)
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	return api.JWK{
		KeyType: "OKP", Curve: "Ed25519", X: x, KeyID: base64.RawURLEncoding.EncodeToString(sum[:]), Use: "sig", Algorithm: "EdDSA",
	}
}
