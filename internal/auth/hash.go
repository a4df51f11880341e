package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// Hasher turns token texts into what is stored: HMAC-SHA256 under a key derived from
// the main key. A fast hash is enough, because a token has 238 random bits; the key
// keeps whoever reads the data from testing guesses. It may be used by many goroutines.
type Hasher struct{ pool sync.Pool }

// NewHasher returns the Hasher of a store.
func NewHasher(k Key) *Hasher {
	key := k.derive(purposeToken)
	h := &Hasher{}
	h.pool.New = func() any { return &keyedHash{mac: hmac.New(sha256.New, key)} }
	return h
}

// keyedHash is a HMAC with room for what goes in and out, so that a request allocates nothing.
type keyedHash struct {
	mac hash.Hash
	in  [tokenChars]byte
	out [sha256.Size]byte
}

// Hash returns the stored form of a token.
func (h *Hasher) Hash(t Text) [32]byte {
	k := h.pool.Get().(*keyedHash)
	k.mac.Reset()
	n := copy(k.in[:], t.text)
	k.mac.Write(k.in[:n])
	k.mac.Sum(k.out[:0])
	sum := k.out
	clear(k.in[:])
	h.pool.Put(k)
	return sum
}
