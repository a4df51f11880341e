// Package upkeep keeps a store in order beside its use: content goes when its time is over,
// or the store has outgrown its bound in bytes (store.Retention), and what was deleted
// loses its content.
package upkeep

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// Environments say how long each of them keeps messages.
type Environments interface {
	ListEnvironments(ctx context.Context) ([]*hook.Environment, error)
}

// Options are the knobs of a Keeper. The zero value is a good start.
type Options struct {
	// Every is how often expired content is looked for. Content expires by the day, and looking
	// costs little, so that more often wins nothing. Zero means an hour.
	Every time.Duration
	// Deleted is how often content is looked for that a deletion has left. It bounds how long
	// that stays, together with what removing it takes. Zero means 15 s.
	Deleted time.Duration
	// Metrics counts what was reclaimed; nil for none.
	Metrics *telemetry.Metrics
}

// Keeper runs the upkeep of one store.
type Keeper struct {
	retention    store.Retention
	environments Environments
	log          *slog.Logger
	o            Options
}

// New returns a Keeper of a store.
func New(r store.Retention, e Environments, log *slog.Logger, o Options) *Keeper {
	if o.Every <= 0 {
		o.Every = time.Hour
	}
	if o.Deleted <= 0 {
		o.Deleted = 15 * time.Second
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.NewMetrics(nil)
	}
	return &Keeper{retention: r, environments: e, log: log, o: o}
}

const (
	// tryAgain is the wait after an error, and after a segment that was too busy.
	tryAgain = time.Minute
	// whileFull is the wait between two tries to make room while messages are refused.
	whileFull = time.Second
)

// Run keeps the store in order until ctx ends. An error of one round is logged and tried
// again: whether the store still works shows where it is used.
func (k *Keeper) Run(ctx context.Context) error {
	deleted := time.NewTicker(k.o.Deleted)
	defer deleted.Stop()
	// The first look comes soon after the start, because a server that is restarted every
	// night would else never take one.
	aged := time.NewTimer(min(k.o.Every, tryAgain))
	defer aged.Stop()
	full := time.NewTimer(time.Hour)
	defer full.Stop()
	full.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-deleted.C:
			k.expungeRemoved(ctx)
		case <-aged.C:
			wait := k.o.Every
			if r, err := k.Reclaim(ctx, time.Time{}, false); err != nil || r.Postponed > 0 {
				wait = min(wait, tryAgain)
			}
			aged.Reset(wait)
		case <-k.retention.Outgrown():
			k.makeRoom(ctx, full)
		case <-full.C:
			k.makeRoom(ctx, full)
		}
	}
}

// makeRoom reclaims by bytes, and again soon as long as messages are refused.
func (k *Keeper) makeRoom(ctx context.Context, full *time.Timer) {
	r, err := k.retention.Reclaim(ctx, store.ReclaimPolicy{})
	k.tell(ctx, r, err)
	if err != nil || r.Full {
		full.Reset(whileFull)
	}
}

// Reclaim gives back the space of what has expired, and with before of everything finished
// that is older; see store.ReclaimPolicy.
func (k *Keeper) Reclaim(ctx context.Context, before time.Time, dryRun bool) (store.Reclaimed, error) {
	environments, err := k.environments.ListEnvironments(ctx)
	if err != nil {
		return store.Reclaimed{}, fmt.Errorf("list environments: %w", err)
	}
	p := store.ReclaimPolicy{Retention: make(map[hook.EnvironmentID]time.Duration, len(environments)), Before: before, DryRun: dryRun}
	for _, e := range environments {
		p.Retention[e.ID] = e.Settings.KeptFor()
	}
	r, err := k.retention.Reclaim(ctx, p)
	if !dryRun {
		k.tell(ctx, r, err)
	}
	return r, err
}

// tell logs what a Reclaim did, if it did anything.
func (k *Keeper) tell(ctx context.Context, r store.Reclaimed, err error) {
	k.o.Metrics.SegmentsReclaimed.WithLabelValues("dropped").Add(float64(r.Dropped))
	k.o.Metrics.SegmentsReclaimed.WithLabelValues("compacted").Add(float64(r.Compacted))
	k.o.Metrics.ReclaimedBytes.Add(float64(max(r.FreedBytes, 0)))
	switch {
	case ctx.Err() != nil:
	case err != nil:
		k.log.Error("reclaim space", telemetry.KeyError, err)
	case r.Dropped+r.Compacted > 0:
		k.log.Info("space reclaimed", "dropped", r.Dropped, "compacted", r.Compacted, "freed_bytes", r.FreedBytes, "used_bytes", r.UsedBytes)
	}
	if r.Full {
		k.log.Warn("unfinished work takes the store's space: messages are refused until there is room", "used_bytes", r.UsedBytes)
	}
}

// expungeRemoved removes the content that deletions have left.
func (k *Keeper) expungeRemoved(ctx context.Context) {
	for ctx.Err() == nil {
		n, more, err := k.retention.ExpungeRemoved(ctx)
		if err != nil {
			if ctx.Err() == nil {
				k.log.Error("remove the content of what was deleted", telemetry.KeyError, err)
			}
			return
		}
		if n > 0 {
			k.log.Info("content of what was deleted is removed", telemetry.KeyCount, n)
		}
		if !more {
			return
		}
	}
}
