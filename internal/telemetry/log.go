package telemetry

import (
	"context"
	"log/slog"
)

// The keys of log lines. A payload, a secret, a signature or a URL with credentials
// never stands behind any of them.
const (
	KeyAttempt     = "attempt"     // public id of an attempt
	KeyMessage     = "message"     // public id of a message
	KeyEndpoint    = "endpoint"    // public id of an endpoint
	KeyApplication = "app"         // public id of an application
	KeyEnvironment = "environment" // public id of an environment
	KeyTask        = "task"        // public id of a background task
	KeyUser        = "user"        // public id of who signs in
	KeyEventType   = "event_type"
	KeyN           = "n"       // number of the attempt for this message and endpoint, from 1
	KeyTrigger     = "trigger" // scheduled or manual
	KeyOutcome     = "outcome" // success, failed, gone, unsendable, dropped
	KeyReason      = "reason"  // class of a failure, see hook.Reason
	KeyStatus      = "status"  // HTTP status, 0 without an answer
	KeyState       = "state"   // state of a delivery, lane or task after the change
	KeyTook        = "took"    // duration
	KeyNextAt      = "next_at" // when the next attempt is due
	KeyCount       = "count"
	KeyError       = "error"
	KeyRequest     = "req_id" // of an API request, as answered in its header
	KeyMethod      = "method"
	KeyRoute       = "route" // pattern of the route, without ids
	KeyPath        = "path"
	KeyAddress     = "address"
	KeyVersion     = "version"
)

// Discard returns a logger that drops everything, for tests and for callers that
// were given none.
func Discard() *slog.Logger { return slog.New(discard{}) }

type discard struct{}

func (discard) Enabled(context.Context, slog.Level) bool  { return false }
func (discard) Handle(context.Context, slog.Record) error { return nil }
func (d discard) WithAttrs([]slog.Attr) slog.Handler      { return d }
func (d discard) WithGroup(string) slog.Handler           { return d }
