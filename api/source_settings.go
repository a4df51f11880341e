package api

import (
	"encoding/json"
	"time"
)

// SourceSettings are the choices for a source beyond the contract. Null and absent mean the default.
type SourceSettings struct {
	// PublicURL is the source's URL as the provider knows it, for providers that sign it;
	// by default the ingestUrl.
	PublicURL *string `json:"publicUrl"`
	// Methods that are webhooks; by default those of the provider.
	Methods []string      `json:"methods"`
	Answer  *SourceAnswer `json:"answer"`
	// FailureStatus answers a failed verification: 401, the default, or 400.
	FailureStatus *int64 `json:"failureStatus"`
	// ToleranceSeconds is how far a signed time may lie from now; by default as the provider says.
	ToleranceSeconds *int64        `json:"toleranceSeconds"`
	Dedupe           *SourceDedupe `json:"dedupe"`
	// MaxBodyBytes: more is 413. Default 5 MiB, at most 25 MiB.
	MaxBodyBytes *int64 `json:"maxBodyBytes"`
	// RatePerMinute and RatePerHour: more is 429 with Retry-After. By default there is no bound.
	RatePerMinute *int64 `json:"ratePerMinute"`
	RatePerHour   *int64 `json:"ratePerHour"`
	// Networks (CIDR) are where requests may come from; null means anywhere.
	Networks []string       `json:"networks"`
	Forward  *SourceForward `json:"forward"`
	// Split stores each event of a batch as a message of its own.
	Split       *bool              `json:"split"`
	Validate    *SourceValidation  `json:"validate"`
	Stale       *SourceStale       `json:"stale"`
	PassThrough *SourcePassThrough `json:"passThrough"`
	// PublishTo is an application, by id or uid, that gets each webhook as a message, too.
	PublishTo *string `json:"publishTo"`
}

// SourceAnswer is what a stored webhook is answered with.
type SourceAnswer struct {
	Status  *int64            `json:"status"` // default 200
	Headers map[string]string `json:"headers"`
	Body    *string           `json:"body"`
}

// SourceDedupe is how duplicates are found.
type SourceDedupe struct {
	// By is provider (the provider's delivery id, the default), body (the value at the
	// path Name), header (the value of header Name), hash (of the whole request) or off.
	By   *string `json:"by"`
	Name *string `json:"name"`
	// WindowSeconds is how long an id is remembered: 60 to 3024000; by default as long as the provider retries.
	WindowSeconds *int64 `json:"windowSeconds"`
}

// SourceForward is what of the request the endpoints get beside the body.
type SourceForward struct {
	// Headers by name; null means all that are harmless, [] none.
	Headers []string `json:"headers"`
	// Method, Path (what followed the source's URL) and Query are forwarded by default.
	Method *bool `json:"method"`
	Path   *bool `json:"path"`
	Query  *bool `json:"query"`
}

// SourceValidation rejects what the endpoints could not read.
type SourceValidation struct {
	// ContentTypes are media types without parameters; null means any.
	ContentTypes []string `json:"contentTypes"`
	UTF8         *bool    `json:"utf8"`
	// Syntax, json or xml: the body must be well formed.
	Syntax   *string `json:"syntax"`
	MaxDepth *int64  `json:"maxDepth"`
	// Schema is a JSON Schema.
	Schema json.RawMessage `json:"schema"`
}

// SourceStale is about events much older than the newest one seen.
type SourceStale struct {
	AfterSeconds *int64 `json:"afterSeconds"`
	// Drop stores nothing of them; otherwise their deliveries are marked.
	Drop *bool `json:"drop"`
}

// SourcePassThrough gives the provider the endpoint's answer.
type SourcePassThrough struct {
	Enabled *bool `json:"enabled"`
	// DeadlineMilliseconds is how long to wait for it, by default 2500; then the set answer is given.
	DeadlineMilliseconds *int64 `json:"deadlineMilliseconds"`
}

// SourceSettingsOut are a source's settings with what belongs to them. What is not in
// SourceSettings is ignored where it is sent back.
type SourceSettingsOut struct {
	SourceSettings
	SourceID string `json:"sourceId"`
	// ApplicationID is the internal application that owns the source's endpoints and
	// messages: list, resend and recover them below /api/v1/app/{applicationId}.
	ApplicationID string `json:"applicationId"`
	// Configured are the names of the config's keys that are set, never their values.
	Configured []string `json:"configured"`
	// VerificationToken is what the provider handed over to be typed in where the webhook
	// was made (Notion); null for none.
	VerificationToken *string `json:"verificationToken"`
	// Provider is null for cron.
	Provider *ProviderOut `json:"provider"`
}

// SourceStatsOut counts the requests of a source.
type SourceStatsOut struct {
	Since  time.Time    `json:"since"`
	Until  time.Time    `json:"until"`
	Totals SourceCounts `json:"totals"`
	// Hours are those with any request, oldest first.
	Hours []SourceHour `json:"hours"`
}

// SourceHour counts the requests of an hour, which is named by its beginning.
type SourceHour struct {
	Hour time.Time `json:"hour"`
	SourceCounts
}

// SourceCounts counts requests by what became of them.
type SourceCounts struct {
	Accepted  int64 `json:"accepted"`
	Duplicate int64 `json:"duplicate"`
	Handshake int64 `json:"handshake"`
	Rejected  int64 `json:"rejected"`
	// Reasons split Rejected.
	Reasons map[string]int64 `json:"reasons"`
}

// ProviderList is all providers, by name.
type ProviderList struct {
	Data []ProviderOut `json:"data"`
}

// ProviderOut is what is known about a provider's webhooks.
type ProviderOut struct {
	// Name is the type of a source.
	Name  string `json:"name"`
	Title string `json:"title"`
	// Family is the kind of scheme: hmac, standard-webhooks, ecdsa, ed25519, rsa-cert, jwt, token, basic, bearer or none.
	Family  string `json:"family"`
	Summary string `json:"summary"`
	// Secret says what the provider calls the secret and where it is found; null when there is none.
	Secret *string `json:"secret"`
	// SecretOptional: the URL itself is the secret, or the provider hands one over.
	SecretOptional bool `json:"secretOptional"`
	// Config are the keys of a source's config beside secret, secrets and publicKey.
	Config  []ProviderSetting `json:"config"`
	Methods []string          `json:"methods"`
	// ToleranceSeconds is how far a signed time may lie from now; null when none is signed.
	ToleranceSeconds *float64 `json:"toleranceSeconds"`
	// DeliveryID says where the id of a delivery stands; null when there is none.
	DeliveryID *string `json:"deliveryId"`
	// DeadlineSeconds is how long the provider waits for an answer; null when it does not say.
	DeadlineSeconds *float64 `json:"deadlineSeconds"`
	Retry           *string  `json:"retry"`
	// RetryForSeconds is how long the provider goes on retrying; null for unknown or none.
	RetryForSeconds *float64 `json:"retryForSeconds"`
	Batch           bool     `json:"batch"`
	// Handshake says how the provider checks the URL; null when it does not.
	Handshake *string `json:"handshake"`
	// Confidence says how sure the facts are.
	Confidence ProviderConfidence `json:"confidence"`
	Docs       string             `json:"docs"`
}

// ProviderSetting is one key of a source's config.
type ProviderSetting struct {
	Name     string `json:"name"`
	Summary  string `json:"summary"`
	Required bool   `json:"required"`
	// Values are the only ones, where there are few; the first is the default.
	Values []string `json:"values"`
}

// ProviderConfidence says in words how each fact is known.
type ProviderConfidence struct {
	Signature  string `json:"signature"`
	DeliveryID string `json:"deliveryId"`
	Deadline   string `json:"deadline"`
	Retry      string `json:"retry"`
}
