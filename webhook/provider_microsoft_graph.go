package webhook

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// microsoftGraph: learn.microsoft.com/graph/change-notifications-delivery-webhooks.
var microsoftGraph = provider{
	Preset: Preset{
		Name: "microsoft-graph", Title: "Microsoft Graph change notifications", Family: "token",
		Summary:        "The clientState of every item of the body. Nothing is signed: it proves who sent a notification, not what is in it.",
		Secret:         "the clientState given when the subscription was made: up to 128 characters",
		SecretOptional: true,
		ID:             "body value[].id, which is not always there",
		BodyRepeats:    true, // a resource that changes twice is reported in the same words
		Deadline:       3 * time.Second,
		Retry:          "several times over 4 hours; then it is dropped",
		RetryFor:       4 * time.Hour,
		Batch:          true,
		Handshake:      "a POST with ?validationToken=, answered with the token as plain text",
		Success:        Success{Status: http.StatusAccepted},
		Confidence:     Confidence{Docs, Memory, Docs, Docs},
		Docs:           "https://learn.microsoft.com/graph/change-notifications-delivery-webhooks",
	},
	facts: batchFacts(nil, "value", facts{id: body("id"), eventType: either(body("lifecycleEvent"), body("changeType"))}),
	open: func(s *settings) (scheme, error) {
		if len(s.Secrets) == 0 {
			return shut{s.preset}, nil
		}
		if _, err := s.texts(); err != nil {
			return nil, err
		}
		return graphScheme(s.Secrets), nil
	},
	handshake: func(_ *ProviderVerifier, r *Request, _ time.Time) (*Answer, error) {
		token, err := queryValue(r.URL, "validationToken")
		if r.Method != http.MethodPost || err != nil {
			return nil, nil
		}
		if len(token) > 4096 {
			return refusedAnswer(http.StatusBadRequest, "the validation token is too long"), nil
		}
		return textAnswer(http.StatusOK, token), nil
	},
}

// graphScheme holds the values of clientState.
type graphScheme []string

func (s graphScheme) verify(r *Request, _ time.Time) (time.Time, error) {
	if !json.Valid(r.Body) {
		return time.Time{}, malformed("body", "it is not JSON")
	}
	items, genuine := 0, 1
	all := jsonEach(jsonFind(r.Body, []string{"value"}), func(element []byte) bool {
		state := jsonText(jsonFind(element, []string{"clientState"}))
		got := sha256.Sum256([]byte(state))
		one := 0
		for _, secret := range s {
			want := sha256.Sum256([]byte(secret))
			one |= subtle.ConstantTimeCompare(want[:], got[:])
		}
		genuine &= one
		items++
		return state != "" && items <= maxEvents
	})
	switch {
	case items > maxEvents:
		return time.Time{}, malformed("body", "there are too many items")
	case items == 0 || !all:
		return time.Time{}, fmt.Errorf("%w: body value[].clientState", ErrMissingHeader)
	case genuine != 1:
		return time.Time{}, fmt.Errorf("%w: clientState is not the secret", ErrNoMatch)
	}
	return time.Time{}, nil
}

// sign puts the clientState into every item; a body without items becomes one.
func (s graphScheme) sign(r *Request, _ time.Time) error {
	var top struct {
		Value []map[string]json.RawMessage `json:"value"`
	}
	if json.Unmarshal(r.Body, &top) != nil {
		return invalidSetting("a body of Microsoft Graph is a JSON object")
	}
	if top.Value == nil {
		top.Value = make([]map[string]json.RawMessage, 1)
		if json.Unmarshal(r.Body, &top.Value[0]) != nil {
			return invalidSetting("a body of Microsoft Graph is a JSON object")
		}
	}
	for _, item := range top.Value {
		if item == nil {
			return invalidSetting("an item of Microsoft Graph is a JSON object")
		}
		item["clientState"] = mustJSON(s[0])
	}
	r.Body = mustJSON(top)
	r.Header.Set("Content-Type", "application/json")
	return nil
}
