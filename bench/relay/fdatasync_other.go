//go:build !linux

package main

import "os"

// fdatasync is a full fsync where the cheaper call is not to be had.
func fdatasync(f *os.File) error { return f.Sync() }
