package hook

import (
	"testing"
	"time"
)

func TestPositionsRiseWithKeysAndFitInJSON(t *testing.T) {
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	clock := NewKeyClock(3, 0, func() time.Time { return at })
	last := Position(0)
	for i := range 5000 { // more than a millisecond holds
		p := PositionOf(clock.Next())
		if p <= last {
			t.Fatalf("position %d after %d at the %dth key", p, last, i)
		}
		last = p
	}
	if got := PositionOf(KeyAt(at)).Time(); !got.Equal(at) {
		t.Errorf("time %v, want %v", got, at)
	}
	if p := PositionAt(at); p != PositionOf(KeyAt(at)) || PositionAt(at.Add(time.Millisecond)) <= p {
		t.Errorf("position at a time: %d", p)
	}
	for _, c := range []struct {
		at   time.Time
		want Position
	}{
		{time.Time{}, 0},
		{time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), Position(maxMillis) << sequenceBits},
	} {
		if p := PositionAt(c.at); p != c.want || p > MaxPosition {
			t.Errorf("position at %v: %d, want %d", c.at, p, c.want)
		}
	}
	if p := PositionOf(MaxKey); p > MaxPosition {
		t.Errorf("the last key's position %d does not fit in a JSON number", p)
	}
}

func TestConsumerLeasesAndCommits(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	c := &Consumer{Position: 10}
	if err := c.Commit(11); KindOf(err) != Invalid || err == nil {
		t.Errorf("commit of what was never handed out: %v", err)
	}
	c.Lease(20, now.Add(time.Minute))
	if !c.IsLeased(now) || c.IsLeased(now.Add(time.Minute)) || c.Position != 10 {
		t.Errorf("under the lease: %+v", c)
	}
	if err := c.Commit(15); err != nil || !c.IsLeased(now) || c.Position != 15 {
		t.Errorf("commit of a part: %v, %+v", err, c)
	}
	if err := c.Commit(12); err != nil || c.Position != 15 {
		t.Errorf("late commit of an older offset: %v, %+v", err, c)
	}
	// A commit that comes after the lease counts all the same: the work was done.
	if err := c.Commit(20); err != nil || c.Position != 20 || !c.LeaseUntil.IsZero() || c.IsLeased(now) {
		t.Errorf("commit of the rest: %v, %+v", err, c)
	}
	c.Seek(5)
	if err := c.Commit(20); err == nil {
		t.Error("what was handed out before the seek can be committed")
	}
	if c.Position != 5 || c.IsLeased(now) {
		t.Errorf("after the seek: %+v", c)
	}
}
