package api

import (
	"encoding/json"
	"time"
)

// EndpointTransformationOut is the code of an endpoint.
type EndpointTransformationOut struct {
	Code    *string `json:"code"`
	Enabled bool    `json:"enabled"`
	// Variables are what the code is given as env; null for callers who may not change it.
	Variables *map[string]string `json:"variables"`
	UpdatedAt *time.Time         `json:"updatedAt"`
}

// EndpointTransformationPatch changes it. Code null removes it, variables null removes them.
type EndpointTransformationPatch struct {
	Code      Optional[string]            `json:"code,omitzero"`
	Enabled   Optional[bool]              `json:"enabled,omitzero"`
	Variables Optional[map[string]string] `json:"variables,omitzero"`
}

// IngestEndpointTransformationOut is the code of an endpoint of a source.
type IngestEndpointTransformationOut struct {
	Code      *string            `json:"code"`
	Enabled   bool               `json:"enabled"`
	Variables *map[string]string `json:"variables"`
}

// IngestEndpointTransformationPatch changes it.
type IngestEndpointTransformationPatch EndpointTransformationPatch

// SinkTransformationOut is the code of a destination.
type SinkTransformationOut struct {
	Code    *string `json:"code"`
	Enabled bool    `json:"enabled"`
}

// SinkTransformIn sets the code of a destination, and so enables it; null removes it.
type SinkTransformIn struct {
	Code Optional[string] `json:"code,omitzero"`
}

// EmptyResponse is an object without fields.
type EmptyResponse struct{}

// TransformationSimulateIn asks what code would make of a payload.
type TransformationSimulateIn struct {
	Code      string             `json:"code"`
	EventType string             `json:"eventType"`
	Channels  []string           `json:"channels,omitempty"`
	Payload   json.RawMessage    `json:"payload"`
	Variables *map[string]string `json:"variables,omitempty"`
}

// TransformationSimulateOut is what would be sent.
type TransformationSimulateOut struct {
	URL     string `json:"url"`
	Payload string `json:"payload"`
	Method  string `json:"method"`
	Cancel  bool   `json:"cancel"`
	// Headers are those that the code set, Console what it wrote. Ours.
	Headers map[string]string `json:"headers,omitempty"`
	Console []string          `json:"console,omitempty"`
}

// TransformationFailedOut says why code failed.
type TransformationFailedOut struct {
	Code   string `json:"code"` // transformation_failed
	Detail string `json:"detail"`
	// Line and Column are where, from 1; null where nobody knows.
	Line   *int `json:"line"`
	Column *int `json:"column"`
	// Reason is the class of the failure, Console what the code wrote before. Ours.
	Reason  string   `json:"reason"`
	Console []string `json:"console,omitempty"`
}

// TransformationTryIn asks what a transformation would make of messages: of one payload, of
// one message, or of the last few. Nothing is sent. Ours.
type TransformationTryIn struct {
	// Code and Variables are the endpoint's own, or its connector's, where they are absent.
	Code      *string            `json:"code,omitempty"`
	Variables *map[string]string `json:"variables,omitempty"`
	// One of these: any JSON, any text, a message's id, or how many of the newest messages, 1 to 20.
	Payload   json.RawMessage `json:"payload,omitempty"`
	Text      *string         `json:"text,omitempty"`
	MessageID *string         `json:"messageId,omitempty"`
	Last      *int64          `json:"last,omitempty"`
	// EventType and Channels go with Payload.
	EventType *string  `json:"eventType,omitempty"`
	Channels  []string `json:"channels,omitempty"`
}

// TransformationTryOut is what it made of each, the newest first.
type TransformationTryOut struct {
	Data []TransformationRunOut `json:"data"`
}

// TransformationRunOut is what a transformation made of one message.
type TransformationRunOut struct {
	MessageID *string `json:"messageId"`
	EventType string  `json:"eventType"`
	// Outcome is sent, cancelled or failed: what an attempt would come to before its request.
	Outcome string                   `json:"outcome"`
	Failure *TransformationFailedOut `json:"failure,omitempty"`
	Method  string                   `json:"method,omitempty"`
	URL     string                   `json:"url,omitempty"`
	Headers map[string]string        `json:"headers,omitempty"`
	// Before and After are the payload, After only where Outcome is sent.
	Before string  `json:"before"`
	After  *string `json:"after"`
	// IsUnchanged: the stored bytes would be sent as they are.
	IsUnchanged bool `json:"unchanged"`
	// Differences lead from Before to After (RFC 6902); null where one of them is not JSON.
	Differences []Difference `json:"differences"`
	// HasMore: there are more differences than the 200 that are shown.
	HasMore bool     `json:"hasMoreDifferences,omitzero"`
	Console []string `json:"console,omitempty"`
}

// Difference is one operation of a JSON patch.
type Difference struct {
	Op    string          `json:"op"` // add, remove or replace
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
	// From is what stood there before. Ours.
	From json.RawMessage `json:"from,omitempty"`
}
