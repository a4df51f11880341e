package webhook

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"net/http"
	"time"
)

// zoom: developers.zoom.us/docs/api/webhooks. Zoom's sample signs the body parsed and
// written again, which is the same only by luck: what counts is the body as received.
var zoom = provider{
	Preset: Preset{
		Name: "zoom", Title: "Zoom", Family: "hmac",
		Summary:    "HMAC-SHA256 over v0, time and body in x-zm-signature, within 5 minutes.",
		Secret:     "the app's secret token (Features, Access)",
		Tolerance:  5 * time.Minute, // Zoom states none
		Deadline:   3 * time.Second,
		Retry:      "3 times: after 5, 20 and 60 minutes",
		RetryFor:   85 * time.Minute,
		Handshake:  "a signed endpoint.url_validation request, now and every 72 hours, answered with the HMAC of its plainToken",
		Confidence: Confidence{Docs, Memory, Docs, Docs},
		Docs:       "https://developers.zoom.us/docs/api/webhooks",
	},
	// There is no id. Event, meeting and event_ts together are not one: two people may join
	// in the same millisecond.
	facts: facts{eventType: body("event"), time: body("event_ts")},
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		return &hmacScheme{
			keys: keys, hash: crypto.SHA256, encode: hexText, header: "X-Zm-Signature", prefix: "v0=",
			at: unixHeader("X-Zm-Request-Timestamp"), text: timedText("v0:", ":"), tolerance: s.tolerance(),
			put: func(r *Request, signature string, at timestamp) {
				r.Header.Set("X-Zm-Request-Timestamp", at.text)
				r.Header.Set("X-Zm-Signature", "v0="+signature)
			},
		}, nil
	},
	handshake: func(v *ProviderVerifier, r *Request, now time.Time) (*Answer, error) {
		if body("event")(r) != "endpoint.url_validation" {
			return nil, nil
		}
		// Only Zoom may ask: the answer to a token of "v0:TIME:BODY" would be that body's signature.
		if _, err := v.scheme.verify(r, now); err != nil {
			return nil, err
		}
		token := body("payload.plainToken")(r)
		mac := hmac.New(sha256.New, zoomKey(v.scheme.(*hmacScheme), r, now))
		mac.Write([]byte(token))
		return jsonAnswer(http.StatusOK, map[string]string{"plainToken": token, "encryptedToken": hexText(mac.Sum(nil))}), nil
	},
}

// zoomKey is the key, of those that are held while the secret is rotated, that signed r.
func zoomKey(s *hmacScheme, r *Request, now time.Time) []byte {
	for i := range s.keys {
		one := *s
		one.keys = s.keys[i : i+1]
		if _, err := one.verify(r, now); err == nil {
			return s.keys[i]
		}
	}
	return s.keys[0]
}
