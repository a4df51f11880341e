package telemetry

import (
	"math"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func TestReadRuntime(t *testing.T) {
	before := ReadRuntime()
	runtime.GC()
	r := ReadRuntime()
	if r.Goroutines < 2 || r.Processors < 1 || r.HeapBytes == 0 || r.MemoryBytes <= r.HeapBytes {
		t.Errorf("%+v", r)
	}
	if r.Collections <= before.Collections || r.PauseP99 <= 0 || r.PauseP99 > time.Minute {
		t.Errorf("after a collection: %+v, before: %+v", r, before)
	}
}

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		why    string
		counts []uint64
		bounds []float64
		want   time.Duration
	}{
		{"nothing was counted", []uint64{0, 0}, []float64{0, 1, inf}, 0},
		{"all in one", []uint64{5, 0}, []float64{0, 1, inf}, time.Second},
		{"one of a hundred is beyond", []uint64{99, 1}, []float64{0, 1, 2}, time.Second},
		{"two of a hundred are beyond", []uint64{98, 2}, []float64{0, 1, 2}, 2 * time.Second},
		{"the last bucket has no end", []uint64{0, 1}, []float64{0, 3, inf}, 3 * time.Second},
	} {
		if got := quantile(&metrics.Float64Histogram{Counts: c.counts, Buckets: c.bounds}, 0.99); got != c.want {
			t.Errorf("%s: %v, want %v", c.why, got, c.want)
		}
	}
}
