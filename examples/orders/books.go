package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
)

// books are the ERP's database: a file with a line for each booking. A line holds the
// webhook-id, too, so that what was booked and that it was are one write.
type books struct {
	file *os.File

	mu   sync.Mutex
	seen map[string]bool // webhook-ids
	next map[string]int  // by order: which of its steps comes next
}

// Booking is one line.
type Booking struct {
	WebhookID string `json:"webhookId"`
	Event
}

// openBooks reads what was booked before. A line that a crash has cut was never
// acknowledged, so it comes again; it is removed.
func openBooks(path string) (*books, error) {
	list, whole, err := readBooks(path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	b := &books{file: file, seen: map[string]bool{}, next: map[string]int{}}
	for _, booking := range list {
		b.seen[booking.WebhookID] = true
		b.next[booking.Order.ID]++
	}
	if err = file.Truncate(whole); err == nil {
		_, err = file.Seek(whole, 0)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return b, nil
}

// readBooks returns the bookings of a file, and how many bytes they take.
func readBooks(path string) (list []Booking, whole int64, err error) {
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, 0, err
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var b Booking
		if err := json.Unmarshal(line, &b); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", path, err)
		}
		list, whole = append(list, b), whole+int64(len(line))
	}
	return list, whole, nil
}

// book writes a step down unless it was before, which isNew tells, and refuses one that is
// not the order's next.
func (b *books) book(webhookID string, e Event) (isNew bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen[webhookID] {
		return false, nil
	}
	if want := b.next[e.Order.ID]; slices.Index(steps[:], e.State) != want {
		return false, fmt.Errorf("%s %s, after %d steps", e.Order.ID, e.State, want)
	}
	line, err := json.Marshal(Booking{WebhookID: webhookID, Event: e})
	if err != nil {
		return false, err
	}
	if _, err := b.file.Write(append(line, '\n')); err != nil {
		return false, err
	}
	if err := b.file.Sync(); err != nil {
		return false, err
	}
	b.seen[webhookID], b.next[e.Order.ID] = true, b.next[e.Order.ID]+1
	return true, nil
}

// close waits for a booking that is under way; one that comes later fails.
func (b *books) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.file.Close() // each booking has been synced
}
