package api

import "time"

// EndpointConsentIn says how a receiver is asked whether it agrees to be sent to. Ours.
type EndpointConsentIn struct {
	// Method is challenge, challengeGet, cloudevents or test; without one it stays, or is
	// challenge for an endpoint that had none.
	Method *string `json:"method,omitempty"`
}

// EndpointConsentOut says whether a receiver agreed. Ours.
type EndpointConsentOut struct {
	// Required is false for an endpoint whose receiver need not be asked; then the rest is null.
	Required bool    `json:"required"`
	Method   *string `json:"method"`
	// Verified: it agreed. While it has not, what comes for the endpoint waits.
	Verified   bool       `json:"verified"`
	VerifiedAt *time.Time `json:"verifiedAt"`
	AskedAt    *time.Time `json:"askedAt"`
	// Error says why it did not agree when it was asked last.
	Error *string `json:"error"`
	// NextAskAt is when it is asked again by itself, null for not any more.
	NextAskAt *time.Time `json:"nextAskAt"`
	// RatePerMinute is the rate that it allowed, null for any.
	RatePerMinute *int64 `json:"ratePerMinute"`
}
