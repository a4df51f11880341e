package transform

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// child is one process that runs scripts, as its parent sees it. One goroutine at a time
// uses it.
type child struct {
	cmd     *exec.Cmd
	to      *os.File    // its standard input
	from    *os.File    // its standard output
	words   *firstWords // what it wrote to standard error
	ended   chan struct{}
	buf     []byte // of requests
	in      []byte // of answers
	runs    int
	freedAt time.Time
}

// What became of an exchange with a child that gave no answer. The child is then no more.
var (
	errDied = errors.New("the child died")
	errLate = errors.New("the child did not answer in time")
	errFat  = errors.New("the child took too much memory")
	errDeep = errors.New("the child's stack overflowed")
)

const (
	// grace is how long after a run's own limit the engine may take to notice it.
	grace = 100 * time.Millisecond
	// lookEvery is how often a child that is at work is looked at.
	lookEvery = 25 * time.Millisecond
	// slowMachine is how much longer than its processor time a run may take on the clock.
	slowMachine = 20
)

// start starts a child. It has no environment but its time zone, no files but its three
// streams, and dies with its parent.
func start(program string) (*child, error) {
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start a sandbox: %w", err)
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a sandbox: %w", err), inRead.Close(), inWrite.Close())
	}
	c := &child{to: inWrite, from: outRead, words: &firstWords{}, ended: make(chan struct{})}
	c.cmd = &exec.Cmd{
		Path: program,
		// The name stays the program's own, by which some programs choose what they are.
		Args: []string{os.Args[0], ChildArg}, Dir: rootDir, Env: []string{"TZ=UTC"},
		Stdin: inRead, Stdout: outWrite, Stderr: c.words, SysProcAttr: attributes(),
		WaitDelay: time.Second,
	}
	err = c.cmd.Start()
	// The child has its own; ours would keep the pipes open beyond its death.
	_, _ = inRead.Close(), outWrite.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a sandbox: %w", err), inWrite.Close(), outRead.Close())
	}
	go func() {
		_ = c.cmd.Wait() // how it ended shows in its words
		close(c.ended)
	}()
	return c, nil
}

// stop ends the child and waits until it is gone.
func (c *child) stop() {
	_ = c.cmd.Process.Kill()
	<-c.ended
	_, _ = c.to.Close(), c.from.Close()
}

// exchange has the child run q. On an error the child is of no use any more.
func (c *child) exchange(ctx context.Context, q *request, limit time.Duration) (*response, error) {
	c.buf = q.append(c.buf[:0])
	now := time.Now()
	last := now.Add(slowMachine*limit + time.Second)
	// What it had used before is asked at the first look only, because most runs are over
	// by then; until then it cannot have used more than the clock says.
	var before time.Duration
	if err := c.to.SetWriteDeadline(last); err != nil {
		return nil, errDied
	}
	if _, err := c.to.Write(c.buf); err != nil {
		return nil, c.why(err)
	}
	if cap(c.buf) > 64<<10 {
		c.buf = nil
	}
	var head [4]byte
	n, size := 0, -1
	for look := now.Add(lookEvery); ; {
		if err := c.from.SetReadDeadline(look); err != nil {
			return nil, errDied
		}
		target := head[:]
		if size >= 0 {
			target = c.in[:size]
		}
		got, err := c.from.Read(target[n:])
		if n += got; n == len(target) {
			if size >= 0 {
				break
			}
			size, n = int(binary.BigEndian.Uint32(head[:])), 0
			if size > maxFrameBytes {
				return nil, errDied
			}
			if cap(c.in) < size {
				c.in = make([]byte, size)
			}
			if size == 0 {
				break
			}
			continue
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, c.why(err)
		}
		now = time.Now()
		used, isKnown := c.processorTime()
		if before == 0 {
			before = used - lookEvery
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case now.After(last), isKnown && used-before > limit+grace:
			return nil, errLate
		case c.residentBytes() > maxResidentBytes:
			return nil, errFat
		}
		look = now.Add(lookEvery)
	}
	p := &response{}
	if err := p.parse(c.in[:size]); err != nil {
		return nil, errDied
	}
	if cap(c.in) > 64<<10 {
		c.in = nil
	}
	c.runs++
	return p, nil
}

// isFat reports now and then whether the child has grown too large to be kept.
func (c *child) isFat() bool { return c.runs%64 == 0 && c.residentBytes() > maxResidentBytes }

// why names what an error of a pipe means.
func (c *child) why(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errLate
	}
	select {
	case <-c.ended:
	case <-time.After(time.Second): // it has closed its stream, and yet lives
	}
	switch words := c.words.String(); {
	case strings.Contains(words, "stack overflow"):
		return errDeep
	case strings.Contains(words, "out of memory"), strings.Contains(words, "cannot allocate memory"):
		return errFat
	}
	return errDied
}

// failureOf says to the script's owner what the end of its child means; nil where the
// script need not have been the cause.
func failureOf(err error) *Error {
	switch err {
	case errLate:
		return &Error{Reason: hook.ReasonTransformTimeout, Text: "the script did not end in time"}
	case errFat:
		return &Error{Reason: hook.ReasonTransformMemory, Text: "the script needs too much memory"}
	case errDeep:
		return &Error{Reason: hook.ReasonTransformMemory, Text: "the script nests its calls too deep"}
	}
	return nil
}

// firstWords keeps the first of what is written to it: the runtime says first what is wrong.
type firstWords struct {
	mu sync.Mutex // guards b
	b  []byte
}

const maxWordBytes = 2 << 10

func (t *firstWords) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b[:min(len(b), maxWordBytes-len(t.b))]...)
	return len(b), nil
}

func (t *firstWords) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

var _ io.Writer = (*firstWords)(nil)
