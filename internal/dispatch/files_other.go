//go:build !unix

package dispatch

// fileLimit returns how many files this process may have open; this system sets no
// limit worth minding.
func fileLimit() uint64 { return 1 << 20 }
