package webhook

import (
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
		opened, err := timedHMAC(listHeader{name: "Stripe-Signature", separator: ",", time: "t", signature: "v1"}, ".")(s)
		if err != nil {
			return nil, err
		}
		opened.(*hmacScheme).pastOnly = true // as Stripe's own libraries
		return opened, nil
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
