package webhook

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"
)

// A Seen remembers which messages were handled, so that a retry whose first
// answer got lost, or a replayed request, is not handled twice. One Seen serves
// one sender: ids of two senders may be equal.
//
// It should remember an id for as long as its sender retries, which is days and
// not the minutes of the timestamp's tolerance: each retry is signed anew.
//
// An implementation over a database makes Begin one atomic step (such as an
// INSERT that does nothing on conflict), and lets a claim that neither Done nor
// Forget ended lapse after some minutes, or a crash would hold the message up
// for good.
type Seen interface {
	// Begin claims id for one caller and says how it stood before. After Fresh,
	// and only then, the caller owes one Done or Forget. On an error nothing is
	// claimed.
	Begin(ctx context.Context, id string) (State, error)
	// Done ends a claim: the message was handled.
	Done(ctx context.Context, id string) error
	// Forget ends a claim: it was not handled, and the next Begin is Fresh again.
	Forget(ctx context.Context, id string) error
}

// A State is what a Seen knows about a message.
type State int

const (
	Fresh      State = iota // not handled; it is the caller's now
	InProgress              // another caller has claimed it
	Handled                 // nothing is left to do
)

// Defaults of a MemorySeen.
const (
	// DefaultRemember is four days. Hookloft retries for 28 hours (33 with jitter),
	// and the example schedule of Standard Webhooks for 76 (91 with 20 % jitter).
	DefaultRemember = 96 * time.Hour
	// DefaultMaxIDs is as many as come in four days at 0.7 a second. They take
	// about 30 MiB, which is used only as ids come in.
	DefaultMaxIDs = 250_000
)

// MemorySeen is a Seen in the memory of one process, with two bounds: how long it
// remembers and how many ids. Past the second, it forgets the oldest first. The
// time it remembers should not fall under twice the verifier's tolerance, or a
// captured request can be replayed.
type MemorySeen struct {
	remember time.Duration
	maxIDs   int
	start    time.Time // until counts from here, on the monotonic clock

	mu sync.Mutex // guards all below
	// until holds when an id is forgotten; zero while it is in progress. The
	// number of those is that of the requests in flight, which the server bounds.
	until map[digest]time.Duration
	// handled has every id that is not in progress, the first to forget first. It is
	// in use from head on.
	handled []handledID
	head    int
}

// digest stands for an id, so that long ids take no more room. Half of SHA-256 is
// enough: two ids that meet would take 2^64 ids of the sender's own making.
type digest [16]byte

type handledID struct {
	id    digest
	until time.Duration
}

var _ Seen = (*MemorySeen)(nil)

// MemorySeenOptions are the knobs of a MemorySeen. The zero value is a good start.
type MemorySeenOptions struct {
	// Remember is how long an id is remembered after it was handled. Shorter than
	// the sender's retries means that a late one is handled again. Zero or less
	// means DefaultRemember.
	Remember time.Duration
	// MaxIDs bounds the memory, at about 120 bytes an id. Zero or less means
	// DefaultMaxIDs.
	MaxIDs int
}

// NewMemorySeen returns an empty MemorySeen.
func NewMemorySeen(o MemorySeenOptions) *MemorySeen {
	s := &MemorySeen{remember: o.Remember, maxIDs: o.MaxIDs, start: time.Now(), until: make(map[digest]time.Duration)}
	if s.remember <= 0 {
		s.remember = DefaultRemember
	}
	if s.maxIDs <= 0 {
		s.maxIDs = DefaultMaxIDs
	}
	return s
}

// Begin is part of [Seen]. Its error is always nil.
func (s *MemorySeen) Begin(_ context.Context, id string) (State, error) {
	d := digestOf(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.head < len(s.handled) && s.handled[s.head].until <= time.Since(s.start) {
		s.dropOldest()
	}
	switch until, ok := s.until[d]; {
	case !ok:
		s.until[d] = 0
		return Fresh, nil
	case until == 0:
		return InProgress, nil
	default:
		return Handled, nil
	}
}

// Done is part of [Seen]. Its error is always nil.
func (s *MemorySeen) Done(_ context.Context, id string) error {
	d := digestOf(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until[d] != 0 {
		return nil // handled before
	}
	if len(s.handled)-s.head >= s.maxIDs {
		s.dropOldest()
	}
	until := time.Since(s.start) + s.remember
	s.until[d] = until
	s.handled = append(s.handled, handledID{d, until})
	return nil
}

// Forget is part of [Seen]. Its error is always nil.
func (s *MemorySeen) Forget(_ context.Context, id string) error {
	d := digestOf(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until[d] == 0 {
		delete(s.until, d)
	}
	return nil
}

// dropOldest forgets the id that was handled first. Half of the slice is moved at
// a time, so that an id costs one move.
func (s *MemorySeen) dropOldest() {
	delete(s.until, s.handled[s.head].id)
	s.head++
	if s.head*2 >= len(s.handled) {
		s.handled = s.handled[:copy(s.handled, s.handled[s.head:])]
		s.head = 0
	}
}

func digestOf(id string) digest {
	sum := sha256.Sum256([]byte(id))
	return digest(sum[:])
}
