package httpapi

import (
	"net/http"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/webhook"
)

func (s *server) listProviders(c *call) error {
	out := api.ProviderList{Data: []api.ProviderOut{}}
	for _, p := range webhook.Presets() {
		out.Data = append(out.Data, providerToAPI(p))
	}
	return c.json(http.StatusOK, out)
}

func (s *server) getProvider(c *call) error {
	p, known := presetOf(c.param("provider_name"))
	if !known {
		return notFound()
	}
	return c.json(http.StatusOK, providerToAPI(p))
}

// markWords spell how a fact is known.
var markWords = map[webhook.Mark]string{
	webhook.Vector:    "confirmed by recomputing a published vector",
	webhook.Docs:      "official documents or the provider's own source were read",
	webhook.Secondary: "a secondary source was read",
	webhook.Memory:    "not confirmed",
}

func providerToAPI(p webhook.Preset) api.ProviderOut {
	seconds := func(d time.Duration) *float64 { return orNil(d.Seconds()) }
	mark := func(m webhook.Mark) string {
		if words := markWords[m]; words != "" {
			return words
		}
		return "unknown"
	}
	out := api.ProviderOut{
		Name: p.Name, Title: p.Title, Family: p.Family, Summary: p.Summary,
		Secret: orNil(p.Secret), SecretOptional: p.SecretOptional, Config: []api.ProviderSetting{},
		Methods: p.Methods, ToleranceSeconds: seconds(p.Tolerance), DeliveryID: orNil(p.ID),
		DeadlineSeconds: seconds(p.Deadline), Retry: orNil(p.Retry), RetryForSeconds: seconds(p.RetryFor),
		Batch: p.Batch, Handshake: orNil(p.Handshake), Docs: p.Docs,
		Confidence: api.ProviderConfidence{
			Signature: mark(p.Confidence.Signature), DeliveryID: mark(p.Confidence.ID),
			Deadline: mark(p.Confidence.Deadline), Retry: mark(p.Confidence.Retry),
		},
	}
	if len(out.Methods) == 0 {
		out.Methods = []string{http.MethodPost}
	}
	for _, setting := range p.Settings {
		out.Config = append(out.Config, api.ProviderSetting{
			Name: camel(setting.Name), Summary: setting.Summary, Required: setting.Required, Values: setting.Words,
		})
	}
	return out
}
