//go:build unix

package rig

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Published is what the publisher knows of one publish.
type Published struct {
	Seq int64  // our own number, inside the payload
	ID  string // the message id of the 202; empty unless acknowledged
	// Acked says that a 202 was read. Without it the message may or may not exist
	// (the connection broke, or the answer was an error): it counts neither as
	// lost nor as invented.
	Acked    bool
	Status   int // of the answer, 0 without one
	App      string
	Channels []string
	Began    time.Time
	Answered time.Time
}

// Ledger is the publisher's side of the account: every publish, with what was
// answered. Each acknowledgement is fsynced to a file before Done returns, so
// that the ledger never forgets what the server promised. Many goroutines.
type Ledger struct {
	file *os.File

	mu      sync.Mutex
	synced  *sync.Cond // a flush ended
	entries map[int64]*Published
	next    int64
	buf     *bufio.Writer
	written int64 // lines handed to buf
	durable int64 // lines known to be on disk
	err     error
	flusher bool // a goroutine is in fsync
}

// NewLedger opens an empty ledger in a file of the test's own.
func NewLedger(tb testing.TB) *Ledger {
	tb.Helper()
	f, err := os.Create(filepath.Join(tb.TempDir(), "ledger.txt"))
	if err != nil {
		tb.Fatal(err)
	}
	l := &Ledger{file: f, entries: make(map[int64]*Published), buf: bufio.NewWriter(f)}
	l.synced = sync.NewCond(&l.mu)
	tb.Cleanup(func() { f.Close() })
	return l
}

// Begin enters a publish that is about to be sent and returns its number.
func (l *Ledger) Begin(app string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	l.entries[l.next] = &Published{Seq: l.next, App: app, Began: time.Now()}
	return l.next
}

// setChannels notes which channels publish seq is addressed to.
func (l *Ledger) setChannels(seq int64, channels []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[seq].Channels = channels
}

// Done enters what became of publish seq: status and id of the answer, or zero
// values when none came. For a 202 it returns once the line is on disk; callers
// that wait at the same time share one fsync.
func (l *Ledger) Done(seq int64, status int, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[seq]
	if e == nil {
		return fmt.Errorf("ledger: publish %d was never begun", seq)
	}
	e.Status, e.Answered = status, time.Now()
	if status != 202 {
		return nil
	}
	e.ID, e.Acked = id, true
	fmt.Fprintf(l.buf, "%d %s %s\n", seq, e.App, id)
	l.written++
	mine := l.written
	for l.durable < mine && l.err == nil {
		if l.flusher {
			l.synced.Wait()
			continue
		}
		l.flusher = true
		upTo := l.written
		err := l.buf.Flush()
		l.mu.Unlock()
		if err == nil {
			err = l.file.Sync()
		}
		l.mu.Lock()
		l.flusher = false
		if err != nil {
			l.err = fmt.Errorf("ledger: %w", err)
		} else {
			l.durable = upTo
		}
		l.synced.Broadcast()
	}
	return l.err
}

// Entries returns a copy of all entries, by number.
func (l *Ledger) Entries() map[int64]Published {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[int64]Published, len(l.entries))
	for seq, e := range l.entries {
		out[seq] = *e
	}
	return out
}

// Acked is how many publishes have been acknowledged so far.
func (l *Ledger) Acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, e := range l.entries {
		if e.Acked {
			n++
		}
	}
	return n
}
