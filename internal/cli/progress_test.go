package cli

import (
	"strings"
	"testing"
	"time"
)

// TestProgressIsRare: nothing in the first half second, then a line every ten seconds
// where there is no terminal, and ten bars a second where there is one.
func TestProgressIsRare(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		seconds  float64
		want     int // lines or bars
	}{
		{"short work", false, 0.4, 0},
		{"short work on a terminal", true, 0.4, 0},
		{"work without a terminal", false, 35, 3},
		{"work on a terminal", true, 3.5, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(1_800_000_000, 0)
			var out strings.Builder
			g := newProgress(&out, c.terminal, "replay", 0, func() time.Time { return now })
			const steps = 1000
			for n := range steps {
				now = now.Add(time.Duration(c.seconds / steps * float64(time.Second)))
				g.update(int64(n+1), steps*2, 0)
			}
			text := out.String()
			got := strings.Count(text, "replay")
			if got < c.want || got > c.want+2 {
				t.Errorf("%d lines, want about %d", got, c.want)
			}
			if c.want > 0 && (!strings.Contains(text, "/2,000") || !strings.Contains(text, "ETA ") || !strings.Contains(text, "/s")) {
				t.Errorf("%q", text)
			}
			if strings.Contains(text, "\x1b") != (c.terminal && c.want > 0) {
				t.Errorf("escapes: %q", text)
			}
			before := out.Len()
			g.end()
			g.end()
			g.update(1, 2, 0)
			if after := out.String()[before:]; c.terminal && c.want > 0 && after != "\r\x1b[K" || (!c.terminal || c.want == 0) && after != "" {
				t.Errorf("the end wrote %q", after)
			}
		})
	}
}

func TestProgressCountsFromWhereItBegan(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var out strings.Builder
	g := newProgress(&out, true, "replay", 900, func() time.Time { return now })
	now = now.Add(10 * time.Second)
	g.update(950, 1000, 3)
	for _, want := range []string{"950/1,000", " 95%", "5.0/s", "ETA 10s", "3 failed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q lacks %q", out.String(), want)
		}
	}
}
