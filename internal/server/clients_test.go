package server

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/config"
)

// serveClients serves h with room for limit connections, as the main listener does.
func serveClients(t *testing.T, limit int, secure *tls.Config, h http.Handler) string {
	t.Helper()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var l net.Listener = newClients(raw, limit)
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	srv := newHTTPServer(h, slog.New(slog.DiscardHandler))
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return raw.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// ask makes one request on c and returns its status.
func ask(t *testing.T, c net.Conn) int {
	t.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp.StatusCode
}

func isClosed(t *testing.T, c net.Conn) bool {
	t.Helper()
	_, err := c.Read(make([]byte, 1))
	if n, ok := err.(net.Error); ok && n.Timeout() {
		return false
	}
	return err != nil
}

func TestIdleConnectionsMakeRoom(t *testing.T) {
	certFile, keyFile := writeCertificate(t, t.TempDir(), 1)
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		secure *tls.Config
		idle   func(t *testing.T, address string) net.Conn
	}{
		{"that sent nothing", nil, dial},
		{"that sent half a request", nil, func(t *testing.T, address string) net.Conn {
			c := dial(t, address)
			io.WriteString(c, "GET / HTTP/1.1\r\nHost")
			return c
		}},
		{"that had an answer", nil, func(t *testing.T, address string) net.Conn {
			c := dial(t, address)
			ask(t, c)
			return c
		}},
		{"in the middle of a handshake", &tls.Config{Certificates: []tls.Certificate{cert}}, dial},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := serveClients(t, 4, c.secure, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			var idle []net.Conn
			for range 40 {
				idle = append(idle, c.idle(t, address))
			}
			client := dial(t, address)
			if c.secure != nil {
				client = tls.Client(client, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // a test's own certificate
			}
			if status := ask(t, client); status != 200 {
				t.Errorf("status %d behind idle connections", status)
			}
			kept := idle
			for deadline := time.Now().Add(time.Minute); len(kept) > 4 && time.Now().Before(deadline); {
				kept = slices.DeleteFunc(kept, func(conn net.Conn) bool {
					conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
					return isClosed(t, conn)
				})
			}
			if len(kept) > 4 {
				t.Errorf("%d idle connections were kept where there is room for 4", len(kept))
			}
		})
	}
}

func TestConnectionWithARequestUnderWayIsKept(t *testing.T) {
	release := make(chan struct{})
	begun := make(chan struct{}, 10)
	address := serveClients(t, 2, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-release
		fmt.Fprint(w, "kept")
	}))
	var busy []net.Conn
	for range 2 {
		c := dial(t, address)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		<-begun
		busy = append(busy, c)
	}
	third := dial(t, address)
	io.WriteString(third, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case <-begun:
		t.Fatal("a third request was let in beside two that fill the room")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	for _, c := range append(busy, third) {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != "kept" {
			t.Errorf("answer %q", body)
		}
		resp.Body.Close()
	}
}

// TestAnswerOnItsWayIsNotCutOff has newcomers wait for room while answers are written
// that fill more than the socket's buffers.
func TestAnswerOnItsWayIsNotCutOff(t *testing.T) {
	const size = 16 << 20
	ended := make(chan struct{}, 10)
	address := serveClients(t, 1, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		w.Write(make([]byte, size))
		ended <- struct{}{}
	}))
	for range 20 {
		busy := dial(t, address)
		io.WriteString(busy, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		in := bufio.NewReader(busy)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		dial(t, address) // waits for room
		if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		<-ended
	}
}

// TestAnswerThatIsNeverReadMakesRoom: a client that reads nothing is given a while only.
func TestAnswerThatIsNeverReadMakesRoom(t *testing.T) {
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	all := newClients(raw, 1)
	defer all.Close()
	accepted := make(chan *client, 2)
	go func() {
		for range 2 {
			if c, err := all.Accept(); err == nil {
				accepted <- c.(*client)
			}
		}
	}()
	dial(t, raw.Addr().String())
	first := <-accepted
	first.begin(false)
	dial(t, raw.Addr().String())
	began := time.Now()
	first.end() // and nothing says that the answer is written
	select {
	case second := <-accepted:
		if took := time.Since(began); took < answerTime {
			t.Errorf("closed after %v", took)
		}
		second.Close()
	case <-time.After(time.Minute):
		t.Fatal("no room is made")
	}
}

// TestBooksOfClientsAreEven opens and closes in every order and looks at the counters.
func TestBooksOfClientsAreEven(t *testing.T) {
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	all := newClients(raw, 3)
	defer all.Close()
	accept := func() *client {
		dial(t, raw.Addr().String())
		c, err := all.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c.(*client)
	}
	a, b, c := accept(), accept(), accept()
	for range 2 {
		if !a.begin(false) {
			t.Fatal("no request on an open connection")
		}
	}
	d := accept() // b has rested the longest: a is at work
	if !b.closed || a.closed || c.closed || b.begin(false) {
		t.Errorf("closed: a %t, b %t, c %t", a.closed, b.closed, c.closed)
	}
	a.end()
	a.idle() // of no meaning while there is another
	if a.place != nil {
		t.Error("a connection rests while one of its two requests is under way")
	}
	a.end()
	a.idle()
	e := accept() // c has rested longer than a
	if !c.closed || a.closed {
		t.Errorf("closed: a %t, c %t", a.closed, c.closed)
	}
	a.begin(false)
	for _, conn := range []*client{a, b, c, d, e, a} {
		conn.Close()
	}
	a.end()
	if all.open != 0 || all.resting.Len() != 0 {
		t.Errorf("%d open and %d at rest after all were closed", all.open, all.resting.Len())
	}
}

// TestUnfinishedRequestsAreBounded sends long header blocks that do not end on many
// connections: those with more than their share go, and a short request still has room.
func TestUnfinishedRequestsAreBounded(t *testing.T) {
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	all := newClients(raw, 2000)
	srv := newHTTPServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), slog.New(slog.DiscardHandler))
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(all) }()
	defer func() {
		srv.Close()
		<-done
		if n := all.unfinished.Load(); n != 0 {
			t.Errorf("%d bytes are in the books after the end", n)
		}
	}()
	kept := dial(t, raw.Addr().String())
	ask(t, kept)
	var flood []net.Conn
	for range 400 {
		c := dial(t, raw.Addr().String())
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-A: "+strings.Repeat("a", 28<<10))
		flood = append(flood, c)
	}
	if !isClosed(t, flood[len(flood)-1]) {
		t.Error("the flood's last connection was kept")
	}
	if n := all.unfinished.Load(); n > maxUnfinished+64<<10 {
		t.Errorf("%d bytes of unfinished requests are held", n)
	}
	for _, c := range []net.Conn{kept, dial(t, raw.Addr().String())} {
		if status := ask(t, c); status != 200 {
			t.Errorf("status %d in the flood", status)
		}
	}
}

func TestRoomForClients(t *testing.T) {
	for _, c := range []struct{ max, files, want int }{{2048, 20, 32}, {2048, 1024, 256}, {2048, 1 << 20, 2048}, {100, 1 << 20, 100}} {
		l, err := listen(&config.Config{Listen: "127.0.0.1:0", MaxClients: c.max}, c.files, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if got := l.(*clients).limit; got != c.want {
			t.Errorf("room for %d with %d files and max-clients %d, want %d", got, c.files, c.max, c.want)
		}
	}
}

// TestConnectionOfHTTP2IsKeptWhileAnyRequestIsUnderWay has two requests on one connection,
// of which one ends.
func TestConnectionOfHTTP2IsKeptWhileAnyRequestIsUnderWay(t *testing.T) {
	certFile, keyFile := writeCertificate(t, t.TempDir(), 1)
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	release, begun := make(chan struct{}), make(chan string, 10)
	config := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}
	address := serveClients(t, 1, config, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- r.Proto
		if r.URL.Path == "/slow" {
			<-release
		}
		fmt.Fprint(w, "kept")
	}))
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, //nolint:gosec // a test's own certificate
	}}
	defer client.CloseIdleConnections()
	answer := make(chan string, 1)
	go func() {
		resp, err := client.Get("https://" + address + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	if proto := <-begun; proto != "HTTP/2.0" {
		t.Fatalf("the connection speaks %s", proto)
	}
	if resp, err := client.Get("https://" + address + "/quick"); err != nil {
		t.Fatal(err)
	} else {
		resp.Body.Close()
	}
	<-begun
	for range 5 { // newcomers that would have the connection closed if it were at rest
		dial(t, address)
	}
	select {
	case text := <-answer:
		t.Fatalf("the slow request ended early: %s", text)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if text := <-answer; text != "kept" {
		t.Errorf("answer %q", text)
	}
}
