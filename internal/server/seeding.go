package server

import (
	"context"
	"fmt"

	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/seed"
)

const (
	// DefaultSeedRate is how many messages a second follow a seeding.
	DefaultSeedRate = seed.DefaultRate
	// MaxSeedRate bounds them.
	MaxSeedRate = seed.MaxRate
)

// Seeding has dev fill its store with something to look at. See package seed.
type Seeding struct {
	// Rate is how many messages a second follow, 0 to MaxSeedRate.
	Rate int
	// Progress is told how far it is, by several goroutines; Done once it has ended.
	Progress func(done, total int64)
	Done     func()

	seed *seed.Seed
}

// open makes what the seeding needs of the process, and loosens c by what it needs of the
// rules. The function that it returns ends the receivers.
func (s *Seeding) open(c *config.Config) (end func(), err error) {
	if s.seed, err = seed.New(); err != nil {
		return nil, err
	}
	// One of the endpoints has a name that does not exist.
	c.AllowInternalNames = true
	return s.seed.Close, nil
}

// prepare refuses a store that was seeded before, while nothing has been written, and has
// the seeding begin once the server is ready.
func (s *Seeding) prepare(ctx context.Context, n *node) error {
	n.beside = func(ctx context.Context) error { return s.run(ctx, n) }
	env, err := n.opened.store.EnvironmentByName(ctx, DefaultEnvironment)
	if hook.KindOf(err) == hook.NotFound {
		return nil // a new store
	}
	if err != nil {
		return fmt.Errorf("look whether the store is seeded: %w", err)
	}
	for _, uid := range seed.ApplicationUIDs() {
		_, err := n.opened.store.Application(ctx, env.ID, uid)
		if err == nil {
			return fmt.Errorf("%s has the application %q already: a store is seeded once; start without --seed, or with another --data", n.c.Data, uid)
		}
		if hook.KindOf(err) != hook.NotFound {
			return fmt.Errorf("look whether the store is seeded: %w", err)
		}
	}
	return nil
}

// run seeds, says where to look, and keeps traffic going until ctx ends.
func (s *Seeding) run(ctx context.Context, n *node) error {
	token, err := n.devToken(ctx)
	if err != nil {
		return err
	}
	url := localURL(n.c, n.listener.Addr())
	o := seed.Options{Server: url, Token: token, Rate: s.Rate, Progress: s.Progress}
	places, err := s.seed.Grow(ctx, o)
	s.Done()
	if err != nil {
		return fmt.Errorf("seed the store: %w", err)
	}
	if _, err := fmt.Fprint(n.out.Out, seedingText(n.publicURL(), s.Rate, places)); err != nil {
		return fmt.Errorf("say that the store is seeded: %w", err)
	}
	return s.seed.Trickle(ctx, o)
}

// seedingText says what is there and where to look.
func seedingText(url string, rate int, at seed.Places) string {
	made := seed.Counts()
	text := fmt.Sprintf("\nhookloft seeded: %d applications, %d endpoints, %d event types, %d sources, %d messages",
		made.Applications, made.Endpoints, made.EventTypes, made.Sources, made.Messages)
	if rate > 0 {
		text += fmt.Sprintf("; %d messages a second follow", rate)
	}
	text += "\n\n"
	for _, p := range [...]struct{ what, path string }{
		{"overview", "/"}, {"an endpoint that fails", at.Endpoint}, {"an issue", at.Issue}, {"a message for many endpoints", at.Message}, {"a source", at.Source},
	} {
		if p.path != "" {
			text += fmt.Sprintf("  %-30s%s%s\n", p.what, url, p.path)
		}
	}
	return text + "\n"
}
