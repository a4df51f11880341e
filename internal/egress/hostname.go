package egress

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// asciiName returns a host name in lower case and ASCII. Names in other scripts are
// mapped (UTS #46, as browsers do), which also maps full-width digits and circled
// letters to plain ones, so that the checks after it see what a resolver would see.
func asciiName(host string) (name, text string) {
	name = strings.ToLower(host)
	if !isASCII(name) || strings.HasPrefix(name, "xn--") || strings.Contains(name, ".xn--") {
		mapped, err := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.BidiRule()).ToASCII(host)
		if err != nil {
			return "", "the host is not a valid international domain name"
		}
		name = strings.ToLower(mapped)
	}
	bare := strings.TrimSuffix(name, ".")
	if len(bare) > 253 {
		return "", "the host must have at most 253 characters"
	}
	for label := range strings.SplitSeq(bare, ".") {
		switch {
		case label == "":
			return "", "the host must not have an empty label (two dots in a row)"
		case len(label) > 63:
			return "", "each label of the host must have at most 63 characters"
		case label[0] == '-' || label[len(label)-1] == '-':
			return "", "no label of the host may begin or end with a hyphen"
		}
		for i := range len(label) {
			// The underscore is in no standard for host names but in many real ones.
			if c := label[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return "", "the host must consist of letters, digits, hyphens and dots"
			}
		}
	}
	return name, ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// endsInNumber reports whether a resolver could take the name for an IPv4 address:
// its last label is decimal, octal or hexadecimal (WHATWG URL, "ends in a number").
// A root dot changes nothing.
func endsInNumber(name string) bool {
	last := strings.TrimSuffix(name, ".")
	last = last[strings.LastIndexByte(last, '.')+1:]
	digits := func(s string, ok func(byte) bool) bool {
		for i := range len(s) {
			if !ok(s[i]) {
				return false
			}
		}
		return true
	}
	if hex, found := strings.CutPrefix(last, "0x"); found {
		return digits(hex, isHex)
	}
	return digits(last, func(c byte) bool { return c >= '0' && c <= '9' })
}

// checkName refuses names that can only mean something inside a network.
func checkName(name string, p Policy) string {
	bare := strings.TrimSuffix(name, ".")
	if p.AllowInternalNames {
		return ""
	}
	if bare == "localhost" && p.AllowHTTP && p.Guard.allowsLoopback() {
		return ""
	}
	if !strings.Contains(bare, ".") {
		return "the host must be a full domain name such as hooks.example.com"
	}
	if isSpecialName(bare) {
		return "the host must be a public domain name; this one is reserved for local use"
	}
	return ""
}

// isSpecialName reports whether a name lies under a domain that is never in the
// public DNS: IANA's special-use domain names (RFC 6761, 6762, 7686, 8375, 9476),
// "internal" (reserved by ICANN in 2024) and the old alias "localdomain".
func isSpecialName(name string) bool {
	if name == "home.arpa" || strings.HasSuffix(name, ".home.arpa") {
		return true
	}
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "localhost", "localdomain", "local", "internal", "test", "example", "invalid", "onion", "alt":
		return true
	}
	return false
}
