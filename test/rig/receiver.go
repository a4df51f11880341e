//go:build unix

package rig

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Request is one delivery request as the receiver saw it.
type Request struct {
	Path      string // which endpoint: each has a path of its own
	ID        string // webhook-id
	Seq       int64  // from the payload; 0 when the body was not one of ours
	Published time.Time
	Began     time.Time // the whole body was read
	Ended     time.Time // the answer was handed to the kernel; zero while it is open
	Status    int       // what we answered; 0 for a request that hung or broke off
	// Fault is why the request does not verify: signature, timestamp, body. Empty
	// means that it is what an endpoint's owner would accept.
	Fault string
}

// ReceiverOptions say how a receiver behaves. The zero value answers 200 at once.
type ReceiverOptions struct {
	// Delay is waited before each answer.
	Delay time.Duration
	// Hang never answers: the request stays open until the sender gives up or the
	// test ends.
	Hang bool
	// Status chooses the answer's status; nil is 200. It runs in the request's
	// goroutine and may block. n counts the requests of this path from 1.
	Status func(path string, n int) int
	// NoLog keeps no Request records, for loads that only need OnRequest.
	NoLog bool
	// OnRequest is called for each request after it was judged, before the answer.
	OnRequest func(Request)
}

// Receiver is an HTTP server on loopback that plays all endpoints of a test.
type Receiver struct {
	URL string // http://127.0.0.1:port, without a path

	o    ReceiverOptions
	quit chan struct{} // closed by the test's end: hung requests return
	srv  *http.Server

	mu      sync.Mutex
	secrets map[string]string // path → whsec_...
	perPath map[string]int
	log     []*Request
}

// maxSkew is how far webhook-timestamp may be from true time (invariant I6).
const maxSkew = 5 * time.Second

// Receive starts a receiver that lives until the test ends.
func Receive(tb testing.TB, o ReceiverOptions) *Receiver {
	tb.Helper()
	r, err := ReceiveAt(tb, "127.0.0.1:0", o)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// ReceiveAt is Receive at an address of the caller's choice, for a receiver that was down.
func ReceiveAt(tb testing.TB, addr string, o ReceiverOptions) (*Receiver, error) {
	tb.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	r := &Receiver{URL: "http://" + l.Addr().String(), o: o, quit: make(chan struct{}),
		secrets: make(map[string]string), perPath: make(map[string]int)}
	r.srv = &http.Server{Handler: r}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := r.srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("receiver: %v", err)
		}
	}()
	tb.Cleanup(func() {
		close(r.quit)
		r.srv.Close()
		<-served
	})
	return r, nil
}

// SetSecret tells the receiver the secret (whsec_...) of the endpoint at path, so
// that its requests are verified. Requests of a path without one are not.
func (r *Receiver) SetSecret(path, secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets[path] = secret
}

func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender broke off: nothing was delivered
	}
	now := time.Now()
	rec := &Request{Path: req.URL.Path, ID: req.Header.Get("Webhook-Id"), Began: now}
	var payload Payload
	if err := json.Unmarshal(body, &payload); err == nil && payload.Seq > 0 {
		rec.Seq, rec.Published = payload.Seq, time.Unix(0, payload.At)
	} else {
		rec.Fault = "body is not what was published"
	}
	r.mu.Lock()
	secret := r.secrets[rec.Path]
	r.perPath[rec.Path]++
	n := r.perPath[rec.Path]
	r.mu.Unlock()
	if rec.Fault == "" && secret != "" {
		rec.Fault = verify(secret, req.Header, body, now)
	}
	if !r.o.NoLog {
		r.mu.Lock()
		r.log = append(r.log, rec)
		r.mu.Unlock()
	}
	if r.o.OnRequest != nil {
		r.o.OnRequest(*rec)
	}
	if r.o.Hang {
		select {
		case <-req.Context().Done():
		case <-r.quit:
		}
		return
	}
	if r.o.Delay > 0 {
		select {
		case <-time.After(r.o.Delay):
		case <-req.Context().Done():
			return
		}
	}
	status := http.StatusOK
	if r.o.Status != nil {
		status = r.o.Status(rec.Path, n)
	}
	// Began..Ended is the span in which a crash of the sender may rightly repeat
	// the request, so Ended is taken after the answer left.
	w.WriteHeader(status)
	_ = http.NewResponseController(w).Flush()
	r.mu.Lock()
	rec.Status, rec.Ended = status, time.Now()
	r.mu.Unlock()
}

// Requests returns a copy of the log, in order of arrival.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Request, len(r.log))
	for i, rec := range r.log {
		out[i] = *rec
	}
	return out
}

// Count is how many requests came to path so far; all paths for "".
func (r *Receiver) Count(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if path != "" {
		return r.perPath[path]
	}
	total := 0
	for _, n := range r.perPath {
		total += n
	}
	return total
}

// Payload is the body that our publishers send.
type Payload struct {
	Seq int64  `json:"seq"` // the ledger's number, above 0
	At  int64  `json:"at"`  // wall clock of the publish in nanoseconds since 1970
	Pad string `json:"pad,omitempty"`
}

// Secret makes a whsec_ secret of 24 bytes (the shortest that Standard Webhooks
// allows) that differs by name. For tests only: it is guessable.
func Secret(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "whsec_" + base64.StdEncoding.EncodeToString(sum[:24])
}

// verify checks a request as Standard Webhooks 1.0.0 tells a receiver to
// ("Verifying webhook authenticity"), with a narrower tolerance: sender and
// receiver share a clock here. It returns "" or what is wrong.
func verify(secret string, h http.Header, body []byte, now time.Time) string {
	id, stamp := h.Get("Webhook-Id"), h.Get("Webhook-Timestamp")
	if id == "" || stamp == "" {
		return "webhook-id or webhook-timestamp is missing"
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return fmt.Sprintf("webhook-timestamp %q is not a number", stamp)
	}
	if skew := now.Sub(time.Unix(seconds, 0)).Abs(); skew > maxSkew {
		return fmt.Sprintf("webhook-timestamp is off by %v", skew)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return "the test's own secret is not base64"
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, stamp)
	mac.Write(body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for sig := range strings.FieldsSeq(h.Get("Webhook-Signature")) {
		if hmac.Equal([]byte(sig), []byte(want)) {
			return ""
		}
	}
	return "webhook-signature does not verify"
}
