package egress

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// hostileCase is one line of reference/hostile/ssrf-urls.json.
type hostileCase struct {
	ID, URL, Expect, Why, Phase string
	DNS                         map[string]dnsAnswer
	Env                         map[string]string
	Config                      struct {
		AllowCIDRs    []netip.Prefix `json:"allow_cidrs"`
		NAT64Prefixes []netip.Prefix `json:"nat64_prefixes"`
	}
}

type dnsAnswer struct {
	A, AAAA []string
	Seq     []dnsAnswer
}

// selfPublic stands for a public address of the machine in the cases that need one.
const selfPublic = "93.184.216.99"

// TestHostileURLs runs every case of the reference through ParseURL and, where it is
// accepted, through a Dialer with a fake resolver and fake sockets.
func TestHostileURLs(t *testing.T) {
	const path = "../../../shared/reference/hostile/ssrf-urls.json"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("the reference data is not beside this checkout: %v", err)
	}
	text := strings.NewReplacer("{{API_PORT}}", "8071", "{{SELF_PUBLIC_IP}}", selfPublic).Replace(string(data))
	var file struct {
		Format struct {
			DenyPrefixes []string `json:"deny_prefixes"`
		}
		Count int
		Cases []hostileCase
	}
	if err := json.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != file.Count || file.Count < 100 {
		t.Fatalf("read %d cases, the file says %d", len(file.Cases), file.Count)
	}
	var deny []netip.Prefix
	for _, p := range file.Format.DenyPrefixes {
		if prefix, err := netip.ParsePrefix(p); err == nil {
			deny = append(deny, prefix)
		}
	}
	checkDenyList(t, deny)
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) { c.run(t, deny) })
	}
}

// checkDenyList compares our table with the reference's, both ways.
func checkDenyList(t *testing.T, want []netip.Prefix) {
	have := map[netip.Prefix]bool{}
	for _, d := range denyList() {
		have[d.prefix] = true
	}
	for _, p := range want {
		// Judged unmapped, so the mapped block can never match.
		if !have[p] && p.String() != "::ffff:0.0.0.0/96" {
			t.Errorf("deny list lacks %s", p)
		}
		delete(have, p)
	}
	for p := range have {
		t.Errorf("deny list has %s, which the reference has not", p)
	}
}

func (c *hostileCase) run(t *testing.T, deny []netip.Prefix) {
	for k, v := range c.Env {
		t.Setenv(k, v)
	}
	guard, err := NewGuard(Rules{
		Allow: c.Config.AllowCIDRs, NAT64: c.Config.NAT64Prefixes,
		Own: []netip.Addr{netip.MustParseAddr(selfPublic)},
	})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := ParseURL(c.URL, Policy{Guard: guard})
	if c.Expect == "reject" {
		if err == nil {
			t.Fatalf("%q accepted as %q: %s", c.URL, parsed, c.Why)
		}
		if len(err.Error()) < 20 {
			t.Errorf("message %q says too little", err)
		}
		return
	}
	if err != nil {
		if c.Expect == "block" {
			return
		}
		t.Fatalf("%q refused: %v (%s)", c.URL, err, c.Why)
	}
	u, err := url.Parse(parsed)
	if err != nil {
		t.Fatal(err)
	}
	port := uint64(443)
	if u.Port() != "" {
		port, _ = strconv.ParseUint(u.Port(), 10, 16)
	}
	resolver := &fakeResolver{answers: c.DNS, calls: map[string]int{}}
	if c.Phase == "create_then_deliver" {
		// Somebody looked at creation: the first answer is spent.
		resolver.LookupNetIP(t.Context(), "ip", u.Hostname())
	}
	sockets := &fakeSockets{}
	dialer := NewDialer(guard, Options{Resolver: resolver, Dial: sockets.dial})
	for range 3 {
		conn, trace, err := dialer.Dial(t.Context(), u.Hostname(), uint16(port))
		if conn != nil {
			conn.Close()
		}
		switch c.Expect {
		case "block":
			if _, ok := err.(*BlockedError); !ok {
				t.Errorf("error %v, want a *BlockedError", err)
			}
			if trace.Remote.IsValid() {
				t.Errorf("trace says that %s was dialled", trace.Remote)
			}
		case "allow", "no_follow":
			if err != nil {
				t.Errorf("dial: %v", err)
			}
		}
	}
	for _, a := range sockets.dialled {
		ap := netip.MustParseAddrPort(a)
		if ap.Addr() == netip.MustParseAddr(selfPublic) {
			t.Errorf("dialled the server's own address")
		}
		for _, p := range append(deny, c.Config.NAT64Prefixes...) {
			if p.Contains(ap.Addr()) {
				t.Errorf("dialled %s in %s", ap, p)
			}
		}
		if uint64(ap.Port()) != port {
			t.Errorf("dialled %s, want port %d", ap, port)
		}
	}
	if c.Expect == "allow" && len(sockets.dialled) != 3 {
		t.Errorf("dialled %v, want three connections", sockets.dialled)
	}
}

// fakeResolver answers from a table; "seq" gives successive answers, the last repeats.
type fakeResolver struct {
	mu      sync.Mutex
	answers map[string]dnsAnswer
	calls   map[string]int
	err     error
}

func (r *fakeResolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, r.err
	}
	host = strings.TrimSuffix(host, ".")
	answer, ok := r.answers[host]
	if !ok {
		answer, ok = r.answers[host+"."]
	}
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if n := len(answer.Seq); n > 0 {
		i := min(r.calls[host], n-1)
		r.calls[host]++
		answer = answer.Seq[i]
	}
	var out []netip.Addr
	for _, a := range append(answer.AAAA, answer.A...) {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

// fakeSockets records what is dialled and opens nothing.
type fakeSockets struct {
	mu      sync.Mutex
	dialled []string
	fail    map[string]error
}

func (s *fakeSockets) dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialled = append(s.dialled, address)
	if err := s.fail[address]; err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	far.Close()
	return near, ctx.Err()
}
