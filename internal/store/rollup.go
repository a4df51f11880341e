package store

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Rollups are sums of ended attempts. They can be made again from the attempts, so they
// are not part of a backup.
type Rollups interface {
	// AddRollups adds sums by the minute, which together are the attempts whose keys lie in
	// span, to those that are kept by the minute and by the hour, and notes that span is
	// counted: all of it in one transaction. A span that touches one already counted is
	// hook.Conflict and adds nothing, so a repeat after an unclear error counts once.
	AddRollups(ctx context.Context, span hook.KeySpan, minutes []hook.Rollup) error
	// CountedSpans returns the spans that are counted, by rising key, adjacent ones joined.
	CountedSpans(ctx context.Context) ([]hook.KeySpan, error)
	// EachRollup calls f with each sum that q asks for, by rising application and time. What
	// f is given it may keep, but for RollupQuery.OnlyFailures.
	EachRollup(ctx context.Context, q RollupQuery, f func(*hook.Rollup) error) error
	// EachRollupCount calls f with the counts that q asks for, in no order, those without an
	// attempt left out. It reads no more than what lies between the query's times.
	EachRollupCount(ctx context.Context, q RollupCountQuery, f func(RollupCount) error) error
	// ReadRollups calls f with the sums of one moment: what is added meanwhile is not seen, and
	// does not wait.
	ReadRollups(ctx context.Context, f func(RollupView) error) error
	// PruneRollups removes sums of periods that begin before these times.
	PruneRollups(ctx context.Context, minutesBefore, hoursBefore time.Time) error
	// EachEndedAttempt calls f with each recorded attempt whose key lies in span, in no
	// order. Attempts that are recorded while it runs may be left out.
	EachEndedAttempt(ctx context.Context, span hook.KeySpan, f func(*hook.EndedAttempt) error) error
}

// RollupView is the sums of one moment. Its methods are those of Rollups.
type RollupView interface {
	EachRollup(q RollupQuery, f func(*hook.Rollup) error) error
	EachRollupCount(q RollupCountQuery, f func(RollupCount) error) error
	// IsCounted reports whether k lies in a span that is counted.
	IsCounted(k hook.Key) (bool, error)
}

// RollupQuery asks for sums of an environment.
type RollupQuery struct {
	Environment hook.EnvironmentID
	// Application 0 asks for the sums of the whole environment, which name no application
	// and no endpoint and leave operational webhooks out, unless AllApplications is set.
	Application hook.ApplicationID
	Endpoint    hook.EndpointID // 0 for all
	// AllApplications asks for the sums of every application, one by one.
	AllApplications bool
	EventTypes      []string // empty for all
	// OnlyFailures asks for the sums that have failures, and of those for nothing but Reasons;
	// the key may lack the event type where EventTypes is empty. It costs what failed, not what
	// was sent. What f is given is good until it returns.
	OnlyFailures bool
	Period       hook.RollupPeriod
	// Since and Until bound the begin of the periods: Since <= t < Until.
	Since, Until time.Time
}

// Wants reports whether a sum is among those asked for; its period is the query's.
func (q *RollupQuery) Wants(k *hook.RollupKey) bool {
	if k.Environment != q.Environment || k.At < q.Since.UnixMilli() || k.At >= q.Until.UnixMilli() {
		return false
	}
	if q.AllApplications && k.Application == 0 || !q.AllApplications && k.Application != q.Application {
		return false
	}
	if q.Endpoint != 0 && k.Endpoint != q.Endpoint {
		return false
	}
	return q.WantsType(k.EventType)
}

// WantsType reports whether sums of an event type are asked for.
func (q *RollupQuery) WantsType(name string) bool {
	for _, t := range q.EventTypes {
		if t == name {
			return true
		}
	}
	return len(q.EventTypes) == 0
}

// RollupCountQuery asks how many attempts ended how in each period: of applications, or of
// endpoints of one application.
type RollupCountQuery struct {
	Environment  hook.EnvironmentID
	Applications []hook.ApplicationID
	// Endpoints are of the only application; empty asks for the applications as wholes.
	Endpoints []hook.EndpointID
	Period    hook.RollupPeriod
	// Since and Until bound the begin of the periods: Since <= t < Until. Both lie on one.
	Since, Until time.Time
}

// RollupCount is how many attempts of one period ended how.
type RollupCount struct {
	Application hook.ApplicationID
	Endpoint    hook.EndpointID // 0 for all of the application
	At          int64           // Unix milliseconds of the period's begin
	Success     int64
	Failed      int64
}
