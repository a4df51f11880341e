package api

import (
	"encoding/json"
	"time"
)

// MessageIn publishes an event.
type MessageIn struct {
	EventType string `json:"eventType"`
	// Payload is a JSON object, kept and sent byte for byte as it stands in the request.
	Payload json.RawMessage `json:"payload"`
	// EventID is the caller's own id; a second message with it within 24 hours is refused.
	EventID  *string  `json:"eventId,omitempty"`
	Channels []string `json:"channels,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	// Application is created when the path names none. Its uid must be that of the path.
	Application *ApplicationIn `json:"application,omitempty"`
	// DeliverAt is the earliest first attempt, a minute to a day ahead.
	DeliverAt *time.Time `json:"deliverAt,omitempty"`
	// ExpiresAt ends deliveries that would come too late to matter: no attempt begins after
	// it. At least a second ahead, and not after the end of the content. Ours.
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	// PayloadRetentionPeriod is how many days the content is kept: 1 to 90, default 90.
	// PayloadRetentionHours says it in hours, 1 to 2160. Only one of them may be given.
	PayloadRetentionPeriod *int64 `json:"payloadRetentionPeriod,omitempty"`
	PayloadRetentionHours  *int64 `json:"payloadRetentionHours,omitempty"`
	// TransformationsParams is an object for transformations. Its rawPayload (a string)
	// is sent instead of Payload, its headers.content-type overrides the content type.
	TransformationsParams json.RawMessage `json:"transformationsParams,omitempty"`
	// Data is another name for Payload.
	Data json.RawMessage `json:"data,omitempty"`
}

// MessageOut is a message. Payload is {} where content was not asked for, and
// {"expired": true} once it is gone. A received body that is no JSON object shows as
// {"rawPayload": "<text>"}, or {"rawPayloadBase64": "..."} where it is not UTF-8.
type MessageOut struct {
	ID        string          `json:"id"`
	EventID   *string         `json:"eventId"`
	EventType string          `json:"eventType"`
	Payload   json.RawMessage `json:"payload"`
	Channels  []string        `json:"channels"`
	Tags      []string        `json:"tags"`
	Timestamp time.Time       `json:"timestamp"`
	DeliverAt *time.Time      `json:"deliverAt"`
	// ExpiresAt is there for messages that have one. Ours.
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	// Inbound is there for received webhooks whose content is shown. Ours.
	Inbound *InboundOut `json:"inbound,omitempty"`
}

// MessagePrecheckIn asks whether anybody would get a message.
type MessagePrecheckIn struct {
	EventType string   `json:"eventType"`
	Channels  []string `json:"channels,omitempty"`
}

// MessagePrecheckOut answers it.
type MessagePrecheckOut struct {
	Active bool `json:"active"`
}

// MessageBroadcastIn publishes an event in every application of the environment.
type MessageBroadcastIn struct {
	EventType string          `json:"eventType"`
	Payload   json.RawMessage `json:"payload"`
	// EventID is that of each application's message.
	EventID                *string  `json:"eventId,omitempty"`
	Channels               []string `json:"channels,omitempty"`
	PayloadRetentionPeriod *int64   `json:"payloadRetentionPeriod,omitempty"`
	PayloadRetentionHours  *int64   `json:"payloadRetentionHours,omitempty"`
}

// BulkExpungeContentsIn names messages whose content is removed, by id or eventId.
type BulkExpungeContentsIn struct {
	IDs []string `json:"ids"`
}

// BulkExpungeContentsOut says for each what became of it: expunged or not-found.
type BulkExpungeContentsOut struct {
	Results map[string]string `json:"results"`
}

// ExpungeIn asks for the content of all messages with a tag to be removed.
type ExpungeIn struct {
	// Tag names the data subject.
	Tag string `json:"tag"`
	// Application narrows it to one application, by id or uid; all of the environment without.
	Application *string `json:"application,omitempty"`
}
