package webhook

import (
	"crypto"
	"time"
)

// vercel: vercel.com/docs/webhooks. Log drains are something else.
var vercel = provider{
	Preset: Preset{
		Name: "vercel", Title: "Vercel", Family: "hmac",
		Summary:    "HMAC-SHA1 over the body in x-vercel-signature. No time is signed, so only the event's id keeps replays out.",
		Secret:     "the webhook's secret, or an integration's client secret",
		ID:         "body id",
		Deadline:   30 * time.Second,
		Retry:      "with growing delays for up to 24 hours",
		RetryFor:   24 * time.Hour,
		Confidence: Confidence{Secondary, Memory, Memory, Memory},
		Docs:       "https://vercel.com/docs/webhooks",
	},
	facts: facts{id: body("id"), eventType: body("type"), time: body("createdAt")},
	open:  bodyHMAC(crypto.SHA1, hexText, "X-Vercel-Signature", ""),
}
