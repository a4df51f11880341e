package webhook

import (
	"crypto"
	"time"
)

// shopify: shopify.dev/docs/apps/build/webhooks.
var shopify = provider{
	Preset: Preset{
		Name: "shopify", Title: "Shopify", Family: "hmac",
		Summary: "HMAC-SHA256 over the body in X-Shopify-Hmac-Sha256, in Base64. No time is signed.",
		Secret: "the app's client secret, or for webhooks made by hand the store's (Settings, Notifications); for an hour after a change " +
			"the old one signs on",
		ID:         "header X-Shopify-Webhook-Id",
		Deadline:   5 * time.Second,
		Retry:      "8 times over 4 hours with growing delays; after 8 failures in a row a subscription made by API is deleted",
		RetryFor:   4 * time.Hour,
		Confidence: Confidence{Vector, Docs, Secondary, Docs},
		Docs:       "https://shopify.dev/docs/apps/build/webhooks",
	},
	facts: facts{id: header("X-Shopify-Webhook-Id"), eventType: header("X-Shopify-Topic"), time: header("X-Shopify-Triggered-At")},
	open:  bodyHMAC(crypto.SHA256, base64Text, "X-Shopify-Hmac-Sha256", ""),
}
