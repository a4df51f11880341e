package webhook

import (
	"crypto"
	"net/http"
	"strings"
	"time"
)

// notion: developers.notion.com/reference/webhooks and notion-sdk-js.
var notion = provider{
	Preset: Preset{
		Name: "notion", Title: "Notion", Family: "hmac",
		Summary:        "HMAC-SHA256 over the body in X-Notion-Signature. No time is signed, so only the event's id keeps replays out.",
		Secret:         "the subscription's verification_token, which Notion hands over in its first request",
		SecretOptional: true,
		ID:             "body id",
		Retry:          "up to 8 times over about 24 hours",
		RetryFor:       24 * time.Hour,
		Handshake:      "a first request with verification_token, which is kept and must be pasted into Notion by hand",
		Confidence:     Confidence{Docs, Memory, Memory, Memory},
		Docs:           "https://developers.notion.com/reference/webhooks",
	},
	facts: facts{id: body("id"), eventType: body("type"), time: body("timestamp")},
	open: func(s *settings) (scheme, error) {
		keys, err := s.laterTexts()
		if err != nil {
			return nil, err
		}
		return notionScheme(keys), nil
	},
	handshake: func(v *ProviderVerifier, r *Request, now time.Time) (*Answer, error) {
		token := body("verification_token")(r)
		if token == "" || r.Method != http.MethodPost || body("type")(r) != "" {
			return nil, nil
		}
		if !isHandedSecret(token) {
			return nil, malformed("verification_token", "a token is up to 256 printable characters")
		}
		// It is signed with the token that it carries, which proves nothing but that it came whole.
		if len(r.Header[notionHeader]) > 0 {
			if _, err := notionScheme([][]byte{[]byte(token)}).verify(r, now); err != nil {
				return nil, err
			}
		}
		return keepSecret(v, token, &Answer{Status: http.StatusOK}), nil
	},
}

const notionHeader = "X-Notion-Signature"

// notionScheme takes hex in upper case as well, as Notion's own library does.
func notionScheme(keys [][]byte) scheme {
	return &hmacScheme{
		keys: keys, hash: crypto.SHA256, encode: hexText, header: notionHeader, prefix: "sha256=",
		signatures: func(r *Request) ([]string, error) {
			list, err := oneSignature(r, notionHeader, "sha256=")
			if err != nil {
				return nil, err
			}
			return []string{strings.ToLower(list[0])}, nil
		},
	}
}
