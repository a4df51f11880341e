package webhook

import (
	"crypto"
	"time"
)

// gogs: gogs.io. Unlike Gitea it signs a form as it is sent.
var gogs = provider{
	Preset: Preset{
		Name: "gogs", Title: "Gogs", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in X-Gogs-Signature. No time is signed, so only the delivery's id keeps replays out.",
		Secret:     "the webhook's secret (Settings, Webhooks)",
		ID:         "header X-Gogs-Delivery",
		Deadline:   5 * time.Second,
		Retry:      "none",
		Confidence: Confidence{Vector, Memory, Memory, Memory},
		Docs:       "https://gogs.io",
	},
	facts: facts{id: header("X-Gogs-Delivery"), eventType: header("X-Gogs-Event")},
	open:  bodyHMAC(crypto.SHA256, hexText, "X-Gogs-Signature", ""),
}
