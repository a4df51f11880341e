//go:build !linux

package transform

import (
	"os"
	"syscall"
	"time"
)

// rootDir is the child's working directory; "" is the parent's.
const rootDir = ""

// self is the file that runs now.
func self() string {
	name, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return name
}

func attributes() *syscall.SysProcAttr { return nil }

// confine does nothing here: the engine's own limits, and the parent's clock, hold.
func confine() {}

// Nobody tells.
func (c *child) residentBytes() int                   { return 0 }
func (c *child) processorTime() (time.Duration, bool) { return 0, false }
