package hook

import (
	"slices"
	"time"
)

// Token is the record of a token of any kind. Its text is not kept, only a keyed hash.
type Token struct {
	ID          TokenID
	Kind        TokenKind
	Environment EnvironmentID
	Hash        [32]byte // auth.Hasher's keyed hash of the text
	Hint        string   // the beginning of the text, for its owner to recognise; may be ""
	Name        string
	CreatedAt   time.Time
	ExpiresAt   time.Time // zero for never
	LastUsedAt  time.Time // written at most once a minute

	// Scopes restrict an API token to operations, as "noun:verb" (see Scope); nil for
	// everything. The other kinds have none.
	Scopes []Scope

	// The rest restricts a token to one application. Zero for an API token.
	Application  ApplicationID
	Capabilities []Capability
	FeatureFlags []string // nil for no restriction
	SessionID    string
	// Integration is what an integration's key belongs to, 0 for every other kind.
	Integration IntegrationID
	// Endpoint is the polling endpoint that a poller token fetches from, 0 for every other kind.
	Endpoint EndpointID
	// EventTypes (patterns, see httpapi) and Channel are all that a stream token shows; nil
	// and "" for everything.
	EventTypes []string
	Channel    string
	// User is who signed in, where the token stands for a session and is in no store; 0 for
	// every other.
	User UserID
	// Life is how long the portal token lives that a one-time token is exchanged for.
	Life time.Duration
}

// TokenKind is what a token is for, beside the two ordinary kinds.
type TokenKind string

// The kinds of token.
const (
	// OrdinaryToken is an API token, or with an application a portal token.
	OrdinaryToken TokenKind = ""
	// MessageToken may create messages in its application and nothing else.
	MessageToken TokenKind = "message"
	// IntegrationToken is the long-lived key of an integration.
	IntegrationToken TokenKind = "integration"
	// OneTimeToken may be exchanged, once, for a portal token and opens nothing itself.
	OneTimeToken TokenKind = "one-time"
	// PollerToken may fetch from one polling endpoint and nothing else.
	PollerToken TokenKind = "poller"
	// StreamToken may follow the messages of one application, or some of them, and nothing
	// else. It stands in URLs, so it is short-lived.
	StreamToken TokenKind = "stream"
)

// OneTimeLife is how long a one-time token may wait for its exchange: time to follow a link.
const OneTimeLife = 5 * time.Minute

// Capability is one thing that an application's token may do. Spelled as the contract does (1.14).
type Capability string

// The capabilities of the contract.
const (
	ViewBase              Capability = "ViewBase"
	ViewEndpointSecret    Capability = "ViewEndpointSecret"
	ManageEndpointSecret  Capability = "ManageEndpointSecret"
	ManageTransformations Capability = "ManageTransformations"
	CreateAttempts        Capability = "CreateAttempts"
	ManageEndpoint        Capability = "ManageEndpoint"
)

// AllCapabilities returns every capability, the grant of a portal token that asks for none in particular.
func AllCapabilities() []Capability {
	return []Capability{ViewBase, ViewEndpointSecret, ManageEndpointSecret, ManageTransformations, CreateAttempts, ManageEndpoint}
}

// IsPortal reports whether the token is bound to one application, as all kinds but API
// tokens are.
func (t *Token) IsPortal() bool { return t.Application != 0 }

// IsAPI reports whether the token is an environment's own, with or without scopes.
func (t *Token) IsAPI() bool { return t.Application == 0 && t.Kind == OrdinaryToken }

// Can reports whether the token may do c within its application. API tokens are not
// restricted by capabilities; what their scopes allow is another question (MayDo).
func (t *Token) Can(c Capability) bool { return !t.IsPortal() || slices.Contains(t.Capabilities, c) }

// MayDo reports whether the scopes of an API token allow an operation of this scope.
func (t *Token) MayDo(operation Scope) bool {
	return len(t.Scopes) == 0 || slices.ContainsFunc(t.Scopes, func(s Scope) bool { return s.Covers(operation) })
}

// Expired reports whether the token is no longer valid at now.
func (t *Token) Expired(now time.Time) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) }

// Portal token life times (CONTRACT 1.6).
const (
	MinPortalLife     = time.Hour
	MaxPortalLife     = 7 * 24 * time.Hour
	DefaultPortalLife = 7 * 24 * time.Hour
)

// Life times of a poller token and, once it is rotated out, of the one before it (schema of the contract).
const (
	MaxPollerLife        = 365 * 24 * time.Hour
	MaxOldPollerLife     = 24 * time.Hour
	DefaultOldPollerLife = 5 * time.Minute
)

// Life times of a stream token.
const (
	MaxStreamLife     = 24 * time.Hour
	DefaultStreamLife = time.Hour
)
