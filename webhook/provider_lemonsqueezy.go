package webhook

import (
	"crypto"
	"time"
)

// lemonsqueezy: docs.lemonsqueezy.com/help/webhooks.
var lemonsqueezy = provider{
	Preset: Preset{
		Name: "lemonsqueezy", Title: "Lemon Squeezy", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in X-Signature. No time is signed.",
		Secret:     "the webhook's signing secret (Settings, Webhooks)",
		ID:         "body meta.event_name, data.type, data.id and data.attributes.updated_at together",
		Retry:      "3 times: after 5, 25 and 125 seconds",
		RetryFor:   155 * time.Second,
		Confidence: Confidence{Memory, Memory, Memory, Memory},
		Docs:       "https://docs.lemonsqueezy.com/help/webhooks",
	},
	facts: facts{
		id:        joined(":", body("meta.event_name"), body("data.type"), body("data.id"), body("data.attributes.updated_at")),
		eventType: either(header("X-Event-Name"), body("meta.event_name")),
		time:      body("data.attributes.updated_at"),
	},
	open: bodyHMAC(crypto.SHA256, hexText, "X-Signature", ""),
}
