package webhook

import (
	"bytes"
	"crypto"
	"net/http"
	"slices"
	"strings"
	"time"
)

// mandrill: mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks.
var mandrill = provider{
	Preset: Preset{
		Name: "mandrill", Title: "Mailchimp Transactional (Mandrill)", Family: "hmac",
		Summary:        "HMAC-SHA1 over the URL and the form fields in X-Mandrill-Signature. No time is signed.",
		Secret:         "the webhook's key (Settings, Webhooks); it exists only after the first, unsigned HEAD",
		SecretOptional: true,
		Settings:       []Setting{urlSetting("webhook_url")},
		ID:             "body mandrill_events[].event, _id and ts, together with url, ip and user_agent of clicks and opens; _id alone is the message's",
		Retry:          "with growing delays, up to 100 times, then the webhook is disabled",
		Batch:          true,
		Handshake:      "an unsigned HEAD when the webhook is made, and an empty batch signed with the key test-webhook",
		Confidence:     Confidence{Vector, Secondary, Memory, Memory},
		Docs:           "https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/",
	},
	facts: batchFacts(mandrillEvents, "", facts{
		id: mandrillID, eventType: mandrillType,
		// Whoever scans a mail for bad links clicks all of them within one second.
		key:  qualified(mandrillID, body("url"), body("ip"), body("user_agent")),
		time: body("ts"),
	}),
	open: func(s *settings) (scheme, error) {
		if len(s.Secrets) == 0 {
			return shut{s.preset}, nil
		}
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		return mandrillScheme(s, keys), nil
	},
	handshake: func(v *ProviderVerifier, r *Request, now time.Time) (*Answer, error) {
		if r.Method == http.MethodHead {
			return &Answer{Status: http.StatusOK}, nil
		}
		// Behind whatever key an empty batch is signed, nothing is in it.
		if r.Method != http.MethodPost || len(r.Body) > maxIDBytes || strings.TrimSpace(formValue(r.Body, "mandrill_events")) != "[]" {
			return nil, nil
		}
		keys := [][]byte{[]byte("test-webhook")}
		for _, secret := range v.settings.Secrets {
			keys = append(keys, []byte(secret))
		}
		if _, err := mandrillScheme(v.settings, keys).verify(r, now); err != nil {
			return nil, err
		}
		return &Answer{Status: http.StatusOK}, nil
	},
}

func mandrillEvents(r *Request) []byte { return []byte(formValue(r.Body, "mandrill_events")) }

// mandrillType is the name of a message event, or the type of a sync event.
func mandrillType(r *Request) string { return either(body("event"), body("type"))(r) }

func mandrillID(r *Request) string {
	return joined(":", mandrillType, either(body("_id"), body("msg._id")), body("ts"))(r)
}

func mandrillScheme(s *settings, keys [][]byte) *hmacScheme {
	address := signedURL(s, "webhook_url")
	return &hmacScheme{
		keys: keys, hash: crypto.SHA1, encode: base64Text, header: "X-Mandrill-Signature",
		signatures: func(r *Request) ([]string, error) {
			if _, err := formFields(r.Body); err != nil {
				return nil, err
			}
			return oneSignature(r, "X-Mandrill-Signature", "")
		},
		// What is signed is the decoded value of each field, by name.
		text: func(r *Request, _ timestamp) [][]byte {
			fields, err := formFields(r.Body)
			if err != nil {
				return nil // signatures has refused it
			}
			slices.SortStableFunc(fields, func(x, y formField) int { return bytes.Compare(x.name, y.name) })
			text := [][]byte{[]byte(address(r))}
			for _, f := range fields {
				text = append(text, f.name, f.value)
			}
			return text
		},
		put: func(r *Request, signature string, _ timestamp) {
			r.Header.Set("Content-Type", formContent)
			r.Header.Set("X-Mandrill-Signature", signature)
		},
	}
}
