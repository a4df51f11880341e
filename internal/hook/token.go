package hook

import (
	"slices"
	"time"
)

// Token is the record of an API or portal token. Its text is not kept, only a keyed hash.
type Token struct {
	ID          TokenID
	Environment EnvironmentID
	Hash        [32]byte // auth.Hasher's keyed hash of the text
	Name        string
	CreatedAt   time.Time
	ExpiresAt   time.Time // zero for never
	LastUsedAt  time.Time // written at most once a minute

	// The rest restricts a portal token to one application. Zero for an API token.
	Application  ApplicationID
	Capabilities []Capability
	FeatureFlags []string // nil for no restriction
	SessionID    string
}

// Capability is one thing that a portal token may do. Spelled as the contract does (1.14).
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

// IsPortal reports whether the token is bound to one application.
func (t *Token) IsPortal() bool { return t.Application != 0 }

// Can reports whether the token may do c. API tokens may do everything.
func (t *Token) Can(c Capability) bool { return !t.IsPortal() || slices.Contains(t.Capabilities, c) }

// Expired reports whether the token is no longer valid at now.
func (t *Token) Expired(now time.Time) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) }

// Portal token life times (CONTRACT 1.6).
const (
	MinPortalLife     = time.Hour
	MaxPortalLife     = 7 * 24 * time.Hour
	DefaultPortalLife = 7 * 24 * time.Hour
)
