package webhook

import "time"

// calendly: developer.calendly.com, "Webhook signatures".
var calendly = provider{
	Preset: Preset{
		Name: "calendly", Title: "Calendly", Family: "hmac",
		Summary:    "HMAC-SHA256 over time and body in Calendly-Webhook-Signature, within 3 minutes.",
		Secret:     "the signing_key with which the subscription was made",
		Tolerance:  3 * time.Minute,
		ID:         "body event, payload.uri and created_at together",
		Deadline:   15 * time.Second,
		Retry:      "with growing delays for up to 24 hours; the subscription is then disabled",
		RetryFor:   24 * time.Hour,
		Confidence: Confidence{Secondary, Memory, Memory, Memory},
		Docs:       "https://developer.calendly.com",
	},
	facts: facts{
		id:        joined(":", body("event"), body("payload.uri"), body("created_at")),
		eventType: body("event"), time: body("created_at"),
	},
	open: timedHMAC(listHeader{name: "Calendly-Webhook-Signature", separator: ",", time: "t", signature: "v1"}, "."),
}
