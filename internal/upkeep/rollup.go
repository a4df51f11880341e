package upkeep

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// RollupOptions are the knobs of a Rollup. The zero value is a good start.
type RollupOptions struct {
	// Every is how often sums are saved while there is traffic. Zero means 10 s.
	Every time.Duration
	// MaxSums bounds the sums in memory, of some 300 bytes each. From a fifth of it on they
	// are saved early; from half of it on, event types that are new to an endpoint's minute
	// are counted together; beyond it what is in memory is given up and read from the
	// attempts later. Zero means 100,000.
	MaxSums int
	// Keep is how long sums by the hour are kept. Zero means 90 days.
	Keep time.Duration
}

// Rollup sums ended attempts and saves the sums, each attempt exactly once, whatever
// crashes.
//
// # Why exactly once
//
// Attempts end in another order than they begin in, so "all up to this key" is not known
// from the keys that have been counted. Sums are therefore kept by generation: the attempts
// whose keys lie between two that were drawn for the purpose. Begin pins the present
// generation before the attempt draws its key, End gives the pin back after the attempt is
// recorded, and generations are saved in order, once nothing pins them. So when [low, high)
// is saved as counted, every attempt in it that will ever be recorded has been recorded and
// is in the sums. What is not saved at a crash is a gap between counted spans, which
// the next start reads from the stored attempts.
type Rollup struct {
	store  store.Rollups
	newKey func() hook.Key
	log    *slog.Logger
	o      RollupOptions

	// wake says that there is something to save one day, early that it should be saved now,
	// gap that something was given up. Each has room for one signal and is never closed.
	wake, early, gap chan struct{}

	mu sync.Mutex // guards all below; held for moments only
	// open are the generations that are not saved, by rising key; the last one is present.
	open  []*generation
	first uint64 // number of open[0]
	sums  int    // in all of open
	awake bool   // wake was signalled and Run has not gone back to sleep
}

// generation is what was counted between two keys.
type generation struct {
	span hook.KeySpan // High 0 for the present one
	pins int          // attempts under way that may belong to it, or to a later one
	sums map[hook.RollupKey]*hook.RollupCounts
	// given up: there were too many sums. They are read from the attempts later.
	isGap bool
}

// maxOpen bounds the generations in memory: while an attempt cannot be recorded, the
// present one goes on.
const maxOpen = 16

// NewRollup returns a Rollup whose first generation begins now. It must be made before the
// first attempt of this process begins. newKey draws row keys.
func NewRollup(s store.Rollups, newKey func() hook.Key, log *slog.Logger, o RollupOptions) *Rollup {
	if o.Every <= 0 {
		o.Every = 10 * time.Second
	}
	if o.MaxSums <= 0 {
		o.MaxSums = 100_000
	}
	if o.Keep <= 0 {
		o.Keep = 90 * 24 * time.Hour
	}
	if log == nil {
		log = telemetry.Discard()
	}
	return &Rollup{
		store: s, newKey: newKey, log: log, o: o,
		wake: make(chan struct{}, 1), early: make(chan struct{}, 1), gap: make(chan struct{}, 1),
		open: []*generation{newGeneration(newKey())},
	}
}

func newGeneration(low hook.Key) *generation {
	return &generation{span: hook.KeySpan{Low: low}, sums: map[hook.RollupKey]*hook.RollupCounts{}}
}

// Begin is called before an attempt draws its id. What it returns belongs to End.
func (r *Rollup) Begin() uint64 {
	r.mu.Lock()
	present := len(r.open) - 1
	r.open[present].pins++
	began := r.first + uint64(present)
	if !r.awake {
		r.awake = true
		signal(r.wake)
	}
	r.mu.Unlock()
	return began
}

// End is called once for each Begin, after the attempt was recorded, or with nil when it
// was not.
func (r *Rollup) End(began uint64, e *hook.EndedAttempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[began-r.first].pins--
	if e == nil {
		return
	}
	// Its key was drawn after Begin, so it may belong to a later generation, never to an
	// earlier one. Those are open still, because they are saved in order.
	i := len(r.open) - 1
	for i > 0 && hook.Key(e.ID) < r.open[i].span.Low {
		i--
	}
	g := r.open[i]
	if g.isGap {
		return
	}
	key := e.Key(hook.RollupMinute)
	sum := g.sums[key]
	if sum == nil {
		sum = r.addSum(g, key)
	}
	if sum != nil {
		sum.Count(e)
	}
}

// addSum makes room for one more sum, nil when there is none. The caller holds mu.
func (r *Rollup) addSum(g *generation, key hook.RollupKey) *hook.RollupCounts {
	if r.sums >= r.o.MaxSums/2 {
		key.EventType = ""
		if sum := g.sums[key]; sum != nil {
			return sum
		}
	}
	if r.sums >= r.o.MaxSums {
		r.giveUp(g)
		return nil
	}
	if r.sums++; r.sums == r.o.MaxSums/5 {
		signal(r.early)
	}
	sum := &hook.RollupCounts{}
	g.sums[key] = sum
	return sum
}

// giveUp frees the memory of a generation.
func (r *Rollup) giveUp(g *generation) {
	r.sums -= len(g.sums)
	g.isGap, g.sums = true, nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run saves sums until ctx ends, and makes those that an earlier process did not save. It
// returns nil. Flush saves the rest.
func (r *Rollup) Run(ctx context.Context) error {
	var counting sync.WaitGroup
	defer counting.Wait()
	counting.Go(func() { r.fillGaps(ctx) })
	var pruned time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		}
		for busy := true; busy; {
			timer := time.NewTimer(r.o.Every)
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-timer.C:
			case <-r.early:
				timer.Stop()
			}
			if err := r.Flush(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("sums of attempts are not saved and stay in memory", telemetry.KeyError, err)
			}
			if now := time.Now(); now.Sub(pruned) >= time.Hour {
				pruned = now
				if err := r.store.PruneRollups(ctx, now.Add(-hook.KeepMinutes), now.Add(-r.o.Keep)); err != nil && ctx.Err() == nil {
					r.log.Warn("old sums of attempts are not removed", telemetry.KeyError, err)
				}
			}
			busy = !r.sleep()
		}
	}
}

// sleep reports whether nothing is left to be saved; the next Begin wakes Run then.
func (r *Rollup) sleep() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	present := r.open[len(r.open)-1]
	if len(r.open) > 1 || present.pins > 0 || len(present.sums) > 0 || present.isGap {
		return false
	}
	r.awake = false
	return true
}

// Flush ends the present generation and saves those that nothing pins. After an error they
// stay in memory.
func (r *Rollup) Flush(ctx context.Context) error {
	r.turnOver()
	for {
		g := r.oldestDone()
		if g == nil {
			return nil
		}
		if err := r.save(ctx, g); err != nil {
			return err
		}
	}
}

// turnOver begins a new generation where the present one has something in it.
func (r *Rollup) turnOver() {
	r.mu.Lock()
	defer r.mu.Unlock()
	present := r.open[len(r.open)-1]
	if len(present.sums) == 0 && present.pins == 0 && !present.isGap || len(r.open) >= maxOpen {
		return
	}
	// Drawn under mu: whoever has drawn a key above it finds the new generation.
	present.span.High = r.newKey()
	r.open = append(r.open, newGeneration(present.span.High))
}

// oldestDone returns the oldest generation if it can be saved.
func (r *Rollup) oldestDone() *generation {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g := r.open[0]; len(r.open) > 1 && g.pins == 0 {
		return g
	}
	return nil
}

// save moves the oldest generation, which nothing changes any more, into the store.
func (r *Rollup) save(ctx context.Context, g *generation) error {
	if g.isGap {
		signal(r.gap)
	} else {
		list := make([]hook.Rollup, 0, len(g.sums))
		for key, counts := range g.sums {
			list = append(list, hook.Rollup{RollupKey: key, RollupCounts: *counts})
		}
		err := r.store.AddRollups(ctx, g.span, list)
		// An earlier commit that ended with an error was kept after all.
		if err != nil && hook.KindOf(err) != hook.Conflict {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sums -= len(g.sums)
	r.open = append([]*generation(nil), r.open[1:]...)
	r.first++
	return nil
}
