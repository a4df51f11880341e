package hook

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestKeyHoldsItsTime(t *testing.T) {
	at := time.Date(2026, 11, 20, 23, 59, 59, 999_999_999, time.FixedZone("", 7200))
	k := KeyAt(at)
	if want := at.UTC().Truncate(time.Millisecond); !k.Time().Equal(want) || k.Time().Location() != time.UTC {
		t.Errorf("time of the key is %v, want %v", k.Time(), want)
	}
	if k.low() != 0 {
		t.Errorf("%d is not the smallest key of its millisecond", k)
	}
	if KeyAt(time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)) != 0 {
		t.Error("a time before 1970 has a key other than 0")
	}
	last := KeyAt(time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC))
	if last <= 0 || last >= MaxKey || last.Time().Year() != 2109 {
		t.Errorf("the last key is %d, at %v", last, last.Time())
	}
}

// A clock is asked at times that go forward, back and stand still.
func TestKeyClockRisesStrictly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(1_800_000_000_000)
		node := rapid.IntRange(0, MaxNode).Draw(t, "node")
		start := KeyAt(now.Add(time.Duration(rapid.IntRange(-5000, 5000).Draw(t, "start")) * time.Millisecond))
		last := start | Key(rapid.IntRange(0, 1<<milliShift-1).Draw(t, "low")) // any node's, any sequence
		clock := NewKeyClock(node, last, func() time.Time { return now })
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-50, 50).Draw(t, "step")) * time.Millisecond)
			for range rapid.IntRange(1, 100).Draw(t, "keys") {
				k := clock.Next()
				if k <= last {
					t.Fatalf("key %d is not above %d", k, last)
				}
				if got := int(k>>sequenceBits) & MaxNode; got != node {
					t.Fatalf("key %d is of node %d, not %d", k, got, node)
				}
				last = k
			}
		}
	})
}

func TestKeyClockRunsAheadByTheLeast(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	clock := NewKeyClock(3, 0, func() time.Time { return now })
	const perMilli = 1 << sequenceBits
	for i := range 3*perMilli + 1 {
		k := clock.Next()
		if want := now.UnixMilli() + int64(i/perMilli); k.Millis() != want {
			t.Fatalf("key %d is of millisecond %d, want %d", i, k.Millis(), want)
		}
	}
	now = now.Add(time.Second)
	if k := clock.Next(); k != KeyAt(now)|3<<sequenceBits {
		t.Errorf("once the wall clock is ahead again, the key is %d", k)
	}
}

func TestKeyClockServesManyAtOnce(t *testing.T) {
	clock := NewKeyClock(0, 0, time.Now)
	const callers, each = 4, 5000
	keys := make([][]Key, callers)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			for range each {
				keys[i] = append(keys[i], clock.Next())
			}
		})
	}
	wg.Wait()
	seen := map[Key]bool{}
	for _, list := range keys {
		for i, k := range list {
			if seen[k] || i > 0 && k <= list[i-1] {
				t.Fatalf("key %d came twice or out of order", k)
			}
			seen[k] = true
		}
	}
}
