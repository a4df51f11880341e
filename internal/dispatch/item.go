package dispatch

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// kind is why a delivery is tried, as metrics name it.
type kind uint8

const (
	live   kind = iota // first attempt of a new message
	retry              // the schedule's further attempts
	replay             // a new round for an old message
	manual             // asked for by a person
	kinds
)

var kindNames = [kinds]string{"live", "retry", "replay", "manual"}

// Queues of a lane, in their order of preference.
const (
	liveQueue = iota
	retryQueue
	replayQueue
	drainQueue // what waited for the end of a hold, see drain
	queues
)

var queueOf = [kinds]int{live: liveQueue, retry: retryQueue, replay: replayQueue, manual: replayQueue}

// item is a delivery in memory: from Admit or a claim until its outcome is stored. Very many are
// there at once, so the small fields stand together.
type item struct {
	due   store.Due
	lane  *lane
	next  *item     // in its queue
	since time.Time // when it came into memory
	size  int       // bytes that it counts for
	kind  kind
	probe bool // is the one attempt of an open breaker
	// isPlanned, perSecond and updatedAt are the lane's when the item was taken.
	isPlanned  bool
	wipe       bool // its success may remove the message's payload
	isDraining bool // it waited for the end of a hold, and counts in drainFlying
	ended      bool // its outcome is with the store
	waits      bool // stands in a line
	shadowed   bool // a resend of the same pair goes first
	isGone     bool // somebody has ended it while it was tried
	// isBare: the content of its message was laid down, bareBytes of it; see content.go.
	isBare    bool
	slot      store.Slot // of its request in the store's journal
	bareBytes int
	perSecond int
	updatedAt time.Time
	drains    time.Time  // until of the lane's drain
	fed       *store.Fed // what its endpoint's feed gets; nil where a request is made
	shadows   *item      // the delivery in line that waits for this resend
	// batch is what leaves in one request with this one, in order, and whole the message that
	// stands for all of them; nil for a request of one message.
	batch    []*item
	whole    *hook.Message
	begun    uint64 // of its attempt, for the Observer
	finished store.Finished
}

func newItem(l *lane, due store.Due, size int, now time.Time) *item {
	it := &item{due: due, lane: l, size: size, since: now}
	d := &due.Delivery
	switch {
	case d.Trigger == hook.Manual:
		it.kind = manual
	case d.Step > 0:
		it.kind = retry
	case d.Attempts > 0, d.Reason == hook.ReasonReplay:
		it.kind = replay
	}
	return it
}

// isFresh reports whether the delivery has no row of its own.
func (it *item) isFresh() bool { return it.due.Row == store.DueKey{} }

// spilled returns the delivery as it goes back to the store: due since its message was
// accepted, so that the oldest comes first.
func (it *item) spilled() hook.Delivery {
	d := it.due.Delivery
	if d.DueAt.IsZero() {
		d.DueAt = it.due.Message.Time()
	}
	return d
}

// fifo is a queue of items.
type fifo struct {
	head, tail *item
	n          int
}

func (f *fifo) push(it *item) {
	it.next = nil
	if f.tail == nil {
		f.head = it
	} else {
		f.tail.next = it
	}
	f.tail = it
	f.n++
}

func (f *fifo) pushFront(it *item) {
	it.next = f.head
	f.head = it
	if f.tail == nil {
		f.tail = it
	}
	f.n++
}

func (f *fifo) pop() *item {
	it := f.head
	if it == nil {
		return nil
	}
	if f.head = it.next; f.head == nil {
		f.tail = nil
	}
	it.next = nil
	f.n--
	return it
}

// removeIf takes out the items for which out is true and hands them to it in order.
func (f *fifo) removeIf(out func(*item) bool) {
	old := *f
	*f = fifo{}
	for it := old.pop(); it != nil; it = old.pop() {
		if !out(it) {
			f.push(it)
		}
	}
}
