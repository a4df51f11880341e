package webhook

import (
	"crypto"
	"time"
)

// square: developer.squareup.com/docs/webhooks/step3validate.
var square = provider{
	Preset: Preset{
		Name: "square", Title: "Square", Family: "hmac",
		Summary:    "HMAC-SHA256 over the notification URL and the body in X-Square-Hmacsha256-Signature. No time is signed.",
		Secret:     "the subscription's signature key (Developer Console, Webhooks)",
		Settings:   []Setting{urlSetting("notification_url")},
		ID:         "body event_id",
		Deadline:   10 * time.Second,
		Retry:      "with growing delays from 1 minute, then hourly; Square's pages say up to 72 hours, or 11 times in 24 hours",
		RetryFor:   72 * time.Hour,
		Confidence: Confidence{Vector, Vector, Docs, Memory},
		Docs:       "https://developer.squareup.com/docs/webhooks",
	},
	facts: facts{id: body("event_id"), eventType: body("type"), time: body("created_at")},
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		address := signedURL(s, "notification_url")
		return &hmacScheme{
			keys: keys, hash: crypto.SHA256, encode: base64Text, header: "X-Square-Hmacsha256-Signature",
			text: func(r *Request, _ timestamp) [][]byte { return [][]byte{[]byte(address(r)), r.Body} },
		}, nil
	},
}
