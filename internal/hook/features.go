package hook

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
