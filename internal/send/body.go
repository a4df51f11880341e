package send

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// maxDrainBytes is how much of a body beyond the stored part is read, only to be
	// able to keep the connection.
	maxDrainBytes = 64 << 10
	// maxBodyBytes bounds what is read for a body on the wire, the framing of small
	// chunks and long extensions included (CVE-2023-39326 is about those).
	maxBodyBytes = hook.MaxStoredBody + 2*maxDrainBytes
)

var (
	errBodyTooLong = errors.New("the body is too long to be read to its end")
	errChunk       = errors.New("the body's chunks are malformed")
)

// beginBody says that the head is read and until when the body may take.
func (b *reader) beginBody(deadline time.Time) {
	b.inBody, b.deadline, b.budget = true, deadline, maxBodyBytes
}

// readBody reads the body into a, at most hook.MaxStoredBody bytes of it, and marks
// what is missing. It reports whether the answer was read cleanly to its end.
func (b *reader) readBody(h head, a *hook.Attempt) (clean bool) {
	switch {
	case !h.hasBody():
		return true
	case h.chunked:
		return b.readChunked(a)
	case h.coded || h.length < 0:
		// Of an unknown coding, or without a length: the body ends with the connection.
		return b.readToEOF(a)
	}
	if n := min(h.length, hook.MaxStoredBody); n > 0 {
		a.Body = make([]byte, 0, n)
	}
	a.BodyTruncated = h.length > hook.MaxStoredBody
	if h.length > hook.MaxStoredBody+maxDrainBytes {
		// Not worth reading to its end; the stored part is still wanted.
		a.BodyIncomplete = b.take(hook.MaxStoredBody, a) != nil
		return false
	}
	a.BodyIncomplete = b.take(int(h.length), a) != nil
	return !a.BodyIncomplete
}

// take reads n bytes and stores those for which there is room.
func (b *reader) take(n int, a *hook.Attempt) error {
	for n > 0 {
		if b.r == b.w {
			if err := b.fill(); err != nil {
				return err
			}
		}
		piece := b.buf[b.r:min(b.w, b.r+n)]
		b.r += len(piece)
		n -= len(piece)
		b.store(piece, a)
	}
	return nil
}

func (b *reader) store(piece []byte, a *hook.Attempt) {
	room := hook.MaxStoredBody - len(a.Body)
	if len(piece) > room {
		piece = piece[:room]
		a.BodyTruncated = true
	}
	a.Body = append(a.Body, piece...)
}

// readToEOF reads a body that ends with the connection, which is never kept.
func (b *reader) readToEOF(a *hook.Attempt) (clean bool) {
	for {
		b.store(b.buf[b.r:b.w], a)
		b.r = b.w
		if a.BodyTruncated {
			return false
		}
		if err := b.fill(); err != nil {
			a.BodyIncomplete = err != io.EOF
			return false
		}
	}
}

// readChunked reads chunks (RFC 9112 section 7.1). Extensions and trailers are
// passed over.
func (b *reader) readChunked(a *hook.Attempt) (clean bool) {
	err := b.chunks(a)
	// Stopping because enough is stored is no fault of the receiver.
	a.BodyIncomplete = err != nil && !(err == errBodyTooLong && a.BodyTruncated)
	return err == nil
}

func (b *reader) chunks(a *hook.Attempt) error {
	for total := int64(0); ; {
		line, err := b.line()
		if err != nil {
			return err
		}
		size, ok := parseChunkSize(line)
		if !ok {
			return errChunk
		}
		if size == 0 {
			break
		}
		if total += size; total > hook.MaxStoredBody+maxDrainBytes {
			// Store what is wanted of this chunk, then give up.
			room := hook.MaxStoredBody - len(a.Body)
			if err := b.take(int(min(size, int64(room))), a); err != nil {
				return err
			}
			a.BodyTruncated = true
			return errBodyTooLong
		}
		if err := b.take(int(size), a); err != nil {
			return err
		}
		if line, err = b.line(); err != nil {
			return err
		}
		if len(line) != 0 {
			return errChunk
		}
	}
	for {
		line, err := b.line()
		if err != nil || len(line) == 0 {
			return err
		}
	}
}

// parseChunkSize reads the hexadecimal size before an extension.
func parseChunkSize(line []byte) (int64, bool) {
	digits, _, _ := bytes.Cut(line, []byte{';'})
	digits = bytes.TrimRight(digits, " \t")
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		n = n<<4 | int64(c)
	}
	return n, true
}
