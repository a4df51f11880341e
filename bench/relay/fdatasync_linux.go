package main

import (
	"os"
	"syscall"
)

// fdatasync flushes a file's data without its times (fdatasync(2)).
func fdatasync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
