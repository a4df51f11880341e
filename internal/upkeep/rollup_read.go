package upkeep

import (
	"context"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// EachRollup calls f with each sum that q asks for, those that are not saved yet included;
// a period may come several times. The sums of all ended attempts that were recorded
// before the call are in it.
//
// Whoever asks never waits for a save, which may take long: memory is read first, then what was
// saved as of one moment, and a generation that was saved in between is left out of the former.
func (r *Rollup) EachRollup(ctx context.Context, q store.RollupQuery, f func(*hook.Rollup) error) error {
	memory := r.inMemory(q)
	return r.store.ReadRollups(ctx, func(saved store.RollupView) error {
		if err := saved.EachRollup(q, f); err != nil {
			return err
		}
		return eachUnsaved(saved, memory, func(sum hook.Rollup) error { return f(&sum) })
	})
}

// EachRollupCount is EachRollup for counts alone: those that are not saved yet come besides.
func (r *Rollup) EachRollupCount(ctx context.Context, q store.RollupCountQuery, f func(store.RollupCount) error) error {
	memory := r.countsInMemory(q)
	return r.store.ReadRollups(ctx, func(saved store.RollupView) error {
		if err := saved.EachRollupCount(q, f); err != nil {
			return err
		}
		return eachUnsaved(saved, memory, f)
	})
}

// counted is what a generation, which begins at low, has of what is asked for.
type counted[S any] struct {
	low  hook.Key
	sums []S
}

// eachUnsaved calls f with the sums of the generations that are not saved.
func eachUnsaved[S any](saved store.RollupView, memory []counted[S], f func(S) error) error {
	for _, g := range memory {
		isSaved, err := saved.IsCounted(g.low)
		if err != nil {
			return err
		}
		if isSaved {
			continue
		}
		for _, sum := range g.sums {
			if err := f(sum); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Rollup) countsInMemory(q store.RollupCountQuery) (out []counted[store.RollupCount]) {
	// Whoever ends an attempt waits for the lock, so a sum is looked up, not searched for.
	apps, endpoints := setOf(q.Applications), setOf(q.Endpoints)
	since, until := q.Since.UnixMilli(), q.Until.UnixMilli()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.open {
		c := counted[store.RollupCount]{low: g.span.Low}
		for key, counts := range g.sums {
			at := q.Period.Begin(key.At)
			if key.Environment != q.Environment || at < since || at >= until || !apps[key.Application] {
				continue
			}
			n := store.RollupCount{Application: key.Application, At: at, Success: counts.Success, Failed: counts.Failed}
			if len(endpoints) > 0 {
				if !endpoints[key.Endpoint] {
					continue
				}
				n.Endpoint = key.Endpoint
			}
			c.sums = append(c.sums, n)
		}
		if len(c.sums) > 0 {
			out = append(out, c)
		}
	}
	return out
}

func setOf[K comparable](list []K) map[K]bool {
	set := make(map[K]bool, len(list))
	for _, k := range list {
		set[k] = true
	}
	return set
}

// inMemory returns copies of the sums in memory that q asks for.
func (r *Rollup) inMemory(q store.RollupQuery) (out []counted[hook.Rollup]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.open {
		c := counted[hook.Rollup]{low: g.span.Low}
		for key, counts := range g.sums {
			key.At = q.Period.Begin(key.At)
			if q.Application == 0 && !q.AllApplications {
				if !key.IsOfEnvironment() {
					continue
				}
				key.Application, key.Endpoint = 0, 0
			}
			if !q.Wants(&key) {
				continue
			}
			sum := counts.Clone()
			if q.OnlyFailures {
				if sum.Failed == 0 {
					continue
				}
				sum = hook.RollupCounts{Reasons: sum.Reasons}
			}
			c.sums = append(c.sums, hook.Rollup{RollupKey: key, RollupCounts: sum})
		}
		if len(c.sums) > 0 {
			out = append(out, c)
		}
	}
	return out
}
