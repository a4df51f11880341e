//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store/sqlite"
)

// pastDeliveries is what the sums of the seven days before are of: as many as are delivered to
// fill a store of the usual size.
const pastDeliveries = 10_000_000

// pastSums saves the sums that a week of traffic would have left, as the server itself saves
// them, so that charts of 24 hours and of seven days have something to add up: deliveries can
// be made quickly, but not in the past. By the minute for two days, which is as far back as a
// page asks for minutes, before that by the hour.
func pastSums(ctx context.Context, dir string, st *readsStore) (rows int, err error) {
	key, _, err := auth.LoadOrCreateKey(filepath.Join(dir, "main.key"))
	if err != nil {
		return 0, err
	}
	s, err := sqlite.Open(ctx, dir, sqlite.Options{Sealer: auth.NewSealer(key)})
	if err != nil {
		return 0, err
	}
	defer func() {
		if cerr := s.Close(); err == nil {
			err = cerr
		}
	}()
	p := pastOf(st)
	environments, err := s.ListEnvironments(ctx)
	if err != nil {
		return 0, err
	}
	span := hook.KeySpan{Low: 1, High: 2} // of the year in which keys begin: nothing else is counted there
	for i, app := range st.Apps {
		found := false
		for _, env := range environments {
			id, ok := s.Codec().ParseApplication(env.ID, app.ID)
			if !ok {
				continue
			}
			list, err := p.of(s.Codec(), env.ID, id, i, app)
			if err != nil {
				return rows, err
			}
			if err := s.AddRollups(ctx, span, list); err != nil {
				return rows, err
			}
			rows += len(list)
			span.Low, span.High, found = span.High, span.High+1, true
		}
		if !found {
			return rows, fmt.Errorf("nobody's application %s", app.ID)
		}
	}
	return rows, nil
}

// past is the week before now.
type past struct {
	now    time.Time
	share  []float64
	random *rand.Rand
}

func pastOf(st *readsStore) *past {
	rising := shares(len(st.Apps))
	p := &past{now: time.Now().Truncate(time.Hour), random: rand.New(rand.NewPCG(1, 2))}
	for i, r := range rising {
		if i > 0 {
			r -= rising[i-1]
		}
		p.share = append(p.share, r)
	}
	return p
}

// of returns an application's sums.
func (p *past) of(codec *hook.Codec, env hook.EnvironmentID, app hook.ApplicationID, number int, a readsApp) ([]hook.Rollup, error) {
	endpoints := make([]hook.EndpointID, len(a.Endpoints))
	for i, id := range a.Endpoints {
		var ok bool
		if endpoints[i], ok = codec.ParseEndpoint(app, id); !ok {
			return nil, fmt.Errorf("nobody's endpoint %s", id)
		}
	}
	var list []hook.Rollup
	const week = 7 * 24 * time.Hour
	for at := p.now.Add(-week); at.Before(p.now); {
		step := time.Hour
		if p.now.Sub(at) <= 48*time.Hour {
			step = time.Minute
		}
		// A message goes to all of the application's endpoints.
		mean := pastDeliveries / readsEndpoints * p.share[number] * step.Hours() / week.Hours() / 3
		for t := range 3 {
			n := poisson(p.random, mean)
			if n == 0 {
				continue
			}
			for _, ep := range endpoints {
				failed := min(n, poisson(p.random, float64(n)/100))
				r := hook.Rollup{RollupKey: hook.RollupKey{At: at.UnixMilli(), Environment: env, Application: app, Endpoint: ep, EventType: readsTypes[(number*5+t)%len(readsTypes)]}}
				for i := range n {
					e := hook.EndedAttempt{Outcome: hook.Success, Status: 200, Took: time.Duration(1+p.random.IntN(80)) * time.Millisecond}
					if i < failed {
						e = hook.EndedAttempt{Outcome: hook.Failed, Reason: hook.ReasonServer, Status: 500, Took: e.Took, HasNext: true}
					}
					r.Count(&e)
				}
				list = append(list, r)
			}
		}
		at = at.Add(step)
	}
	return list, nil
}
