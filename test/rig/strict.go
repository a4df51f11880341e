//go:build unix

package rig

import (
	"os"
	"time"
)

// Strict says whether times and rates are verdicts: where HOOKLOFT_TEST_STRICT is set, on a
// machine that does nothing else. Elsewhere they are figures to print, and a test fails only
// on what no busy machine explains.
func Strict() bool { return os.Getenv("HOOKLOFT_TEST_STRICT") != "" }

// WithinTail says whether the tail of latencies beside a disturbance is what it may be: bound
// where times are Strict. Elsewhere a machine that is shared makes any tail, so it may be as
// long as starved, which is how long whoever is made to wait for the disturbance waits at least.
func WithinTail(tail, bound, starved time.Duration) bool {
	if !Strict() {
		bound = max(bound, starved)
	}
	return tail <= bound
}
