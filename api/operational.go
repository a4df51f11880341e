package api

import "time"

// OperationalWebhookEndpointIn creates a receiver of operational webhooks.
type OperationalWebhookEndpointIn struct {
	OperationalWebhookEndpointUpsertIn
	// Secret is the signing key (whsec_, whsk_, or bare base64); absent to have one made.
	Secret  *string           `json:"secret,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

// OperationalWebhookEndpointUpsertIn replaces a receiver. Its secret and headers stay.
type OperationalWebhookEndpointUpsertIn struct {
	URL         string  `json:"url"`
	Description string  `json:"description,omitempty"`
	UID         *string `json:"uid,omitempty"`
	Disabled    bool    `json:"disabled,omitzero"`
	// EventTypes are types of operational webhooks; null, absent and empty mean all.
	EventTypes   []string          `json:"eventTypes,omitempty"`
	ThrottleRate *int64            `json:"throttleRate,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	// FilterTypes and RateLimit are the older names of EventTypes and ThrottleRate.
	FilterTypes []string `json:"filterTypes,omitempty"`
	RateLimit   *int64   `json:"rateLimit,omitempty"`
}

// OperationalWebhookEndpointOut is a receiver of operational webhooks.
type OperationalWebhookEndpointOut struct {
	ID           string            `json:"id"`
	UID          *string           `json:"uid"`
	URL          string            `json:"url"`
	Description  string            `json:"description"`
	Disabled     bool              `json:"disabled"`
	EventTypes   []string          `json:"eventTypes"`
	FilterTypes  []string          `json:"filterTypes"`
	ThrottleRate *int64            `json:"throttleRate"`
	RateLimit    *int64            `json:"rateLimit"`
	Metadata     map[string]string `json:"metadata"`
	CreatedAt    time.Time         `json:"createdAt"`
	UpdatedAt    time.Time         `json:"updatedAt"`
}

// OperationalWebhook is the body of an operational webhook. Data is one of the ...EventData
// types, by Type.
type OperationalWebhook struct {
	Type string `json:"type"`
	Data any    `json:"data"`
}

// EndpointEventData is told when an endpoint is created, updated, deleted or enabled.
type EndpointEventData struct {
	AppID       string  `json:"appId"`
	AppUID      *string `json:"appUid"`
	EndpointID  string  `json:"endpointId"`
	EndpointUID *string `json:"endpointUid"`
}

// EndpointDisabledEventData is told when an endpoint is disabled.
type EndpointDisabledEventData struct {
	EndpointEventData
	// FailSince is the first failure of the streak that went before; null for none.
	FailSince *time.Time `json:"failSince"`
	// Trigger is manual (the owner) or automatic (failures, or the answer 410).
	Trigger string `json:"trigger"`
}

// EndpointFailingEventData is told while an endpoint fails without a success in between.
type EndpointFailingEventData struct {
	EndpointEventData
	FailSince time.Time `json:"failSince"`
	// DisableAt is from when a further failure disables it; null where the environment
	// does not disable endpoints.
	DisableAt *time.Time `json:"disableAt"`
}

// MessageAttemptEventData is told when a delivery is failing, exhausted or recovered.
type MessageAttemptEventData struct {
	AppID       string      `json:"appId"`
	AppUID      *string     `json:"appUid"`
	MsgID       string      `json:"msgId"`
	MsgEventID  *string     `json:"msgEventId"`
	EndpointID  string      `json:"endpointId"`
	LastAttempt LastAttempt `json:"lastAttempt"`
}

// LastAttempt is the attempt that an event is about.
type LastAttempt struct {
	ID string `json:"id"`
	// ResponseStatusCode is 0 without an answer.
	ResponseStatusCode int       `json:"responseStatusCode"`
	Timestamp          time.Time `json:"timestamp"`
}

// IngestEndpointDisabledEventData is EndpointDisabledEventData of a source's endpoint.
type IngestEndpointDisabledEventData struct {
	SourceID    string     `json:"sourceId"`
	EndpointID  string     `json:"endpointId"`
	EndpointUID *string    `json:"endpointUid"`
	FailSince   *time.Time `json:"failSince"`
	Trigger     string     `json:"trigger"`
}

// IngestEndpointFailingEventData is EndpointFailingEventData of a source's endpoint.
type IngestEndpointFailingEventData struct {
	SourceID    string     `json:"sourceId"`
	EndpointID  string     `json:"endpointId"`
	EndpointUID *string    `json:"endpointUid"`
	FailSince   time.Time  `json:"failSince"`
	DisableAt   *time.Time `json:"disableAt"`
}

// IngestMessageAttemptEventData is MessageAttemptEventData of a source's endpoint.
type IngestMessageAttemptEventData struct {
	SourceID    string      `json:"sourceId"`
	MsgID       string      `json:"msgId"`
	MsgEventID  *string     `json:"msgEventId"`
	EndpointID  string      `json:"endpointId"`
	LastAttempt LastAttempt `json:"lastAttempt"`
}

// BackgroundTaskFinishedEventData is told when a background task has ended.
type BackgroundTaskFinishedEventData struct {
	TaskID string `json:"taskId"`
	Task   string `json:"task"`
	Status string `json:"status"`
	// Data is what the task has done: the data of the task itself, with names in snake_case.
	Data any `json:"data"`
}
