package api

import "time"

// IssueOut is what failures of one class at one endpoint have in common.
type IssueOut struct {
	ID         string `json:"id"`
	AppID      string `json:"appId"`
	EndpointID string `json:"endpointId"`
	URL        string `json:"url"`
	// Reason is the class; Words say what it means, NextStep what helps.
	Reason   string `json:"reason"`
	Words    string `json:"words"`
	NextStep string `json:"nextStep"`
	// State is open, muted or resolved.
	State string `json:"state"`
	// FirstAt and LastAt are the begin of the minutes of the first and the last failure since
	// the endpoint was well.
	FirstAt time.Time `json:"firstAt"`
	LastAt  time.Time `json:"lastAt"`
	// RecoveredAt is the begin of the minute of the endpoint's last success, where that came
	// after the last failure.
	RecoveredAt *time.Time `json:"recoveredAt"`
	// Failures counts attempts; Messages is about how many messages are not tried any more.
	Failures int64 `json:"failures"`
	Messages int64 `json:"messages"`

	MutedUntil *time.Time `json:"mutedUntil"`
	ResolvedAt *time.Time `json:"resolvedAt"`
	Assignee   *string    `json:"assignee"`
	Note       *string    `json:"note"`
}

// IssueList is a page of issues, the one that failed last first.
type IssueList struct {
	Data     []IssueOut `json:"data"`
	Iterator *string    `json:"iterator"`
	Done     bool       `json:"done"`
}

// IssuePatch changes what is said about an issue.
type IssuePatch struct {
	// MutedUntil is at most 90 days away; null ends the rest.
	MutedUntil Optional[time.Time] `json:"mutedUntil,omitzero"`
	// Resolved: true until the endpoint fails so again, false takes it back.
	Resolved *bool            `json:"resolved,omitempty"`
	Assignee Optional[string] `json:"assignee,omitzero"`
	Note     Optional[string] `json:"note,omitzero"`
}

// IssueReplayIn says how the messages of an issue are sent again.
type IssueReplayIn struct {
	// RatePerSecond is the most that is sent per second; without it as fast as the endpoint takes.
	RatePerSecond *float64 `json:"ratePerSecond,omitempty"`
	// DryRun counts and sends nothing.
	DryRun bool `json:"dryRun,omitzero"`
}
