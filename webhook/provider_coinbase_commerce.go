package webhook

import (
	"crypto"
	"time"
)

// coinbaseCommerce: Coinbase's own library coinbase-commerce-node. Webhooks of the
// Coinbase Developer Platform are signed differently.
var coinbaseCommerce = provider{
	Preset: Preset{
		Name: "coinbase-commerce", Title: "Coinbase Commerce", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in X-CC-Webhook-Signature. No time is signed, so only the event's id keeps replays out.",
		Secret:     "the webhook's shared secret (Settings, Notifications)",
		ID:         "body event.id",
		Retry:      "with growing delays of up to 1 hour for 3 days",
		RetryFor:   72 * time.Hour,
		Confidence: Confidence{Vector, Vector, Memory, Memory},
		Docs:       "https://github.com/coinbase/coinbase-commerce-node",
	},
	facts: facts{id: body("event.id"), eventType: body("event.type"), time: body("event.created_at")},
	open:  bodyHMAC(crypto.SHA256, hexText, "X-CC-Webhook-Signature", ""),
}
