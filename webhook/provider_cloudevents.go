package webhook

import (
	"fmt"
	"net/http"
	"time"
)

// cloudEvents: github.com/cloudevents/spec, HTTP 1.1 Web Hooks for Event Delivery 1.0.2.
var cloudEvents = provider{
	Preset: Preset{
		Name: "cloudevents", Title: "CloudEvents HTTP webhook", Family: "bearer",
		Summary:        "A token in Authorization: Bearer, or in the query as access_token. Nothing is signed.",
		Secret:         "the token that was given to the sender",
		SecretOptional: true,
		Settings: []Setting{
			{Name: "mode", Summary: "where the token travels; none: nothing is checked, whoever knows the URL may send", Words: []string{"bearer", "query", "none"}},
			{Name: "query_param", Summary: "name of the query parameter with mode query; access_token when not set"},
			{Name: "allowed_origins", Summary: "the senders (WebHook-Request-Origin) that may ask for leave, and must name themselves when they send, as a JSON array or with commas; anybody when not set"},
		},
		ID:         "source and id together, from the body or the headers ce-source and ce-id",
		Retry:      "not specified",
		Batch:      true,
		Handshake:  "an OPTIONS request with WebHook-Request-Origin, answered with WebHook-Allowed-Origin",
		Success:    Success{Status: http.StatusNoContent},
		Withhold:   []string{"Authorization", "access_token"},
		Confidence: Confidence{Docs, Memory, Docs, Docs},
		Docs:       "https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md",
	},
	facts: cloudEventsFacts(),
	open:  openCloudEvents,
	handshake: func(v *ProviderVerifier, r *Request, _ time.Time) (*Answer, error) {
		origins, err := v.settings.list("allowed_origins")
		if err != nil {
			return nil, err
		}
		return originAnswer(r, origins), nil
	},
}

func openCloudEvents(s *settings) (scheme, error) {
	origins, err := s.list("allowed_origins")
	if err != nil {
		return nil, err
	}
	var inner scheme
	switch mode := s.get("mode"); {
	case mode != "query" && s.Settings["query_param"] != "":
		return nil, invalidSetting("query_param is of no use with mode %s", mode)
	case mode == "none" && len(s.Secrets) > 0:
		return nil, invalidSetting("mode none looks at no secret, and one is given")
	case mode == "none":
		inner = openURL{}
	case len(s.Secrets) == 0:
		return shut{s.preset}, nil
	case mode == "query":
		name := s.Settings["query_param"]
		if name == "" {
			name = "access_token"
		}
		inner, err = newTokenScheme(s, queryToken(name))
	default:
		inner, err = newTokenScheme(s, bearerToken())
	}
	if err != nil || len(origins) == 0 {
		return inner, err
	}
	return &originScheme{inner, origins}, nil
}

// originScheme also wants the sender to name itself, as the specification says it must in
// every delivery. Anybody can write that name; it is no proof.
type originScheme struct {
	scheme
	origins []string
}

func (s *originScheme) verify(r *Request, now time.Time) (time.Time, error) {
	signed, err := s.scheme.verify(r, now)
	if err != nil {
		return time.Time{}, err
	}
	origin, err := single(r.Header, "Webhook-Request-Origin")
	if err != nil {
		return time.Time{}, err
	}
	if !originAllowed(origin, s.origins) {
		return time.Time{}, fmt.Errorf("%w: the origin is not one of allowed_origins", ErrNoMatch)
	}
	return signed, nil
}

func (s *originScheme) sign(r *Request, now time.Time) error {
	r.Header.Set("WebHook-Request-Origin", s.origins[0])
	return s.scheme.(signingScheme).sign(r, now)
}

func (s *originScheme) withhold() string {
	if w, ok := s.scheme.(interface{ withhold() string }); ok {
		return w.withhold()
	}
	return ""
}

// cloudEventsFacts: in binary mode the attributes are headers and the body is data of any
// kind; else the body is one event, or an array of them.
func cloudEventsFacts() facts {
	structured := func(r *Request) []byte {
		if r.Header.Get("Ce-Id") != "" {
			return nil
		}
		return r.Body
	}
	// of reads a body only where it is an event.
	of := func(path string) finder {
		find := body(path)
		return func(r *Request) string { return find(&Request{Body: structured(r)}) }
	}
	one := facts{
		id:        either(joined("|", header("Ce-Source"), header("Ce-Id")), joined("|", of("source"), of("id"))),
		eventType: either(header("Ce-Type"), of("type")),
		time:      either(header("Ce-Time"), of("time")),
	}
	each := facts{id: joined("|", body("source"), body("id")), eventType: body("type"), time: body("time")}
	return orOne(batchFacts(structured, "", each), one)
}
