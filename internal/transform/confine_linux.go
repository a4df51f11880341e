package transform

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const rootDir = "/"

// self is the file that runs now.
func self() string { return program("/proc/self/exe", os.Args[0]) }

// program is link, which is the file that runs now, also when it was replaced on disk by a
// newer one. In a root directory without /proc it is what the program was started as; there,
// whoever replaces the file starts the server again.
func program(link, name string) string {
	if _, err := os.Stat(link); err == nil {
		return link
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return name // the first start says that it is not there
	}
	if path, err := filepath.Abs(found); err == nil {
		return path // children are started in another directory
	}
	return found
}

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
	if now := addressBytes(); now > 0 {
		most := now + moreAddressBytes
		_ = unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: most, Max: most})
	}
	for resource, most := range map[int]uint64{
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_FSIZE:  0,
		unix.RLIMIT_NOFILE: 0, // those that are open stay open; no other file or socket ever is
	} {
		_ = unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most})
	}
	_, _, _ = syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0) //nolint:dogsled // the call has these
}

// addressBytes returns how much address space this process has, up to the last megabyte; 0
// where it has a limit already. It asks the kernel under a limit how much more there may be,
// because a root directory need not have a /proc that would tell. While it does, nothing
// else in the process may need memory.
func addressBytes() uint64 {
	const most, step = 64 << 30, 1 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &before); err != nil || before.Cur != unix.RLIM_INFINITY {
		return 0
	}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: most, Max: before.Max}); err != nil {
		return 0
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_AS, &before) }()
	// Search finds the first size that does not fit any more.
	more := sort.Search(most/step, func(steps int) bool {
		size := uintptr(steps+1) * step
		at, err := unix.MmapPtr(-1, 0, nil, size, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
		if err != nil {
			return true
		}
		_ = unix.MunmapPtr(at, size)
		return false
	})
	return most - uint64(more)*step
}

// residentBytes returns how much memory the child has; 0 where that cannot be read, as in a
// root directory without /proc: there, the limit of the address space is what holds.
func (c *child) residentBytes() int {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(c.cmd.Process.Pid) + "/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b)) // of pages: all, resident, ... (proc(5))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(f[1])
	return pages * os.Getpagesize()
}

// processorTime returns how much processor time the child has used; false where nobody tells.
func (c *child) processorTime() (time.Duration, bool) {
	// The clock of a process has its id turned over, and 2 for what the scheduler has counted
	// (clock_getcpuclockid(3); CPUCLOCK_SCHED in the kernel's posix-timers.h).
	const scheduled = 2
	var used unix.Timespec
	if err := unix.ClockGettime(^int32(c.cmd.Process.Pid)<<3|scheduled, &used); err != nil {
		return 0, false
	}
	return time.Duration(used.Nano()), true
}
