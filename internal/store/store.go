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
	Search

	// Check writes and reads back a small row: nil when the store can take messages.
	Check(ctx context.Context) error
	// Backup writes a consistent copy of the store into the existing empty directory
	// dir while the store is in use: everything acknowledged before the call is in it.
	// The sealing key is not.
	Backup(ctx context.Context, dir string) error
	// Close commits what is queued and releases the store. Calls after it fail with hook.Closed.
	Close() error
}
