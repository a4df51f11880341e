package hook

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestOrderNamesTheBrokenField(t *testing.T) {
	for _, c := range []struct {
		field string
		order Order
	}{
		{"", Order{}},
		{"", Order{Key: "order.id", SkipAfter: 3, BatchSize: 1000, MaxWait: MaxBatchWait, Lines: true}},
		{"", Order{Key: ChannelKey}},
		{"key", Order{Key: "."}},
		{"key", Order{Key: "a..b"}},
		{"key", Order{Key: "a\x00b"}},
		{"key", Order{Key: strings.Repeat("a", MaxOrderKey+1)}},
		{"key", Order{Key: strings.Repeat("a.", MaxOrderKeySteps) + "a"}},
		{"skipAfter", Order{SkipAfter: -1}},
		{"skipAfter", Order{SkipAfter: MaxSkipAfter + 1}},
		{"batchSize", Order{BatchSize: -1}},
		{"batchSize", Order{BatchSize: MaxBatchSize + 1}},
		{"maxWaitSecs", Order{BatchSize: 2, MaxWait: -1}},
		{"maxWaitSecs", Order{BatchSize: 2, MaxWait: MaxBatchWait + 1}},
		{"maxWaitSecs", Order{MaxWait: time.Second}},
		{"lines", Order{Lines: true}},
	} {
		err := c.order.Validate()
		var field *FieldError
		switch {
		case c.field == "":
			if err != nil {
				t.Errorf("%+v: %v", c.order, err)
			}
		case !errors.As(err, &field) || field.Path[0] != c.field:
			t.Errorf("%+v: %v, want one about %s", c.order, err, c.field)
		}
	}
}

// TestLinesStayTheSame: they are stored, so another version must find the same.
func TestLinesStayTheSame(t *testing.T) {
	for key, want := range map[string]Line{"": 0xcbf29ce484222325 >> 1, "a": 0xaf63dc4c8601ec8c >> 1} /* the published vectors of FNV-1a */ {
		if got := LineOfKey(key); got != want || got <= 0 {
			t.Errorf("%q is in line %#x, want %#x", key, got, want)
		}
	}
}

func TestFailureKeepsThePlaceInLine(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	d := Delivery{Message: 5, Line: 7, DueAt: now.Add(-time.Hour), BatchEnd: PlaceInLine{1, 2}}
	next := d.After(&Attempt{Outcome: Failed, Reason: ReasonServer}, []time.Duration{time.Minute}, now, 0.5)
	if next.State != Pending || next.Place() != d.Place() || !next.NotBefore.Equal(now.Add(time.Minute)) || !next.NextAt().Equal(next.NotBefore) || next.BatchEnd != d.BatchEnd {
		t.Errorf("after a failure: %+v", next)
	}
	if late := next.Until(now.Add(30 * time.Second)); late.State != Exhausted || late.Reason != ReasonExpired {
		t.Errorf("past its deadline: %+v", late)
	}
	for _, end := range []Delivery{next.After(&Attempt{Outcome: Success}, nil, now, 0), next.End(Cancelled, ReasonCanceled)} {
		if !end.NotBefore.IsZero() || end.BatchEnd != (PlaceInLine{}) || end.Line != 7 {
			t.Errorf("in the end: %+v", end)
		}
	}
}
