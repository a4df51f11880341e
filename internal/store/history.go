package store

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// History is what happened. Lists page by key, never by offset.
type History interface {
	// Message returns one message with its content; hook.NotFound outside app.
	Message(ctx context.Context, app hook.ApplicationID, id hook.MessageID) (*hook.Message, error)
	// MessageByEventID finds a message by the user's own id for it, which works as long
	// as the eventId is taken: hook.EventIDLife. After that it is hook.NotFound.
	MessageByEventID(ctx context.Context, app hook.ApplicationID, eventID string) (hook.MessageID, error)
	// Messages lists an application's messages, newest first.
	Messages(ctx context.Context, q MessageQuery) (Listed[*hook.Message], error)
	// Attempts lists ended attempts of an endpoint or of a message, newest first.
	Attempts(ctx context.Context, q AttemptQuery) (Listed[Attempted], error)
	// Attempt returns one attempt of a message.
	Attempt(ctx context.Context, app hook.ApplicationID, msg hook.MessageID, id hook.AttemptID) (*hook.Attempt, error)
	// AttemptedMessages lists an endpoint's deliveries with their messages, newest
	// message first.
	AttemptedMessages(ctx context.Context, q DeliveryQuery) (Listed[Delivered], error)
	// Deliveries returns the deliveries of a message, by rising endpoint. Endpoints
	// whose first attempt has not ended are Pending.
	Deliveries(ctx context.Context, app hook.ApplicationID, msg hook.MessageID) ([]hook.Delivery, error)
	// Stats counts the deliveries of an endpoint whose messages were accepted in [since, until).
	Stats(ctx context.Context, app hook.ApplicationID, ep hook.EndpointID, since, until time.Time) (Stats, error)
	// ExpungeMessage removes a message's content, durably; its row and attempts stay.
	ExpungeMessage(ctx context.Context, app hook.ApplicationID, id hook.MessageID) error
	// ExpungeAttempt removes an attempt's answer, durably.
	ExpungeAttempt(ctx context.Context, app hook.ApplicationID, msg hook.MessageID, id hook.AttemptID) error
}

// Window bounds a list in time and place. Bounds are on the row key.
type Window struct {
	Limit int
	// After and Before bound the time: After <= t < Before. Zero means none; the
	// caller has applied the 90 days of CONTRACT 1.7.
	After, Before time.Time
	// Ascending picks the rows nearest to After instead of the newest; they are still
	// returned newest first.
	Ascending bool
	// From is the exclusive key to go on at, 0 for none; Backward walks to newer rows.
	From     hook.Key
	Backward bool
	// Look bounds what is looked at for one page of messages, attempts of an endpoint, or
	// attempted messages, whether it matches or not. The zero value bounds nothing.
	Look Look
}

// Look is how much one page may look at. A page that reached it may be shorter than its limit,
// or empty, and says in Listed.Next where to go on. It gets on by some rows, whatever the bounds.
type Look struct {
	MaxRows int           // of each file of the store; 0 for no bound
	MaxTime time.Duration // 0 for no bound
}

// MessageQuery asks for messages of an application. Empty lists match all.
type MessageQuery struct {
	Application hook.ApplicationID
	Window      Window
	EventTypes  []string
	Channel     string
	Channels    []string // any of them; beside Channel, both must match
	Tag         string
	WithContent bool
}

// AttemptQuery asks for attempts of an endpoint, or of a message (then Endpoint may
// narrow it). Empty fields match all.
type AttemptQuery struct {
	Application hook.ApplicationID
	Endpoint    hook.EndpointID
	Message     hook.MessageID
	Window      Window
	// Statuses: the wire status of the attempt, see StatusOf; empty for all.
	Statuses    []AttemptStatus
	StatusClass int // 0 no filter; 1 no answer; 100, 200, ... the class
	EventTypes  []string
	Channel     string
	Tag         string
	WithContent bool
	// Requests leaves out the attempts of a batch but the first, so that each is one request.
	Requests bool
	// WithMessage loads Attempted.Message.
	WithMessage bool
}

// Attempted is an attempt, with its message where the query asked for it.
type Attempted struct {
	Attempt *hook.Attempt
	Message *hook.Message // nil unless AttemptQuery.WithMessage
}

// AttemptStatus is what one attempt shows on the wire (CONTRACT 0 and 1.14).
type AttemptStatus uint8

// The statuses of the contract.
const (
	StatusSuccess  AttemptStatus = 0
	StatusPending  AttemptStatus = 1
	StatusFail     AttemptStatus = 2
	StatusSending  AttemptStatus = 3
	StatusCanceled AttemptStatus = 4
)

// DeliveryQuery asks for an endpoint's deliveries with their messages.
type DeliveryQuery struct {
	Application hook.ApplicationID
	Endpoint    hook.EndpointID
	Window      Window // on the message's key
	Statuses    []AttemptStatus
	EventTypes  []string
	Channel     string
	Tag         string
	WithContent bool
	// Most bounds how many deliveries are looked at, whether they match or not: beyond it
	// the list ends, and does not say More. Zero means no bound.
	Most int
}

// Delivered is a delivery with its message.
type Delivered struct {
	Delivery hook.Delivery
	Message  *hook.Message
}

// Stats counts deliveries by what they show on the wire.
type Stats struct {
	Success, Pending, Sending, Fail, Canceled int64
}

// Count counts one more delivery.
func (s *Stats) Count(st AttemptStatus) {
	switch st {
	case StatusSuccess:
		s.Success++
	case StatusPending:
		s.Pending++
	case StatusSending:
		s.Sending++
	case StatusFail:
		s.Fail++
	case StatusCanceled:
		s.Canceled++
	}
}

// StatusOfAttempt returns what an ended attempt shows: success, fail, or canceled for one
// that the endpoint's script dropped; a failed one that has a next attempt is sending.
func StatusOfAttempt(a *hook.Attempt) AttemptStatus {
	switch {
	case a.Outcome == hook.Success:
		return StatusSuccess
	case a.Outcome == hook.Dropped:
		return StatusCanceled
	case !a.NextAt.IsZero():
		return StatusSending
	}
	return StatusFail
}

// StatusOfDelivery returns what a delivery shows.
func StatusOfDelivery(d *hook.Delivery) AttemptStatus {
	switch d.State {
	case hook.Delivered:
		return StatusSuccess
	case hook.Exhausted:
		return StatusFail
	case hook.Cancelled:
		return StatusCanceled
	case hook.Held:
		return StatusPending
	}
	if d.Attempts == 0 {
		return StatusPending
	}
	return StatusSending
}
