package webhook

import (
	"crypto"
	"time"
)

// xero: developer.xero.com/documentation/guides/webhooks.
var xero = provider{
	Preset: Preset{
		Name: "xero", Title: "Xero", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in x-xero-signature, in Base64. No time is signed.",
		Secret:     "the webhooks key (My Apps, Webhooks)",
		Bare:       true,
		Deadline:   5 * time.Second,
		Retry:      "with growing delays for 24 hours; the webhook is then disabled",
		RetryFor:   24 * time.Hour,
		Batch:      true,
		Handshake:  "intent to receive: signed requests, right and wrong ones, of which the wrong must get 401 and no body",
		Confidence: Confidence{Secondary, Memory, Memory, Memory},
		Docs:       "https://developer.xero.com/documentation/guides/webhooks",
	},
	facts: facts{
		list: new("events"),
		each: &facts{
			id:        joined(":", body("resourceId"), body("eventCategory"), body("eventType"), body("eventDateUtc")),
			eventType: joined(".", body("eventCategory"), body("eventType")),
			time:      body("eventDateUtc"),
		},
	},
	open: bodyHMAC(crypto.SHA256, base64Text, "X-Xero-Signature", ""),
}
