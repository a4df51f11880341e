package api

import (
	"encoding/json"
	"time"
)

// IngestSourceIn creates or replaces a source: a URL on which a provider's webhooks arrive.
type IngestSourceIn struct {
	Name string `json:"name"`
	// UID is the caller's own name for the source, unique in the environment: 1 to 60 of a-z, A-Z, 0-9, _ and -.
	UID      *string           `json:"uid,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	// Type is "generic-webhook", "cron", or a provider's name as GET /x/v1/provider lists them.
	Type string `json:"type"`
	// Config is what the type needs: secret, secrets or publicKey, and the settings of its
	// scheme in camelCase. A key that the type does not have is refused.
	Config json.RawMessage `json:"config,omitempty"`
}

// IngestSourcePatch changes the given fields of a source.
type IngestSourcePatch struct {
	Name     Optional[string]            `json:"name,omitzero"`
	UID      Optional[string]            `json:"uid,omitzero"`
	Metadata Optional[map[string]string] `json:"metadata,omitzero"` // replaced as a whole
}

// IngestSourceOut is a source. Its secrets are never shown.
type IngestSourceOut struct {
	ID   string  `json:"id"`
	UID  *string `json:"uid"`
	Name string  `json:"name"`
	Type string  `json:"type"`
	// IngestURL is what the provider calls; null for a schedule, which nobody calls.
	IngestURL *string           `json:"ingestUrl"`
	Metadata  map[string]string `json:"metadata"`
	CreatedAt time.Time         `json:"createdAt"`
	UpdatedAt time.Time         `json:"updatedAt"`
	// Config is absent for generic-webhook, and has what is no secret for other types.
	Config *IngestSourceConfigOut `json:"config,omitzero"`
}

// IngestSourceConfigOut is the part of a source's config that is no secret.
type IngestSourceConfigOut struct {
	// PublicKey of a provider that signs with a private key.
	PublicKey *string `json:"publicKey,omitempty"`
	// URL without its query, Interval, ValuePath, First and EventType are of poll. Ours.
	URL       *string `json:"url,omitempty"`
	Interval  *string `json:"interval,omitempty"`
	ValuePath *string `json:"valuePath,omitempty"`
	First     *string `json:"first,omitempty"`
	EventType *string `json:"eventType,omitempty"`
	// Schedule is of cron and poll, Payload and ContentType are of cron.
	Schedule    *string `json:"schedule,omitempty"`
	Payload     *string `json:"payload,omitempty"`
	ContentType *string `json:"contentType,omitempty"`
}

// RotateTokenOut is a source's new URL. The old one goes on working for 48 hours.
type RotateTokenOut struct {
	IngestURL string `json:"ingestUrl"`
}

// IngestSourceConsumerPortalAccessIn asks for a token that is bound to a source's endpoints and messages.
type IngestSourceConsumerPortalAccessIn struct {
	// Expiry is in seconds: 3600 to 604800, default 604800.
	Expiry *int64 `json:"expiry,omitempty"`
	// ReadOnly grants the capability ViewBase alone.
	ReadOnly *bool `json:"readOnly,omitempty"`
}

// IngestLogOut is a request that a source rejected. The names are the contract's, which
// has snake_case in this place alone.
type IngestLogOut struct {
	ID         string `json:"id"`
	SourceID   string `json:"source_id"`
	StatusCode int    `json:"status_code"`
	// ErrorText says why.
	ErrorText string            `json:"error_text"`
	Headers   map[string]string `json:"headers"`
	// Payload is the body, at most 16 KiB of it.
	Payload   string    `json:"payload"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// The rest is ours. PayloadBase64: Payload is base64 because the body is not UTF-8.
	PayloadBase64    bool   `json:"payload_base64,omitzero"`
	PayloadTruncated bool   `json:"payload_truncated,omitzero"`
	Method           string `json:"method,omitempty"`
	RemoteAddr       string `json:"remote_addr,omitempty"`
}

// IngestEndpointIn creates an endpoint of a source.
type IngestEndpointIn struct {
	IngestEndpointUpsertIn
	// Secret is the signing key (whsec_, whsk_, or bare base64); absent to have one made.
	Secret  *string           `json:"secret,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

// IngestEndpointUpsertIn replaces an endpoint of a source. Its secret, headers and filters stay.
type IngestEndpointUpsertIn struct {
	URL          string            `json:"url"`
	Description  string            `json:"description,omitempty"`
	UID          *string           `json:"uid,omitempty"`
	Disabled     bool              `json:"disabled,omitzero"`
	ThrottleRate *int64            `json:"throttleRate,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
}

// IngestEndpointOut is an endpoint of a source.
type IngestEndpointOut struct {
	ID           string            `json:"id"`
	UID          *string           `json:"uid"`
	URL          string            `json:"url"`
	Description  string            `json:"description"`
	Disabled     bool              `json:"disabled"`
	ThrottleRate *int64            `json:"throttleRate"`
	Metadata     map[string]string `json:"metadata"`
	CreatedAt    time.Time         `json:"createdAt"`
	UpdatedAt    time.Time         `json:"updatedAt"`
}

// InboundOut is what a provider's request had beside its body. Values that may be
// secrets are withheld.
type InboundOut struct {
	Provider string `json:"provider"`
	Method   string `json:"method"`
	// Path is what followed the source's URL, Query the part after the question mark.
	Path    string              `json:"path"`
	Query   string              `json:"query"`
	Headers map[string][]string `json:"headers"`
	// ContentType of the body as it came; null when the request named none.
	ContentType *string `json:"contentType"`
	// Type is the provider's own word for the event, which eventType is made from.
	Type string `json:"type"`
	// DeliveryID is the provider's id of the delivery; null for none.
	DeliveryID *string `json:"deliveryId"`
	// Stale: the event was much older than the newest one seen.
	Stale bool `json:"stale"`
}
