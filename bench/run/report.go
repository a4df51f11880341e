//go:build linux

package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// report is everything that was measured in one run.
type report struct {
	Machine   string       `json:"machine"`
	Sizes     sizes        `json:"sizes"`
	Rates     []rateRun    `json:"rates,omitempty"`
	Latencies []latencyRun `json:"latencies,omitempty"`
	Slow      []slowRun    `json:"slow,omitempty"`
	Idle      []idleRun    `json:"idle,omitempty"`
	Pending   []pendingRun `json:"pending,omitempty"`
}

// markdown is the tables, medians of the rounds.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s with %s on %s.\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.Version(), r.Machine)
	fmt.Fprintf(&b, "%d publishers, payload 1 KiB, medians of %d rounds, relay and hookloft in turns.\n", r.Sizes.Publishers, r.Sizes.Rounds)
	r.rateTable(&b)
	r.latencyTable(&b)
	r.restTable(&b)
	return b.String()
}

func (r *report) rateTable(b *strings.Builder) {
	if len(r.Rates) == 0 {
		return
	}
	b.WriteString("\n| endpoints | program | messages | accepted/s | deliveries/s | of the ceiling | CPU s per 10k messages | ack p50 / p99 ms | peak MiB | lost / duplicates |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	for _, endpoints := range []int{1, 10} {
		var ceiling float64
		for _, subject := range []string{"relay", "hookloft"} {
			var runs []rateRun
			var lost, dups int64
			for _, run := range r.Rates {
				if run.Endpoints == endpoints && run.Subject == subject {
					runs = append(runs, run)
					lost += run.Lost
					dups += run.Duplicates
				}
			}
			if len(runs) == 0 {
				continue
			}
			delivered := median(runs, func(x rateRun) float64 { return x.Delivered })
			if subject == "relay" {
				ceiling = delivered
			}
			share := "-"
			if ceiling > 0 {
				share = fmt.Sprintf("%.0f %%", delivered/ceiling*100)
			}
			fmt.Fprintf(b, "| %d | %s | %d | %.0f | %.0f | %s | %.2f | %.1f / %.1f | %.0f | %d / %d |\n", endpoints, subject, runs[0].Messages,
				median(runs, func(x rateRun) float64 { return x.Accepted }), delivered, share,
				median(runs, func(x rateRun) float64 { return x.CPUPer10k }),
				median(runs, func(x rateRun) float64 { return x.AckP50 }), median(runs, func(x rateRun) float64 { return x.AckP99 }),
				median(runs, func(x rateRun) float64 { return x.PeakMiB }), lost, dups)
		}
	}
}

func (r *report) latencyTable(b *strings.Builder) {
	if len(r.Latencies) == 0 {
		return
	}
	fmt.Fprintf(b, "\nAt %d messages/s for %d s, from the time a message was due to be sent:\n\n", r.Sizes.Rate, r.Sizes.Seconds)
	b.WriteString("| program | ack p50 / p99 ms | receipt p50 / p99 / max ms | CPU s per 10k | generator late p99 ms | lost / duplicates |\n|---|---|---|---|---|---|\n")
	for _, subject := range []string{"relay", "hookloft"} {
		var runs []latencyRun
		var lost, dups int64
		for _, run := range r.Latencies {
			if run.Subject == subject {
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
	b.WriteString("\n| what | figure |\n|---|---|\n")
	if len(r.Slow) > 0 {
		fmt.Fprintf(b, "| one endpoint that answers in 100 ms, %d messages | %.0f deliveries/s, %.0f/s in the second half |\n", r.Slow[0].Messages,
			median(r.Slow, func(x slowRun) float64 { return x.Delivered }), median(r.Slow, func(x slowRun) float64 { return x.Later }))
	}
	if len(r.Idle) > 0 {
		fmt.Fprintf(b, "| idle | %.1f MiB RSS, %.2f %% of a core, ready %.0f ms after start |\n", median(r.Idle, func(x idleRun) float64 { return x.RSSMiB }),
			median(r.Idle, func(x idleRun) float64 { return x.CPUPercent }), median(r.Idle, func(x idleRun) float64 { return x.ReadyMs }))
	}
	for _, p := range r.Pending {
		fmt.Fprintf(b, "| %d deliveries waiting, endpoints down | %.0f messages/s accepted meanwhile, %.0f MiB RSS after (peak %.0f), %.0f MiB on disk |\n",
			p.Deliveries, p.Accepted, p.AfterMiB, p.PeakMiB, p.DiskMiB)
		fmt.Fprintf(b, "| kill -9 and restart with them | ready in %.0f ms, 5 s later %.0f MiB RSS (peak %.0f) |\n", p.ReadyMs, p.RestartMiB, p.RestartPeak)
	}
}
