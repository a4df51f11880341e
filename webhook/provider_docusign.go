package webhook

import (
	"crypto"
	"net/http"
	"slices"
	"strings"
	"time"
)

// docusign: developers.docusign.com/platform/webhooks/connect/hmac.
var docusign = provider{
	Preset: Preset{
		Name: "docusign", Title: "DocuSign Connect", Family: "hmac",
		Summary:    "HMAC-SHA256 over the body in X-DocuSign-Signature-1 and on, in Base64, one for each key of the account. No time is signed.",
		Secret:     "one of the account's HMAC keys (Connect, Connect keys)",
		ID:         "body event, data.envelopeId, data.recipientId and generatedDateTime together; retryCount changes the body between attempts",
		Deadline:   100 * time.Second,
		Retry:      "once every 24 hours for up to 15 days; in aggregate mode each envelope has a queue",
		RetryFor:   15 * 24 * time.Hour,
		Confidence: Confidence{Memory, Memory, Memory, Memory},
		Docs:       "https://developers.docusign.com/platform/webhooks/connect/hmac",
	},
	facts: facts{
		id: either(
			joined(":", body("event"), body("data.envelopeId"), body("data.recipientId"), body("generatedDateTime")),
			joined(":", body("event"), body("data.envelopeId"), body("generatedDateTime")),
		),
		eventType: body("event"), time: body("generatedDateTime"),
	},
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		return &hmacScheme{
			keys: keys, hash: crypto.SHA256, encode: base64Text, header: docusignHeader + "1", signatures: docusignSignatures,
		}, nil
	},
}

// docusignHeader is followed by a number.
const docusignHeader = "X-Docusign-Signature-"

// maxDocusignKeys is how many keys an account may have.
const maxDocusignKeys = 100

// docusignSignatures finds the signatures; that of any key that is known will do.
func docusignSignatures(r *Request) ([]string, error) {
	var names []string
	for name := range r.Header {
		if strings.HasPrefix(name, docusignHeader) {
			names = append(names, name)
		}
	}
	switch {
	case len(names) == 0:
		return oneSignature(r, docusignHeader+"1", "")
	case len(names) > maxDocusignKeys:
		return nil, malformed(docusignHeader+"1", "there are more than 100 signatures")
	}
	slices.Sort(names) // so that the same request gets the same error
	var list []string
	for _, name := range names {
		signature, err := single(r.Header, http.CanonicalHeaderKey(name))
		if err != nil {
			return nil, err
		}
		list = append(list, signature)
	}
	return list, nil
}
