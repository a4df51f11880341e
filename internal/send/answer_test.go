package send

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// noSocket takes deadlines and nothing else.
type noSocket struct{ net.Conn }

func (noSocket) SetReadDeadline(time.Time) error { return nil }

func newReader(src io.Reader) *reader {
	b := &reader{src: src, raw: noSocket{}, buf: make([]byte, readBufferBytes)}
	b.reset()
	return b
}

// readAnswer reads one answer as a conn does.
func readAnswer(src io.Reader) (a hook.Attempt, keep bool, err error) {
	b := newReader(src)
	h, err := b.readHead()
	if err != nil {
		return a, false, err
	}
	record(&a, h, time.Time{})
	b.beginBody(time.Time{})
	clean := b.readBody(h, &a)
	return a, clean && h.keep && b.r == b.w, nil
}

func TestReadAnswer(t *testing.T) {
	pad := strings.Repeat("x", 20_000)
	for _, c := range []struct {
		name, in   string
		status     int
		header     string
		body       string
		incomplete bool
		truncated  bool
		keep       bool
		err        error
	}{
		{name: "plain", in: "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nok", status: 200, header: "A: b\r\nContent-Length: 2", body: "ok", keep: true},
		{name: "no reason phrase", in: "HTTP/1.1 204\r\n\r\n", status: 204, keep: true},
		{name: "bare line feeds", in: "HTTP/1.1 200 OK\nA: b\nContent-Length: 1\n\nx", status: 200, header: "A: b\r\nContent-Length: 1", body: "x", keep: true},
		{name: "informational answers first", in: "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200, header: "Content-Length: 0", keep: true},
		{name: "until the connection ends", in: "HTTP/1.1 200 OK\r\n\r\nall of it", status: 200, body: "all of it"},
		{name: "body ends early", in: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", status: 200, header: "Content-Length: 9", body: "ok", incomplete: true},
		{name: "longer than the buffer", in: "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + pad[:9000], status: 200, header: "Content-Length: 9000", body: pad[:9000], keep: true},
		{name: "longer than is stored", in: "HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + pad, status: 200, header: "Content-Length: 20000", body: pad[:hook.MaxStoredBody], truncated: true, keep: true},
		{name: "exactly what is stored", in: "HTTP/1.1 200 OK\r\n\r\n" + pad[:hook.MaxStoredBody], status: 200, body: pad[:hook.MaxStoredBody]},
		{name: "chunks", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA ;x\r\n0123456789\r\n0\r\nT: u\r\n\r\n", status: 200, header: "Transfer-Encoding: chunked", body: "abc0123456789", keep: true},
		{name: "chunk without its end", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", status: 200, header: "Transfer-Encoding: chunked", body: "abc", incomplete: true},
		{name: "chunk size that overflows", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc", status: 200, header: "Transfer-Encoding: chunked", incomplete: true},
		{name: "huge chunk", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n" + pad, status: 200, header: "Transfer-Encoding: chunked", body: pad[:hook.MaxStoredBody], truncated: true},
		{name: "compressed chunks stay compressed", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n", status: 200, header: "Transfer-Encoding: gzip, Chunked", body: "z", keep: true},
		{name: "unknown coding", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: new\r\nContent-Length: 1\r\n\r\nxyz", status: 200, header: "Transfer-Encoding: new\r\nContent-Length: 1", body: "xyz"},
		{name: "equal lengths", in: "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok", status: 200, header: "Content-Length: 2, 2\r\nContent-Length: 2", body: "ok", keep: true},
		{name: "folded line", in: "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", status: 200, header: "A: b\r\n c\r\nContent-Length: 0", keep: true},

		{name: "different lengths", in: "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok", err: errContentLength},
		{name: "negative length", in: "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n", err: errContentLength},
		{name: "empty length", in: "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", err: errContentLength},
		{name: "length that overflows", in: "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", err: errContentLength},
		{name: "space before the colon", in: "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", err: errHeaderLine},
		{name: "folded first line", in: "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", err: errHeaderLine},
		{name: "zero byte", in: "HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n", err: errHeaderLine},
		{name: "HTTP/2 in words", in: "HTTP/2 200 OK\r\n\r\n", err: errStatusLine},
		{name: "status below 100", in: "HTTP/1.1 099 OK\r\n\r\n", err: errStatusLine},
		{name: "another protocol", in: "SSH-2.0-OpenSSH_9\r\n", err: errStatusLine},
		{name: "upgrade", in: "HTTP/1.1 101 S\r\n\r\n", err: errSwitched},
		{name: "one endless line", in: "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", maxHeadBytes), err: errHeadTooLarge},
		{name: "nothing", in: "", err: io.EOF},
		{name: "end in the headers", in: "HTTP/1.1 200 OK\r\nA: b\r\n", err: io.EOF},
	} {
		for how, wrap := range map[string]func(io.Reader) io.Reader{"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader} {
			t.Run(c.name+"/"+how, func(t *testing.T) {
				a, keep, err := readAnswer(wrap(strings.NewReader(c.in)))
				if !errors.Is(err, c.err) {
					t.Fatalf("error %v, want %v", err, c.err)
				}
				if a.Status != c.status || string(a.Header) != c.header || string(a.Body) != c.body {
					t.Errorf("status %d, header %q, body %.60q (%d bytes)", a.Status, a.Header, a.Body, len(a.Body))
				}
				if a.BodyIncomplete != c.incomplete || a.BodyTruncated != c.truncated || keep != c.keep {
					t.Errorf("incomplete %t, truncated %t, keep %t", a.BodyIncomplete, a.BodyTruncated, keep)
				}
			})
		}
	}
}

func TestStoredHeaderIsCutAfterALine(t *testing.T) {
	line := "X-Pad: " + strings.Repeat("a", 91) + "\r\n" // 100 bytes
	got := storedHeader([]byte(strings.Repeat(line, 200)))
	if len(got) != 163*100-2 || !bytes.HasSuffix(got, []byte("a")) {
		t.Errorf("kept %d bytes, ending %q", len(got), got[len(got)-5:])
	}
}

func TestReadBodyIsBoundedOnTheWire(t *testing.T) {
	endless := func(unit string) io.Reader {
		return io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), &repeating{unit: unit})
	}
	for _, unit := range []string{"1\r\na\r\n", "1;" + strings.Repeat("e", 3000) + "\r\na\r\n", "5;aaaaaaaa", "0\r\nT: u\r\n"} {
		src := endless(unit)
		counted := &counter{src: src}
		a, keep, err := readAnswer(counted)
		if err != nil || keep || !(a.BodyIncomplete || a.BodyTruncated) {
			t.Errorf("%.9q: error %v, keep %t, incomplete %t, truncated %t", unit, err, keep, a.BodyIncomplete, a.BodyTruncated)
		}
		if counted.n > maxBodyBytes+2*readBufferBytes {
			t.Errorf("%.9q: read %d bytes", unit, counted.n)
		}
	}
}

type repeating struct{ unit string }

func (r *repeating) Read(b []byte) (int, error) {
	n := 0
	for n+len(r.unit) <= len(b) {
		n += copy(b[n:], r.unit)
	}
	if n == 0 {
		n = copy(b, r.unit)
		r.unit = r.unit[n:] + r.unit[:n]
	}
	return n, nil
}

type counter struct {
	src io.Reader
	n   int
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.src.Read(b)
	c.n += n
	return n, err
}

// FuzzReadAnswer holds the parser against net/http's: what both accept, both must
// understand alike, so that no answer can mean one thing to us and another to a proxy.
func FuzzReadAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.0 304 N\nConnection: keep-alive\nContent-Length: 5\n\nhello", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\nx", "\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		a, keep, err := readAnswer(bytes.NewReader(in))
		slow, slowKeep, slowErr := readAnswer(iotest.OneByteReader(bytes.NewReader(in)))
		if (err == nil) != (slowErr == nil) || !bytes.Equal(a.Body, slow.Body) || !bytes.Equal(a.Header, slow.Header) || a.BodyIncomplete != slow.BodyIncomplete {
			t.Fatalf("%q: read at once %+v, %t, %v; byte by byte %+v, %t, %v", in, a, keep, err, slow, slowKeep, slowErr)
		}
		if len(a.Body) > hook.MaxStoredBody || len(a.Header) > maxStoredHeader {
			t.Fatalf("%q: kept %d and %d bytes", in, len(a.Body), len(a.Header))
		}
		if err != nil {
			return
		}
		status, body, bodyErr, theirErr := readByNetHTTP(in)
		if theirErr != nil {
			return // net/http refuses more, for example codings that it does not know
		}
		if a.Status != status {
			t.Fatalf("%q: status %d, net/http says %d", in, a.Status, status)
		}
		if !a.BodyIncomplete && !a.BodyTruncated && bodyErr == nil && !bytes.Equal(a.Body, body) {
			t.Fatalf("%q: body %q, net/http says %q", in, a.Body, body)
		}
		if a.BodyIncomplete && bodyErr == nil && len(body) <= hook.MaxStoredBody {
			t.Fatalf("%q: body incomplete, net/http reads %q", in, body)
		}
	})
}

func readByNetHTTP(in []byte) (status int, body []byte, bodyErr, err error) {
	r := bufio.NewReader(bytes.NewReader(in))
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: "POST"})
		if err != nil {
			return 0, nil, nil, err
		}
		if resp.StatusCode >= 200 {
			body, bodyErr = io.ReadAll(resp.Body)
			return resp.StatusCode, body, bodyErr, nil
		}
		if resp.StatusCode == 101 {
			return 0, nil, nil, errSwitched
		}
		// The body of an informational answer is nothing to net/http either.
	}
}
