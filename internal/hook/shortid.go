package hook

import (
	"crypto/aes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"strings"
)

// Ids of sources, of rejected requests (CONTRACT 3.4), of destinations and of their attempts
// (3.6) are shorter in the contract: 22 base62 characters, which is 16 bytes: time and key
// as in the others, 8 bytes of code.

const (
	shortChars = 22
	// shortZeros is how many digits of the long form are 0 for a number of 16 bytes.
	shortZeros = ksuidChars - shortChars
)

// Source returns the public id of s, which belongs to e.
func (c *Codec) Source(e EnvironmentID, s SourceID) string {
	return c.short(sourceKind, Key(e), Key(s))
}

// Rejection returns the public id of r, which belongs to s.
func (c *Codec) Rejection(s SourceID, r RejectionID) string {
	return c.short(rejectionKind, Key(s), Key(r))
}

// ParseSource returns the source of e that s names; false when it names none.
func (c *Codec) ParseSource(e EnvironmentID, s string) (SourceID, bool) {
	k, ok := c.parseShort(sourceKind, Key(e), s)
	return SourceID(k), ok
}

// ParseRejection returns the rejection of a source that s names; false when it names none.
func (c *Codec) ParseRejection(source SourceID, s string) (RejectionID, bool) {
	k, ok := c.parseShort(rejectionKind, Key(source), s)
	return RejectionID(k), ok
}

// Destination returns the public id of an endpoint of a that is a destination.
func (c *Codec) Destination(a ApplicationID, ep EndpointID) string {
	return c.short(destinationKind, Key(a), Key(ep))
}

// ParseDestination is the reverse of Destination; false when s names none.
func (c *Codec) ParseDestination(a ApplicationID, s string) (EndpointID, bool) {
	k, ok := c.parseShort(destinationKind, Key(a), s)
	return EndpointID(k), ok
}

// DestinationAttempt returns the public id of an attempt at a destination of a.
func (c *Codec) DestinationAttempt(a ApplicationID, at AttemptID) string {
	return c.short(destinationAttemptKind, Key(a), Key(at))
}

// ParseDestinationAttempt is the reverse of DestinationAttempt; false when s names none.
func (c *Codec) ParseDestinationAttempt(a ApplicationID, s string) (AttemptID, bool) {
	k, ok := c.parseShort(destinationAttemptKind, Key(a), s)
	return AttemptID(k), ok
}

func (c *Codec) short(kind idKind, scope, k Key) string {
	var long, raw [ksuidBytes]byte
	c.encode(&long, kind, scope, k)
	copy(raw[4:], long[:16]) // the last 4 bytes of the code are left out
	return idPrefixes[kind] + base62Short(raw)
}

func (c *Codec) parseShort(kind idKind, scope Key, s string) (Key, bool) {
	rest, ok := strings.CutPrefix(s, idPrefixes[kind])
	if !ok {
		return 0, false
	}
	raw, ok := parseBase62Short(rest)
	if !ok || raw[8] > 249 {
		return 0, false
	}
	k := keyIn(raw[4:])
	var want [ksuidBytes]byte
	c.encode(&want, kind, scope, k)
	return k, subtle.ConstantTimeCompare(want[:16], raw[4:]) == 1
}

// NewSourceToken draws the secret part of a source's URL: 44 base62 characters that hold
// the source's key, 8 random bytes, and 16 bytes of code over both. So a token that was
// made up is refused without a look-up, and one that was rotated out by comparing it with
// those of its source.
func (c *Codec) NewSourceToken(s SourceID) string {
	var nonce [8]byte
	rand.Read(nonce[:]) // never fails: the process ends instead
	return c.sourceToken(s, nonce)
}

func (c *Codec) sourceToken(s SourceID, nonce [8]byte) string {
	var raw, code [ksuidBytes]byte
	binary.BigEndian.PutUint64(raw[4:], uint64(s))
	copy(raw[12:], nonce[:])
	block := code[ksuidBytes-aes.BlockSize:]
	c.blocks[urlKind].Encrypt(block, raw[4:])
	return base62Short(raw) + base62Short(code)
}

// ParseSourceToken returns the source whose URL held text once; false when it was never one of
// this store. Whether it still is, the source's Tokens say. It takes the same time for
// every text of the right length.
func (c *Codec) ParseSourceToken(text string) (SourceID, bool) {
	if len(text) != 2*shortChars {
		return 0, false
	}
	raw, ok := parseBase62Short(text[:shortChars])
	if !ok {
		return 0, false
	}
	s := SourceID(binary.BigEndian.Uint64(raw[4:]))
	want := c.sourceToken(s, [8]byte(raw[12:]))
	return s, subtle.ConstantTimeCompare([]byte(want), []byte(text)) == 1
}

// base62Short writes the last 16 bytes of raw; the first 4 are zero.
func base62Short(raw [ksuidBytes]byte) string {
	var long [ksuidChars]byte
	appendBase62(long[:], raw)
	return string(long[shortZeros:])
}

func parseBase62Short(s string) (raw [ksuidBytes]byte, ok bool) {
	if len(s) != shortChars {
		return raw, false
	}
	raw, ok = parseBase62("00000" + s)
	return raw, ok && binary.BigEndian.Uint32(raw[:]) == 0
}

// keyIn reads the key from the first 8 bytes of an id.
func keyIn(raw []byte) Key {
	low := uint32(raw[5])<<16 | uint32(raw[6])<<8 | uint32(raw[7])
	ms := (int64(binary.BigEndian.Uint32(raw))+ksuidEpoch)*1000 + int64(raw[4])*4 + int64(low>>milliShift)
	return Key(ms<<milliShift | int64(low&(1<<milliShift-1)))
}
