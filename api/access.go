package api

import (
	"encoding/json"
	"time"
)

// APITokenIn asks for an API token.
type APITokenIn struct {
	Name string `json:"name"`
	// Scopes restrict it, for example "message:write"; null or absent for everything.
	Scopes []string `json:"scopes,omitempty"`
}

// APITokenPatch changes some fields of an API token. Null scopes mean everything.
type APITokenPatch struct {
	Name   Optional[string]   `json:"name,omitzero"`
	Scopes Optional[[]string] `json:"scopes,omitzero"`
}

// APITokenUpdate names an API token anew.
type APITokenUpdate struct {
	Name string `json:"name"`
}

// APITokenOut is a token with its text, which is shown this one time.
type APITokenOut struct {
	ID        string     `json:"id"`
	Token     string     `json:"token"`
	Name      *string    `json:"name"`
	CreatedAt time.Time  `json:"createdAt"`
	ExpiresAt *time.Time `json:"expiresAt"`
	Scopes    []string   `json:"scopes"`
}

// APITokenCensoredOut is a token without its text.
type APITokenCensoredOut struct {
	ID string `json:"id"`
	// CensoredToken is how the token begins, and asterisks.
	CensoredToken string     `json:"censoredToken"`
	Name          *string    `json:"name"`
	CreatedAt     time.Time  `json:"createdAt"`
	ExpiresAt     *time.Time `json:"expiresAt"`
	Scopes        []string   `json:"scopes"`
	// LastUsedAt is exact to a minute. Ours.
	LastUsedAt *time.Time `json:"lastUsedAt"`
}

// APITokenExpireIn ends an API token.
type APITokenExpireIn struct {
	// Expiry is in how many seconds it ends: 0 to 259200, default at once.
	Expiry *int64 `json:"expiry,omitempty"`
}

// CreateTokenIn asks for a token that may only create messages in one application.
type CreateTokenIn struct {
	Name string `json:"name"`
	// Expiry is in seconds; absent for never.
	Expiry *int64 `json:"expiry,omitempty"`
}

// OneTimeTokenIn exchanges a one-time token.
type OneTimeTokenIn struct {
	OneTimeToken string `json:"oneTimeToken"`
}

// OneTimeTokenOut is the portal token that a one-time token was exchanged for.
type OneTimeTokenOut struct {
	Token        string   `json:"token"`
	Capabilities []string `json:"capabilities"`
}

// OneTimeAccessOut is a one-time token, and a link that carries it.
type OneTimeAccessOut struct {
	URL          string    `json:"url"`
	OneTimeToken string    `json:"oneTimeToken"`
	ExpiresAt    time.Time `json:"expiresAt"`
}

// IntegrationIn creates or replaces an integration.
type IntegrationIn struct {
	Name string `json:"name"`
	// FeatureFlags, 1 to 25, open the event types that carry one of them.
	FeatureFlags []string `json:"featureFlags,omitempty"`
}

// IntegrationOut is another program that works for an application with a key of its own.
type IntegrationOut struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	FeatureFlags []string  `json:"featureFlags,omitempty"`
	CreatedAt    time.Time `json:"createdAt"`
	UpdatedAt    time.Time `json:"updatedAt"`
}

// IntegrationKeyOut is the key of an integration.
type IntegrationKeyOut struct {
	Key string `json:"key"`
}

// JWKSet is a set of public keys (RFC 7517 section 5).
type JWKSet struct {
	Keys []JWK `json:"keys"`
}

// JWK is a public ed25519 key (RFC 8037 section 2).
type JWK struct {
	KeyType   string `json:"kty"` // OKP
	Curve     string `json:"crv"` // Ed25519
	X         string `json:"x"`   // the key, base64url without padding
	KeyID     string `json:"kid"` // its thumbprint (RFC 7638)
	Use       string `json:"use"` // sig
	Algorithm string `json:"alg"` // EdDSA
	// ExpiresAt is when a key that was rotated out stops signing; absent for the current one. Ours.
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
}

// AuditOut is one entry of the audit log.
type AuditOut struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Actor  ActorOut  `json:"actor"`
	Noun   string    `json:"noun"`
	Action string    `json:"action"`
	// SubjectID is the id of what was changed, "" for what has a name only.
	SubjectID string `json:"subjectId"`
	// AppID is the application that it belongs to.
	AppID *string `json:"appId"`
	Name  string  `json:"name"`
	// Before and After are the fields that the change touched, null for none. Secrets are not in them.
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

// ActorOut is who changed something.
type ActorOut struct {
	// Kind is api-token, portal, one-time, integration, jwt, command or system.
	Kind      string  `json:"kind"`
	ID        *string `json:"id"`
	Name      *string `json:"name"`
	SessionID *string `json:"sessionId"`
	RequestID *string `json:"requestId"`
	Address   *string `json:"address"`
}

// ActivityOut is one change of an application's endpoints, as its owner may see it.
type ActivityOut struct {
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	EndpointID string    `json:"endpointId"`
	// Name is the endpoint's uid, or the URL that the change names; "" where neither is known.
	Name string `json:"name"`
	// Action is created, updated or deleted.
	Action string `json:"action"`
	// By is portal (who has the portal, or an integration of it), operator, or system: the server
	// itself, which disables.
	By string `json:"by"`
	// Changed are the fields that an update touched.
	Changed []ActivityFieldOut `json:"changed"`
}

// ActivityFieldOut is a field that was changed. Before and After are null for what is not shown: secrets,
// headers, credentials and the like say only that they changed.
type ActivityFieldOut struct {
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}
