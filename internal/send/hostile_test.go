package send

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
)

type hostileProfile struct {
	ConnectMS int `json:"connect_timeout_ms"`
	TLSMS     int `json:"tls_timeout_ms"`
	HeaderMS  int `json:"header_timeout_ms"`
	TotalMS   int `json:"total_timeout_ms"`
	BodyMS    int `json:"body_budget_ms_after_headers"`
	Stored    int `json:"stored_body_max_bytes"`
}

type hostileCase struct {
	ID, Cat, Name, Why string
	Steps              []step
	Listen             string
	DNSMode            string `json:"dns_mode"`
	TLS                struct{ Cert, Max, ClientAuth string }
	RequestBodyBytes   int `json:"request_body_bytes"`
	Deliveries         int
	Expect             struct {
		Outcome, Class string
		ClassAny       []string `json:"class_any"`
		Status         int
		BodyIncomplete bool  `json:"body_incomplete"`
		BodyTruncated  bool  `json:"body_truncated"`
		MaxBytesRead   int64 `json:"max_bytes_read"`
		MaxRequests    int32 `json:"max_requests"`
		Delay          string
		DelayMin       float64 `json:"delay_min_s"`
		DelayMax       float64 `json:"delay_max_s"`
	}
}

const testHost = "hooks.example.com"

// reasons maps the reference's classes to ours (UX section 3).
func reasonsOf(class string, status int) []hook.Reason {
	switch class {
	case "conn_refused":
		return []hook.Reason{hook.ReasonConnectRefused}
	case "conn_reset":
		return []hook.Reason{hook.ReasonReset}
	case "timeout":
		return []hook.Reason{hook.ReasonTimeoutHeaders}
	case "tls_error":
		return []hook.Reason{hook.ReasonTLSExpired, hook.ReasonTLSHostname, hook.ReasonTLSUnknownCA, hook.ReasonTLSHandshake}
	case "dns_error":
		return []hook.Reason{hook.ReasonDNSNotFound, hook.ReasonDNSTimeout}
	case "protocol_error", "response_header_too_large":
		return []hook.Reason{hook.ReasonBadResponse}
	case "http_status":
		return []hook.Reason{reasonOfStatus(status)}
	}
	return nil
}

// TestHostileReceivers plays every case of the reference and judges the attempts.
func TestHostileReceivers(t *testing.T) {
	const path = "../../../shared/reference/hostile/hostile-receivers.json"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("the reference data is not beside this checkout: %v", err)
	}
	var file struct {
		Format struct{ Profile hostileProfile }
		Count  int
		Cases  []hostileCase
	}
	data = bytes.ReplaceAll(data, []byte(`"client_auth"`), []byte(`"ClientAuth"`))
	mustJSON(t, data, &file)
	if len(file.Cases) != file.Count || file.Count < 40 {
		t.Fatalf("read %d cases, the file says %d", len(file.Cases), file.Count)
	}
	leaks := goleak.IgnoreCurrent()
	before := openFiles(t)
	ca := newAuthority(t)
	t.Run("cases", func(t *testing.T) {
		for _, c := range file.Cases {
			t.Run(c.ID+"_"+c.Name, func(t *testing.T) {
				t.Parallel()
				c.run(t, file.Format.Profile, ca)
			})
		}
	})
	// Go's resolver does not stop reading when its caller has gone, only when the time-out
	// of resolv.conf (5 s, twice) is over.
	for deadline := time.Now().Add(60 * time.Second); goleak.Find(leaks) != nil && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	goleak.VerifyNone(t, leaks)
	if after := openFiles(t); after > before {
		t.Errorf("%d file descriptors open, %d before", after, before)
	}
}

// late is what a busy machine may add to a limit.
const late = 10 * time.Second

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Logf("descriptors are not counted here: %v", err)
	}
	return len(entries)
}

func (c *hostileCase) run(t *testing.T, p hostileProfile, ca *authority) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	url, port := "http://"+testHost, 0
	var s *stub
	switch c.Listen {
	case "closed":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port = l.Addr().(*net.TCPAddr).Port
		l.Close()
	case "dns":
		port = 9
	case "", "tcp_as_https", "tls", "h2":
		var config *tls.Config
		if c.Listen == "tls" || c.Listen == "h2" {
			config = c.tlsConfig(t, ca)
		}
		if c.Listen != "" {
			url = "https://" + testHost
		}
		s = newStub(t, c.Steps, config)
		port = s.port()
	default:
		t.Fatalf("unknown listener %q", c.Listen)
	}
	net := &testNet{}
	o := egress.Options{Resolver: net, Dial: net.dial, ConnectTimeout: ms(p.ConnectMS)}
	if c.Listen == "dns" {
		o.Resolver = resolverAt(nameServer(t, c.DNSMode))
	}
	sender := New(egress.NewDialer(loopbackGuard(t), o), Options{
		Timeout: ms(p.TotalMS), TLSTimeout: ms(p.TLSMS), HeaderTimeout: ms(p.HeaderMS), BodyBudget: ms(p.BodyMS), RootCAs: ca.pool(),
	})
	defer sender.Close()
	job := newJob(fmt.Sprintf("%s:%d/hook", url, port))
	if c.RequestBodyBytes > 0 {
		job.Message.Payload = []byte(`{"pad":"` + strings.Repeat("a", c.RequestBodyBytes-10) + `"}`)
	}
	for i := range max(c.Deliveries, 1) {
		requests := int32(0)
		if s != nil {
			requests = s.requests.Load()
		}
		net.read.Store(0)
		if i > 0 {
			// The close of the delivery before may still be under way.
			waitUntil(t, "the kept connection is seen dead", sender.keepsNoneAlive)
		}
		start := time.Now()
		a := sender.Send(t.Context(), job)
		took := time.Since(start)
		if took > ms(p.TotalMS)+late {
			t.Errorf("took %v", took)
		}
		if a.Timings.Body > ms(p.BodyMS)+late {
			t.Errorf("waited %v for the body", a.Timings.Body)
		}
		c.check(t, &a)
		if c.Expect.MaxBytesRead > 0 && net.read.Load() > c.Expect.MaxBytesRead {
			t.Errorf("read %d bytes, at most %d are allowed", net.read.Load(), c.Expect.MaxBytesRead)
		}
		if len(a.Body) > p.Stored {
			t.Errorf("stored %d bytes", len(a.Body))
		}
		if s != nil {
			if made := s.requests.Load() - requests; made > max(c.Expect.MaxRequests, 1) {
				t.Errorf("made %d requests", made)
			}
			if c.Cat == "http2" && s.requests.Load() == 0 && c.Name != "h2_max_concurrent_streams_0" {
				t.Errorf("no request over HTTP/2 was made")
			}
		}
		t.Logf("%s %s %d %q in %v", a.Outcome, a.Reason, a.Status, a.Error, took.Round(time.Millisecond))
	}
}

func (c *hostileCase) tlsConfig(t *testing.T, ca *authority) *tls.Config {
	host, until, issuer := testHost, time.Now().Add(time.Hour), ca
	switch c.TLS.Cert {
	case "expired":
		until = time.Now().Add(-time.Minute)
	case "wrong_host":
		host = "other.example.net"
	case "untrusted_ca":
		issuer = newAuthority(t)
	}
	config := &tls.Config{Certificates: []tls.Certificate{issuer.issue(t, host, until)}}
	if c.TLS.Max == "1.1" {
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}
	if c.TLS.ClientAuth == "require" {
		config.ClientAuth = tls.RequireAnyClientCert
	}
	if c.Listen == "h2" {
		config.NextProtos = []string{"h2"}
		// Go's server lets clients of HTTP/1.1 in although only h2 is on offer; others
		// refuse them, as RFC 7301 asks.
		config.GetConfigForClient = insistOnHTTP2
	}
	return config
}

func insistOnHTTP2(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	for _, p := range hello.SupportedProtos {
		if p == "h2" {
			return nil, nil
		}
	}
	// A config without a common protocol makes crypto/tls send the alert.
	return &tls.Config{NextProtos: []string{"nothing in common"}, Certificates: []tls.Certificate{{}}}, nil
}

func (c *hostileCase) check(t *testing.T, a *hook.Attempt) {
	t.Helper()
	want := hook.Failed
	if c.Expect.Outcome == "success" {
		want = hook.Success
	}
	if a.Outcome != want {
		t.Errorf("outcome %s (%s, %q), want %s: %s", a.Outcome, a.Reason, a.Error, want, c.Why)
	}
	if want == hook.Success && (a.Status < 200 || a.Status > 299 || a.Reason != hook.ReasonNone || a.Error != "") {
		t.Errorf("success with status %d, reason %s, error %q", a.Status, a.Reason, a.Error)
	}
	if c.Expect.Status != 0 && a.Status != c.Expect.Status {
		t.Errorf("status %d, want %d", a.Status, c.Expect.Status)
	}
	if classes := append(c.Expect.ClassAny, c.Expect.Class); classes[0] != "" {
		ok := false
		for _, class := range classes {
			for _, r := range reasonsOf(class, a.Status) {
				ok = ok || a.Reason == r && (class != "http_status" || a.Status != 0)
			}
		}
		if !ok {
			t.Errorf("reason %s (%q), want one of class %v", a.Reason, a.Error, classes)
		}
	}
	if a.Outcome == hook.Failed && a.Status == 0 && a.Error == "" {
		t.Error("a failure without an answer has no words")
	}
	if a.BodyIncomplete != c.Expect.BodyIncomplete && c.ID != "R043" && !(c.Expect.BodyTruncated || c.Name == "error_body_endless") {
		t.Errorf("body_incomplete %t", a.BodyIncomplete)
	}
	if c.Expect.BodyTruncated && !a.BodyTruncated {
		t.Error("body_truncated is not set")
	}
	if c.ID == "R043" && !a.BodyIncomplete {
		t.Error("the reset stream is not marked")
	}
	delay := a.RetryAfter.Seconds()
	if c.Expect.Delay == "schedule" && delay != 0 {
		t.Errorf("asks for %v though nothing usable was sent", a.RetryAfter)
	}
	next, _ := hook.NextDelay(hook.DefaultRetryPolicy(), 0, a, 0.5)
	if c.Expect.DelayMin > 0 && next.Seconds() < c.Expect.DelayMin || c.Expect.DelayMax > 0 && next.Seconds() > c.Expect.DelayMax {
		t.Errorf("next attempt after %v, want %v to %v s", next, c.Expect.DelayMin, c.Expect.DelayMax)
	}
}

// testNet resolves every name to loopback and counts what is read from the sockets.
type testNet struct{ read, dials atomic.Int64 }

func (n *testNet) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

func (n *testNet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.dials.Add(1)
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &countedConn{c.(*net.TCPConn), n}, nil
}

type countedConn struct {
	*net.TCPConn
	net *testNet
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	c.net.read.Add(int64(n))
	return n, err
}

func resolverAt(address string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", address)
	}}
}

func loopbackGuard(t testing.TB) *egress.Guard {
	t.Helper()
	g, err := egress.NewGuard(egress.Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func newJob(url string) Job {
	settings := hook.DefaultSettings()
	return Job{
		Message:   &hook.Message{ID: 1, Application: 2, EventType: "a.b", Payload: []byte(`{"a":1}`)},
		Endpoint:  &hook.Endpoint{ID: 3, Application: 2, URL: url, Secrets: []hook.Secret{{Text: testSecret}}},
		Settings:  &settings,
		WebhookID: "msg_2b5jXN8AQM9LWM0D4loKWxJek01", Attempt: 4, N: 1,
	}
}
