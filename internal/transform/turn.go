package transform

import (
	"context"
	"slices"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// A run waits for its turn: first of its application, so that one with many endpoints has
// no more than one with a single one, then of its endpoint. It also waits until there is
// room for what it will make, because results live until they are sent, and a script makes
// a mebibyte of nothing.

const (
	// slowAfter is from when on an endpoint's runs count as slow: they leave a child to others.
	slowAfter = 10 * time.Millisecond
	// slowRuns is how many quick runs make up for a slow one.
	slowRuns = 2
	// maxSlow bounds what is remembered of slow endpoints. Forgetting one costs a run.
	maxSlow = 4096
	// maxKept and maxKeptOfOne bound the bytes of results that are kept, of all applications
	// and of one. Runs under way may exceed them by MaxOutputBytes each; and an application
	// of which nothing is kept may always run one, whatever others keep.
	maxKept      = 128 << 20
	maxKeptOfOne = 32 << 20
)

// ownerKey names an endpoint and whose it is.
type ownerKey struct {
	application hook.ApplicationID
	endpoint    hook.EndpointID
}

// tenant is one application's place in the line.
type tenant struct {
	id      hook.ApplicationID
	line    []*owner // endpoints of which runs wait, in the order of their turns
	running int
	kept    int // bytes of its results that are kept
	owners  int
}

// owner is one endpoint's place in the line of its application.
type owner struct {
	ownerKey
	of      *tenant
	waiting []chan struct{} // told when it is that run's turn, closed by Close; of room for one
	running int
	isSlow  bool
}

// owner returns an endpoint's place. The caller holds mu.
func (p *Pool) owner(id ownerKey) *owner {
	if o := p.owners[id]; o != nil {
		return o
	}
	t := p.tenants[id.application]
	if t == nil {
		t = &tenant{id: id.application}
		p.tenants[t.id] = t
	}
	t.owners++
	_, isSlow := p.slow[id.endpoint]
	o := &owner{ownerKey: id, of: t, isSlow: isSlow}
	p.owners[id] = o
	return o
}

// acquire waits for the turn of a run of an endpoint.
func (p *Pool) acquire(ctx context.Context, id ownerKey) (*owner, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	o := p.owner(id)
	turn := make(chan struct{}, 1)
	if len(o.waiting) == 0 {
		if len(o.of.line) == 0 {
			p.line = append(p.line, o.of)
		}
		o.of.line = append(o.of.line, o)
	}
	o.waiting = append(o.waiting, turn)
	p.next()
	p.mu.Unlock()
	select {
	case _, isMine := <-turn:
		if !isMine {
			return nil, errClosed
		}
		return o, nil
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		if i := slices.Index(o.waiting, turn); i >= 0 {
			o.waiting = slices.Delete(o.waiting, i, i+1)
			if len(o.waiting) == 0 {
				p.leave(o)
			}
			p.forget(o)
			return nil, ctx.Err()
		}
		if _, isMine := <-turn; isMine { // it came at the same time
			p.end(o)
		}
		return nil, ctx.Err()
	}
}

// leave takes an endpoint out of the line, and its application where it was the last. The
// caller holds mu.
func (p *Pool) leave(o *owner) {
	t := o.of
	t.line = slices.DeleteFunc(t.line, func(l *owner) bool { return l == o })
	if len(t.line) == 0 {
		p.line = slices.DeleteFunc(p.line, func(l *tenant) bool { return l == t })
	}
}

// next gives turns while there is room. The caller holds mu.
func (p *Pool) next() {
	for p.busy < p.o.Children {
		o := p.first()
		if o == nil {
			return
		}
		t := o.of
		p.leave(o)
		o.waiting[0] <- struct{}{}
		o.waiting = o.waiting[1:]
		o.running++
		t.running++
		p.busy++
		if o.isSlow {
			p.slowBusy++
		}
		// Behind all others.
		if len(o.waiting) > 0 {
			t.line = append(t.line, o)
		}
		p.line = slices.DeleteFunc(p.line, func(l *tenant) bool { return l == t })
		if len(t.line) > 0 {
			p.line = append(p.line, t)
		}
	}
}

// first returns whose turn it is; nil where nobody may run. The caller holds mu.
func (p *Pool) first() *owner {
	for _, t := range p.line {
		if !p.hasRoom(t) {
			continue
		}
		if i := slices.IndexFunc(t.line, p.mayRun); i >= 0 {
			return t.line[i]
		}
	}
	return nil
}

// hasRoom reports whether one more result of an application may be kept.
func (p *Pool) hasRoom(t *tenant) bool {
	return t.kept == 0 && t.running == 0 || t.kept < maxKeptOfOne && p.kept < maxKept
}

// mayRun reports whether an endpoint may have one more child.
func (p *Pool) mayRun(o *owner) bool {
	if o.isSlow && p.slowBusy >= p.o.Children/2 {
		return false
	}
	return o.running < (p.o.Children+1)/2 || len(p.line) == 1 && len(o.of.line) == 1
}

// release ends a turn that took so long, with the child for the next; nil where it is no
// more. So many bytes of its result are kept until they are discarded.
func (p *Pool) release(o *owner, c *child, took time.Duration, kept int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c != nil {
		c.freedAt = time.Now()
		p.idle = append(p.idle, c)
		if p.sweeper == nil && !p.closed {
			p.sweeper = time.AfterFunc(p.o.IdleAfter, p.sweep)
		}
	}
	p.kept += kept
	o.of.kept += kept
	p.judge(o, took)
	p.end(o)
}

// discard gives back the room of a result.
func (p *Pool) discard(app hook.ApplicationID, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tenants[app] // it is there as long as anything of it is kept
	p.kept -= bytes
	t.kept -= bytes
	p.next()
	p.forgetTenant(t)
}

// end gives a place back and passes it on. The caller holds mu.
func (p *Pool) end(o *owner) {
	o.running--
	o.of.running--
	p.busy--
	if o.isSlow {
		p.slowBusy--
	}
	p.allReturned.Broadcast()
	p.next()
	p.forget(o)
}

// forget drops what is known of an endpoint that has no run here. The caller holds mu.
func (p *Pool) forget(o *owner) {
	if o.running == 0 && len(o.waiting) == 0 && p.owners[o.ownerKey] == o {
		delete(p.owners, o.ownerKey)
		o.of.owners--
		p.forgetTenant(o.of)
	}
}

func (p *Pool) forgetTenant(t *tenant) {
	if t.owners == 0 && t.kept == 0 {
		delete(p.tenants, t.id)
	}
}

// judge remembers whether an endpoint's script is slow. The caller holds mu.
func (p *Pool) judge(o *owner, took time.Duration) {
	switch {
	case took > slowAfter:
		if _, known := p.slow[o.endpoint]; !known && len(p.slow) >= maxSlow {
			clear(p.slow)
		}
		p.slow[o.endpoint] = slowRuns
		p.mark(o, true)
	case !o.isSlow:
	case p.slow[o.endpoint] > 1:
		p.slow[o.endpoint]--
	default:
		delete(p.slow, o.endpoint)
		p.mark(o, false)
	}
}

// mark says whether an endpoint's runs count as slow, those under way included.
func (p *Pool) mark(o *owner, isSlow bool) {
	switch {
	case isSlow == o.isSlow:
	case isSlow:
		p.slowBusy += o.running
	default:
		p.slowBusy -= o.running
	}
	o.isSlow = isSlow
}
