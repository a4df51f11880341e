package store

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// MessageScan asks for messages by what no index knows, newest first. It ends where the rows
// are enough, where enough was looked at, or where time is up, and says how far it came.
type MessageScan struct {
	Environment hook.EnvironmentID
	// Application 0 asks for all of the environment but its operational webhooks.
	Application hook.ApplicationID
	// After and Before bound the time: After <= t < Before.
	After, Before time.Time
	// From is the exclusive key to go on at, 0 for none.
	From  hook.Key
	Limit int

	EventTypes []string // empty for all
	Channel    string
	Tag        string
	Endpoint   hook.EndpointID // only messages that were for it; 0 for all
	// Statuses: only messages one of whose deliveries shows one of them; empty for all.
	Statuses []AttemptStatus
	// Wants is asked last, with the content where WithContent is set. Nil wants all. It may
	// call the store.
	Wants       func(*hook.Message) (bool, error)
	WithContent bool

	// MaxRows and MaxTime bound the look. Both must be set. Messages of others in between
	// count as well.
	MaxRows int
	MaxTime time.Duration
}

// Scanned is what a MessageScan found.
type Scanned struct {
	Rows []ScannedMessage
	// Examined is how many messages of those that were asked for were looked at.
	Examined int
	// Next is where to go on, as MessageScan.From. Done says that there is nothing more.
	Next hook.Key
	Done bool
}

// ScannedMessage is a message with what became of it.
type ScannedMessage struct {
	Message *hook.Message
	// Deliveries counts by what they show; nil where there are too many to count.
	Deliveries *Stats
}
