package webhook

import (
	"crypto"
	"net/http"
	"time"
)

// websub: W3C WebSub, also known as PubSubHubbub: what a hub sends to a subscriber.
var websub = provider{
	Preset: Preset{
		Name: "websub", Title: "WebSub", Family: "hmac",
		Summary:        "HMAC over the body in X-Hub-Signature, which names its hash: SHA-1, SHA-256, SHA-384 or SHA-512. No time is signed.",
		Secret:         "hub.secret of the subscription",
		SecretOptional: true, // the hub may confirm the subscription before
		Settings: []Setting{
			{Name: "topic", Summary: "the topic that is subscribed to; without it no subscription is confirmed"},
		},
		Quiet:      true,
		Retry:      "as the hub pleases",
		Handshake:  "a GET request with hub.mode=subscribe and the topic, whose hub.challenge is echoed; to unsubscribe is never confirmed",
		Confidence: Confidence{Memory, Memory, Memory, Memory},
		Docs:       "https://www.w3.org/TR/websub",
	},
	open: methodHMAC("X-Hub-Signature", hashMethod{"sha256", crypto.SHA256}, hashMethod{"sha1", crypto.SHA1},
		hashMethod{"sha384", crypto.SHA384}, hashMethod{"sha512", crypto.SHA512}),
	handshake: func(v *ProviderVerifier, r *Request, _ time.Time) (*Answer, error) {
		query := queryFields(r)
		mode := query.Get("hub.mode")
		if r.Method != http.MethodGet || mode == "" {
			return nil, nil
		}
		if mode == "denied" { // section 5.2: there is nothing to confirm
			return refusedAnswer(http.StatusOK, "the hub denies the subscription"), nil
		}
		// Anybody may ask a hub to end a subscription, so the hub asks here (section 5.3).
		// Whoever wants to end it deletes the source.
		if topic := v.settings.get("topic"); mode != "subscribe" || topic == "" || query.Get("hub.topic") != topic {
			return refusedAnswer(http.StatusNotFound, "this was not subscribed to"), nil
		}
		return textAnswer(http.StatusOK, query.Get("hub.challenge")), nil
	},
}
