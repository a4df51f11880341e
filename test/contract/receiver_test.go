//go:build unix

package contract

import (
	"bufio"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// delivery is one request as a receiver saw it.
type delivery struct {
	path, id string
	header   http.Header
	body     string
	at       time.Time
}

// receiver plays the endpoints of a test. What it answers is chosen by path.
type receiver struct {
	*httptest.Server
	t *testing.T

	mu     sync.Mutex
	status map[string]int    // by path, 200 where there is none; guarded by mu
	reply  map[string]string // by path; guarded by mu
	got    []delivery        // guarded by mu
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, status: map[string]int{}, reply: map[string]string{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // broken off: nothing was delivered
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, delivery{q.URL.Path, q.Header.Get("Webhook-Id"), q.Header.Clone(), string(body), time.Now()})
	status := r.status[q.URL.Path]
	if status == 0 {
		status = http.StatusOK
	}
	if status/100 == 3 {
		w.Header().Set("Location", r.URL+"/redirected")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, r.reply[q.URL.Path])
}

// answers chooses the status for a path from now on.
func (r *receiver) answers(path string, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status[path] = status
}

// at are the deliveries to a path so far; all for "".
func (r *receiver) at(path string) []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []delivery
	for _, d := range r.got {
		if path == "" || d.path == path {
			out = append(out, d)
		}
	}
	return out
}

// await returns the nth delivery of a message to a path.
func (r *receiver) await(c *client, path, id string, n int) delivery {
	c.t.Helper()
	var found delivery
	c.until(fmt.Sprintf("delivery %d of %s to %s", n, id, path), func() bool {
		seen := 0
		for _, d := range r.at(path) {
			if d.id == id {
				if seen++; seen == n {
					found = d
					return true
				}
			}
		}
		return false
	})
	return found
}

// signedBy says whether one of a delivery's signatures is by this key, as a receiver that
// follows Standard Webhooks 1.0.0 checks it. key is whsec_ or whpk_.
func (d delivery) signedBy(key string) bool {
	text := d.header.Get("Webhook-Id") + "." + d.header.Get("Webhook-Timestamp") + "." + d.body
	kind, raw, _ := strings.Cut(key, "_")
	secret, err := base64.StdEncoding.DecodeString(raw)
	if err != nil {
		return false
	}
	seconds, err := strconv.ParseInt(d.header.Get("Webhook-Timestamp"), 10, 64)
	if err != nil || d.at.Sub(time.Unix(seconds, 0)).Abs() > 30*time.Second {
		return false
	}
	for one := range strings.FieldsSeq(d.header.Get("Webhook-Signature")) {
		version, text64, _ := strings.Cut(one, ",")
		signature, err := base64.StdEncoding.DecodeString(text64)
		if err != nil {
			return false
		}
		switch {
		case kind == "whsec" && version == "v1":
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(text))
			if hmac.Equal(mac.Sum(nil), signature) {
				return true
			}
		case kind == "whpk" && version == "v1a":
			if ed25519.Verify(secret, []byte(text), signature) {
				return true
			}
		}
	}
	return false
}

// signatures are how many a delivery carries, by version.
func (d delivery) signatures() map[string]int {
	out := map[string]int{}
	for one := range strings.FieldsSeq(d.header.Get("Webhook-Signature")) {
		version, _, _ := strings.Cut(one, ",")
		out[version]++
	}
	return out
}

// rawHead accepts one request on a socket and gives its head as it stood on the wire.
func rawHead(t *testing.T) (url string, head func() string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	// Sent once by the goroutine, which ends with it or with the listener.
	got := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		var b strings.Builder
		in := bufio.NewReader(conn)
		for {
			text, err := in.ReadString('\n')
			b.WriteString(text)
			if err != nil || text == "\r\n" {
				break
			}
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		got <- b.String()
	}()
	return "http://" + l.Addr().String() + "/", func() string {
		t.Helper()
		select {
		case text := <-got:
			return text
		case <-time.After(patience):
			t.Fatal("no request came")
			return ""
		}
	}
}
