package store

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Consents are the endpoints whose receivers have yet to agree to be sent to.
type Consents interface {
	// DueConsents returns up to limit endpoints that are to be asked at now and are not disabled
	// (hook.Consent.NextAt), applications by turns and of each
	// those that wait longest first, and when the next one is to be,
	// zero for none that is known.
	DueConsents(ctx context.Context, now time.Time, limit int) (due []DueConsent, next time.Time, err error)
}

// DueConsent names an endpoint that is to be asked.
type DueConsent struct {
	Application hook.ApplicationID
	Endpoint    hook.EndpointID
}
