//go:build unix

package server

import "golang.org/x/sys/unix"

// fileLimit returns how many files this process may open. The Go runtime has raised
// the soft limit to the hard one at the start.
func fileLimit() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil || l.Cur == 0 {
		return 1024
	}
	return int(min(l.Cur, 1<<20))
}
