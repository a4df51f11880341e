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

// CheckTogether refuses features that exclude each other, where each alone is right.
func (e *Endpoint) CheckTogether() error {
	switch o := e.Order; {
	case o == nil:
	case e.Kind == PollingEndpoint:
		return Errorf(Conflict, "a polling endpoint hands over in the order in which messages were accepted, and has no other")
	case e.Latest != nil:
		return Errorf(Conflict, "the endpoint gets only the latest message of a key; remove that first, because in a line each message has its place")
	case o.BatchSize == 0 || e.IsDestination():
	case e.IsMail():
		return Errorf(Conflict, "an e-mail is one message, so an endpoint that is a mail server takes no batches")
	case e.Connector != nil && (e.Transformation == nil || !e.Transformation.Enabled):
		return Errorf(Conflict, "a connector makes one request of one message, so its endpoint takes no batches")
	}
	return nil
}
