package webhook

import "time"

// paddle: developer.paddle.com/webhooks, "Signature verification" (Paddle Billing, not Classic).
var paddle = provider{
	Preset: Preset{
		Name: "paddle", Title: "Paddle Billing", Family: "hmac",
		Summary:    "HMAC-SHA256 over time and body in Paddle-Signature, within 5 seconds as Paddle advises; tolerance_s widens it.",
		Secret:     "the destination's secret key, pdl_ntfset_... (Developer tools, Notifications)",
		Tolerance:  5 * time.Second,
		ID:         "body event_id",
		Deadline:   5 * time.Second,
		Retry:      "live up to 60 times in 3 days, 20 of them in the first hour; sandbox 3 times in 15 minutes",
		RetryFor:   72 * time.Hour,
		Confidence: Confidence{Vector, Vector, Memory, Memory},
		Docs:       "https://developer.paddle.com/webhooks",
	},
	facts: facts{id: body("event_id"), eventType: body("event_type"), time: body("occurred_at")},
	// While a secret is rotated there are several h1.
	open: timedHMAC(listHeader{name: "Paddle-Signature", separator: ";", time: "ts", signature: "h1"}, ":"),
}
