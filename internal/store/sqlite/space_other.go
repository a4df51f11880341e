//go:build !linux

package sqlite

import "os"

// diskSpace knows nothing of other systems' disks: the write that fails tells.
func diskSpace(string) (free, total int64, err error) { return 1 << 62, 1 << 62, nil }

// preallocate makes f size bytes long with all of them on the disk.
func preallocate(f *os.File, size int64) error {
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return err
		}
	}
	return nil
}
