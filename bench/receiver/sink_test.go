package main

import (
	"bytes"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/hookloft/hookloft/bench/measure"
)

func TestSinkCountsFirstReceiptsAndDuplicates(t *testing.T) {
	s := newSink(2, 1000, 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.serve(l)
	defer l.Close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	post := func(path string, body []byte) int {
		resp, err := client.Post("http://"+l.Addr().String()+path, "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	p := measure.NewPayload(300)
	published := time.Now().Add(-50 * time.Millisecond)
	for _, c := range []struct {
		path string
		seq  int64
		want int
	}{{"/0", 1, 200}, {"/1", 1, 200}, {"/0", 2, 200}, {"/0", 1, 200}, {"/2", 1, 400}, {"/x", 1, 400}, {"/0", 5000, 400}} {
		if got := post(c.path, p.Set(c.seq, published)); got != c.want {
			t.Errorf("POST %s number %d: status %d, want %d", c.path, c.seq, got, c.want)
		}
	}
	if got := post("/0", []byte("{}")); got != 400 {
		t.Errorf("a strange body was answered %d", got)
	}
	st := s.stats()
	if st.Requests != 8 || st.Distinct != 3 || st.Duplicates != 1 || st.Strange != 4 {
		t.Errorf("stats %+v", st)
	}
	if st.Latency.Count != 3 || st.Latency.P50 < 50 || st.FirstNanos == 0 || st.LastNanos < st.FirstNanos {
		t.Errorf("times %+v", st)
	}
	s.reset()
	if st := s.stats(); st.Requests != 0 || st.Latency.Count != 0 {
		t.Errorf("after reset: %+v", st)
	}
	if post("/0", p.Set(1, published)); s.stats().Distinct != 1 {
		t.Error("after reset, a message is not new again")
	}
}

func TestSinkFailsWhatItIsTold(t *testing.T) {
	s := newSink(3, 1000, 0)
	s.failures = failures{first: 100, always: 20, down: 2}
	sh := new(shard)
	p := measure.NewPayload(100)
	for _, c := range []struct {
		name     string
		endpoint int
		seq      int64
		want     []verdict
	}{
		{"none of these", 1, 5, []verdict{taken, taken}},
		{"a first delivery", 1, 93, []verdict{failed, taken}},
		{"every one at endpoint 0", 0, 40, []verdict{failed, failed}},
		{"the same at another", 1, 40, []verdict{taken}},
		{"down", 2, 7, []verdict{failed, failed}},
		{"not ours", 3, 7, []verdict{strange}},
	} {
		for i, want := range c.want {
			if got := s.record(sh, c.endpoint, p.Set(c.seq, time.Now()), time.Now()); got != want {
				t.Errorf("%s, time %d: %d, want %d", c.name, i+1, got, want)
			}
		}
	}
}
