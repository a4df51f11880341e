package send

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"unicode"

	"github.com/hookloft/hookloft/internal/hook"
)

// tlsOf returns what a connection tells of itself after its handshake, which ended with err;
// nil where the receiver said nothing that is worth to be kept.
func tlsOf(state tls.ConnectionState, err error) *hook.TLS {
	facts := &hook.TLS{Version: state.Version}
	shown := state.PeerCertificates
	// The certificate that was refused is the one that somebody wants to see.
	var refused *tls.CertificateVerificationError
	if errors.As(err, &refused) {
		shown = refused.UnverifiedCertificates
	}
	switch {
	case len(shown) > 0:
		c := shown[0]
		facts.Subject, facts.Issuer, facts.NotAfter = subjectOf(c), issuerOf(c), c.NotAfter.UTC()
	case err != nil:
		return nil
	}
	if err == nil {
		facts.Protocol = hook.HTTP1 // which a server that names none speaks, too
		if state.NegotiatedProtocol == http2Only {
			facts.Protocol = hook.HTTP2
		}
	}
	return facts
}

// subjectOf names whose certificate it is. Many have no common name any more.
func subjectOf(c *x509.Certificate) string {
	switch {
	case c.Subject.CommonName != "":
		return certificateName(c.Subject.CommonName)
	case len(c.DNSNames) > 0:
		return certificateName(c.DNSNames[0])
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	}
	return ""
}

func issuerOf(c *x509.Certificate) string {
	if c.Issuer.CommonName == "" && len(c.Issuer.Organization) > 0 {
		return certificateName(c.Issuer.Organization[0])
	}
	return certificateName(c.Issuer.CommonName)
}

// certificateName makes a name, in which anything may stand, short and printable.
func certificateName(name string) string {
	if len(name) > hook.MaxTLSName {
		name = name[:hook.MaxTLSName]
	}
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	return name
}
