package api

import "time"

// DestinationIn creates or replaces a destination: fifoEndpoint or pollingEndpoint.
type DestinationIn struct {
	UID *string `json:"uid,omitempty"`
	// Status is enabled, the default, or disabled.
	Status *string `json:"status,omitempty"`
	// BatchSize is how many messages one request takes, 1 to 1000; 100 by default.
	BatchSize *int64 `json:"batchSize,omitempty"`
	// MaxWaitSecs is how long a batch that is not full waits for more, 0 to 300.
	MaxWaitSecs *int64 `json:"maxWaitSecs,omitempty"`
	// EventTypes that the destination wants; null, absent and empty mean all.
	EventTypes []string          `json:"eventTypes,omitempty"`
	Channels   []string          `json:"channels,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	Type       string            `json:"type"`
	// Config is of a fifoEndpoint.
	Config *FIFOConfigIn `json:"config,omitempty"`
}

// FIFOConfigIn says where a fifoEndpoint's requests go.
type FIFOConfigIn struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	// Key is the signing key; absent to have one made. A replacement keeps the one that there is.
	Key *string `json:"key,omitempty"`
}

// DestinationPatch changes the given fields of a destination. Its type cannot change.
type DestinationPatch struct {
	UID         Optional[string]            `json:"uid,omitzero"`
	Status      Optional[string]            `json:"status,omitzero"`
	BatchSize   Optional[int64]             `json:"batchSize,omitzero"`
	MaxWaitSecs Optional[int64]             `json:"maxWaitSecs,omitzero"`
	EventTypes  Optional[[]string]          `json:"eventTypes,omitzero"`
	Channels    Optional[[]string]          `json:"channels,omitzero"`
	Metadata    Optional[map[string]string] `json:"metadata,omitzero"`
	Type        string                      `json:"type,omitempty"`
	Config      *FIFOConfigPatch            `json:"config,omitempty"`
}

// FIFOConfigPatch changes where a fifoEndpoint's requests go.
type FIFOConfigPatch struct {
	URL Optional[string] `json:"url,omitzero"`
}

// DestinationOut is a destination with where its line stands.
type DestinationOut struct {
	ID  string  `json:"id"`
	UID *string `json:"uid"`
	// Status is enabled, paused, disabled, or retrying while the head of a line failed.
	Status string `json:"status"`
	// CurrentIterator is the newest message that was acknowledged; "" for none.
	CurrentIterator string  `json:"currentIterator"`
	FailureReason   *string `json:"failureReason"`
	// NextRetryAt is when the head that failed is tried again.
	NextRetryAt *time.Time        `json:"nextRetryAt"`
	BatchSize   int64             `json:"batchSize"`
	MaxWaitSecs int64             `json:"maxWaitSecs"`
	EventTypes  []string          `json:"eventTypes"`
	Channels    []string          `json:"channels,omitempty"`
	Metadata    map[string]string `json:"metadata"`
	CreatedAt   time.Time         `json:"createdAt"`
	UpdatedAt   time.Time         `json:"updatedAt"`
	Type        string            `json:"type"`
	Config      *FIFOConfigOut    `json:"config,omitempty"`
}

// FIFOConfigOut shows where a fifoEndpoint's requests go.
type FIFOConfigOut struct {
	URL     string             `json:"url"`
	Headers EndpointHeadersOut `json:"headers"`
}

// DestinationHeadersPatchIn changes a destination's headers.
type DestinationHeadersPatchIn struct {
	// Headers to set; null removes one.
	Headers map[string]*string `json:"headers"`
}

// EventOut is a message of a line.
type EventOut struct {
	EventType string    `json:"eventType"`
	Payload   string    `json:"payload"`
	Timestamp time.Time `json:"timestamp"`
}

// SkipParams says how far to skip.
type SkipParams struct {
	// Iterator is the id of the last message to skip; absent for what stands at the head.
	Iterator *string `json:"iterator,omitempty"`
}

// DestinationAttemptOut is one request to a destination, with the messages that it took.
type DestinationAttemptOut struct {
	ID                 string    `json:"id"`
	DestinationID      string    `json:"destinationId"`
	Status             int       `json:"status"`
	StatusText         string    `json:"statusText"`
	FirstMsgID         *string   `json:"firstMsgId"`
	LastMsgID          *string   `json:"lastMsgId"`
	NumEvents          int64     `json:"numEvents"`
	ResponseDurationMS int64     `json:"responseDurationMs"`
	Timestamp          time.Time `json:"timestamp"`
}

// EndpointOrderInOut is the line in which an endpoint's messages stand.
type EndpointOrderInOut struct {
	// Key is a path into the payload ("order.id"), or "channel" for the message's first channel;
	// "" or absent for one line of all messages.
	Key string `json:"key"`
	// SkipAfter is after how many failed attempts the head of a line is given up; 0 for when
	// its retry schedule ends.
	SkipAfter int64 `json:"skipAfter"`
	// BatchSize is how many messages one request takes, 1 to 1000; 0 or absent for requests of
	// one message each, as other endpoints get them.
	BatchSize int64 `json:"batchSize"`
	// MaxWaitSecs is how long a batch that is not full waits for more, 0 to 300.
	MaxWaitSecs int64 `json:"maxWaitSecs"`
	// Lines asks for one JSON value a line (NDJSON) instead of a JSON array.
	Lines bool `json:"lines"`
}
