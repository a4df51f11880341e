//go:build linux

package main

import (
	"fmt"
	"runtime"
	"strings"
)

// report is everything that was measured in one run.
type report struct {
	Commit    string         `json:"commit"`
	Machine   string         `json:"machine"`
	Date      string         `json:"date"`    // of the end, UTC
	Busy      string         `json:"busy"`    // load average before the run
	Command   string         `json:"command"` // that repeats it
	Sizes     sizes          `json:"sizes"`
	Rates     []rateRun      `json:"rates,omitempty"`
	Latencies []latencyRun   `json:"latencies,omitempty"`
	Slow      []slowRun      `json:"slow,omitempty"`
	Idle      []idleRun      `json:"idle,omitempty"`
	Pending   []pendingRun   `json:"pending,omitempty"`
	Retention []retentionRun `json:"retention,omitempty"`
	Features  []featureRun   `json:"features,omitempty"`
	Hostile   []hostileRun   `json:"hostile_scripts,omitempty"`
	Held      []holdRun      `json:"hold,omitempty"`
	Reads     []readsRun     `json:"reads,omitempty"`
}

// markdown is bench/RESULTS.md: method, tables with the medians of the rounds, and
// how to repeat them.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, intro, r.Commit, r.Date, runtime.Version(), r.Machine, r.Busy,
		r.Sizes.Publishers, r.Sizes.Rounds, r.Command)
	r.rateTable(&b)
	r.latencyTable(&b)
	r.inboundTables(&b)
	r.featureTables(&b)
	r.restTable(&b)
	r.retentionTable(&b)
	r.readsTable(&b)
	b.WriteString(outro)
	return b.String()
}

const intro = `# Benchmark results

Written by ` + "`make bench`" + ` (the program in bench/run); do not edit the figures by hand.

- Version: %s
- Date: %s, with %s
- Machine: %s
- Other load on the machine before the run: %s
- %d publishers on kept connections, payloads of 1 KiB, loopback, no TLS, default settings; medians of %d rounds,
  relay and hookloft in turns
- Command: ` + "`%s`" + `

Load generator, server and receiver share the machine, so the server had a part of it only. Compare the ratios, not
the absolute figures, with other machines.

**relay** is the ceiling: a bare program with no product in it (bench/relay). It accepts the same request with net/http,
appends it to one reserved file with a shared fdatasync, answers 202, signs, posts on with net/http from 64 workers, and
appends the outcome. **hookloft** is the real binary: tokens, idempotency keys, fan-out, lanes, retries, the
history that the API lists, and a log line for each attempt.
`

const outro = `
How to read them:

- *of the ceiling* is the median of the rounds' own ratios: the two programs of a round ran within seconds of each
  other. The ratio of their *CPU* is the steadier figure on a machine that has other things to do.
- *deliveries/s* counts from the first publish to the last first receipt, so it includes what was still queued when the
  last publish was acknowledged. After each hookloft run the API's attempt lists are read to the end, and the run fails
  unless every delivery is recorded there as successful.
- *ack* is from sending a message to reading its 202, when it is on disk. In the rate tables the server is saturated, so
  that is mostly waiting in line; the table at a held rate shows what a message costs when it is not.
- At a held rate, latencies count from when a message was due to be sent, so a stall is charged to every message
  that it delayed. *generator late* is the generator's own part of that.
- *CPU* is the user and system time of the server process alone.
`

func (r *report) rateTable(b *strings.Builder) {
	if len(r.Rates) == 0 {
		return
	}
	b.WriteString("\n## As fast as it goes\n\n" + rateHead)
	for _, endpoints := range []int{1, 10} {
		r.rateRows(b, endpoints, false)
	}
}

// rateRows writes the rows of one number of endpoints, the ceiling first.
func (r *report) rateRows(b *strings.Builder, endpoints int, inbound bool) {
	relay := r.ratesOf("relay", endpoints, inbound)
	for _, subject := range []string{"relay", "hookloft"} {
		runs := r.ratesOf(subject, endpoints, inbound)
		if len(runs) == 0 {
			continue
		}
		var lost, dups int64
		low, high := runs[0].Delivered, runs[0].Delivered
		for _, run := range runs {
			lost += run.Lost
			dups += run.Duplicates
			low, high = min(low, run.Delivered), max(high, run.Delivered)
		}
		m := func(of func(rateRun) float64) float64 { return median(runs, of) }
		fmt.Fprintf(b, "| %d | %s | %d | %.0f | %.0f (%.0f to %.0f) | %s | %.2f | %.1f / %.1f | %.0f | %d / %d |\n", endpoints, subject, runs[0].Messages,
			m(func(x rateRun) float64 { return x.Accepted }), m(func(x rateRun) float64 { return x.Delivered }), low, high, share(runs, relay),
			m(func(x rateRun) float64 { return x.CPUPer10k }),
			m(func(x rateRun) float64 { return x.AckP50 }), m(func(x rateRun) float64 { return x.AckP99 }),
			m(func(x rateRun) float64 { return x.PeakMiB }), lost, dups)
	}
}

func (r *report) ratesOf(subject string, endpoints int, inbound bool) []rateRun {
	var runs []rateRun
	for _, run := range r.Rates {
		if run.Endpoints == endpoints && run.Subject == subject && run.Inbound == inbound {
			runs = append(runs, run)
		}
	}
	return runs
}

// share is the median of what each round reached of the ceiling in the same round:
// the two ran within seconds of each other, so that what else the machine did then
// weighs on both.
func share(runs, relay []rateRun) string {
	if len(relay) != len(runs) {
		return "-"
	}
	ratios := make([]float64, len(runs))
	for i := range runs {
		ratios[i] = runs[i].Delivered / relay[i].Delivered
	}
	return fmt.Sprintf("%.0f %%", 100*median(ratios, func(x float64) float64 { return x }))
}

// inboundTables are about receiving: webhooks as GitHub signs them, verified and forwarded
// to one endpoint.
func (r *report) inboundTables(b *strings.Builder) {
	if len(r.ratesOf("hookloft", 1, true)) == 0 {
		return
	}
	b.WriteString("\n## Receiving: webhooks signed with HMAC-SHA256, verified, stored and forwarded to one service\n\n")
	b.WriteString(rateHead)
	r.rateRows(b, 1, true)
	fmt.Fprintf(b, "\nAt %d webhooks/s, for %d s:\n\n", r.Sizes.Rate, r.Sizes.Seconds)
	b.WriteString(latencyHead)
	r.latencyRows(b, true)
}

const (
	rateHead = "| endpoints | program | messages | accepted/s | deliveries/s (of all rounds) | of the ceiling | CPU s per 10k messages | ack p50 / p99 ms | peak MiB | lost / duplicates |\n" +
		"|---|---|---|---|---|---|---|---|---|---|\n"
	latencyHead = "| program | ack p50 / p99 ms | receipt p50 / p99 / max ms | CPU s per 10k | generator late p99 ms | lost / duplicates |\n|---|---|---|---|---|---|\n"
)

func (r *report) latencyTable(b *strings.Builder) {
	if len(r.Latencies) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## At %d messages/s, for %d s\n\n", r.Sizes.Rate, r.Sizes.Seconds)
	b.WriteString(latencyHead)
	r.latencyRows(b, false)
}

func (r *report) latencyRows(b *strings.Builder, inbound bool) {
	for _, subject := range []string{"relay", "hookloft"} {
		var runs []latencyRun
		var lost, dups int64
		for _, run := range r.Latencies {
			if run.Subject == subject && run.Inbound == inbound {
				runs = append(runs, run)
				lost += run.Lost
				dups += run.Dups
			}
		}
		if len(runs) == 0 {
			continue
		}
		m := func(of func(latencyRun) float64) float64 { return median(runs, of) }
		fmt.Fprintf(b, "| %s | %.2f / %.2f | %.2f / %.2f / %.1f | %.2f | %.2f | %d / %d |\n", subject,
			m(func(x latencyRun) float64 { return x.AckP50 }), m(func(x latencyRun) float64 { return x.AckP99 }),
			m(func(x latencyRun) float64 { return x.E2EP50 }), m(func(x latencyRun) float64 { return x.E2EP99 }),
			m(func(x latencyRun) float64 { return x.E2EMax }), m(func(x latencyRun) float64 { return x.CPUPer10k }),
			m(func(x latencyRun) float64 { return x.LateP99 }), lost, dups)
	}
}

func (r *report) restTable(b *strings.Builder) {
	if len(r.Slow)+len(r.Idle)+len(r.Pending) == 0 {
		return
	}
	b.WriteString("\n## Other figures\n\n| what | figure |\n|---|---|\n")
	if len(r.Slow) > 0 {
		fmt.Fprintf(b, "| one endpoint that answers in 100 ms, %d messages | %.0f deliveries/s, %.0f/s in the second half |\n", r.Slow[0].Messages,
			median(r.Slow, func(x slowRun) float64 { return x.Delivered }), median(r.Slow, func(x slowRun) float64 { return x.Later }))
	}
	if len(r.Idle) > 0 {
		fmt.Fprintf(b, "| idle | %.1f MiB RSS, %.2f %% of a core, ready %.0f ms after start |\n", median(r.Idle, func(x idleRun) float64 { return x.RSSMiB }),
			median(r.Idle, func(x idleRun) float64 { return x.CPUPercent }), median(r.Idle, func(x idleRun) float64 { return x.ReadyMs }))
	}
	for _, p := range r.Pending {
		fmt.Fprintf(b, "| %d deliveries waiting (messages of 128 bytes to 10 endpoints that are down) | %.0f messages/s accepted meanwhile, %.0f MiB RSS after (peak %.0f), %.0f MiB on disk |\n",
			p.Deliveries, p.Accepted, p.AfterMiB, p.PeakMiB, p.DiskMiB)
		fmt.Fprintf(b, "| kill -9 and restart with them | ready in %.0f ms, 5 s later %.0f MiB RSS (peak %.0f) |\n", p.ReadyMs, p.RestartMiB, p.RestartPeak)
		fmt.Fprintf(b, "| then the endpoints come up | %d of them arrive, %.0f/s, peak %.0f MiB, duplicates %d |\n",
			p.Drained, p.DrainRate, p.DrainedMiB, p.DrainDups)
	}
}
