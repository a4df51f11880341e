package webhook

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// How many bytes a symmetric key may have. Standard Webhooks asks for 24 to 64;
// Svix-compatible senders let customers bring up to 75 (100 characters of
// base64), so that is what is accepted.
const (
	minKeyBytes       = 24
	maxKeyBytes       = 75
	generatedKeyBytes = 24

	// minGivenKeyBytes is for a receiver, who must take the key that the sender
	// chose: published examples have 18 bytes. Under 128 bits is a mistake.
	minGivenKeyBytes = 16
)

const (
	symmetricPrefix = "whsec_"
	privatePrefix   = "whsk_"
	publicPrefix    = "whpk_"
	redacted        = "[redacted]"
)

// A Secret signs. It is symmetric ("whsec_" and base64 of the key; the receiver
// verifies with the same secret) or asymmetric ("whsk_" and base64 of 32 bytes of
// ed25519 seed and the 32-byte public key; the receiver verifies with the
// [PublicKey]).
//
// A Secret is small and is passed by value; copies share what is precomputed, so
// keep one rather than parsing its text each time. The zero Secret is no secret
// and is refused wherever one is needed. It prints as "[redacted]".
type Secret struct {
	k *secretKey
}

type secretKey struct {
	*keyBytes
	states sync.Pool // of *signState, for this key
}

// keyBytes is two pointers away from a Secret, because fmt calls no Format method
// on an unexported field of somebody's struct: it prints an address there, but
// for a verb that it does not know, such as %s, it follows the first pointer.
type keyBytes struct {
	mac     []byte             // symmetric key, or nil
	private ed25519.PrivateKey // asymmetric key, or nil
}

// GenerateSymmetric returns a new random symmetric Secret of 24 bytes.
func GenerateSymmetric() Secret {
	key := make([]byte, generatedKeyBytes)
	rand.Read(key) // never fails: the process ends instead
	return symmetricSecret(key)
}

// GenerateAsymmetric returns a new random asymmetric Secret.
func GenerateAsymmetric() Secret {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	return asymmetricSecret(ed25519.NewKeyFromSeed(seed))
}

// ParseSecret reads a Secret: "whsec_" and base64 of 24 to 75 bytes, "whsk_" and
// base64 of 64 bytes, or bare base64, which means "whsec_". Base64 is that of
// RFC 4648 section 4, with padding. Anything else is an error that wraps
// ErrInvalidKey; no error repeats the text.
func ParseSecret(text string) (Secret, error) {
	return parseSecret(text, minKeyBytes)
}

func parseSecret(text string, minBytes int) (Secret, error) {
	encoded := text
	if prefix, rest, ok := strings.Cut(text, "_"); ok {
		encoded = rest
		switch prefix + "_" {
		case symmetricPrefix:
		case privatePrefix:
			return parsePrivate(rest)
		case publicPrefix:
			return Secret{}, invalidKey("whpk_ is a public key, which verifies but cannot sign")
		default:
			// Some servers accept whsk1_ and whpk1_; what they hold is published nowhere.
			return Secret{}, invalidKey("its prefix is none of whsec_, whsk_, whpk_")
		}
	}
	key, err := decodeKey(encoded)
	if err != nil {
		return Secret{}, err
	}
	if len(key) < minBytes || len(key) > maxKeyBytes {
		return Secret{}, invalidKey("it holds %d bytes, not %d to %d", len(key), minBytes, maxKeyBytes)
	}
	return symmetricSecret(key), nil
}

func parsePrivate(encoded string) (Secret, error) {
	key, err := decodeKey(encoded)
	if err != nil {
		return Secret{}, err
	}
	if len(key) != ed25519.PrivateKeySize {
		return Secret{}, invalidKey("whsk_ holds %d bytes, not %d (seed and public key)", len(key), ed25519.PrivateKeySize)
	}
	private := ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])
	// Signing with a public half that is not the seed's own gives the seed away.
	if subtle.ConstantTimeCompare(private, key) != 1 {
		return Secret{}, invalidKey("the public half of whsk_ does not belong to its seed")
	}
	return asymmetricSecret(private), nil
}

func symmetricSecret(key []byte) Secret {
	k := &secretKey{keyBytes: &keyBytes{mac: key}}
	k.states.New = func() any { return &signState{mac: hmac.New(sha256.New, key)} }
	return Secret{k}
}

func asymmetricSecret(key ed25519.PrivateKey) Secret {
	k := &secretKey{keyBytes: &keyBytes{private: key}}
	k.states.New = func() any { return new(signState) }
	return Secret{k}
}

// signState is what one signature needs while it is made. It is reused, because
// setting up an HMAC costs more allocations than using it.
type signState struct {
	mac hash.Hash // nil for an asymmetric key
	buf []byte
}

// IsZero reports whether s is no secret at all.
func (s Secret) IsZero() bool { return s.k == nil }

// Asymmetric reports whether s has a public key.
func (s Secret) Asymmetric() bool { return s.k != nil && s.k.private != nil }

// Public returns the key that verifies what s signs. It is false for a symmetric
// or zero Secret, which has none.
func (s Secret) Public() (PublicKey, bool) {
	if !s.Asymmetric() {
		return PublicKey{}, false
	}
	return PublicKey{s.k.private.Public().(ed25519.PublicKey)}, true
}

// Reveal returns the secret's text, with its prefix, for the eyes of its owner or
// for sealed storage. It is empty for the zero Secret.
func (s Secret) Reveal() string {
	switch {
	case s.k == nil:
		return ""
	case s.k.private != nil:
		return privatePrefix + base64.StdEncoding.EncodeToString(s.k.private)
	default:
		return symmetricPrefix + base64.StdEncoding.EncodeToString(s.k.mac)
	}
}

// Equal reports whether s and t are the same secret, in time that depends only on
// their kinds and lengths.
func (s Secret) Equal(t Secret) bool {
	if s.k == nil || t.k == nil {
		return s.k == t.k
	}
	return subtle.ConstantTimeCompare(s.k.mac, t.k.mac)&subtle.ConstantTimeCompare(s.k.private, t.k.private) == 1
}

// String, GoString, Format and LogValue keep the secret out of logs. Format is
// there because verbs such as %d and %x would look into the struct.
func (s Secret) String() string                { return redacted }
func (s Secret) GoString() string              { return redacted }
func (s Secret) Format(f fmt.State, verb rune) { _, _ = io.WriteString(f, redacted) }
func (s Secret) LogValue() slog.Value          { return slog.StringValue(redacted) }

// A PublicKey verifies what an asymmetric [Secret] signed. Its text is "whpk_"
// and base64 of the 32-byte ed25519 key. It is not secret. The zero PublicKey is
// no key and is refused wherever one is needed.
type PublicKey struct {
	key ed25519.PublicKey
}

// ParsePublicKey reads "whpk_" and base64 of 32 bytes. Anything else is an error
// that wraps ErrInvalidKey.
func ParsePublicKey(text string) (PublicKey, error) {
	encoded, ok := strings.CutPrefix(text, publicPrefix)
	if !ok {
		return PublicKey{}, invalidKey("a public key begins with whpk_")
	}
	key, err := decodeKey(encoded)
	if err != nil {
		return PublicKey{}, err
	}
	if len(key) != ed25519.PublicKeySize {
		return PublicKey{}, invalidKey("whpk_ holds %d bytes, not %d", len(key), ed25519.PublicKeySize)
	}
	return PublicKey{key}, nil
}

// IsZero reports whether p is no key at all.
func (p PublicKey) IsZero() bool { return p.key == nil }

// Equal reports whether p and q are the same key.
func (p PublicKey) Equal(q PublicKey) bool { return bytes.Equal(p.key, q.key) }

// String returns the key's text, "" for the zero PublicKey.
func (p PublicKey) String() string {
	if p.key == nil {
		return ""
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(p.key)
}

// A Key is what a signature is verified with: a [Secret] or a [PublicKey].
type Key interface {
	IsZero() bool
	fmt.Stringer
	isKey()
}

func (Secret) isKey()    {}
func (PublicKey) isKey() {}

// ParseKeys reads one or more keys with white space between them, each a Secret
// or a PublicKey: what a receiver keeps in one setting, with the old and the new
// key side by side while the sender's secret is rotated. It takes symmetric keys
// from 16 bytes on, because it was the sender who chose them; otherwise it reads
// as [ParseSecret] and [ParsePublicKey] do. Text without a key, or with a key that
// is not usable, is an error that wraps ErrInvalidKey.
func ParseKeys(text string) ([]Key, error) {
	var keys []Key
	for i, field := range strings.Fields(text) {
		key, err := parseKey(field)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, invalidKey("it is empty")
	}
	return keys, nil
}

func parseKey(text string) (Key, error) {
	if strings.HasPrefix(text, publicPrefix) {
		return ParsePublicKey(text)
	}
	return parseSecret(text, minGivenKeyBytes)
}

// decodeKey is strict, so that each key has one text and a cut or padded copy of
// it is noticed here rather than as a signature that never matches.
func decodeKey(encoded string) ([]byte, error) {
	if encoded == "" {
		return nil, invalidKey("it is empty")
	}
	// The decoder skips line ends.
	if strings.ContainsAny(encoded, "\r\n") {
		return nil, invalidKey("it has a line end in it")
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		// Not wrapped: the decoder's error tells where the secret went wrong.
		return nil, invalidKey("it is not base64 with padding")
	}
	return key, nil
}

func invalidKey(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalidKey, fmt.Sprintf(format, args...))
}
