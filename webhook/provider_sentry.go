package webhook

import (
	"crypto"
	"time"
)

// sentry: docs.sentry.io, "Integration platform, webhooks". Those of old plugins are unsigned.
var sentry = provider{
	Preset: Preset{
		Name: "sentry", Title: "Sentry", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in Sentry-Hook-Signature. No time is signed, so only the request's id keeps replays out.",
		Secret:     "the integration's client secret (Settings, Custom integrations)",
		ID:         "header Request-ID",
		Deadline:   time.Second,
		Retry:      "none is promised; 1,000 timeouts in 24 hours end an unpublished integration's subscription",
		Confidence: Confidence{Memory, Memory, Docs, Docs},
		Docs:       "https://docs.sentry.io/organization/integrations/integration-platform/webhooks",
	},
	facts: facts{
		id:        header("Request-ID"),
		eventType: either(joined(".", header("Sentry-Hook-Resource"), body("action")), header("Sentry-Hook-Resource")),
		time:      header("Sentry-Hook-Timestamp"),
	},
	open: bodyHMAC(crypto.SHA256, hexText, "Sentry-Hook-Signature", ""),
}
