package api

import "time"

// StreamTokenIn restricts a stream token. Absent fields are no restriction.
type StreamTokenIn struct {
	// Expiry is after how many seconds it ends, 60 to 86,400; 3,600 by default.
	Expiry *int64 `json:"expiry,omitempty"`
	// EventTypes are all that it shows; * stands for any characters.
	EventTypes []string `json:"eventTypes,omitempty"`
	// Channel is all that it shows.
	Channel *string `json:"channel,omitempty"`
}

// StreamTokenOut is a token that may follow an application's messages and nothing else.
type StreamTokenOut struct {
	ID        string    `json:"id"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expiresAt"`
	// URL is the stream with this token, for an EventSource.
	URL string `json:"url"`
}

// StreamMissed is the data of the event "missed": some messages after the one that the
// reader saw last are not kept any more.
type StreamMissed struct {
	After string `json:"after"`
}
