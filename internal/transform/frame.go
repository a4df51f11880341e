package transform

import (
	"encoding/binary"
	"errors"
	"io"
)

// Parent and child speak in frames: four bytes of length (big endian), then fields one
// after the other, each a varint, or a varint of length and that many bytes. Both ends are
// the same program, so there are no versions.

// maxFrameBytes bounds a frame of either side.
const maxFrameBytes = MaxInputBytes + 1<<20

var errFrame = errors.New("a frame is broken")

// request asks a child for one run.
type request struct {
	op      byte // opRun, opBatch, opCheck
	isText  bool
	isKept  bool   // for the pool: the result counts as kept
	micros  uint64 // of processor time
	nowMs   uint64
	seed    uint64
	code    string
	meta    string // JSON of the input without its payload
	payload string
}

const (
	opRun = iota
	opBatch
	opCheck
)

// response is what became of it.
type response struct {
	status       byte
	line, column uint64
	text         string // of a failure
	head, body   string // of a result
	console      []string
	kept         int // bytes that the pool counts as kept
}

const (
	statusDone = iota
	statusFailed
	statusTimeout
	statusMemory
)

// The appends. The first four bytes are filled in by seal.
func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func seal(b []byte) []byte {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func (r *request) append(b []byte) []byte {
	flag := byte(0)
	if r.isText {
		flag = 1
	}
	b = append(b, 0, 0, 0, 0, r.op, flag)
	for _, n := range [...]uint64{r.micros, r.nowMs, r.seed} {
		b = binary.AppendUvarint(b, n)
	}
	for _, s := range [...]string{r.code, r.meta, r.payload} {
		b = appendText(b, s)
	}
	return seal(b)
}

func (r *request) parse(b []byte) error {
	if len(b) < 2 {
		return errFrame
	}
	r.op, r.isText = b[0], b[1] == 1
	f := fields{b: b[2:]}
	r.micros, r.nowMs, r.seed = f.number(), f.number(), f.number()
	r.code, r.meta, r.payload = f.text(), f.text(), f.text()
	return f.end()
}

func (r *response) append(b []byte) []byte {
	b = append(b, 0, 0, 0, 0, r.status)
	b = binary.AppendUvarint(b, r.line)
	b = binary.AppendUvarint(b, r.column)
	for _, s := range [...]string{r.text, r.head, r.body} {
		b = appendText(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(r.console)))
	for _, s := range r.console {
		b = appendText(b, s)
	}
	return seal(b)
}

func (r *response) parse(b []byte) error {
	if len(b) < 1 {
		return errFrame
	}
	r.status = b[0]
	f := fields{b: b[1:]}
	r.line, r.column = f.number(), f.number()
	r.text, r.head, r.body = f.text(), f.text(), f.text()
	n := f.number()
	if n > uint64(len(f.b)) { // each takes a byte at least
		return errFrame
	}
	if n > 0 {
		r.console = make([]string, n)
		for i := range r.console {
			r.console[i] = f.text()
		}
	}
	return f.end()
}

// fields reads what append wrote. After the first mistake all is empty.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) number() uint64 {
	n, size := binary.Uvarint(f.b)
	if size <= 0 {
		f.bad, f.b = true, nil
		return 0
	}
	f.b = f.b[size:]
	return n
}

func (f *fields) text() string {
	n := f.number()
	if n > uint64(len(f.b)) {
		f.bad, f.b = true, nil
		return ""
	}
	s := string(f.b[:n])
	f.b = f.b[n:]
	return s
}

func (f *fields) end() error {
	if f.bad || len(f.b) > 0 {
		return errFrame
	}
	return nil
}

// readFrame reads one frame into buf, which grows where it must.
func readFrame(r io.Reader, buf []byte) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return buf, err
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if n > maxFrameBytes {
		return buf, errFrame
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	_, err := io.ReadFull(r, buf)
	return buf, err
}
