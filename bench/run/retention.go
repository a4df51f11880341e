//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// retentionRun is one measurement of a store at its bound in bytes, beside an empty one.
type retentionRun struct {
	CapMiB  int     `json:"cap_mib"`
	Written float64 `json:"written_mib"`  // payloads published into the bounded store so far
	MaxMiB  float64 `json:"max_disk_mib"` // the most that its data directory took, of all samples so far
	Samples int64   `json:"samples"`      // one each 50 ms
	Drops   int     `json:"segments_gone"`
	// Publishing at a held rate, into the bounded store and into one that was empty.
	Rate     int     `json:"rate"`
	AckP50   float64 `json:"ack_p50_ms"`
	AckP99   float64 `json:"ack_p99_ms"`
	EmptyP50 float64 `json:"empty_ack_p50_ms"`
	EmptyP99 float64 `json:"empty_ack_p99_ms"`
	LateP99  float64 `json:"generator_late_p99_ms"`
	Lost     int64   `json:"lost"`
	Dups     int64   `json:"duplicates"`
}

// retentionPayload is the size of a message here: several KiB, so that the bound is reached
// often at a rate that leaves the machine idle.
const retentionPayload = 8 << 10

// retention measures what a bound in bytes does to publishing: an hour of traffic that does
// not fit is pressed into minutes by a small bound. A store is filled several times over,
// and then takes turns with one that was empty, at the same held rate. In each turn at least
// half of the bounded store is written anew, so that segments are begun and dropped in it.
func retention(ctx context.Context, b *bench, r *report) error {
	capBytes := b.sizes.CapMiB << 20
	// A turn lasts as long as it takes to write half of the bound.
	n := capBytes / 2 / retentionPayload
	fill := b.sizes.CapTimes * capBytes / retentionPayload
	s, err := b.receiver(ctx, 1, fill+(n+b.sizes.Rate)*(b.sizes.Rounds+1), 0)
	if err != nil {
		return err
	}
	defer s.kill()
	usual := b.serveArgs
	b.serveArgs = append(slices.Clone(usual), "--retention-bytes", strconv.Itoa(capBytes))
	sv, err := b.hookloft(ctx, "http://"+s.addr, 1)
	b.serveArgs = usual
	if err != nil {
		return err
	}
	defer sv.drop()
	watch := watchDisk(ctx, sv.data)
	defer watch.stop()
	size := []string{"-size", strconv.Itoa(retentionPayload), "-c", strconv.Itoa(b.sizes.Publishers), "-limit", "10m"}
	if _, err := b.load(ctx, sv.addr, sv.token, append(size, "-n", strconv.Itoa(fill), "-rate", strconv.Itoa(4*b.sizes.Rate))...); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	if got, err := s.await(int64(fill), 2*time.Minute); err != nil || got.Distinct < int64(fill) {
		return fmt.Errorf("fill: %d of %d delivered (%v)", got.Distinct, fill, err)
	}
	sent := fill
	for round := range b.sizes.Rounds {
		run := retentionRun{CapMiB: b.sizes.CapMiB, Rate: b.sizes.Rate}
		empty, err := b.latencyOf(ctx, n)
		if err != nil {
			return fmt.Errorf("empty store, round %d: %w", round+1, err)
		}
		run.EmptyP50, run.EmptyP99 = empty.Ack.P50, empty.Ack.P99
		begin := watch.segments.Load()
		if err := s.reset(); err != nil {
			return err
		}
		load, err := b.load(ctx, sv.addr, sv.token, append(size, "-n", strconv.Itoa(n), "-rate", strconv.Itoa(b.sizes.Rate), "-first", strconv.Itoa(sent))...)
		if err != nil {
			return fmt.Errorf("store at its bound, round %d: %w", round+1, err)
		}
		sent += n
		got, err := s.await(int64(n), 20*time.Second)
		if err != nil {
			return err
		}
		run.AckP50, run.AckP99, run.LateP99 = load.Ack.P50, load.Ack.P99, load.Late.P99
		run.Lost, run.Dups = int64(n)-got.Distinct, got.Duplicates
		run.Written = float64(sent) * retentionPayload / (1 << 20)
		run.MaxMiB, run.Samples, run.Drops = float64(watch.most.Load())/(1<<20), watch.samples.Load(), int(watch.segments.Load()-begin)
		fmt.Fprintf(os.Stderr, "bound %d MiB, %.0f MiB written: at most %.1f MiB on disk (%d samples), ack %.2f/%.2f ms at %d/s, empty store %.2f/%.2f ms, ratio of p99 %.2f, %d segments gone meanwhile\n",
			run.CapMiB, run.Written, run.MaxMiB, run.Samples, run.AckP50, run.AckP99, run.Rate, run.EmptyP50, run.EmptyP99, run.AckP99/run.EmptyP99, run.Drops)
		r.Retention = append(r.Retention, run)
	}
	return nil
}

// latencyOf publishes n messages at the held rate into a store that was empty.
func (b *bench) latencyOf(ctx context.Context, n int) (sent, error) {
	s, err := b.receiver(ctx, 1, n+b.sizes.Rate, 0)
	if err != nil {
		return sent{}, err
	}
	defer s.kill()
	sv, err := b.hookloft(ctx, "http://"+s.addr, 1)
	if err != nil {
		return sent{}, err
	}
	defer sv.drop()
	args := []string{"-size", strconv.Itoa(retentionPayload), "-c", strconv.Itoa(b.sizes.Publishers), "-rate", strconv.Itoa(b.sizes.Rate)}
	// Connections and caches; not counted.
	if _, err := b.load(ctx, sv.addr, sv.token, append(args, "-n", strconv.Itoa(b.sizes.Rate), "-first", strconv.Itoa(n))...); err != nil {
		return sent{}, fmt.Errorf("warm up: %w", err)
	}
	if _, err := s.await(int64(b.sizes.Rate), 20*time.Second); err != nil {
		return sent{}, err
	}
	return b.load(ctx, sv.addr, sv.token, append(args, "-n", strconv.Itoa(n))...)
}

// diskWatch samples a data directory.
type diskWatch struct {
	most, samples atomic.Int64
	segments      atomic.Int64 // that were there and are gone
	end           context.CancelFunc
	done          chan struct{} // closed when it has ended
}

func watchDisk(ctx context.Context, dir string) *diskWatch {
	ctx, cancel := context.WithCancel(ctx)
	w := &diskWatch{end: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		known := map[string]bool{}
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			w.sample(dir, known)
		}
	}()
	return w
}

func (w *diskWatch) stop() {
	w.end()
	<-w.done
}

// sample adds up the sizes of all files.
func (w *diskWatch) sample(dir string, known map[string]bool) {
	var used int64
	seen := map[string]bool{}
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // a file that went away meanwhile
		}
		if info, err := d.Info(); err == nil {
			used += info.Size()
		}
		if strings.HasSuffix(path, ".db") {
			seen[path] = true
		}
		return nil
	})
	for path := range known {
		if !seen[path] {
			w.segments.Add(1)
			delete(known, path)
		}
	}
	for path := range seen {
		known[path] = true
	}
	w.samples.Add(1)
	if used > w.most.Load() {
		w.most.Store(used)
	}
}

func (r *report) retentionTable(b *strings.Builder) {
	if len(r.Retention) == 0 {
		return
	}
	last := r.Retention[len(r.Retention)-1]
	fmt.Fprintf(b, "\n## A store at its bound (--retention-bytes), messages of %d KiB at %d/s\n\n", retentionPayload>>10, last.Rate)
	b.WriteString("| round | bound MiB | written so far MiB | most on disk MiB | files gone in the round | ack p50 / p99 ms | empty store's p50 / p99 ms | p99 ratio | lost / duplicates |\n|---|---|---|---|---|---|---|---|---|\n")
	for i, x := range r.Retention {
		fmt.Fprintf(b, "| %d | %d | %.0f | %.1f | %d | %.2f / %.2f | %.2f / %.2f | %.2f | %d / %d |\n", i+1, x.CapMiB, x.Written, x.MaxMiB, x.Drops,
			x.AckP50, x.AckP99, x.EmptyP50, x.EmptyP99, x.AckP99/x.EmptyP99, x.Lost, x.Dups)
	}
	fmt.Fprintf(b, "\nThe median of the ratios is %.2f; the most that was on disk, of %d samples, is %.0f %% of the bound.\n",
		median(r.Retention, func(x retentionRun) float64 { return x.AckP99 / x.EmptyP99 }), last.Samples, 100*last.MaxMiB/float64(last.CapMiB))
}
