package sqlite

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// planCache keeps plans in memory, bounded by their estimated bytes.
//
// It is written by hand, because its promise is about order: what a change forgets is
// gone when the change returns, and a load that began before is neither kept nor joined
// by anyone who comes after. That takes one lock over entries and loads, which a general
// cache does not offer. A hit is a read lock, a map look-up and two loads. Eviction is
// the clock algorithm, so that a hit moves nothing.
type planCache struct {
	limit int // bytes

	mu      sync.RWMutex
	entries map[hook.ApplicationID]*planEntry
	names   map[planName]*planEntry
	loads   loads[hook.ApplicationID, *store.Plan]
	// marks are the environments of the entries. A change of an environment breaks its
	// mark and thereby all its entries, without visiting them.
	marks map[hook.EnvironmentID]*environmentMark
	ring  []*planEntry // all entries, where the clock's hand goes round
	hand  int
	bytes int
}

// planName is an application's uid in its environment.
type planName struct {
	environment hook.EnvironmentID
	uid         string
}

type planEntry struct {
	plan  *store.Plan // guarded by planCache.mu; what it points to never changes
	mark  *environmentMark
	place int // in the ring
	bytes int
	used  atomic.Bool // since the hand passed
}

type environmentMark struct{ broken bool } // guarded by planCache.mu

func newPlanCache(limit int) *planCache {
	return &planCache{
		limit:   limit,
		entries: map[hook.ApplicationID]*planEntry{},
		names:   map[planName]*planEntry{},
		loads:   loads[hook.ApplicationID, *store.Plan]{},
		marks:   map[hook.EnvironmentID]*environmentMark{},
	}
}

// of returns the plan of an application, nil when memory does not have it.
func (k *planCache) of(app hook.ApplicationID) *store.Plan {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.entries[app].hit()
}

// byName is of by uid.
func (k *planCache) byName(name planName) *store.Plan {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.names[name].hit()
}

func (e *planEntry) hit() *store.Plan {
	if e == nil || e.mark.broken {
		return nil
	}
	if !e.used.Load() { // a write only when it changes something, for the sake of other cores
		e.used.Store(true)
	}
	return e.plan
}

// begin returns the load of an application that is under way, or a new one; first says
// that the caller must do it and call end.
func (k *planCache) begin(app hook.ApplicationID) (l *load[*store.Plan], first bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.loads.begin(app)
}

// end keeps what was loaded, unless something changed meanwhile, and wakes who waits.
func (k *planCache) end(app hook.ApplicationID, l *load[*store.Plan]) {
	defer close(l.done)
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.loads.end(app, l) {
		return
	}
	e := &planEntry{plan: l.value, bytes: planBytes(l.value)}
	if e.bytes > k.limit {
		return
	}
	k.remove(k.entries[app]) // one with a broken mark may be there
	for k.bytes+e.bytes > k.limit {
		k.evict()
	}
	env := l.value.Environment.ID
	if k.marks[env] == nil {
		k.marks[env] = &environmentMark{}
	}
	e.mark, e.place = k.marks[env], len(k.ring)
	k.ring = append(k.ring, e)
	k.bytes += e.bytes
	k.entries[app] = e
	if uid := l.value.Application.UID; uid != "" {
		k.names[planName{env, uid}] = e
	}
}

// forgetApplication drops the plan of an application, and makes a load under way one that nobody keeps or joins.
func (k *planCache) forgetApplication(app hook.ApplicationID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.remove(k.entries[app])
	k.loads.breakOff(app)
}

// failingSince is a change of one endpoint that plans see without a new version.
type failingSince struct {
	application hook.ApplicationID
	endpoint    hook.EndpointID
	since       time.Time
	warned      int
}

// setFailing puts a change into the plan in memory. When many endpoints of an application
// fail at once, loading all of them again for each would take longer than the failures.
// What is in memory is what was on disk before the change, because a load that raced with
// one is never kept. A plan that was handed out stays as it is.
func (k *planCache) setFailing(f *failingSince) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.loads.breakOff(f.application)
	e := k.entries[f.application]
	if e == nil || e.mark.broken {
		return
	}
	i, found := slices.BinarySearchFunc(e.plan.Endpoints, f.endpoint, func(ep *hook.Endpoint, id hook.EndpointID) int { return cmp.Compare(ep.ID, id) })
	if !found {
		k.remove(e)
		return
	}
	plan, ep := *e.plan, *e.plan.Endpoints[i]
	ep.FailingSince, ep.Warned = f.since, f.warned
	plan.Endpoints = slices.Clone(plan.Endpoints)
	plan.Endpoints[i] = &ep
	e.plan = &plan
}

// forgetEnvironment drops the plans of an environment. Whose a load under way is shows
// only at its end, so it makes all of them stale; settings change rarely.
func (k *planCache) forgetEnvironment(env hook.EnvironmentID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if m := k.marks[env]; m != nil {
		m.broken = true
		delete(k.marks, env)
	}
	k.loads.breakAll()
}

// remove takes an entry out; nil is none. The caller holds mu.
func (k *planCache) remove(e *planEntry) {
	if e == nil {
		return
	}
	app := e.plan.Application
	delete(k.entries, app.ID)
	if name := (planName{app.Environment, app.UID}); k.names[name] == e {
		delete(k.names, name)
	}
	last := len(k.ring) - 1
	k.ring[e.place] = k.ring[last]
	k.ring[e.place].place = e.place
	k.ring[last] = nil
	k.ring = k.ring[:last]
	k.bytes -= e.bytes
}

// evict removes the first entry at the hand that was not used since the hand passed. The caller holds mu.
func (k *planCache) evict() {
	for {
		if k.hand >= len(k.ring) {
			k.hand = 0
		}
		e := k.ring[k.hand]
		if e.mark.broken || !e.used.Swap(false) {
			k.remove(e)
			return
		}
		k.hand++
	}
}
