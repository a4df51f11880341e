package sqlite

import (
	"slices"

	"github.com/hookloft/hookloft/internal/hook"
)

// fresh counts, for each message, the fresh deliveries that have no row yet. Its oldest
// message is the store's low-water mark: a start after a crash looks no further back.
type fresh struct {
	entries []freshEntry // by rising key
	done    int          // entries without a delivery left
}

type freshEntry struct {
	message hook.MessageID
	left    int32 // deliveries without a row
}

// add notes a message, newer than all before, with n fresh deliveries.
func (f *fresh) add(e freshEntry) { f.entries = append(f.entries, e) }

// resolve notes that one delivery of a message has got its row.
func (f *fresh) resolve(m hook.MessageID) {
	i, ok := slices.BinarySearchFunc(f.entries, m, func(e freshEntry, m hook.MessageID) int {
		switch {
		case e.message < m:
			return -1
		case e.message > m:
			return 1
		}
		return 0
	})
	if !ok || f.entries[i].left == 0 {
		return
	}
	if f.entries[i].left--; f.entries[i].left > 0 {
		return
	}
	f.done++
	// Most messages end in about the order in which they came, so the resolved ones are
	// cut off the front; a slow one in front of many is left by closing the gaps.
	n := 0
	for n < len(f.entries) && f.entries[n].left == 0 {
		n++
	}
	switch {
	case n == len(f.entries):
		f.entries, f.done = f.entries[:0], 0
	case n > 0:
		f.entries = f.entries[n:]
		f.done -= n
	case f.done > 1024 && f.done > len(f.entries)/2:
		f.entries = slices.DeleteFunc(f.entries, func(e freshEntry) bool { return e.left == 0 })
		f.done = 0
	}
}

// oldest returns the oldest message with a fresh delivery, false when there is none.
func (f *fresh) oldest() (hook.MessageID, bool) {
	for _, e := range f.entries {
		if e.left > 0 {
			return e.message, true
		}
	}
	return 0, false
}
