package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// defaultOrg is the organisation that the open-source server begins with (CONTRACT
	// 1.1); its tokens open the environment of that name here.
	defaultOrg         = "org_23rb8YdGqMT0qIzpgGwdXfHirMu"
	defaultEnvironment = "default"

	// maxCachedJWTs bounds the memory: some hundred bytes each.
	maxCachedJWTs = 4096
	// jwtFresh is how long it is remembered what a JWT stands for. Its signature cannot
	// change; environments and applications can.
	jwtFresh = 5 * time.Second
)

// jwts remembers JWTs that were verified, so that a client that sends the same one with
// each request costs one signature check in jwtFresh.
type jwts struct {
	mu     sync.RWMutex
	byHash map[[32]byte]*verifiedJWT
}

type verifiedJWT struct {
	token *hook.Token
	until time.Time // look again from then on
}

func newJWTs() *jwts { return &jwts{byHash: map[[32]byte]*verifiedJWT{}} }

func (j *jwts) get(hash [32]byte, now time.Time) *hook.Token {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if v := j.byHash[hash]; v != nil && now.Before(v.until) {
		return v.token
	}
	return nil
}

func (j *jwts) put(hash [32]byte, t *hook.Token, until time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.byHash) >= maxCachedJWTs && j.byHash[hash] == nil {
		for old := range j.byHash { // any one: the order of a map is arbitrary
			delete(j.byHash, old)
			break
		}
	}
	j.byHash[hash] = &verifiedJWT{t, until}
}

// foreignToken judges a token that is not of our form: a JWT of the open-source server,
// where the operator accepts those.
func (s *server) foreignToken(c *call, text string, now time.Time) error {
	if s.JWT == nil {
		return s.wrongToken(c, now)
	}
	hash := sha256.Sum256([]byte(text))
	if t := s.jwts.get(hash, now); t != nil && !t.Expired(now) {
		c.token, c.jwt = t, true
		return nil
	}
	id, err := s.JWT.Verify(text)
	if errors.Is(err, auth.ErrIsSecret) {
		if err := s.guesses.wrong(c, s.clientAddr(c.r), now); err != nil {
			return err
		}
		return unauthenticated("The token is the server's JWT secret itself. Send a JWT that is signed with it, and replace the secret if this request could be read by others.")
	}
	if err != nil {
		return s.wrongToken(c, now)
	}
	token, err := s.tokenOf(c.ctx(), id)
	if hook.KindOf(err) == hook.NotFound && err != nil {
		return s.wrongToken(c, now)
	}
	if err != nil {
		return err
	}
	// The requests of each JWT are counted apart. Row keys of tokens in the store are positive.
	token.ID = hook.TokenID(-int64(binary.BigEndian.Uint64(hash[:])>>2) - 1)
	token.ExpiresAt = id.ExpiresAt
	s.jwts.put(hash, token, now.Add(jwtFresh))
	c.token, c.jwt = token, true
	return nil
}

// tokenOf returns the rights that a JWT stands for; hook.NotFound where its organisation
// or application is not here. An application is named by its id here, or by the one that
// it had on the server that it was moved from.
func (s *server) tokenOf(ctx context.Context, id auth.Identity) (*hook.Token, error) {
	if strings.HasPrefix(id.Subject, "org_") {
		env, err := s.environmentOf(ctx, id.Subject)
		if err != nil {
			return nil, err
		}
		return &hook.Token{Environment: env.ID, Name: "jwt"}, nil
	}
	if !strings.HasPrefix(id.Subject, "app_") || !isRef(id.Subject) {
		return nil, notFound()
	}
	org := id.Org
	if org == "" {
		org = defaultOrg
	}
	env, err := s.environmentOf(ctx, org)
	if err != nil {
		return nil, err
	}
	var app *hook.Application
	if _, ours := s.Catalog.Codec().ParseApplication(env.ID, id.Subject); ours {
		app, err = s.Catalog.Application(ctx, env.ID, id.Subject)
	} else {
		app, err = s.Catalog.ApplicationByOrigin(ctx, env.ID, id.Subject)
	}
	if err != nil {
		return nil, err
	}
	if id.FeatureFlags != nil && len(id.FeatureFlags) == 0 {
		id.FeatureFlags = nil
	}
	return &hook.Token{
		Environment: env.ID, Application: app.ID, Name: "jwt", Capabilities: hook.AllCapabilities(), FeatureFlags: id.FeatureFlags,
	}, nil
}

// environmentOf returns the environment of an organisation: that of the default one is
// named "default", another one's has its id as the name, or is it by its id here.
func (s *server) environmentOf(ctx context.Context, org string) (*hook.Environment, error) {
	if org == defaultOrg {
		return s.Catalog.EnvironmentByName(ctx, defaultEnvironment)
	}
	if id, ours := s.Catalog.Codec().ParseEnvironment(org); ours {
		return s.Catalog.Environment(ctx, id)
	}
	return s.Catalog.EnvironmentByName(ctx, org)
}
