//go:build unix

package flow

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// consumer fetches from the polling endpoint under leases, through kills.
type consumer struct {
	w *world

	mu        sync.Mutex
	at        map[int64]string // message by position
	committed int64            // as far as the server has said
}

// fetched is one message of the feed.
type fetched struct {
	ID     string
	Offset int64
}

func (c *consumer) path(name string) string {
	return "/api/v1/app/flow/polling-endpoint/" + c.w.feed + "/consumer/" + name
}

// run fetches and commits until ctx ends; now and then it commits only a part, and now and
// then it goes away with what it has.
func (c *consumer) run(ctx context.Context) {
	api := rig.NewAPI(c.w.server.URL, c.w.feedToken)
	for ctx.Err() == nil {
		var out struct{ Data []fetched }
		if err := ask(api, http.MethodGet, c.path("line")+"?limit=25&lease_duration_ms=200&wait=1", "", &out); err != nil || len(out.Data) == 0 {
			pause(ctx, 20*time.Millisecond)
			continue
		}
		c.take(out.Data)
		done := out.Data[len(out.Data)-1].Offset
		switch c.w.dice.below(8) {
		case 0:
			pause(ctx, 250*time.Millisecond) // its lease is over
			continue
		case 1:
			done = out.Data[c.w.dice.below(len(out.Data))].Offset
			pause(ctx, 250*time.Millisecond)
		}
		if ask(api, http.MethodPost, c.path("line")+"/commit", fmt.Sprintf(`{"offset":%d}`, done), nil) == nil {
			c.mu.Lock()
			c.committed = max(c.committed, done)
			c.mu.Unlock()
		}
	}
}

func (c *consumer) take(list []fetched) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := int64(0)
	for _, m := range list {
		switch id, known := c.at[m.Offset]; {
		case m.Offset <= last:
			c.w.Errorf("feed: position %d after %d", m.Offset, last)
		case m.Offset <= c.committed:
			c.w.Errorf("feed: position %d came again, %d was committed", m.Offset, c.committed)
		case known && id != m.ID:
			c.w.Errorf("feed: position %d was %s and is %s", m.Offset, id, m.ID)
		}
		last = m.Offset
		c.at[m.Offset] = m.ID
	}
}

// count is how many messages it has had.
func (c *consumer) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.at)
}

// judge reads the feed from its begin and compares: every message once, in the order of
// acceptance, at rising positions, and as the consumer had it.
func (c *consumer) judge(numbers map[string]int) {
	api := rig.NewAPI(c.w.server.URL, c.w.feedToken)
	last, lastN, count := int64(0), 0, 0
	for range 10_000 {
		var out struct {
			Data []fetched
			Done bool
		}
		if err := ask(api, http.MethodGet, c.path("auditor")+"?limit=250&lease_duration_ms=600000", "", &out); err != nil {
			c.w.Fatal(err)
		}
		for _, m := range out.Data {
			count++
			if m.Offset <= last {
				c.w.Errorf("feed: position %d after %d", m.Offset, last)
			}
			if n := numbers[m.ID]; n <= lastN {
				c.w.Errorf("feed: message %d (%s) after %d", n, m.ID, lastN)
			} else {
				lastN = n
			}
			if id := c.at[m.Offset]; id != m.ID {
				c.w.Errorf("feed: the consumer had %q at %d, where %s is", id, m.Offset, m.ID)
			}
			last = m.Offset
		}
		if len(out.Data) > 0 {
			if err := ask(api, http.MethodPost, c.path("auditor")+"/commit", fmt.Sprintf(`{"offset":%d}`, last), nil); err != nil {
				c.w.Fatal(err)
			}
		}
		if out.Done {
			break
		}
	}
	if count != len(numbers) || len(c.at) != len(numbers) {
		c.w.Errorf("feed: %d messages, the consumer had %d of %d", count, len(c.at), len(numbers))
	}
}
