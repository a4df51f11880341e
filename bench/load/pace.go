//go:build unix

package main

import (
	"runtime"
	"syscall"
	"time"
)

// pace calls each for n = 0, 1, ... at began + n/rate, count times or until limit
// has passed. It sleeps in the kernel on a thread of its own: the Go scheduler's
// timers may be a millisecond late when all else is idle, which is as long as what
// is measured here.
func pace(began time.Time, rate, count int, limit time.Duration, each func(n int, at time.Time)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for n := range count {
		at := began.Add(time.Duration(float64(n) * float64(time.Second) / float64(rate)))
		for {
			wait := time.Until(at)
			if wait <= 0 {
				break
			}
			ts := syscall.NsecToTimespec(int64(wait))
			_ = syscall.Nanosleep(&ts, nil) // interrupted by a signal: the loop asks again
		}
		if time.Since(began) > limit {
			return
		}
		each(n, at)
	}
}
