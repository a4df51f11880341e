//go:build unix

package rig

import (
	"slices"
	"time"
)

// Percentile returns the smallest duration that at least the fraction p (0 to 1)
// of all do not exceed (nearest rank). It sorts its argument. Zero for none.
func Percentile(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	rank := int(p*float64(len(all))+0.999999) - 1
	return all[min(max(rank, 0), len(all)-1)]
}
