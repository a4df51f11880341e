package hook

import (
	"cmp"
	"time"
)

// Environment is an isolated space with its own tokens, event types and applications.
type Environment struct {
	ID        EnvironmentID
	Name      string // unique in the store, 1 to 256 characters
	Settings  Settings
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Settings are what an environment's owner may choose. Use DefaultSettings for a new one.
type Settings struct {
	// WhitelabelHeaders sends the webhook-* header family alone.
	WhitelabelHeaders bool
	// SendSvixHeaders sends the svix-* family beside webhook-*. Ignored under WhitelabelHeaders.
	SendSvixHeaders bool
	// EnforceHTTPS refuses http endpoint URLs even where the operator allows http.
	EnforceHTTPS bool
	// DisableEndpointOnFailure disables an endpoint after five days without a success.
	DisableEndpointOnFailure bool
	// DisableEndpointOnGone disables an endpoint that answers 410 (Standard Webhooks).
	DisableEndpointOnGone bool
	// RetryPolicy is the delays after the first, second, ... failed attempt. Nil means
	// DefaultRetryPolicy; empty and not nil means a single attempt.
	RetryPolicy []time.Duration
	// Retention is how long messages are kept that do not say so themselves, from when they
	// were accepted: 1 day to MaxRetention. Zero means DefaultRetention. A change holds for
	// messages that are accepted from then on.
	Retention time.Duration
	// SignatureType is the kind of signing secret that is drawn for an endpoint.
	SignatureType SignatureType
	// SendTraceparent tells receivers the trace of the request, in the header traceparent
	// (W3C Trace Context). It does nothing while this server does not trace.
	SendTraceparent bool
	// SealContent seals what is stored from then on: payloads and the provider's requests, and
	// the answers to attempts. What was stored before stays as it is.
	SealContent bool
	// RequireEventTypes refuses endpoints that do not say which event types they get.
	RequireEventTypes bool
	// RequireChannel refuses endpoints that do not say which channels they listen to.
	RequireChannel bool
	// RequireConsent holds new endpoints until their receivers agree to be sent to (Consent).
	// It is for endpoints of applications, not for those of sources and operational webhooks.
	RequireConsent bool
	// EndpointLimit is how many endpoints an application may have; 0 for any number. What
	// there is already stays.
	EndpointLimit int
	// PortalReadOnly lets tokens of the portal look and change nothing.
	PortalReadOnly bool
	// WipeDelivered removes the payload of a message once each of its deliveries has
	// succeeded.
	WipeDelivered bool
	// Extra keeps settings that this version does not know, as raw JSON by key, so
	// that a client's round trip loses nothing.
	Extra map[string][]byte
}

// KeptFor is Retention with its default.
func (s *Settings) KeptFor() time.Duration { return cmp.Or(s.Retention, DefaultRetention) }

// MaxEndpointLimit bounds EndpointLimit.
const MaxEndpointLimit = 1_000_000

// DefaultSettings are those of an environment that nobody has configured.
func DefaultSettings() Settings {
	return Settings{SendSvixHeaders: true, DisableEndpointOnFailure: true, DisableEndpointOnGone: true}
}

// SignatureType is a kind of signing secret. Which signatures an endpoint gets follows
// from its own secrets; this is only the choice for those that are drawn.
type SignatureType string

// The kinds of signing secret, spelled as the open-source server's configuration does.
const (
	HMAC256 SignatureType = "" // hmac256: whsec_, signatures v1; the default
	Ed25519 SignatureType = "ed25519"
)
