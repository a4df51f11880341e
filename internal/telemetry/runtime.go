package telemetry

import (
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

// Runtime is what the Go runtime says about this process.
type Runtime struct {
	Goroutines int
	Processors int
	// HeapBytes are in live and not yet swept objects, MemoryBytes all that was taken from the
	// system, MemoryLimitBytes what it may be, 0 for no limit.
	HeapBytes, MemoryBytes, MemoryLimitBytes uint64
	// Collections counts garbage collections since the start.
	Collections uint64
	// PauseP99 is how long 99 of 100 pauses for the collector took at most since the start. Zero
	// before the first.
	PauseP99 time.Duration
}

const (
	goroutinesMetric  = "/sched/goroutines:goroutines"
	heapMetric        = "/memory/classes/heap/objects:bytes"
	memoryMetric      = "/memory/classes/total:bytes"
	limitMetric       = "/gc/gomemlimit:bytes"
	collectionsMetric = "/gc/cycles/total:gc-cycles"
	pausesMetric      = "/sched/pauses/total/gc:seconds"
)

// ReadRuntime asks the Go runtime. It stops nothing.
func ReadRuntime() Runtime {
	samples := []metrics.Sample{
		{Name: goroutinesMetric}, {Name: heapMetric}, {Name: memoryMetric}, {Name: limitMetric}, {Name: collectionsMetric}, {Name: pausesMetric},
	}
	metrics.Read(samples)
	number := func(i int) uint64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0 // a name that this version of Go does not have
		}
		return samples[i].Value.Uint64()
	}
	r := Runtime{
		Goroutines: int(number(0)), Processors: runtime.GOMAXPROCS(0),
		HeapBytes: number(1), MemoryBytes: number(2), MemoryLimitBytes: number(3), Collections: number(4),
	}
	if r.MemoryLimitBytes == math.MaxInt64 { // how the runtime spells none
		r.MemoryLimitBytes = 0
	}
	if samples[5].Value.Kind() == metrics.KindFloat64Histogram {
		r.PauseP99 = quantile(samples[5].Value.Float64Histogram(), 0.99)
	}
	return r
}

// quantile returns the upper bound of the bucket in which the share q of all lies; zero where
// nothing was counted.
func quantile(h *metrics.Float64Histogram, q float64) time.Duration {
	total := uint64(0)
	for _, n := range h.Counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	want, seen := uint64(math.Ceil(float64(total)*q)), uint64(0)
	for i, n := range h.Counts {
		if seen += n; seen < want {
			continue
		}
		bound := h.Buckets[i+1]
		if math.IsInf(bound, 1) {
			bound = h.Buckets[i]
		}
		return time.Duration(bound * float64(time.Second))
	}
	return 0
}
