package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/bench/measure"
)

// sink counts deliveries. Each connection has a shard of its own, so that the hot
// path shares only the bit maps.
type sink struct {
	delay     time.Duration
	failures  failures
	noLatency bool

	mu     sync.Mutex
	seen   [][]atomic.Uint64 // per endpoint, one bit a message; replaced by reset
	shards map[*shard]struct{}
}

// failures are the deliveries that are answered 500, and recorded all the same. The zero value
// fails endpoint 0; none is down -1.
type failures struct {
	first  int64 // the first delivery of one in so many messages
	always int64 // every delivery of one in so many messages at endpoint 0
	down   int   // all at this endpoint
}

func (f failures) fails(endpoint int, seq int64, isFirst bool) bool {
	return endpoint == f.down || endpoint == 0 && f.always > 0 && seq%f.always == 0 ||
		isFirst && f.first > 0 && (seq+int64(endpoint)*7)%f.first == 0
}

// shard is what one connection has seen. Its mutex is contended only by stats.
type shard struct {
	mu      sync.Mutex
	stats   Stats
	latency []time.Duration
}

func newSink(endpoints, messages int, delay time.Duration) *sink {
	s := &sink{delay: delay, failures: failures{down: -1}, shards: make(map[*shard]struct{})}
	s.seen = make([][]atomic.Uint64, endpoints)
	for i := range s.seen {
		s.seen[i] = make([]atomic.Uint64, (messages+63)/64)
	}
	return s
}

// serve accepts until the listener fails.
func (s *sink) serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go s.conn(c)
	}
}

const (
	answerOK   = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	answerBad  = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
	answerDown = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\ndown"
)

// conn answers the requests of one connection until it ends.
func (s *sink) conn(c net.Conn) {
	defer c.Close()
	sh := new(shard)
	s.mu.Lock()
	s.shards[sh] = struct{}{} // kept after the connection ends: its counts still count
	s.mu.Unlock()
	r := bufio.NewReaderSize(c, 8<<10)
	ok, bad, down := []byte(answerOK), []byte(answerBad), []byte(answerDown)
	var body []byte
	for {
		path, n, err := readHead(r)
		if err != nil {
			return // the peer closed, or does not speak what we understand
		}
		if cap(body) < n {
			body = make([]byte, n)
		}
		body = body[:n]
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		var answer []byte
		switch s.record(sh, path, body, time.Now()) {
		case taken:
			answer = ok
		case failed:
			answer = down
		case strange:
			answer = bad
		}
		if s.delay > 0 {
			time.Sleep(s.delay)
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// verdict is what a request is answered for.
type verdict int

const (
	taken   verdict = iota
	failed          // as failures say
	strange         // not ours
)

// record enters one request, of one message or of a batch, and returns the worst verdict of them.
func (s *sink) record(sh *shard, endpoint int, body []byte, at time.Time) verdict {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.stats.Requests++
	worst, any := taken, false
	for message := range measure.Each(body) {
		any = true
		worst = max(worst, s.message(sh, endpoint, message, at))
	}
	if !any {
		sh.stats.Strange++
		return strange
	}
	return worst
}

// message enters one message. The shard is locked.
func (s *sink) message(sh *shard, endpoint int, body []byte, at time.Time) verdict {
	seq, published, ok := measure.Parse(body)
	if !ok || endpoint < 0 || endpoint >= len(s.seen) || seq >= int64(len(s.seen[endpoint])*64) {
		sh.stats.Strange++
		return strange
	}
	bit := uint64(1) << (seq % 64)
	isFirst := s.seen[endpoint][seq/64].Or(bit)&bit == 0
	answer := taken
	if s.failures.fails(endpoint, seq, isFirst) {
		answer = failed
	}
	if !isFirst {
		sh.stats.Duplicates++
		return answer
	}
	sh.stats.Distinct++
	ns := at.UnixNano()
	if sh.stats.FirstNanos == 0 {
		sh.stats.FirstNanos = ns
	}
	sh.stats.LastNanos = ns
	if !s.noLatency {
		sh.latency = append(sh.latency, at.Sub(published))
	}
	return answer
}

// stats sums all shards up.
func (s *sink) stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum Stats
	var all []time.Duration
	for sh := range s.shards {
		sh.mu.Lock()
		st := sh.stats
		all = append(all, sh.latency...)
		sh.mu.Unlock()
		sum.Requests += st.Requests
		sum.Distinct += st.Distinct
		sum.Duplicates += st.Duplicates
		sum.Strange += st.Strange
		if st.FirstNanos != 0 && (sum.FirstNanos == 0 || st.FirstNanos < sum.FirstNanos) {
			sum.FirstNanos = st.FirstNanos
		}
		sum.LastNanos = max(sum.LastNanos, st.LastNanos)
	}
	sum.Latency = measure.Summarize(all)
	return sum
}

// reset forgets everything. Requests that run at the same time land on either side.
func (s *sink) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.seen {
		for j := range s.seen[i] {
			s.seen[i][j].Store(0)
		}
	}
	for sh := range s.shards {
		sh.mu.Lock()
		sh.stats, sh.latency = Stats{}, nil
		sh.mu.Unlock()
	}
}

var errUnsupported = errors.New("not a request that this tool understands")

// readHead reads a request line and headers, and returns the endpoint number of
// the path and the length of the body. Only what HTTP/1.1 clients with a known
// body send is understood: no chunks, no Expect (RFC 9112 sections 3, 6.2).
func readHead(r *bufio.Reader) (endpoint, length int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	rest, ok := bytes.CutPrefix(line, []byte("POST /"))
	if !ok {
		return 0, 0, errUnsupported
	}
	number, _, _ := bytes.Cut(rest, []byte(" "))
	endpoint, err = strconv.Atoi(string(number))
	if err != nil {
		endpoint = -1 // counted as strange, answered 400
	}
	length = -1
	for {
		line, err = r.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		if len(line) <= 2 {
			break
		}
		if len(line) > 15 && (line[0]|0x20) == 'c' && bytes.EqualFold(line[:15], []byte("content-length:")) {
			length, err = strconv.Atoi(string(bytes.TrimSpace(line[15:])))
			if err != nil {
				return 0, 0, errUnsupported
			}
		}
	}
	if length < 0 || length > 16<<20 {
		return 0, 0, errUnsupported
	}
	return endpoint, length, nil
}
