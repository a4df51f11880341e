package webhook

import (
	"crypto"
	"encoding/base64"
	"time"
)

// airtable: airtable.com/developers/web/api/webhooks-overview. A webhook is only a ping:
// what changed is fetched from the API.
var airtable = provider{
	Preset: Preset{
		Name: "airtable", Title: "Airtable", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in X-Airtable-Content-MAC. No time is signed apart from the ping's own.",
		Secret:     "macSecretBase64 of the answer that made the webhook",
		ID:         "body base.id, webhook.id and timestamp together",
		Deadline:   25 * time.Second,
		Retry:      "with growing delays from 10 seconds on; notifications are then turned off. Webhooks expire after 7 days unless refreshed",
		Confidence: Confidence{Memory, Memory, Memory, Memory},
		Docs:       "https://airtable.com/developers/web/api/webhooks-overview",
	},
	facts: facts{id: joined(":", body("base.id"), body("webhook.id"), body("timestamp")), time: body("timestamp")},
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		for i, text := range keys {
			key, err := base64.StdEncoding.DecodeString(string(text))
			if err != nil || len(key) == 0 {
				return nil, invalidKey("secret %d is not Base64", i+1)
			}
			keys[i] = key
		}
		return &hmacScheme{keys: keys, hash: crypto.SHA256, encode: hexText, header: "X-Airtable-Content-MAC", prefix: "hmac-sha256="}, nil
	},
}
