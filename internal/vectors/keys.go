package vectors

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// What providers with key pairs publish and keep. A vector holds no private key, so what
// is to be signed anew is signed with a key of the test's own.

// PrivatePEM writes a private key as webhook.Sign takes it (PKCS #8).
func PrivatePEM(tb testing.TB, key crypto.Signer) string {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// CertificatePEM makes a certificate of key for a host, signed by itself and valid for an hour either way.
func CertificatePEM(tb testing.TB, key crypto.Signer, host string) string {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// JWK is the public half of a P-256 or RSA key as a JSON Web Key (RFC 7517).
func JWK(tb testing.TB, key crypto.Signer, id string) map[string]any {
	tb.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		point, err := key.PublicKey.Bytes()
		if err != nil {
			tb.Fatal(err)
		}
		return map[string]any{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": id, "x": encode(point[1:33]), "y": encode(point[33:])}
	case *rsa.PrivateKey:
		return map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": id, "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}
	}
	tb.Fatalf("no JSON Web Key for %T", key)
	return nil
}

// JWKS is a set of JSON Web Keys as text.
func JWKS(tb testing.TB, keys ...map[string]any) string {
	tb.Helper()
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}
