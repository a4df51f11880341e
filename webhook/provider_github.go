package webhook

import (
	"crypto"
	"time"
)

// github: docs.github.com/webhooks, "Validating webhook deliveries". The legacy
// X-Hub-Signature (SHA-1) is not looked at.
var github = provider{
	Preset: Preset{
		Name: "github", Title: "GitHub", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in X-Hub-Signature-256. No time is signed, so only the delivery id keeps replays out.",
		Secret:     "the webhook's secret (Settings, Webhooks)",
		ID:         "header X-GitHub-Delivery",
		Deadline:   10 * time.Second,
		Retry:      "none by itself; redelivery by hand within 3 days, under the same id",
		RetryFor:   72 * time.Hour,
		Handshake:  "a ping event when the webhook is made, signed like every other",
		Confidence: Confidence{Vector, Docs, Docs, Docs},
		Docs:       "https://docs.github.com/webhooks",
	},
	facts: facts{id: header("X-GitHub-Delivery"), eventType: githubType},
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		return &hmacScheme{keys: keys, hash: crypto.SHA256, encode: hexText, header: "X-Hub-Signature-256", prefix: "sha256="}, nil
	},
}

// githubType is the event's name with its action, where it has one: "issues.opened". In
// form mode the JSON stands in the field payload.
func githubType(r *Request) string {
	event := r.Header.Get("X-GitHub-Event")
	payload := r.Body
	if isContent(r, formContent) {
		payload = []byte(formValue(r.Body, "payload"))
	}
	if action := jsonText(jsonFind(payload, []string{"action"})); event != "" && action != "" {
		return event + "." + action
	}
	return event
}
