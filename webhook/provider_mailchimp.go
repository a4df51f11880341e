package webhook

import (
	"net/http"
	"time"
)

// mailchimp: audience webhooks of Mailchimp Marketing.
// mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks: "put a secret key in the URL".
var mailchimp = provider{
	Preset: Preset{
		Name: "mailchimp", Title: "Mailchimp Marketing (audience webhooks)", Family: "none",
		Summary:        "Mailchimp signs nothing: a secret in the URL, as it advises.",
		Secret:         unsignedSecret,
		SecretOptional: true,
		Settings:       unsignedSettings(),
		Deadline:       10 * time.Second,
		Retry:          "3 times, then given up; a 410 disables the webhook at once",
		RetryFor:       75 * time.Minute,
		Handshake:      "a GET when the URL is saved, answered with 200",
		Withhold:       []string{defaultTokenParameter},
		Confidence:     Confidence{Docs, Memory, Memory, Docs},
		Docs:           "https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/",
	},
	facts: facts{eventType: form("type"), time: form("fired_at")},
	open:  openUnsigned,
	handshake: func(v *ProviderVerifier, r *Request, now time.Time) (*Answer, error) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return nil, nil
		}
		if _, err := v.scheme.verify(r, now); err != nil {
			return nil, err
		}
		return &Answer{Status: http.StatusOK}, nil
	},
}
