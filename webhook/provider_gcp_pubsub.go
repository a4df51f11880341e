package webhook

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	googleKeys   = "https://www.googleapis.com/oauth2/v3/certs"
	googleIssuer = "https://accounts.google.com"
	// pubsubLeeway is how far Google's clock and ours may differ.
	pubsubLeeway = time.Minute
)

// gcpPubSub: cloud.google.com/pubsub/docs/authenticate-push-subscriptions.
var gcpPubSub = provider{
	Preset: Preset{
		Name: "gcp-pubsub", Title: "Google Cloud Pub/Sub push", Family: "jwt",
		Summary: "Google's RS256 token in Authorization: audience, issuer, the push service account and its expiry (1 hour) are checked. It does not cover the body.",
		Settings: []Setting{
			{Name: "service_account_email", Summary: "the service account of the push subscription", Required: true},
			{Name: "audience", Summary: "the audience of the push subscription; the URL of the request when not set, as in Google's default"},
			{Name: "jwks", Summary: "the keys themselves, as a JSON Web Key Set; then Google's are not asked for"},
			{Name: "type_attribute", Summary: "the message attribute with the event type; eventType when not set"},
		},
		ID:         "body message.messageId, or header X-Goog-Pubsub-Message-Id (unwrapped)",
		Deadline:   10 * time.Second,
		Retry:      "until it is accepted or the subscription's retention ends (7 days), from 100 milliseconds to 60 seconds apart",
		RetryFor:   7 * 24 * time.Hour,
		Success:    Success{Status: http.StatusNoContent},
		Withhold:   []string{"Authorization"},
		Confidence: Confidence{Memory, Memory, Memory, Memory},
		Docs:       "https://cloud.google.com/pubsub/docs/push",
	},
	factsBy: func(s *settings) facts {
		attribute := s.Settings["type_attribute"]
		if attribute == "" {
			attribute = "eventType"
		}
		return facts{
			id: either(header("X-Goog-Pubsub-Message-Id"), body("message.messageId")),
			// A name may hold full stops, so it is no path.
			eventType: either(header("X-Goog-Pubsub-Attr-"+attribute), func(r *Request) string {
				return jsonText(jsonFind(r.Body, []string{"message", "attributes", attribute}))
			}),
			time: either(header("X-Goog-Pubsub-Publish-Time"), body("message.publishTime")),
		}
	},
	open: func(s *settings) (scheme, error) {
		keys, err := staticKeys(s, "RS256")
		if err != nil {
			return nil, err
		}
		return &pubsubScheme{settings: s, keys: keys, audience: signedURL(s, "audience")}, nil
	},
	sign: func(s *settings, r *Request, now time.Time) error {
		key, err := privateKey[*rsa.PrivateKey](s)
		if err != nil {
			return err
		}
		token, err := makeJWT(key, signingKeyID(s, "RS256"), map[string]any{
			"aud": signedURL(s, "audience")(r), "iss": googleIssuer, "email": s.Settings["service_account_email"],
			"email_verified": true, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		})
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	},
}

type pubsubScheme struct {
	settings *settings
	keys     []jwk // setting jwks; nil when Google is asked
	audience func(r *Request) string
}

// verify returns no time: Google uses one token for up to an hour, and none of it says when the
// request was made.
func (s *pubsubScheme) verify(r *Request, now time.Time) (time.Time, error) {
	text, err := credentials(r, "Bearer")
	if err != nil {
		return time.Time{}, err
	}
	token, err := parseJWT(text, "RS256", "Authorization")
	if err != nil {
		return time.Time{}, err
	}
	if err := s.checkClaims(r, token.payload, now); err != nil {
		return time.Time{}, err
	}
	keys := s.keys
	for _, fresh := range []bool{false, true} {
		if s.keys == nil {
			if keys, err = s.fetch(fresh); err != nil {
				return time.Time{}, err
			}
		}
		switch found, genuine := token.verify(keys); {
		case genuine:
			return time.Time{}, nil
		case found:
			return time.Time{}, ErrNoMatch
		case s.keys != nil:
			return time.Time{}, fmt.Errorf("%w: the key is not one of jwks", ErrNoMatch)
		}
	}
	return time.Time{}, fmt.Errorf("%w: the key is not one of Google's", ErrNoMatch)
}

// checkClaims comes before the signature, because it costs nothing and asks no other server.
func (s *pubsubScheme) checkClaims(r *Request, payload []byte, now time.Time) error {
	var claims struct {
		Aud      string `json:"aud"`
		Iss      string `json:"iss"`
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
		Exp      int64  `json:"exp"`
		Iat      int64  `json:"iat"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return malformed("Authorization", "the token's claims are not those of Google")
	}
	switch {
	case claims.Iss != googleIssuer:
		return fmt.Errorf("%w: the token is not Google's", ErrNoMatch)
	case !equalText(claims.Aud, s.audience(r)):
		return fmt.Errorf("%w: the token is for another audience", ErrNoMatch)
	case !claims.Verified || !equalText(claims.Email, s.settings.Settings["service_account_email"]):
		return fmt.Errorf("%w: the token is of another service account", ErrNoMatch)
	case claims.Exp <= 0 || claims.Exp > 99999999999 || claims.Iat < 0 || claims.Iat > 99999999999:
		return malformed("Authorization", "the token says when it ends")
	case s.settings.Tolerance < 0:
		return nil
	}
	if age := now.Sub(time.Unix(claims.Exp, 0)); age >= pubsubLeeway {
		return tooOld(age, pubsubLeeway)
	}
	if ahead := time.Unix(claims.Iat, 0).Sub(now); ahead > pubsubLeeway {
		return tooNew(ahead, pubsubLeeway)
	}
	return nil
}

func (s *pubsubScheme) fetch(fresh bool) ([]jwk, error) {
	document, err := s.settings.fetchKey(KeyQuery{Method: http.MethodGet, URL: googleKeys, Fresh: fresh})
	if err != nil {
		return nil, err
	}
	keys, err := parseJWKS(document, "RS256")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	return keys, nil
}
