package transform

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const rootDir = "/"

// self is the file that runs now, also when it was replaced on disk by a newer one.
func self() string { return "/proc/self/exe" }

// attributes of a child: it dies when the thread that started it does, which is one that
// lives as long as the pool (pool.go).
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// moreAddressBytes is how much address space a child may take beyond what it has at its
// start: the backstop of all memory limits. The Go runtime reserves over a gigabyte then,
// an amount that changes with its version and with how the program was linked.
const moreAddressBytes = 512 << 20

// confine gives up what this process does not need. Each of these is a second wall behind
// an engine that has no way to ask for any of it, so what the system refuses is not missed.
func confine() {
	if pages := statm("self", 0); pages > 0 {
		most := uint64(pages*os.Getpagesize()) + moreAddressBytes
		_ = unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: most, Max: most})
	}
	for resource, most := range map[int]uint64{
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_FSIZE:  0,
		unix.RLIMIT_NOFILE: 0, // those that are open stay open; no other file or socket ever is
	} {
		_ = unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most})
	}
	_, _, _ = syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
}

// residentBytes returns how much memory the child has; 0 where that cannot be read.
func (c *child) residentBytes() int {
	return statm(strconv.Itoa(c.cmd.Process.Pid), 1) * os.Getpagesize()
}

// statm returns a field of /proc/PID/statm, in pages; 0 where it cannot be read.
func statm(process string, field int) int {
	b, err := os.ReadFile("/proc/" + process + "/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if field >= len(f) {
		return 0
	}
	pages, _ := strconv.Atoi(f[field])
	return pages
}

// ticksPerSecond is the unit of times in /proc (USER_HZ), the same on all systems that Go knows.
const ticksPerSecond = 100

// processorTime returns how much processor time the child has used; false where nobody tells.
func (c *child) processorTime() (time.Duration, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(c.cmd.Process.Pid) + "/stat")
	if err != nil {
		return 0, false
	}
	// The name in parentheses may hold anything. Behind it, fields 14 and 15 of proc(5)
	// are the 12th and 13th.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0, false
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond, true
}
