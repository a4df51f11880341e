package webhook

import (
	"crypto"
	"time"
)

// jira: developer.atlassian.com/cloud/jira/platform/webhooks. Webhooks of apps carry a JWT instead.
var jira = provider{
	Preset: Preset{
		Name: "jira", Title: "Jira Cloud", Family: "hmac",
		Summary: "HMAC over the body in X-Hub-Signature, which names its hash: SHA-256 today, SHA-384 or SHA-512. No time is signed, " +
			"so only the webhook's identifier keeps replays out.",
		Secret:     "the webhook's secret (System, WebHooks)",
		ID:         "header X-Atlassian-Webhook-Identifier",
		Retry:      "up to 5 times, 5 to 15 minutes apart, after 408, 409, 425, 429, 5xx and no connection",
		RetryFor:   75 * time.Minute,
		Confidence: Confidence{Vector, Secondary, Memory, Memory},
		Docs:       "https://developer.atlassian.com/cloud/jira/platform/webhooks",
	},
	facts: facts{id: header("X-Atlassian-Webhook-Identifier"), eventType: body("webhookEvent"), time: body("timestamp")},
	open: methodHMAC("X-Hub-Signature",
		hashMethod{"sha256", crypto.SHA256}, hashMethod{"sha384", crypto.SHA384}, hashMethod{"sha512", crypto.SHA512}),
}
