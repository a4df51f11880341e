package webhook

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const plaidHeader = "Plaid-Verification"

// plaid: plaid.com/docs/api/webhooks/webhook-verification.
var plaid = provider{
	Preset: Preset{
		Name: "plaid", Title: "Plaid", Family: "jwt",
		Summary:        "An ES256 token in Plaid-Verification with the SHA-256 of the body, not older than 5 minutes. Its key is had from Plaid's API.",
		Secret:         "the API secret of the environment (Dashboard, Developers, Keys); it is only used to ask for keys, and not needed with jwks",
		SecretOptional: true,
		Settings: []Setting{
			{Name: "client_id", Summary: "the client id that belongs to the API secret"},
			{Name: "environment", Summary: "which API is asked for keys", Words: []string{"production", "sandbox"}},
			{Name: "jwks", Summary: "the keys themselves, as a JSON Web Key Set; then none is asked for"},
		},
		Tolerance:   5 * time.Minute,
		BodyRepeats: true, // "there are new transactions" is the same text each time
		Deadline:    10 * time.Second,
		Retry:       "6 times over 24 hours, from 30 seconds on, each delay four times the last; it stops when over 90 % are refused",
		RetryFor:    24 * time.Hour,
		Confidence:  Confidence{Memory, Memory, Memory, Memory},
		Docs:        "https://plaid.com/docs/api/webhooks/webhook-verification/",
	},
	facts: facts{eventType: joined(".", body("webhook_type"), body("webhook_code"))},
	open: func(s *settings) (scheme, error) {
		keys, err := staticKeys(s, "ES256")
		if err != nil {
			return nil, err
		}
		if keys == nil {
			if len(s.Secrets) == 0 {
				return shut{s.preset}, nil
			}
			if _, err := s.texts(); err != nil {
				return nil, err
			}
			if s.Settings["client_id"] == "" {
				return nil, invalidSetting("client_id is needed with the API secret")
			}
		}
		return &plaidScheme{settings: s, keys: keys}, nil
	},
	sign: func(s *settings, r *Request, now time.Time) error {
		key, err := privateKey[*ecdsa.PrivateKey](s)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(r.Body)
		token, err := makeJWT(key, signingKeyID(s, "ES256"), map[string]any{"iat": now.Unix(), "request_body_sha256": hex.EncodeToString(sum[:])})
		if err != nil {
			return err
		}
		r.Header.Set(plaidHeader, token)
		return nil
	},
}

type plaidScheme struct {
	settings *settings
	keys     []jwk // setting jwks; nil when they are asked for
}

func (s *plaidScheme) verify(r *Request, now time.Time) (time.Time, error) {
	text, err := single(r.Header, plaidHeader)
	if err != nil {
		return time.Time{}, err
	}
	token, err := parseJWT(text, "ES256", plaidHeader)
	if err != nil {
		return time.Time{}, err
	}
	// What costs nothing comes before what may ask another server.
	var claims struct {
		Iat  int64  `json:"iat"`
		Hash string `json:"request_body_sha256"`
	}
	if json.Unmarshal(token.payload, &claims) != nil || claims.Iat <= 0 || claims.Iat > 99999999999 {
		return time.Time{}, malformed(plaidHeader, "the token says when it was made, and the hash of the body")
	}
	sum := sha256.Sum256(r.Body)
	if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(claims.Hash)) != 1 {
		return time.Time{}, fmt.Errorf("%w: the body is not the one of the token", ErrNoMatch)
	}
	signed := time.Unix(claims.Iat, 0).UTC()
	if err := checkAge(signed, now, s.settings.tolerance(), false); err != nil {
		return time.Time{}, err
	}
	keys := s.keys
	if keys == nil {
		if keys, err = s.fetch(token.keyID); err != nil {
			return time.Time{}, err
		}
	}
	found, genuine := token.verify(keys)
	switch {
	case genuine:
		return signed, nil
	case !found:
		return time.Time{}, fmt.Errorf("%w: the key is not one of Plaid's", ErrNoMatch)
	}
	return time.Time{}, ErrNoMatch
}

// fetch asks Plaid for a key, with the newest secret first.
func (s *plaidScheme) fetch(keyID string) (keys []jwk, err error) {
	host := "production.plaid.com"
	if s.settings.get("environment") == "sandbox" {
		host = "sandbox.plaid.com"
	}
	for _, secret := range s.settings.Secrets {
		var document []byte
		document, err = s.settings.fetchKey(KeyQuery{
			Method: http.MethodPost, URL: "https://" + host + "/webhook_verification_key/get",
			Header: http.Header{"Content-Type": {"application/json"}},
			Body:   mustJSON(map[string]string{"client_id": s.settings.Settings["client_id"], "secret": secret, "key_id": keyID}),
		})
		if err != nil {
			continue
		}
		var answer struct{ Key json.RawMessage }
		if json.Unmarshal(document, &answer) != nil || answer.Key == nil {
			err = fmt.Errorf("%w: Plaid's answer holds no key", ErrNoKey)
			continue
		}
		if keys, err = parseJWKS(answer.Key, "ES256"); err != nil {
			err = fmt.Errorf("%w: %w", ErrNoKey, err)
			continue
		}
		return keys, nil
	}
	return nil, err
}
