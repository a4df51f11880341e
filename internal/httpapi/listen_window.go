package httpapi

import "github.com/hookloft/hookloft/internal/hook"

// listenWindow is what was sent and is not acknowledged, in the order of sending. The
// cursor follows the oldest of it: an ack may come early, but it counts only once
// everything before it was dealt with. It is not safe for concurrent use.
type listenWindow struct {
	// floor is the last message up to which everything was dealt with.
	floor hook.MessageID
	// entries are above floor, rising. Never two in a row are done: the later one stands for both.
	entries []listenEntry
	waiting int // entries that are not done
}

type listenEntry struct {
	id   hook.MessageID
	done bool
}

// position is the last message that was looked at.
func (w *listenWindow) position() hook.MessageID {
	if n := len(w.entries); n > 0 {
		return w.entries[n-1].id
	}
	return w.floor
}

// sent notes a message that waits for its ack.
func (w *listenWindow) sent(id hook.MessageID) {
	w.entries = append(w.entries, listenEntry{id: id})
	w.waiting++
}

// passed notes a message that needs none.
func (w *listenWindow) passed(id hook.MessageID) {
	switch n := len(w.entries); {
	case n == 0:
		w.floor = id
	case w.entries[n-1].done:
		w.entries[n-1].id = id
	default:
		w.entries = append(w.entries, listenEntry{id: id, done: true})
	}
}

// ack notes that a message was dealt with; false when it does not wait for that.
func (w *listenWindow) ack(id hook.MessageID) bool {
	at := -1
	for i := range w.entries {
		if w.entries[i].id == id {
			at = i
			break
		}
	}
	if at < 0 || w.entries[at].done {
		return false
	}
	w.entries[at].done = true
	w.waiting--
	w.settle()
	return true
}

// ackBefore notes that everything that was sent before a message was dealt with, too.
func (w *listenWindow) ackBefore(id hook.MessageID) {
	for i := range w.entries {
		if e := &w.entries[i]; e.id < id && !e.done {
			e.done = true
			w.waiting--
		}
	}
	w.settle()
}

// settle moves the floor up to the first that waits.
func (w *listenWindow) settle() {
	done := 0
	for done < len(w.entries) && w.entries[done].done {
		done++
	}
	if done > 0 {
		w.floor = w.entries[done-1].id
	}
	// What is done in a row becomes one entry, so that there are at most twice as many as wait.
	kept := w.entries[:0]
	for _, e := range w.entries[done:] {
		if n := len(kept); e.done && n > 0 && kept[n-1].done {
			kept[n-1].id = e.id
			continue
		}
		kept = append(kept, e)
	}
	w.entries = kept
}
