package receive

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

func TestBodyIsKeptByteForByte(t *testing.T) {
	w := newWorld(t, Options{})
	random := make([]byte, 300_000)
	for i := range random {
		random[i] = byte(i * i >> 3)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(event1)); err != nil || z.Close() != nil {
		t.Fatal("gzip")
	}
	for name, body := range map[string][]byte{
		"empty": {}, "one byte": {0}, "NUL and not UTF-8": {'{', 0, 0xff, 0xfe, '}'}, "large": random, "gzip": zipped.Bytes(),
		"exactly the first buffer": random[:firstBytes], "one more": random[:firstBytes+1],
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, chunked %v", name, chunked), func(t *testing.T) {
				s := w.source("github", func(s *hook.Source) { s.Config.Secrets = []string{"the secret of github"} })
				req := w.signed(s, string(body), "Content-Encoding", "gzip", "Content-Type", "application/octet-stream; a=b")
				if chunked {
					req.ContentLength = -1
					req.Body = io.NopCloser(struct{ io.Reader }{bytes.NewReader(body)})
				}
				if got := w.do(req); got.status != 200 {
					t.Fatalf("answered %d %s", got.status, got.body)
				}
				m := w.one(s)
				if !bytes.Equal(m.RawBody, body) || m.ContentType != "application/octet-stream; a=b" {
					t.Errorf("stored %d bytes of type %s, want %d", len(m.RawBody), m.ContentType, len(body))
				}
				if !strings.Contains(strings.Join(m.Inbound.Header, "|"), "Content-Encoding|gzip") {
					t.Errorf("headers %q: the encoding is missing", m.Inbound.Header)
				}
			})
		}
	}
}

func TestBodyOverTheLimitIsRefused(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source(hook.GenericSource, func(s *hook.Source) { s.Settings.MaxBodyBytes = 1000 })
	if got := w.post(s, strings.Repeat("x", 1000)); got.status != 200 {
		t.Errorf("at the limit: %d", got.status)
	}
	if got := w.post(s, strings.Repeat("x", 1001)); got.status != 413 {
		t.Errorf("over it: %d", got.status)
	}
	req := w.request("POST", w.url(s), "")
	req.ContentLength, req.Body = -1, io.NopCloser(strings.NewReader(strings.Repeat("y", 1_000_000)))
	if got := w.do(req); got.status != 413 {
		t.Errorf("over it, chunked: %d", got.status)
	}
	req.ContentLength, req.Body = -1, io.NopCloser(strings.NewReader(strings.Repeat("z", 1000)))
	if got := w.do(req); got.status != 200 {
		t.Errorf("at the limit, chunked: %d", got.status)
	}
	if n := len(w.messages(s.ID.Application())); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	if got := w.account(s); got["rejected: body too large"] != 2 {
		t.Errorf("account %v", got)
	}
}

func TestExpectContinueIsAskedForOnlyWhatWillBeRead(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source(hook.GenericSource, func(s *hook.Source) { s.Settings.MaxBodyBytes = 1000 })
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
	defer client.CloseIdleConnections()
	for _, c := range []struct {
		url    string
		body   string
		status int
		asked  bool
	}{
		{w.url(s), "hello", 200, true},
		{w.url(s), strings.Repeat("x", 2000), 413, false},
		{w.server.URL + Path + "abc", "hello", 404, false},
	} {
		asked := false
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { asked = true }})
		req := w.request("POST", c.url, c.body, "Expect", "100-continue").WithContext(ctx)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status || asked != c.asked {
			t.Errorf("%d bytes: answered %d, asked for the body: %v; want %d and %v", len(c.body), resp.StatusCode, asked, c.status, c.asked)
		}
	}
}

func TestSlowBodyIsCut(t *testing.T) {
	w := newWorld(t, Options{BodyTimeout: 50 * time.Millisecond, MinBodyRate: 1 << 20})
	s := w.source(hook.GenericSource, nil)
	answer := w.raw("POST " + Path + s.Tokens[0].Text + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegin")
	if !strings.HasPrefix(answer, "HTTP/1.1 408 ") || !strings.Contains(answer, "Connection: close") {
		t.Errorf("answered %q, want 408 and the connection closed", answer)
	}
	if r := w.rejections(s)[0]; string(r.Body) != "begin" || !strings.Contains(r.Reason, "too slowly: 5 bytes") {
		t.Errorf("kept %+v", r)
	}
	if got := w.post(s, "quick"); got.status != 200 {
		t.Errorf("a quick one: %d", got.status)
	}
}

func TestBrokenBodyIsRefused(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.source(hook.GenericSource, nil)
	head := "POST " + Path + s.Tokens[0].Text + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, body := range []string{"zz\r\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "ffffffffffffffff1\r\nhello"} {
		if answer := w.raw(head + body); !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
			t.Errorf("%q: answered %.60q", body, answer)
		}
	}
	if n := len(w.messages(s.ID.Application())); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
	if got := w.account(s); got["rejected: body broken"] != 3 {
		t.Errorf("account %v", got)
	}
}

// TestBodiesShareABudget has many senders hold a body that is nearly complete. What they
// announced is twice the budget, what they sent is within it.
func TestBodiesShareABudget(t *testing.T) {
	const size, limit = 64 << 10, 1 << 20
	w := newWorld(t, Options{BodyMemory: limit, BudgetWait: 50 * time.Millisecond})
	s := w.source(hook.GenericSource, nil)
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range limit / size * 2 {
		conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		if _, err := fmt.Fprintf(conn, "POST %s%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", Path, s.Tokens[0].Text, size, strings.Repeat("x", size/4-1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.post(s, "there is room, for only what came counts"); got.status != 200 {
		t.Errorf("beside announced bodies: %d", got.status)
	}
	for _, conn := range conns {
		if _, err := io.WriteString(conn, strings.Repeat("y", size/2)); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, func() bool { return w.account(s)["rejected: out of memory"] > 0 })
	for _, conn := range conns {
		conn.Close()
	}
	conns = nil
	waitFor(t, func() bool {
		w.receiver.budget.mu.Lock()
		defer w.receiver.budget.mu.Unlock()
		return w.receiver.budget.left == limit
	})
	if got := w.post(s, strings.Repeat("z", size)); got.status != 200 {
		t.Errorf("after they had gone: %d", got.status)
	}
}

// waitFor polls until ok, because what it waits for happens in other processes' sockets.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen in a minute")
		}
	}
}

func TestBudgetNeverLosesAByte(t *testing.T) {
	b := newBudget(100, time.Millisecond)
	var refused atomic.Int64
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 200 {
				h := b.enter(func() {})
				if !h.take(context.Background(), int64(1+(i*37+j*11)%60)) {
					refused.Add(1)
				} else if j%7 == 0 {
					time.Sleep(2 * time.Millisecond) // hold it for longer than others wait
				}
				if j%3 == 0 {
					h.whole()
				}
				h.leave()
			}
		})
	}
	group.Wait()
	if b.left != 100 || len(b.waiting) != 0 || b.cutting != 0 || b.coming.Len() != 0 {
		t.Errorf("%d of 100 are left, %d wait, %d bytes are to be cut, %d bodies are coming", b.left, len(b.waiting), b.cutting, b.coming.Len())
	}
	if refused.Load() == 0 {
		t.Error("nobody was refused: the test did not reach the limit")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	all := b.enter(func() {})
	all.take(ctx, 100)
	if b.enter(func() {}).take(ctx, 1) {
		t.Error("took more than there is")
	}
}

// TestHeldBodiesGiveWay: bodies that stopped coming hold all that bodies of their size may
// have. A smaller body does not even wait; another large one waits until room was made.
func TestHeldBodiesGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 1600
		b := newBudget(total, time.Second)
		ctx := t.Context()
		var order []string
		held := func(name string, n int64) *hold {
			h := b.enter(func() { order = append(order, name) })
			began := time.Now()
			if !h.take(ctx, n) {
				t.Errorf("no room for %s in %v", name, time.Since(began))
			}
			return h
		}
		small := held("small", 10)
		first, second := held("first", 400), held("second", 400)
		quick := b.enter(func() {})
		if began := time.Now(); !quick.take(ctx, 100) || time.Since(began) != 0 {
			t.Errorf("a body of 100 waited for %v", time.Since(began))
		}
		quick.leave()
		began := time.Now()
		go func() {
			for !first.isCut.Load() {
				time.Sleep(time.Millisecond)
			}
			first.leave()
		}()
		third := held("third", 400)
		if waited := time.Since(began); waited == 0 || waited > time.Second/2 {
			t.Errorf("another large body waited for %v", waited)
		}
		if !slices.Equal(order, []string{"first"}) {
			t.Errorf("cut were %q, want the large body that began first", order)
		}
		// What is whole is not cut, whatever others want.
		for _, h := range []*hold{small, second, third} {
			h.whole()
		}
		if b.enter(func() {}).take(ctx, 1000) || len(order) != 1 {
			t.Errorf("took more than there is; cut were %q", order)
		}
	})
}

// TestSmallerBodiesGoFirst: who waits is served by size, so that the largest, which came
// first, finds no room until the others are gone.
func TestSmallerBodiesGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(1000, time.Second)
		all := b.enter(func() {})
		if !all.take(t.Context(), 1000) {
			t.Fatal("a body alone may have everything")
		}
		all.whole()
		served := make(chan int64, 3) // each sends once
		leave := make(chan struct{})  // closed when those that were served are to leave
		for _, n := range []int64{600, 20, 500} {
			go func() {
				h := b.enter(func() {})
				if h.take(t.Context(), n) {
					served <- n
				}
				<-leave
				h.leave()
			}()
			synctest.Wait()
		}
		all.leave()
		synctest.Wait()
		if first := <-served + <-served; first != 520 || len(served) != 0 {
			t.Errorf("%d bytes were served first, and %d bodies besides", first, len(served))
		}
		close(leave)
		synctest.Wait()
		if len(served) != 1 {
			t.Error("the largest was not served when there was room")
		}
	})
}
