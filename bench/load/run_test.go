//go:build unix

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/bench/measure"
	"github.com/hookloft/hookloft/webhook"
)

// fake is a server that keeps what it was sent.
type fake struct {
	mu      sync.Mutex
	seqs    map[int64]int
	keys    map[string]int
	problem string
	status  func(n int) int
	stall   time.Duration // of the first request
	chunked bool
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var in struct {
		EventType string
		Payload   json.RawMessage
	}
	err := json.Unmarshal(body, &in)
	seq, _, ok := measure.Parse(in.Payload)
	f.mu.Lock()
	if err != nil || !ok || in.EventType != "bench.event" || r.Header.Get("Authorization") != "Bearer secret" || len(in.Payload) != 200 {
		f.problem = string(body)
	}
	f.seqs[seq]++
	f.keys[r.Header.Get("Idempotency-Key")]++
	n := len(f.seqs)
	f.mu.Unlock()
	if n == 1 {
		time.Sleep(f.stall)
	}
	status := http.StatusAccepted
	if f.status != nil {
		status = f.status(n)
	}
	w.WriteHeader(status)
	if f.chunked {
		for range 3 {
			io.WriteString(w, strings.Repeat("y", 500))
			w.(http.Flusher).Flush()
		}
		return
	}
	io.WriteString(w, `{"id":"msg_1"}`)
}

func serve(t *testing.T, f *fake) plan {
	f.seqs, f.keys = make(map[int64]int), make(map[string]int)
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return plan{addr: strings.TrimPrefix(s.URL, "http://"), path: "/api/v1/app/bench/msg", token: "secret",
		eventType: "bench.event", publishers: 4, count: 100, size: 200, firstSeq: 10, limit: 20 * time.Second}
}

func TestLoadSendsEachMessageOnce(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		for _, rate := range []int{0, 2000} {
			f := &fake{chunked: chunked}
			p := serve(t, f)
			p.rate = rate
			r, err := p.run()
			if err != nil {
				t.Fatal(err)
			}
			if r.Acked != 100 || r.Failed != 0 || r.Ack.Count != 100 {
				t.Errorf("chunked %v, rate %d: %+v", chunked, rate, r)
			}
			if f.problem != "" {
				t.Errorf("the server got %q", f.problem)
			}
			if len(f.seqs) != 100 || f.seqs[10] != 1 || f.seqs[109] != 1 {
				t.Errorf("the server got %d different numbers, want 10 to 109 once each", len(f.seqs))
			}
			if len(f.keys) != 100 || f.keys["auto_"] != 0 {
				t.Errorf("%d different idempotency keys for 100 messages", len(f.keys))
			}
		}
	}
}

func TestLoadCountsRefusals(t *testing.T) {
	f := &fake{status: func(n int) int {
		if n%10 == 0 {
			return 503
		}
		return 202
	}}
	p := serve(t, f)
	p.publishers = 1
	r, err := p.run()
	if err != nil {
		t.Fatal(err)
	}
	if r.Acked != 90 || r.Failed != 10 || r.Statuses[503] != 10 {
		t.Errorf("want 90 acknowledged and 10 refused, got %+v", r)
	}
}

// A server that stalls for 300 ms must show in the latency of every message that
// was due meanwhile, although one connection sends only one of them at a time.
func TestHeldRateCountsFromTheDueTime(t *testing.T) {
	f := &fake{stall: 300 * time.Millisecond}
	p := serve(t, f)
	p.publishers, p.rate = 1, 1000
	r, err := p.run()
	if err != nil {
		t.Fatal(err)
	}
	if r.Ack.P50 < 150 {
		t.Errorf("median latency %.1f ms: the stall was left out", r.Ack.P50)
	}
}

func TestKeysOfTwoConnectionsDiffer(t *testing.T) {
	a, b := string(appendKey(nil, 1, 40000)), string(appendKey(nil, 1, 40001))
	if a == b || len(a) != 36 || strings.Count(a, "-") != 4 {
		t.Errorf("keys %s and %s", a, b)
	}
}

// A webhook's load is what package webhook accepts as GitHub's, each under an id of its own.
func TestLoadSendsSignedWebhooks(t *testing.T) {
	verifier, err := webhook.Provider("github", webhook.Config{Secrets: []string{"s3cret"}})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	ids := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		v, err := verifier.Verify(webhook.Request{Method: r.Method, Header: r.Header, Body: body}, time.Now())
		_, _, ok := measure.Parse(body)
		if err != nil || !ok || r.URL.Path != "/in/x" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mu.Lock()
		ids[v.ID] = true
		mu.Unlock()
	}))
	t.Cleanup(s.Close)
	p := plan{addr: strings.TrimPrefix(s.URL, "http://"), path: "/in/x", webhookSecret: "s3cret",
		publishers: 4, count: 100, size: 200, limit: 20 * time.Second}
	r, err := p.run()
	if err != nil {
		t.Fatal(err)
	}
	if r.Acked != 100 || len(ids) != 100 {
		t.Errorf("%d acknowledged, %d different ids, want 100 of both: %+v", r.Acked, len(ids), r)
	}
}
