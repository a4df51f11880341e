//go:build linux

package hostile

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// attackers run until their context ends. They share the machine's processors with the
// server, so they build what they send once, and do as little as they can.
type attackers struct {
	addr string // of the server
	wg   sync.WaitGroup
	mu   sync.Mutex
	by   map[string]map[int]int // kind → status → answers; 0 for a connection that ended without one
}

const (
	idleConnections  = 10_000
	unknownToken     = "unknown token"
	unknownPerSecond = 5000
)

// attack begins everything at once, and returns when the idle connections are open.
func (s *siege) attack(ctx context.Context, t *testing.T) *attackers {
	t.Helper()
	a := &attackers{addr: s.addr, by: map[string]map[int]int{}}
	post := "POST " + s.path + " HTTP/1.1\r\nHost: x\r\n"
	head := post + "Content-Type: application/json\r\n"
	// A signature that is looked at: the whole body must be read and hashed first.
	forged := head + "X-GitHub-Event: push\r\nX-Hub-Signature-256: sha256=" + strings.Repeat("0", 64) + "\r\n"
	withLength := func(body []byte) []byte {
		return append(fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n", forged, len(body)), body...)
	}
	large := bytes.Repeat([]byte("y"), 5<<20)
	a.idle(ctx, t)

	const second = time.Second
	a.run(ctx, "slow body", 100, second, talk{text: []byte(head + "Content-Length: 1000000\r\n\r\n"), pause: second / 10, more: "x"})
	a.run(ctx, "slow head", 100, second, talk{text: []byte(post), pause: second / 10, more: "X-A: b\r\n"})
	// Nearly all of a large body, and then nothing: memory that waits for a byte.
	a.run(ctx, "held body", 40, 2*second, talk{text: append([]byte(forged+"Content-Length: 5242880\r\n\r\n"), large[:len(large)-1]...)})
	a.run(ctx, "huge header", 4, second/20, talk{text: []byte(head + "X-Huge: " + strings.Repeat("h", 4<<20) + "\r\n\r\n")})
	a.run(ctx, "header flood", 4, second/20, talk{text: []byte(head + strings.Repeat("X-Flood: 1\r\n", 50_000) + "\r\n")})
	var chunks []talk
	for _, body := range []string{"zz\r\nab\r\n0\r\n\r\n", "-1\r\n\r\n", "ffffffffffffffffff\r\nab", "5\r\nabc\r\n0\r\n\r\n",
		"2;" + strings.Repeat("e", 100_000) + "\r\nab\r\n0\r\n\r\n", "1\r\na\r\n0\r\n" + strings.Repeat("T: x\r\n", 20_000) + "\r\n"} {
		chunks = append(chunks, talk{text: []byte(head + "Transfer-Encoding: chunked\r\n\r\n" + body)})
	}
	a.run(ctx, "bad chunks", 4, second/50, chunks...)
	a.run(ctx, "tiny chunks", 2, second/4, talk{text: []byte(forged + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\na\r\n", 100_000) + "0\r\n\r\n")})
	var strange []talk
	for _, text := range []string{
		"POST " + s.path + "/\x00 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"POST " + s.path + "/%00 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"POST " + s.path + "/../../x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"POST " + s.path + "/%2e%2e/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"POST " + s.path + "?\xff\xfe=%ff%zz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n\x00\xff",
		head + "X-GitHub-Delivery: \x00\xff\r\nContent-Length: 0\r\n\r\n",
		forged + "Content-Length: 4\r\n\r\n\x00\xff\xfe\x80",
		head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
		head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		strange = append(strange, talk{text: []byte(text)})
	}
	a.run(ctx, "strange bytes", 4, second/100, strange...)
	a.run(ctx, "gzip bomb", 2, second/20, talk{text: bytes.Replace(withLength(gzipZeros(1<<30)), []byte("Content-Type"), []byte("Content-Encoding: gzip\r\nContent-Type"), 1)})
	a.run(ctx, "large body", 8, second, talk{text: withLength(large)})
	a.run(ctx, "too large", 4, second/20, talk{text: append([]byte(head+"Content-Length: 999999999999\r\n\r\n"), large[:100_000]...)})
	a.unknownTokens(ctx, "/in/"+strings.Repeat("A", 44), s.gone)
	return a
}

func (a *attackers) answer(kind string, status, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.by[kind][status] += n
}

func (a *attackers) total(kind string) (sum int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range a.by[kind] {
		sum += n
	}
	return sum
}

func (a *attackers) wait() { a.wg.Wait() }

// each waits until an attack of every kind has come to an end.
func (a *attackers) each() {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		a.mu.Lock()
		idle := slices.ContainsFunc(slices.Collect(maps.Values(a.by)), func(answers map[int]int) bool { return len(answers) == 0 })
		a.mu.Unlock()
		if !idle {
			return
		}
	}
}

func (a *attackers) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var b strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(a.by)) {
		fmt.Fprintf(&b, " %s %v", kind, a.by[kind])
	}
	return b.String()
}

// check fails where an attacker got what it must not get, or did nothing.
func (a *attackers) check(t *testing.T) {
	t.Helper()
	for kind, answers := range a.by {
		for status, n := range answers {
			if status/100 == 2 || status >= 500 && status != 503 {
				t.Errorf("%s: %d requests were answered %d", kind, n, status)
			}
		}
		if a.total(kind) == 0 {
			t.Errorf("%s: no request came to an end; this attack tested nothing", kind)
		}
	}
}

// talk is what an attacker says on a connection of its own: text, and then more every pause.
type talk struct {
	text  []byte
	pause time.Duration // 0 for no more
	more  string
}

// run starts n attackers of a kind. Each says one of the talks after the other, until ctx ends.
func (a *attackers) run(ctx context.Context, kind string, n int, between time.Duration, talks ...talk) {
	a.mu.Lock()
	a.by[kind] = map[int]int{}
	a.mu.Unlock()
	var next atomic.Int64
	for range n {
		a.wg.Go(func() {
			for ctx.Err() == nil {
				status := a.say(ctx, talks[int(next.Add(1))%len(talks)])
				if ctx.Err() == nil || status != 0 {
					a.answer(kind, status, 1)
				}
				select {
				case <-ctx.Done():
				case <-time.After(between):
				}
			}
		})
	}
}

// dial calls from an address of its own, so that attackers do not use up the ports of others.
func (a *attackers) dial() (net.Conn, error) {
	d := net.Dialer{Timeout: 20 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	return d.Dial("tcp", a.addr)
}

// say returns the status of the answer; 0 when the server has had enough, or ctx ended.
func (a *attackers) say(ctx context.Context, what talk) int {
	c, err := a.dial()
	if err != nil {
		return 0
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	_ = c.SetDeadline(time.Now().Add(40 * time.Second))
	a.wg.Go(func() {
		if _, err := c.Write(what.text); err != nil {
			return
		}
		for what.pause > 0 {
			time.Sleep(what.pause)
			if _, err := io.WriteString(c, what.more); err != nil {
				return // the server hung up, or the attack is over
			}
		}
	})
	var line [len("HTTP/1.1 200")]byte
	if _, err := io.ReadFull(c, line[:]); err != nil {
		return 0
	}
	status, _ := strconv.Atoi(string(line[9:]))
	return status
}

// idle opens connections that say nothing, and holds them. The server may close them.
func (a *attackers) idle(ctx context.Context, t *testing.T) {
	t.Helper()
	const dialers = 50
	var opened sync.WaitGroup
	var open atomic.Int64
	for range dialers {
		opened.Add(1)
		a.wg.Go(func() {
			conns := make([]net.Conn, 0, idleConnections/dialers)
			for len(conns) < cap(conns) && ctx.Err() == nil {
				c, err := a.dial()
				if err != nil {
					break // the server takes no more: its right
				}
				conns = append(conns, c)
			}
			open.Add(int64(len(conns)))
			opened.Done()
			<-ctx.Done()
			for _, c := range conns {
				c.Close()
			}
		})
	}
	opened.Wait()
	if open.Load() < idleConnections {
		t.Errorf("%d idle connections were opened, want %d", open.Load(), idleConnections)
	}
}

// unknownTokens asks for sources that are not there over kept connections, some requests
// at a time: each connection for another path, in turns.
func (a *attackers) unknownTokens(ctx context.Context, paths ...string) {
	const conns, together = 20, 10
	a.mu.Lock()
	a.by[unknownToken] = map[int]int{}
	a.mu.Unlock()
	for i := range conns {
		request := "POST " + paths[i%len(paths)] + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
		batch := []byte(strings.Repeat(request, together))
		a.wg.Go(func() {
			tick := time.NewTicker(time.Second * conns * together / unknownPerSecond)
			defer tick.Stop()
			var line *pipeline
			for {
				select {
				case <-ctx.Done():
					line.close()
					return
				case <-tick.C:
				}
				if line == nil {
					c, err := a.dial()
					if err != nil {
						continue
					}
					line = &pipeline{conn: c, answers: bufio.NewReader(c)}
				}
				status, err := line.ask(batch, together)
				if err != nil {
					a.answer(unknownToken, 0, together)
					line.close()
					line = nil
					continue
				}
				a.answer(unknownToken, status, together)
			}
		})
	}
}

// pipeline is a connection on which the same request is made again and again, and
// answered in the same words but for the time.
type pipeline struct {
	conn    net.Conn
	answers *bufio.Reader
	buf     []byte // room for the answers to a batch; nil before the first answer
}

// ask sends a batch of n requests and returns the status that all of them got.
func (p *pipeline) ask(batch []byte, n int) (status int, err error) {
	_ = p.conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := p.conn.Write(batch); err != nil {
		return 0, err
	}
	if p.buf == nil {
		first, err := p.first()
		if err != nil {
			return 0, err
		}
		p.buf = make([]byte, n*len(first))
		copy(p.buf, first)
		if _, err := io.ReadFull(p.answers, p.buf[len(first):]); err != nil {
			return 0, err
		}
	} else if _, err := io.ReadFull(p.answers, p.buf); err != nil {
		return 0, err
	}
	size := len(p.buf) / n
	const begin = len("HTTP/1.1 404")
	for i := range n {
		if one := p.buf[i*size:]; !bytes.Equal(one[:begin], p.buf[:begin]) {
			return 0, fmt.Errorf("another answer: %.100q", one)
		}
	}
	return strconv.Atoi(string(p.buf[len("HTTP/1.1 "):begin]))
}

// first reads one answer with its length.
func (p *pipeline) first() (answer []byte, err error) {
	length := 0
	for {
		line, err := p.answers.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		answer = append(answer, line...)
		if value, ok := strings.CutPrefix(strings.ToLower(string(line)), "content-length:"); ok {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return nil, err
			}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
	}
	at := len(answer)
	answer = append(answer, make([]byte, length)...)
	_, err = io.ReadFull(p.answers, answer[at:])
	return answer, err
}

func (p *pipeline) close() {
	if p != nil {
		p.conn.Close()
	}
}
