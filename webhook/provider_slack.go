package webhook

import (
	"crypto"
	"net/http"
	"time"
)

// slack: docs.slack.dev, "Verifying requests from Slack" and "The Events API".
var slack = provider{
	Preset: Preset{
		Name: "slack", Title: "Slack", Family: "hmac",
		Summary:    "HMAC-SHA256 over v0, time and body in X-Slack-Signature, within 5 minutes.",
		Secret:     "the app's signing secret (Basic Information)",
		Tolerance:  5 * time.Minute,
		ID:         "body event_id (events), trigger_id (commands, interactivity)",
		Deadline:   3 * time.Second,
		Retry:      "3 times: at once, after 1 minute, after 5 minutes",
		RetryFor:   10 * time.Minute,
		Handshake:  "a signed url_verification request, answered with its challenge",
		Confidence: Confidence{Vector, Secondary, Secondary, Secondary},
		Docs:       "https://docs.slack.dev/apis/events-api",
	},
	facts: facts{
		id:        either(body("event_id"), form("trigger_id"), inPayload("trigger_id")),
		eventType: slackType,
		time:      body("event_time"),
	},
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		return &hmacScheme{
			keys: keys, hash: crypto.SHA256, encode: hexText, header: "X-Slack-Signature", prefix: "v0=",
			at:        unixHeader("X-Slack-Request-Timestamp"),
			text:      timedText("v0:", ":"),
			tolerance: s.tolerance(),
			put: func(r *Request, signature string, at timestamp) {
				r.Header.Set("X-Slack-Request-Timestamp", at.text)
				r.Header.Set("X-Slack-Signature", "v0="+signature)
			},
		}, nil
	},
	handshake: func(v *ProviderVerifier, r *Request, now time.Time) (*Answer, error) {
		if jsonText(jsonFind(r.Body, []string{"type"})) != "url_verification" {
			return nil, nil
		}
		if _, err := v.scheme.verify(r, now); err != nil {
			return nil, err
		}
		return textAnswer(http.StatusOK, jsonText(jsonFind(r.Body, []string{"challenge"}))), nil
	},
}

// slackType is the inner event's type, or what kind of request it is.
func slackType(r *Request) string {
	if t := jsonText(jsonFind(r.Body, []string{"event", "type"})); t != "" {
		return t
	}
	if command := formValue(r.Body, "command"); command != "" {
		return "slash_command:" + command
	}
	return either(inPayload("type"), body("type"))(r)
}
