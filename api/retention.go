package api

// RetentionIn says how long messages of an event type are kept that do not say so
// themselves: days or hours, not both; neither inherits the environment's.
type RetentionIn struct {
	// Days is 1 to 3650.
	Days *int64 `json:"days,omitempty"`
	// Hours is 1 to 87600.
	Hours *int64 `json:"hours,omitempty"`
}

// RetentionOut is how long messages of an event type are kept. Both are null where that is
// the environment's.
type RetentionOut struct {
	// Days is null too where it is not a whole number of days.
	Days  *int64 `json:"days"`
	Hours *int64 `json:"hours"`
}
