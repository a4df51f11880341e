package api

import (
	"encoding/json"
	"time"
)

// BackgroundTaskOut is durable work in the background.
type BackgroundTaskOut struct {
	ID string `json:"id"`
	// Status is running, finished or failed. A paused task shows as running, a cancelled
	// one as failed with cancelled in its data.
	Status string `json:"status"`
	// Task is the kind of work, for example endpoint.recover.
	Task      string    `json:"task"`
	Data      TaskData  `json:"data"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// TaskData is what a task has made so far. Which fields are there depends on its kind.
type TaskData struct {
	// MessagesSent: replays.
	MessagesSent *int64 `json:"messagesSent,omitempty"`
	// MessagesPurged: removals of content.
	MessagesPurged *int64 `json:"messagesPurged,omitempty"`
	// MessagesCreated: broadcasts; the first thousand.
	MessagesCreated []BroadcastMessage `json:"messagesCreated,omitzero"`
	AppStats        []AppUsageStats    `json:"appStats,omitzero"`
	// EventTypes: which types the endpoints of each application name.
	EventTypes []AppEventTypes `json:"event_types,omitzero"`
	// Document: descriptions of event types.
	Document json.RawMessage `json:"document,omitzero"`
	// Truncated: the list above is cut off.
	Truncated bool `json:"truncated,omitzero"`
	Cancelled bool `json:"cancelled,omitzero"`
	// Error says why the task failed.
	Error string `json:"error,omitzero"`
}

// BroadcastMessage is one message of a broadcast.
type BroadcastMessage struct {
	AppID string `json:"appId"`
	MsgID string `json:"msgId"`
}

// AppUsageStats counts the deliveries of an application's messages.
type AppUsageStats struct {
	AppID               string  `json:"appId"`
	AppUID              *string `json:"appUid"`
	MessageDestinations int64   `json:"messageDestinations"`
}

// AppEventTypes says which event types the endpoints of an application name.
type AppEventTypes struct {
	AppID                          string   `json:"appId"`
	ExplicitlySubscribedEventTypes []string `json:"explicitlySubscribedEventTypes"`
	// HasCatchAllEndpoint: an endpoint gets all types.
	HasCatchAllEndpoint bool `json:"hasCatchAllEndpoint"`
}

// RecoverOut is the background task that a request began.
type RecoverOut struct {
	ID        string    `json:"id"`
	Status    string    `json:"status"`
	Task      string    `json:"task"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// ReplayIn asks for messages to be sent to an endpoint that never got an attempt there.
type ReplayIn struct {
	Since time.Time  `json:"since"`
	Until *time.Time `json:"until,omitempty"`
}

// BulkReplayIn asks for all messages of an endpoint that match to be sent again, also
// those that were delivered.
type BulkReplayIn struct {
	Since      time.Time  `json:"since"`
	Until      *time.Time `json:"until,omitempty"`
	EventTypes []string   `json:"eventTypes,omitempty"`
	Channel    *string    `json:"channel,omitempty"`
	Tag        *string    `json:"tag,omitempty"`
	// Status is what the message shows at the endpoint: 0 success, 2 fail, 4 canceled.
	Status *int64 `json:"status,omitempty"`
	// StatusCodeClass is of the last attempt: 0 for no answer, 100, 200, 300, 400 or 500.
	StatusCodeClass *int64 `json:"statusCodeClass,omitempty"`
}

// EndpointReplayIn asks for messages of an endpoint to be sent again, or how many that are.
type EndpointReplayIn struct {
	BulkReplayIn
	// Which is failed (by default), missing or all.
	Which *string `json:"which,omitempty"`
	// RatePerSecond is the most that is sent per second; without it as fast as the endpoint takes.
	RatePerSecond *float64 `json:"ratePerSecond,omitempty"`
	// DryRun counts and sends nothing.
	DryRun bool `json:"dryRun,omitzero"`
}

// ReplayPreview is what a replay would send.
type ReplayPreview struct {
	Count int64 `json:"count"`
	// Oldest and Newest are when the outermost messages were accepted; null without one.
	Oldest *time.Time `json:"oldest"`
	Newest *time.Time `json:"newest"`
	// Complete: everything was counted. Else there was too much, and there is more.
	Complete bool `json:"complete"`
}

// TaskOut is a background task in full.
type TaskOut struct {
	ID string `json:"id"`
	// Task is the kind of work, for example endpoint.recover.
	Task string `json:"task"`
	// Status is running, paused, cancelled, finished or failed.
	Status     string  `json:"status"`
	AppID      *string `json:"appId"`
	EndpointID *string `json:"endpointId"`
	// Done counts what was made, Failed what could not be; Total is how many there are to
	// be done, null where that is not known.
	Done   int64  `json:"done"`
	Failed int64  `json:"failed"`
	Total  *int64 `json:"total"`
	// RatePerSecond is the pace that was set, null for none; Rate is how fast it has gone
	// since it started.
	RatePerSecond *float64   `json:"ratePerSecond"`
	Rate          float64    `json:"rate"`
	Since         *time.Time `json:"since"`
	Until         *time.Time `json:"until"`
	CreatedAt     time.Time  `json:"createdAt"`
	StartedAt     *time.Time `json:"startedAt"`
	UpdatedAt     time.Time  `json:"updatedAt"`
	// ETA is when it ends if it goes on like this; null where nobody knows.
	ETA    *time.Time `json:"eta"`
	Result TaskData   `json:"result"`
	Error  *string    `json:"error"`
}

// TaskPatch changes the pace of a task; null is no pace.
type TaskPatch struct {
	RatePerSecond Optional[float64] `json:"ratePerSecond,omitzero"`
}

// CancelMsgsIn ends what waits for an endpoint.
type CancelMsgsIn struct {
	// CreatedBefore: only deliveries of messages that were accepted before it.
	CreatedBefore time.Time `json:"createdBefore"`
}

// AppUsageStatsIn asks how many deliveries applications had.
type AppUsageStatsIn struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// AppIDs are ids or uids; all applications without.
	AppIDs []string `json:"appIds,omitempty"`
}

// AppUsageStatsOut is the task that counts.
type AppUsageStatsOut struct {
	RecoverOut
	// UnresolvedAppIDs are those that do not exist.
	UnresolvedAppIDs []string `json:"unresolvedAppIds"`
}
