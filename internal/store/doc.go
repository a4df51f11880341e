// Package store says what a store promises, as four small doors: Ledger (accept
// messages), Queue (what is due), Catalog (the nouns that people configure) and
// History (what happened). It holds no implementation; store/sqlite is the embedded
// one, and storetest.Run is the one suite that every implementation passes.
//
// # The durability argument
//
// A message and its deliveries are appended in one transaction, and Append returns
// after that transaction is flushed to disk. So an acknowledged message is found
// after any crash, and so is the set of endpoints it goes to.
//
// A delivery is in memory or due, never both:
//
//   - A fresh delivery was handed to the Handoff after its commit. It has no row of
//     its own; the message's row lists its endpoint. After a crash it is found by
//     scanning the messages above low_water, the oldest message with an unresolved
//     fresh delivery, which is saved with each commit.
//   - Every other unfinished delivery has a row in the small due table.
//
// An outcome (Finish) commits the attempt, the delivery's new state and its due row
// together. A crash before that commit leaves the delivery as it was: the request is
// repeated with the same webhook-id. So the repeated requests are at most those in
// flight, or ended within the commit delay of outcomes (20 ms).
//
// An embedded store has one owner process, proved by a lock file, and needs no
// leases: what was in flight at a crash is due at the start.
//
// # Order
//
// A delivery with a Line always has a due row, in the commit of its message, at the
// message's time, or at the message's own DeliverAt where that is later. One writer draws
// the row keys inside its commits, so a later commit has a later hook.PlaceInLine, and Claim
// returns positions in order: what is claimed first was accepted first, and nothing comes
// in before it afterwards. A failed attempt writes the row again where it was; when the next
// attempt may begin stands beside it (Delivery.NotBefore). So the order outlives every
// crash, because it is nowhere but in the due rows. Whoever sends takes a line's next
// delivery after the outcome of the one before is on disk (Finished.Done). A replay joins
// its line anew at its own time; a resend (Manual) stands in no line.
//
// # What crashes the process
//
// A request whose handling kills the process would kill it again after each start. So the
// store keeps a journal of requests (Begin), and a start after a crash raises
// Delivery.Crashes where the journal has an attempt without a recorded outcome: of fresh,
// due and resent deliveries alike, and not of those that only waited. A recorded attempt
// sets the count back to zero. The journal is never flushed: it outlives the process, and
// after a power loss, which no delivery has caused, what is missing in it is not counted.
package store
