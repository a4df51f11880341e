//go:build unix

package dispatch

import "syscall"

// fileLimit returns how many files this process may have open.
func fileLimit() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 1024 // the least that systems give
	}
	return uint64(l.Cur)
}
