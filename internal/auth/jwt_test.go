package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const jwtSecret = "a secret of more than sixteen characters"

// sign makes a JWT with a method and key, whatever sense it makes.
func sign(t *testing.T, method jwt.SigningMethod, key any, c jwt.MapClaims) string {
	t.Helper()
	text, err := jwt.NewWithClaims(method, c).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func orgClaims(now time.Time) jwt.MapClaims {
	return jwt.MapClaims{
		"iss": JWTIssuer, "sub": "org_23rb8YdGqMT0qIzpgGwdXfHirMu", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(10 * 365 * 24 * time.Hour).Unix(),
	}
}

func publicPEM(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func TestJWTOfEachAlgorithm(t *testing.T) {
	now := time.Now()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]struct {
		method jwt.SigningMethod
		key    any
		public []byte
	}{
		"HS256": {jwt.SigningMethodHS256, []byte(jwtSecret), nil},
		"HS384": {jwt.SigningMethodHS384, []byte(jwtSecret), nil},
		"HS512": {jwt.SigningMethodHS512, []byte(jwtSecret), nil},
		"RS256": {jwt.SigningMethodRS256, rsaKey, publicPEM(t, &rsaKey.PublicKey)},
		"RS384": {jwt.SigningMethodRS384, rsaKey, publicPEM(t, &rsaKey.PublicKey)},
		"RS512": {jwt.SigningMethodRS512, rsaKey, publicPEM(t, &rsaKey.PublicKey)},
		"EdDSA": {jwt.SigningMethodEdDSA, edKey, publicPEM(t, edPublic)},
	}
	if len(keys) != len(JWTAlgorithms()) {
		t.Fatalf("%d algorithms, %d are tried", len(JWTAlgorithms()), len(keys))
	}
	for configured, verifying := range keys {
		secret := ""
		if verifying.public == nil {
			secret = jwtSecret
		}
		v, err := NewJWTVerifier(configured, secret, verifying.public, nil)
		if err != nil {
			t.Fatalf("%s: %v", configured, err)
		}
		for signed, signing := range keys {
			id, err := v.Verify(sign(t, signing.method, signing.key, orgClaims(now)))
			if (err == nil) != (configured == signed) {
				t.Errorf("a verifier of %s judges a token of %s: %v", configured, signed, err)
			}
			if err == nil && id.Subject != "org_23rb8YdGqMT0qIzpgGwdXfHirMu" {
				t.Errorf("%s: %+v", configured, id)
			}
		}
		if _, err := v.Verify(sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, orgClaims(now))); err == nil {
			t.Errorf("a verifier of %s takes a token without a signature", configured)
		}
		if verifying.public != nil {
			// The classical confusion: the public key, which everybody has, as HMAC's secret.
			if _, err := v.Verify(sign(t, jwt.SigningMethodHS256, verifying.public, orgClaims(now))); err == nil {
				t.Errorf("a verifier of %s takes a token of HMAC under its public key", configured)
			}
		}
	}
}

func TestJWTClaims(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	v, err := NewJWTVerifier("HS256", jwtSecret, nil, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(jwt.MapClaims)) string {
		c := orgClaims(now)
		change(c)
		return sign(t, jwt.SigningMethodHS256, []byte(jwtSecret), c)
	}
	good := with(func(jwt.MapClaims) {})
	forged := func(at int, change func([]byte) []byte) string {
		parts := strings.Split(good, ".")
		raw, err := base64.RawURLEncoding.DecodeString(parts[at])
		if err != nil {
			t.Fatal(err)
		}
		parts[at] = base64.RawURLEncoding.EncodeToString(change(raw))
		return strings.Join(parts, ".")
	}
	critical := func(names ...string) string {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, orgClaims(now))
		token.Header["crit"], token.Header["x"] = names, 1
		text, err := token.SignedString([]byte(jwtSecret))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, c := range []struct {
		why, text string
		ok        bool
	}{
		{"as it is issued", good, true},
		{"without an end", with(func(c jwt.MapClaims) { delete(c, "exp") }), true},
		{"another issuer", with(func(c jwt.MapClaims) { c["iss"] = "somebody" }), false},
		{"no issuer", with(func(c jwt.MapClaims) { delete(c, "iss") }), false},
		{"ended within the leeway", with(func(c jwt.MapClaims) { c["exp"] = now.Add(-20 * time.Second).Unix() }), true},
		{"ended", with(func(c jwt.MapClaims) { c["exp"] = now.Add(-31 * time.Second).Unix() }), false},
		{"not begun, within the leeway", with(func(c jwt.MapClaims) { c["nbf"] = now.Add(20 * time.Second).Unix() }), true},
		{"not begun", with(func(c jwt.MapClaims) { c["nbf"] = now.Add(31 * time.Second).Unix() }), false},
		{"times that are no numbers", with(func(c jwt.MapClaims) { c["exp"] = "tomorrow" }), false},
		{"flags that are no list", with(func(c jwt.MapClaims) { c["feature_flags"] = "beta" }), false},
		{"another subject under the same signature", forged(1, func(b []byte) []byte {
			return []byte(strings.Replace(string(b), "org_23rb8YdGqMT0qIzpgGwdXfHirMu", "org_33rb8YdGqMT0qIzpgGwdXfHirMu", 1))
		}), false},
		{"a signature that is one bit off", forged(2, func(b []byte) []byte { b[0] ^= 1; return b }), false},
		{"a signature that was cut", forged(2, func(b []byte) []byte { return b[:31] }), false},
		{"a header that is no JSON", forged(0, func([]byte) []byte { return []byte("{") }), false},
		{"an extension that must be understood", critical("x"), false},
		{"a list of no such extensions", critical(), false},
		{"two parts", "a.b", false},
		{"four parts", good + ".x", false},
		{"nothing", "", false},
		{"very long", strings.Repeat("a", 1<<20) + "." + strings.Repeat("b", 10) + ".c", false},
		{"a deep header", base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("[", 4000))) + ".e30.e30", false},
	} {
		if _, err := v.Verify(c.text); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.why, err)
		}
	}
	id, err := v.Verify(with(func(c jwt.MapClaims) {
		c["sub"], c["org"], c["feature_flags"] = "app_1", "org_1", []string{"beta"}
		c["exp"] = now.Add(time.Hour).Unix()
	}))
	if err != nil || fmt.Sprintf("%s %s %v", id.Subject, id.Org, id.FeatureFlags) != "app_1 org_1 [beta]" || !id.ExpiresAt.Equal(now.Add(time.Hour+jwtLeeway)) {
		t.Errorf("an application's token: %+v, %v", id, err)
	}
	if _, err := v.Verify(jwtSecret); !errors.Is(err, ErrIsSecret) {
		t.Errorf("the secret as a token: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", v, v, v, v); strings.Contains(text, jwtSecret) {
		t.Errorf("the verifier prints its secret: %s", text)
	}
}

func TestJWTSettingsAreChecked(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip(err) // a build of Go that makes none
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why, algorithm, secret string
		pem                    []byte
		want                   string
	}{
		{"none", "none", "x", nil, "unknown"},
		{"another spelling", "hs256", "x", nil, "unknown"},
		{"no secret", "HS256", "", nil, "needs a secret"},
		{"no PEM", "RS256", "", []byte("key"), "not PEM"},
		{"the private key", "EdDSA", "", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "private key"},
		{"a certificate", "EdDSA", "", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), "not a PUBLIC KEY"},
		{"a key of another kind", "RS256", "", publicPEM(t, public), "does not go with an ed25519 key"},
		{"an RSA key for EdDSA", "EdDSA", "", publicPEM(t, &small.PublicKey), "does not go with an RSA key"},
		{"a short RSA key", "RS256", "", publicPEM(t, &small.PublicKey), "1024 bits"},
	} {
		if _, err := NewJWTVerifier(c.algorithm, c.secret, c.pem, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}
