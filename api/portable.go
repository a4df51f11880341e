package api

import (
	"encoding/json"
	"time"
)

// EnvironmentOut is what is configured for an environment beside its applications and
// sources, as a file that environment.import takes.
type EnvironmentOut struct {
	Version    int             `json:"version"`
	CreatedAt  time.Time       `json:"createdAt"`
	EventTypes []EventTypeOut  `json:"eventTypes"`
	Settings   json.RawMessage `json:"settings"`
	Connectors []ConnectorOut  `json:"connectors"`
}

// EnvironmentIn is what an import adds or changes; what is not in it stays.
type EnvironmentIn struct {
	EventTypes []EventTypeIn   `json:"eventTypes,omitempty"`
	Settings   json.RawMessage `json:"settings,omitempty"`
	// Connectors are found again by their uid, and by their name where they have none.
	Connectors []ConnectorIn `json:"connectors,omitempty"`
	Version    *int          `json:"version,omitempty"`
	CreatedAt  *time.Time    `json:"createdAt,omitempty"`
}

// EnvironmentImportOut says what an import changes. Ours; the answer of a dry run.
type EnvironmentImportOut struct {
	EventTypes []EventTypeChange `json:"eventTypes"`
	Connectors []EventTypeChange `json:"connectors"`
	// Settings are the names of the settings that change.
	Settings []string `json:"settings"`
	// NotTaken says in words which parts of the file are left out.
	NotTaken []string `json:"notTaken"`
}

// EventTypeChange is what becomes of one event type or connector. Ours.
type EventTypeChange struct {
	Name string `json:"name"`
	// Change is create, update or archive.
	Change string `json:"change"`
	// Fields are the names of the fields that change in an update.
	Fields []string `json:"fields"`
}

// EventTypeImportOpenAPIIn imports event types from an OpenAPI document, which is given
// as an object or as text in YAML or JSON.
type EventTypeImportOpenAPIIn struct {
	Spec    json.RawMessage `json:"spec,omitempty"`
	SpecRaw *string         `json:"specRaw,omitempty"`
	// DryRun only says what would change.
	DryRun bool `json:"dryRun,omitzero"`
	// ReplaceAll archives the event types that are not in the document.
	ReplaceAll bool `json:"replaceAll,omitzero"`
}

// EventTypeImportOpenAPIOut is the answer to such an import.
type EventTypeImportOpenAPIOut struct {
	Data EventTypeImportOpenAPIData `json:"data"`
}

// EventTypeImportOpenAPIData says what was changed, or in a dry run what would be.
type EventTypeImportOpenAPIData struct {
	Modified []string               `json:"modified"`
	ToModify []EventTypeFromOpenAPI `json:"to_modify"`
}

// EventTypeFromOpenAPI is an event type as an import would leave it.
type EventTypeFromOpenAPI struct {
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	Schemas      json.RawMessage `json:"schemas"`
	Deprecated   bool            `json:"deprecated"`
	GroupName    *string         `json:"groupName"`
	FeatureFlags []string        `json:"featureFlags"`
	// Change is create, update or archive. Ours.
	Change string `json:"change"`
	// Fields are the names of the fields that an update changes. Ours.
	Fields []string `json:"fields"`
}
