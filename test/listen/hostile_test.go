//go:build unix

package listen

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hookloft/hookloft/test/rig"
)

// dial opens a socket by hand.
func (w *world) dial(token, name string) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 60*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, w.server.URL+"/x/v1/app/acme/listen?name="+name, &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	if err == nil {
		conn.SetReadLimit(-1)
		w.t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, err
}

func (w *world) mustDial(name string) *websocket.Conn {
	w.t.Helper()
	conn, err := w.dial(w.server.Token, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// ends reads until the connection ends and returns how: a close code, or -1 where it was
// cut. It fails after the time given.
func (w *world) ends(conn *websocket.Conn, within time.Duration) websocket.StatusCode {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), within)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			if ctx.Err() != nil {
				w.t.Errorf("the connection did not end within %v", within)
			}
			return websocket.CloseStatus(err)
		}
	}
}

// flood writes frames until the connection ends; at most n.
func flood(ctx context.Context, conn *websocket.Conn, n int, frame []byte) int {
	for i := range n {
		if conn.Write(ctx, websocket.MessageText, frame) != nil {
			return i
		}
	}
	return n
}

// grown fails where the server holds more memory than before, beyond what is allowed.
func (w *world) grown(before int64, allowed int64, after string) {
	w.t.Helper()
	growth := w.server.RSS() - before
	w.t.Logf("memory after %s: %+d MiB", after, growth>>20)
	if growth > allowed {
		w.t.Errorf("the server grew by %d MiB after %s", growth>>20, after)
	}
}

// TestHostileClients: whatever a client does, the server neither hangs nor grows, and
// others are served.
func TestHostileClients(t *testing.T) {
	w := newWorld(t)
	other := w.api.MustCreateApp(t, "other")
	_, foreign, err := w.api.Publish(other, rig.MessageIn{EventType: "invoice.paid", Payload: json.RawMessage(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	l := serveLocal(t, "0", w.secret("laptop"), nil)
	w.listen(l)
	ids := w.publish(5)
	l.awaitCount(5)
	before := w.server.RSS()

	const floods = 1_000_000 // more than two kernels' buffers hold
	for _, c := range []struct {
		name  string
		frame string
		times int
		code  websocket.StatusCode
	}{
		{"acks of another application's message", `{"type":"ack","id":"` + foreign + `"}`, floods, websocket.StatusPolicyViolation},
		{"acks of what was not sent", `{"type":"ack","id":"` + ids[0] + `"}`, floods, websocket.StatusPolicyViolation},
		{"retries", `{"type":"retry","id":"` + ids[0] + `"}`, floods, websocket.StatusPolicyViolation},
		{"no JSON", strings.Repeat("{", 4000), floods, websocket.StatusPolicyViolation},
		{"a huge frame", `{"type":"` + strings.Repeat("x", 20<<20) + `"}`, 1, websocket.StatusMessageTooBig},
	} {
		conn := w.mustDial("hostile")
		done := make(chan int, 1)
		go func() { done <- flood(t.Context(), conn, c.times, []byte(c.frame)) }()
		if code := w.ends(conn, 60*time.Second); code != c.code && code != -1 { // -1: cut before the good-bye was read
			t.Errorf("%s: closed with %d", c.name, code)
		}
		if n := <-done; n == c.times && c.times > 1 {
			t.Errorf("%s: all %d frames were taken", c.name, n)
		}
	}
	w.rawFrames()
	w.grown(before, 64<<20, "floods")

	// Clients that take nothing: each may hold one message, whatever waits for it.
	for i := range 12 {
		w.mustDial(fmt.Sprintf("deaf%d", i))
	}
	big := `{"pad":"` + strings.Repeat("x", 900<<10) + `"}`
	for range 40 {
		_, id, err := w.api.Publish(w.app, rig.MessageIn{EventType: "big", Payload: json.RawMessage(big)})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	l.awaitCount(len(ids))
	w.grown(before, 300<<20, "12 deaf clients with 40 MiB for each")
	ids = append(ids, w.publish(1)...)
	l.awaitCount(len(ids))
	if got := l.ids(); strings.Join(got, " ") != strings.Join(ids, " ") {
		t.Errorf("the honest client got %v, want %v", got, ids)
	}
}

// rawFrames sends what no library would.
func (w *world) rawFrames() {
	w.t.Helper()
	var all sync.WaitGroup
	n := 0
	for name, bytes := range map[string]string{
		"a frame without a mask":      "\x81\x02{}",
		"a reserved operation":        "\x83\x80\x00\x00\x00\x00",
		"reserved bits":               "\xf1\x80\x00\x00\x00\x00",
		"a length beyond all":         "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
		"a ping that is too long":     "\x89\xfe\x10\x00\x00\x00\x00\x00" + strings.Repeat("a", 4096),
		"binary":                      strings.Repeat("\x82\x81\x00\x00\x00\x00a", 100),
		"endless fragments":           "\x01\x80\x00\x00\x00\x00" + strings.Repeat("\x00\xfe\x04\x00\x00\x00\x00\x00"+strings.Repeat("a", 1024), 100),
		"a continuation of nothing":   "\x80\x80\x00\x00\x00\x00",
		"a close with a bad code":     "\x88\x82\x00\x00\x00\x00\x00\x01",
		"a text that is no UTF-8":     strings.Repeat("\x81\x82\x00\x00\x00\x00\xff\xfe", 100),
		"HTTP where frames should be": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		n++
		listener := fmt.Sprint("raw", n)
		all.Go(func() {
			if err := w.rawFrame(listener, bytes); err != nil {
				w.t.Errorf("%s: %v", name, err)
			}
		})
	}
	all.Wait()
}

// rawFrame sends bytes after a handshake; the server must end the connection.
func (w *world) rawFrame(name, text string) error {
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.server.URL, "http://"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		return err
	}
	fmt.Fprintf(conn, "GET /x/v1/app/acme/listen?name=%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", name, w.server.Token)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	go func() { _, _ = io.WriteString(conn, text) }() // it may be cut off
	_, err = io.Copy(io.Discard, r)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return errors.New("the server did not end the connection")
	}
	return nil
}

// TestTokenEndsTheConnection: a token that is ended during a connection ends it, too.
func TestTokenEndsTheConnection(t *testing.T) {
	w := newWorld(t)
	status, body, err := w.api.Do(http.MethodPost, "/api/v1/auth/app-portal-access/acme", map[string]any{"sessionId": "s"})
	var portal struct{ Token string }
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &portal) != nil {
		t.Fatalf("%d %v %s", status, err, body)
	}
	l := serveLocal(t, "0", "", nil)
	c := w.listen(l, "--token", portal.Token)
	w.publish(1)
	l.awaitCount(1)
	if status, body, err := w.api.Do(http.MethodPost, "/api/v1/auth/app/acme/expire-all", map[string]any{"sessionIds": []string{"s"}}); err != nil || status != http.StatusNoContent {
		t.Fatalf("%d %v %s", status, err, body)
	}
	began := time.Now()
	select {
	case <-c.exited:
	case <-time.After(90 * time.Second):
		t.Fatal("the client still listens 90 s after its token was ended")
	}
	if code := c.cmd.ProcessState.ExitCode(); code != 4 || !strings.Contains(c.err.String(), "token") {
		t.Errorf("exit code %d: %s", code, &c.err)
	}
	t.Logf("ended after %v", time.Since(began).Round(100*time.Millisecond))
}
