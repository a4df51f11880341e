package webhook

import (
	"crypto"
	"net/http"
	"time"
)

// asanaSecret is the header of the handshake.
const asanaSecret = "X-Hook-Secret"

// asana: developers.asana.com/docs/webhooks-guide.
var asana = provider{
	Preset: Preset{
		Name: "asana", Title: "Asana", Family: "hmac",
		Summary:        "HMAC-SHA256 over the body in X-Hook-Signature. No time is signed.",
		Secret:         "the value of X-Hook-Secret, which Asana hands over while the webhook is made",
		SecretOptional: true,
		Deadline:       10 * time.Second,
		Retry:          "for up to 24 hours; without a heartbeat that succeeds for 24 hours the webhook is deleted",
		RetryFor:       24 * time.Hour,
		Batch:          true,
		Handshake:      "a request with X-Hook-Secret, which is kept and sent back in the answer",
		Withhold:       []string{asanaSecret},
		Confidence:     Confidence{Docs, Memory, Docs, Docs},
		Docs:           "https://developers.asana.com/docs/webhooks-guide",
	},
	// No id: resource, action and created_at are the same for two fields that one request
	// changed. An empty list is a heartbeat, every 8 hours.
	facts: facts{
		list: new("events"),
		each: &facts{eventType: joined(".", body("resource.resource_type"), body("action")), time: body("created_at")},
	},
	open: bodyHMAC(crypto.SHA256, hexText, "X-Hook-Signature", ""),
	handshake: func(v *ProviderVerifier, r *Request, _ time.Time) (*Answer, error) {
		if len(r.Header[asanaSecret]) == 0 {
			return nil, nil
		}
		secret, err := single(r.Header, asanaSecret)
		if err != nil {
			return nil, err
		}
		if !isHandedSecret(secret) {
			return nil, malformed(asanaSecret, "a secret is up to 256 printable characters")
		}
		return keepSecret(v, secret, &Answer{Status: http.StatusOK, Header: http.Header{asanaSecret: {secret}}}), nil
	},
}
