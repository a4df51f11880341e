package store

import (
	"context"

	"github.com/hookloft/hookloft/internal/hook"
)

// Issues are what endpoints fail at. They are made from the sums of attempts, as those are
// saved, and outlive neither those nor a restore; what people say about them does.
type Issues interface {
	// EachIssue calls f with the issues of an environment, those of its operational webhooks
	// left out, the one that failed last first, until f returns false. Notes are in it.
	EachIssue(ctx context.Context, q IssueQuery, f func(*hook.Issue) (bool, error)) error
	// Issue returns one issue; hook.NotFound where the endpoint never failed so.
	Issue(ctx context.Context, key hook.IssueKey) (*hook.Issue, error)
	// UpdateIssueNote changes what is said about an issue.
	UpdateIssueNote(ctx context.Context, key hook.IssueKey, update func(*hook.IssueNote) error) error
}

// IssueQuery asks for issues.
type IssueQuery struct {
	Environment hook.EnvironmentID
	Application hook.ApplicationID // 0 for all
	Endpoint    hook.EndpointID    // 0 for all
	// After is the issue to go on behind; nil begins with the latest.
	After *IssuePlace
}

// IssuePlace is where an issue stands in the list.
type IssuePlace struct {
	LastAt   int64 // Unix milliseconds
	Endpoint hook.EndpointID
	Reason   hook.Reason
}
