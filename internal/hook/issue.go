package hook

import (
	"time"
	"unicode/utf8"
)

// An issue is what an endpoint's failures of one class have in common: one outage is one
// line, not a thousand attempts. It begins with a failure, goes on with each further one, is
// resolved by itself once the endpoint answers again, and is open again when it fails again.

// IssueKey names an issue.
type IssueKey struct {
	Environment EnvironmentID
	Application ApplicationID
	Endpoint    EndpointID
	Reason      Reason
}

// Issue is an issue as far as it is known. Times are begins of minutes.
type Issue struct {
	IssueKey
	// FirstAt and LastAt are the first and the last failure since the endpoint was well; what
	// comes within IssueGap of a recovery belongs to the same outage.
	FirstAt, LastAt time.Time
	// Failures are attempts, GivenUp about how many messages are not tried any more.
	Failures, GivenUp int64
	// SucceededAt is the endpoint's last success; zero for none that is known.
	SucceededAt time.Time
	Note        IssueNote
}

// IssueNote is what people have said about an issue.
type IssueNote struct {
	MutedUntil time.Time // zero for not muted
	ResolvedAt time.Time // when somebody called it resolved; zero for nobody
	Assignee   string
	Note       string
}

const (
	// KeepIssues is how long an issue is kept after its last failure.
	KeepIssues = 30 * 24 * time.Hour
	// IssueGap is how long after its last failure an issue that had recovered is another one.
	IssueGap = time.Hour
	// MaxIssueNote and MaxAssignee are how many characters they may have.
	MaxIssueNote = 2000
	MaxAssignee  = 100
	// MaxIssueMute is how long an issue may be muted.
	MaxIssueMute = 90 * 24 * time.Hour
)

// IssueState is where an issue stands.
type IssueState uint8

// The states of an issue.
const (
	IssueOpen IssueState = iota
	IssueMuted
	IssueResolved
)

// String returns the state as the wire spells it.
func (s IssueState) String() string { return [...]string{"open", "muted", "resolved"}[s] }

// State returns where the issue stands at now. A failure after a recovery, or after somebody
// called it resolved, opens it again, to the minute.
func (i *Issue) State(now time.Time) IssueState {
	switch {
	case i.SucceededAt.After(i.LastAt), i.Note.ResolvedAt.After(i.LastAt):
		return IssueResolved
	case i.Note.MutedUntil.After(now):
		return IssueMuted
	}
	return IssueOpen
}

// IsIssue reports whether failures of a class are ones that somebody may want to mend.
func (r Reason) IsIssue() bool { return r != ReasonNone && Explain(r).IsError }

// Validate checks a note as a client sets it at now.
func (n *IssueNote) Validate(now time.Time) error {
	for _, f := range []struct {
		name, text string
		most       int
	}{{"assignee", n.Assignee, MaxAssignee}, {"note", n.Note, MaxIssueNote}} {
		if err := checkText(f.name, f.text); err != nil {
			return err
		}
		if utf8.RuneCountInString(f.text) > f.most {
			return Fieldf(f.name, "must have at most %d characters", f.most)
		}
	}
	if n.MutedUntil.After(now.Add(MaxIssueMute)) {
		return Fieldf("mutedUntil", "must lie within 90 days")
	}
	return nil
}

// AuditFields are what the log says of a note.
func (n *IssueNote) AuditFields(r Reason) (f AuditFields) {
	f.show("reason", r.String())
	if !n.MutedUntil.IsZero() {
		f.show("mutedUntil", n.MutedUntil.UTC().Format(time.RFC3339))
	}
	if !n.ResolvedAt.IsZero() {
		f.show("resolvedAt", n.ResolvedAt.UTC().Format(time.RFC3339))
	}
	f.show("assignee", n.Assignee)
	f.show("note", n.Note)
	return f
}
