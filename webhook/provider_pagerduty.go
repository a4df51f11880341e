package webhook

import "time"

// pagerduty: developer.pagerduty.com, "Verifying signatures" (V3 webhooks).
var pagerduty = provider{
	Preset: Preset{
		Name: "pagerduty", Title: "PagerDuty V3", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body as v1 in X-PagerDuty-Signature. No time is signed, so only the event's id keeps replays out.",
		Secret:     "the subscription's secret, shown once when it is made",
		ID:         "body event.id",
		Deadline:   5 * time.Second,
		Retry:      "up to 10 times over 48 hours; repeated failure disables the subscription",
		RetryFor:   48 * time.Hour,
		Handshake:  "a pagey.ping test event, signed like every webhook",
		Confidence: Confidence{Vector, Vector, Memory, Memory},
		Docs:       "https://developer.pagerduty.com",
	},
	facts: facts{id: body("event.id"), eventType: body("event.event_type"), time: body("event.occurred_at")},
	// While a secret is rotated there are several v1.
	open: versionHMAC("X-Pagerduty-Signature"),
}
