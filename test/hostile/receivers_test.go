//go:build unix

package hostile

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

// receiverCase is one line of hostile-receivers.json.
type receiverCase struct {
	ID, Cat, Name, Why string
	Steps              []step
	Listen             string
	TLS                struct {
		Cert, Max  string
		ClientAuth string `json:"client_auth"`
	}
	DNSMode          string `json:"dns_mode"`
	RequestBodyBytes int    `json:"request_body_bytes"`
	Deliveries       int
	Expect           struct {
		Outcome        string
		Class          string
		ClassAny       []string `json:"class_any"`
		Status         int
		BodyIncomplete bool  `json:"body_incomplete"`
		BodyTruncated  bool  `json:"body_truncated"`
		MaxRequests    int   `json:"max_requests"`
		MaxBytesRead   int64 `json:"max_bytes_read"`
		Retry          bool
		SameWebhookID  bool `json:"same_webhook_id"`
		Delay          string
		DelayMinS      int  `json:"delay_min_s"`
		DelayMaxS      int  `json:"delay_max_s"`
		NoState        bool `json:"no_state"`
		LogLines       int  `json:"log_lines"`
	}
}

// The binary's own limits, which are not settings of it (DESIGN.md, CONTRACT.md
// section 0). The file's profile has 3 s where the binary has 15.
const (
	attemptTimeout = 15 * time.Second
	grace          = 5 * time.Second // what a busy machine may add
	// socketBuffers is what two kernels' buffers may hold of an answer that the
	// sender stopped reading.
	socketBuffers = 1 << 20
)

// classes translates the file's error classes into our reasons. A class of the
// file that stands for an HTTP status is judged by the status.
var classes = map[string][]string{
	"conn_refused":              {"connect_refused"},
	"conn_reset":                {"reset"},
	"timeout":                   {"timeout_headers", "connect_timeout"},
	"response_header_too_large": {"bad_response"},
	"protocol_error":            {"bad_response"},
	"tls_error":                 {"tls_expired", "tls_hostname", "tls_unknown_ca", "tls_handshake", "mtls"},
	"dns_error":                 {"dns_not_found", "dns_timeout"},
	"http_status":               {"redirect", "auth", "not_found", "gone", "rejected", "throttled", "server", "bad_response"},
}

// driven is what became of one case.
type driven struct {
	skip     string // why it was not driven
	url      string
	stub     *stub // nil where nothing listens
	err      error
	endpoint string
	attempts []attempt
	seen     []request // at the stub, when the attempts had ended
}

// TestHostileReceivers delivers to every receiver of the collection at once, through
// one server, while a healthy neighbour is delivered to; then judges each recorded
// attempt, the neighbour's latency, and what the process still holds.
func TestHostileReceivers(t *testing.T) {
	var file struct {
		Format json.RawMessage
		Count  int
		Cases  []receiverCase
	}
	readReference(t, "hostile-receivers.json", &file)
	if len(file.Cases) != file.Count || file.Count < 47 {
		t.Fatalf("read %d cases, the file says %d", len(file.Cases), file.Count)
	}
	ca, stranger := newAuthority(t, "hookloft test"), newAuthority(t, "unknown")
	var names *resolver
	if ok, _ := rig.Alone(); ok {
		names = startResolver(t)
	}
	s := rig.Start(t, rig.Options{Args: []string{"--log-format=json"}, Env: ca.env(t)})
	// Retries follow the default schedule in one environment, and wait a day in the
	// other, where the number of requests is counted.
	scheduled, once := s.API(), newTenant(t, s, "once")
	near := newNeighbour(t, once)
	if err := near.run(3 * time.Second); err != nil {
		t.Fatal(err)
	}
	alone := near.take(3 * time.Second)
	before, err := metrics(s.URL)
	if err != nil {
		t.Fatal(err)
	}

	neighbourDone := make(chan error, 1) // one value
	go func() { neighbourDone <- near.run(attemptTimeout + 3*time.Second) }()
	results := make([]driven, len(file.Cases))
	for i, c := range file.Cases {
		results[i] = c.prepare(t, names, ca, stranger)
	}
	var wg sync.WaitGroup
	for i, c := range file.Cases {
		api := once
		if c.Expect.Retry {
			api = scheduled
		}
		wg.Go(func() { c.drive(api, "receiver-"+c.ID, &results[i]) })
	}
	wg.Wait()
	if err := <-neighbourDone; err != nil {
		t.Error(err)
	}
	for i, c := range file.Cases {
		t.Run(c.ID+"_"+c.Name, func(t *testing.T) { c.judge(t, results[i], s) })
	}
	t.Run("neighbour", func(t *testing.T) { judgeNeighbour(t, alone, near.take(attemptTimeout+3*time.Second)) })
	t.Run("ping_flood_costs_little", func(t *testing.T) {
		i := slices.IndexFunc(file.Cases, func(c receiverCase) bool { return c.Name == "h2_ping_flood" })
		file.Cases[i].judgeCPU(t, once, s.URL, results[i])
	})
	scheduled.CloseIdle()
	once.CloseIdle()
	t.Run("nothing_is_left", func(t *testing.T) { awaitBaseline(t, s.URL, before) })
}

// prepare sets the receiver of a case up.
func (c receiverCase) prepare(t *testing.T, names *resolver, ca, stranger *authority) (d driven) {
	t.Helper()
	switch c.Listen {
	case "", "tls", "tcp_as_https", "h2":
		config, err := c.tlsConfig(ca, stranger)
		if err != nil {
			t.Fatal(err)
		}
		d.stub = startStub(t, c.Steps, config)
		scheme := "http"
		if c.Listen != "" {
			scheme = "https"
		}
		d.url = scheme + "://" + d.stub.addr + "/" + c.ID
	case "closed":
		// A port of a listener that was closed just now.
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		d.url = "http://" + l.Addr().String() + "/" + c.ID
		l.Close()
	case "dns":
		if names == nil {
			d.skip = "needs a network namespace of its own, for a resolver to misbehave"
			return d
		}
		name := strings.ToLower(c.ID) + ".example.com"
		names.set(map[string]answers{name: {Mode: c.DNSMode}})
		d.url = "https://" + name + "/"
	default:
		t.Fatalf("%s: listen %q is not known here", c.ID, c.Listen)
	}
	return d
}

// drive publishes to the receiver and waits for the attempt's end.
func (c receiverCase) drive(api *rig.API, uid string, d *driven) {
	if d.skip != "" {
		return
	}
	app, err := api.CreateApp(uid)
	if err != nil {
		d.err = err
		return
	}
	if d.endpoint, err = api.CreateEndpoint(app, rig.EndpointIn{URL: d.url}); err != nil {
		d.err = err
		return
	}
	n := max(c.Deliveries, 1)
	for range n {
		status, _, err := api.Publish(app, rig.MessageIn{EventType: "hostile.case", Payload: payloadOf(c.RequestBodyBytes)})
		if err != nil || status != http.StatusAccepted {
			d.err = fmt.Errorf("publish: status %d, %v", status, err)
			return
		}
	}
	if c.Expect.SameWebhookID {
		n = 2 // the retry, 4 to 6 s later, must say the same
	}
	d.attempts, d.err = awaitAttempts(api, app, d.endpoint, n, attemptTimeout+30*time.Second)
	if d.stub != nil {
		d.seen = d.stub.requestsSeen()
	}
}

// payloadOf makes a JSON object of exactly n bytes, or a small one for 0.
func payloadOf(n int) json.RawMessage {
	const head, tail = `{"pad":"`, `"}`
	if n < len(head)+len(tail) {
		return json.RawMessage(`{"hello":"world"}`)
	}
	return json.RawMessage(head + strings.Repeat("x", n-len(head)-len(tail)) + tail)
}

func (c receiverCase) tlsConfig(ca, stranger *authority) (*tls.Config, error) {
	if c.Listen != "tls" && c.Listen != "h2" {
		return nil, nil
	}
	by, host, until := ca, "127.0.0.1", time.Now().Add(time.Hour)
	switch c.TLS.Cert {
	case "expired":
		until = time.Now().Add(-time.Hour)
	case "wrong_host":
		host = "other.example.com"
	case "untrusted_ca":
		by = stranger
	case "valid", "":
	default:
		return nil, fmt.Errorf("certificate %q is not known here", c.TLS.Cert)
	}
	cert, err := by.leaf(host, until)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{*cert}}
	if c.TLS.Max == "1.1" {
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}
	if c.TLS.ClientAuth == "require" {
		config.ClientAuth = tls.RequireAnyClientCert
	}
	if c.Listen == "h2" {
		// A server of HTTP/2 alone refuses other offers (RFC 7301 section 3.2); crypto/tls
		// would let a client of HTTP/1.1 in as if it had offered nothing.
		h2, other := config.Clone(), config.Clone()
		h2.NextProtos, other.NextProtos = []string{"h2"}, []string{"none"}
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if slices.Contains(hello.SupportedProtos, "h2") {
				return h2, nil
			}
			return other, nil
		}
	}
	return config, nil
}

func (c receiverCase) judge(t *testing.T, d driven, s *rig.Server) {
	if d.skip != "" {
		t.Skip(d.skip)
	}
	if d.err != nil {
		t.Fatal(d.err)
	}
	want := max(c.Deliveries, 1)
	if len(d.attempts) < want {
		t.Fatalf("%s: %d attempts recorded %v after the time-out, want %d", c.Why, len(d.attempts), attemptTimeout, want)
	}
	a := d.attempts[0]
	t.Logf("%s: %v", c.Why, a)
	e := c.Expect
	if took := time.Duration(a.ResponseDurationMs) * time.Millisecond; took > attemptTimeout+grace {
		t.Errorf("the attempt took %v, the limit is %v", took, attemptTimeout)
	}
	c.judgeOutcome(t, a)
	// A stream that was reset after its headers has no whole body (R043), which the file
	// says in words only.
	reset := c.Name == "h2_rst_after_headers_200"
	if e.Outcome == "success" && a.Hookloft.BodyIncomplete != (e.BodyIncomplete || reset) {
		t.Errorf("body_incomplete is %v, want %v", a.Hookloft.BodyIncomplete, e.BodyIncomplete)
	}
	if e.BodyTruncated && !a.Hookloft.BodyTruncated {
		t.Error("the body is not marked truncated")
	}
	if len(a.Response) > 20_000 {
		t.Errorf("%d bytes of the answer are stored", len(a.Response))
	}
	c.judgeWire(t, d)
	c.judgeRetry(t, d)
	if e.LogLines > 0 {
		judgeLog(t, s.LogTail(64<<20), d.endpoint, e.LogLines)
	}
}

func (c receiverCase) judgeOutcome(t *testing.T, a attempt) {
	e := c.Expect
	if success := a.Status == 0; success != (e.Outcome == "success") {
		t.Errorf("status %d, want %s", a.Status, e.Outcome)
	}
	if e.Outcome == "success" && a.Hookloft.Reason != "" {
		t.Errorf("a success has the reason %q", a.Hookloft.Reason)
	}
	if e.Status != 0 && a.ResponseStatusCode != e.Status {
		t.Errorf("HTTP status %d, want %d", a.ResponseStatusCode, e.Status)
	}
	var reasons []string
	for _, class := range append(slices.Clone(e.ClassAny), e.Class) {
		if class == "" {
			continue
		}
		if classes[class] == nil {
			t.Fatalf("class %q is not known here", class)
		}
		reasons = append(reasons, classes[class]...)
		if class == "http_status" && len(e.ClassAny) == 0 && a.ResponseStatusCode == 0 {
			t.Error("no HTTP status was recorded")
		}
	}
	if len(reasons) > 0 && !slices.Contains(reasons, a.Hookloft.Reason) {
		t.Errorf("reason %q, want one of %v", a.Hookloft.Reason, reasons)
	}
	if e.Outcome == "failure" && a.Hookloft.Reason == "" {
		t.Error("a failure without a reason")
	}
}

// judgeWire counts what was seen at the receiver.
func (c receiverCase) judgeWire(t *testing.T, d driven) {
	if d.stub == nil {
		return
	}
	seen := d.seen
	allowed := max(c.Expect.MaxRequests, 1) * max(c.Deliveries, len(d.attempts))
	if len(seen) > allowed {
		t.Errorf("%d requests for %d attempts, at most %d are allowed", len(seen), len(d.attempts), allowed)
	}
	if c.Expect.Outcome == "success" && len(seen) == 0 {
		t.Error("a success without a request")
	}
	d.stub.mu.Lock()
	written := d.stub.written
	d.stub.mu.Unlock()
	if limit := c.Expect.MaxBytesRead; limit > 0 && written > limit+socketBuffers {
		t.Errorf("%d bytes of the answer were taken, the limit is %d", written, limit)
	}
	if c.Expect.NoState {
		for _, r := range seen {
			for _, name := range []string{"Cookie", "Alt-Used", "Upgrade-Insecure-Requests"} {
				if v := r.header.Get(name); v != "" {
					t.Errorf("a request carries %s: %s", name, v)
				}
			}
		}
	}
	if c.Expect.SameWebhookID {
		switch {
		case len(seen) < 2 || len(d.attempts) < 2:
			t.Errorf("no retry came: %d requests, %d attempts", len(seen), len(d.attempts))
		case seen[0].header.Get("Webhook-Id") == "" || seen[0].header.Get("Webhook-Id") != seen[1].header.Get("Webhook-Id"):
			t.Errorf("the retry has webhook-id %q, the first attempt had %q", seen[1].header.Get("Webhook-Id"), seen[0].header.Get("Webhook-Id"))
		}
	}
}

// judgeRetry compares the next attempt's time with the schedule: 5 s with ±20 % after
// a first failure (CONTRACT.md section 0).
func (c receiverCase) judgeRetry(t *testing.T, d driven) {
	e := c.Expect
	if !e.Retry {
		return
	}
	a := d.attempts[0]
	if a.Hookloft.NextAttempt == nil {
		t.Error("no next attempt is planned")
		return
	}
	delay := a.Hookloft.NextAttempt.Sub(a.ended())
	low, high := 4*time.Second, 6*time.Second
	if e.Delay != "schedule" && e.DelayMaxS > 0 {
		low, high = time.Duration(e.DelayMinS)*time.Second, time.Duration(e.DelayMaxS)*time.Second
	}
	if delay < low-50*time.Millisecond || delay > high+5*time.Second {
		t.Errorf("the next attempt is %v after the first, want %v to %v", delay, low, high)
	}
}

// judgeCPU delivers to the receiver again, alone, and compares the processor time of
// the server with a tenth of a core.
func (c receiverCase) judgeCPU(t *testing.T, api *rig.API, url string, d driven) {
	before, err := metrics(url)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	d.attempts, d.err = nil, nil
	if c.drive(api, "receiver-"+c.ID+"-again", &d); d.err != nil {
		t.Fatal(d.err)
	}
	after, err := metrics(url)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	spent := time.Duration((after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]) * float64(time.Second))
	t.Logf("%v of processor time in %v", spent, took)
	// Half a second is for the calls of this test itself and a garbage collection.
	if spent > took/10+500*time.Millisecond {
		t.Errorf("%v of processor time in %v", spent, took)
	}
}

// judgeLog reads the server's log: each line is one JSON object without raw control
// characters, and exactly n lines are attempts to this endpoint.
func judgeLog(t *testing.T, log, endpoint string, n int) {
	t.Helper()
	attempts := 0
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(line, "\n")
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("a log line holds a raw control character: %q", line)
		}
		if !strings.HasPrefix(line, "{") {
			continue // the line on standard output that says ready
		}
		var entry struct{ Msg, Endpoint string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("a log line is not JSON: %q", line)
		}
		if entry.Endpoint == endpoint && entry.Msg == "attempt" {
			attempts++
		}
	}
	if strings.Contains(log, "\nlevel=info msg=pwn") {
		t.Error("the receiver wrote a log line of its own")
	}
	if attempts != n {
		t.Errorf("%d log lines for the attempt, want %d", attempts, n)
	}
}

// neighbour is a healthy endpoint that goes on being delivered to.
type neighbour struct {
	api *rig.API
	app string

	mu   sync.Mutex
	took []time.Duration // from publish to arrival
}

func newNeighbour(t *testing.T, api *rig.API) *neighbour {
	t.Helper()
	n := &neighbour{api: api, app: api.MustCreateApp(t, "neighbour")}
	r := rig.Receive(t, rig.ReceiverOptions{NoLog: true, OnRequest: func(q rig.Request) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.took = append(n.took, q.Began.Sub(q.Published))
	}})
	api.MustCreateEndpoint(t, n.app, rig.EndpointIn{URL: r.URL + "/neighbour"})
	return n
}

// run publishes twenty messages a second for d.
func (n *neighbour) run(d time.Duration) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for seq := int64(1); seq <= int64(messagesIn(d)); seq++ {
		<-tick.C
		payload, err := json.Marshal(rig.Payload{Seq: seq, At: time.Now().UnixNano()})
		if err != nil {
			return err
		}
		status, _, err := n.api.Publish(n.app, rig.MessageIn{EventType: "neighbour.ping", Payload: payload})
		if err != nil || status != http.StatusAccepted {
			return fmt.Errorf("publish for the neighbour: status %d, %v", status, err)
		}
	}
	return nil
}

// messagesIn is how many messages run publishes.
func messagesIn(d time.Duration) int { return int(d / (50 * time.Millisecond)) }

// take waits for the messages of a run of d, and returns the sorted latencies since the last call.
func (n *neighbour) take(d time.Duration) []time.Duration {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		n.mu.Lock()
		arrived := len(n.took)
		n.mu.Unlock()
		if arrived >= messagesIn(d) {
			break
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	out := n.took
	n.took = nil
	slices.Sort(out)
	return out
}

// judgeNeighbour compares latencies. The bound is wide, because stubs and server share
// this machine's cores and some stubs write as fast as they can; test/fairness has the
// narrow one.
func judgeNeighbour(t *testing.T, alone, beside []time.Duration) {
	if len(alone) == 0 || len(beside) == 0 {
		t.Fatalf("the neighbour got %d messages alone and %d beside the others", len(alone), len(beside))
	}
	at := func(list []time.Duration, q float64) time.Duration { return list[int(q*float64(len(list)-1))] }
	t.Logf("publish to arrival, p50/p99: alone %v/%v (%d), beside the hostile ones %v/%v (%d)",
		at(alone, .5), at(alone, .99), len(alone), at(beside, .5), at(beside, .99), len(beside))
	if p50 := at(beside, .5); p50 > max(time.Second, 4*at(alone, .5)) {
		t.Errorf("the neighbour's median rose from %v to %v", at(alone, .5), p50)
	}
	// Whoever waits for a receiver that hangs waits for its time-out.
	if p99 := at(beside, .99); !rig.WithinTail(p99, max(time.Second, 4*at(alone, .99)), attemptTimeout/2) {
		t.Errorf("the neighbour's p99 rose from %v to %v", at(alone, .99), p99)
	}
	if want := messagesIn(attemptTimeout + 3*time.Second); len(beside) != want {
		t.Errorf("the neighbour got %d of %d messages", len(beside), want)
	}
}

// awaitBaseline waits until goroutines and descriptors are back to what they were,
// but for some connections that are kept; one left behind by each case would be 47.
func awaitBaseline(t *testing.T, url string, before map[string]float64) {
	const slack = 20
	var now map[string]float64
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(500 * time.Millisecond) {
		var err error
		if now, err = metrics(url); err != nil {
			t.Fatal(err)
		}
		back := true
		for _, name := range []string{"go_goroutines", "process_open_fds"} {
			if before[name] == 0 {
				t.Fatalf("/metrics has no %s", name)
			}
			back = back && now[name] <= before[name]+slack
		}
		if back || time.Now().After(deadline) {
			break
		}
	}
	for _, name := range []string{"go_goroutines", "process_open_fds"} {
		t.Logf("%s: %v before, %v after", name, before[name], now[name])
		if now[name] > before[name]+slack {
			t.Errorf("%s did not come back: %v before, %v after", name, before[name], now[name])
		}
	}
	t.Logf("resident memory: %.1f MiB before, %.1f MiB after", before["process_resident_memory_bytes"]/(1<<20), now["process_resident_memory_bytes"]/(1<<20))
}
