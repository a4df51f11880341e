package hook

import "time"

// IntegrationID names an integration.
type IntegrationID Key

// Integration is another program that works on behalf of an application with a
// long-lived key of its own. The key is a Token of kind IntegrationToken, which ends with
// the integration or its application.
type Integration struct {
	ID          IntegrationID
	Application ApplicationID
	Name        string
	// FeatureFlags open the event types that carry one of them to the key; nil for none.
	FeatureFlags []string
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// MaxIntegrations is how many integrations an application may have.
const MaxIntegrations = 100

// MaxFeatureFlags is how many feature flags a token or integration may have (CONTRACT 1.6).
const MaxFeatureFlags = 25

// Validate checks the fields that a client sets.
func (i *Integration) Validate() error {
	if err := checkName("name", i.Name); err != nil {
		return err
	}
	return CheckFeatureFlags("featureFlags", i.FeatureFlags)
}

// CheckFeatureFlags reports whether flags may restrict a token: nil, or 1 to
// MaxFeatureFlags names.
func CheckFeatureFlags(field string, flags []string) error {
	if flags != nil && len(flags) == 0 || len(flags) > MaxFeatureFlags {
		return Fieldf(field, "must hold 1 to %d flags", MaxFeatureFlags)
	}
	for _, f := range flags {
		if checkToken(field, f, 256) != nil {
			return Fieldf(field, "must match ^[a-zA-Z0-9\\-_.]+$ and have at most 256 characters each")
		}
	}
	return nil
}

// Grant is what the integration's key may do: all that a portal token may.
func (i *Integration) Grant() *Token {
	return &Token{Kind: IntegrationToken, Application: i.Application, Integration: i.ID, Name: i.Name, Capabilities: AllCapabilities(), FeatureFlags: i.FeatureFlags}
}
