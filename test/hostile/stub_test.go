//go:build unix

package hostile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// step is one line of a receiver's script; exactly one field is set. See "steps" in
// the reference file's format.
type step struct {
	Read      string
	Send      *string
	SendHex   string `json:"send_hex"`
	GzipZeros int64  `json:"gzip_zeros"`
	Repeat    *struct {
		Send    string
		Times   int
		EveryMS int `json:"every_ms"`
		Mult    int
	}
	SleepMS int `json:"sleep_ms"`
	Hang    bool
	Close   string
	H2      []string
}

// request is one request as a stub saw it; a plain stub keeps the header block only.
type request struct {
	at     time.Time
	header textproto.MIMEHeader
}

// stub is a server that plays a script on every connection.
type stub struct {
	addr   string // host:port
	script []step
	tls    *tls.Config // nil for plain TCP
	quit   chan struct{}
	wg     sync.WaitGroup

	mu       sync.Mutex
	conns    map[net.Conn]bool
	accepted int
	requests []request
	written  int64 // bytes handed to the kernel on the connection that got most
}

// smallBuffers keeps the kernel from hiding how much was read: what a receiver has
// written but nobody read lies in these buffers.
const smallBuffers = 32 << 10

func startStub(t *testing.T, script []step, config *tls.Config) *stub {
	t.Helper()
	listen := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) {
			// Inherited by accepted connections, and it must be set before they shake hands.
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, smallBuffers)
		}); e != nil {
			return e
		}
		return err
	}}
	l, err := listen.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stub{addr: l.Addr().String(), script: script, tls: config, quit: make(chan struct{}), conns: map[net.Conn]bool{}}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed below
			}
			s.mu.Lock()
			s.conns[c] = true
			s.accepted++
			s.mu.Unlock()
			s.wg.Go(func() {
				s.serve(c.(*net.TCPConn))
				s.mu.Lock()
				delete(s.conns, c)
				s.mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(s.quit)
		s.mu.Lock()
		for c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

func (s *stub) serve(raw *net.TCPConn) {
	defer raw.Close()
	_ = raw.SetWriteBuffer(smallBuffers)
	var c net.Conn = raw
	if s.tls != nil {
		secure := tls.Server(raw, s.tls)
		if secure.Handshake() != nil {
			return // what most of the TLS cases are about
		}
		c = secure
	}
	p := &player{stub: s, raw: raw, conn: c, in: bufio.NewReader(c)}
	for _, st := range s.script {
		if err := p.play(st); err != nil {
			break // the sender has gone, or the script closed the connection
		}
	}
	s.mu.Lock()
	s.written = max(s.written, p.written)
	s.mu.Unlock()
}

// requestsSeen returns a copy of the requests so far.
func (s *stub) requestsSeen() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

func (s *stub) add(r request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
}

// player runs a script on one connection.
type player struct {
	*stub
	raw     *net.TCPConn
	conn    net.Conn
	in      *bufio.Reader
	written int64
}

var errScriptOver = errors.New("the script closed the connection")

func (p *player) play(s step) error {
	switch {
	case s.Read != "":
		return p.read(s.Read)
	case s.Send != nil:
		return p.write([]byte(*s.Send))
	case s.SendHex != "":
		b, err := hex.DecodeString(s.SendHex)
		if err != nil {
			return err
		}
		return p.write(b)
	case s.GzipZeros > 0:
		return p.write(gzipZeros(s.GzipZeros))
	case s.Repeat != nil:
		text := []byte(strings.Repeat(s.Repeat.Send, max(s.Repeat.Mult, 1)))
		for n := 0; n != s.Repeat.Times; n++ {
			if err := p.write(text); err != nil {
				return err
			}
			if err := p.sleep(time.Duration(s.Repeat.EveryMS) * time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	case s.SleepMS > 0:
		return p.sleep(time.Duration(s.SleepMS) * time.Millisecond)
	case s.Hang:
		p.hang()
		return errScriptOver
	case s.Close == "rst":
		p.raw.SetLinger(0) // close(2) then resets
		p.raw.Close()
		return errScriptOver
	case s.Close == "fin":
		p.fin()
		return errScriptOver
	case s.H2 != nil:
		return p.playHTTP2(s.H2)
	}
	return fmt.Errorf("a step that this stub does not know")
}

func (p *player) write(b []byte) error {
	n, err := p.conn.Write(b)
	p.written += int64(n)
	return err
}

func (p *player) sleep(d time.Duration) error {
	if d == 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-p.quit:
		return errScriptOver
	}
}

// hang reads nothing and says nothing until the test ends. What the sender does
// meanwhile is seen on its side.
func (p *player) hang() { <-p.quit }

// fin closes the sending half and waits for the other, so that bytes which the script
// did not read do not turn the close into a reset.
func (p *player) fin() {
	if secure, ok := p.conn.(*tls.Conn); ok {
		_ = secure.CloseWrite()
	}
	_ = p.raw.CloseWrite()
	_ = p.raw.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, _ = io.Copy(io.Discard, p.raw)
}

func (p *player) read(what string) error {
	if what == "none" {
		p.add(request{at: time.Now()}) // a connection stands for its request
		return nil
	}
	r := textproto.NewReader(p.in)
	line, err := r.ReadLine()
	if err != nil {
		return err
	}
	header, err := r.ReadMIMEHeader()
	if err != nil {
		return err
	}
	header.Set(":line", line)
	p.add(request{at: time.Now(), header: header})
	if what == "request" {
		n, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64)
		if err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, p.in, n); err != nil {
			return err
		}
	}
	return nil
}

// gzipZeros returns n zero bytes, compressed: members of 64 MiB in a row, which RFC
// 1952 section 2.2 calls one file, so that even 10 GiB take no time to make.
func gzipZeros(n int64) []byte {
	const member = 64 << 20
	var one bytes.Buffer
	w := gzip.NewWriter(&one)
	if _, err := io.CopyN(w, zeros{}, min(n, member)); err != nil {
		panic(err) // a bytes.Buffer does not fail
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return bytes.Repeat(one.Bytes(), int(max(n/member, 1)))
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
