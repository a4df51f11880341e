package store

import (
	"context"
)

// Store is all doors of one store. Each worker takes only the door that it uses.
type Store interface {
	Ledger
	Queue
	Catalog
	History
	Retention
	Announcements
	Rounds
	Rollups
	Issues
	Search
	Feeds
	Accounts
	Inspection

	// Check writes and reads back a small row: nil when the store can take messages.
	Check(ctx context.Context) error
	// Space says what the store takes on its disk, in bytes, and whether the last message was
	// refused for want of room (hook.StorageFull), or the next one will be. It writes nothing
	// and waits for no writer, so it may be called at any time, also after Close.
	Space() (usedBytes int64, isFull bool)
	// Backup writes a consistent copy of the store into the existing empty directory
	// dir while the store is in use: everything acknowledged before the call is in it.
	// The sealing key is not.
	Backup(ctx context.Context, dir string) error
	// Close commits what is queued and releases the store. Calls after it fail with hook.Closed.
	Close() error
}
