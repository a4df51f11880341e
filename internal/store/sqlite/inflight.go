package sqlite

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const (
	inflightName = "inflight"

	// slotBytes is the size of a slot, all numbers big-endian: endpoint 8, message 8, number
	// of the attempt 4, trigger 1, and the low 24 bits of the CRC-32 (IEEE) of these.
	slotBytes = 24

	// maxSlots bounds the journal to 1.5 MiB. The dispatcher uses a third of it at most.
	maxSlots = 1 << 16
)

// inflight is the journal of requests: a file of slots, each with the attempt that was
// begun in it last. A slot is written right before its request is sent, and not flushed:
// the kernel keeps it when the process dies. It is not cleared when the attempt ends, which
// would cost as much again, but used for another one when the outcome is recorded: until
// then it is the outcome that says whether the slot counts (see counts).
type inflight struct {
	file *os.File // nil when it could not be made: nothing is counted then
	log  *slog.Logger

	warned atomic.Bool // of a write that failed

	// mu guards free and slots. Slots given back last are taken first, so the file is as
	// long as the most requests at once.
	mu    sync.Mutex
	free  []store.Slot
	slots []*slotBuffer // of all slots; whoever has taken one may use its buffer
}

// slotBuffer is where a slot is put together, kept so that a request allocates nothing.
type slotBuffer [slotBytes]byte

// attemptBegun is what a slot says of a pair.
type attemptBegun struct {
	n        int // 1 for the pair's first attempt
	isManual bool
}

// pairKey identifies a delivery.
type pairKey struct {
	endpoint hook.EndpointID
	message  hook.MessageID
}

// Begin implements store.Queue.
func (s *Store) Begin(d *hook.Delivery) store.Slot { return s.inflight.begin(d) }

// readInflight returns what the journal in dir says was begun. What is not a slot says
// nothing: the journal may be torn, or not ours.
func readInflight(dir string) (map[pairKey]attemptBegun, error) {
	f, err := os.Open(filepath.Join(dir, inflightName))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal of requests: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSlots*slotBytes))
	if err != nil {
		return nil, fmt.Errorf("read the journal of requests: %w", err)
	}
	begun := make(map[pairKey]attemptBegun)
	for ; len(data) >= slotBytes; data = data[slotBytes:] {
		b := data[:slotBytes]
		if binary.BigEndian.Uint32(b[20:]) != lastWord(b) {
			continue
		}
		k := pairKey{hook.EndpointID(binary.BigEndian.Uint64(b)), hook.MessageID(binary.BigEndian.Uint64(b[8:]))}
		a := attemptBegun{n: int(binary.BigEndian.Uint32(b[16:])), isManual: hook.Trigger(b[20]) == hook.Manual}
		switch old := begun[k]; {
		case a.n > old.n: // the other slot is of an earlier attempt, and was not used again
			begun[k] = a
		case a.n == old.n:
			begun[k] = attemptBegun{n: a.n, isManual: a.isManual || old.isManual}
		}
	}
	return begun, nil
}

// startInflight begins an empty journal. It does not fail: without one nothing is counted.
func startInflight(dir string, log *slog.Logger) *inflight {
	j := &inflight{log: log}
	f, err := os.OpenFile(filepath.Join(dir, inflightName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		j.warn(err)
		return j
	}
	j.file = f
	return j
}

// begin writes the next attempt of d into a slot.
func (j *inflight) begin(d *hook.Delivery) store.Slot {
	if j.file == nil {
		return 0
	}
	slot, b := j.take()
	if slot == 0 {
		return 0
	}
	binary.BigEndian.PutUint64(b[:], uint64(d.Endpoint))
	binary.BigEndian.PutUint64(b[8:], uint64(d.Message))
	binary.BigEndian.PutUint32(b[16:], uint32(d.Attempts+1))
	b[20] = byte(d.Trigger)
	binary.BigEndian.PutUint32(b[20:], lastWord(b[:]))
	if _, err := j.file.WriteAt(b[:], int64(slot-1)*slotBytes); err != nil {
		j.warn(err)
	}
	return slot
}

// lastWord is the last four bytes of a slot: the trigger and the check.
func lastWord(slot []byte) uint32 {
	return uint32(slot[20])<<24 | crc32.ChecksumIEEE(slot[:21])&0xff_ffff
}

// take returns a slot that nobody uses, zero when there is none.
func (j *inflight) take() (store.Slot, *slotBuffer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if last := len(j.free) - 1; last >= 0 {
		slot := j.free[last]
		j.free = j.free[:last]
		return slot, j.slots[slot-1]
	}
	if len(j.slots) >= maxSlots {
		return 0, nil
	}
	j.slots = append(j.slots, new(slotBuffer))
	return store.Slot(len(j.slots)), j.slots[len(j.slots)-1]
}

// end gives a slot back: from here on the outcome of its attempt is known.
func (j *inflight) end(slot store.Slot) {
	if slot == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.free = append(j.free, slot)
}

// close leaves an empty journal: the process ends in good order.
func (j *inflight) close() {
	if j.file == nil {
		return
	}
	if err := j.file.Truncate(0); err != nil {
		j.warn(err)
	}
	_ = j.file.Close() // nothing in it is to be kept
}

// warn says once that the journal does not work. Sending goes on without it.
func (j *inflight) warn(err error) {
	if j.warned.CompareAndSwap(false, true) {
		j.log.Warn("requests in flight are not noted, so a delivery that crashes the process is not put off", "error", err)
	}
}

// counts reports whether attempt a was under way when the process died: old, the row of
// its pair, nil for none, has not recorded it, and still had a reason to try.
func (a attemptBegun) counts(old *storedDelivery) bool {
	if old == nil {
		return a.n == 1
	}
	return a.n > len(old.attempts) && (a.isManual || !old.State.IsFinal())
}

// crashed notes on d that it was in flight when the process died. One that was put off for
// that has done it again, so it is to be put off again.
func crashed(d *hook.Delivery) {
	d.Crashes++
	if d.Reason == hook.ReasonSenderCrashed {
		d.Reason = hook.ReasonNone
	}
}

// countCrash raises the count of a delivery with a row if its attempt a was under way when
// the process died.
func (w *writer) countCrash(k pairKey, a attemptBegun) (counted bool, err error) {
	seg := w.s.segmentOf(hook.Key(k.message))
	if seg == nil {
		return false, nil
	}
	p, err := w.openPen(seg)
	if err != nil {
		return false, err
	}
	old, err := deliveryIn(p.conn, k.endpoint, k.message)
	if err != nil || old == nil || !a.counts(old) {
		return false, err
	}
	if p, err = w.pen(seg); err != nil {
		return false, err
	}
	next := old.Delivery
	crashed(&next)
	return true, p.setDelivery(&next, next.DueAt, encodeKeys(old.attempts))
}
