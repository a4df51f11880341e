package api

import (
	"encoding/json"
	"time"
)

// EventTypeIn creates an event type. Upserting one leaves Name out.
type EventTypeIn struct {
	Name        string  `json:"name,omitempty"`
	Description *string `json:"description"`
	Archived    bool    `json:"archived,omitzero"`
	Deprecated  bool    `json:"deprecated,omitzero"`
	// Schemas maps a version ("1") to a JSON Schema draft 7.
	Schemas      json.RawMessage `json:"schemas,omitempty"`
	GroupName    *string         `json:"groupName,omitempty"`
	FeatureFlags []string        `json:"featureFlags,omitempty"`
	// FeatureFlag is the older form of FeatureFlags with one item.
	FeatureFlag *string `json:"featureFlag,omitempty"`
	// Validation: payloads are compared with the newest schema as they are published. Absent
	// leaves it as it is. Ours.
	Validation *bool `json:"validation,omitempty"`
	// Redact are paths whose values people do not see. Absent leaves them as they are. Ours.
	Redact []string `json:"redact,omitempty"`
}

// EventTypePatch changes the given fields of an event type.
type EventTypePatch struct {
	Description  Optional[string]          `json:"description,omitzero"`
	Archived     Optional[bool]            `json:"archived,omitzero"`
	Deprecated   Optional[bool]            `json:"deprecated,omitzero"`
	Schemas      Optional[json.RawMessage] `json:"schemas,omitzero"`
	GroupName    Optional[string]          `json:"groupName,omitzero"`
	FeatureFlags Optional[[]string]        `json:"featureFlags,omitzero"`
	FeatureFlag  Optional[string]          `json:"featureFlag,omitzero"`
	Validation   Optional[bool]            `json:"validation,omitzero"` // ours
	Redact       Optional[[]string]        `json:"redact,omitzero"`     // ours
}

// EventTypeOut is an event type. Schemas are null in lists without with_content.
type EventTypeOut struct {
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	Archived     bool            `json:"archived"`
	Deprecated   bool            `json:"deprecated"`
	Schemas      json.RawMessage `json:"schemas"`
	GroupName    *string         `json:"groupName"`
	FeatureFlags []string        `json:"featureFlags"`
	FeatureFlag  *string         `json:"featureFlag"`
	Validation   bool            `json:"validation"`       // ours
	Redact       []string        `json:"redact,omitempty"` // ours
	CreatedAt    time.Time       `json:"createdAt"`
	UpdatedAt    time.Time       `json:"updatedAt"`
}
