package dispatch

import (
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// tenant is an application with lanes. The Dispatcher's mu guards it.
type tenant struct {
	id         hook.ApplicationID
	laneCount  int
	inFlight   int
	fresh      int // fresh deliveries in memory, and their bytes
	freshBytes int
	// lined is what its lanes hold in lines, in number and bytes: a part of what is claimed.
	lined, linedBytes int
	turns             [rotations]turn
}

// turn is a tenant's place in a rotation, with its own round of lanes.
type turn struct {
	lanes  [classes]deque[*lane]
	queued [classes]bool // stands in that round of tenants
}

// The rotations that a lane can stand in.
const (
	readyRotation = iota
	wantingRotation
	rotations
)

// Who has nothing under way goes before who has something, so that a newcomer does not
// wait until a crowd has been looked through. It is crowd itself once it was served.
const (
	sparse = iota
	busy
	classes
)

func classOf(inFlight int) int {
	if inFlight == 0 {
		return sparse
	}
	return busy
}

// rotation gives turns in two rounds: to applications, and within each to its
// endpoints. An application with a thousand busy endpoints gets no more turns than
// one with a single endpoint.
type rotation struct {
	which   int
	tenants [classes]deque[*tenant]
	lanes   int // in all rounds; one may stand in two
}

// push adds a lane at the end of its application's round, and the application to its own.
func (r *rotation) push(l *lane) {
	if c := classOf(l.inFlight); !l.queued[r.which][c] {
		l.queued[r.which][c] = true
		l.tenant.turns[r.which].lanes[c].pushBack(l)
		r.lanes++
	}
	r.giveBack(l.tenant)
}

// len is how many tenants wait for a turn.
func (r *rotation) len() int { return r.tenants[sparse].n + r.tenants[busy].n }

// next takes the tenant whose turn it is in a class; giveBack ends its turn.
func (r *rotation) next(class int) *tenant {
	t := r.tenants[class].popFront()
	t.turns[r.which].queued[class] = false
	return t
}

// giveBack puts a tenant at the end of the round if it has a lane there.
func (r *rotation) giveBack(t *tenant) {
	turn := &t.turns[r.which]
	c := classOf(t.inFlight)
	if !turn.queued[c] && turn.lanes[sparse].n+turn.lanes[busy].n > 0 {
		turn.queued[c] = true
		r.tenants[c].pushBack(t)
	}
}

// nextLane takes the lane whose turn it is in a class of a tenant's.
func (r *rotation) nextLane(t *tenant, class int) *lane {
	l := t.turns[r.which].lanes[class].popFront()
	l.queued[r.which][class] = false
	r.lanes--
	return l
}

// maxRecording bounds the outcomes that wait for the disk: about a second of work.
const maxRecording = 16 << 10

// pick takes the next delivery to try, nil when there is none or no room.
func (d *Dispatcher) pick(now time.Time) *item {
	for class := range classes {
		for range d.ready.tenants[class].n {
			if d.stopping || d.held || d.inFlight >= d.o.MaxInFlight || d.recording >= maxRecording {
				return nil
			}
			t := d.ready.next(class)
			it := d.pickFrom(t, now)
			if it != nil {
				t.inFlight++
				d.inFlight++
				d.counts.inFlight.Set(float64(d.inFlight))
			}
			d.ready.giveBack(t)
			if it != nil {
				return it
			}
		}
	}
	return nil
}

// lanesLooked bounds how many busy lanes of an application a pick looks at. Those that
// it does not reach have an attempt under way, whose end brings the next pick.
const lanesLooked = 64

func (d *Dispatcher) pickFrom(t *tenant, now time.Time) *item {
	room := d.room(t)
	turn := &t.turns[readyRotation]
	for class := range classes {
		n := turn.lanes[class].n
		if class == busy {
			n = min(n, lanesLooked)
		}
		for range n {
			if room <= 0 {
				return nil
			}
			l := d.ready.nextLane(t, class)
			if l.inFlight > 0 && 2*l.inFlight >= room {
				// Within an application as between them: one more here takes two from room, and
				// something must be left for an endpoint that has nothing under way.
				d.ready.push(l)
				continue
			}
			it, at := l.take(now)
			if !at.IsZero() {
				at = now.Add(at.Sub(now)) // by the clock of the process, which nobody sets
				d.wakes.lower(l, at)
				d.before(at)
			}
			if it != nil {
				d.makeReady(l)
				return it
			}
		}
	}
	return nil
}

// room returns how many more attempts an application may have under way.
//
// Attempts at a hung endpoint hold their place for 15 s, so places must be left over
// before the others come. An application may have as many under way as are free
// (dynamic threshold; Choudhury and Hahne, 1998): one alone gets half of all places, n
// greedy ones get 1/(n+1) each, and as much stays free for the next. While others
// wait it also gets at most a quarter.
func (d *Dispatcher) room(t *tenant) int {
	free := d.o.MaxInFlight - d.inFlight
	if t.inFlight == 0 {
		return free
	}
	limit := free
	others := d.ready.len()
	for _, itself := range t.turns[readyRotation].queued {
		if itself {
			others--
		}
	}
	if others > 0 {
		limit = min(limit, max(1, d.o.MaxInFlight/4))
	}
	return limit - t.inFlight
}

// makeReady lets a lane with work take part in the rotation.
func (d *Dispatcher) makeReady(l *lane) {
	if l.waiting() > 0 {
		d.ready.push(l)
	}
}

// deque is a queue with two ends in a ring.
type deque[T any] struct {
	ring []T
	head int
	n    int
}

func (q *deque[T]) pushBack(v T) {
	q.grow()
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = v
	q.n++
}

// popFront removes the first value; the queue is not empty.
func (q *deque[T]) popFront() T {
	var zero T
	v := q.ring[q.head]
	q.ring[q.head] = zero
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	return v
}

// grow makes room for one more; the ring's length is a power of two.
func (q *deque[T]) grow() {
	if q.n < len(q.ring) {
		return
	}
	ring := make([]T, max(4, 2*len(q.ring)))
	for i := range q.n {
		ring[i] = q.ring[(q.head+i)&(len(q.ring)-1)]
	}
	q.ring, q.head = ring, 0
}
