package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/internal/hook"
)

// portalSwitches are settings of things that a portal has as long as they are not false.
var portalSwitches = []string{"enableChannels", "enableMessageTags", transformationsSetting, oauthSetting, mtlsSetting}

// isOffInPortal reports whether the call comes with a token of the portal, and a setting of
// the environment is false.
func (s *server) isOffInPortal(c *call, setting string) (bool, error) {
	if !c.token.IsPortal() {
		return false, nil
	}
	e, err := s.Catalog.Environment(c.ctx(), c.env())
	return err == nil && string(e.Settings.Extra[setting]) == "false", err
}

// notInPortal refuses what isOffInPortal says is off. What ends in "is" or "are".
func notInPortal(what string) error {
	return &statusError{http.StatusForbidden, "insufficient access", what + " not enabled in the portal of this environment."}
}

// The environment's switches for people: with false, tokens of the portal neither see nor change
// that part of an endpoint's credentials. What is there goes on being used.
const (
	oauthSetting = "enableEndpointOauthConfig"
	mtlsSetting  = "enableEndpointMtlsConfig"
)

// mayOAuth and mayMTLS refuse tokens of the portal where the environment's switches say so.
func (s *server) mayOAuth(c *call) error {
	off, err := s.isOffInPortal(c, oauthSetting)
	if err != nil || !off {
		return err
	}
	return notInPortal("Access tokens (OAuth) are")
}

func (s *server) mayMTLS(c *call) error {
	off, err := s.isOffInPortal(c, mtlsSetting)
	if err != nil || !off {
		return err
	}
	return notInPortal("Client certificates are")
}

// barred are the parts of credentials that a call neither sees nor changes.
type barred struct{ oauth, mtls bool }

func (s *server) barred(c *call) (b barred, err error) {
	if b.oauth, err = s.isOffInPortal(c, oauthSetting); err != nil {
		return b, err
	}
	b.mtls, err = s.isOffInPortal(c, mtlsSetting)
	return b, err
}

// keep puts back into next what it may not change of old.
func (b barred) keep(next, old *hook.Credentials) {
	if b.oauth {
		next.OAuth2 = old.OAuth2
	}
	if b.mtls {
		next.Identity = old.Identity
	}
}

// visible returns what may be seen of c, which may be nil.
func (b barred) visible(c *hook.Credentials) *hook.Credentials {
	if c == nil {
		return nil
	}
	seen := *c
	b.keep(&seen, &hook.Credentials{})
	return &seen
}
