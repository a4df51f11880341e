package webhook

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"regexp"
	"strconv"
	"time"
)

const (
	paypalID        = "Paypal-Transmission-Id"
	paypalTime      = "Paypal-Transmission-Time"
	paypalSignature = "Paypal-Transmission-Sig"
	paypalCert      = "Paypal-Cert-Url"
	paypalAlgorithm = "Paypal-Auth-Algo"
)

var (
	paypalHost  = regexp.MustCompile(`^([a-z0-9-]+\.)+paypal\.com$`)
	paypalPath  = regexp.MustCompile(`^/v1/notifications/certs/[A-Za-z0-9_-]{1,128}$`)
	paypalNames = regexp.MustCompile(`^([A-Za-z0-9-]+\.)+paypal\.com$`)
)

// paypal: developer.paypal.com/api/rest/webhooks/rest, "Verify the signature yourself".
var paypal = provider{
	Preset: Preset{
		Name: "paypal", Title: "PayPal", Family: "rsa-cert",
		Summary: "RSA-SHA256 over transmission id, time, webhook id and the CRC-32 of the body, with the certificate that Paypal-Cert-Url names, which must be PayPal's. There is no rule for how old it may be.",
		Settings: append([]Setting{
			{Name: "webhook_id", Summary: "the webhook's id (Apps and Credentials, the app, Webhooks); it is signed but not sent", Required: true},
		}, certificateSettings("required", "host")...),
		ID:         "body id (WH-...)",
		Retry:      "up to 25 times over 3 days",
		RetryFor:   72 * time.Hour,
		Confidence: Confidence{Vector, Vector, Memory, Memory},
		Docs:       "https://developer.paypal.com/api/rest/webhooks/rest",
	},
	facts: facts{id: body("id"), eventType: body("event_type"), time: body("create_time")},
	open: func(s *settings) (scheme, error) {
		certificates, err := newCertificates(s, paypalHost, paypalPath, paypalNames)
		if err != nil {
			return nil, err
		}
		return &paypalScheme{certificates, s.Settings["webhook_id"], s.tolerance()}, nil
	},
	// It keeps a Paypal-Cert-Url that is there.
	sign: func(s *settings, r *Request, now time.Time) error {
		key, err := privateKey[*rsa.PrivateKey](s)
		if err != nil {
			return err
		}
		at := now.UTC().Format(time.RFC3339)
		sum := sha256.Sum256(append([]byte(at), r.Body...))
		id := hex.EncodeToString(sum[:16])
		digest := sha256.Sum256(paypalText(id, at, s.Settings["webhook_id"], r.Body))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		if err != nil {
			return fmt.Errorf("sign: %w", err)
		}
		r.Header.Set(paypalID, id)
		r.Header.Set(paypalTime, at)
		r.Header.Set(paypalSignature, base64.StdEncoding.EncodeToString(signature))
		r.Header.Set(paypalAlgorithm, "SHA256withRSA")
		r.Header.Set("Paypal-Auth-Version", "v2")
		if r.Header.Get(paypalCert) == "" {
			r.Header.Set(paypalCert, "https://api.paypal.com/v1/notifications/certs/CERT-test")
		}
		return nil
	},
}

type paypalScheme struct {
	certificates *certificates
	webhookID    string
	tolerance    time.Duration
}

func (s *paypalScheme) verify(r *Request, now time.Time) (time.Time, error) {
	var values [5]string
	for i, name := range []string{paypalID, paypalTime, paypalSignature, paypalCert, paypalAlgorithm} {
		var err error
		if values[i], err = single(r.Header, name); err != nil {
			return time.Time{}, err
		}
	}
	if values[4] != "SHA256withRSA" {
		return time.Time{}, fmt.Errorf("%w: the algorithm is not SHA256withRSA", ErrNoMatch)
	}
	signature, err := base64.StdEncoding.DecodeString(values[2])
	if err != nil || len(signature) > maxRSABits/8 {
		return time.Time{}, malformed(paypalSignature, "a signature is base64")
	}
	signed, err := time.Parse(time.RFC3339, values[1])
	if err != nil {
		return time.Time{}, malformed(paypalTime, "a time is written as in RFC 3339")
	}
	text := paypalText(values[0], values[1], s.webhookID, r.Body)
	if err := s.certificates.verify(values[3], crypto.SHA256, text, signature, now); err != nil {
		return time.Time{}, err
	}
	return signed.UTC(), checkAge(signed, now, s.tolerance, false)
}

// paypalText is what is signed. The CRC-32 does not keep out a forger who can make bodies
// with the CRC of a genuine one; PayPal leaves that to TLS.
func paypalText(id, at, webhookID string, body []byte) []byte {
	return []byte(id + "|" + at + "|" + webhookID + "|" + strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
}
