package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// Sealer encrypts and authenticates small secrets at rest with AES-256-GCM (NIST SP
// 800-38D) under a key derived from the main key. It may be used by many goroutines.
//
// A sealed value is a version byte, a random nonce of 12 bytes, the cipher text and a
// tag of 16 bytes. Random nonces are safe for 2^32 values under one key; a catalog seals
// a few for each change.
//
// The context says where a value belongs (for example "endpoint/17/secrets"). It is
// authenticated and not stored, so a value that somebody moved to another row or column
// does not open there.
type Sealer struct{ aead cipher.AEAD }

const sealVersion = 1

// NewSealer returns the Sealer of a store.
func NewSealer(k Key) *Sealer {
	block, err := aes.NewCipher(k.derive(purposeSeal))
	if err != nil {
		panic(err) // 32 bytes are a key of AES-256
	}
	// The random-nonce AEAD prepends the nonce itself.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // the block size of AES is what GCM needs
	}
	return &Sealer{aead: aead}
}

// Seal encrypts plain for the place that context names. The result is Overhead longer.
func (s *Sealer) Seal(plain []byte, context string) []byte {
	out := make([]byte, 1, 1+len(plain)+s.aead.Overhead())
	out[0] = sealVersion
	return s.aead.Seal(out, nil, plain, additional(context))
}

// errNotSealed says no more, because why a value does not open is of use to nobody but an attacker.
var errNotSealed = errors.New("sealed value does not open: it was made under another key or for another place, or was altered")

// Open decrypts what Seal made under the same key and context.
func (s *Sealer) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, errNotSealed
	}
	if sealed[0] != sealVersion {
		return nil, fmt.Errorf("sealed value has version %d, this program knows %d", sealed[0], sealVersion)
	}
	plain, err := s.aead.Open(nil, nil, sealed[1:], additional(context))
	if err != nil {
		return nil, errNotSealed
	}
	return plain, nil
}

// additional is what is authenticated besides the secret: the version, which is not encrypted, and the context.
func additional(context string) []byte {
	return append([]byte{sealVersion}, context...)
}
