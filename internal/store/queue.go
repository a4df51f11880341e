package store

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Queue is what is due.
type Queue interface {
	// Attach names who takes fresh deliveries. Call it once, before the first Append;
	// without it every delivery is made due.
	Attach(h Handoff)

	// DueTimes returns each endpoint with due deliveries and the earliest time, for the
	// start of a dispatcher. It seeks endpoint by endpoint; it does not scan.
	DueTimes(ctx context.Context) ([]DueTime, error)

	// Claim returns up to limit deliveries of an endpoint that are due at now, oldest
	// first, leaving out those in taken. It writes nothing: whoever claims remembers
	// what it took, and Finish removes the due row. next is the earliest due time of
	// what it left, zero for none; a row left out because it is taken does not count.
	Claim(ctx context.Context, app hook.ApplicationID, endpoint hook.EndpointID, now time.Time, limit int, taken map[DueKey]bool) (due []Due, next time.Time, err error)

	// ClaimPart is Claim of a part of what is due, for lanes on hold and those that make up
	// for one.
	ClaimPart(ctx context.Context, p Part) (due []Due, next time.Time, err error)

	// Message returns a message with its content as it is now, for what has waited long in
	// memory: hook.NotFound when it is gone.
	Message(ctx context.Context, app hook.ApplicationID, id hook.MessageID) (*hook.Message, error)

	// Begin notes that an attempt of d is about to be sent, so that a start after a crash
	// raises Crashes of those deliveries, and no others, whose request was sent and has no
	// recorded outcome. It takes a microsecond, flushes nothing and cannot fail: what could
	// not be noted is not counted. The slot is given back in Finished; that of an attempt
	// which is not recorded, because the process is about to end, is not.
	Begin(d *hook.Delivery) Slot

	// Finish records outcomes: attempt, new state and due row in one commit. It does
	// not block on the disk; each f.Done is called once, after the commit or with the
	// error that prevented it. Outcomes that are not Urgent may wait up to 20 ms.
	Finish(f ...*Finished)

	// Spill gives up fresh deliveries: it makes them due (at DueAt, or now) with rows
	// of their own, durably, when memory is needed for others or at shutdown.
	Spill(ctx context.Context, d []hook.Delivery) error

	// SetHold stops (true) or lets go (false) all sending of this store, durably. A
	// restored store is held until an operator releases it. It is the operator's, and has
	// nothing to do with hook.Hold, by which owners pause an endpoint or application.
	SetHold(ctx context.Context, held bool) error
	// Held reports whether sending is stopped, and what would be sent.
	Held(ctx context.Context) (Hold, error)
}

// Handoff takes fresh deliveries in memory. The dispatcher implements it. Its methods
// are called from the store's writer and must not block or call the store.
type Handoff interface {
	// Admit reserves a place in memory for one delivery of size bytes to endpoint, and
	// reports false when there is none; the delivery is then made due in the same commit.
	Admit(app hook.ApplicationID, endpoint hook.EndpointID, size int) bool
	// Committed hands over the admitted deliveries of one commit, in their order.
	Committed(fresh []Due)
	// Withdraw gives back reserved places of a commit that failed.
	Withdraw(fresh []Due)
	// MadeDue says that an endpoint has a due row for at (the past for at once) that
	// the dispatcher did not write itself: a spilled delivery, a replay, a release.
	MadeDue(app hook.ApplicationID, endpoint hook.EndpointID, at time.Time)
}

// Due is a delivery with its message, ready to be tried.
type Due struct {
	Delivery hook.Delivery
	Message  *hook.Message // shared by the deliveries of one message; never changed
	// Group is the same for deliveries whose outcomes can be one commit (Finished.With).
	Group hook.Key
	// Row is the due row that Finish removes; the zero value for a fresh delivery.
	Row DueKey
}

// Part is a part of the due rows of an endpoint. What is not in it is left out and does not
// count for next.
type Part struct {
	Application hook.ApplicationID
	Endpoint    hook.EndpointID
	// Now is the latest time of a row that is taken, From the earliest; zero for no bound.
	Now, From time.Time
	// IsManual takes only what a person has asked for.
	IsManual bool
	Limit    int
	Taken    map[DueKey]bool
}

// Gatekeeper is a Handoff that keeps back what is for endpoints on hold. Its methods do not
// block and do not call the store.
type Gatekeeper interface {
	// Changed says that changes of these applications, or of their endpoints, are durable
	// and in their plans: what held an endpoint back may be over.
	Changed(apps []hook.ApplicationID)
	// Asked says that a person asked for an attempt which is due now. MadeDue follows.
	Asked(app hook.ApplicationID, endpoint hook.EndpointID)
}

// DueKey identifies a due row of an endpoint. A row for the time of one that is gone is the
// same row: an outcome of the former, told late, counts as its own, so whoever claims a row
// finishes it once. A retry has a later time (see hook.MinRetryStep), but in a line, where
// a delivery keeps its row.
type DueKey struct {
	DueAt   int64 // Unix milliseconds
	Message hook.MessageID
	Trigger hook.Trigger
}

// DueTime is an endpoint with due deliveries.
type DueTime struct {
	Application hook.ApplicationID
	Endpoint    hook.EndpointID
	At          time.Time
}

// Slot is the place of an attempt in the store's journal of requests. Zero is none.
type Slot uint32

// Finished is the end of one attempt, or of a delivery that will not be tried.
type Finished struct {
	Delivery hook.Delivery // the new state, from Delivery.After or Delivery.End
	Row      DueKey        // as claimed; zero for a fresh delivery
	Attempt  *hook.Attempt // nil when there was no request
	Slot     Slot          // of Begin; zero when there was no request
	// Urgent outcomes join the next commit: final states other than a plain success,
	// long delays, and what a lane waits for.
	Urgent bool
	// Wipe: the delivery succeeded, and once all of its message have, the message's payload
	// is to be removed, in the same commit.
	Wipe bool
	// Feed is what goes into the feed of a polling endpoint, in the same commit and at most
	// once for a delivery; nil for no such endpoint. State is Delivered then, and there is
	// no Attempt. A delivery that somebody else has ended or changed meanwhile is left alone.
	Feed *Fed
	// With are other outcomes of the same Due.Group, which are kept in the same commit or not
	// at all. Their Done is not called, and this one's Urgent stands for all.
	With []*Finished
	// Announce is told to receivers of operational webhooks if the outcome counts, that is
	// unless somebody else has ended the delivery meanwhile; nil for nothing. A store keeps
	// it in the same commit, and draws its ID.
	Announce *hook.Announcement
	// Done is called from the store's writer: it must be quick and not call the store.
	Done func(err error)
}

// Hold says whether a store's sending is stopped and what waits.
type Hold struct {
	Held      bool
	Pending   int64 // deliveries that would be sent
	Endpoints int64
}
