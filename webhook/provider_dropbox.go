package webhook

import (
	"crypto"
	"net/http"
	"time"
)

// dropbox: dropbox.com/developers/reference/webhooks. A notification says whose files
// changed; two changes may have the same body.
var dropbox = provider{
	Preset: Preset{
		Name: "dropbox", Title: "Dropbox", Family: "hmac",
		Summary:        "HMAC-SHA256 over the body in X-Dropbox-Signature. No time is signed, and nothing tells a replay from news.",
		Secret:         "the app's secret (App Console)",
		SecretOptional: true, // the URL is checked before
		BodyRepeats:    true,
		Deadline:       10 * time.Second,
		Retry:          "with growing delays for about 10 minutes; many failures disable the webhook",
		RetryFor:       10 * time.Minute,
		Batch:          true,
		Handshake:      "a GET request whose challenge is echoed as plain text",
		Confidence:     Confidence{Memory, Memory, Memory, Memory},
		Docs:           "https://www.dropbox.com/developers/reference/webhooks",
	},
	facts: facts{list: new("list_folder.accounts"), each: &facts{}},
	open:  bodyHMAC(crypto.SHA256, hexText, "X-Dropbox-Signature", ""),
	handshake: func(_ *ProviderVerifier, r *Request, _ time.Time) (*Answer, error) {
		challenge := queryFields(r).Get("challenge")
		if r.Method != http.MethodGet || challenge == "" {
			return nil, nil
		}
		return textAnswer(http.StatusOK, challenge), nil
	},
}
