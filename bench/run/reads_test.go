//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/bench/measure"
)

func TestPercentileIsByNearestRank(t *testing.T) {
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(i+1)*time.Millisecond)
	}
	for _, c := range []struct {
		of   []time.Duration
		p    int
		want float64
	}{{all, 95, 95}, {all, 50, 50}, {all, 100, 100}, {all[:20], 95, 19}, {all[:1], 95, 1}, {nil, 95, 0}} {
		if got := percentile(c.of, c.p); got != c.want {
			t.Errorf("p%d of %d = %v, want %v", c.p, len(c.of), got, c.want)
		}
	}
}

func TestReadsAreShownWorstFirstWithAVerdict(t *testing.T) {
	questions := []question{{name: "quick", where: "here"}, {name: "slow", where: "there"}}
	took := [][]time.Duration{{time.Millisecond}, {300 * time.Millisecond, 100 * time.Millisecond}}
	list := sumUpReads(questions, took, []int{1024, 2048})
	if list[0].Name != "slow" || list[0].P95 != 300 || list[0].P50 != 100 || list[0].Count != 2 || list[1].P95 != 1 {
		t.Fatalf("%+v", list)
	}
	for worst, want := range map[float64]string{300: "300.0 ms: **not** below 200 ms", 199.9: "199.9 ms: below 200 ms"} {
		r := report{Reads: []readsRun{{Deliveries: 1000, Reads: list, WorstP95: worst}}}
		text := r.markdown()
		for _, want := range []string{"| slow | there | 100.0 | 300.0 | 300.0 | 2 |\n| quick | here |", want} {
			if !strings.Contains(text, want) {
				t.Errorf("the report lacks %q:\n%s", want, text)
			}
		}
	}
	if text := (&report{}).markdown(); strings.Contains(text, "Reading") {
		t.Error("the report has a table of what was not measured")
	}
}

func TestFilledMessagesAreJSONThatTheReceiverReads(t *testing.T) {
	for seq := range int64(500) {
		var b bytes.Buffer
		writeMessage(&b, int(seq%7), 100_000+seq)
		var m struct {
			EventType string
			Payload   json.RawMessage
		}
		if err := json.Unmarshal(b.Bytes(), &m); err != nil {
			t.Fatalf("%v: %s", err, &b)
		}
		if got, _, ok := measure.Parse(m.Payload); !ok || got != 100_000+seq || m.EventType == "" {
			t.Fatalf("message %d is read as %d, %v: %s", seq, got, ok, &b)
		}
	}
}

func TestSharesRiseToOne(t *testing.T) {
	f := &filler{shares: shares(50)}
	random := rand.New(rand.NewPCG(1, 1))
	var n [50]int
	for range 20_000 {
		n[f.pick(random.Float64())]++
	}
	// The second has half of what the first has; a fifth of leeway.
	if half := float64(n[1]) / float64(n[0]); half < 0.4 || half > 0.6 || n[49] == 0 || f.pick(0) != 0 || f.pick(0.9999999) != 49 {
		t.Errorf("drawn %v", n)
	}
}
