package hook

import (
	"sync"
	"time"
)

// Key is a row key: 42 bits of Unix milliseconds, 10 bits of node, 11 bits of
// sequence. Keys of one clock rise strictly, so the order of keys is the order of
// creation and an index on a key is an index on time. The 42 bits last until 2109.
type Key int64

const (
	nodeBits     = 10
	sequenceBits = 11
	milliShift   = nodeBits + sequenceBits
	maxSequence  = 1<<sequenceBits - 1
	maxMillis    = 1<<42 - 1

	// MaxKey is greater than every key that a clock hands out.
	MaxKey Key = 1<<63 - 1
	// MaxNode is the greatest node number.
	MaxNode = 1<<nodeBits - 1
)

// KeyAt returns the smallest key of t's millisecond, whatever the node. Times
// before 1970 give 0, times after 2109 give the last millisecond's.
func KeyAt(t time.Time) Key {
	ms := min(max(t.UnixMilli(), 0), maxMillis)
	return Key(ms << milliShift)
}

// Millis returns the key's time in Unix milliseconds.
func (k Key) Millis() int64 { return int64(k) >> milliShift }

// Time returns the moment in which the key was drawn, in UTC, to the millisecond.
func (k Key) Time() time.Time { return time.UnixMilli(k.Millis()).UTC() }

// low returns node and sequence, the part below the millisecond.
func (k Key) low() uint32 { return uint32(k) & (1<<milliShift - 1) }

// KeyClock hands out keys that rise strictly, also when the wall clock steps back
// or more than 2,048 keys are asked for in a millisecond: it then runs ahead of
// the wall clock by the least amount.
type KeyClock struct {
	node Key
	now  func() time.Time

	mu   sync.Mutex
	last Key
}

// NewKeyClock returns a clock for a node (0 to MaxNode) that reads now and whose
// first key is above last, the greatest key that the store already holds (0 for none).
func NewKeyClock(node int, last Key, now func() time.Time) *KeyClock {
	return &KeyClock{node: Key(node&MaxNode) << sequenceBits, last: last, now: now}
}

// Next returns a key greater than all before it.
func (c *KeyClock) Next() Key {
	first := KeyAt(c.now()) | c.node
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case first > c.last:
		c.last = first
	case c.last&maxSequence < maxSequence && c.last&^maxSequence == (c.last>>milliShift<<milliShift)|c.node:
		c.last++
	default: // the millisecond is used up, or the last key is another node's
		c.last = (c.last>>milliShift+1)<<milliShift | c.node
	}
	return c.last
}
