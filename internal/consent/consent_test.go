package consent

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// catalog has endpoints of which the id tells the application, i/100. All are due until
// they were answered.
type catalog struct {
	Catalog
	mu        sync.Mutex
	endpoints []*hook.Endpoint
	fails     bool
	saves     int
}

func (c *catalog) add(ids ...int) {
	for _, id := range ids {
		c.endpoints = append(c.endpoints, &hook.Endpoint{
			ID: hook.EndpointID(id), Application: hook.ApplicationID(id / 100), URL: "http://receiver.example/",
			Features: hook.Features{Consent: hook.NewConsent(hook.ConsentChallengeGet, time.Now())},
		})
	}
}

func (c *catalog) DueConsents(context.Context, time.Time, int) (due []store.DueConsent, _ time.Time, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.endpoints {
		if e.Consent.AskedAt.IsZero() {
			due = append(due, store.DueConsent{Application: e.Application, Endpoint: e.ID})
		}
	}
	return due, time.Time{}, nil
}

func (c *catalog) PlanOf(_ context.Context, app hook.ApplicationID) (*store.Plan, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &store.Plan{Environment: &hook.Environment{}}
	for _, e := range c.endpoints {
		if e.Application == app {
			p.Endpoints = append(p.Endpoints, e)
		}
	}
	return p, nil
}

func (c *catalog) UpdateEndpoint(_ context.Context, _ hook.ApplicationID, id hook.EndpointID, _ *store.Receipt, update func(*hook.Endpoint) error) (*hook.Endpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.saves++; c.fails {
		return nil, errors.New("no disk")
	}
	for i, e := range c.endpoints {
		if e.ID == id {
			next := *e
			c.endpoints[i] = &next
			return &next, update(&next)
		}
	}
	return nil, hook.Errorf(hook.NotFound, "endpoint")
}

func (c *catalog) Codec() *hook.Codec {
	codec, err := hook.NewCodec(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	return codec
}

// TestHangingReceiversDelayTheirOwnApplication: one whose receivers do not answer has two
// places; another one's are asked meanwhile, by the server and by hand.
func TestHangingReceiversDelayTheirOwnApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &catalog{}
		c.add(101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 201, 202)
		var mu sync.Mutex
		asking := 0
		k := New(Deps{Catalog: c, Do: func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			asking++
			mu.Unlock()
			<-r.Context().Done() // for askTimeout
			return nil, r.Context().Err()
		}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- k.Run(ctx) }()
		synctest.Wait()
		if locked(k, func() int { return k.itself.of[1] }) != 2 || locked(k, func() int { return k.itself.of[2] }) != 2 || asking != 4 {
			t.Errorf("asked at once: %v", k.itself.of)
		}
		c.mu.Lock()
		c.add(203, 301)
		c.mu.Unlock()
		byHand := make(chan error, 1)
		go func() {
			_, err := k.Ask(ctx, 1, 110)
			byHand <- err
		}()
		synctest.Wait()
		if locked(k, func() int { return k.byHand.of[1] }) != 1 {
			t.Errorf("by hand: %v", k.byHand.of)
		}
		if _, err := k.Ask(ctx, 1, 101); hook.KindOf(err) != hook.Conflict {
			t.Errorf("one that is being asked: %v", err)
		}
		k.Wake()
		synctest.Wait()
		if locked(k, func() int { return k.itself.of[3] }) != 1 {
			t.Errorf("a third application: %v", k.itself.of)
		}
		time.Sleep(10 * askTimeout) // of the clock of synctest
		synctest.Wait()
		if due, _, _ := c.DueConsents(ctx, time.Now(), 0); len(due) != 0 || locked(k, func() int { return k.itself.taken + k.byHand.taken + len(k.asking) }) != 0 {
			t.Errorf("never asked: %v", due)
		}
		<-byHand
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestStoreThatFailsKeepsNoPlace: others are asked while one waits to be saved again.
func TestStoreThatFailsKeepsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &catalog{fails: true}
		c.add(101)
		k := New(Deps{Catalog: c, Do: func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- k.Run(ctx) }()
		synctest.Wait()
		if locked(k, func() int { return k.itself.taken }) != 0 || locked(k, func() int { return len(k.asking) }) != 1 || c.saved() != 1 {
			t.Errorf("%d places, %d being asked, %d saves", k.itself.taken, len(k.asking), c.saved())
		}
		time.Sleep(5*failPause + failPause/2)
		synctest.Wait()
		if c.saved() != 6 {
			t.Errorf("%d saves in five pauses", c.saved())
		}
		stop()
		<-ended
	})
}

// locked reads what k's lock guards.
func locked(k *Keeper, read func() int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return read()
}

func (c *catalog) saved() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.saves
}
