package auth

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// JWTIssuer is the issuer of the open-source server's tokens (CONTRACT 1.1).
const JWTIssuer = "svix-server"

// JWTAlgorithms are the algorithms that a JWT may be signed with (RFC 7518, RFC 8037).
func JWTAlgorithms() []string {
	return []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "EdDSA"}
}

const (
	// jwtLeeway is how far the clocks of who minted a token and of this server may differ.
	jwtLeeway = 30 * time.Second
	// maxJWTBytes bounds what is looked at: real tokens have 200 to 700 bytes.
	maxJWTBytes = 8 << 10
	// minRSABits is what RFC 7518 section 3.3 asks for.
	minRSABits = 2048
)

// JWTVerifier checks JWTs of the open-source server under one key and one algorithm, both
// of which the operator chose: what a token says about its own algorithm is compared with
// that and never followed, so neither "none" nor an HMAC under a public key passes. It may
// be used by many goroutines.
type JWTVerifier struct {
	parser *jwt.Parser
	key    any
	secret []byte // of HMAC algorithms; nil for the others
}

// NewJWTVerifier returns a verifier. secret is the key of HS algorithms, publicPEM a public
// key in PEM ("PUBLIC KEY", RFC 7468; or "RSA PUBLIC KEY") for the others. now is the
// clock; nil means time.Now.
func NewJWTVerifier(algorithm, secret string, publicPEM []byte, now func() time.Time) (*JWTVerifier, error) {
	if !slices.Contains(JWTAlgorithms(), algorithm) {
		return nil, fmt.Errorf("unknown JWT algorithm %q; there are %s", algorithm, strings.Join(JWTAlgorithms(), ", "))
	}
	if now == nil {
		now = time.Now
	}
	v := &JWTVerifier{parser: jwt.NewParser(
		jwt.WithValidMethods([]string{algorithm}), jwt.WithIssuer(JWTIssuer), jwt.WithLeeway(jwtLeeway), jwt.WithTimeFunc(now), jwt.WithStrictDecoding(),
	)}
	if strings.HasPrefix(algorithm, "HS") {
		if secret == "" {
			return nil, fmt.Errorf("the JWT algorithm %s needs a secret", algorithm)
		}
		v.secret = []byte(secret)
		v.key = v.secret
		return v, nil
	}
	key, err := parsePublicPEM(publicPEM)
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		if !strings.HasPrefix(algorithm, "RS") {
			return nil, fmt.Errorf("the JWT algorithm %s does not go with an RSA key", algorithm)
		}
		if key.N.BitLen() < minRSABits {
			return nil, fmt.Errorf("the RSA key has %d bits, at least %d are needed", key.N.BitLen(), minRSABits)
		}
	case ed25519.PublicKey:
		if algorithm != "EdDSA" {
			return nil, fmt.Errorf("the JWT algorithm %s does not go with an ed25519 key", algorithm)
		}
	default:
		return nil, errors.New("the JWT public key is neither RSA nor ed25519")
	}
	v.key = key
	return v, nil
}

func parsePublicPEM(text []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("the JWT public key is not PEM")
	case block.Type == "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case strings.Contains(block.Type, "PRIVATE"):
		return nil, errors.New("that is a private key; this server needs only the public one")
	}
	return nil, fmt.Errorf("the PEM block holds a %s, not a PUBLIC KEY", cutType(block.Type))
}

func cutType(s string) string { return s[:min(len(s), 40)] }

// Identity is what a verified JWT says.
type Identity struct {
	// Subject is "org_..." for an organisation, "app_..." for an application.
	Subject string
	// Org is the organisation of an application's token; "" where the token does not say.
	Org string
	// FeatureFlags of an application's token; nil for none.
	FeatureFlags []string
	// ExpiresAt is when the token ends, leeway included; zero for never.
	ExpiresAt time.Time
}

// claims are those of the open-source server.
type claims struct {
	jwt.RegisteredClaims
	Org          string       `json:"org"`
	FeatureFlags featureFlags `json:"feature_flags"`
}

// featureFlags reads a list, or null.
type featureFlags []string

func (f *featureFlags) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, (*[]string)(f)) }

// ErrIsSecret says that somebody sent the JWT secret itself in place of a token.
var ErrIsSecret = errors.New("the token is the JWT secret itself")

var errBadJWT = errors.New("not a valid JWT of this server")

// Verify returns who a JWT speaks for: its signature is right, it was issued by
// JWTIssuer, its time has begun and not ended. ErrIsSecret is the one error that says more
// than no.
func (v *JWTVerifier) Verify(text string) (Identity, error) {
	if v.secret != nil && len(text) == len(v.secret) && subtle.ConstantTimeCompare([]byte(text), v.secret) == 1 {
		return Identity{}, ErrIsSecret
	}
	if len(text) > maxJWTBytes || strings.Count(text, ".") != 2 {
		return Identity{}, errBadJWT
	}
	var c claims
	if _, err := v.parser.ParseWithClaims(text, &c, v.keyFor); err != nil {
		return Identity{}, errBadJWT
	}
	id := Identity{Subject: c.Subject, Org: c.Org, FeatureFlags: c.FeatureFlags}
	if c.ExpiresAt != nil {
		id.ExpiresAt = c.ExpiresAt.Add(jwtLeeway)
	}
	return id, nil
}

// keyFor returns the key. A token with extensions that its reader must understand is
// refused (RFC 7515 section 4.1.11): there are none that we do, and the parser does not look.
func (v *JWTVerifier) keyFor(t *jwt.Token) (any, error) {
	if _, critical := t.Header["crit"]; critical {
		return nil, errBadJWT
	}
	return v.key, nil
}

// String hides the key.
func (v *JWTVerifier) String() string { return "[jwt verifier]" }

// GoString hides the key from %#v.
func (v *JWTVerifier) GoString() string { return v.String() }
