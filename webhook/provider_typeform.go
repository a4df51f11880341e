package webhook

import (
	"crypto"
	"time"
)

// typeform: developer.typeform.com/webhooks. Base64, although the prefix looks like GitHub's.
var typeform = provider{
	Preset: Preset{
		Name: "typeform", Title: "Typeform", Family: "hmac",
		Summary:  "HMAC-SHA256 over the body in Typeform-Signature, in Base64 behind sha256=. No time is signed.",
		Secret:   "the webhook's secret (Connect, Webhooks)",
		ID:       "body event_id",
		Deadline: 30 * time.Second,
		Retry: "after 408, 423, 429 and 503 every 2 to 3 minutes for up to 10 hours, after others fewer times; 404 and 410 disable the " +
			"webhook at once",
		RetryFor:   10 * time.Hour,
		Confidence: Confidence{Docs, Memory, Secondary, Secondary},
		Docs:       "https://developer.typeform.com/webhooks",
	},
	facts: facts{id: body("event_id"), eventType: body("event_type")},
	open:  bodyHMAC(crypto.SHA256, base64Text, "Typeform-Signature", "sha256="),
}
