package webhook

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// genericEd25519 verifies ed25519 signatures (RFC 8032) of a sender by settings.
type genericEd25519 struct {
	*envelope
	publics []ed25519.PublicKey
	private ed25519.PrivateKey // nil where only public keys are known
}

func openEd25519(s *settings, e *envelope) (scheme, error) {
	g := &genericEd25519{envelope: e}
	for i, text := range s.Secrets {
		if strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN PRIVATE KEY-----") {
			one := *s
			one.Secrets = []string{text}
			private, err := privateKey[ed25519.PrivateKey](&one)
			if err != nil {
				return nil, fmt.Errorf("secret %d: %w", i+1, err)
			}
			if g.private == nil {
				g.private = private
			}
			g.publics = append(g.publics, private.Public().(ed25519.PublicKey))
			continue
		}
		encoding := s.get("key_encoding")
		if encoding == "text" {
			encoding = "base64"
			if len(text) == hex.EncodedLen(ed25519.PublicKeySize) {
				encoding = "hex"
			}
		}
		key, err := genericKey(encoding, text)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, invalidKey("secret %d is not a public key: 32 bytes in hexadecimal digits or base64", i+1)
		}
		g.publics = append(g.publics, key)
	}
	return g, nil
}

func (g *genericEd25519) verify(r *Request, now time.Time) (time.Time, error) {
	var at timestamp
	var err error
	if g.timed() {
		if at, err = g.timestamp(r); err != nil {
			return time.Time{}, err
		}
	}
	candidates, err := g.signatures(r)
	if err != nil {
		return time.Time{}, err
	}
	text := bytes.Join(g.template.pieces(r, at), nil)
	for _, candidate := range candidates {
		signature, err := hex.DecodeString(candidate)
		if err != nil || len(signature) != ed25519.SignatureSize {
			continue
		}
		for _, public := range g.publics {
			if ed25519.Verify(public, text, signature) {
				return at.time, checkAge(at.time, now, g.tolerance, false)
			}
		}
	}
	return time.Time{}, ErrNoMatch
}

func (g *genericEd25519) sign(r *Request, now time.Time) error {
	if g.private == nil {
		return invalidKey("a public key cannot sign; signing takes the private key as PEM (PKCS #8)")
	}
	at := g.stamp(r, now)
	if err := g.template.check(r); err != nil {
		return err
	}
	g.put(r, ed25519.Sign(g.private, bytes.Join(g.template.pieces(r, at), nil)), at)
	return nil
}
