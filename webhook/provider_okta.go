package webhook

import (
	"net/http"
	"time"
)

// oktaChallenge is the header of the one-time verification request.
const oktaChallenge = "X-Okta-Verification-Challenge"

// okta: developer.okta.com/docs/concepts/event-hooks.
var okta = provider{
	Preset: Preset{
		Name: "okta", Title: "Okta event hooks", Family: "token",
		Summary: "A secret of your choice in Authorization, or in another header that the hook names.",
		Secret:  "the authentication secret of the event hook (its value is compared as a whole)",
		// The GET comes when the hook is verified, which may be before the secret is known here.
		SecretOptional: true,
		Settings:       []Setting{{Name: "header", Summary: "the hook's authentication field; Authorization when it is not set"}},
		ID:             "body data.events[].uuid",
		Deadline:       3 * time.Second,
		Retry:          "once, after a timeout or an error",
		Batch:          true,
		Handshake:      "a GET with " + oktaChallenge + ", answered with its value; it proves nothing and needs no secret",
		Withhold:       []string{"Authorization"},
		Confidence:     Confidence{Memory, Memory, Memory, Memory},
		Docs:           "https://developer.okta.com/docs/concepts/event-hooks/",
	},
	facts: facts{
		id: body("eventId"), eventType: body("eventType"), time: body("eventTime"),
		list: new("data.events"),
		each: &facts{id: body("uuid"), eventType: body("eventType"), time: body("published")},
	},
	open: func(s *settings) (scheme, error) {
		name, set := s.Settings["header"]
		if !set {
			name = "Authorization"
		}
		if err := headerName("header", name); err != nil {
			return nil, err
		}
		if len(s.Secrets) == 0 {
			return shut{s.preset}, nil
		}
		return newTokenScheme(s, headerToken(name))
	},
	handshake: func(_ *ProviderVerifier, r *Request, _ time.Time) (*Answer, error) {
		challenge := r.Header.Get(oktaChallenge)
		if r.Method != http.MethodGet || challenge == "" {
			return nil, nil
		}
		return jsonAnswer(http.StatusOK, map[string]string{"verification": challenge}), nil
	},
}
