package egress

import (
	"fmt"
	"net"
	"net/netip"
)

// Rules say which addresses may be dialled. The zero value is the rule of
// production: public unicast addresses and nothing else.
type Rules struct {
	// Allow are the operator's exceptions: an address in one of these prefixes may
	// be dialled whatever else is said about it.
	Allow []netip.Prefix
	// NAT64 are the prefixes that the operator's network translates to IPv4
	// (RFC 6052; lengths 32, 40, 48, 56, 64 and 96). An address inside is judged by
	// the IPv4 address that it embeds. Without an entry here, the well-known prefix
	// 64:ff9b::/96 is refused as a whole.
	NAT64 []netip.Prefix
	// Own are the server's own addresses: a public address of this machine, or the
	// one that a load balancer forwards to it. They are refused, so that a tenant
	// cannot reach the server's ports from inside. See InterfaceAddrs.
	Own []netip.Addr
}

// Guard judges addresses. It is immutable and may be used by many goroutines.
type Guard struct {
	allow, nat64 []netip.Prefix
	deny         []denied
	own          map[netip.Addr]bool
}

type denied struct {
	prefix netip.Prefix
	why    string
}

// NewGuard returns a Guard. A prefix that is not valid, or a NAT64 prefix of a
// length that RFC 6052 section 2.2 does not know, is an error.
func NewGuard(r Rules) (*Guard, error) {
	g := &Guard{deny: denyList(), own: make(map[netip.Addr]bool, len(r.Own))}
	for _, p := range r.Allow {
		if !p.IsValid() {
			return nil, fmt.Errorf("allowed prefix %s is not valid", p)
		}
		g.allow = append(g.allow, unmapPrefix(p))
	}
	for _, p := range r.NAT64 {
		if !p.IsValid() || !p.Addr().Is6() || p.Addr().Is4In6() {
			return nil, fmt.Errorf("NAT64 prefix %s is not an IPv6 prefix", p)
		}
		switch p.Bits() {
		case 32, 40, 48, 56, 64, 96:
		default:
			return nil, fmt.Errorf("NAT64 prefix %s: its length must be 32, 40, 48, 56, 64 or 96 (RFC 6052)", p)
		}
		g.nat64 = append(g.nat64, p.Masked())
	}
	for _, a := range r.Own {
		g.own[a.Unmap().WithZone("")] = true
	}
	return g, nil
}

// unmapPrefix turns ::ffff:a.b.c.d/96+n into a.b.c.d/n, because addresses are
// judged unmapped.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// denyList is every special-purpose block that must not be reached from outside
// (IANA special-purpose address registries for IPv4 and IPv6, and the metadata
// services of clouds). The methods of net/netip are no substitute: IsGlobalUnicast
// is true for 0.1.2.3, carrier-grade NAT, NAT64, 6to4, 240/4 and fec0::/10.
func denyList() []denied {
	list := [...]struct{ prefix, why string }{
		{"0.0.0.0/8", "means this host (RFC 791)"},
		{"10.0.0.0/8", "is private (RFC 1918)"},
		{"100.64.0.0/10", "is shared address space behind a carrier's NAT (RFC 6598)"},
		{"127.0.0.0/8", "is loopback (RFC 1122)"},
		{"169.254.0.0/16", "is link-local, where clouds keep their metadata service (RFC 3927)"},
		{"172.16.0.0/12", "is private (RFC 1918)"},
		{"192.0.0.0/24", "is reserved for protocols (RFC 6890)"},
		{"192.0.2.0/24", "is reserved for documentation (RFC 5737)"},
		{"192.88.99.0/24", "is the withdrawn 6to4 relay block (RFC 7526)"},
		{"192.168.0.0/16", "is private (RFC 1918)"},
		{"198.18.0.0/15", "is reserved for benchmarks (RFC 2544)"},
		{"198.51.100.0/24", "is reserved for documentation (RFC 5737)"},
		{"203.0.113.0/24", "is reserved for documentation (RFC 5737)"},
		{"224.0.0.0/4", "is multicast (RFC 5771)"},
		{"240.0.0.0/4", "is reserved (RFC 1112)"},
		{"168.63.129.16/32", "is a cloud's internal service address"},
		{"::/96", "is unspecified, loopback or the withdrawn IPv4-compatible block (RFC 4291)"},
		{"::ffff:0:0:0/96", "is IPv4-translated (RFC 2765)"},
		{"64:ff9b::/96", "is NAT64 (RFC 6052)"},
		{"64:ff9b:1::/48", "is local NAT64 (RFC 8215)"},
		{"100::/64", "is discard-only (RFC 6666)"},
		{"100:0:0:1::/64", "is the dummy prefix (RFC 9780)"},
		{"2001::/23", "is reserved for protocols, Teredo among them (RFC 2928)"},
		{"2001:db8::/32", "is reserved for documentation (RFC 3849)"},
		{"2002::/16", "is 6to4 (RFC 3056)"},
		{"3fff::/20", "is reserved for documentation (RFC 9637)"},
		{"5f00::/16", "is reserved for segment routing (RFC 9602)"},
		{"fc00::/7", "is private (RFC 4193)"},
		{"fe80::/10", "is link-local (RFC 4291)"},
		{"fec0::/10", "is site-local (RFC 3879)"},
		{"ff00::/8", "is multicast (RFC 4291)"},
	}
	deny := make([]denied, len(list))
	for i, d := range list {
		deny[i] = denied{netip.MustParsePrefix(d.prefix), d.why}
	}
	return deny
}

// Judge returns nil when a may be dialled, else a *BlockedError that says why not.
func (g *Guard) Judge(a netip.Addr) error {
	if why := g.refusal(a); why != "" {
		return &BlockedError{Addr: a, Why: why}
	}
	return nil
}

// Allows reports whether a lies in a prefix that the operator allowed.
func (g *Guard) Allows(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	for _, p := range g.allow {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func (g *Guard) refusal(a netip.Addr) string {
	if !a.IsValid() {
		return "is not an address"
	}
	if a.Zone() != "" {
		// netip.Prefix.Contains is false for every zoned address, so this comes first.
		return "has a zone, which only local addresses have"
	}
	a = a.Unmap()
	if g.Allows(a) {
		return ""
	}
	for _, p := range g.nat64 {
		if p.Contains(a) {
			inner := embeddedIPv4(a, p.Bits())
			if why := g.refusal(inner); why != "" {
				return fmt.Sprintf("is NAT64 of %s, which %s", inner, why)
			}
			return ""
		}
	}
	for _, d := range g.deny {
		if d.prefix.Contains(a) {
			return d.why
		}
	}
	if g.own[a] {
		return "is an address of this server"
	}
	return ""
}

// embeddedIPv4 returns the IPv4 address inside a for a NAT64 prefix of that many
// bits. The octet in bits 64 to 71 is skipped (RFC 6052 section 2.2).
func embeddedIPv4(a netip.Addr, bits int) netip.Addr {
	b := a.As16()
	var out [4]byte
	at := bits / 8
	for i := range out {
		if at == 8 {
			at++
		}
		out[i] = b[at]
		at++
	}
	return netip.AddrFrom4(out)
}

// A BlockedError says that an address, or every address of a name, is one that the
// rules forbid to dial.
type BlockedError struct {
	// Host is the name that led to Addr; "" when the address itself was given.
	Host string
	Addr netip.Addr
	// Why continues the sentence "address Addr ...".
	Why string
}

func (e *BlockedError) Error() string {
	if e.Host == "" {
		return fmt.Sprintf("blocked: address %s %s", e.Addr, e.Why)
	}
	return fmt.Sprintf("blocked: %s leads to address %s, which %s", e.Host, e.Addr, e.Why)
}

// InterfaceAddrs returns the addresses of this machine's network interfaces: what
// Rules.Own is usually set to, with the addresses that a load balancer forwards.
func InterfaceAddrs() ([]netip.Addr, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("read interface addresses: %w", err)
	}
	var own []netip.Addr
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				own = append(own, ip.Unmap())
			}
		}
	}
	return own, nil
}

// allowsLoopback reports whether the operator allowed 127.0.0.1 or ::1: development.
func (g *Guard) allowsLoopback() bool {
	return g.Allows(netip.AddrFrom4([4]byte{127, 0, 0, 1})) || g.Allows(netip.IPv6Loopback())
}
