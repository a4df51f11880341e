package api

import "encoding/json"

// EndpointFilter is which messages an endpoint wants by what is in them. Ours.
type EndpointFilter struct {
	// Filter is an object in the language of docs/filters.md, at most 16 KiB; null for none.
	Filter json.RawMessage `json:"filter"`
}

// FilterTestIn asks a filter about a message: one that is described, or one that is stored. Ours.
type FilterTestIn struct {
	Filter json.RawMessage `json:"filter"`
	// MsgID names a stored message; then the fields below AppID must be absent. With AppID it
	// may be the message's eventId while that is taken.
	MsgID *string `json:"msgId,omitempty"`
	// AppID is the application of the message.
	AppID *string `json:"appId,omitempty"`
	// Payload is the content, any JSON.
	Payload json.RawMessage `json:"payload,omitempty"`
	// RawPayload is content that is not JSON, in place of Payload.
	RawPayload *string `json:"rawPayload,omitempty"`
	// Headers and Query are those of a provider's request; Query is as it stands in a URL.
	Headers map[string]string `json:"headers,omitempty"`
	Query   *string           `json:"query,omitempty"`
	// Metadata is that of the application, or of the source.
	Metadata  map[string]string `json:"metadata,omitempty"`
	EventType *string           `json:"eventType,omitempty"`
	Channels  []string          `json:"channels,omitempty"`
}

// FilterTestOut is what a filter says of a message.
type FilterTestOut struct {
	Matches bool `json:"matches"`
	// Why is one sentence.
	Why string `json:"why"`
	// Clause decided that the message does not match; null where it matches.
	Clause *FilterClause `json:"clause"`
}

// FilterClause is one condition of a filter, with what it met.
type FilterClause struct {
	// Path is its place in the filter: "payload.order.total".
	Path string `json:"path"`
	// Operator is its operator; null where several clauses decided together.
	Operator *string `json:"operator"`
	// Wanted is what stands beside the operator, as JSON text, cut after 64 bytes; null where there is no such value.
	Wanted *string `json:"wanted"`
	// Found says in words what was there, never its value.
	Found string `json:"found"`
}
