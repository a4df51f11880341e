//go:build linux

package main

import (
	"fmt"
	"strings"
)

// featureTables are about endpoints that have more to do than to send what came.
func (r *report) featureTables(b *strings.Builder) {
	for _, of := range []struct{ scenario, title string }{
		{"transform", "With a transformation on every message: a text made of the payload, in a header"},
		{"filter", "With a filter that judges every message"},
		{"fifo", "In order"},
	} {
		r.featureTable(b, of.scenario, of.title)
	}
	if len(r.Hostile) > 0 {
		m := func(of func(hostileRun) float64) float64 { return median(r.Hostile, of) }
		fmt.Fprintf(b, "\n## Beside scripts that never end, take all memory, or write 15 MB: %d/s in all\n\n", hostileRate)
		b.WriteString("| messages/s of an endpoint without a script | receipt p50 / p99 ms alone | beside them | ratio of p99 | MiB before / peak / after |\n|---|---|---|---|---|\n")
		fmt.Fprintf(b, "| %d | %.2f / %.2f | %.2f / %.2f | %.2f | %.0f / %.0f / %.0f |\n", r.Hostile[0].Rate,
			m(func(x hostileRun) float64 { return x.AloneP50 }), m(func(x hostileRun) float64 { return x.AloneP99 }),
			m(func(x hostileRun) float64 { return x.BesideP50 }), m(func(x hostileRun) float64 { return x.BesideP99 }),
			m(func(x hostileRun) float64 { return x.BesideP99 / x.AloneP99 }),
			m(func(x hostileRun) float64 { return x.BeforeMiB }), m(func(x hostileRun) float64 { return x.PeakMiB }), m(func(x hostileRun) float64 { return x.AfterMiB }))
	}
	if len(r.Held) > 0 {
		m := func(of func(holdRun) float64) float64 { return median(r.Held, of) }
		b.WriteString("\n## A paused endpoint goes on\n\n| waiting | accepted/s while it is paused | first receipt after the resume, ms | deliveries/s then | peak MiB |\n|---|---|---|---|---|\n")
		fmt.Fprintf(b, "| %d | %.0f | %.1f | %.0f | %.0f |\n", r.Held[0].Waiting, m(func(x holdRun) float64 { return x.Accepted }),
			m(func(x holdRun) float64 { return x.PauseMs }), m(func(x holdRun) float64 { return x.Drained }), m(func(x holdRun) float64 { return x.PeakMiB }))
	}
}

// featureTable compares each feature with the runs without one that have as many endpoints:
// deliveries/s as the median of the rounds' own ratios.
func (r *report) featureTable(b *strings.Builder, scenario, title string) {
	type row struct {
		name      string
		endpoints int
	}
	var rows []row
	runs := map[row][]rateRun{}
	for _, f := range r.Features {
		if f.Scenario != scenario {
			continue
		}
		k := row{f.Feature, f.Run.Endpoints}
		if runs[k] == nil {
			rows = append(rows, k)
		}
		runs[k] = append(runs[k], f.Run)
	}
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\nCPU is without the children that run scripts.\n\n", title)
	b.WriteString("| endpoints | each has | messages | accepted/s | deliveries/s | of plain | CPU s per 10k messages | peak MiB | lost / duplicates |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, k := range rows {
		list := runs[k]
		var lost, dups int64
		for _, x := range list {
			lost, dups = lost+x.Lost, dups+x.Duplicates
		}
		m := func(of func(rateRun) float64) float64 { return median(list, of) }
		fmt.Fprintf(b, "| %d | %s | %d | %.0f | %.0f | %s | %.2f | %.0f | %d / %d |\n", k.endpoints, k.name, list[0].Messages,
			m(func(x rateRun) float64 { return x.Accepted }), m(func(x rateRun) float64 { return x.Delivered }), share(list, runs[row{"plain", k.endpoints}]),
			m(func(x rateRun) float64 { return x.CPUPer10k }), m(func(x rateRun) float64 { return x.PeakMiB }), lost, dups)
	}
}
