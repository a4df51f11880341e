// Package transform runs JavaScript of strangers on payloads (CONTRACT 3.3). It runs in
// child processes of this same program, in a QuickJS that has no input or output of any
// kind, so that whatever a script does, it fails alone:
//
//   - Time, memory, stack and output of a run are bounded by the engine in the child. What
//     escapes the engine's own limits (a native loop that asks for no interrupt, recursion
//     that grows the stack) ends the child, and another takes its place.
//   - Each run has an engine of its own, made anew: nothing of one message is there for the
//     next, nor of one endpoint for another.
//   - Clock and random are given: the same message gives the same result at each attempt.
//   - Applications take turns, and within one its endpoints. One endpoint holds at most half
//     of the children while others wait, and all slow ones together leave one child to the
//     others. What scripts made and what is not sent yet has a bound (turn.go).
//
// sandbox.go is the child's side, child.go the parent's, engine.go and driver.js what runs
// in between.
package transform

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Limits of a script and of one run.
const (
	// DefaultTime is how much processor time a run may take.
	DefaultTime = 50 * time.Millisecond
	// MaxTime is the most that an operator may give.
	MaxTime = time.Second
	// MaxHeapBytes bounds the engine's memory.
	MaxHeapBytes = 16 << 20
	// MaxOutputBytes bounds the payload that a run gives; it is the least that may be published.
	MaxOutputBytes = 1 << 20
	// MaxInputBytes bounds what a run is given.
	MaxInputBytes = 8 << 20
	// MaxConsoleBytes is how much of a run's console is kept.
	MaxConsoleBytes = 8 << 10
	// maxResidentBytes is the memory at which a child is ended from outside.
	maxResidentBytes = 128 << 20
)

// Options are the knobs of a Pool. The zero value is a good start.
type Options struct {
	// Time is how much processor time one run may take, at most MaxTime. Zero means DefaultTime.
	Time time.Duration
	// Children is how many scripts run at the same time, at least 2. Zero means one for each
	// processor.
	Children int
	// IdleAfter is how long a child without work is kept. Zero means a minute. None is
	// started before the first script runs.
	IdleAfter time.Duration
	// Program is the file that is started as child, with ChildArg as its only argument. ""
	// means this program, which must call Child then.
	Program string
	// Log hears of children that died; nil for nobody.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Time <= 0 {
		o.Time = DefaultTime
	}
	o.Time = min(o.Time, MaxTime)
	if o.Children == 0 {
		o.Children = runtime.GOMAXPROCS(0)
	}
	o.Children = max(o.Children, 2)
	if o.IdleAfter == 0 {
		o.IdleAfter = time.Minute
	}
	if o.Program == "" {
		o.Program = self()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Job is one run of a script.
type Job struct {
	// Application and Endpoint are whose turn it takes.
	Application hook.ApplicationID
	Endpoint    hook.EndpointID
	// KeepsResult says that the caller keeps the result for longer than a moment, and calls
	// its Release after that: so many bytes are kept at once, and runs wait for room.
	KeepsResult bool
	Code        string
	// Variables are env in the script.
	Variables map[string]string
	// At is what the script's clock says, throughout.
	At time.Time
	// Seed begins the script's random numbers; a message's key, so that a retry gets the same.
	Seed uint64
	// Webhook is the input of handler(webhook). Nil where Events is given.
	Webhook *Webhook
	// Events are the input of a batch, handler({events}), whose result is Result.Batch.
	Events []Event
}

// Webhook is what a script is given.
type Webhook struct {
	Method, URL string
	// Payload is JSON, or any text where IsText.
	Payload []byte
	IsText  bool
	// ID is the message's public id, the webhook-id of its requests, and CreatedAt when it
	// was published: both are the same at each attempt, so that a script can make a key of
	// idempotency of them. "" and zero are not told.
	ID        string
	CreatedAt time.Time
	// EventType is "" for a webhook that was received.
	EventType string
	Channels  []string
	// Params is the JSON object transformationsParams, nil for none.
	Params []byte
	// Request is the provider's request, nil for a message that was published.
	Request *Request
}

// Request is what a script is told of a request that was received.
type Request struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Query  string `json:"query"`
	// Headers by lower-case name; several of one name are joined by ", ".
	Headers map[string]string `json:"headers"`
}

// Event is one message of a batch.
type Event struct {
	Payload   []byte // JSON
	EventType string
}

// Result is what a script wants to be sent.
type Result struct {
	// Cancel says that nothing is to be sent. The rest but Console is then empty.
	Cancel bool
	// Method and URL are those of the webhook object as the script left it, unchecked.
	Method, URL string
	// Headers are those that the script set, by name, unchecked; nil for none.
	Headers map[string]string
	// Payload is what is to be sent: JSON, or any text where IsText (the script gave a
	// string). Nil where the script left the payload as it was: then the bytes from which
	// it was made are sent, numbers beyond 2^53 included.
	Payload []byte
	IsText  bool
	// Batch is the requestBody of a batch.
	Batch []byte
	// Console is what the script wrote, line by line, at most MaxConsoleBytes.
	Console []string

	release func()
}

// Release gives back the room of a result that is kept (Job.KeepsResult). It is called
// once, and does nothing for others.
func (r *Result) Release() {
	if r.release != nil {
		r.release()
	}
}

// Error is a script that failed. Its text is for the script's owner: it holds nothing
// but words of the script and of the engine.
type Error struct {
	// Reason is hook.ReasonTransformError, Timeout or Memory.
	Reason hook.Reason
	// Text is what happened: "TypeError: cannot read property 'b' of undefined".
	Text string
	// Line and Column are where in the code, from 1; 0 where that is not known.
	Line, Column int
	// Console is what the script wrote before.
	Console []string
	// IsOurs says that the script is not known to be the cause: its child was ended by
	// somebody else, or could not be started.
	IsOurs bool
	// Cause is why that is, where it is known. It names files of this machine, so it is for
	// the operator alone; Text and the error's own words do not hold it.
	Cause error
}

func (e *Error) Error() string {
	switch {
	case e.Line == 0:
		return e.Text
	case e.Column == 0:
		return fmt.Sprintf("line %d: %s", e.Line, e.Text)
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
}
