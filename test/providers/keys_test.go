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
	"encoding/base64"
	"encoding/hex"
	"testing"

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
		k.sign = []string{vectors.PrivatePEM(t, key)}
		k.verify = []string{base64.StdEncoding.EncodeToString(public(t, key))}
	case "discord":
		pub, priv, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k.sign, k.verify = []string{vectors.PrivatePEM(t, priv)}, []string{hex.EncodeToString(pub)}
	case "plaid":
		key := newEC(t)
		k.sign, k.verify = []string{vectors.PrivatePEM(t, key)}, nil
		k.settings["jwks"] = vectors.JWKS(t, vectors.JWK(t, key, "test"))
	case "gcp-pubsub":
		key := newRSA(t)
		k.sign, k.verify = []string{vectors.PrivatePEM(t, key)}, nil
		k.settings["jwks"] = vectors.JWKS(t, vectors.JWK(t, key, "test"))
	case "paypal", "aws-sns":
		key := newRSA(t)
		name := map[string]string{"paypal": "messageverificationcerts.paypal.com", "aws-sns": "sns.us-east-1.amazonaws.com"}[v.Provider]
		k.sign, k.verify = []string{vectors.PrivatePEM(t, key)}, nil
		k.settings["cert_pem"] = vectors.CertificatePEM(t, key, name)
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
	return hex.EncodeToString(p), vectors.PrivatePEM(t, s), true
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

func public(t *testing.T, key crypto.Signer) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return der
}
