package webhook

import "time"

// postmark: postmarkapp.com/developer/webhooks.
var postmark = provider{
	Preset: Preset{
		Name: "postmark", Title: "Postmark", Family: "basic",
		Summary:    "Basic authentication, as user:password@ in the webhook's URL.",
		Secret:     "user:password, as given to Postmark; the password may hold colons",
		ID:         "body RecordType with ID, or with MessageID and the record's time",
		Retry:      "bounce and inbound: 10 times, after 1 minute to 6 hours; others fewer; a 403 ends it",
		RetryFor:   60 * time.Hour, // at most: the single delays are not stated
		Withhold:   []string{"Authorization"},
		Confidence: Confidence{Secondary, Memory, Memory, Memory},
		Docs:       "https://postmarkapp.com/developer/webhooks/webhooks-overview",
	},
	facts: facts{
		id: either(
			joined(":", body("RecordType"), body("ID")), // a 64-bit integer
			joined(":", body("RecordType"), body("MessageID"), postmarkTime),
		),
		eventType: body("RecordType"), time: postmarkTime,
	},
	open: func(s *settings) (scheme, error) { return newTokenScheme(s, basicToken()) },
}

// postmarkTime is the time of the record; each type has a name of its own for it.
func postmarkTime(r *Request) string {
	return either(body("BouncedAt"), body("DeliveredAt"), body("ReceivedAt"), body("ChangedAt"))(r)
}
