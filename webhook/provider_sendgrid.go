package webhook

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	sendgridSignature = "X-Twilio-Email-Event-Webhook-Signature"
	sendgridTime      = "X-Twilio-Email-Event-Webhook-Timestamp"
)

// sendgrid: www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features.
var sendgrid = provider{
	Preset: Preset{
		Name: "sendgrid", Title: "SendGrid Event Webhook (Twilio)", Family: "ecdsa",
		Summary:    "ECDSA P-256 with SHA-256 over time and body, which ends with CR LF, in " + sendgridSignature + ". SendGrid has no rule for how old it may be.",
		Secret:     "the public verification key (Settings, Mail Settings, Event Webhook, Signature Verification)",
		ID:         "body [].sg_event_id",
		Retry:      "with growing delays for 24 hours",
		RetryFor:   24 * time.Hour,
		Batch:      true,
		Confidence: Confidence{Vector, Secondary, Memory, Memory},
		Docs:       "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event",
	},
	facts: batchFacts(nil, "", facts{id: body("sg_event_id"), eventType: body("event"), time: body("timestamp")}),
	open: func(s *settings) (scheme, error) {
		texts, err := s.texts()
		if err != nil {
			return nil, err
		}
		e := &sendgridScheme{tolerance: s.tolerance()}
		for i, text := range texts {
			key, ok := ecdsaPublicKey(string(text))
			if !ok {
				return nil, invalidKey("secret %d is not a P-256 public key (base64 of the DER form, or PEM)", i+1)
			}
			e.keys = append(e.keys, key)
		}
		return e, nil
	},
	sign: func(s *settings, r *Request, now time.Time) error {
		key, err := privateKey[*ecdsa.PrivateKey](s)
		if err != nil {
			return err
		}
		if key.Curve != elliptic.P256() {
			return invalidKey("SendGrid signs with P-256")
		}
		at := strconv.FormatInt(now.Unix(), 10)
		sum := sha256.Sum256(append([]byte(at), r.Body...))
		signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			return fmt.Errorf("sign: %w", err)
		}
		r.Header.Set(sendgridTime, at)
		r.Header.Set(sendgridSignature, base64.StdEncoding.EncodeToString(signature))
		return nil
	},
}

// ecdsaPublicKey reads base64 of a SubjectPublicKeyInfo, with or without PEM around it.
func ecdsaPublicKey(text string) (*ecdsa.PublicKey, bool) {
	var der []byte
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err != nil {
			return nil, false
		}
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, false
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	return key, ok && key.Curve == elliptic.P256()
}

type sendgridScheme struct {
	keys      []*ecdsa.PublicKey
	tolerance time.Duration
}

// verify reads the time only after the signature is found right: whatever text is signed.
func (s *sendgridScheme) verify(r *Request, now time.Time) (time.Time, error) {
	encoded, err := single(r.Header, sendgridSignature)
	if err != nil {
		return time.Time{}, err
	}
	at, err := single(r.Header, sendgridTime)
	if err != nil {
		return time.Time{}, err
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(signature) > 128 {
		return time.Time{}, malformed(sendgridSignature, "a signature is base64")
	}
	h := sha256.New()
	h.Write([]byte(at))
	h.Write(r.Body)
	sum := h.Sum(nil)
	for _, key := range s.keys {
		if ecdsa.VerifyASN1(key, sum, signature) {
			return joinedTime(at, r.Body, now, s.tolerance)
		}
	}
	return time.Time{}, ErrNoMatch
}
