package server

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/httpapi"
	"github.com/hookloft/hookloft/webhook"
)

// newAPI builds the HTTP API on the parts that start has made.
func (n *node) newAPI() (http.Handler, error) {
	s := n.opened.store
	verifier, err := newJWTVerifier(n.c)
	if err != nil {
		return nil, err
	}
	return httpapi.New(httpapi.Deps{
		Catalog: s, Accounts: s, History: s, Ledger: s, Publisher: n.publisher,
		Hasher:   n.opened.hasher,
		CheckURL: n.checkURL, CheckMailURL: n.checkMailURL, CheckProxy: n.checkProxy,
		Scripts:      n.scripts,
		JWT:          verifier,
		NewSecret:    newSecret,
		ParseSecret:  parseSecret,
		PublicSecret: publicSecret,
		CheckSource:  func(s *hook.Source) error { return checkSource(n.checkURL, s) }, SourceChanged: n.sourceChanged,
		Listening: n.listening, Forward: forwarded,
		Polling: n.opened.store, Feeds: n.feeds,
		System: n.system, Sums: n.rollup, Issues: s, Search: s, Lanes: n.dispatcher, Tail: n.tail,
		SentHeaders: sender{n.sender, s.Codec(), s.IsExpunged}.headers, MakeRequest: sender{n.sender, s.Codec(), s.IsExpunged}.request,
		Tasks: n.tasks, Consents: n.consents,
		Metrics: requestRecorder{n.metrics},
		Tracer:  n.otlp.Tracer(),
		Log:     n.log,
	}, httpapi.Options{
		MaxPayloadBytes: int(n.c.MaxPayload),
		RatePerSecond:   float64(n.c.APIRate),
		TrustedProxies:  n.c.TrustedProxies,
		SourceAddresses: n.c.EgressSources,
		PublicURL:       n.publicURL(),
		Version:         ReadBuild().Version,
		Ready:           n.health.ready,
	})
}

// publicURL is how clients reach this server, as far as it knows.
func (n *node) publicURL() string {
	if n.c.PublicURL != "" {
		return n.c.PublicURL
	}
	return localURL(n.c, n.listener.Addr())
}

// checkURL judges a tenant's URL.
func (n *node) checkURL(raw string, enforceHTTPS bool) (string, error) {
	return checkURL(n.c, n.guard, raw, enforceHTTPS)
}

// checkProxy judges the URL of a tenant's proxy.
func (n *node) checkProxy(raw string) (string, error) {
	return egress.ParseProxy(raw, egress.Policy{Guard: n.guard, AllowInternalNames: n.c.AllowInternalNames})
}

func (n *node) checkMailURL(raw string) (string, error) {
	return egress.ParseMailURL(raw, egress.Policy{Guard: n.guard, AllowInternalNames: n.c.AllowInternalNames})
}

// newJWTVerifier returns what judges JWTs, nil where none are accepted.
func newJWTVerifier(c *config.Config) (*auth.JWTVerifier, error) {
	if c.JWTSecret == "" && c.JWTPublicKey == "" {
		return nil, nil
	}
	var public []byte
	if c.JWTPublicKey != "" {
		var err error
		if public, err = os.ReadFile(c.JWTPublicKey); err != nil {
			return nil, fmt.Errorf("jwt-public-key: %w", err)
		}
	}
	v, err := auth.NewJWTVerifier(c.JWTAlgorithm, string(c.JWTSecret), public, nil)
	if err != nil {
		return nil, fmt.Errorf("accept JWTs: %w", err)
	}
	return v, nil
}

// newSecret draws a signing secret.
func newSecret(kind hook.SignatureType) string {
	if kind == hook.Ed25519 {
		return webhook.GenerateAsymmetric().Reveal()
	}
	return webhook.GenerateSymmetric().Reveal()
}

func parseSecret(text string) (string, error) {
	s, err := webhook.ParseSecret(text)
	return s.Reveal(), err
}

func publicSecret(text string) (string, error) {
	s, err := webhook.ParseSecret(text)
	if err != nil {
		return "", err
	}
	if key, ok := s.Public(); ok {
		return key.String(), nil
	}
	return s.Reveal(), nil
}

// isAPIToken reports whether text is a valid token that is not a portal's.
func (n *node) isAPIToken(r *http.Request, text string) bool {
	t, err := n.opened.store.TokenByHash(r.Context(), tokenHasher{n.opened.hasher}.Hash(text))
	// /metrics tells of all environments: a token with scopes was not meant for that.
	return err == nil && t.IsAPI() && len(t.Scopes) == 0 && !t.Expired(time.Now())
}
