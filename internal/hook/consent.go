package hook

import (
	"slices"
	"strings"
	"time"
)

// Consent is the receiver's proof that it wants to be sent to. An endpoint that has to
// give it is held until then (IsHeld).
type Consent struct {
	// Method is how it is asked, one of ConsentMethods.
	Method string `json:"method"`
	// VerifiedAt is when it agreed, and VerifiedURL where: at another URL nothing is sent
	// before that one has agreed, too. Zero and "" while it has not.
	VerifiedAt  time.Time `json:"verifiedAt,omitzero"`
	VerifiedURL string    `json:"verifiedUrl,omitempty"`
	// AskedAt and Error are of the last time that it was asked; "" where it agreed.
	AskedAt time.Time `json:"askedAt,omitzero"`
	Error   string    `json:"error,omitempty"`
	// Tries is how often it was asked without success; NextAt when it is asked again by
	// itself, zero for not any more.
	Tries  int       `json:"tries,omitempty"`
	NextAt time.Time `json:"nextAt,omitzero"`
	// PerMinute is the rate that the receiver allowed (CloudEvents WebHook-Allowed-Rate); 0
	// for any.
	PerMinute int `json:"perMinute,omitempty"`
}

// The ways to ask for consent.
const (
	// ConsentChallenge: a signed POST with a challenge, which the answer must repeat.
	ConsentChallenge = "challenge"
	// ConsentChallengeGet: a GET with the challenge in the query, likewise.
	ConsentChallengeGet = "challengeGet"
	// ConsentCloudEvents: the OPTIONS handshake of CloudEvents, HTTP 1.1 Web Hooks, section 4.
	ConsentCloudEvents = "cloudevents"
	// ConsentTest: a signed test event, which must be answered with a status of success.
	ConsentTest = "test"
)

// ConsentMethods returns the ways to ask.
func ConsentMethods() []string {
	return []string{ConsentChallenge, ConsentChallengeGet, ConsentCloudEvents, ConsentTest}
}

// consentWaits are the waits after an unsuccessful question; then nobody asks by itself any
// more. Together they are somewhat over two days: the receiver may still be being built.
var consentWaits = [...]time.Duration{
	time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// NewConsent returns a consent that is asked for from now on.
func NewConsent(method string, now time.Time) *Consent { return &Consent{Method: method, NextAt: now} }

// Validate checks what a client sets.
func (c *Consent) Validate() error {
	if !slices.Contains(ConsentMethods(), c.Method) {
		return Fieldf("method", "must be one of %s", strings.Join(ConsentMethods(), ", "))
	}
	return nil
}

// Answered returns the consent after the receiver at url was asked at now: refused says in
// words why it did not agree, "" where it did, perMinute which rate it allowed.
func (c Consent) Answered(url, refused string, perMinute int, now time.Time) *Consent {
	c.AskedAt, c.Error, c.NextAt = now, refused, time.Time{}
	if refused == "" {
		c.VerifiedAt, c.VerifiedURL, c.PerMinute, c.Tries = now, url, perMinute, 0
		return &c
	}
	c.VerifiedAt, c.VerifiedURL, c.PerMinute = time.Time{}, "", 0
	if c.Tries < len(consentWaits) {
		c.NextAt = now.Add(consentWaits[c.Tries])
		c.Tries++
	}
	return &c
}

// IsVerified reports whether the receiver at url has agreed.
func (c *Consent) IsVerified(url string) bool {
	return c != nil && !c.VerifiedAt.IsZero() && c.VerifiedURL == url
}

// AwaitsConsent reports whether the receiver has yet to agree at the endpoint's URL.
func (e *Endpoint) AwaitsConsent() bool { return e.Consent != nil && !e.Consent.IsVerified(e.URL) }

// MovedTo begins to ask anew where the URL is another than it was; for whoever changes it.
func (e *Endpoint) MovedTo(before string, now time.Time) {
	if e.Consent != nil && e.URL != before && e.AwaitsConsent() {
		e.Consent = NewConsent(e.Consent.Method, now)
	}
}

// Pace returns how many requests may be sent, with the rate of the application where the
// endpoint has none: so many a second, or a minute where the number is negative; 0 for no
// bound. What the receiver allowed when it agreed bounds both.
func (e *Endpoint) Pace(application int) int {
	perSecond := e.ThrottleRate
	if perSecond == 0 {
		perSecond = application
	}
	if e.Consent == nil || e.Consent.PerMinute == 0 {
		return perSecond
	}
	if allowed := e.Consent.PerMinute; perSecond == 0 || 60*perSecond > allowed {
		if allowed >= 60 && allowed%60 == 0 {
			return allowed / 60
		}
		return -allowed
	}
	return perSecond
}

// auditFields adds how consent is asked and whether it was given, not each question.
func (c *Consent) auditFields(f *AuditFields, url string) {
	f.show("consent.method", c.Method)
	f.show("consent.verified", c.IsVerified(url))
}

// settled is c without what the server notes about its own questions.
func (c *Consent) settled() *Consent {
	if c == nil {
		return nil
	}
	return &Consent{Method: c.Method}
}
