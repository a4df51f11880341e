package webhook

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// twitter: docs.x.com/x-api/webhooks (account activity, filtered stream).
var twitter = provider{
	Preset: Preset{
		Name: "twitter", Title: "X (Twitter)", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in x-twitter-webhooks-signature, in Base64 behind sha256=. No time is signed.",
		Secret:     "the app's consumer secret (API key secret)",
		ID:         "the object's id with for_user_id and the name of its array, where a request has just one object",
		Deadline:   3 * time.Second,
		Retry:      "up to 3 times in 5 minutes (enterprise)",
		RetryFor:   5 * time.Minute,
		Batch:      true,
		Handshake:  "a GET request with crc_token, answered with its HMAC, now and about every hour",
		Confidence: Confidence{Vector, Memory, Docs, Docs},
		Docs:       "https://docs.x.com/x-api/webhooks",
	},
	facts: facts{
		id: func(r *Request) string {
			if events := twitterEvents(r); len(events) == 1 {
				return events[0].ID
			}
			return ""
		},
		eventType: func(r *Request) string {
			if events := twitterEvents(r); len(events) > 0 {
				return events[0].Type
			}
			return ""
		},
		split: twitterEvents,
	},
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		return twitterScheme{&hmacScheme{
			keys: keys, hash: crypto.SHA256, encode: base64Text, header: "X-Twitter-Webhooks-Signature", prefix: "sha256=",
		}}, nil
	},
	handshake: func(v *ProviderVerifier, r *Request, _ time.Time) (*Answer, error) {
		token := queryFields(r).Get("crc_token")
		if r.Method != http.MethodGet || token == "" {
			return nil, nil
		}
		// The answer is what the signature of a body equal to the token would be, and anybody
		// may ask. What is not like a token is therefore not answered, and a body that is
		// like one is never genuine: true, and each number, are JSON, too.
		if !isTwitterToken([]byte(token)) {
			return refusedAnswer(http.StatusBadRequest, "that is no token of X"), nil
		}
		mac := hmac.New(sha256.New, []byte(v.settings.Secrets[0]))
		mac.Write([]byte(token))
		return jsonAnswer(http.StatusOK, map[string]string{"response_token": "sha256=" + base64Text(mac.Sum(nil))}), nil
	},
}

// isTwitterToken says whether text may be a crc_token: Base64 of either alphabet.
func isTwitterToken(text []byte) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_"
	return len(text) > 0 && len(text) <= maxIDBytes && len(bytes.Trim(text, letters)) == 0
}

type twitterScheme struct{ *hmacScheme }

func (s twitterScheme) verify(r *Request, now time.Time) (time.Time, error) {
	signed, err := s.hmacScheme.verify(r, now)
	if err == nil && isTwitterToken(r.Body) {
		return time.Time{}, fmt.Errorf("%w: the signature may be that of a crc_token", ErrNoMatch)
	}
	return signed, err
}

// twitterEvents are the objects in the arrays of the body, whose names are their type:
// {"for_user_id": "1", "tweet_create_events": [...]}. The same object may be news for
// several users.
func twitterEvents(r *Request) []Event {
	var events []Event
	user := body("for_user_id")(r)
	all := jsonMembers(jsonFind(r.Body, nil), func(key, value []byte) bool {
		if value[0] != '[' {
			return true
		}
		name := jsonText(key)
		return jsonEach(value, func(object []byte) bool {
			if len(events) == maxEvents {
				return false
			}
			e := Event{Type: name, Body: object}
			if id := either(body("id_str"), body("id"))(&Request{Body: object}); id != "" {
				e.ID = strings.TrimPrefix(user+":"+name+":"+id, ":")
			}
			events = append(events, e)
			return true
		})
	})
	if !all {
		return nil
	}
	return events
}
