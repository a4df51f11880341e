package webhook

import "time"

// circleci: circleci-docs, "Outbound webhooks".
var circleci = provider{
	Preset: Preset{
		Name: "circleci", Title: "CircleCI", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body as v1 in circleci-signature. No time is signed, so only the event's id keeps replays out.",
		Secret:     "the webhook's secret token (Project settings, Webhooks)",
		ID:         "body id",
		Deadline:   10 * time.Second,
		Retry:      "after a timeout or anything but 2xx; when is not published",
		Handshake:  "a test ping from the page, signed like every webhook",
		Confidence: Confidence{Vector, Docs, Docs, Docs},
		Docs:       "https://circleci.com/docs/outbound-webhooks",
	},
	facts: facts{id: body("id"), eventType: either(header("circleci-event-type"), body("type")), time: body("happened_at")},
	open:  versionHMAC("Circleci-Signature"),
}
