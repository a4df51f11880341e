//go:build unix

package server

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

func writable(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }

// othersMay: somebody beside the owner may read or change it.
func othersMay(mode fs.FileMode) bool { return mode.Perm()&0o077 != 0 }
