//go:build unix

package providers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/vectors"
)

// keys are what a vector's provider signs with, and what its receiver verifies with.
type keys struct {
	sign, verify []string
	settings     map[string]string
}

// keysFor returns the vector's own secrets, or a new pair of keys for a provider that
// signs with a private key, which a vector does not hold.
func keysFor(t *testing.T, v *vectors.Vector) keys {
	t.Helper()
	k := keys{sign: v.Secrets, verify: v.Secrets, settings: v.Settings(t)}
	switch v.Provider {
	case "sendgrid":
		key := newEC(t)
		k.sign = []string{private(t, key)}
		k.verify = []string{base64.StdEncoding.EncodeToString(public(t, key))}
	case "discord":
		pub, priv, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k.sign, k.verify = []string{private(t, priv)}, []string{hex.EncodeToString(pub)}
	case "plaid":
		key := newEC(t)
		point, err := key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		k.sign, k.verify = []string{private(t, key)}, nil
		k.settings["jwks"] = keySet(t, map[string]string{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "test",
			"x": raw(point[1:33]), "y": raw(point[33:])})
	case "gcp-pubsub":
		key := newRSA(t)
		k.sign, k.verify = []string{private(t, key)}, nil
		k.settings["jwks"] = keySet(t, map[string]string{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "test",
			"n": raw(key.N.Bytes()), "e": raw(big.NewInt(int64(key.E)).Bytes())})
	case "paypal", "aws-sns":
		key := newRSA(t)
		name := map[string]string{"paypal": "messageverificationcerts.paypal.com", "aws-sns": "sns.us-east-1.amazonaws.com"}[v.Provider]
		k.sign, k.verify = []string{private(t, key)}, nil
		k.settings["cert_pem"] = certificate(t, key, name)
	case "generic", "standard-webhooks":
		if pub, priv, ok := ed25519Of(t, v); ok {
			k.sign, k.verify = []string{priv}, []string{pub}
		}
	}
	return k
}

// ed25519Of makes a pair for a vector that is verified with a public key.
func ed25519Of(t *testing.T, v *vectors.Vector) (pub, priv string, ok bool) {
	isGeneric := v.Provider == "generic" && (v.Config["mode"] == "ed25519" || v.Config["scheme"] == "ed25519")
	isStandard := v.Provider == "standard-webhooks" && len(v.Secrets) > 0 && len(v.Secrets[0]) > 5 && v.Secrets[0][:5] == "whpk_"
	if !isGeneric && !isStandard {
		return "", "", false
	}
	p, s, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if isStandard {
		return "whpk_" + base64.StdEncoding.EncodeToString(p), "whsk_" + base64.StdEncoding.EncodeToString(s), true
	}
	return hex.EncodeToString(p), private(t, s), true
}

func newEC(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRSA(t *testing.T) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func private(t *testing.T, key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func public(t *testing.T, key crypto.Signer) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func raw(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func keySet(t *testing.T, key map[string]string) string {
	text, err := json.Marshal(map[string]any{"keys": []any{key}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func certificate(t *testing.T, key *rsa.PrivateKey, name string) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
