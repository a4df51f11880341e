package webhook

import (
	"net/http"
	"time"
)

// azureEventGrid: learn.microsoft.com/azure/event-grid/webhook-event-delivery.
var azureEventGrid = provider{
	Preset: Preset{
		Name: "azure-eventgrid", Title: "Azure Event Grid", Family: "token",
		Summary:        "A secret in the query of the webhook's URL, or in a header that is one of the subscription's delivery properties. Nothing is signed.",
		Secret:         "a long random text of your own choice; put it into the URL of the subscription as ?code=..., or into a delivery property",
		SecretOptional: true,
		Settings: []Setting{
			{Name: "query_param", Summary: "name of the query parameter with the secret; code when not set"},
			{Name: "header", Summary: "name of the header (delivery property) with the secret, instead of the query"},
			{Name: "allowed_origins", Summary: "who may ask for leave to send CloudEvents (eventgrid.azure.net), as a JSON array or with commas; anybody when not set"},
		},
		ID:         "body [].id, for CloudEvents together with source",
		Deadline:   30 * time.Second,
		Retry:      "after 10 and 30 seconds, 1, 5, 10, 30 minutes, 1 hour, then hourly or less often, up to 24 hours or 30 attempts",
		RetryFor:   24 * time.Hour,
		Batch:      true,
		Handshake:  "a SubscriptionValidation event, answered with its validationCode; with CloudEvents an OPTIONS request",
		Withhold:   []string{"code"},
		Confidence: Confidence{Memory, Memory, Docs, Docs},
		Docs:       "https://learn.microsoft.com/azure/event-grid/webhook-event-delivery",
	},
	facts: eventGridFacts(),
	open: func(s *settings) (scheme, error) {
		carrier, err := eventGridCarrier(s)
		if err != nil {
			return nil, err
		}
		if _, err := s.list("allowed_origins"); err != nil {
			return nil, err
		}
		if len(s.Secrets) == 0 {
			return shut{s.preset}, nil
		}
		return newTokenScheme(s, carrier)
	},
	handshake: func(v *ProviderVerifier, r *Request, now time.Time) (*Answer, error) {
		origins, err := v.settings.list("allowed_origins")
		if err != nil {
			return nil, err
		}
		if answer := originAnswer(r, origins); answer != nil {
			return answer, nil
		}
		if r.Method != http.MethodPost || r.Header.Get("Aeg-Event-Type") != "SubscriptionValidation" {
			return nil, nil
		}
		// The subscription's URL has the query, so that this request has it too. Delivery
		// properties need not be in it yet.
		if len(v.settings.Secrets) > 0 && v.settings.Settings["header"] == "" {
			if _, err := v.scheme.verify(r, now); err != nil {
				return nil, err
			}
		}
		code := jsonText(jsonFind(r.Body, []string{"0", "data", "validationCode"}))
		if code == "" || len(code) > maxIDBytes {
			return refusedAnswer(http.StatusBadRequest, "there is no validationCode"), nil
		}
		return jsonAnswer(http.StatusOK, map[string]string{"validationResponse": code}), nil
	},
}

func eventGridCarrier(s *settings) (tokenCarrier, error) {
	parameter, inQuery := s.Settings["query_param"]
	if name, set := s.Settings["header"]; set {
		if inQuery {
			return tokenCarrier{}, invalidSetting("the secret is either in query_param or in header")
		}
		return headerToken(name), headerName("header", name)
	}
	if !inQuery {
		parameter = "code"
	}
	if parameter == "" {
		return tokenCarrier{}, invalidSetting("query_param is the name of a query parameter")
	}
	return queryToken(parameter), nil
}

// eventGridFacts: an array in Event Grid's own schema and in batches of CloudEvents, else
// one CloudEvent.
func eventGridFacts() facts {
	one := facts{
		id:        either(joined("|", body("source"), body("id")), body("id")),
		eventType: either(body("eventType"), body("type")),
		time:      either(body("eventTime"), body("time")),
	}
	return orOne(batchFacts(nil, "", one), one)
}

// orOne are the facts of a batch, and of a body that is not one.
func orOne(batch, one facts) facts {
	batch.id, batch.eventType, batch.time = either(batch.id, one.id), either(batch.eventType, one.eventType), either(batch.time, one.time)
	return batch
}
