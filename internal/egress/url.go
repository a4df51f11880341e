package egress

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxURLBytes is the longest URL that is accepted. The public contract would allow
// more, but no receiver's server reads a request line of that length.
const MaxURLBytes = 2048

// Policy says which URLs a tenant may give. The Guard is needed; the rest of the
// zero value is the rule of production.
type Policy struct {
	// Guard judges hosts that are literal addresses. Names are judged when they are
	// dialled, because only then is known where they lead.
	Guard *Guard
	// AllowHTTP accepts http beside https. Without it, http is accepted only for a
	// literal address in one of the operator's allowed prefixes.
	AllowHTTP bool
	// AllowInternalNames accepts single-label and special-use names ("billing",
	// "db.internal"), for an operator whose receivers have such names. Their
	// addresses are still judged at every dial.
	AllowInternalNames bool
}

// A URLError says why a URL is not accepted and what would be right. Its text may be
// shown to the tenant.
type URLError struct{ Text string }

func (e *URLError) Error() string { return e.Text }

func refuse(text string) (string, error) { return "", &URLError{text} }

// ParseURL checks a URL that a tenant gave, and returns it in the one spelling in
// which it is stored and requested: lower-case scheme and host, international names
// in their ASCII form, no default port, at least "/" as path, everything outside
// visible ASCII percent-encoded. It makes no look-up. The error is a *URLError.
//
// It parses by hand because what it must see is what net/url hides or forgives:
// encoded hosts, zones, back slashes, odd spellings of addresses (WHATWG URL
// section 4, RFC 3986). A URL that passes is one that every parser reads alike.
func ParseURL(raw string, p Policy) (string, error) {
	if len(raw) > MaxURLBytes {
		return refuse("the URL must have at most 2048 bytes")
	}
	if text := badText(raw); text != "" {
		return refuse(text)
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "https" && scheme != "http" {
		return refuse("the URL must begin with https://")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, target := rest[:end], rest[end:]
	switch {
	case authority == "":
		return refuse("the URL must name a host after " + scheme + "://")
	case strings.Contains(authority, "@"):
		return refuse("the URL must not contain a user name or password; send credentials in a header of the endpoint")
	case strings.Contains(authority, "%"):
		return refuse("the host must not contain percent signs: write it in plain characters and without a zone")
	case strings.Contains(target, "#"):
		return refuse("the URL must not have a fragment (#...), which is never sent")
	}
	hostText, portText, text := splitPort(authority)
	if text != "" {
		return refuse(text)
	}
	port, text := checkPort(scheme, portText)
	if text != "" {
		return refuse(text)
	}
	host, addr, text := parseHost(hostText, p)
	if text != "" {
		return refuse(text)
	}
	if addr.IsValid() {
		if err := p.Guard.Judge(addr); err != nil {
			return refuse("the host must be a public address: " + strings.TrimPrefix(err.Error(), "blocked: "))
		}
	}
	if scheme == "http" && !p.AllowHTTP && !(addr.IsValid() && p.Guard.Allows(addr)) {
		return refuse("the URL must begin with https://; plain http is not allowed here")
	}
	target, text = encodeTarget(target)
	if text != "" {
		return refuse(text)
	}
	out := scheme + "://" + host + port + target
	if len(out) > MaxURLBytes {
		return refuse("the URL must have at most 2048 bytes after encoding")
	}
	// The second opinion: the standard parser must see the same host.
	if u, err := url.Parse(out); err != nil || u.Host != host+port || u.User != nil {
		return refuse("the URL is malformed")
	}
	return out, nil
}

// badText finds what no part of a URL may hold: broken UTF-8, control characters,
// white space and invisible characters, and back slashes, which browsers take for
// slashes.
func badText(raw string) string {
	if !utf8.ValidString(raw) {
		return "the URL must be valid UTF-8"
	}
	for _, r := range raw {
		switch {
		case r == '\\':
			return `the URL must not contain "\"; paths are separated by "/"`
		case r <= ' ' || unicode.IsSpace(r) || unicode.IsControl(r):
			return "the URL must not contain white space or control characters; write them percent-encoded"
		case unicode.Is(unicode.Cf, r):
			return "the URL must not contain invisible formatting characters"
		}
	}
	return ""
}

// splitPort cuts "host:port" or "[address]:port". The brackets stay with the host.
func splitPort(authority string) (host, port, text string) {
	if strings.HasPrefix(authority, "[") {
		end := strings.IndexByte(authority, ']')
		if end < 0 {
			return "", "", "the address must end with ]"
		}
		host, port = authority[:end+1], authority[end+1:]
		if port != "" && port[0] != ':' {
			return "", "", "only a port may follow the address in brackets"
		}
		return host, strings.TrimPrefix(port, ":"), ""
	}
	host, port, _ = strings.Cut(authority, ":")
	if strings.Contains(port, ":") {
		return "", "", "the host must be followed by at most one port; write an IPv6 address in brackets"
	}
	if host == "" {
		return "", "", "the URL must name a host"
	}
	return host, port, ""
}

// checkPort returns ":port", or "" for the scheme's default.
func checkPort(scheme, port string) (out, text string) {
	if port == "" {
		return "", ""
	}
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return "", "the port must be a number from 1 to 65535"
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", "the port must be a number from 1 to 65535"
	}
	if isBadPort(uint16(n)) {
		return "", "the port " + strconv.FormatUint(n, 10) + " belongs to another protocol and is never called"
	}
	if scheme == "https" && n == 443 || scheme == "http" && n == 80 {
		return "", ""
	}
	return ":" + strconv.FormatUint(n, 10), ""
}

// isBadPort lists the ports on which a forged request could speak another protocol
// (WHATWG Fetch, "bad port", and 22-25, 53, 110, 143, 389, 587).
func isBadPort(port uint16) bool {
	switch port {
	case 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 24, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95,
		101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179,
		389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601,
		636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566,
		6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080:
		return true
	}
	return false
}

// parseHost returns the host as it is stored, and its address when it is a literal.
func parseHost(host string, p Policy) (out string, addr netip.Addr, text string) {
	if strings.HasPrefix(host, "[") {
		a, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil || !a.Is6() || a.Zone() != "" {
			return "", addr, "the brackets must hold an IPv6 address without a zone"
		}
		return "[" + a.String() + "]", a, ""
	}
	name, text := asciiName(host)
	if text != "" {
		return "", addr, text
	}
	if endsInNumber(name) {
		a, err := netip.ParseAddr(name)
		if err != nil || !a.Is4() {
			return "", addr, "a host that ends in a number must be an IPv4 address in the usual form, four decimal numbers such as 192.0.2.10"
		}
		return name, a, ""
	}
	if text := checkName(name, p); text != "" {
		return "", addr, text
	}
	return name, addr, ""
}

// encodeTarget returns path and query as they go into the request line.
func encodeTarget(target string) (out, text string) {
	path, query, hasQuery := strings.Cut(target, "?")
	if path == "" {
		path = "/"
	}
	for i := range len(path) {
		if path[i] == '%' && (i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2])) {
			return "", "a % in the path must be followed by two hexadecimal digits"
		}
	}
	out = percentEncode(path)
	if hasQuery {
		out += "?" + percentEncode(query)
	}
	return out, ""
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// percentEncode encodes what RFC 3986 allows nowhere: everything outside visible
// ASCII and the delimiters that are unsafe in a request line. Existing escapes stay.
func percentEncode(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>^`{|}", c) >= 0 {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
