package main

import (
	"fmt"
	"os"
	"sync"
)

// walLog is a file of fixed size that is written in a ring. All its blocks are
// written once when it is opened, so that fdatasync has no file metadata to flush:
// the cheapest durable write that a file system offers.
type walLog struct {
	file *os.File
	size int64
	at   int64 // next write; only the writer touches it

	mu      sync.Mutex
	wake    *sync.Cond
	pending []byte         // what the next flush writes
	waiters []chan<- error // who is told about it, once; each has room for one
}

// openLog reserves size bytes at path and starts the writer.
func openLog(path string, size int64) (*walLog, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros, at); err != nil {
			return nil, fmt.Errorf("reserve log: %w", err)
		}
	}
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("reserve log: %w", err)
	}
	l := &walLog{file: f, size: size}
	l.wake = sync.NewCond(&l.mu)
	go l.write()
	return l, nil
}

// append returns when record is on disk.
func (l *walLog) append(record []byte) error {
	done := make(chan error, 1)
	l.mu.Lock()
	l.pending = append(l.pending, record...)
	l.waiters = append(l.waiters, done)
	l.mu.Unlock()
	l.wake.Signal()
	return <-done
}

// appendLater lets record go to disk with the next flush that somebody waits for.
func (l *walLog) appendLater(record []byte) {
	l.mu.Lock()
	l.pending = append(l.pending, record...)
	l.mu.Unlock()
}

// write flushes everything queued, again and again: the flush before is what
// gathers the next group.
func (l *walLog) write() {
	var group []byte
	var waiters []chan<- error
	for {
		l.mu.Lock()
		for len(l.waiters) == 0 {
			l.wake.Wait()
		}
		group, l.pending = l.pending, group[:0]
		waiters, l.waiters = l.waiters, waiters[:0]
		l.mu.Unlock()
		err := l.flush(group)
		for _, w := range waiters {
			w <- err
		}
	}
}

func (l *walLog) flush(group []byte) error {
	if l.at+int64(len(group)) > l.size {
		l.at = 0 // nothing is read back, so the ring may overwrite
	}
	if _, err := l.file.WriteAt(group, l.at); err != nil {
		return err
	}
	l.at += int64(len(group))
	return fdatasync(l.file)
}
