package webhook

import (
	"crypto"
	"slices"
	"strconv"
	"time"
)

// linear: linear.app/developers/webhooks and the SDK's source. Linear-Timestamp is not
// signed and not looked at.
var linear = provider{
	Preset: Preset{
		Name: "linear", Title: "Linear", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in Linear-Signature; webhookTimestamp in the body lies within 60 seconds.",
		Secret:     "the webhook's signing secret (Settings, API)",
		Tolerance:  60 * time.Second,
		ID:         "header Linear-Delivery",
		Deadline:   5 * time.Second,
		Retry:      "3 times: after 1 minute, 1 hour and 6 hours; the webhook may then be disabled. Only 200 is success",
		RetryFor:   7*time.Hour + time.Minute,
		Confidence: Confidence{Docs, Secondary, Memory, Memory},
		Docs:       "https://linear.app/developers/webhooks",
	},
	facts: facts{
		id:        header("Linear-Delivery"),
		eventType: either(joined(".", body("type"), body("action")), header("Linear-Event")),
		time:      body("createdAt"),
	},
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		return linearScheme(keys, s.tolerance()), nil
	},
	sign: func(s *settings, r *Request, now time.Time) error {
		keys, err := s.texts()
		if err != nil {
			return err
		}
		// The time is brought up to date where the body has one. A value is a part of the body,
		// so that its capacity tells where it begins.
		if value := jsonFind(r.Body, []string{linearTime}); value != nil {
			begin := cap(r.Body) - cap(value)
			r.Body = slices.Concat(r.Body[:begin], strconv.AppendInt(nil, now.UnixMilli(), 10), r.Body[begin+len(value):])
		}
		return linearScheme(keys, 0).sign(r, now)
	},
}

// linearTime is when a webhook was sent, in milliseconds.
const linearTime = "webhookTimestamp"

func linearScheme(keys [][]byte, tolerance time.Duration) *hmacScheme {
	sent := body(linearTime)
	return &hmacScheme{
		keys: keys, hash: crypto.SHA256, encode: hexText, header: "Linear-Signature",
		// A body without it is as genuine: only Linear can have left it out.
		within:    func(r *Request) time.Time { return parseTime(sent(r)) },
		tolerance: tolerance,
	}
}
