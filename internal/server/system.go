package server

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/dispatch"
	"github.com/hookloft/hookloft/internal/httpapi"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
	"github.com/hookloft/hookloft/internal/transform"
)

// system knows this installation, for its operators.
type system struct {
	began   time.Time
	c       *config.Config
	log     *slog.Logger
	health  *health
	store   store.Store
	queue   *queueCount
	metrics http.Handler
	scripts *transform.Pool

	diagnosing sync.Mutex // one at a time: profiles hold up everybody for a moment
}

var _ httpapi.System = (*system)(nil)

func newSystem(n *node) *system {
	return &system{
		began: n.began, c: n.c, log: n.log, health: n.health, store: n.opened.store, metrics: n.showMetrics, scripts: n.scripts,
		queue: &queueCount{search: n.opened.store, depth: n.dispatcher.Depth, log: n.log},
	}
}

// roles are what every process does.
var roles = []string{"api", "receive", "deliver"}

// System implements httpapi.System.
func (s *system) System(ctx context.Context) (*httpapi.SystemReport, error) {
	build := ReadBuild()
	r := &httpapi.SystemReport{
		Version: build.Version, Revision: build.Revision, Go: build.Go, Platform: runtime.GOOS + "/" + runtime.GOARCH,
		PID: os.Getpid(), StartedAt: s.began, Roles: slices.Clone(roles),
		Runtime: telemetry.ReadRuntime(), OpenFiles: openFiles(), MaxOpenFiles: fileLimit(),
	}
	if name, err := os.Hostname(); err == nil {
		r.Node = name
	}
	var err error
	if r.Store, err = s.store.Inspect(ctx); err != nil {
		return nil, err
	}
	if dir, err := filepath.Abs(r.Store.Dir); err == nil {
		r.Store.Dir = dir
	}
	r.Queue = s.queue.count(ctx)
	r.IsReady, r.Checks = s.checks(ctx, &r.Store, r.Queue.IsStopped)
	for _, k := range s.c.Shown() {
		r.Settings = append(r.Settings, httpapi.SystemSetting{
			Name: k.Name, Text: k.Text, Default: k.Default, Unit: k.Unit, Why: k.Why, Origin: k.Origin, IsSecret: k.IsSecret, IsSet: k.IsSet,
		})
	}
	return r, nil
}

// checks are what /readyz looks at, and what else an operator should know of, in words.
func (s *system) checks(ctx context.Context, r *store.Report, isStopped bool) (isReady bool, list []httpapi.SystemCheck) {
	state := s.health.look(ctx)
	check := func(name string, err error, next string) {
		one := httpapi.SystemCheck{Name: name, State: httpapi.CheckOK}
		if err != nil {
			one.State, one.Detail, one.Next = httpapi.CheckFailed, err.Error(), next
		}
		list = append(list, one)
	}
	check("store", state.store, "Look at the disk of the data directory and into the log. A store that has failed needs a restart.")
	check("workers", state.worker, "The process ends by itself; see in its log why, and start it again.")
	check("draining", state.draining, "This process has been asked to stop. Send requests to the next one.")
	space := httpapi.SystemCheck{Name: "space", State: httpapi.CheckOK}
	switch {
	case r.IsFull:
		space.State, space.Detail = httpapi.CheckFailed, "Messages are refused for want of space."
		space.Next = "Make room on the disk, raise retention-bytes, or keep less: hookloft prune."
	case r.FreeBytes >= 0 && r.FreeBytes < littleSpace:
		space.State, space.Detail = httpapi.CheckWarn, "Little space is left on the disk."
		space.Next = "Make room, or keep less: hookloft prune, or a bound by retention-bytes."
	}
	hold := httpapi.SystemCheck{Name: "hold", State: httpapi.CheckOK}
	if isStopped {
		hold.State, hold.Detail = httpapi.CheckWarn, "Nothing is sent since a restore."
		hold.Next = "Look at what waits, then let it go with: hookloft release."
	}
	return state.err() == nil, append(list, space, hold)
}

// littleSpace is so little that an operator should know.
const littleSpace = 2 << 30

// queueCount counts what waits, seldom enough that it costs next to nothing however many ask and
// however much waits.
type queueCount struct {
	search store.Search
	depth  func(most int) dispatch.Depth
	log    *slog.Logger

	mu      sync.Mutex // one counts at a time; others wait for its answer
	counted httpapi.SystemQueue
	until   time.Time // when it is counted again
}

const (
	// countEvery is how old an answer may be at least, and countShare which part of the time is
	// spent on counting at most.
	countEvery = 2 * time.Second
	countShare = 50
	// maxCounted is how many due rows are looked at, and maxHeldCounted of how many endpoints on
	// hold what waits is counted, with up to maxHeldRows rows together.
	maxCounted     = 200_000
	maxHeldCounted = 200
	maxHeldRows    = 100_000
	countTimeout   = 5 * time.Second
)

// dueBounds end the spans of the histogram; the first is now.
var dueBounds = []time.Duration{
	0, 10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 16 * time.Hour, 24 * time.Hour,
}

// count returns what waits. What is in memory is as it is now.
func (q *queueCount) count(ctx context.Context) httpapi.SystemQueue {
	depth := q.depth(maxHeldCounted)
	q.mu.Lock()
	defer q.mu.Unlock()
	if begin := time.Now(); begin.After(q.until) {
		// Others wait for this count: one that goes away must not fail it for them.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countTimeout)
		defer cancel()
		counted, err := q.look(ctx, depth, begin)
		if err != nil {
			q.log.Warn("what waits is not counted", telemetry.KeyError, err)
			counted = httpapi.SystemQueue{CountedAt: begin}
		}
		q.counted = counted
		q.until = time.Now().Add(max(countEvery, countShare*time.Since(begin)))
	}
	out := q.counted
	out.InFlight, out.OldestDue, out.IsStopped = depth.InFlight, depth.OldestDue, depth.IsHeld
	return out
}

func (q *queueCount) look(ctx context.Context, depth dispatch.Depth, now time.Time) (httpapi.SystemQueue, error) {
	out := httpapi.SystemQueue{CountedAt: now, IsKnown: true, Bounds: dueBounds, ByDueTime: make([]int64, len(dueBounds)+1)}
	bounds := make([]time.Time, len(dueBounds))
	for i, d := range dueBounds {
		bounds[i] = now.Add(d + time.Millisecond) // what is due now counts as due
	}
	counts, isMore, err := q.search.CountDue(ctx, bounds, maxCounted, 0)
	if err != nil {
		return out, err
	}
	out.IsMore = isMore
	for _, n := range counts {
		out.ByDueTime[n.Bound] += n.Count
		if n.Bound > 0 {
			out.Waiting += n.Count
		}
	}
	out.ByDueTime[0] += int64(depth.Fresh) // which have no rows
	out.DueNow = out.ByDueTime[0]
	if out.OnHold, err = q.held(ctx, depth, now); err != nil {
		return out, err
	}
	if out.OnHold > 0 {
		out.DueNow = max(0, out.DueNow-out.OnHold)
	}
	return out, nil
}

// held counts what is due at endpoints on hold; -1 where that would take too long.
func (q *queueCount) held(ctx context.Context, depth dispatch.Depth, now time.Time) (int64, error) {
	if depth.HeldCount > len(depth.Held) {
		return -1, nil
	}
	total := 0
	for _, ep := range depth.Held {
		n, isMore, err := q.search.CountWaiting(ctx, ep, now, maxHeldRows-total)
		if err != nil {
			return 0, err
		}
		if total += n; isMore {
			return -1, nil
		}
	}
	return int64(total), nil
}

// openFiles counts the files that this process has open; 0 where the system does not say.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries) - 1 // one is of the reading itself
}
