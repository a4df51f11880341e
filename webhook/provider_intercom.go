package webhook

import (
	"crypto"
	"net/http"
	"time"
)

// intercom: developers.intercom.com, "Webhooks". X-Body-Signature belongs to Canvas Kit
// and inbox apps, not to webhooks.
var intercom = provider{
	Preset: Preset{
		Name: "intercom", Title: "Intercom", Family: "hmac",
		Summary:  "HMAC-SHA1 over the body in X-Hub-Signature. No time is signed, so only the notification's id keeps replays out.",
		Secret:   "the app's client secret (Developer Hub, Basic information)",
		ID:       "body id",
		Deadline: 5 * time.Second,
		Retry: "how often is not published; over 1,000 errors in 15 minutes pause a topic for 15 minutes, 7 days of errors suspend a " +
			"private app's subscription, answers slower than 500 ms get lower priority",
		Handshake:  "a HEAD request when the URL is saved; a signed notification with the topic ping, which is a webhook like every other",
		Confidence: Confidence{Secondary, Secondary, Secondary, Docs},
		Docs:       "https://developers.intercom.com/docs/webhooks",
	},
	facts: facts{id: body("id"), eventType: body("topic"), time: body("created_at")},
	open:  bodyHMAC(crypto.SHA1, hexText, "X-Hub-Signature", "sha1="),
	handshake: func(_ *ProviderVerifier, r *Request, _ time.Time) (*Answer, error) {
		if r.Method != http.MethodHead {
			return nil, nil
		}
		return &Answer{Status: http.StatusOK}, nil
	},
}
