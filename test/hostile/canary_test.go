//go:build linux

package hostile

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// respond is what the canary answers; nil is 200.
type respond struct {
	Status   int
	Location string
}

// canary is every HTTPS server of the Internet: it listens on all addresses and has a
// valid certificate for whatever name or address it is called by.
type canary struct {
	ca *authority

	mu     sync.Mutex
	answer *respond
	hits   []string // "local address host path" of each request
	leaves map[string]*tls.Certificate
}

func startCanary(t *testing.T, ca *authority) *canary {
	t.Helper()
	c := &canary{ca: ca, leaves: map[string]*tls.Certificate{}}
	srv := &http.Server{Handler: c, ErrorLog: log.New(io.Discard, "", 0)}
	var wg sync.WaitGroup
	for _, port := range []string{"443", "8443", "6443"} {
		l, err := tls.Listen("tcp", "[::]:"+port, &tls.Config{GetCertificate: c.certificate})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("canary: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		srv.Close()
		wg.Wait()
	})
	return c
}

func (c *canary) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := hello.ServerName
	if host == "" { // an address: RFC 6066 section 3 has no SNI for those
		local, err := netip.ParseAddrPort(hello.Conn.LocalAddr().String())
		if err != nil {
			return nil, err
		}
		host = local.Addr().Unmap().String()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if leaf := c.leaves[host]; leaf != nil {
		return leaf, nil
	}
	leaf, err := c.ca.leaf(host, time.Now().Add(time.Hour))
	if err == nil {
		c.leaves[host] = leaf
	}
	return leaf, err
}

func (c *canary) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	c.mu.Lock()
	c.hits = append(c.hits, fmt.Sprintf("%s %s %s", local, r.Host, r.URL))
	answer := c.answer
	c.mu.Unlock()
	// Every case is to look its name up again.
	w.Header().Set("Connection", "close")
	if answer != nil {
		w.Header().Set("Location", answer.Location)
		w.WriteHeader(answer.Status)
	}
}

func (c *canary) respond(r *respond) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = r
}

// take returns and forgets the requests so far.
func (c *canary) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.hits
	c.hits = nil
	return out
}

// synRecorder sees every TCP connection that is begun in this network, to any port,
// whether somebody listens there or not (packet(7), ETH_P_ALL on lo).
type synRecorder struct {
	mu  sync.Mutex
	dst []netip.AddrPort
}

func startSynRecorder(t *testing.T) *synRecorder {
	t.Helper()
	const allProtocols = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xff00 // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, allProtocols)
	if err != nil {
		t.Fatalf("open a packet socket: %v", err)
	}
	// So that the reader sees the end of the test.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		t.Fatal(err)
	}
	s := &synRecorder{}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 128) // headers are enough
		for {
			select {
			case <-quit:
				return
			default:
			}
			n, _, err := unix.Recvfrom(fd, buf, 0)
			if err != nil {
				continue
			}
			if to, ok := synTo(buf[:n]); ok {
				s.mu.Lock()
				s.dst = append(s.dst, to)
				s.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		close(quit)
		<-done
		unix.Close(fd)
	})
	return s
}

// take returns and forgets what was dialled so far.
func (s *synRecorder) take() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.dst
	s.dst = nil
	return out
}

// synTo returns where an IP packet (RFC 791, RFC 8200) would open a TCP connection to.
func synTo(p []byte) (to netip.AddrPort, ok bool) {
	if len(p) < 40 {
		return to, false
	}
	var dst netip.Addr
	switch p[0] >> 4 {
	case 4:
		head := int(p[0]&15) * 4
		if p[9] != unix.IPPROTO_TCP || len(p) < head+20 {
			return to, false
		}
		dst, p = netip.AddrFrom4([4]byte(p[16:20])), p[head:]
	case 6:
		if p[6] != unix.IPPROTO_TCP || len(p) < 60 {
			return to, false
		}
		dst, p = netip.AddrFrom16([16]byte(p[24:40])), p[40:]
	default:
		return to, false
	}
	const syn, ack = 0x02, 0x10
	if p[13]&(syn|ack) != syn {
		return to, false
	}
	return netip.AddrPortFrom(dst, binary.BigEndian.Uint16(p[2:4])), true
}
