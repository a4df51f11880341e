package webhook

import (
	"crypto/rand"
	"strconv"
	"time"
)

// standardWebhooks: standardwebhooks.com, Standard Webhooks 1.0.0.
var standardWebhooks = provider{
	Preset: Preset{
		Name: "standard-webhooks", Title: "Standard Webhooks", Family: "standard-webhooks",
		Summary:    "HMAC-SHA256 (v1) or ed25519 (v1a) over id, time and body in webhook-signature, within 5 minutes.",
		Secret:     "whsec_... or the public key whpk_...",
		Tolerance:  DefaultTolerance,
		ID:         "header webhook-id",
		Retry:      "the sender's choice",
		Confidence: Confidence{Vector, Docs, Docs, Docs},
		Docs:       "https://www.standardwebhooks.com",
	},
	facts: standardFacts(body("type")),
	open:  openStandard,
}

// standardScheme is [Standard] as a scheme.
type standardScheme struct {
	*Standard
	keys []Key
	// names are the headers of id, time and signature that sign writes; both families are verified.
	names [3]string
}

// openStandard opens a scheme of Standard Webhooks that writes the headers webhook-*.
func openStandard(s *settings) (scheme, error) {
	return openStandardAs(s, [3]string{HeaderID, HeaderTimestamp, HeaderSignature})
}

// openSvix opens one that writes the headers svix-*.
func openSvix(s *settings) (scheme, error) {
	return openStandardAs(s, [3]string{SvixHeaderID, SvixHeaderTimestamp, SvixHeaderSignature})
}

func openStandardAs(s *settings, names [3]string) (scheme, error) {
	if _, err := s.texts(); err != nil {
		return nil, err
	}
	v := &standardScheme{names: names}
	for _, text := range s.Secrets {
		keys, err := ParseKeys(text)
		if err != nil {
			return nil, err
		}
		v.keys = append(v.keys, keys...)
	}
	var err error
	if v.Standard, err = NewStandard(v.keys, StandardOptions{Tolerance: s.tolerance()}); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *standardScheme) verify(r *Request, now time.Time) (time.Time, error) {
	got, err := v.Verify(*r, now)
	return got.Timestamp, err
}

// sign keeps an id that is there already, and else makes one.
func (v *standardScheme) sign(r *Request, now time.Time) error {
	var secrets []Secret
	for _, key := range v.keys {
		if secret, ok := key.(Secret); ok {
			secrets = append(secrets, secret)
		}
	}
	signer, err := NewSigner(secrets...)
	if err != nil {
		return invalidKey("a public key cannot sign")
	}
	id := r.Header.Get(v.names[0])
	if id == "" {
		id = "msg_" + rand.Text()
	}
	if !isID(id) {
		return malformed(v.names[0], "an id is 1 to 256 visible ASCII characters without a full stop")
	}
	r.Header.Set(v.names[0], id)
	r.Header.Set(v.names[1], strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(v.names[2], string(signer.AppendSignature(nil, id, now, r.Body)))
	return nil
}

// standardFacts are those of all who follow Standard Webhooks; they differ in what they call the type.
func standardFacts(eventType finder) facts {
	return facts{id: signedID, eventType: eventType, time: either(body("timestamp"), body("created_at"))}
}

// signedID is the id that was verified: with both families of headers there, only one of
// them is signed.
func signedID(r *Request) string {
	h, err := readHeaders(r.Header)
	if err != nil {
		return ""
	}
	return h.id
}
