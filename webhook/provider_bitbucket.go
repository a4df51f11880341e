package webhook

import (
	"crypto"
	"net/http"
	"time"
)

// bitbucket: support.atlassian.com/bitbucket-cloud, "Manage webhooks"; Data Center signs the same way.
var bitbucket = provider{
	Preset: Preset{
		Name: "bitbucket", Title: "Bitbucket", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in X-Hub-Signature. No time is signed, so only the request's id keeps replays out.",
		Secret:     "the webhook's secret (Repository settings, Webhooks)",
		ID:         "header X-Request-UUID (Cloud)",
		Deadline:   10 * time.Second,
		Retry:      "Cloud: twice more after a 5xx or a timeout. Data Center: none, repeated failure pauses the webhook. Payloads over 256 KB are never sent",
		Handshake:  "Data Center's test button sends diagnostics:ping, which needs no signature and is not kept",
		Confidence: Confidence{Vector, Memory, Memory, Memory},
		Docs:       "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks",
	},
	facts: facts{id: header("X-Request-UUID"), eventType: header("X-Event-Key"), time: body("date")},
	open:  bodyHMAC(crypto.SHA256, hexText, "X-Hub-Signature", "sha256="),
	handshake: func(_ *ProviderVerifier, r *Request, _ time.Time) (*Answer, error) {
		if r.Header.Get("X-Event-Key") != "diagnostics:ping" || r.Header.Get("X-Hub-Signature") != "" {
			return nil, nil
		}
		return &Answer{Status: http.StatusOK}, nil
	},
}
