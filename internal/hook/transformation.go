package hook

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// Transformation is user code that changes what is sent (CONTRACT 3.3).
type Transformation struct {
	Code    string `json:"code"`
	Enabled bool   `json:"enabled"`
	// Variables are given to the code as env. They may be secret.
	Variables map[string]string `json:"variables,omitempty"`
	UpdatedAt time.Time         `json:"updatedAt"`
}

// String hides code and variables from logs and error texts.
func (Transformation) String() string { return "[transformation]" }

// GoString hides them from %#v.
func (Transformation) GoString() string { return "[transformation]" }

// LogValue hides them from slog.
func (Transformation) LogValue() slog.Value { return slog.StringValue("[transformation]") }

// Validate checks the fields that a client sets. Whether the code compiles is for the
// sandbox to say.
func (t *Transformation) Validate() error {
	if t.Code != "" {
		if err := CheckCode("code", t.Code); err != nil {
			return err
		}
	}
	if t.Enabled && t.Code == "" {
		return Fieldf("enabled", "there is no code that could be enabled")
	}
	return CheckVariables("variables", t.Variables)
}

// auditFields says that there is code and whether it runs, and the names of its variables.
func (t *Transformation) auditFields(f *AuditFields) {
	f.hide("transformation", t.Code, fmt.Sprintf("set, %d bytes", len(t.Code)))
	f.show("transformation.enabled", t.Enabled)
	if len(t.Variables) > 0 {
		f.hide("transformation.variables", textOf(t.Variables), slices.Sorted(maps.Keys(t.Variables)))
	}
}
