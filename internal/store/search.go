package store

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Search finds things by what people have in hand, and counts what is there.
type Search interface {
	// MessageOwner returns a message of any application without its content.
	MessageOwner(ctx context.Context, id hook.MessageID) (*hook.Message, error)
	// EachApplication calls f with the applications of an environment, those of sources
	// included, until f returns false.
	EachApplication(ctx context.Context, env hook.EnvironmentID, f func(hook.ApplicationID) bool) error
	// EndpointsByUID returns up to limit endpoints of an environment that have this uid, each
	// in another application, without their secrets and headers.
	EndpointsByUID(ctx context.Context, env hook.EnvironmentID, uid string, limit int) ([]*hook.Endpoint, error)
	// EachCredentialed calls f with the endpoints and destinations that have credentials, of an
	// environment or, where that is 0, of all, until f returns false. Those of a source's
	// application are of that source. f must be quick and must not call the store.
	EachCredentialed(ctx context.Context, env hook.EnvironmentID, f func(env hook.EnvironmentID, ofSource bool, e *hook.Endpoint) bool) error
	// FindAttempt returns an attempt of an application without its answer, whatever message
	// and endpoint it is of.
	FindAttempt(ctx context.Context, app hook.ApplicationID, id hook.AttemptID) (*hook.Attempt, error)

	// ScanMessages looks for messages within bounds.
	ScanMessages(ctx context.Context, q MessageScan) (Scanned, error)

	// CountEndpoints counts those of an environment's applications; those of sources are not
	// among them.
	CountEndpoints(ctx context.Context, env hook.EnvironmentID) (EndpointCount, error)
	// CountAttempts counts what q would list, up to most; isMore says that there are more.
	CountAttempts(ctx context.Context, q AttemptQuery, most int) (n int, isMore bool, err error)
	// CountWaiting counts the deliveries of an endpoint's schedules that have a row which is
	// due at now, up to most; isMore says that there are more.
	CountWaiting(ctx context.Context, ep hook.EndpointID, now time.Time, most int) (n int, isMore bool, err error)
	// CountDue counts the deliveries that have a due row, by application and by which of the
	// bounds, which rise, is the first above their time; len(bounds) for those beyond the
	// last. It looks at up to most rows, and for about as long as within unless that is 0; isMore
	// says that there are more.
	CountDue(ctx context.Context, bounds []time.Time, most int, within time.Duration) (counts []DueCount, isMore bool, err error)
}

// EndpointCount counts the applications and endpoints of an environment.
type EndpointCount struct {
	Active, Disabled int64 // endpoints
	// WithEndpoints counts the applications that have an endpoint, WithActive those that
	// have one which is not disabled.
	WithEndpoints, WithActive int64
}

// DueCount counts deliveries of an application that are due in the same span of time.
type DueCount struct {
	Environment hook.EnvironmentID // 0 for an application that is gone
	Application hook.ApplicationID
	Bound       int
	Count       int64
}
