package hook

import (
	"time"
)

// Features are what few endpoints have. Each is nil where the endpoint does not have it,
// and like all of an Endpoint one that is in use is never changed. They are stored as JSON
// under these names: add fields, rename none.
type Features struct {
	Kind           EndpointKind    `json:"kind,omitempty"`
	Filter         *Filter         `json:"filter,omitempty"`
	Transformation *Transformation `json:"transformation,omitempty"`
	Connector      *ConnectorUse   `json:"connector,omitempty"`
	Order          *Order          `json:"order,omitempty"`
	Latest         *Latest         `json:"latest,omitempty"`
	Hold           *Hold           `json:"hold,omitempty"`
	Consent        *Consent        `json:"consent,omitempty"`
	Credentials    *Credentials    `json:"credentials,omitempty"`
}

// EndpointKind is how deliveries leave. The numbers are stored.
type EndpointKind uint8

// The kinds. The last two are destinations of the contract.
const (
	// PushEndpoint: each message is a request.
	PushEndpoint EndpointKind = iota
	// FIFOEndpoint: requests leave one after the other, in the order of Order.
	FIFOEndpoint
	// PollingEndpoint: nothing is sent; consumers fetch.
	PollingEndpoint
	endpointKinds
)

var endpointKindNames = [endpointKinds]string{"endpoint", "fifoEndpoint", "pollingEndpoint"}

// String returns the kind as the contract spells it.
func (k EndpointKind) String() string { return nameAt(int(k), endpointKindNames[:]...) }

// IsDestination reports whether an endpoint is served as one of the contract's destinations.
func (e *Endpoint) IsDestination() bool { return e.Kind != PushEndpoint }

// Latest keeps of several messages of one key that come close together only the last.
type Latest struct {
	// Key is a path into the payload; "" is one key for all messages of an event type.
	Key    string        `json:"key,omitempty"`
	Window time.Duration `json:"window"`
}

// Hold says that nothing is sent for now. What comes waits, and nothing is dropped.
type Hold struct {
	Since time.Time `json:"since"`
	// Note is why, in its owner's words.
	Note string `json:"note,omitempty"`
	// DrainRate is how many messages a second are sent of what waited once the hold ends; 0 for no bound.
	DrainRate int `json:"drainRate,omitempty"`
	// ResumedAt is when the hold ended; zero while it lasts. The hold is kept after it until what waited is sent.
	ResumedAt time.Time `json:"resumedAt,omitzero"`
}

// IsOn reports whether nothing may be sent. A nil hold holds nothing.
func (h *Hold) IsOn() bool { return h != nil && h.ResumedAt.IsZero() }

// IsHeld reports whether nothing is to be sent to the endpoint for now: its owner, or that
// of its application, has said so, or the receiver has not yet agreed.
func (e *Endpoint) IsHeld(app *Hold) bool {
	return app.IsOn() || e.Hold.IsOn() || e.AwaitsConsent()
}
