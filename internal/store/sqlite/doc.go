// Package sqlite is the embedded store: everything a Hookloft keeps, in one directory
// that one process owns.
//
//	hookloft.lock                    proves one owner (see lock.go)
//	catalog.db                       what people configure (catalog.go)
//	segments/<20-digit key>.db       messages of a span of time with all that belongs to them
//	reserve                          disk space kept for outcomes (space.go)
//	inflight                         requests under way, to count crashes (inflight.go)
//
// # How a message becomes durable
//
// One goroutine writes (writer.go, commit.go). It takes everything that is queued, runs it in one
// transaction for each segment that it touches, commits, and only then answers. WAL mode
// with synchronous=FULL flushes the log in every commit, so whoever was answered is on
// disk. Group commit decides the speed: while one commit is flushed the next one fills.
//
// Accepted messages commit at once, because a client waits. Plain outcomes may wait 20 ms
// to share a commit, because losing one only repeats a request.
//
// # Failures
//
// Refusals (a taken eventId, a stale plan) are found before anything is written, so they
// never spoil the batch that they are in. A full disk undoes the batch: appends are
// refused with hook.StorageFull, outcomes are tried again with the space of the reserve.
// Every other error of the disk ends the store: the batch is not acknowledged, later calls
// fail, and Options.Fatal is told. A failed flush is never tried again, because the kernel
// may have dropped the pages that it could not write (the "fsyncgate" of 2018) and a
// second flush would report success without them.
//
// # In memory or due, never both
//
// A fresh delivery has no row: the message's row lists its endpoints, and after a crash
// the messages above low_water are scanned for endpoints without one (rescue.go). Every
// other unfinished delivery has a row in its segment's small due table.
package sqlite
