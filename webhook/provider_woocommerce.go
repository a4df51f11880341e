package webhook

import (
	"bytes"
	"crypto"
	"net/http"
	"time"
)

// woocommerce: the plugin's source, class-wc-webhook.php.
var woocommerce = provider{
	Preset: Preset{
		Name: "woocommerce", Title: "WooCommerce (WordPress)", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in X-WC-Webhook-Signature, in Base64. No time is signed.",
		Secret:     "the webhook's secret (WooCommerce, Settings, Advanced, Webhooks)",
		ID:         "header X-WC-Webhook-Delivery-ID, made of the webhook's id and the second: deliveries of one second share it",
		IDShared:   true,
		Deadline:   60 * time.Second,
		Retry:      "none; more than 5 failures in a row disable the webhook",
		Handshake:  "an unsigned form with webhook_id when the webhook is made; anything but 200 blocks its activation",
		Confidence: Confidence{Docs, Docs, Docs, Docs},
		Docs:       "https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-webhook.php",
	},
	facts: facts{
		id: header("X-WC-Webhook-Delivery-ID"), eventType: header("X-WC-Webhook-Topic"),
		time: either(body("date_modified_gmt"), body("date_created_gmt")),
	},
	open: bodyHMAC(crypto.SHA256, base64Text, "X-WC-Webhook-Signature", ""),
	handshake: func(_ *ProviderVerifier, r *Request, _ time.Time) (*Answer, error) {
		// Nothing of it is kept or echoed, so that it does not matter who sends it.
		id, ok := bytes.CutPrefix(r.Body, []byte("webhook_id="))
		if !ok || len(id) == 0 || len(bytes.Trim(id, "0123456789")) > 0 || r.Header.Get("X-WC-Webhook-Signature") != "" {
			return nil, nil
		}
		return &Answer{Status: http.StatusOK}, nil
	},
}
