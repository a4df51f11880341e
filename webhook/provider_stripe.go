package webhook

import (
	"crypto"
	"net/http"
	"strings"
	"time"
)

// stripe: docs.stripe.com/webhooks, "Verify webhook signatures manually".
var stripe = provider{
	Preset: Preset{
		Name: "stripe", Title: "Stripe", Family: "hmac",
		Summary:    "HMAC-SHA256 over time and body in Stripe-Signature, not older than 5 minutes.",
		Secret:     "the endpoint's signing secret, whsec_... (Developers, Webhooks)",
		Tolerance:  5 * time.Minute,
		ID:         "body id",
		Retry:      "with growing delays for up to 3 days (live mode)",
		RetryFor:   72 * time.Hour,
		Confidence: Confidence{Vector, Secondary, Secondary, Secondary},
		Docs:       "https://docs.stripe.com/webhooks",
	},
	facts: facts{id: body("id"), eventType: body("type"), time: body("created")},
	open: func(s *settings) (scheme, error) {
		keys, err := s.texts()
		if err != nil {
			return nil, err
		}
		list := listHeader{name: "Stripe-Signature", separator: ",", time: "t", signature: "v1"}
		return &hmacScheme{
			keys: keys, hash: crypto.SHA256, encode: hexText,
			at: list.timestamp, signatures: list.signatures,
			text: func(b []byte, r *Request, at timestamp) []byte {
				return append(append(append(b, at.text...), '.'), r.Body...)
			},
			// Stripe's own libraries look at the past only.
			tolerance: s.tolerance(), pastOnly: true,
			put: func(r *Request, signature string, at timestamp) {
				r.Header.Set("Stripe-Signature", "t="+at.text+",v1="+signature)
			},
		}, nil
	},
}

// listHeader is a header with time and signatures as a list of pairs: "t=1,v1=ab,v1=cd".
type listHeader struct {
	name, separator string
	time, signature string // the names of the pairs
}

func (l listHeader) timestamp(r *Request) (timestamp, error) {
	value, err := single(r.Header, http.CanonicalHeaderKey(l.name))
	if err != nil {
		return timestamp{}, err
	}
	for pair := range strings.SplitSeq(value, l.separator) {
		name, text, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return timestamp{}, malformed(l.name, "each part is name=value")
		}
		if name == l.time {
			return unixTimestamp(l.name, text)
		}
	}
	return timestamp{}, malformed(l.name, "there is no "+l.time+"=")
}

func (l listHeader) signatures(r *Request) ([]string, error) {
	value, err := single(r.Header, http.CanonicalHeaderKey(l.name))
	if err != nil {
		return nil, err
	}
	var list []string
	for pair := range strings.SplitSeq(value, l.separator) {
		name, text, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return nil, malformed(l.name, "each part is name=value")
		}
		if name == l.signature && text != "" {
			list = append(list, text)
		}
	}
	switch {
	case len(list) == 0:
		return nil, malformed(l.name, "there is no "+l.signature+"=")
	case len(list) > maxSignatures:
		return nil, malformed(l.name, "there are more than 32 signatures")
	}
	return list, nil
}
