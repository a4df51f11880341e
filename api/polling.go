package api

import (
	"encoding/json"
	"time"
)

// PolledMessage is a message as consumers of a polling endpoint get it.
type PolledMessage struct {
	// Headers are what the endpoint's transformation has set.
	Headers   map[string]string `json:"headers"`
	EventID   *string           `json:"eventId"`
	EventType string            `json:"eventType"`
	// Payload is what the endpoint's transformation made, or the message's own. What is no
	// JSON object shows as in MessageOut.
	Payload   json.RawMessage `json:"payload"`
	Channels  []string        `json:"channels"`
	ID        string          `json:"id"`
	Timestamp time.Time       `json:"timestamp"`
	Tags      []string        `json:"tags"`
	DeliverAt *time.Time      `json:"deliverAt"`
}

// PollingEndpointOut is a page of a polling endpoint's feed.
type PollingEndpointOut struct {
	Data []PolledMessage `json:"data"`
	// Iterator is where to go on.
	Iterator string `json:"iterator"`
	// Done: there was nothing more at the time.
	Done bool `json:"done"`
}

// PolledMessageV2 is a message with its place in the feed.
type PolledMessageV2 struct {
	PolledMessage
	// Offset rises from message to message; what is done with is committed by it.
	Offset int64 `json:"offset"`
}

// PollerV2PollOut is what a consumer is handed out.
type PollerV2PollOut struct {
	Data []PolledMessageV2 `json:"data"`
	Done bool              `json:"done"`
}

// PollerV2CommitIn says up to which offset, inclusive, a consumer is done.
type PollerV2CommitIn struct {
	Offset *int64 `json:"offset"`
}

// PollingEndpointConsumerSeekIn sets a consumer to what was handed over from a time on.
type PollingEndpointConsumerSeekIn struct {
	After *time.Time `json:"after"`
}

// PollingEndpointConsumerSeekOut is the iterator of that place.
type PollingEndpointConsumerSeekOut struct {
	Iterator string `json:"iterator"`
}

// RotatePollerTokenIn makes a polling endpoint's next token.
type RotatePollerTokenIn struct {
	// Expiry is after how many seconds it ends, 1 to 31,536,000; absent for never.
	Expiry *int64 `json:"expiry,omitempty"`
	// OldTokenExpiry is for how many seconds the one before still works, 0 to 86,400; 300 by default.
	OldTokenExpiry *int64 `json:"oldTokenExpiry,omitempty"`
}

// ConsumerOut is a consumer of a polling endpoint and how far it has come.
type ConsumerOut struct {
	ID string `json:"id"`
	// Offset is the last one that it is done with, and OffsetTime when that was handed over.
	Offset     int64     `json:"offset"`
	OffsetTime time.Time `json:"offsetTime"`
	// LeasedUntil is when what it was handed out and has not committed comes again; absent for nothing.
	LeasedUntil *time.Time `json:"leasedUntil,omitempty"`
	CreatedAt   time.Time  `json:"createdAt"`
	UpdatedAt   time.Time  `json:"updatedAt"`
}

// ConsumerList is all consumers of a polling endpoint, by id.
type ConsumerList struct {
	Data []ConsumerOut `json:"data"`
}
