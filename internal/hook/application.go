package hook

import "time"

// Application is a customer of the user: the tenant that owns endpoints and messages.
type Application struct {
	ID           ApplicationID
	Environment  EnvironmentID
	UID          string // the user's own name for it, unique in the environment; "" for none
	Name         string
	ThrottleRate int // messages per second for each endpoint without a rate of its own; 0 for no limit
	Metadata     map[string]string
	// Hold says that nothing is sent to its endpoints for now; nil for none. Of a source it
	// is that of its internal application.
	Hold      *Hold
	CreatedAt time.Time
	UpdatedAt time.Time
	// Version rises with every change of the application, its endpoints or its
	// environment's settings, so that a plan made from an older state is noticed.
	Version int64
	// Source says that this is the internal application of a source; 0 for an ordinary one.
	Source SourceID
}

// Validate checks the fields that a client sets.
func (a *Application) Validate() error {
	if err := checkName("name", a.Name); err != nil {
		return err
	}
	if err := checkUID("uid", "app", a.UID); err != nil {
		return err
	}
	if err := checkRate("throttleRate", a.ThrottleRate); err != nil {
		return err
	}
	return checkMetadata("metadata", a.Metadata)
}
