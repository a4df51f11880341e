package cli

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/api"
)

func TestLocalTargets(t *testing.T) {
	for _, c := range []struct{ in, path, want string }{
		{"3000", "", "http://localhost:3000/"},
		{":3000", "/hooks", "http://localhost:3000/hooks"},
		{"localhost:80", "/a?b=1", "http://localhost:80/a?b=1"},
		{"127.0.0.2:8080", "", "http://127.0.0.2:8080/"},
		{"https://dev.example.com/base/", "/x%2Fy", "https://dev.example.com/base/x%2Fy"},
		{"http://10.0.0.1?q=1#f", "", "http://10.0.0.1/?q=1"},
		{"", "", ""}, {"0", "", ""}, {"65536", "", ""}, {"-1", "", ""}, {"example.com:80", "", ""}, {"0.0.0.0:80", "", ""}, {"http://", "", ""},
		{"http://u:p@localhost/", "", ""}, {"file:///etc/passwd", "", ""}, {"localhost:", "", ""}, {"3000", "/%zz", ""},
	} {
		f, err := newForwarder(&listenOptions{target: c.in, path: c.path, forwardTimeout: time.Second})
		var usage *usageError
		switch {
		case c.want == "" && !errors.As(err, &usage):
			t.Errorf("%q %q: %v", c.in, c.path, err)
		case c.want != "" && (err != nil || f.String() != c.want):
			t.Errorf("%q %q: %v %v, want %s", c.in, c.path, f, err, c.want)
		}
	}
}

func TestOnlyLoopbackIsDialled(t *testing.T) {
	for address, ok := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true, "10.0.0.1:80": false, "0.0.0.0:80": false, "[fe80::1]:80": false, "x": false} {
		if err := onlyLoopback("tcp", address, nil); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestProviderRequestIsMadeAnew(t *testing.T) {
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Location", "http://example.com/")
		w.WriteHeader(307)
		_, _ = io.WriteString(w, strings.Repeat("x", 3*maxShownBody))
	}))
	defer srv.Close()
	f, err := newForwarder(&listenOptions{target: srv.URL + "/base?own=1", forwardTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	x := f.send(t.Context(), api.ListenFrameOut{
		Body:    []byte("\x00\xff"),
		Headers: [][2]string{{"X-A", "1"}, {"X-A", "2"}, {"Content-Type", "application/octet-stream"}, {"Host", "evil"}, {"Content-Length", "99"}, {"Connection", "close"}},
		Request: &api.ListenRequest{Method: "PUT", Path: "//a%2Fb/c", Query: "x=%41&x=2"},
	})
	if x.err != nil || x.status != 307 || len(x.body) != maxShownBody {
		t.Fatalf("%+v", x)
	}
	if got.Method != "PUT" || got.RequestURI != "/base/a%2Fb/c?own=1&x=%41&x=2" || string(body) != "\x00\xff" || strings.Join(got.Header["X-A"], ",") != "1,2" ||
		got.Host != strings.TrimPrefix(srv.URL, "http://") || got.ContentLength != 2 || got.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%s %s %v %q", got.Method, got.RequestURI, got.Header, body)
	}
	// A published message without a body is a POST without one.
	if x := f.send(t.Context(), api.ListenFrameOut{}); x.err != nil || got.Method != "POST" || got.ContentLength != 0 || got.RequestURI != "/base?own=1" {
		t.Errorf("%v %s %s %d", x.err, got.Method, got.RequestURI, got.ContentLength)
	}
	// A value that would break out of its header is an error, not a request.
	if x := f.send(t.Context(), api.ListenFrameOut{Headers: [][2]string{{"X", "a\r\nY: b"}}}); x.err == nil {
		t.Error("a header with a line end was sent")
	}
}

func TestForwardTimeout(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	f, err := newForwarder(&listenOptions{target: srv.URL, forwardTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	r := listenResult{exchange: f.send(t.Context(), api.ListenFrameOut{})}
	if r.err == nil || r.err.Error() != "no answer in time" || !r.unreachable() {
		t.Errorf("%+v", r)
	}
}
