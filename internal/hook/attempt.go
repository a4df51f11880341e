package hook

import "time"

// Trigger says what started an attempt. The numbers are the contract's.
type Trigger uint8

const (
	// Scheduled attempts follow the delivery's schedule.
	Scheduled Trigger = 0
	// Manual attempts were asked for: a resend. They have no schedule.
	Manual Trigger = 1
)

// Outcome is what one attempt came to. It is a value, never an error.
type Outcome uint8

const (
	// Failed: no success; the schedule decides what follows.
	Failed Outcome = iota
	// Success: the receiver answered with a status of success.
	Success
	// Gone: the receiver answered 410 and wants no more (Standard Webhooks).
	Gone
	// Unsendable: this message can never be sent to this endpoint, so no retry helps
	// (content expunged or expired).
	Unsendable
	// Dropped: the endpoint's own script decided not to send this message. No request was made.
	Dropped
)

// String returns the outcome as it is logged.
func (o Outcome) String() string {
	return nameAt(int(o), "failed", "success", "gone", "unsendable", "dropped")
}

// nameAt returns the name of a stored number, which a newer version may have written.
func nameAt(i int, names ...string) string {
	if i >= len(names) {
		return "unknown"
	}
	return names[i]
}

// Attempt is one HTTP request of a delivery, with request, answer, timings and reason.
type Attempt struct {
	ID          AttemptID
	Message     MessageID
	Application ApplicationID
	Endpoint    EndpointID
	N           int // 1 for the first attempt of this message to this endpoint
	Trigger     Trigger
	StartedAt   time.Time
	Took        time.Duration
	Timings     Timings
	URL         string // the endpoint's URL at the time, or the one that its script made
	EndpointURL string // the endpoint's, where its script made another one; not stored
	RemoteAddr  string // address and port that were dialled; "" without a connection
	TLS         *TLS   // nil without TLS, and where the handshake told nothing
	Outcome     Outcome
	Reason      Reason
	Error       string // the failure in words, without secrets; "" for an HTTP answer
	Status      int    // 0 without an answer
	// Header is the answer's header block, lines as received, joined by "\r\n"; at most 16 KiB.
	Header []byte
	// Body is the answer's body as received, at most MaxStoredBody bytes.
	Body []byte
	// BodyTruncated: there was more than MaxStoredBody. BodyIncomplete: the body
	// broke off, was malformed or late.
	BodyTruncated, BodyIncomplete bool
	// Notes are what else there is to tell of the attempt; nil for nothing.
	Notes *AttemptNotes
	// RetryAfter is what the answer asked for, unclamped; 0 for nothing usable.
	RetryAfter time.Duration
	// Wish is what the answer asked for beside its status. It is acted upon, not stored.
	Wish Wish
	// Expunged says that the answer's content was removed on request.
	Expunged bool
	// Unreadable says that the stored answer cannot be opened: it was damaged, or moved from
	// another row. Header, Body, Error and Notes are then not there.
	Unreadable bool
	// NextAt is when the next scheduled attempt is due; zero for none.
	NextAt time.Time
	// Batch says with which others the message went in one request; nil for alone.
	Batch *Batch
}

// Batch is a request that took several messages of a line. Each has an attempt of its own,
// and that of the first has the answer for all.
type Batch struct {
	First, Last MessageID
	Count       int
	Of          AttemptID // the attempt of First
}

// AttemptNotes are what few attempts have to tell. They are stored as JSON under these
// names: add fields, rename none.
type AttemptNotes struct {
	// Console is what the endpoint's script wrote, line by line.
	Console []string `json:"console,omitempty"`
}

// Wish is what a receiver asks for in an answer's header webhook-delivery (CONTRACT 2.3).
type Wish uint8

// The wishes.
const (
	// NoWish: the status alone decides.
	NoWish Wish = iota
	// WishDisable: the endpoint wants no more webhooks, this one included.
	WishDisable
	// WishAbort: this message is not to be tried again here.
	WishAbort
)

// MaxStoredBody is how much of an answer's body is kept.
const MaxStoredBody = 16 << 10

// Timings splits the duration of an attempt by phase. A phase that did not happen
// (a kept connection has no DNS, connect or TLS) is 0.
type Timings struct {
	DNS, Connect, TLS time.Duration
	// FirstByte runs from the request's last byte to the answer's first.
	FirstByte time.Duration
	Body      time.Duration
	Reused    bool // the connection was kept from an earlier attempt
}
