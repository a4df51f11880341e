package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	// progressDelay: what is done sooner needs no progress.
	progressDelay = 500 * time.Millisecond
	// progressTurn is how often a bar on a terminal is drawn anew, at most.
	progressTurn = 100 * time.Millisecond
	// progressLine is how often a line is printed where there is no terminal.
	progressLine = 10 * time.Second
)

// progress shows on standard error how far long work is: a bar on a terminal, else a
// line every ten seconds, and nothing in the first half second.
type progress struct {
	w        io.Writer
	terminal bool
	what     string
	now      func() time.Time

	mu           sync.Mutex
	began, shown time.Time
	drawn        bool // a bar stands on the terminal
	ended        bool
	before       int64 // what was done before the watching began
}

// progress begins to show work; done is how much of it is done already.
func (r *remote) progress(what string, done int64) *progress {
	w := r.Err
	if r.quiet {
		w = io.Discard
	}
	return newProgress(w, isTerminal(r.Err) && !r.quiet, what, done, time.Now)
}

func newProgress(w io.Writer, terminal bool, what string, done int64, now func() time.Time) *progress {
	began := now()
	return &progress{w: w, terminal: terminal, what: visible(what), now: now, began: began, shown: began, before: done}
}

// update says how far the work is; total is 0 while it is not known.
func (g *progress) update(done, total, failed int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	every := progressLine
	if g.terminal {
		every = progressTurn
	}
	first := !g.drawn && g.terminal
	if g.ended || now.Sub(g.began) < progressDelay || !first && now.Sub(g.shown) < every {
		return
	}
	g.shown = now
	text := g.line(done, total, failed, now)
	if !g.terminal {
		fmt.Fprintln(g.w, text)
		return
	}
	// \r and "erase to the end of the line": the bar stands on one line.
	fmt.Fprintf(g.w, "\r%s\x1b[K", text)
	g.drawn = true
}

// line is the progress in words: what, a bar, done/total, rate, time left, failures.
func (g *progress) line(done, total, failed int64, now time.Time) string {
	took := now.Sub(g.began).Seconds()
	rate := float64(done-g.before) / took
	parts := []string{g.what}
	if total > 0 {
		share := min(1, float64(done)/float64(total))
		if g.terminal {
			const width = 24
			full := int(share * width)
			parts = append(parts, "["+strings.Repeat("#", full)+strings.Repeat(".", width-full)+"]")
		}
		parts = append(parts, fmt.Sprintf("%s/%s %3.0f%%", thousands(done), thousands(total), 100*share))
	} else if done > 0 {
		parts = append(parts, thousands(done))
	}
	if rate > 0 {
		parts = append(parts, fmt.Sprintf("%.1f/s", rate))
		if left := total - done; left > 0 {
			parts = append(parts, "ETA "+(time.Duration(float64(left)/rate*float64(time.Second))).Round(time.Second).String())
		}
	}
	if failed > 0 {
		parts = append(parts, thousands(failed)+" failed")
	}
	return strings.Join(parts, "  ")
}

// end takes the bar away. It may be called more than once.
func (g *progress) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.drawn && !g.ended {
		fmt.Fprint(g.w, "\r\x1b[K")
	}
	g.ended = true
}
