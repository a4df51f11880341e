//go:build linux

package main

import (
	"strings"
	"testing"
)

func TestReportShowsMediansAndTheShareOfTheCeiling(t *testing.T) {
	r := report{Commit: "abc", Command: "go run ./bench/run", Sizes: sizes{Rounds: 3, Publishers: 64}}
	for _, d := range []float64{10_000, 30_000, 20_000} {
		r.Rates = append(r.Rates, rateRun{Subject: "relay", Endpoints: 1, Delivered: d}, rateRun{Subject: "hookloft", Endpoints: 1, Delivered: d / 2, Lost: 1})
	}
	text := r.markdown()
	for _, want := range []string{"| 1 | relay | 0 | 0 | 20000 (10000 to 30000) | 100 % |", "| 1 | hookloft | 0 | 0 | 10000 (5000 to 15000) | 50 % |", "| 3 / 0 |", "`go run ./bench/run`"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "Other figures") || strings.Contains(text, "messages/s, for") {
		t.Error("the report has tables for what was not measured")
	}
}

func TestMedian(t *testing.T) {
	same := func(f float64) float64 { return f }
	for _, c := range []struct {
		runs []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 3}, 2.5}} {
		if got := median(c.runs, same); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.runs, got, c.want)
		}
	}
}

func TestReportComparesFeaturesWithPlainEndpoints(t *testing.T) {
	r := report{Sizes: sizes{Rounds: 2}}
	for _, d := range []float64{1000, 3000} {
		r.Features = append(r.Features,
			featureRun{"fifo", "plain", rateRun{Endpoints: 1, Delivered: d}}, featureRun{"fifo", "one line", rateRun{Endpoints: 1, Delivered: d / 4, Lost: 2}},
			featureRun{"filter", "plain", rateRun{Endpoints: 10, Delivered: d}})
	}
	text := r.markdown()
	for _, want := range []string{"| 1 | plain | 0 | 0 | 2000 | 100 % |", "| 1 | one line | 0 | 0 | 500 | 25 % | 0.00 | 0 | 4 / 0 |", "| 10 | plain |"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "transformation") || strings.Contains(text, "paused") {
		t.Error("the report has tables for what was not measured")
	}
}
