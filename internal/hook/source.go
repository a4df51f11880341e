package hook

import (
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// SourceID names a source. A source and the internal application that owns its
// endpoints and messages have the same row key, so either is found from the other.
type SourceID Key

// Application is the internal application of the source.
func (s SourceID) Application() ApplicationID { return ApplicationID(s) }

// Source is a URL on which a provider's webhooks arrive. They are verified, stored as
// messages of the source's internal application, and delivered to its endpoints.
type Source struct {
	ID          SourceID
	Environment EnvironmentID
	UID         string // unique in the environment; "" for none
	Name        string
	// Type is the name of a provider (webhook.Presets), "generic-webhook", "cron" or "poll".
	Type     string
	Config   SourceConfig
	Settings SourceSettings
	Metadata map[string]string
	// Tokens are the last parts of the source's URL: the current one first, then those
	// that were rotated out and still work.
	Tokens    []SourceToken
	CreatedAt time.Time
	UpdatedAt time.Time
}

// The types of source that are no provider.
const (
	GenericSource = "generic-webhook"
	CronSource    = "cron"
	PollSource    = "poll"
)

// Fetches reports whether the source makes its messages itself and so has no URL.
func (s *Source) Fetches() bool { return s.Type == CronSource || s.Type == PollSource }

// SourceConfig is what the provider's scheme needs. It never prints itself.
type SourceConfig struct {
	// Secrets are what the provider signs with or sends; any of them may match.
	Secrets []string `json:"secrets,omitempty"`
	// Values are the other settings of the scheme by name (webhook.Preset.Settings).
	Values map[string]string `json:"values,omitempty"`
}

// String hides the secrets from logs and error texts.
func (SourceConfig) String() string { return "[config]" }

// GoString hides the secrets from %#v.
func (SourceConfig) GoString() string { return "[config]" }

// LogValue hides the secrets from slog.
func (SourceConfig) LogValue() slog.Value { return slog.StringValue("[config]") }

// SourceToken is the secret part of a source's URL. It never prints itself.
type SourceToken struct {
	Text string `json:"text"`
	// ExpiresAt ends the overlap of a token that was rotated out; zero for the current one.
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
}

// String hides the token from logs and error texts.
func (SourceToken) String() string { return "[token]" }

// GoString hides the token from %#v.
func (SourceToken) GoString() string { return "[token]" }

// LogValue hides the token from slog.
func (SourceToken) LogValue() slog.Value { return slog.StringValue("[token]") }

// SourceSettings are an owner's choices beyond the contract. The zero value is what a
// new source has; each zero field means the default that it names.
type SourceSettings struct {
	// PublicURL is the source's URL as the provider knows it, for providers that sign
	// it. "" means the server's public URL with the source's path.
	PublicURL string `json:"publicUrl,omitempty"`
	// Methods that are webhooks; nil means those of the provider.
	Methods []string `json:"methods,omitempty"`
	// Answer is what a webhook is answered with once it is stored.
	Answer SourceAnswer `json:"answer,omitzero"`
	// FailureStatus answers a failed verification: 401 or 400; 0 means 401.
	FailureStatus int `json:"failureStatus,omitempty"`
	// Tolerance is how far a signed time may lie from now; 0 means the provider's own.
	Tolerance time.Duration `json:"tolerance,omitempty"`
	Dedupe    DedupeRule    `json:"dedupe,omitzero"`
	// MaxBodyBytes: more is refused with 413; 0 means DefaultSourceBody.
	MaxBodyBytes int `json:"maxBodyBytes,omitempty"`
	// RatePerMinute and RatePerHour bound webhooks; beyond is 429 with Retry-After. 0 means no bound.
	RatePerMinute int `json:"ratePerMinute,omitempty"`
	RatePerHour   int `json:"ratePerHour,omitempty"`
	// Networks are where requests may come from; nil means anywhere.
	Networks []netip.Prefix `json:"networks,omitempty"`
	Forward  ForwardRule    `json:"forward,omitzero"`
	// Split stores each event of a batch as a message of its own.
	Split    bool           `json:"split,omitempty"`
	Validate ValidationRule `json:"validate,omitzero"`
	Stale    StaleRule      `json:"stale,omitzero"`
	Pass     PassRule       `json:"pass,omitzero"`
	// PublishTo is an application that gets each webhook as a message, too; 0 for none.
	PublishTo ApplicationID `json:"publishTo,omitempty"`
}

// SourceAnswer is a chosen answer. Zero fields mean the provider's default: status 200,
// no headers, no body, unless the provider wants something else.
type SourceAnswer struct {
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"`
}

// DedupeBy says what makes two requests the same webhook.
type DedupeBy string

// The rules.
const (
	// DedupeByProvider takes the provider's delivery id; where it has none, method, path
	// suffix, query and body, unless the provider says different things in the same words.
	DedupeByProvider DedupeBy = ""
	DedupeByBody     DedupeBy = "body"   // the value at DedupeRule.Name, a path such as data.id
	DedupeByHeader   DedupeBy = "header" // the value of header DedupeRule.Name
	DedupeByHash     DedupeBy = "hash"   // SHA-256 of method, path suffix, query and body
	DedupeOff        DedupeBy = "off"
)

// DedupeRule is how duplicates are found.
type DedupeRule struct {
	By   DedupeBy `json:"by,omitempty"`
	Name string   `json:"name,omitempty"`
	// Window is how long an id is remembered; 0 means as long as the provider retries, and at least a day.
	Window time.Duration `json:"window,omitempty"`
}

// ForwardRule is what of the request the services behind get, beside the body and its
// type. Headers of the connection, and those in which providers send secrets, are never
// forwarded unless Headers names them.
type ForwardRule struct {
	// Headers to forward, by name; nil means all that are harmless.
	Headers []string `json:"headers,omitempty"`
	// NoHeaders, NoMethod, NoPath and NoQuery leave that part out.
	NoHeaders bool `json:"noHeaders,omitempty"`
	NoMethod  bool `json:"noMethod,omitempty"`
	NoPath    bool `json:"noPath,omitempty"`
	NoQuery   bool `json:"noQuery,omitempty"`
}

// ValidationRule rejects what a service behind could not read. Zero fields check nothing.
type ValidationRule struct {
	ContentTypes []string `json:"contentTypes,omitempty"` // media types without parameters
	UTF8         bool     `json:"utf8,omitempty"`
	Syntax       string   `json:"syntax,omitempty"` // "json" or "xml": must be well formed
	MaxDepth     int      `json:"maxDepth,omitempty"`
	Schema       string   `json:"schema,omitempty"` // JSON Schema, as JSON text
}

// StaleRule is about events that are much older than the newest one seen.
type StaleRule struct {
	After time.Duration `json:"after,omitempty"` // 0 switches the rule off
	// Drop answers like the first and stores nothing; otherwise the delivery carries
	// x-hookloft-stale: true.
	Drop bool `json:"drop,omitempty"`
}

// PassRule hands the answer of the service behind to the provider.
type PassRule struct {
	Enabled bool `json:"enabled,omitempty"`
	// Deadline is how long to wait for it; then the set answer is given. 0 means DefaultPassDeadline.
	Deadline time.Duration `json:"deadline,omitempty"`
}

// Limits of a source (CONTRACT 1.5 and 3.4).
const (
	DefaultSourceBody   = 5 << 20
	MaxSourceBody       = 25 << 20
	MaxSourceUID        = 60
	DefaultPassDeadline = 2500 * time.Millisecond
	MaxPassDeadline     = 30 * time.Second
	MinDedupeWindow     = time.Minute
	MaxDedupeWindow     = 35 * 24 * time.Hour
	// TokenOverlap is how long a rotated-out URL goes on working.
	TokenOverlap = 48 * time.Hour
	// MaxOldTokens is how many rotated-out URLs may work at once.
	MaxOldTokens = 3
	// MaxSourceSecrets is how many secrets a source may hold at once.
	MaxSourceSecrets = 10
)

var sourceUID = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// Validate checks what a client sets, except what only the provider's scheme and the
// door for webhooks can judge.
func (s *Source) Validate() error {
	if n := utf8.RuneCountInString(s.Name); n < 2 || n > 256 {
		return Fieldf("name", "must have 2 to 256 characters")
	}
	if err := checkText("name", s.Name); err != nil {
		return err
	}
	if s.UID != "" && (len(s.UID) > MaxSourceUID || !sourceUID.MatchString(s.UID) || strings.HasPrefix(s.UID, "src_")) {
		return Fieldf("uid", "must have 1 to %d characters of a-z, A-Z, 0-9, _ and -, and must not begin with src_", MaxSourceUID)
	}
	if len(s.Config.Secrets) > MaxSourceSecrets {
		return Fieldf("config", "must hold at most %d secrets", MaxSourceSecrets)
	}
	return checkMetadata("metadata", s.Metadata)
}

// LiveTokens returns the tokens that work at now, the current one first.
func (s *Source) LiveTokens(now time.Time) []SourceToken {
	return slices.DeleteFunc(slices.Clone(s.Tokens), func(t SourceToken) bool {
		return !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(now)
	})
}

// RotateToken makes next the current token at now; the one before goes on working for
// TokenOverlap. More than MaxOldTokens working old ones are LimitReached; then nothing
// has changed.
func (s *Source) RotateToken(next string, now time.Time) error {
	tokens := []SourceToken{{Text: next}}
	for i, t := range s.LiveTokens(now) {
		if i == 0 {
			t.ExpiresAt = now.Add(TokenOverlap)
		}
		tokens = append(tokens, t)
	}
	if len(tokens)-1 > MaxOldTokens {
		return Errorf(LimitReached, "no more than %d old URLs may work at once; wait until one expires", MaxOldTokens)
	}
	s.Tokens = tokens
	return nil
}

// Inbound is what of a provider's request is kept beside its body, so that the services
// behind get the request that the provider made.
type Inbound struct {
	Provider string `json:"provider"`
	Method   string `json:"method,omitempty"` // "" is POST
	// Path is what followed the token in the source's URL, with its slash, still
	// percent-encoded; Query is the raw query without its question mark.
	Path  string `json:"path,omitempty"`
	Query string `json:"query,omitempty"`
	// Header is the forwarded headers in the order in which they came, name and value by turns.
	Header []string `json:"header,omitempty"`
	// Type is the provider's own word for the event, Message.EventType what became of it.
	Type string `json:"type,omitempty"`
	// DeliveryID is the provider's id of the delivery; "" for none.
	DeliveryID string `json:"deliveryId,omitempty"`
	// Stale says that the event was much older than the newest one seen.
	Stale bool `json:"stale,omitempty"`
}

// EventTypeOf turns a provider's word into the name of an event type: what an event
// type may not hold becomes a full stop ("products/create" is "products.create").
// Without a word it is fallback.
func EventTypeOf(word, fallback string) string {
	if word == "" {
		return fallback
	}
	b := []byte(word[:min(len(word), 256)])
	for i, c := range b {
		if !isWord(c) {
			b[i] = '.'
		}
	}
	return string(b)
}

// Verdict is what became of a request at a source.
type Verdict uint8

// The verdicts.
const (
	Accepted Verdict = iota
	Duplicate
	Handshake
	Rejected
	Verdicts // their number
)

// String returns the verdict as metrics and the API spell it.
func (v Verdict) String() string {
	return nameAt(int(v), "accepted", "duplicate", "handshake", "rejected")
}

// RejectionID names a kept rejection.
type RejectionID Key

// Rejection is a rejected request that was kept as a sample.
type Rejection struct {
	ID     RejectionID
	Source SourceID
	Status int
	// Reason says in words why, without secrets.
	Reason string
	Method string
	Remote string // the sender's address
	// Header has names as they came; values that may be secrets are withheld.
	Header map[string]string
	// Body is at most MaxRejectedBody bytes of it.
	Body          []byte
	BodyTruncated bool
	At            time.Time
}

// Limits of the sample of rejected requests.
const (
	MaxRejectedBody = 16 << 10
	// MaxRejections is how many a source keeps, the newest.
	MaxRejections = 100
)

// SourceCount is how many requests of a source had a verdict in one hour.
type SourceCount struct {
	Source  SourceID
	Hour    time.Time // its beginning, in UTC
	Verdict Verdict
	Reason  string // of rejections: the kind of reason in a few words; "" for others
	N       int64
}
