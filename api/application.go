package api

import "time"

// ApplicationIn creates or replaces an application.
type ApplicationIn struct {
	Name string `json:"name"`
	// UID is the caller's own name for the application, unique in the environment.
	UID *string `json:"uid,omitempty"`
	// ThrottleRate is messages per second for each endpoint without a rate of its own; at least 1.
	ThrottleRate *int64            `json:"throttleRate,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	// RateLimit is the older name of ThrottleRate.
	RateLimit *int64 `json:"rateLimit,omitempty"`
}

// ApplicationPatch changes the given fields of an application.
type ApplicationPatch struct {
	Name         Optional[string]            `json:"name,omitzero"`
	UID          Optional[string]            `json:"uid,omitzero"`
	ThrottleRate Optional[int64]             `json:"throttleRate,omitzero"` // 0 and null: no limit
	RateLimit    Optional[int64]             `json:"rateLimit,omitzero"`
	Metadata     Optional[map[string]string] `json:"metadata,omitzero"` // replaced as a whole
}

// ApplicationOut is an application.
type ApplicationOut struct {
	ID           string            `json:"id"`
	UID          *string           `json:"uid"`
	Name         string            `json:"name"`
	ThrottleRate *int64            `json:"throttleRate"`
	RateLimit    *int64            `json:"rateLimit"`
	Metadata     map[string]string `json:"metadata"`
	CreatedAt    time.Time         `json:"createdAt"`
	UpdatedAt    time.Time         `json:"updatedAt"`
}
