package sqlite

import (
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// TestCountingWhatIsDueEndsInTime counts more rows than lie between two looks at the clock.
func TestCountingWhatIsDueEndsInTime(t *testing.T) {
	c := newClockStore(t, Options{})
	const rows = 2*dueStep + 10
	list := make([]hook.Delivery, rows)
	for i := range list {
		list[i] = hook.Delivery{Application: c.app.ID, Endpoint: 7, Message: hook.MessageID(c.NewKey()), DueAt: time.Now().Add(time.Hour)}
	}
	if err := c.Spill(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	for within, want := range map[time.Duration]int64{0: rows, time.Hour: rows, time.Nanosecond: dueStep - 1} {
		counts, isMore, err := c.CountDue(t.Context(), []time.Time{time.Now()}, 10*rows, within)
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		for _, c := range counts {
			n += c.Count
		}
		if n != want || isMore != (want < rows) {
			t.Errorf("within %v: %d counted, more %v, want %d", within, n, isMore, want)
		}
	}
}
