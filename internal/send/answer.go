package send

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

const (
	// readBufferBytes holds the answers of almost all receivers in one read.
	readBufferBytes = 4 << 10
	// maxHeadBytes bounds everything up to the end of the final header block,
	// informational answers included.
	maxHeadBytes = 64 << 10
	// maxStoredHeader is how much of the header block is kept (hook.Attempt.Header).
	maxStoredHeader = 16 << 10
)

// What can be wrong with an answer's head. The receiver is at fault, so each text is
// shown to the endpoint's owner.
var (
	errHeadTooLarge  = errors.New("the answer's headers are larger than 64 KiB")
	errStatusLine    = errors.New("the answer is not HTTP/1.1: its first line is no status line")
	errHeaderLine    = errors.New("the answer has a malformed header line")
	errContentLength = errors.New("the answer's Content-Length is malformed or contradicts itself")
	errSwitched      = errors.New("the receiver answered 101 Switching Protocols, which nobody asked for")
)

// head is what matters of an answer's status line and header block (RFC 9112).
type head struct {
	status int
	// fields is the block's lines as received; it lies in the reader's buffer and is
	// valid until the next read.
	fields []byte
	// length is the body's Content-Length, -1 for unknown.
	length int64
	// coded: there is a Transfer-Encoding; chunked: it ends with chunked.
	coded, chunked bool
	// toHEAD: the request was a HEAD, whose answer has no body whatever its fields say.
	toHEAD bool
	// keep: nothing in the head forbids to use the connection again.
	keep bool
	// keepAlive is how long the receiver keeps an idle connection; 0 for unknown.
	keepAlive time.Duration
	// retryAfter is the field's value as received; it lies in the buffer.
	retryAfter []byte
	// wish is what the receiver asks for beside the status.
	wish hook.Wish
}

// hasBody reports whether a body may follow (RFC 9112 section 6.3).
func (h *head) hasBody() bool { return h.status != 204 && h.status != 304 && !h.toHEAD }

// reader reads one answer after the other from a connection, each within bounds.
type reader struct {
	src io.Reader
	raw net.Conn // where deadlines are set
	buf []byte
	// buf[r:w] is what was read and not yet taken; scanned is how far it was searched
	// for a line end, so that a dripping receiver does not cost quadratic time.
	r, w, scanned int
	firstByte     time.Time

	// The rest is the body's.
	inBody   bool
	deadline time.Time // until when the body may take; set on the socket when it must be waited for
	budget   int       // how many more bytes may be read
}

func (b *reader) reset() {
	b.r, b.w, b.scanned = 0, 0, 0
	b.firstByte, b.inBody = time.Time{}, false
}

// shrink gives back a buffer that a large header block has made large.
func (b *reader) shrink() {
	if len(b.buf) > 4*readBufferBytes {
		b.buf = make([]byte, readBufferBytes)
	}
}

// fill reads more. In the head, everything read stays where it is, so that the fields
// are one piece; in the body, what was taken makes room.
func (b *reader) fill() error {
	if b.inBody {
		if b.budget <= 0 {
			return errBodyTooLong
		}
		if !b.deadline.IsZero() {
			b.raw.SetReadDeadline(b.deadline)
			b.deadline = time.Time{}
		}
		if b.r > 0 {
			b.w = copy(b.buf, b.buf[b.r:b.w])
			b.scanned -= b.r
			b.r = 0
		}
		if b.w == len(b.buf) {
			return errBodyTooLong
		}
	} else if b.w == len(b.buf) {
		if b.w >= maxHeadBytes {
			return errHeadTooLarge
		}
		b.buf = append(b.buf, make([]byte, min(len(b.buf), maxHeadBytes-len(b.buf)))...)
	}
	n, err := b.src.Read(b.buf[b.w:])
	b.w += n
	b.budget -= n
	if n > 0 {
		if b.firstByte.IsZero() {
			b.firstByte = time.Now()
		}
		if !b.inBody && looksLikeHTTP2(b.buf[:b.w]) {
			return errSpeaksHTTP2
		}
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// line takes the next line, without its end (CRLF, or LF alone as RFC 9112 section
// 2.2 permits).
func (b *reader) line() ([]byte, error) {
	for {
		b.scanned = max(b.scanned, b.r)
		if i := bytes.IndexByte(b.buf[b.scanned:b.w], '\n'); i >= 0 {
			line := b.buf[b.r : b.scanned+i]
			b.r = b.scanned + i + 1
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		b.scanned = b.w
		if err := b.fill(); err != nil {
			return nil, err
		}
	}
}

// readHead reads up to the end of the final answer's header block. Informational
// answers are passed over; the deadline and maxHeadBytes bound them too.
func (b *reader) readHead() (head, error) {
	for {
		line, err := b.line()
		if err != nil {
			return head{}, err
		}
		h := head{length: -1}
		if !h.parseStatus(line) {
			return head{}, errStatusLine
		}
		if h.status == 101 {
			// What follows would be another protocol without end.
			return head{}, errSwitched
		}
		begin := b.r
		for {
			at := b.r
			line, err := b.line()
			if err != nil {
				return head{}, err
			}
			if len(line) == 0 {
				h.fields = b.buf[begin:at]
				break
			}
			// A line that goes on (obs-fold) is an oddity, but harmless where nothing is
			// read from it.
			if folded := line[0] == ' ' || line[0] == '\t'; folded && at > begin {
				continue
			}
			if err := h.parseField(line); err != nil {
				return head{}, err
			}
		}
		if h.status >= 200 {
			if h.coded {
				// Transfer-Encoding wins, and both together smell of smuggling (RFC 9112
				// section 6.1).
				h.keep = h.keep && h.length < 0
				h.length = -1
			}
			return h, nil
		}
	}
}

// looksLikeHTTP2 recognises the frame header of SETTINGS on stream 0, with which every
// HTTP/2 server begins (RFC 9113 section 3.4).
func looksLikeHTTP2(b []byte) bool {
	return len(b) >= 9 && b[0] == 0 && b[3] == 4 && b[4] == 0 && b[5] == 0 && b[6] == 0 && b[7] == 0 && b[8] == 0
}

// parseStatus reads "HTTP/1.1 200 OK". The reason phrase may be absent or odd.
func (h *head) parseStatus(line []byte) bool {
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return false
	}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return false
		}
		h.status = h.status*10 + int(c-'0')
	}
	h.keep = line[7] == '1'
	return (line[7] == '0' || line[7] == '1') && h.status >= 100
}

// parseField reads one header line and takes what the connection depends on.
func (h *head) parseField(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || !isFieldName(line[:colon]) || bytes.IndexByte(line, 0) >= 0 {
		return errHeaderLine
	}
	name, value := line[:colon], bytes.Trim(line[colon+1:], " \t\r")
	switch {
	case is(name, "content-length"):
		return h.parseLength(value)
	case is(name, "transfer-encoding"):
		h.coded = true
		last := value[bytes.LastIndexByte(value, ',')+1:]
		h.chunked = is(bytes.TrimSpace(last), "chunked")
	case is(name, "connection"):
		for token := range bytes.SplitSeq(value, []byte{','}) {
			if !is(bytes.TrimSpace(token), "keep-alive") {
				h.keep = false
			}
		}
	case is(name, "keep-alive"):
		h.keepAlive = parseKeepAlive(value)
	case is(name, "retry-after"):
		h.retryAfter = value
	case is(name, "webhook-delivery"):
		h.wish = wishOf(value)
	}
	return nil
}

// parseLength reads a Content-Length. Equal ones may be repeated, in one line or
// several (RFC 9112 section 6.3); different ones leave no way to tell where the answer
// ends.
func (h *head) parseLength(value []byte) error {
	for part := range bytes.SplitSeq(value, []byte{','}) {
		part = bytes.TrimSpace(part)
		for _, c := range part {
			if c < '0' || c > '9' {
				return errContentLength
			}
		}
		n, err := strconv.ParseInt(string(part), 10, 64)
		if err != nil || h.length >= 0 && h.length != n {
			return errContentLength
		}
		h.length = n
	}
	return nil
}

// parseKeepAlive reads "timeout=5, max=100" (RFC 2068 section 19.7.1). A timeout of 1 s
// or less is returned as 1 s, which keeps nothing.
func parseKeepAlive(value []byte) time.Duration {
	for param := range bytes.SplitSeq(value, []byte{','}) {
		name, number, _ := bytes.Cut(bytes.TrimSpace(param), []byte{'='})
		if !is(bytes.TrimSpace(name), "timeout") {
			continue
		}
		if n, err := strconv.Atoi(string(bytes.Trim(number, ` "`))); err == nil && n >= 0 {
			return time.Duration(min(max(n, 1), 3600)) * time.Second
		}
	}
	return 0
}

// is compares ASCII without regard to case; lower is in lower case.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// record copies what is kept of a head into a.
func record(a *hook.Attempt, h head, now time.Time) {
	a.Status, a.Wish = h.status, h.wish
	a.Header = storedHeader(h.fields)
	a.RetryAfter = parseRetryAfter(string(h.retryAfter), now)
}

// storedHeader returns the lines as received, joined by CRLF, cut after the last line
// that fits.
func storedHeader(fields []byte) []byte {
	if bytes.Count(fields, []byte{'\n'}) != bytes.Count(fields, []byte("\r\n")) {
		// Bare line feeds: make them the usual line ends.
		fields = bytes.ReplaceAll(fields, []byte("\r\n"), []byte{'\n'})
		fields = bytes.ReplaceAll(fields, []byte{'\n'}, []byte("\r\n"))
	}
	if len(fields) > maxStoredHeader {
		fields = fields[:bytes.LastIndexByte(fields[:maxStoredHeader], '\n')+1]
	}
	return bytes.Clone(bytes.TrimSuffix(fields, []byte("\r\n")))
}
