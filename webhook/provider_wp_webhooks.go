package webhook

import "crypto"

// wpWebhooks: wp-webhooks.com, as far as it is known from the plugin's source. Its free and
// pro versions differ in headers.
var wpWebhooks = provider{
	Preset: Preset{
		Name: "wp-webhooks", Title: "WP Webhooks (WordPress)", Family: "hmac",
		Summary:     "HMAC-SHA256 over the body in X-WP-Webhook-Signature, in Base64. No time is signed.",
		Secret:      "the trigger's secret option; without it WordPress signs nothing",
		BodyRepeats: true, // nothing is sent twice, and two logins of a user look the same
		Retry:       "none",
		Confidence:  Confidence{Secondary, Memory, Memory, Memory},
		Docs:        "https://wp-webhooks.com",
	},
	facts: facts{eventType: either(header("X-WP-Webhook-Name"), header("X-WP-Webhook-URL-Name"))},
	open:  bodyHMAC(crypto.SHA256, base64Text, "X-WP-Webhook-Signature", ""),
}
