package dispatch

import "time"

// clock is a set of keys with a time each, of which the first is at hand: a binary
// heap with the place of each key. It is small, because there is an entry for each
// endpoint with due rows, lanes in memory or not.
type clock[K comparable] struct {
	heap  []entry[K]
	place map[K]int
}

type entry[K comparable] struct {
	at  int64 // Unix nanoseconds
	key K
}

// first returns the earliest key, false when there is none.
func (c *clock[K]) first() (k K, at time.Time, ok bool) {
	if len(c.heap) == 0 {
		return k, at, false
	}
	return c.heap[0].key, time.Unix(0, c.heap[0].at), true
}

// lower sets k's time to at unless it has an earlier one.
func (c *clock[K]) lower(k K, at time.Time) {
	ns := at.UnixNano()
	i, found := c.place[k]
	switch {
	case !found:
		if c.place == nil {
			c.place = make(map[K]int)
		}
		i = len(c.heap)
		c.heap = append(c.heap, entry[K]{ns, k})
		c.place[k] = i
	case ns < c.heap[i].at:
		c.heap[i].at = ns
	default:
		return
	}
	c.up(i)
}

// has reports whether k has a time.
func (c *clock[K]) has(k K) bool { _, ok := c.place[k]; return ok }

// remove forgets k, if it is there.
func (c *clock[K]) remove(k K) {
	i, found := c.place[k]
	if !found {
		return
	}
	last := len(c.heap) - 1
	c.swap(i, last)
	c.heap = c.heap[:last]
	delete(c.place, k)
	if i < last {
		c.down(i)
		c.up(i)
	}
}

func (c *clock[K]) swap(i, j int) {
	c.heap[i], c.heap[j] = c.heap[j], c.heap[i]
	c.place[c.heap[i].key], c.place[c.heap[j].key] = i, j
}

func (c *clock[K]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if c.heap[parent].at <= c.heap[i].at {
			return
		}
		c.swap(i, parent)
		i = parent
	}
}

func (c *clock[K]) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(c.heap); child++ {
			if c.heap[child].at < c.heap[least].at {
				least = child
			}
		}
		if least == i {
			return
		}
		c.swap(i, least)
		i = least
	}
}
