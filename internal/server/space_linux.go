package server

import "golang.org/x/sys/unix"

// freeBytes is what this process may still write on the disk of dir.
func freeBytes(dir string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return -1
	}
	return int64(s.Bavail) * s.Bsize
}
