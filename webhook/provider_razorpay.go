package webhook

import (
	"crypto"
	"time"
)

// razorpay: razorpay.com/docs/webhooks.
var razorpay = provider{
	Preset: Preset{
		Name: "razorpay", Title: "Razorpay", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in X-Razorpay-Signature. No time is signed, so only the event's id keeps replays out.",
		Secret:     "the webhook's secret (Account & Settings, Webhooks); retries of before a change are signed with the old one",
		ID:         "header x-razorpay-event-id",
		Deadline:   5 * time.Second,
		Retry:      "with growing delays for 24 hours; the webhook is then disabled",
		RetryFor:   24 * time.Hour,
		Confidence: Confidence{Vector, Memory, Memory, Docs},
		Docs:       "https://razorpay.com/docs/webhooks",
	},
	facts: facts{id: header("X-Razorpay-Event-Id"), eventType: body("event"), time: body("created_at")},
	open:  bodyHMAC(crypto.SHA256, hexText, "X-Razorpay-Signature", ""),
}
