package hook

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxBundle is how many certificates a text may hold.
const maxBundle = 100

// Identity is the client certificate of an endpoint, read.
type Identity struct {
	// TLS is the certificate with its chain and key.
	TLS tls.Certificate
	// Leaf says whose it is, and when it ends.
	Leaf *x509.Certificate
	// NotAfter is when the first certificate of the chain ends.
	NotAfter time.Time
}

// ParseIdentity reads a certificate, its chain and its private key, in any order. The
// error says what is wrong without repeating any of it.
func ParseIdentity(text HiddenText) (*Identity, error) {
	if len(text) > MaxPEMBytes {
		return nil, fmt.Errorf("must have at most %d KiB", MaxPEMBytes>>10)
	}
	certificates, keys := 0, 0
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch {
		case block.Type == "CERTIFICATE":
			certificates++
		case block.Type == "ENCRYPTED PRIVATE KEY", strings.HasSuffix(block.Type, "PRIVATE KEY") && block.Headers["DEK-Info"] != "":
			return nil, errors.New("the private key is encrypted; give it without a passphrase")
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			keys++
		}
	}
	switch {
	case certificates+keys == 0:
		return nil, errors.New("must be PEM: a certificate (-----BEGIN CERTIFICATE-----) and its private key")
	case certificates == 0:
		return nil, errors.New("holds no certificate (-----BEGIN CERTIFICATE-----), only a key")
	case certificates > maxBundle:
		return nil, fmt.Errorf("must hold at most %d certificates", maxBundle)
	case keys == 0:
		return nil, errors.New("holds no private key (-----BEGIN PRIVATE KEY-----), only certificates")
	case keys > 1:
		return nil, errors.New("holds more than one private key")
	}
	pair, err := tls.X509KeyPair([]byte(text), []byte(text))
	if err != nil {
		// The library's words name what does not fit and hold no key.
		words := strings.TrimPrefix(err.Error(), "tls: ")
		if strings.Contains(words, "does not match") {
			words = "the private key does not belong to the first certificate"
		}
		return nil, errors.New(words)
	}
	id := &Identity{TLS: pair, Leaf: pair.Leaf, NotAfter: pair.Leaf.NotAfter}
	for _, der := range pair.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errors.New("a certificate of the chain cannot be read")
		}
		if c.NotAfter.Before(id.NotAfter) {
			id.NotAfter = c.NotAfter
		}
	}
	return id, nil
}

// Ends returns when the certificates among the credentials end, the first of each kind: that
// shown to the receiver, and those that the receiver's is verified with; zero for none. Of
// what cannot be read there is none.
func (c *Credentials) Ends() (identity, authority time.Time) {
	if c.Identity != "" {
		if id, err := ParseIdentity(c.Identity); err == nil {
			identity = id.NotAfter
		}
	}
	if c.CA != "" {
		list, err := ParseCA(c.CA, time.Time{})
		if err != nil {
			return identity, authority
		}
		for _, one := range list {
			if authority.IsZero() || one.NotAfter.Before(authority) {
				authority = one.NotAfter
			}
		}
	}
	return identity, authority
}

// ParseCA reads the certificates that a receiver's is verified with: authorities, or the
// receiver's own self-signed one. One of them must be valid at now.
func ParseCA(text string, now time.Time) ([]*x509.Certificate, error) {
	if len(text) > MaxPEMBytes {
		return nil, fmt.Errorf("must have at most %d KiB", MaxPEMBytes>>10)
	}
	var list []*x509.Certificate
	live := false
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return nil, errors.New("holds a private key, which does not belong here: treat it as lost")
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("a certificate cannot be read")
		}
		if !c.IsCA && string(c.RawIssuer) != string(c.RawSubject) {
			return nil, errors.New("holds a certificate that is neither an authority's (CA) nor self-signed: give that of its issuer")
		}
		if list = append(list, c); len(list) > maxBundle {
			return nil, fmt.Errorf("must hold at most %d certificates", maxBundle)
		}
		live = live || c.NotAfter.After(now)
	}
	switch {
	case len(list) == 0:
		return nil, errors.New("must be PEM with at least one certificate (-----BEGIN CERTIFICATE-----)")
	case !live:
		return nil, errors.New("all certificates in it have expired")
	}
	return list, nil
}
