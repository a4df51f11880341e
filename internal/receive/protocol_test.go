package receive

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// TestHTTP2 sends what differs there: bodies of unknown length, refused ones, and two
// requests on one connection after a refusal.
func TestHTTP2(t *testing.T) {
	w := newWorld(t, Options{})
	w.server.Close()
	w.server = httptest.NewUnstartedServer(w.receiver)
	w.server.EnableHTTP2 = true
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	s := w.source(hook.GenericSource, func(s *hook.Source) { s.Settings.MaxBodyBytes = 1000 })
	for _, c := range []struct {
		path    string
		body    string
		unknown bool
		status  int
	}{
		{"/a%2Fb?x", "one", false, 200},
		{"", strings.Repeat("x", 1000), true, 200},
		{"", strings.Repeat("x", 1001), true, 413},
		{"", strings.Repeat("x", 1001), false, 413},
		{"/..%2f", "two", false, 400},
		{"/c", "three", false, 200},
	} {
		req := w.request("POST", w.url(s)+c.path, c.body)
		if c.unknown {
			req.ContentLength, req.Body = -1, io.NopCloser(strings.NewReader(c.body))
		}
		resp, err := w.server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status || resp.ProtoMajor != 2 {
			t.Errorf("%s with %d bytes: %s %d, want %d", c.path, len(c.body), resp.Proto, resp.StatusCode, c.status)
		}
	}
	list := w.messages(s.ID.Application())
	if len(list) != 3 || list[0].Inbound.Path != "/a%2Fb" || list[0].Inbound.Query != "x" {
		t.Errorf("stored %d messages", len(list))
	}
}

// TestWaitOutlivesTheReadDeadline has a server whose deadline for reading a request passes
// while the request waits for the service behind: its context must not end with it.
func TestWaitOutlivesTheReadDeadline(t *testing.T) {
	w := newWorld(t, Options{})
	w.server.Close()
	w.server = httptest.NewUnstartedServer(w.receiver)
	w.server.Config.ReadTimeout = 100 * time.Millisecond
	w.server.Start()
	t.Cleanup(w.server.Close)
	s := w.source(hook.GenericSource, func(s *hook.Source) {
		passing(s)
		s.Settings.Pass.Deadline = 20 * time.Second
		s.Settings.Methods = []string{"GET", "POST"}
	})
	for _, method := range []string{"POST", "GET"} {
		later := make(chan store.Due, 1)
		w.serve(func(d store.Due) *hook.Attempt { later <- d; return nil })
		go func() {
			d := <-later
			time.Sleep(300 * time.Millisecond) // what is tested is that a deadline has passed
			w.receiver.Answered(d.Message, &hook.Attempt{Endpoint: d.Delivery.Endpoint, Status: http.StatusTeapot})
		}()
		body := "x"
		if method == "GET" {
			body = ""
		}
		if got := w.do(w.request(method, w.url(s), body)); got.status != http.StatusTeapot {
			t.Errorf("%s: answered %d %s, want the service's answer", method, got.status, got.body)
		}
	}
}
