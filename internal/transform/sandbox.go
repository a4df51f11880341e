package transform

import (
	"bufio"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// ChildArg is the argument with which a program is started as a child. Whoever may be
// started so looks for it before anything else:
//
//	if transform.IsChild(os.Args[1:]) {
//		os.Exit(transform.Child(os.Stdin, os.Stdout))
//	}
const ChildArg = "sandbox-of-transformations"

// IsChild reports whether a program's arguments, without its name, say that it is a child.
func IsChild(args []string) bool { return len(args) == 1 && args[0] == ChildArg }

// maxStackBytes bounds the stack of one goroutine: recursion in a script is recursion in
// the engine. Past it the process ends.
const maxStackBytes = 32 << 20

// Child serves runs that come on in, until it ends, and returns the exit code. What this
// process can do is first given up (confine_linux.go).
func Child(in io.Reader, out io.Writer) int {
	// A signal to the whole group is for the parent, which still needs its children to drain.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	debug.SetMaxStack(maxStackBytes)
	debug.SetTraceback("none")
	e, err := newEngine()
	if err != nil {
		return 1
	}
	// The first timer opens what the runtime waits with, and no file can be opened later.
	time.AfterFunc(time.Hour, func() {}).Stop()
	confine()
	// Requests are read by a goroutine of their own: when the parent is gone, the process
	// ends in the middle of whatever it runs.
	requests := make(chan []byte)
	go func() {
		r := bufio.NewReaderSize(in, 64<<10)
		for {
			frame, err := readFrame(r, nil)
			if err != nil {
				os.Exit(0)
			}
			requests <- frame
		}
	}()
	var buf []byte
	for frame := range requests {
		var q request
		if err := q.parse(frame); err != nil {
			return 1
		}
		p, err := e.run(&q)
		if err != nil {
			return 1
		}
		buf = p.append(buf[:0])
		if _, err := out.Write(buf); err != nil {
			return 1
		}
		if cap(buf) > 64<<10 {
			buf = nil
		}
		// The next realm is made while the parent is busy with the answer.
		if err := e.prepare(); err != nil {
			return 1
		}
	}
	return 0
}
