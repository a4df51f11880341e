//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"
)

// scenarios in the order in which they run.
var scenarios = []struct {
	name    string
	measure func(context.Context, *bench, *report) error
}{
	{"rate1", func(ctx context.Context, b *bench, r *report) error { return rates(ctx, b, r, 1) }},
	{"rate10", func(ctx context.Context, b *bench, r *report) error { return rates(ctx, b, r, 10) }},
	{"latency", latency},
	{"inbound", inbound},
	{"transform", measureFeatures("transform")},
	{"filter", measureFeatures("filter")},
	{"fifo", measureFeatures("fifo")},
	{"hostile-scripts", hostile},
	{"hold", hold},
	{"slow", slow},
	{"idle", idle},
	{"pending", pending},
	{"retention", retention},
	{"reads", reads},
}

// rateRun is one measurement of a rate.
type rateRun struct {
	Subject    string  `json:"subject"`           // relay or hookloft
	Inbound    bool    `json:"inbound,omitempty"` // webhooks that are received, not messages that are published
	Endpoints  int     `json:"endpoints"`
	Messages   int     `json:"messages"`
	Accepted   float64 `json:"accepted_per_second"`
	Delivered  float64 `json:"delivered_per_second"` // first publish to last first receipt
	AckP50     float64 `json:"ack_p50_ms"`
	AckP99     float64 `json:"ack_p99_ms"`
	E2EP50     float64 `json:"e2e_p50_ms"`
	E2EP99     float64 `json:"e2e_p99_ms"`
	CPUPer10k  float64 `json:"cpu_s_per_10k_messages"`
	PeakMiB    float64 `json:"peak_mib"`
	Recorded   int     `json:"recorded"` // successes that the API lists; hookloft only
	Duplicates int64   `json:"duplicates"`
	Lost       int64   `json:"lost"`
}

// rates measures publish → durable → delivered → recorded as fast as it goes.
func rates(ctx context.Context, b *bench, r *report, endpoints int) error {
	n := b.sizes.Messages
	if endpoints > 1 {
		n /= endpoints
	}
	for round := range b.sizes.Rounds {
		for _, subject := range b.subjects {
			run, err := b.rate(ctx, subject, false, endpoints, n)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", subject, round+1, err)
			}
			fmt.Fprintf(os.Stderr, "%-8s %2d endpoints  %6.0f accepted/s  %6.0f delivered/s  %.2f CPU s/10k  lost %d  duplicates %d  recorded %d\n",
				subject, endpoints, run.Accepted, run.Delivered, run.CPUPer10k, run.Lost, run.Duplicates, run.Recorded)
			r.Rates = append(r.Rates, run)
		}
	}
	return nil
}

// inbound measures receiving: verified → durable → forwarded → recorded, first as fast
// as it goes and then at a held rate.
func inbound(ctx context.Context, b *bench, r *report) error {
	for round := range b.sizes.Rounds {
		for _, subject := range b.subjects {
			run, err := b.rate(ctx, subject, true, 1, b.sizes.Messages)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", subject, round+1, err)
			}
			fmt.Fprintf(os.Stderr, "%-8s webhooks  %6.0f received/s  %6.0f forwarded/s  %.2f CPU s/10k  lost %d  duplicates %d  recorded %d\n",
				subject, run.Accepted, run.Delivered, run.CPUPer10k, run.Lost, run.Duplicates, run.Recorded)
			r.Rates = append(r.Rates, run)
		}
	}
	for range b.sizes.Rounds {
		for _, subject := range b.subjects {
			run, err := b.latency(ctx, subject, true, b.sizes.Rate*b.sizes.Seconds)
			if err != nil {
				return fmt.Errorf("%s: %w", subject, err)
			}
			fmt.Fprintf(os.Stderr, "%-8s webhooks at %d/s  answer %.2f/%.2f ms  end to end %.2f/%.2f ms  generator late p99 %.2f ms\n",
				subject, run.Rate, run.AckP50, run.AckP99, run.E2EP50, run.E2EP99, run.LateP99)
			r.Latencies = append(r.Latencies, run)
		}
	}
	return nil
}

func (b *bench) rate(ctx context.Context, subject string, inbound bool, endpoints, n int) (rateRun, error) {
	run := rateRun{Subject: subject, Inbound: inbound, Endpoints: endpoints, Messages: n}
	return b.rateOf(ctx, run, min(2000, n), nil, func(s *sink) (*server, error) {
		return b.subject(ctx, subject, inbound, s, endpoints)
	})
}

// rateOf measures what run says at the server that open starts for a receiver, after so many
// messages that warm connections, caches and files and are not counted; more are arguments of the load.
func (b *bench) rateOf(ctx context.Context, run rateRun, warm int, more []string, open func(*sink) (*server, error)) (rateRun, error) {
	n, endpoints := run.Messages, run.Endpoints
	s, err := b.receiver(ctx, endpoints, n+warm, 0)
	if err != nil {
		return run, err
	}
	defer s.kill()
	sv, err := open(s)
	if err != nil {
		return run, err
	}
	defer sv.drop()
	args := func(own ...string) []string {
		return sv.args(run.Inbound, slices.Concat(own, more, []string{"-c", strconv.Itoa(b.sizes.Publishers)})...)
	}
	if _, err := b.load(ctx, sv.addr, sv.token, args("-n", strconv.Itoa(warm), "-first", strconv.Itoa(n))...); err != nil {
		return run, fmt.Errorf("warm up: %w", err)
	}
	if st, err := s.await(int64(warm*endpoints), 30*time.Second); err != nil || st.Distinct < int64(warm*endpoints) {
		return run, fmt.Errorf("warm up: %d of %d delivered (%v)", st.Distinct, warm*endpoints, err)
	}
	time.Sleep(time.Second) // what trails behind (outcomes, checkpoints) is not ours to count
	if err := s.reset(); err != nil {
		return run, err
	}
	cpu := sv.cpu()
	load, err := b.load(ctx, sv.addr, sv.token, args("-n", strconv.Itoa(n))...)
	if err != nil {
		return run, err
	}
	want := int64(n * endpoints)
	got, err := s.await(want, 2*time.Minute)
	if err != nil {
		return run, err
	}
	time.Sleep(time.Second) // outcomes and checkpoints that trail belong to the price
	run.CPUPer10k = (sv.cpu() - cpu).Seconds() / float64(n) * 10_000
	_, run.PeakMiB = sv.memory()
	if st, err := s.stats(); err == nil {
		got = st // duplicates may come late
	}
	run.Accepted = load.AckedRate
	run.Delivered = float64(got.Distinct) / (float64(got.LastNanos-load.FirstNanos) / 1e9)
	run.AckP50, run.AckP99 = load.Ack.P50, load.Ack.P99
	run.E2EP50, run.E2EP99 = got.Latency.P50, got.Latency.P99
	run.Lost, run.Duplicates = want-got.Distinct, got.Duplicates
	if run.Subject != "relay" {
		all := (n + warm) * endpoints
		recorded, err := sv.recorded(all, 30*time.Second)
		if err != nil {
			return run, fmt.Errorf("read the account: %w", err)
		}
		run.Recorded = recorded
		if recorded != all {
			return run, fmt.Errorf("the API lists %d delivered, %d were", recorded, all)
		}
	}
	return run, nil
}

func (b *bench) subject(ctx context.Context, name string, inbound bool, s *sink, endpoints int) (*server, error) {
	switch {
	case name == "relay":
		return b.relay(ctx, s, endpoints)
	case inbound:
		return b.source(ctx, "http://"+s.addr, endpoints)
	}
	return b.hookloft(ctx, "http://"+s.addr, endpoints)
}

// latencyRun is one measurement at a held rate.
type latencyRun struct {
	Subject   string  `json:"subject"`
	Inbound   bool    `json:"inbound,omitempty"`
	Rate      int     `json:"rate"`
	AckP50    float64 `json:"ack_p50_ms"`
	AckP99    float64 `json:"ack_p99_ms"`
	E2EP50    float64 `json:"e2e_p50_ms"`
	E2EP99    float64 `json:"e2e_p99_ms"`
	E2EMax    float64 `json:"e2e_max_ms"`
	LateP99   float64 `json:"generator_late_p99_ms"`
	CPUPer10k float64 `json:"cpu_s_per_10k_messages"`
	Lost      int64   `json:"lost"`
	Dups      int64   `json:"duplicates"`
}

// latency measures publish-to-receipt at a held rate, one endpoint.
func latency(ctx context.Context, b *bench, r *report) error {
	n := b.sizes.Rate * b.sizes.Seconds
	for range b.sizes.Rounds {
		for _, subject := range b.subjects {
			run, err := b.latency(ctx, subject, false, n)
			if err != nil {
				return fmt.Errorf("%s: %w", subject, err)
			}
			fmt.Fprintf(os.Stderr, "%-8s at %d/s  ack %.2f/%.2f ms  end to end %.2f/%.2f ms  generator late p99 %.2f ms  %.2f CPU s/10k\n",
				subject, run.Rate, run.AckP50, run.AckP99, run.E2EP50, run.E2EP99, run.LateP99, run.CPUPer10k)
			r.Latencies = append(r.Latencies, run)
		}
	}
	return nil
}

func (b *bench) latency(ctx context.Context, subject string, inbound bool, n int) (latencyRun, error) {
	run := latencyRun{Subject: subject, Inbound: inbound, Rate: b.sizes.Rate}
	warm := b.sizes.Rate
	s, err := b.receiver(ctx, 1, n+warm, 0)
	if err != nil {
		return run, err
	}
	defer s.kill()
	sv, err := b.subject(ctx, subject, inbound, s, 1)
	if err != nil {
		return run, err
	}
	defer sv.drop()
	rate := sv.args(inbound, "-rate", strconv.Itoa(b.sizes.Rate), "-c", strconv.Itoa(b.sizes.Publishers))
	if _, err := b.load(ctx, sv.addr, sv.token, append(rate, "-n", strconv.Itoa(warm), "-first", strconv.Itoa(n))...); err != nil {
		return run, fmt.Errorf("warm up: %w", err)
	}
	if _, err := s.await(int64(warm), 20*time.Second); err != nil {
		return run, err
	}
	if err := s.reset(); err != nil {
		return run, err
	}
	cpu := sv.cpu()
	load, err := b.load(ctx, sv.addr, sv.token, append(rate, "-n", strconv.Itoa(n))...)
	if err != nil {
		return run, err
	}
	got, err := s.await(int64(n), 20*time.Second)
	if err != nil {
		return run, err
	}
	run.CPUPer10k = (sv.cpu() - cpu).Seconds() / float64(n) * 10_000
	run.AckP50, run.AckP99, run.LateP99 = load.Ack.P50, load.Ack.P99, load.Late.P99
	run.E2EP50, run.E2EP99, run.E2EMax = got.Latency.P50, got.Latency.P99, got.Latency.Max
	run.Lost, run.Dups = int64(n)-got.Distinct, got.Duplicates
	return run, nil
}

// slowRun is one measurement with an endpoint that takes 100 ms to answer.
type slowRun struct {
	Messages  int     `json:"messages"`
	Accepted  float64 `json:"accepted_per_second"`
	Delivered float64 `json:"delivered_per_second"`
	// Later is the rate of the second half, when the server has found out how many
	// requests the endpoint takes at once.
	Later float64 `json:"second_half_per_second"`
	Lost  int64   `json:"lost"`
}

const slowAnswer = 100 * time.Millisecond

// slow measures how fast one endpoint is served that needs 100 ms an answer: how
// many requests are kept open at it. Hookloft only; the relay is fixed at 64.
func slow(ctx context.Context, b *bench, r *report) error {
	for range b.sizes.Rounds {
		run := slowRun{Messages: b.sizes.SlowCount}
		err := func() error {
			s, err := b.receiver(ctx, 1, run.Messages, slowAnswer)
			if err != nil {
				return err
			}
			defer s.kill()
			sv, err := b.hookloft(ctx, "http://"+s.addr, 1)
			if err != nil {
				return err
			}
			defer sv.drop()
			load, err := b.load(ctx, sv.addr, sv.token, "-n", strconv.Itoa(run.Messages), "-c", strconv.Itoa(b.sizes.Publishers))
			if err != nil {
				return err
			}
			half, err := s.await(int64(run.Messages/2), 3*time.Minute)
			if err != nil {
				return err
			}
			got, err := s.await(int64(run.Messages), 3*time.Minute)
			if err != nil {
				return err
			}
			if span := float64(got.LastNanos-half.LastNanos) / 1e9; span > 0 {
				run.Later = float64(got.Distinct-half.Distinct) / span
			}
			run.Accepted = load.AckedRate
			run.Delivered = float64(got.Distinct) / (float64(got.LastNanos-load.FirstNanos) / 1e9)
			run.Lost = int64(run.Messages) - got.Distinct
			return nil
		}()
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "hookloft to an endpoint that takes 100 ms: %.0f delivered/s, %.0f in the second half (%.0f accepted/s), lost %d\n", run.Delivered, run.Later, run.Accepted, run.Lost)
		r.Slow = append(r.Slow, run)
	}
	return nil
}

// idleRun is a server with nothing to do.
type idleRun struct {
	RSSMiB     float64 `json:"rss_mib"`
	CPUPercent float64 `json:"cpu_percent"` // of one core
	ReadyMs    float64 `json:"ready_ms"`    // first start on an empty folder
}

func idle(ctx context.Context, b *bench, r *report) error {
	for range b.sizes.Rounds {
		down, err := freeAddr() // never called: nothing is published
		if err != nil {
			return err
		}
		sv, err := b.hookloft(ctx, "http://"+down, 1)
		if err != nil {
			return err
		}
		sv.kill()
		took, err := b.serve(ctx, sv)
		if err != nil {
			return err
		}
		time.Sleep(2 * time.Second) // start-up work ends
		cpu := sv.cpu()
		watched := time.Duration(b.sizes.IdleSecond) * time.Second
		time.Sleep(watched)
		run := idleRun{CPUPercent: (sv.cpu() - cpu).Seconds() / watched.Seconds() * 100, ReadyMs: took.Seconds() * 1000}
		run.RSSMiB, _ = sv.memory()
		sv.drop()
		fmt.Fprintf(os.Stderr, "hookloft idle: %.1f MiB, %.2f %% of a core, ready in %.0f ms\n", run.RSSMiB, run.CPUPercent, run.ReadyMs)
		r.Idle = append(r.Idle, run)
	}
	return nil
}

// pendingRun is a server with a great backlog.
type pendingRun struct {
	Deliveries  int     `json:"deliveries"`
	Accepted    float64 `json:"accepted_messages_per_second"`
	AfterMiB    float64 `json:"rss_after_publish_mib"`
	PeakMiB     float64 `json:"peak_mib"`
	DiskMiB     float64 `json:"disk_mib"`
	ReadyMs     float64 `json:"restart_ready_ms"`
	RestartMiB  float64 `json:"rss_after_restart_mib"`
	RestartPeak float64 `json:"peak_after_restart_mib"`
	// Once the endpoints are up, the backlog drains; what had a failed attempt waits
	// for its retry, which may be minutes away.
	Drained    int64   `json:"drained"`
	DrainRate  float64 `json:"drained_per_second"` // first to last receipt
	DrainDups  int64   `json:"drain_duplicates"`
	DrainedMiB float64 `json:"peak_while_draining_mib"`
}

const pendingEndpoints = 10

// drainLimit bounds the wait for the backlog.
const drainLimit = 4 * time.Minute

// pending publishes to 10 endpoints whose port refuses connections, then kills
// the server, starts it again, and brings the endpoints up: whatever was not really
// waiting cannot arrive then. Once: it is long, and its figures are steady.
func pending(ctx context.Context, b *bench, r *report) error {
	down, err := freeAddr() // nobody listens there
	if err != nil {
		return err
	}
	sv, err := b.hookloft(ctx, "http://"+down, pendingEndpoints)
	if err != nil {
		return err
	}
	defer func() { sv.drop() }()
	messages := b.sizes.Pending / pendingEndpoints
	load, err := b.load(ctx, sv.addr, sv.token, "-n", strconv.Itoa(messages), "-size", "128", "-c", strconv.Itoa(b.sizes.Publishers), "-limit", "10m")
	if err != nil {
		return err
	}
	run := pendingRun{Deliveries: messages * pendingEndpoints, Accepted: load.AckedRate}
	time.Sleep(3 * time.Second)
	run.AfterMiB, run.PeakMiB = sv.memory()
	run.DiskMiB = folderMiB(sv.data)
	sv.kill()
	took, err := b.serve(ctx, sv)
	if err != nil {
		return err
	}
	run.ReadyMs = took.Seconds() * 1000
	time.Sleep(5 * time.Second)
	run.RestartMiB, run.RestartPeak = sv.memory()
	up, err := b.receiverAt(ctx, down, pendingEndpoints, messages, 0)
	if err != nil {
		return err
	}
	defer up.kill()
	// All but a few: each endpoint's first failures wait for their retry in 5 minutes.
	got, err := up.await(int64(run.Deliveries)*999/1000, drainLimit)
	if err != nil {
		return err
	}
	run.Drained, run.DrainDups = got.Distinct, got.Duplicates
	if span := float64(got.LastNanos-got.FirstNanos) / 1e9; span > 0 {
		run.DrainRate = float64(got.Distinct) / span
	}
	_, run.DrainedMiB = sv.memory()
	fmt.Fprintf(os.Stderr, "endpoints up: %d of %d arrived, %.0f/s, duplicates %d, peak %.0f MiB\n",
		run.Drained, run.Deliveries, run.DrainRate, run.DrainDups, run.DrainedMiB)
	fmt.Fprintf(os.Stderr, "hookloft, %d deliveries waiting: %.0f messages/s accepted, %.0f MiB (peak %.0f), disk %.0f MiB, ready again in %.0f ms, then %.0f MiB (peak %.0f)\n",
		run.Deliveries, run.Accepted, run.AfterMiB, run.PeakMiB, run.DiskMiB, run.ReadyMs, run.RestartMiB, run.RestartPeak)
	r.Pending = append(r.Pending, run)
	return nil
}

// median of one figure over runs.
func median[T any](runs []T, of func(T) float64) float64 {
	if len(runs) == 0 {
		return 0
	}
	all := make([]float64, len(runs))
	for i, r := range runs {
		all[i] = of(r)
	}
	slices.Sort(all)
	if len(all)%2 == 0 {
		return (all[len(all)/2-1] + all[len(all)/2]) / 2
	}
	return all[len(all)/2]
}
