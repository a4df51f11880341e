package webhook

import (
	"bytes"
	"crypto"
	"net/http"
	"time"
)

// gitea: services/webhook/deliver.go, also of Forgejo. It sends GitHub's and Gogs's headers as well.
var gitea = provider{
	Preset: Preset{
		Name: "gitea", Title: "Gitea, Forgejo", Family: "hmac",
		Summary: "HMAC-SHA256 over the JSON in X-Gitea-Signature, also where the JSON stands in a form's or the query's payload. No time " +
			"is signed, so only the delivery's id keeps replays out.",
		Secret:     "the webhook's secret (Settings, Webhooks)",
		Methods:    []string{http.MethodPost, http.MethodGet},
		ID:         "header X-Gitea-Delivery",
		Deadline:   5 * time.Second, // webhook.DELIVER_TIMEOUT
		Retry:      "none; redelivery by hand",
		Confidence: Confidence{Vector, Docs, Memory, Memory},
		Docs:       "https://github.com/go-gitea/gitea/blob/main/services/webhook/deliver.go",
	},
	facts: facts{id: header("X-Gitea-Delivery"), eventType: header("X-Gitea-Event")},
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		return &hmacScheme{
			keys: keys, hash: crypto.SHA256, encode: hexText, header: "X-Gitea-Signature",
			signatures: func(r *Request) ([]string, error) {
				if _, ok := giteaPayload(r); !ok {
					return nil, malformed("Content-Type", "a form or query has one payload, and nothing else that is not signed")
				}
				return oneSignature(r, "X-Gitea-Signature", "")
			},
			text: func(r *Request, _ timestamp) [][]byte {
				payload, _ := giteaPayload(r)
				return [][]byte{payload}
			},
		}, nil
	},
}

// giteaPayload is the JSON that is signed. It is not found in a request that says more than
// its payload: only the payload is signed, so that the rest could be forged.
func giteaPayload(r *Request) (payload []byte, ok bool) {
	if r.Method == http.MethodGet {
		values := queryFields(r)["payload"]
		if len(values) != 1 || len(r.Body) > 0 {
			return nil, false
		}
		return []byte(values[0]), true
	}
	if !isContent(r, formContent) {
		return r.Body, true
	}
	// A raw "&" would be signed as part of the JSON, and read as the beginning of another field.
	text, ok := bytes.CutPrefix(r.Body, []byte("payload="))
	if !ok || bytes.ContainsAny(text, "&;") {
		return nil, false
	}
	text, err := formText(text)
	return text, err == nil
}
