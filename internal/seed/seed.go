// Package seed fills a server with what one in use has: applications with endpoints
// that work, fail and wait in every way there is, a catalogue of event types, sources
// with genuine and forged requests, and messages that go on coming.
//
// It writes nothing by itself. Whatever is there afterwards was asked for through the
// public API, as any program could, and was delivered over the network to receivers that
// this room opens on loopback. So no row has a time other than its own: history begins
// with the seeding. Names, counts and contents are the same each time; times are not.
//
// Where things are: applications.go, eventtypes.go and sources.go are the tables;
// receivers.go is what answers; event.go makes messages; grow.go is the order of events.
package seed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookloft/hookloft/client"
)

const (
	// burst is how many messages the seeding publishes.
	burst = 2000
	// DefaultRate is how many messages a second follow.
	DefaultRate = 2
	// MaxRate bounds them: this is something to look at, no measurement.
	MaxRate = 100
)

// Options say where and how much.
type Options struct {
	// Server is the API's URL, Token one that may do everything in an environment.
	Server, Token string
	// Rate is how many messages a second follow the seeding, 0 to MaxRate.
	Rate int
	// Progress is told how far the seeding is. It may be called by several goroutines.
	Progress func(done, total int64)
}

// Places are what is worth a look, as paths of the dashboard.
type Places struct {
	Endpoint string // one that fails
	Issue    string
	Source   string
	Message  string // one for many endpoints
}

// Summary counts what the seeding made.
type Summary struct {
	Applications, Endpoints, EventTypes, Sources, Messages int
}

// Counts are what Grow makes.
func Counts() Summary {
	s := Summary{Applications: len(applications), EventTypes: len(eventTypes), Sources: len(sources), Messages: burst}
	for _, a := range applications {
		s.Endpoints += len(a.endpoints)
	}
	return s
}

// ApplicationUIDs are the uids of the applications that Grow makes. A store that has one
// of them was seeded before, or has an application of its own by that name.
func ApplicationUIDs() []string {
	uids := make([]string, 0, len(applications))
	for _, a := range applications {
		uids = append(uids, a.uid)
	}
	return uids
}

// Seed is the receivers and what sends to them.
type Seed struct {
	receivers *receivers
	planted   []planted // the sources, once Grow has made them
}

// New opens the receivers. Close ends them; it is called once the server has stopped, so
// that no attempt fails for that.
func New() (*Seed, error) {
	r, err := openReceivers()
	if err != nil {
		return nil, fmt.Errorf("open the receivers of the seeding: %w", err)
	}
	return &Seed{receivers: r}, nil
}

// Close ends the receivers.
func (s *Seed) Close() { s.receivers.close() }

// Trickle goes on publishing until ctx ends. An answer that is no success is none of its
// business: whoever looks on may delete an application, or fill the disk.
func (s *Seed) Trickle(ctx context.Context, o Options) error {
	if o.Rate <= 0 {
		<-ctx.Done()
		return nil
	}
	c, err := newClient(o)
	if err != nil {
		return err
	}
	tick := time.NewTicker(time.Second / time.Duration(min(o.Rate, MaxRate)))
	defer tick.Stop()
	for n := burst; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		e := eventAt(n)
		if _, err := c.Publish(ctx, e.app, e.in); err != nil && !isRefusal(err) && ctx.Err() == nil {
			return fmt.Errorf("go on publishing: %w", err)
		}
		if n%sourceEvery == 0 {
			s.trickleSource(ctx, n/sourceEvery)
		}
	}
}

// isRefusal says that the server answered.
func isRefusal(err error) bool {
	_, ok := errors.AsType[*client.Error](err)
	return ok
}

func newClient(o Options) (*client.Client, error) {
	c, err := client.New(o.Server, o.Token, client.Options{UserAgent: "hookloft-seed", Transport: direct()})
	if err != nil {
		return nil, fmt.Errorf("call the server: %w", err)
	}
	return c, nil
}
