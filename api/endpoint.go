package api

import "time"

// EndpointIn creates or replaces an endpoint. A replacement leaves the secret and
// the headers as they are.
type EndpointIn struct {
	URL         string  `json:"url"`
	Description string  `json:"description,omitempty"`
	UID         *string `json:"uid,omitempty"`
	Disabled    bool    `json:"disabled,omitzero"`
	// EventTypes that the endpoint wants; null, absent and empty mean all.
	EventTypes []string `json:"eventTypes,omitempty"`
	// Channels that the endpoint listens to, 1 to 10; null or absent means all messages.
	Channels     []string `json:"channels,omitempty"`
	ThrottleRate *int64   `json:"throttleRate,omitempty"`
	// Secret is the signing key (whsec_, whsk_, or bare base64); absent to have one made.
	Secret   *string           `json:"secret,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Headers  map[string]string `json:"headers,omitempty"`
	// FilterTypes and RateLimit are the older names of EventTypes and ThrottleRate;
	// Version was never used.
	FilterTypes []string `json:"filterTypes,omitempty"`
	RateLimit   *int64   `json:"rateLimit,omitempty"`
	Version     *int64   `json:"version,omitempty"`
}

// EndpointPatch changes the given fields of an endpoint.
type EndpointPatch struct {
	URL          Optional[string]            `json:"url,omitzero"`
	Description  Optional[string]            `json:"description,omitzero"`
	UID          Optional[string]            `json:"uid,omitzero"`
	Disabled     Optional[bool]              `json:"disabled,omitzero"`
	EventTypes   Optional[[]string]          `json:"eventTypes,omitzero"`
	FilterTypes  Optional[[]string]          `json:"filterTypes,omitzero"`
	Channels     Optional[[]string]          `json:"channels,omitzero"`
	ThrottleRate Optional[int64]             `json:"throttleRate,omitzero"`
	RateLimit    Optional[int64]             `json:"rateLimit,omitzero"`
	Metadata     Optional[map[string]string] `json:"metadata,omitzero"`
	Version      Optional[int64]             `json:"version,omitzero"`
	// Secret was a field of the older contract; now it is rotated by its own operation.
	Secret Optional[string] `json:"secret,omitzero"`
}

// EndpointOut is an endpoint. Its secret and headers have operations of their own.
type EndpointOut struct {
	ID           string            `json:"id"`
	UID          *string           `json:"uid"`
	URL          string            `json:"url"`
	Description  string            `json:"description"`
	Disabled     bool              `json:"disabled"`
	EventTypes   []string          `json:"eventTypes"`
	FilterTypes  []string          `json:"filterTypes"`
	Channels     []string          `json:"channels"`
	ThrottleRate *int64            `json:"throttleRate"`
	RateLimit    *int64            `json:"rateLimit"`
	Version      int               `json:"version"`
	Metadata     map[string]string `json:"metadata"`
	CreatedAt    time.Time         `json:"createdAt"`
	UpdatedAt    time.Time         `json:"updatedAt"`
}

// EndpointHeadersIn replaces an endpoint's custom headers.
type EndpointHeadersIn struct {
	Headers map[string]string `json:"headers"`
}

// EndpointHeadersPatchIn changes some of an endpoint's custom headers.
type EndpointHeadersPatchIn struct {
	// Headers to set; null removes one.
	Headers map[string]*string `json:"headers"`
	// DeleteHeaders are names to remove.
	DeleteHeaders []string `json:"deleteHeaders,omitempty"`
}

// EndpointHeadersOut shows an endpoint's custom headers.
type EndpointHeadersOut struct {
	Headers map[string]string `json:"headers"`
	// Sensitive are names of headers whose values are withheld.
	Sensitive []string `json:"sensitive"`
}

// EndpointSecretOut is what a receiver verifies with: the secret of a symmetric key,
// the public half of an asymmetric one.
type EndpointSecretOut struct {
	Key string `json:"key"`
}

// EndpointSecretRotateIn replaces an endpoint's signing key.
type EndpointSecretRotateIn struct {
	// Key is the new key; absent to have one made.
	Key *string `json:"key,omitempty"`
	// GracePeriodSeconds is how long the old key goes on signing: 0 to 604800, default 86400.
	GracePeriodSeconds *int64 `json:"gracePeriodSeconds,omitempty"`
}

// EndpointStats counts an endpoint's deliveries by status.
type EndpointStats struct {
	Success  int64 `json:"success"`
	Pending  int64 `json:"pending"`
	Sending  int64 `json:"sending"`
	Fail     int64 `json:"fail"`
	Canceled int64 `json:"canceled"`
}

// RecoverIn asks for failed messages of an endpoint to be sent again.
type RecoverIn struct {
	Since time.Time  `json:"since"`
	Until *time.Time `json:"until,omitempty"`
}

// EventExampleIn asks for the example of an event type to be sent to an endpoint.
type EventExampleIn struct {
	EventType    string `json:"eventType"`
	ExampleIndex int    `json:"exampleIndex,omitzero"` // 0 by default
}
