package store

import (
	"context"
	"time"
)

// Inspection is for who looks after a store: what it consists of and when it was last looked after.
type Inspection interface {
	// Inspect reports about the store. It reads names and sizes of files and a few small rows, so
	// it costs as much as there are files, however much is in them.
	Inspect(ctx context.Context) (Report, error)
	// NoteBackup notes that a backup of so many files and bytes has ended well, for later reports.
	NoteBackup(ctx context.Context, files int, bytes int64) error
}

// Report is what can be said of a store. Times are zero where nobody knows.
type Report struct {
	Kind string // "sqlite"
	Dir  string
	// Files are those that hold all but messages, Segments those that hold messages, newest first.
	Files    []FileReport
	Segments []SegmentReport
	// UsedBytes is what all of it takes, MaxBytes what it may take, 0 for no bound. FreeBytes and
	// DiskBytes are of its disk, -1 where that is not known; ReserveBytes are set aside for outcomes.
	UsedBytes, MaxBytes, FreeBytes, DiskBytes, ReserveBytes int64
	// IsFull: messages are refused for want of space.
	IsFull bool
	// OldestMessage is when the oldest message was accepted that still has a row.
	OldestMessage time.Time
	// LastBackup and LastReclaim are what was done last; nil for never, as far as is known.
	LastBackup, LastReclaim *Chore
	// Schemas say which migrations the parts of the store are at.
	Schemas []Schema
	// Slow are the latest slow operations of this process, newest first. SlowCount counts all of them.
	Slow      []Slow
	SlowCount uint64
	// SlowAfter is from when on an operation is slow.
	SlowAfter time.Duration
}

// FileReport is one file of a store.
type FileReport struct {
	Name            string // below the store's directory
	Bytes, LogBytes int64  // LogBytes are in its write-ahead log
}

// SegmentReport is one file of messages.
type SegmentReport struct {
	FileReport
	// From and To bound the times at which its messages were accepted; To is zero for the newest.
	From, To time.Time
	State    SegmentState
}

// SegmentState is what becomes of a segment at this time.
type SegmentState string

// The states of a segment.
const (
	SegmentOpen       SegmentState = "open"       // takes new messages
	SegmentClosed     SegmentState = "closed"     // takes none
	SegmentCompacting SegmentState = "compacting" // a smaller file is being made in its place
	SegmentEmpty      SegmentState = "empty"      // has no messages, only keys that are still taken
)

// Chore is something that was done to look after a store.
type Chore struct {
	At    time.Time
	Files int
	Bytes int64
}

// Schema is the shape of one part of a store.
type Schema struct {
	Part string // "catalog", "segment", "rollup"
	// Version is which migration it is at, Newest the last one that this program has.
	Version, Newest int
	Migrations      []Migration
}

// Migration is a change of shape, the oldest first.
type Migration struct {
	Number    int
	Title     string
	AppliedAt time.Time // zero where nobody knows
}

// Slow is an operation that took long. It holds no value of anybody's.
type Slow struct {
	Kind      string // "claim", "commit", "read", "catalog read", "catalog change"
	Operation string // which one of its kind
	At        time.Time
	Took      time.Duration
}
