package send

import (
	"slices"
	"sync"
	"time"
)

// pool keeps idle connections, newest first for each target, so that a busy receiver
// keeps as many as it needs and the rest grow old and are closed.
type pool struct {
	maxIdle, maxPerHost int
	idleTimeout         time.Duration

	mu    sync.Mutex
	hosts map[target]*idleList
	// oldest and newest are the ends of a list over all idle connections, in the order
	// in which they became idle.
	oldest, newest *conn
	idle           int
	closed         bool
	// reaper runs when the oldest connection has been idle long enough; nil while
	// nothing is idle, so that an idle process has no timer.
	reaper *time.Timer
}

// idleList is the idle connections of one target, the newest last. An empty one stays
// until the next sweep, because a busy target needs it again at once.
type idleList struct{ conns []*conn }

func newPool(o Options) *pool {
	return &pool{maxIdle: o.MaxIdle, maxPerHost: o.MaxIdlePerHost, idleTimeout: o.IdleTimeout, hosts: map[target]*idleList{}}
}

// get returns an idle connection to a target that is still alive, or nil. deadline is
// that of the attempt.
func (p *pool) get(to target, deadline time.Time) *conn {
	now := time.Now()
	for {
		c := p.pop(to)
		if c == nil {
			return nil
		}
		fresh := now.Sub(c.idleSince) < p.idleTimeout && (c.idleUntil.IsZero() || now.Before(c.idleUntil))
		if fresh && (c.h2 != nil && c.http2Alive() || c.h2 == nil && c.isAlive(now, deadline)) {
			return c
		}
		c.close()
	}
}

func (p *pool) pop(to target) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.hosts[to]
	if list == nil || len(list.conns) == 0 {
		return nil
	}
	c := list.conns[len(list.conns)-1]
	p.remove(c)
	return c
}

// put keeps c for a later attempt, or closes it when there is no room. When the whole
// pool is full, the oldest connection of all makes room.
func (p *pool) put(c *conn) {
	c.idleSince = time.Now()
	c.in.shrink()
	var evicted *conn
	p.mu.Lock()
	list := p.hosts[c.target]
	if list == nil {
		list = &idleList{}
		p.hosts[c.target] = list
	}
	if p.closed || p.idleTimeout < 0 || len(list.conns) >= p.maxPerHost {
		p.mu.Unlock()
		c.close()
		return
	}
	if p.idle >= p.maxIdle {
		evicted = p.oldest
		p.remove(evicted)
	}
	list.conns = append(list.conns, c)
	c.list = list
	c.prev, c.next = p.newest, nil
	if p.newest != nil {
		p.newest.next = c
	} else {
		p.oldest = c
	}
	p.newest = c
	p.idle++
	if p.reaper == nil {
		p.reaper = time.AfterFunc(p.idleTimeout, p.reap)
	}
	p.mu.Unlock()
	if evicted != nil {
		evicted.close()
	}
}

// remove takes c out of both lists. The mutex is held.
func (p *pool) remove(c *conn) {
	list := c.list.conns
	// Taken from the end by pop, from the front by age: both ends are cheap to find.
	at := len(list) - 1
	if list[at] != c {
		at = slices.Index(list, c)
	}
	c.list.conns = slices.Delete(list, at, at+1)
	c.list = nil
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		p.oldest = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		p.newest = c.prev
	}
	c.prev, c.next = nil, nil
	p.idle--
}

// reap closes what has been idle too long and sets the timer for the next.
func (p *pool) reap() {
	now := time.Now()
	var expired []*conn
	p.mu.Lock()
	for p.oldest != nil && now.Sub(p.oldest.idleSince) >= p.idleTimeout {
		expired = append(expired, p.oldest)
		p.remove(p.oldest)
	}
	for to, list := range p.hosts {
		if len(list.conns) == 0 {
			delete(p.hosts, to)
		}
	}
	switch {
	case p.closed:
	case p.oldest == nil:
		p.reaper = nil
	default:
		p.reaper.Reset(p.idleTimeout - now.Sub(p.oldest.idleSince))
	}
	p.mu.Unlock()
	for _, c := range expired {
		c.close()
	}
}

// close closes everything that is idle and keeps nothing from now on.
func (p *pool) close() {
	p.mu.Lock()
	var all []*conn
	for p.oldest != nil {
		all = append(all, p.oldest)
		p.remove(p.oldest)
	}
	p.closed = true
	if p.reaper != nil {
		p.reaper.Stop()
	}
	p.mu.Unlock()
	for _, c := range all {
		c.close()
	}
}
