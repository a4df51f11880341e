package webhook

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// maxCertificates bounds a chain, and the certificates of a setting.
const maxCertificates = 20

// certificates finds the RSA keys of a provider that publishes certificates (AWS SNS, PayPal).
type certificates struct {
	settings *settings
	// given are those of the setting cert_pem; when there are any, none is fetched.
	given []*x509.Certificate
	// host and path say where the provider keeps its certificates.
	host, path *regexp.Regexp
	// chain: a fetched certificate must lead to roots; nil means the system's. Otherwise
	// trust rests on the TLS connection to host.
	chain bool
	roots *x509.CertPool
	// names must match a DNS name or the common name of a fetched certificate; nil for any.
	names *regexp.Regexp
}

// certificateSettings are those of every provider with certificates. The first word of
// chain is the default.
func certificateSettings(chain ...string) []Setting {
	return []Setting{
		{Name: "cert_pem", Summary: "the provider's certificates (PEM), trusted as they are while they are valid; then none is fetched"},
		{Name: "chain", Words: chain, Summary: "required: a fetched certificate must lead to an authority; host: it is trusted because it came by TLS from the provider's host"},
		{Name: "ca_pem", Summary: "the authorities, root or intermediate (PEM), that a fetched certificate must lead to; the system's when not set. Given, it means chain=required"},
	}
}

func newCertificates(s *settings, host, path, names *regexp.Regexp) (*certificates, error) {
	c := &certificates{settings: s, host: host, path: path, names: names, chain: s.get("chain") == "required"}
	if text, set := s.Settings["cert_pem"]; set {
		given, err := parseCertificates([]byte(text))
		if err != nil {
			return nil, invalidSetting("cert_pem: %v", err)
		}
		c.given = given
	}
	if text, set := s.Settings["ca_pem"]; set {
		roots, err := parseCertificates([]byte(text))
		if err != nil {
			return nil, invalidSetting("ca_pem: %v", err)
		}
		c.chain, c.roots = true, x509.NewCertPool()
		for _, root := range roots {
			c.roots.AddCert(root)
		}
	}
	return c, nil
}

// allowed says whether the provider may keep a certificate at an address. It is asked even
// when none has to be fetched: who names another place is not the provider.
func (c *certificates) allowed(address string) bool {
	if len(address) > 1024 {
		return false
	}
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.User == nil && u.Opaque == "" && u.Port() == "" && u.RawQuery == "" && !u.ForceQuery &&
		u.Fragment == "" && u.RawPath == "" && c.host.MatchString(u.Host) && c.path.MatchString(u.Path)
}

// verify says whether the certificate at address signed text (RSA, PKCS #1 v1.5).
func (c *certificates) verify(address string, hash crypto.Hash, text, signature []byte, now time.Time) error {
	if !c.allowed(address) {
		return fmt.Errorf("%w: the address of the certificate is not the provider's", ErrNoMatch)
	}
	candidates := c.given
	if candidates == nil {
		document, err := c.settings.fetchKey(KeyQuery{Method: http.MethodGet, URL: address})
		if err != nil {
			return err
		}
		leaf, err := c.trusted(document, now)
		if err != nil {
			return err
		}
		candidates = []*x509.Certificate{leaf}
	}
	h := hash.New()
	h.Write(text)
	sum := h.Sum(nil)
	valid := false
	for _, candidate := range candidates {
		if now.Before(candidate.NotBefore) || now.After(candidate.NotAfter) {
			continue
		}
		valid = true
		key, ok := candidate.PublicKey.(*rsa.PublicKey)
		if ok && key.N.BitLen() <= maxRSABits && rsa.VerifyPKCS1v15(key, hash, sum, signature) == nil {
			return nil
		}
	}
	if !valid {
		return fmt.Errorf("%w: the certificate is not valid at this time", ErrNoMatch)
	}
	return ErrNoMatch
}

// trusted returns the first certificate of a fetched document, if it is the provider's.
// That it cannot be read is the server's failure, not the request's.
func (c *certificates) trusted(document []byte, now time.Time) (*x509.Certificate, error) {
	chain, err := parseCertificates(document)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	leaf := chain[0]
	if c.names != nil && !c.names.MatchString(leaf.Subject.CommonName) && !matchesAny(c.names, leaf.DNSNames) {
		return nil, fmt.Errorf("%w: the certificate is not in the provider's name", ErrNoMatch)
	}
	if !c.chain {
		return leaf, nil
	}
	options := x509.VerifyOptions{
		Roots: c.roots, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, more := range chain[1:] {
		options.Intermediates.AddCert(more)
	}
	if _, err := leaf.Verify(options); err != nil {
		var unknown x509.UnknownAuthorityError
		if errors.As(err, &unknown) {
			return nil, fmt.Errorf("%w: the certificate leads to no known authority (settings ca_pem, chain)", ErrNoMatch)
		}
		return nil, fmt.Errorf("%w: the certificate is not valid at this time, or not for signing", ErrNoMatch)
	}
	return leaf, nil
}

func matchesAny(pattern *regexp.Regexp, names []string) bool {
	for _, name := range names {
		if pattern.MatchString(name) {
			return true
		}
	}
	return false
}

// parseCertificates reads PEM. Its errors hold nothing of the text.
func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("a certificate cannot be read")
		}
		if list = append(list, certificate); len(list) > maxCertificates {
			return nil, fmt.Errorf("there are more than %d certificates", maxCertificates)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("there is no certificate in it")
	}
	return list, nil
}

// privateKey reads a private key with which [Sign] signs: PEM, PKCS #8, PKCS #1 or SEC 1.
func privateKey[K any](s *settings) (key K, err error) {
	texts, err := s.texts()
	if err != nil {
		return key, err
	}
	block, _ := pem.Decode([]byte(strings.TrimSpace(string(texts[0]))))
	if block == nil {
		return key, invalidKey("signing needs the private key (PEM)")
	}
	var parsed any
	switch block.Type {
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	key, ok := parsed.(K)
	if err != nil || !ok {
		return key, invalidKey("signing needs a private key (PEM) of the provider's kind")
	}
	return key, nil
}
