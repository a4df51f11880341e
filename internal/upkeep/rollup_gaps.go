package upkeep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// fillGaps counts what earlier processes did not save, at the start, and later what was
// given up for want of memory.
func (r *Rollup) fillGaps(ctx context.Context) {
	for {
		if err := r.fillAll(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("attempts of an earlier time are not counted yet", telemetry.KeyError, err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute):
				continue
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-r.gap:
		}
	}
}

// fillAll counts the gaps below what is in memory.
func (r *Rollup) fillAll(ctx context.Context) error {
	r.mu.Lock()
	high := r.open[0].span.Low
	r.mu.Unlock()
	spans, err := r.store.CountedSpans(ctx)
	if err != nil {
		return err
	}
	gaps := hook.Gaps(spans, hook.KeySpan{Low: hook.KeyAt(time.Now().Add(-r.o.Keep)), High: high})
	for _, gap := range gaps {
		if err := r.fill(ctx, gap); err != nil {
			return err
		}
	}
	return nil
}

// errTooMany: a span has more sums than are held at once.
var errTooMany = errors.New("too many sums")

// fill counts the stored attempts of a gap, in parts as large as memory allows.
func (r *Rollup) fill(ctx context.Context, gap hook.KeySpan) error {
	list, err := r.sum(ctx, gap)
	if errors.Is(err, errTooMany) && isDivisible(gap) {
		half := gap.Low + (gap.High-gap.Low)/2
		if err := r.fill(ctx, hook.KeySpan{Low: gap.Low, High: half}); err != nil {
			return err
		}
		return r.fill(ctx, hook.KeySpan{Low: half, High: gap.High})
	}
	if err != nil && !errors.Is(err, errTooMany) {
		return fmt.Errorf("count attempts again: %w", err)
	}
	if err := r.store.AddRollups(ctx, gap, list); err != nil && hook.KindOf(err) != hook.Conflict {
		return err
	}
	if len(list) > 0 {
		r.log.Info("attempts of an earlier time are counted", telemetry.KeyCount, len(list))
	}
	return nil
}

// isDivisible reports whether a span may be counted in parts. A second is never divided: it
// has no more sums than attempts began in it.
func isDivisible(s hook.KeySpan) bool { return s.High.Millis()-s.Low.Millis() > 1000 }

// sum adds up the stored attempts of a span. With errTooMany the sums beyond the limit
// leave event types untold apart.
func (r *Rollup) sum(ctx context.Context, span hook.KeySpan) ([]hook.Rollup, error) {
	sums := map[hook.RollupKey]*hook.RollupCounts{}
	minutesFrom := time.Now().Add(-hook.KeepMinutes).UnixMilli()
	tooMany := false
	err := r.store.EachEndedAttempt(ctx, span, func(e *hook.EndedAttempt) error {
		key := e.Key(hook.RollupMinute)
		if key.At < minutesFrom { // its minute would be removed at once
			key.At = hook.RollupHour.Begin(key.At)
		}
		if sums[key] == nil && len(sums) >= r.o.MaxSums {
			if isDivisible(span) {
				return errTooMany
			}
			tooMany, key.EventType = true, ""
		}
		if sums[key] == nil {
			sums[key] = &hook.RollupCounts{}
		}
		sums[key].Count(e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	list := make([]hook.Rollup, 0, len(sums))
	for key, counts := range sums {
		list = append(list, hook.Rollup{RollupKey: key, RollupCounts: *counts})
	}
	if tooMany {
		return list, errTooMany
	}
	return list, nil
}
