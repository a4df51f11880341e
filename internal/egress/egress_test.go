package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestJudgeUsesEmbeddedAddressOfNAT64(t *testing.T) {
	for _, c := range []struct{ prefix, public, private string }{
		// The examples of RFC 6052 section 2.4, with public and private content.
		{"2001:4860::/32", "2001:4860:102:304::", "2001:4860:a00:1::"},
		{"2001:4860:100::/40", "2001:4860:101:203:4::", "2001:4860:10a:0:1::"},
		{"2001:4860:122::/48", "2001:4860:122:102:3:400::", "2001:4860:122:a00:0:100::"},
		{"2001:4860:122:300::/56", "2001:4860:122:301:2:304::", "2001:4860:122:30a:0:1::"},
		{"2001:4860:122:344::/64", "2001:4860:122:344:1:203:400::", "2001:4860:122:344:a:0:100::"},
		{"2001:4860:122:344::/96", "2001:4860:122:344::102:304", "2001:4860:122:344::a00:1"},
		{"64:ff9b::/96", "64:ff9b::102:304", "64:ff9b::a00:1"},
	} {
		t.Run(c.prefix, func(t *testing.T) {
			g, err := NewGuard(Rules{NAT64: []netip.Prefix{netip.MustParsePrefix(c.prefix)}})
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Judge(netip.MustParseAddr(c.public)); err != nil {
				t.Errorf("public address refused: %v", err)
			}
			err = g.Judge(netip.MustParseAddr(c.private))
			if err == nil || !strings.Contains(err.Error(), "10.0.0.1") {
				t.Errorf("private address: %v; want a refusal that names 10.0.0.1", err)
			}
		})
	}
}

func TestNewGuardRefusesUnknownPrefixes(t *testing.T) {
	for _, r := range []Rules{
		{Allow: []netip.Prefix{{}}},
		{NAT64: []netip.Prefix{netip.MustParsePrefix("2001:db8::/44")}},
		{NAT64: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	} {
		if _, err := NewGuard(r); err == nil {
			t.Errorf("NewGuard(%v) succeeded", r)
		}
	}
}

func TestJudgeRefusesZonesAndMappedAddresses(t *testing.T) {
	g := newGuard(t, "fe80::/10", "::ffff:10.0.0.0/104")
	for _, c := range []struct {
		addr string
		ok   bool
	}{
		{"fe80::1%eth0", false}, {"fe80::1", true}, {"10.1.2.3", true}, {"::ffff:10.1.2.3", true},
		{"::ffff:127.0.0.1", false}, {"::ffff:1.1.1.1", true},
	} {
		if err := g.Judge(netip.MustParseAddr(c.addr)); (err == nil) != c.ok {
			t.Errorf("Judge(%s) = %v, want allowed: %t", c.addr, err, c.ok)
		}
	}
	if g.Judge(netip.Addr{}) == nil {
		t.Error("the zero address is allowed")
	}
}

func TestAllowedPrefixWinsOverOwnAddress(t *testing.T) {
	own := netip.MustParseAddr("93.184.216.99")
	g, _ := NewGuard(Rules{Own: []netip.Addr{own}})
	if g.Judge(own) == nil {
		t.Error("own address allowed")
	}
	g, _ = NewGuard(Rules{Own: []netip.Addr{own}, Allow: []netip.Prefix{netip.MustParsePrefix("93.184.216.99/32")}})
	if err := g.Judge(own); err != nil {
		t.Errorf("own address refused though allowed: %v", err)
	}
}

// TestDialTriesNextAddress also shows that the name is looked up fully qualified, so
// that no search domain of this machine applies.
func TestDialTriesNextAddress(t *testing.T) {
	resolver := &fakeResolver{answers: map[string]dnsAnswer{"x.example.com": {A: []string{"1.1.1.1", "10.0.0.1", "1.1.1.2"}}}}
	sockets := &fakeSockets{fail: map[string]error{"1.1.1.1:443": syscall.ECONNREFUSED}}
	d := NewDialer(newGuard(t), Options{Resolver: resolver, Dial: sockets.dial})
	conn, trace, err := d.Dial(t.Context(), "x.example.com", 443)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if want := []string{"1.1.1.1:443", "1.1.1.2:443"}; !slices.Equal(sockets.dialled, want) {
		t.Errorf("dialled %v, want %v", sockets.dialled, want)
	}
	if trace.Remote.String() != "1.1.1.2:443" {
		t.Errorf("trace says %s", trace.Remote)
	}
	if got := rooted("x.example.com"); got != "x.example.com." {
		t.Errorf("looks up %q", got)
	}
}

func TestDialBoundsCandidates(t *testing.T) {
	var many dnsAnswer
	sockets := &fakeSockets{fail: map[string]error{}}
	for i := range 200 {
		a := netip.AddrFrom4([4]byte{1, 1, 1, byte(i)}).String()
		many.A = append(many.A, a)
		sockets.fail[a+":443"] = syscall.ECONNREFUSED
	}
	d := NewDialer(newGuard(t), Options{Resolver: &fakeResolver{answers: map[string]dnsAnswer{"x.example.com": many}}, Dial: sockets.dial})
	_, trace, err := d.Dial(t.Context(), "x.example.com", 443)
	if !errors.Is(err, syscall.ECONNREFUSED) || !trace.Remote.IsValid() {
		t.Errorf("error %v, trace %+v", err, trace)
	}
	if len(sockets.dialled) != maxCandidates {
		t.Errorf("dialled %d addresses, want %d", len(sockets.dialled), maxCandidates)
	}
}

func TestDialSharesTimeBetweenAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resolver := &fakeResolver{answers: map[string]dnsAnswer{"x.example.com": {A: []string{"1.1.1.1", "1.1.1.2"}}}}
		hole := func(ctx context.Context, _, address string) (net.Conn, error) {
			if address == "1.1.1.1:443" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return (&fakeSockets{}).dial(ctx, "tcp", address)
		}
		d := NewDialer(newGuard(t), Options{Resolver: resolver, Dial: hole, ConnectTimeout: 4 * time.Second})
		conn, trace, err := d.Dial(t.Context(), "x.example.com", 443)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if trace.Connect != 2*time.Second {
			t.Errorf("the second address was tried after %v, want half of the time", trace.Connect)
		}
	})
}

func TestDialNamesLookupErrors(t *testing.T) {
	for _, c := range []struct {
		name              string
		err               error
		timeout, notFound bool
	}{
		{"no such name", &net.DNSError{IsNotFound: true}, false, true},
		{"time-out", &net.DNSError{IsTimeout: true}, true, false},
		{"server failure", &net.DNSError{Err: "server misbehaving", IsTemporary: true}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDialer(newGuard(t), Options{Resolver: &fakeResolver{err: c.err}, Dial: (&fakeSockets{}).dial})
			_, _, err := d.Dial(t.Context(), "x.example.com", 443)
			var e *LookupError
			if !errors.As(err, &e) || e.Timeout != c.timeout || e.NotFound != c.notFound || !errors.Is(err, c.err) {
				t.Errorf("error %#v", err)
			}
			if !strings.Contains(err.Error(), "x.example.com") || strings.Contains(err.Error(), "x.example.com..") {
				t.Errorf("words %q", err)
			}
		})
	}
}

// TestControlIsASecondBelt dials a forbidden address past the first check, on a real
// socket: the hook must refuse before anything is sent.
func TestControlIsASecondBelt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := NewDialer(newGuard(t), Options{})
	conn, err := d.dial(t.Context(), "tcp", l.Addr().String())
	if err == nil {
		conn.Close()
		t.Fatal("connected")
	}
	var blocked *BlockedError
	if !errors.As(err, &blocked) || blocked.Addr != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("error %v", err)
	}
	// And the same socket opens once the operator allows it.
	allowed := NewDialer(newGuard(t, "127.0.0.0/8"), Options{})
	conn, err = allowed.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestInterfaceAddrsFindsLoopback(t *testing.T) {
	own, err := InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	if len(own) == 0 && os.Getenv("CI") == "" {
		t.Skip("this machine has no interface")
	}
	for _, a := range own {
		if a.Zone() != "" || a.Is4In6() {
			t.Errorf("%s is not plain", a)
		}
	}
}
