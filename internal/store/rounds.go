package store

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Rounds is what a replay needs beside Ledger.Replay: to find what to send again, to see
// how far the lanes are with it, and to take back what was not tried.
type Rounds interface {
	// Replayable returns a page of the messages that q names, newest first.
	Replayable(ctx context.Context, q ReplayQuery) (ReplayPage, error)
	// Waiting counts, by their DueAt, the deliveries of an endpoint that replays made due
	// at these moments and that no lane has dealt with. A moment without any is left out.
	Waiting(ctx context.Context, endpoint hook.EndpointID, dueAt []time.Time) (map[int64]int, error)
	// Cancel ends waiting deliveries without an attempt, durably, also those that a
	// Handoff holds in memory, and returns how many. On an error some may have ended.
	Cancel(ctx context.Context, c Cancellation) (int, error)
	// Destinations counts the endpoints that an application's messages went to, of
	// messages after the key from and until the key to, looking at no more than limit
	// messages. next is where to go on, 0 when there is no more.
	Destinations(ctx context.Context, app hook.ApplicationID, from, to hook.Key, limit int) (n int64, next hook.Key, err error)
}

// ReplayQuery names messages of an application that may be sent to an endpoint again.
// Messages without content are left out.
type ReplayQuery struct {
	Application hook.ApplicationID
	Endpoint    hook.EndpointID
	// Window bounds the messages; its Limit is how many are returned.
	Window Window
	// Missing asks for messages without any attempt at the endpoint that are not waiting for
	// one, and that were not cancelled by hand; else for pairs that have ended. What the
	// endpoint's filter skipped is missing; Filter says whether it is still unwanted.
	Missing bool
	// Statuses: what the pair shows; empty for all but what a filter skipped, which is asked for
	// by StatusCanceled. Not with Missing.
	Statuses []AttemptStatus
	// StatusClass of the pair's last attempt, as in AttemptQuery.
	StatusClass int
	EventTypes  []string
	Channel     string
	Tag         string
	// Wants, where given, is asked of each message.
	Wants func(eventType string, channels []string) bool
	// Filter, where given, is asked of each message that is left, with its content, which makes
	// a row cost many times more: see Look. It must not keep the message.
	Filter func(*hook.Message) bool
	// Look bounds the rows that are looked at, so that a page of rare matches takes no
	// longer than another. Zero means 5,000, or 500 with a Filter; more than that is as much.
	Look int
}

// ReplayPage is a page of messages that may be sent again.
type ReplayPage struct {
	Messages []hook.MessageID // falling
	// Last is the message that was looked at last: Window.From of the next page.
	Last hook.MessageID
	// More says that there may be a next page.
	More bool
}

// Cancellation names waiting deliveries of one endpoint.
type Cancellation struct {
	Application hook.ApplicationID
	Endpoint    hook.EndpointID
	// Before: deliveries of messages accepted before this moment end as cancelled; one whose
	// request is under way gets no further attempt. Used where Rounds is nil.
	Before time.Time
	// From and Until, where Until is not 0, stand in the place of Before: deliveries of
	// messages between these keys, both included. Line leaves out those of other lines; 0 for all.
	From, Until hook.Key
	Line        hook.Line
	// Reason is why they end; zero means hook.ReasonCanceled.
	Reason hook.Reason
	// Rounds: those rounds that replays made due at these moments, and that were not tried,
	// are taken back: the pairs show again what they came to before.
	Rounds []time.Time
}

// Freezer is a Handoff that can stand still for an endpoint, so that a cancellation ends
// exactly what was not tried. Its methods do not block.
type Freezer interface {
	// Freeze lets nothing of the endpoint begin until Thaw, and returns the messages whose
	// requests are under way or not recorded yet. Freezes nest.
	Freeze(app hook.ApplicationID, endpoint hook.EndpointID) []hook.MessageID
	// Thaw ends a Freeze and forgets the waiting deliveries for which gone is true. Nil is
	// for none.
	Thaw(endpoint hook.EndpointID, gone func(d *Due) bool)
}
