package webhook

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// JSON Web Tokens (RFC 7515, RFC 7519) as two providers use them: compact, one known
// algorithm, a key id. Nothing else is understood, on purpose.

const (
	maxJWTBytes  = 16 << 10
	maxJWKs      = 100
	maxRSABits   = 8192
	maxKeyIDByte = 128
)

// jwt is a token that is taken apart, not verified yet.
type jwt struct {
	keyID             string
	signed, signature []byte
	payload           []byte
}

// parseJWT takes a token apart that is signed with algorithm alg. What says any other is
// refused before a key is looked for (RFC 8725 section 3.1).
func parseJWT(text, alg, where string) (*jwt, error) {
	if len(text) > maxJWTBytes {
		return nil, malformed(where, "the token is too long")
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, malformed(where, "a token has three parts")
	}
	var decoded [3][]byte
	for i, part := range parts {
		// The decoder skips line ends.
		if part == "" || strings.ContainsAny(part, "\r\n") {
			return nil, malformed(where, "a part of the token is not base64url")
		}
		var err error
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return nil, malformed(where, "a part of the token is not base64url")
		}
	}
	var head struct {
		Alg  string          `json:"alg"`
		Kid  string          `json:"kid"`
		Crit json.RawMessage `json:"crit"`
	}
	if json.Unmarshal(decoded[0], &head) != nil {
		return nil, malformed(where, "the token's header is not JSON")
	}
	if head.Alg != alg {
		return nil, fmt.Errorf("%w: the token is not signed with %s", ErrNoMatch, alg)
	}
	// Extensions that must be understood, and none is (RFC 7515 section 4.1.11).
	if head.Crit != nil {
		return nil, fmt.Errorf("%w: the token asks for an extension", ErrNoMatch)
	}
	if !isKeyID(head.Kid) {
		return nil, malformed(where, "the token names no key")
	}
	return &jwt{head.Kid, []byte(parts[0] + "." + parts[1]), decoded[2], decoded[1]}, nil
}

// isKeyID bounds what a forged token can make the receiver ask for.
func isKeyID(kid string) bool {
	for _, c := range []byte(kid) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return kid != "" && len(kid) <= maxKeyIDByte
}

// jwk is one public key (RFC 7517).
type jwk struct {
	keyID   string
	key     crypto.PublicKey
	expired bool // Plaid's expired_at is there
}

// parseJWKS reads a key set, or a single key. Keys of other kinds, for other uses and for
// other algorithms than alg are passed over.
func parseJWKS(text []byte, alg string) ([]jwk, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(text, &set) != nil {
		return nil, fmt.Errorf("a key set is a JSON object")
	}
	if len(set.Keys) > maxJWKs {
		return nil, fmt.Errorf("there are more than %d keys", maxJWKs)
	}
	if set.Keys == nil {
		set.Keys = []json.RawMessage{text}
	}
	var list []jwk
	for _, raw := range set.Keys {
		if k, ok := parseJWK(raw, alg); ok {
			list = append(list, k)
		}
	}
	if list == nil {
		return nil, fmt.Errorf("there is no %s key in it", alg)
	}
	return list, nil
}

func parseJWK(text []byte, alg string) (jwk, bool) {
	var k struct {
		Kty, Alg, Use, Kid, Crv string
		X, Y, N, E              string
		ExpiredAt               json.RawMessage `json:"expired_at"`
	}
	if json.Unmarshal(text, &k) != nil || !isKeyID(k.Kid) || k.Alg != "" && k.Alg != alg || k.Use != "" && k.Use != "sig" {
		return jwk{}, false
	}
	out := jwk{keyID: k.Kid, expired: len(k.ExpiredAt) > 0 && string(k.ExpiredAt) != "null"}
	switch {
	case alg == "ES256" && k.Kty == "EC" && k.Crv == "P-256":
		x, errX := base64.RawURLEncoding.DecodeString(k.X)
		y, errY := base64.RawURLEncoding.DecodeString(k.Y)
		if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
			return jwk{}, false
		}
		// It refuses points that are not on the curve.
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
		if err != nil {
			return jwk{}, false
		}
		out.key = key
	case alg == "RS256" && k.Kty == "RSA":
		n, errN := base64.RawURLEncoding.DecodeString(k.N)
		e, errE := base64.RawURLEncoding.DecodeString(k.E)
		if errN != nil || errE != nil || len(n) > maxRSABits/8 || len(e) > 4 {
			return jwk{}, false
		}
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		if key.N.BitLen() < 2048 || key.N.Bit(0) == 0 || key.E < 3 || key.E&1 == 0 || key.E > 1<<31-1 {
			return jwk{}, false // RFC 7518 section 3.3 asks for 2048 bits
		}
		out.key = key
	default:
		return jwk{}, false
	}
	return out, true
}

// verify says whether a key with the token's id made its signature.
func (t *jwt) verify(keys []jwk) (found, genuine bool) {
	sum := sha256.Sum256(t.signed)
	for _, k := range keys {
		if k.keyID != t.keyID {
			continue
		}
		found = true
		if k.expired {
			continue
		}
		switch key := k.key.(type) {
		case *ecdsa.PublicKey:
			// r and s, 32 bytes each (RFC 7518 section 3.4).
			if len(t.signature) == 64 && ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(t.signature[:32]), new(big.Int).SetBytes(t.signature[32:])) {
				return true, true
			}
		case *rsa.PublicKey:
			if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], t.signature) == nil {
				return true, true
			}
		}
	}
	return found, false
}

// makeJWT signs claims, for Sign.
func makeJWT(key crypto.Signer, keyID string, claims map[string]any) (string, error) {
	alg := "RS256"
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		alg = "ES256"
	}
	head, err := json.Marshal(map[string]string{"alg": alg, "kid": keyID, "typ": "JWT"})
	if err != nil {
		return "", fmt.Errorf("write a token's header: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("write a token's claims: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(payload)
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			return "", fmt.Errorf("sign a token: %w", err)
		}
		signature = make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
	default:
		if signature, err = key.Sign(rand.Reader, sum[:], crypto.SHA256); err != nil {
			return "", fmt.Errorf("sign a token: %w", err)
		}
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// staticKeys reads the setting jwks; nil when it is not set.
func staticKeys(s *settings, alg string) ([]jwk, error) {
	text, set := s.Settings["jwks"]
	if !set {
		return nil, nil
	}
	keys, err := parseJWKS([]byte(text), alg)
	if err != nil {
		return nil, invalidSetting("jwks: %v", err)
	}
	return keys, nil
}

// signingKeyID is the id of the one key of the setting jwks, or "test", for Sign.
func signingKeyID(s *settings, alg string) string {
	if keys, err := staticKeys(s, alg); err == nil && len(keys) > 0 {
		return keys[0].keyID
	}
	return "test"
}
