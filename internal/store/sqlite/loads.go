package sqlite

import "context"

// loads are the reads, under way, of what a cache does not have: whoever asks for the same
// joins. One that began before a change is neither kept nor joined by anyone who comes after.
// The cache's lock guards them.
type loads[K comparable, V any] map[K]*load[V]

// load is one of them. value and err are set before done is closed, by whoever began it.
type load[V any] struct {
	done  chan struct{}
	value V
	err   error
	stale bool // guarded by the cache's lock: something changed since the load began
}

// begin returns the load that is under way, or a new one; first says that the caller must do
// it, call end and close done.
func (m loads[K, V]) begin(id K) (l *load[V], first bool) {
	if l := m[id]; l != nil {
		return l, false
	}
	l = &load[V]{done: make(chan struct{})}
	m[id] = l
	return l, true
}

// end takes a load out and reports whether what it read may be kept.
func (m loads[K, V]) end(id K, l *load[V]) bool {
	if l.stale { // m holds another one by now, or none
		return false
	}
	delete(m, id)
	return l.err == nil
}

// breakOff makes a load, if one is under way, one that nobody keeps or joins.
func (m loads[K, V]) breakOff(id K) {
	if l := m[id]; l != nil {
		l.stale = true
		delete(m, id)
	}
}

// breakAll does that to each.
func (m loads[K, V]) breakAll() {
	for id := range m {
		m.breakOff(id)
	}
}

// wait returns what somebody else's load has read.
func (l *load[V]) wait(ctx context.Context) (V, error) {
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}
