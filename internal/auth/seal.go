package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
)

// Sealer encrypts and authenticates what lies at rest, with XAES-256-GCM (C2SP,
// "The XAES-256-GCM extended-nonce AEAD") under a key derived from the main key. It may be
// used by many goroutines.
//
// A sealed value is a version byte, a random nonce of 24 bytes, the cipher text and a
// tag of 16 bytes. The first half of the nonce makes the key of AES-256-GCM for this one
// value, the second half is its nonce; so random nonces stay safe for 2^80 values. AES-GCM
// alone is safe for 2^32 (NIST SP 800-38D), which a busy server that seals every message
// and every answer would reach in days.
//
// The context says where a value belongs (for example "endpoint/17/secrets"). It is
// authenticated and not stored, so a value that somebody moved to another row or column
// does not open there.
type Sealer struct {
	block cipher.Block // AES-256 under the store's key
	sub   [aes.BlockSize]byte
	old   cipher.AEAD // of oldSealVersion
}

const (
	// oldSealVersion is a version byte, a nonce of 12 bytes, and AES-256-GCM under the
	// store's key itself. It is only opened: it was used for secrets alone, a few for each
	// change.
	oldSealVersion = 1
	sealVersion    = 2

	sealNonceBytes = 24
)

// NewSealer returns the Sealer of a store.
func NewSealer(k Key) *Sealer {
	s, err := newSealer(k.derive(purposeSeal))
	if err != nil {
		panic(err) // 32 bytes are a key of AES-256, whose block size is what GCM needs
	}
	return s
}

func newSealer(key []byte) (*Sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	s := &Sealer{block: block}
	if s.old, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, err
	}
	// The first subkey of CMAC (NIST SP 800-38B): the cipher of zero, doubled in GF(2^128).
	block.Encrypt(s.sub[:], s.sub[:])
	carry := byte(0)
	for i := len(s.sub) - 1; i >= 0; i-- {
		s.sub[i], carry = s.sub[i]<<1|carry, s.sub[i]>>7
	}
	s.sub[len(s.sub)-1] ^= 0x87 * carry
	return s, nil
}

// aead returns the AES-256-GCM of the one value whose nonce begins like this.
func (s *Sealer) aead(nonce []byte) (cipher.AEAD, error) {
	var key [2 * aes.BlockSize]byte
	for i := range 2 {
		half := key[i*aes.BlockSize : (i+1)*aes.BlockSize]
		copy(half, []byte{0, byte(i + 1), 'X', 0})
		copy(half[4:], nonce[:12])
		subtle.XORBytes(half, half, s.sub[:])
		s.block.Encrypt(half, half)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Seal encrypts plain for the place that context names. The result is 41 bytes longer.
func (s *Sealer) Seal(plain []byte, context string) []byte {
	const head = 1 + sealNonceBytes
	out := make([]byte, head, head+len(plain)+16)
	out[0] = sealVersion
	rand.Read(out[1:]) // never fails (crypto/rand)
	aead, err := s.aead(out[1:])
	if err != nil {
		panic(err) // as in NewSealer
	}
	return aead.Seal(out, out[1+12:head], plain, additional(sealVersion, context))
}

// errNotSealed says no more, because why a value does not open is of use to nobody but an attacker.
var errNotSealed = errors.New("sealed value does not open: it was made under another key or for another place, or was altered")

// Open decrypts what Seal made under the same key and context.
func (s *Sealer) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, errNotSealed
	}
	aead, nonce, rest := s.old, []byte(nil), sealed[1:]
	switch version := sealed[0]; version {
	case oldSealVersion:
	case sealVersion:
		if len(rest) < sealNonceBytes {
			return nil, errNotSealed
		}
		nonce, rest = rest[:sealNonceBytes], rest[sealNonceBytes:]
		var err error
		if aead, err = s.aead(nonce); err != nil {
			return nil, err
		}
		nonce = nonce[12:]
	default:
		return nil, fmt.Errorf("sealed value has version %d, this program knows %d and %d", version, oldSealVersion, sealVersion)
	}
	plain, err := aead.Open(nil, nonce, rest, additional(sealed[0], context))
	if err != nil {
		return nil, errNotSealed
	}
	return plain, nil
}

// additional is what is authenticated besides the secret: the version, which is not encrypted, and the context.
func additional(version byte, context string) []byte {
	return append([]byte{version}, context...)
}
