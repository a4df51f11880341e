package httpapi

import (
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// maxPreviews bounds the previews that are counted at once: each takes a place among the
// few that all readers share.
const maxPreviews = 2

// previews are those that are being counted, at most one of an application.
type previews struct {
	mu      sync.Mutex
	running map[hook.ApplicationID]bool // guarded by mu
}

func newPreviews() *previews { return &previews{running: map[hook.ApplicationID]bool{}} }

// enter takes a place for a preview of app; leave gives it back. Without one the error is
// 429 where app has a preview already, and 503 where the server has enough.
func (p *previews) enter(c *call, app hook.ApplicationID) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.running[app]:
		return nil, tooMany(c, time.Second, "A dry run of this application is being counted; try again when it has answered.")
	case len(p.running) >= maxPreviews:
		return nil, hook.Errorf(hook.Overloaded, "%d dry runs are being counted", len(p.running))
	}
	p.running[app] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.running, app)
	}, nil
}
