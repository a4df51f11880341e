package store

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Ledger accepts messages.
type Ledger interface {
	// Append commits p's message with its deliveries in one transaction and returns
	// when they are on disk. It draws Message.ID inside the commit, so ids rise in
	// commit order.
	//
	// Errors, after each of which nothing of p was kept: hook.Conflict (the eventId is
	// taken), hook.KeyReused (the idempotency key came with another body), hook.Stale
	// (the plan is older than the application), hook.NotFound (the application was
	// deleted), hook.Overloaded, hook.StorageFull, hook.Closed. After any other error
	// the commit may have happened; the caller must retry with the same key.
	Append(ctx context.Context, p *Publication) (Appended, error)

	// AppendAll is Append for several publications in one transaction: all of them are
	// on disk when it returns, or none is. Each has its own answer, in order; one that
	// was Replayed does not keep the others from being written. A refusal (Stale,
	// NotFound, ...) of any refuses all. They may be of different applications. EventIDs
	// are not taken: a publication that must be found again has a Key.
	//
	// More than MaxPublications are hook.TooLarge.
	AppendAll(ctx context.Context, all []*Publication) ([]Appended, error)

	// Published returns the message that an earlier Append under key made, and false when
	// there is none. Another body under the same key is hook.KeyReused.
	Published(ctx context.Context, key IdempotencyKey) (id hook.MessageID, found bool, err error)

	// Replay begins a new round for deliveries of stored messages (r.Trigger Scheduled)
	// or adds one manual attempt to each (Manual), in one transaction with r.Receipt.
	// Pairs that are pending already are left alone in a scheduled round, so that
	// repeating a replay after a crash adds nothing. A scheduled round's delivery of a pair
	// without attempts has hook.ReasonReplay until its first, which tells it from a live one.
	// It returns how many deliveries it made due. A message without content is
	// hook.MissingPayload when it is the only one, else skipped.
	Replay(ctx context.Context, r *Replay) (int, error)
}

// MaxPublications is how many one AppendAll takes.
const MaxPublications = 10_001

// Publication is one message with its deliveries, as fanout planned them.
type Publication struct {
	Message *hook.Message
	// Deliveries go to the endpoints of the plan. A delivery that is Pending without
	// DueAt and Line may be handed over in memory (see Handoff); one with either, or Held, or
	// in a final state, gets a row in the same commit. In a Line, DueAt is at least the
	// message's time. Message and Fresh are filled in by Append.
	Deliveries []hook.Delivery
	// PlanVersion is Plan.Version. Append refuses a plan that is no longer current.
	PlanVersion int64
	// Key makes repeats of the same request find the first; nil for none.
	Key *IdempotencyKey
}

// IdempotencyKey is the keyed hash of an Idempotency-Key and its scope.
type IdempotencyKey struct {
	Hash [16]byte // of environment, URI and key
	Body [16]byte // of the request body, to notice another request under the same key
	// Life is how long the key stays taken, at most hook.MaxDedupeWindow. The same key
	// must always come with a Life on the same side of hook.EventIDLife.
	Life time.Duration
}

// Appended is what became of a Publication.
type Appended struct {
	ID hook.MessageID
	// Replayed: an earlier request with the same key made this message; nothing was written.
	Replayed bool
}

// Replay asks for further attempts of stored messages at one endpoint.
type Replay struct {
	Application hook.ApplicationID
	Endpoint    hook.EndpointID
	Messages    []hook.MessageID
	Trigger     hook.Trigger
	// DueAt is when they are due, to the millisecond: by it a round is found again that no
	// lane has dealt with (see Rounds). Zero means now.
	DueAt time.Time
	// Line tells where a message stands at an ordered endpoint, for pairs that stood in no
	// line before: new ones, and those that ended while the endpoint was disabled. It gets the
	// message with its content. Nil for an endpoint that keeps no order.
	Line    func(*hook.Message) hook.Line
	Receipt *Receipt // nil for none
}

// Receipt records the answer to a request that changed something, so that a repeat
// with the same Idempotency-Key gets the same answer and changes nothing. It is saved
// in the same commit as the change.
type Receipt struct {
	Key    IdempotencyKey
	Status int
	Body   []byte // sealed at rest, for it may hold a token
}
