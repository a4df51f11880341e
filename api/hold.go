package api

import "time"

// HoldIn pauses an endpoint, an application or a source. Ours.
type HoldIn struct {
	// Note is why, for whoever finds it paused; at most 500 characters.
	Note *string `json:"note,omitempty"`
}

// ResumeIn ends a pause. Ours.
type ResumeIn struct {
	// DrainRate is how many messages a second each endpoint gets of what waited, 1 to 65535;
	// without one it is sent as fast as the endpoint takes it.
	DrainRate *int64 `json:"drainRate,omitempty"`
}

// HoldOut says whether something is on hold, and what waits. Ours.
type HoldOut struct {
	// State is open, held, or draining while what waited is sent at a pace.
	State string `json:"state"`
	// Reason is paused or unverified; null where nothing is held.
	Reason *string `json:"reason"`
	// By is what holds: endpoint, application, source or consent; null where nothing does.
	By    *string    `json:"by"`
	Since *time.Time `json:"since"`
	Note  *string    `json:"note"`
	// DrainRate and ResumedAt are of a hold that ended, while its backlog is sent.
	DrainRate *int64     `json:"drainRate"`
	ResumedAt *time.Time `json:"resumedAt"`
	// Waiting counts the deliveries that would be sent now and wait in the store; Approximated
	// says that there are more.
	Waiting      int64 `json:"waiting"`
	Approximated bool  `json:"approximated"`
	// Breaker is null for an application and a source.
	Breaker *BreakerOut `json:"breaker"`
}

// BreakerOut says whether an endpoint rests after failures in a row. Ours.
type BreakerOut struct {
	// State is closed, resting, or recovering while more is sent again bit by bit.
	State    string `json:"state"`
	Failures int64  `json:"failures"` // in a row
	// NextProbeAt is when the next request is tried; null unless it rests.
	NextProbeAt *time.Time `json:"nextProbeAt"`
}

// EndpointLatestIn asks for only the last of several messages of a key that come close
// together. Ours.
type EndpointLatestIn struct {
	// Key is a path into the payload ("order.id"); without one all messages of an event type
	// are of one key.
	Key *string `json:"key,omitempty"`
	// WindowSeconds is how long a message waits for a later one, 1 to 3600. Without it and a
	// key every message is sent.
	WindowSeconds *int64 `json:"windowSeconds,omitempty"`
}

// EndpointLatestOut shows it. Ours.
type EndpointLatestOut struct {
	// Enabled is false for an endpoint that gets all messages; then the rest is null.
	Enabled       bool    `json:"enabled"`
	Key           *string `json:"key"`
	WindowSeconds *int64  `json:"windowSeconds"`
	// MaxWaitSeconds is after how long one is sent although others keep coming.
	MaxWaitSeconds *int64 `json:"maxWaitSeconds"`
}
