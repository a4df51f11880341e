package hook

import (
	"strings"
	"time"
)

// TLS is what is known of the secured connection that an attempt used, or tried to make: one
// value for all attempts on a connection, which nobody changes. Its names are the receiver's
// words.
type TLS struct {
	// Version is TLS's own number (0x0304 for TLS 1.3); 0 where it was not agreed on.
	Version uint16
	// Protocol is what was agreed on; UnknownProtocol where the handshake did not end.
	Protocol Protocol
	// Subject and Issuer are the common names in the receiver's certificate, or, where there is
	// none, the first host it is for and the issuer's organisation; at most MaxTLSName bytes each.
	Subject, Issuer string
	// NotAfter is when the certificate expires, in whole seconds; zero where none was shown.
	NotAfter time.Time
}

// MaxTLSName bounds what is kept of a certificate's names.
const MaxTLSName = 128

// Protocol is the version of HTTP that a connection speaks. The numbers are stored.
type Protocol uint8

// The protocols, by the names that TLS has for them.
const (
	UnknownProtocol Protocol = iota
	HTTP1
	HTTP2
)

// String returns the name that TLS has for the protocol (RFC 7301); "" for none.
func (p Protocol) String() string {
	switch p {
	case HTTP1:
		return "http/1.1"
	case HTTP2:
		return "h2"
	}
	return ""
}

// Protocol returns the version of HTTP of the attempt's request; UnknownProtocol where no
// connection came about, or where an older version of this program has recorded the attempt.
func (a *Attempt) Protocol() Protocol {
	switch {
	case a.TLS != nil:
		return a.TLS.Protocol
	case a.Status == 0:
		return UnknownProtocol
	}
	if scheme, _, _ := strings.Cut(a.URL, ":"); strings.EqualFold(scheme, "http") {
		return HTTP1
	}
	return UnknownProtocol
}
