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

// privateFiles makes every file that this process creates readable by its owner only,
// those of the database library too, also where the data directory was made by
// somebody else with wider rights.
func privateFiles() { unix.Umask(0o077) }
