package api

import "encoding/json"

// EventTypeValidationIn turns the comparison of published payloads with the newest schema
// of an event type on or off. Ours.
type EventTypeValidationIn struct {
	Enabled *bool `json:"enabled"`
}

// EventTypeValidationOut says whether payloads are compared, and with what. Ours.
type EventTypeValidationOut struct {
	Enabled bool `json:"enabled"`
	// SchemaVersion is the version of the newest schema, null where there is none.
	SchemaVersion *string `json:"schemaVersion"`
}

// EventTypeValidateIn is a payload to be compared with the newest schema. Ours.
type EventTypeValidateIn struct {
	Payload json.RawMessage `json:"payload"`
}

// EventTypeValidateOut is what came of the comparison. Ours.
type EventTypeValidateOut struct {
	Valid         bool              `json:"valid"`
	SchemaVersion string            `json:"schemaVersion"`
	Errors        []ValidationError `json:"errors"`
}

// EventTypeRedaction are the paths whose values are left out of what people see of an
// event type's payloads; empty for none. Ours.
type EventTypeRedaction struct {
	// Redact are paths such as card.number, items[*].price or data["a.b"].
	Redact []string `json:"redact"`
}
