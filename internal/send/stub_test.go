package send

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// step is one line of a stub's script (reference/hostile/hostile-receivers.json).
type step struct {
	Read       string
	Send       string
	SendHex    string `json:"send_hex"`
	GzipZeros  int    `json:"gzip_zeros"`
	Repeat     *repetition
	SleepMS    int `json:"sleep_ms"`
	Hang       bool
	Close      string
	HTTP2Lines []string `json:"h2"`
}

type repetition struct {
	Send    string
	Mult    int
	Times   int
	EveryMS int `json:"every_ms"`
}

// stub is a receiver that follows a script on each connection.
type stub struct {
	t     *testing.T
	l     net.Listener
	steps []step
	// requests counts header blocks of requests; seen holds the HTTP/1.1 ones.
	requests    atomic.Int32
	connections atomic.Int32
	mu          sync.Mutex
	seen        []*http.Request
	bodies      [][]byte
	raw         [][]byte // the header blocks as they came

	done chan struct{} // closed at the end, to release what hangs
	wg   sync.WaitGroup
}

// newStub starts a stub on loopback; config makes it a TLS server.
func newStub(t *testing.T, steps []step, config *tls.Config) *stub {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stub{t: t, l: l, steps: steps, done: make(chan struct{})}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			s.connections.Add(1)
			s.wg.Add(1)
			go func() {
				defer s.wg.Done()
				defer raw.Close()
				go func() { // a hanging script must not outlive the test
					<-s.done
					raw.Close()
				}()
				var c net.Conn = raw
				if config != nil {
					secure := tls.Server(raw, config)
					if secure.Handshake() != nil {
						return
					}
					c = secure
				}
				s.follow(c, raw.(*net.TCPConn))
			}()
		}
	}()
	t.Cleanup(s.close)
	return s
}

func (s *stub) close() {
	select {
	case <-s.done:
		return
	default:
	}
	close(s.done)
	s.l.Close()
	s.wg.Wait()
}

func (s *stub) port() int { return s.l.Addr().(*net.TCPAddr).Port }

func (s *stub) follow(c net.Conn, raw *net.TCPConn) {
	var head bytes.Buffer
	in := bufio.NewReader(io.TeeReader(c, &head))
	for _, st := range s.steps {
		switch {
		case st.Read == "headers" || st.Read == "request":
			head.Reset()
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			s.requests.Add(1)
			var body []byte
			block, _, _ := bytes.Cut(head.Bytes(), []byte("\r\n\r\n"))
			block = bytes.Clone(block)
			if st.Read == "request" {
				if body, err = io.ReadAll(req.Body); err != nil {
					return
				}
			}
			s.mu.Lock()
			s.seen, s.bodies, s.raw = append(s.seen, req), append(s.bodies, body), append(s.raw, block)
			s.mu.Unlock()
		case st.Send != "":
			io.WriteString(c, st.Send)
		case st.SendHex != "":
			b, err := hex.DecodeString(st.SendHex)
			if err != nil {
				s.t.Error(err)
			}
			c.Write(b)
		case st.GzipZeros > 0:
			z := gzip.NewWriter(c)
			z.Write(make([]byte, st.GzipZeros))
			z.Close()
		case st.Repeat != nil:
			piece := []byte(strings.Repeat(st.Repeat.Send, max(st.Repeat.Mult, 1)))
			for i := 0; i != st.Repeat.Times; i++ {
				if _, err := c.Write(piece); err != nil {
					return
				}
				s.pause(st.Repeat.EveryMS)
			}
		case st.SleepMS > 0:
			s.pause(st.SleepMS)
		case st.Hang:
			<-s.done
		case st.Close == "rst":
			raw.SetLinger(0)
			raw.Close()
			return
		case st.Close == "fin":
			if c == net.Conn(raw) {
				raw.CloseWrite()
			} else {
				c.Close()
			}
			return
		case st.HTTP2Lines != nil:
			s.followHTTP2(c, in, st.HTTP2Lines)
			return
		case st.Read == "none":
		default:
			s.t.Errorf("script has a step that the stub does not know: %+v", st)
		}
	}
}

func (s *stub) pause(ms int) {
	if ms == 0 {
		return
	}
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
	case <-s.done:
	}
}

// followHTTP2 plays frames after the client's preface.
func (s *stub) followHTTP2(c net.Conn, in *bufio.Reader, lines []string) {
	if lines[0] == "settings early" {
		// As most servers do: they speak before they have heard the client.
		if http2.NewFramer(c, nil).WriteSettings() != nil {
			return
		}
		lines = lines[1:]
	}
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(in, preface); err != nil || string(preface) != http2.ClientPreface {
		return
	}
	fr := http2.NewFramer(c, in)
	stream := uint32(1)
	for _, line := range lines {
		var err error
		switch {
		case line == "settings":
			err = fr.WriteSettings()
		case line == "settings max_concurrent_streams=0":
			err = fr.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0})
		case line == "read_headers":
			for {
				f, readErr := fr.ReadFrame()
				if readErr != nil {
					return
				}
				if h, ok := f.(*http2.HeadersFrame); ok {
					stream = h.StreamID
					s.requests.Add(1)
					break
				}
			}
		case strings.HasPrefix(line, "goaway"):
			err = fr.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, nil)
		case line == "close":
			return
		case line == "hang":
			go io.Copy(io.Discard, c)
			<-s.done
		case line == "headers no END_HEADERS":
			err = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: fields(":status", "200")})
		case line == "loop: continuation 16KiB":
			block := bytes.Repeat(fields("x-pad", strings.Repeat("a", 100)), 150)
			for err == nil {
				err = fr.WriteContinuation(stream, false, block[:min(len(block), 16<<10)])
			}
		case line == "loop: ping":
			for err == nil {
				err = fr.WritePing(false, [8]byte{1})
			}
		case line == "headers :status=200":
			err = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: fields(":status", "200"), EndHeaders: true})
		case line == "rst CANCEL":
			err = fr.WriteRSTStream(stream, http2.ErrCodeCancel)
		case line == "answer 200 ok":
			err = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: fields(":status", "200", "x-a", "b"), EndHeaders: true})
			if err == nil {
				err = fr.WriteData(stream, true, []byte("ok"))
			}
		default:
			s.t.Errorf("script has a frame that the stub does not know: %q", line)
		}
		if err != nil {
			return
		}
	}
	// What the client still says is read, so that its connection does not stall.
	go io.Copy(io.Discard, c)
	<-s.done
}

// fields encodes a header block without the dynamic table.
func fields(pairs ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(pairs); i += 2 {
		e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1], Sensitive: true})
	}
	return b.Bytes()
}

// authority makes certificates for the test receivers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// issue returns a certificate for host that is valid until.
func (a *authority) issue(t testing.TB, host string, until time.Time) tls.Certificate {
	t.Helper()
	return a.issueFor(t, host, until, x509.ExtKeyUsageServerAuth)
}

func (a *authority) issueFor(t testing.TB, host string, until time.Time, use x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// nameServer answers every question over UDP in one way: "servfail", "empty_answer",
// or not at all ("timeout").
func nameServer(t *testing.T, mode string) (address string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if mode == "timeout" || n < 12 {
				continue
			}
			// RFC 1035 section 4.1.1: an answer with the question and no record.
			answer := bytes.Clone(buf[:n])
			flags := uint16(0x8180) // response, recursion available
			if mode == "servfail" {
				flags |= 2
			}
			binary.BigEndian.PutUint16(answer[2:], flags)
			binary.BigEndian.PutUint16(answer[10:], 0)
			// Drop the question's additional record (EDNS), which would be out of place.
			answer = answer[:questionEnd(answer)]
			c.WriteTo(answer, from)
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return c.LocalAddr().String()
}

func questionEnd(m []byte) int {
	at := 12
	for m[at] != 0 {
		at += int(m[at]) + 1
	}
	return at + 5
}

func mustJSON(t testing.TB, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}
