package hook

import (
	"math"
	"slices"
	"time"
)

// Rollups are sums of ended attempts, so that charts never read single attempts. An
// attempt belongs to the minute in which its id was drawn, which is when it began: the
// stored row says the same, so that sums lost in a crash can be made again exactly.

// RollupPeriod is the span of time that one sum covers.
type RollupPeriod time.Duration

// The periods that are kept.
const (
	RollupMinute = RollupPeriod(time.Minute)
	RollupHour   = RollupPeriod(time.Hour)
)

// KeepMinutes is how long sums by the minute are kept. Those by the hour are kept as long
// as the history of attempts.
const KeepMinutes = 7 * 24 * time.Hour

// RollupKey is what a sum is of. The sums of a whole environment have neither Application
// nor Endpoint.
type RollupKey struct {
	At          int64 // Unix milliseconds of the period's begin
	Environment EnvironmentID
	Application ApplicationID
	Endpoint    EndpointID
	// EventType is "" for the types beyond what a sum tells apart.
	EventType string
}

// IsOfEnvironment reports whether the sum counts for its whole environment. Operational
// webhooks do not: nobody can name their application to take them off again.
func (k *RollupKey) IsOfEnvironment() bool { return k.Application != k.Environment.Operational() }

// Rollup is one sum.
type Rollup struct {
	RollupKey
	RollupCounts
}

// EndedAttempt is what a sum takes from an attempt.
type EndedAttempt struct {
	ID          AttemptID
	Environment EnvironmentID
	Application ApplicationID
	Endpoint    EndpointID
	EventType   string
	Outcome     Outcome
	Reason      Reason
	Status      int // 0 without an answer
	Took        time.Duration
	// HasNext: the schedule has another attempt after this one.
	HasNext bool
}

// Key returns the key of the sum that e belongs to, for a period.
func (e *EndedAttempt) Key(p RollupPeriod) RollupKey {
	return RollupKey{
		At:          p.Begin(Key(e.ID).Millis()),
		Environment: e.Environment, Application: e.Application, Endpoint: e.Endpoint, EventType: e.EventType,
	}
}

// Begin returns the begin of the period that a time lies in, both in Unix milliseconds.
func (p RollupPeriod) Begin(millis int64) int64 {
	step := time.Duration(p).Milliseconds()
	return millis - millis%step
}

// RollupCounts are the numbers of a sum. The zero value is the sum of nothing.
type RollupCounts struct {
	Success int64
	Failed  int64 // all that were no success
	Final   int64 // those of Failed after which no attempt is scheduled
	// Reasons counts the failures by class, by rising class.
	Reasons []ReasonCount
	// Latency counts the attempts that got an answer or ran into their deadline, by how
	// long they took; see LatencyBounds.
	Latency [LatencyBuckets]int64
	// Took is the sum of the durations in Latency, Slowest the greatest of them.
	Took, Slowest time.Duration
}

// ReasonCount is how many failures had a reason.
type ReasonCount struct {
	Reason Reason
	Count  int64
}

// LatencyBuckets is how many buckets a histogram of durations has.
const LatencyBuckets = 24

// LatencyBounds are the upper bounds, exclusive, of all buckets but the last. Each is at
// most 1.67 times the one before it (the last: twice), so a percentile taken from the
// buckets is off by less than that factor, and mostly by a quarter.
func LatencyBounds() [LatencyBuckets - 1]time.Duration { return latencyBounds }

// latencyBounds is never written to.
var latencyBounds = [LatencyBuckets - 1]time.Duration{
	1 * time.Millisecond, 1500 * time.Microsecond, 2500 * time.Microsecond, 4 * time.Millisecond, 6500 * time.Microsecond,
	10 * time.Millisecond, 15 * time.Millisecond, 25 * time.Millisecond, 40 * time.Millisecond, 65 * time.Millisecond,
	100 * time.Millisecond, 150 * time.Millisecond, 250 * time.Millisecond, 400 * time.Millisecond, 650 * time.Millisecond,
	1 * time.Second, 1500 * time.Millisecond, 2500 * time.Millisecond, 4 * time.Second, 6500 * time.Millisecond,
	10 * time.Second, 15 * time.Second, 30 * time.Second,
}

func latencyBucket(took time.Duration) int {
	lo, hi := 0, len(latencyBounds)
	for lo < hi {
		if mid := (lo + hi) / 2; took < latencyBounds[mid] {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// Count adds one attempt.
func (c *RollupCounts) Count(e *EndedAttempt) {
	if e.Outcome == Dropped {
		return // nothing was sent, and nothing failed
	}
	if e.Outcome == Success {
		c.Success++
	} else {
		c.Failed++
		if !e.HasNext {
			c.Final++
		}
		c.countReason(e.Reason, 1)
	}
	if e.Status != 0 || e.Reason.IsTimeout() {
		c.Latency[latencyBucket(e.Took)]++
		c.Took += e.Took
		c.Slowest = max(c.Slowest, e.Took)
	}
}

func (c *RollupCounts) countReason(r Reason, n int64) {
	for i := range c.Reasons {
		if c.Reasons[i].Reason == r {
			c.Reasons[i].Count += n
			return
		}
	}
	at, _ := slices.BinarySearchFunc(c.Reasons, r, func(a ReasonCount, r Reason) int { return int(a.Reason) - int(r) })
	c.Reasons = slices.Insert(c.Reasons, at, ReasonCount{r, n})
}

// Add adds the attempts of another sum.
func (c *RollupCounts) Add(o *RollupCounts) {
	c.Success += o.Success
	c.Failed += o.Failed
	c.Final += o.Final
	for _, r := range o.Reasons {
		c.countReason(r.Reason, r.Count)
	}
	for i, n := range o.Latency {
		c.Latency[i] += n
	}
	c.Took += o.Took
	c.Slowest = max(c.Slowest, o.Slowest)
}

// Clone returns a copy that shares nothing with c.
func (c *RollupCounts) Clone() RollupCounts {
	out := *c
	out.Reasons = slices.Clone(c.Reasons)
	return out
}

// Timed returns how many attempts are in the histogram.
func (c *RollupCounts) Timed() (n int64) {
	for _, b := range c.Latency {
		n += b
	}
	return n
}

// Percentile returns the duration that a share (0 to 1) of the timed attempts did not
// exceed, as far as the buckets tell; 0 when none was timed.
func (c *RollupCounts) Percentile(share float64) time.Duration {
	total := c.Timed()
	if total == 0 {
		return 0
	}
	rank := max(1, int64(math.Ceil(share*float64(total))))
	for i, n := range c.Latency {
		if rank > n {
			rank -= n
			continue
		}
		// Durations lie evenly on a logarithmic scale, about. The slowest is known exactly.
		low, high := 500*time.Microsecond, c.Slowest
		if i > 0 {
			low = latencyBounds[i-1]
		}
		if i < len(latencyBounds) {
			high = min(latencyBounds[i], c.Slowest)
		}
		if high <= low {
			return high
		}
		part := float64(rank) / float64(n)
		return time.Duration(float64(low) * math.Pow(float64(high)/float64(low), part))
	}
	return c.Slowest
}

// KeySpan is a range of row keys: Low is in it, High is not.
type KeySpan struct{ Low, High Key }

// IsEmpty reports whether no key is in the span.
func (s KeySpan) IsEmpty() bool { return s.High <= s.Low }

// Gaps returns the parts of within that none of the spans covers, by rising key. The spans
// rise and do not overlap.
func Gaps(spans []KeySpan, within KeySpan) (gaps []KeySpan) {
	at := within.Low
	for _, s := range spans {
		if s.Low >= within.High {
			break
		}
		if gap := (KeySpan{at, s.Low}); !gap.IsEmpty() {
			gaps = append(gaps, gap)
		}
		at = max(at, s.High)
	}
	if gap := (KeySpan{at, within.High}); !gap.IsEmpty() {
		gaps = append(gaps, gap)
	}
	return gaps
}
