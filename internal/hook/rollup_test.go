package hook

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestPercentileIsWithinItsBucket(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, top := range []time.Duration{3 * time.Millisecond, 90 * time.Millisecond, 2 * time.Second, 40 * time.Second} {
		var c RollupCounts
		var all []time.Duration
		for range 1000 {
			took := time.Duration(rnd.Int64N(int64(top)))
			all = append(all, took)
			c.Count(&EndedAttempt{Outcome: Success, Status: 200, Took: took})
		}
		slices.Sort(all)
		for _, share := range []float64{0.5, 0.95, 0.99, 1} {
			want := all[int(share*1000)-1]
			got := c.Percentile(share)
			if a, b := latencyBucket(got), latencyBucket(want); a-b > 1 || b-a > 1 || a != b && got != latencyBounds[min(a, b)] {
				t.Errorf("up to %v: p%v is %v, truly %v", top, share*100, got, want)
			}
			if want > time.Millisecond && (float64(got) > 2.05*float64(want) || 2.05*float64(got) < float64(want)) {
				t.Errorf("up to %v: p%v is %v, truly %v: off by more than a bucket", top, share*100, got, want)
			}
		}
		if got := c.Percentile(1); got != all[999] {
			t.Errorf("the slowest is %v, truly %v", got, all[999])
		}
	}
	if got := (&RollupCounts{}).Percentile(0.5); got != 0 {
		t.Errorf("percentile of nothing: %v", got)
	}
}

func TestLatencyBoundsRise(t *testing.T) {
	bounds := LatencyBounds()
	for i := range bounds {
		if i > 0 && (bounds[i] <= bounds[i-1] || bounds[i] > 2*bounds[i-1]) {
			t.Errorf("bound %d is %v after %v", i, bounds[i], bounds[i-1])
		}
		if latencyBucket(bounds[i]-1) != i || latencyBucket(bounds[i]) != i+1 {
			t.Errorf("bound %d: %d, %d", i, latencyBucket(bounds[i]-1), latencyBucket(bounds[i]))
		}
	}
}

func TestCountAndAdd(t *testing.T) {
	var a, b RollupCounts
	a.Count(&EndedAttempt{Outcome: Success, Status: 204, Took: 5 * time.Millisecond})
	a.Count(&EndedAttempt{Outcome: Failed, Reason: ReasonServer, Status: 500, Took: 7 * time.Millisecond, HasNext: true})
	a.Count(&EndedAttempt{Outcome: Failed, Reason: ReasonConnectRefused, Took: time.Microsecond, HasNext: true})
	b.Count(&EndedAttempt{Outcome: Failed, Reason: ReasonTimeoutHeaders, Took: 15 * time.Second})
	b.Count(&EndedAttempt{Outcome: Gone, Reason: ReasonGone, Status: 410, Took: 9 * time.Millisecond})
	before := b.Clone()
	a.Add(&b)
	if !reflect.DeepEqual(b, before) {
		t.Errorf("adding changed what was added: %+v", b)
	}
	want := []ReasonCount{{ReasonConnectRefused, 1}, {ReasonTimeoutHeaders, 1}, {ReasonGone, 1}, {ReasonServer, 1}}
	if a.Success != 1 || a.Failed != 4 || a.Final != 2 || !slices.Equal(a.Reasons, want) {
		t.Errorf("sum: %+v", a)
	}
	// Without an answer and without a time-out there is nothing to be timed.
	if a.Timed() != 4 || a.Slowest != 15*time.Second || a.Took != 15*time.Second+21*time.Millisecond {
		t.Errorf("timed %d, slowest %v, took %v", a.Timed(), a.Slowest, a.Took)
	}
}

func TestGaps(t *testing.T) {
	for _, c := range []struct {
		name   string
		spans  []KeySpan
		within KeySpan
		want   []KeySpan
	}{
		{"nothing counted", nil, KeySpan{5, 9}, []KeySpan{{5, 9}}},
		{"all counted", []KeySpan{{0, 20}}, KeySpan{5, 9}, nil},
		{"exactly counted", []KeySpan{{5, 9}}, KeySpan{5, 9}, nil},
		{"holes", []KeySpan{{0, 3}, {4, 6}, {7, 8}}, KeySpan{1, 10}, []KeySpan{{3, 4}, {6, 7}, {8, 10}}},
		{"counted beyond", []KeySpan{{12, 14}}, KeySpan{1, 10}, []KeySpan{{1, 10}}},
		{"empty", nil, KeySpan{9, 9}, nil},
	} {
		if got := Gaps(c.spans, c.within); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
