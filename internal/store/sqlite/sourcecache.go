package sqlite

import (
	"context"
	"errors"
	"sync"

	"github.com/hookloft/hookloft/internal/hook"
)

// SourceOf implements store.Sources.
func (c *catalog) SourceOf(ctx context.Context, id hook.SourceID) (*hook.Source, error) {
	if s := c.received.of(id); s != nil {
		return s, nil
	}
	l, first := c.received.begin(id)
	if first {
		// Others wait for this load, so it does not end with this caller's context.
		c.loadSource(context.WithoutCancel(ctx), id, l)
		return l.value, l.err
	}
	return l.wait(ctx)
}

// loadSource does a load that begin handed out. Index: primary key.
func (c *catalog) loadSource(ctx context.Context, id hook.SourceID, l *load[*hook.Source]) {
	l.err = errors.New("load source: broken off") // for those who wait, should the read panic
	defer c.received.end(id, l)
	l.value, l.err = onlySource(c.sources(ctx, "s.key = ?1", id))
}

// sourceCache keeps the sources that were asked for lately. It promises what planCache
// promises: what a change forgets is gone when the change returns, and a load that began
// before is neither kept nor joined by anyone who comes after.
type sourceCache struct {
	limit int // bytes, estimated

	mu      sync.RWMutex
	entries map[hook.SourceID]*hook.Source
	loads   loads[hook.SourceID, *hook.Source]
	bytes   int
}

func newSourceCache(limit int) *sourceCache {
	return &sourceCache{limit: limit, entries: map[hook.SourceID]*hook.Source{}, loads: loads[hook.SourceID, *hook.Source]{}}
}

// of returns a source, nil when memory does not have it.
func (k *sourceCache) of(id hook.SourceID) *hook.Source {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.entries[id]
}

// begin returns the load of a source that is under way, or a new one; first says that the
// caller must do it and call end. A load that ended a moment ago is answered as it was.
func (k *sourceCache) begin(id hook.SourceID) (l *load[*hook.Source], first bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.entries[id]; s != nil { // kept since the caller looked
		l = &load[*hook.Source]{done: make(chan struct{}), value: s}
		close(l.done)
		return l, false
	}
	return k.loads.begin(id)
}

// end keeps what was loaded, unless it changed meanwhile, and wakes who waits.
func (k *sourceCache) end(id hook.SourceID, l *load[*hook.Source]) {
	defer close(l.done)
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.loads.end(id, l) {
		return
	}
	size := sourceBytes(l.value)
	if size > k.limit {
		return
	}
	for old := range k.entries {
		if k.bytes+size <= k.limit {
			break
		}
		// Any one goes: the order of a map is arbitrary, and a source in use is back after one read.
		k.remove(old)
	}
	k.entries[id] = l.value
	k.bytes += size
}

// forget drops a source, and makes a load under way one that nobody keeps or joins.
func (k *sourceCache) forget(id hook.SourceID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.remove(id)
	k.loads.breakOff(id)
}

// forgetEnvironment drops the sources of an environment. Whose a load under way is shows
// only at its end, so it makes all of them stale; settings change rarely.
func (k *sourceCache) forgetEnvironment(env hook.EnvironmentID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, s := range k.entries {
		if s.Environment == env {
			k.remove(id)
		}
	}
	k.loads.breakAll()
}

// remove takes a source out, if it is there. The caller holds mu.
func (k *sourceCache) remove(id hook.SourceID) {
	if s := k.entries[id]; s != nil {
		k.bytes -= sourceBytes(s)
		delete(k.entries, id)
	}
}

// sourceBytes estimates the memory of a source: the struct with its parts, and the long texts.
func sourceBytes(s *hook.Source) int {
	n := 1024 + len(s.Settings.Validate.Schema) + len(s.Settings.Answer.Body) + 128*len(s.Tokens)
	for _, list := range [][]string{s.Config.Secrets, s.Settings.Methods, s.Settings.Forward.Headers, s.Settings.Validate.ContentTypes} {
		for _, text := range list {
			n += 16 + len(text)
		}
	}
	for _, m := range []map[string]string{s.Config.Values, s.Metadata, s.Settings.Answer.Header} {
		for k, v := range m {
			n += 64 + len(k) + len(v)
		}
	}
	return n + 32*len(s.Settings.Networks)
}
