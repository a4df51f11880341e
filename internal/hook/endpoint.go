package hook

import (
	"log/slog"
	"slices"
	"time"
)

// Endpoint is a URL with its secrets, filters, headers and limits.
type Endpoint struct {
	ID           EndpointID
	Application  ApplicationID
	UID          string // unique in the application; "" for none
	URL          string // as egress.ParseURL normalises it
	Description  string
	Disabled     bool
	EventTypes   []string // nil for all
	Channels     []string // nil for all
	ThrottleRate int      // messages per second; 0 for the application's
	Metadata     map[string]string
	Headers      map[string]string // sent with each request, names in their given case
	// Secrets are the keys that sign, the current one first, then those that were
	// rotated out and have not expired.
	Secrets []Secret
	// Shape is how its requests differ from the usual one; nil for not at all.
	Shape *Shape
	Features
	CreatedAt time.Time
	UpdatedAt time.Time

	// DisabledBy says why Disabled is set: "" (the owner), ReasonGone, or ReasonDisabled for five days of failure.
	DisabledBy Reason
	// FailingSince is the first failure of the current streak; zero while healthy.
	FailingSince time.Time
	// Warned is how often the owner was told of that streak (Warnings); 0 while healthy.
	Warned int
}

// Secret is one signing key of an endpoint, in the text form of the contract
// (whsec_..., whsk_...). It never prints itself.
type Secret struct {
	// Text is the key. Only the signer and the secret's owner may see it.
	Text string
	// ExpiresAt ends the grace period of a key that was rotated out; zero for the current key.
	ExpiresAt time.Time
}

// String hides the key from logs and error texts.
func (Secret) String() string { return "[secret]" }

// GoString hides the key from %#v.
func (Secret) GoString() string { return "[secret]" }

// LogValue hides the key from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// Limits of an endpoint (CONTRACT sections 0, 1.6 and 1.9).
const (
	// MaxOldSecrets is how many rotated-out secrets may be live at once.
	MaxOldSecrets = 10
	// MaxEndpointHeaders is how many custom headers an endpoint may have.
	MaxEndpointHeaders = 50
	// MaxHeaderValueBytes bounds one custom header's value.
	MaxHeaderValueBytes = 4096
	// DefaultGrace is how long a rotated-out secret goes on signing.
	DefaultGrace = 24 * time.Hour
	// MaxGrace is the longest grace period.
	MaxGrace = 7 * 24 * time.Hour
)

// LiveSecrets returns the secrets that sign at now: the current one and all that
// have not expired.
func (e *Endpoint) LiveSecrets(now time.Time) []Secret {
	return slices.DeleteFunc(slices.Clone(e.Secrets), func(s Secret) bool {
		return !s.ExpiresAt.IsZero() && !s.ExpiresAt.After(now)
	})
}

// Rotate makes next the current secret at now. The one before goes on signing for
// grace; zero ends it at once. A key that becomes the current one again is no old one
// any more, so that no key signs twice. More than MaxOldSecrets live old ones are
// LimitReached; then nothing has changed.
func (e *Endpoint) Rotate(next Secret, grace time.Duration, now time.Time) error {
	next.ExpiresAt = time.Time{}
	secrets := []Secret{next}
	for i, s := range e.LiveSecrets(now) {
		if s.Text == next.Text || i == 0 && grace <= 0 {
			continue
		}
		if i == 0 {
			s.ExpiresAt = now.Add(grace)
		}
		secrets = append(secrets, s)
	}
	if len(secrets)-1 > MaxOldSecrets {
		return Errorf(LimitReached, "no more than %d old secrets may be valid at once; wait until one expires or rotate with gracePeriodSeconds 0", MaxOldSecrets)
	}
	e.Secrets = secrets
	return nil
}

// Wants reports whether the endpoint subscribed to a message of this event type and
// these channels (CONTRACT 2.4). It looks at filters only, not at Disabled.
func (e *Endpoint) Wants(eventType string, channels []string) bool {
	if len(e.EventTypes) > 0 && !slices.Contains(e.EventTypes, eventType) {
		return false
	}
	if len(e.Channels) == 0 {
		return true
	}
	return slices.ContainsFunc(channels, func(c string) bool { return slices.Contains(e.Channels, c) })
}

// Validate checks the fields that a client sets, except the URL, which egress judges.
func (e *Endpoint) Validate() error {
	if err := checkUID("uid", "endpoint", e.UID); err != nil {
		return err
	}
	if err := checkText("description", e.Description); err != nil {
		return err
	}
	if err := checkRate("throttleRate", e.ThrottleRate); err != nil {
		return err
	}
	if err := checkEventTypes("eventTypes", e.EventTypes); err != nil {
		return err
	}
	if err := checkChannels("channels", e.Channels); err != nil {
		return err
	}
	if err := CheckHeaders("headers", e.Headers); err != nil {
		return err
	}
	return checkMetadata("metadata", e.Metadata)
}
