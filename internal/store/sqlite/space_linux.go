package sqlite

import (
	"os"

	"golang.org/x/sys/unix"
)

// diskSpace returns what is free for this process on dir's disk, and the disk's size.
func diskSpace(dir string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}

// preallocate makes f size bytes long with all of them on the disk.
func preallocate(f *os.File, size int64) error { return unix.Fallocate(int(f.Fd()), 0, 0, size) }
