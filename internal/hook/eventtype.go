package hook

import "time"

// EventType is an entry of an environment's catalogue of events.
type EventType struct {
	Environment  EnvironmentID
	Name         string // unique in the environment
	Description  string
	Archived     bool
	Deprecated   bool
	Schemas      []byte // JSON object, version to JSON Schema draft 7; nil for none
	GroupName    string
	FeatureFlags []string // nil for visible to all
	// RetryPolicy is the delays after failed attempts of this type. Nil inherits the
	// environment's; empty and not nil means a single attempt.
	RetryPolicy []time.Duration
	// Retention is how long messages of this type are kept that do not say so themselves: an
	// hour to MaxRetention. Zero inherits the environment's.
	Retention time.Duration
	// IsChecked: payloads are compared with the newest of Schemas as they are published, and
	// refused where they do not follow it. Without schemas nothing is refused.
	IsChecked bool
	// Revision is drawn anew with each change of a type that is checked; 0 for one that is
	// not. The store sets it.
	Revision int64
	// Redact are paths whose values people do not see (ParseRedaction); nil for none.
	Redact    []string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Validate checks the fields that a client sets, except that Schemas are schemas.
func (t *EventType) Validate() error {
	if err := checkToken("name", t.Name, 256); err != nil {
		return err
	}
	if err := checkText("description", t.Description); err != nil {
		return err
	}
	if t.GroupName != "" {
		if err := checkToken("groupName", t.GroupName, 256); err != nil {
			return err
		}
	}
	if err := CheckRetryPolicy("retrySchedule", t.RetryPolicy); err != nil {
		return err
	}
	if _, err := ParseRedaction("redact", t.Redact); err != nil {
		return err
	}
	return checkList("featureFlags", t.FeatureFlags, 0, func(field, s string) error { return checkToken(field, s, 256) })
}

// VisibleTo reports whether a portal token with these feature flags sees the type.
// Nil flags mean a token without the restriction.
func (t *EventType) VisibleTo(flags []string) bool {
	if len(t.FeatureFlags) == 0 || flags == nil {
		return true
	}
	for _, f := range t.FeatureFlags {
		for _, g := range flags {
			if f == g {
				return true
			}
		}
	}
	return false
}
