// Package webhook signs webhooks, verifies them and receives them, for the
// sender that has an event to announce and for the service that gets it.
// It follows Standard Webhooks 1.0.0 (github.com/standard-webhooks), which is
// also what Svix-compatible senders speak, knows how some seventy providers sign,
// from Stripe to WordPress, and needs only the standard library.
//
// A receiver is three lines:
//
//	keys, err := webhook.ParseKeys(os.Getenv("WEBHOOK_SECRET"))
//	verifier, err := webhook.NewStandard(keys, webhook.StandardOptions{})
//	http.Handle("/webhooks", webhook.NewHandler(verifier, handle, webhook.HandlerOptions{}))
//
// where handle is a func(context.Context, webhook.Message) error. It sees only
// genuine, fresh messages, with the body byte for byte as it was signed, and
// each message once, as far as the Seen in use can remember.
//
// A sender makes a [Signer] from the endpoint's secrets and lets it set the
// three headers of each attempt.
//
// # Providers
//
// For a provider with a scheme of its own, only the verifier is another:
//
//	verifier, err := webhook.Provider("stripe", webhook.Config{Secrets: []string{os.Getenv("STRIPE_SECRET")}})
//
// Each provider's preset ([FindPreset], [Presets]) says what its secret is, which
// settings there are beside it, how long it waits, how often it tries again, and how
// sure all of this is. What the verifier finds out beside genuineness is in [Verified]:
// the delivery's id, the provider's word for what happened and when, and the single
// events of a batch. "generic" is for every other sender; its settings describe the scheme.
//
// Some providers sign nothing (Zapier, Mailchimp, Papertrail, WordPress.com). For them a
// secret in the URL or in a header is checked. To trust whoever knows the URL is a
// setting that must be given (Preset.SecretURL); leaving the secret out is an error.
//
// Many providers check a URL before they use it. The [Handler] answers these handshakes
// too; see HandlerOptions.OnHandshake for the few that hand over a secret with it. Those
// that publish their keys (PayPal, SNS, Pub/Sub, Plaid) need a [KeySource] in the Config
// to fetch them with, or the key itself as a setting.
//
// What is signed is often less than one would think: without a signed time, a captured
// request can be sent again at any time, and only the memory of its id ([Seen]) keeps it
// out; with a token, nothing in the request is protected at all.
//
// # What is promised
//
//   - What is verified is the raw body. Nothing is parsed before it is trusted.
//   - [Verifier] and [Signer] are pure: the caller gives the time, nothing is
//     remembered. Both may be used by any number of goroutines at once.
//   - Signatures are compared in constant time.
//   - Secrets do not print: fmt and log/slog show them as "[redacted]". Only
//     [Secret.Reveal] gives the text.
//   - Input from outside is refused with an error that wraps an [Error] and
//     does not repeat the input. It never panics.
package webhook

import (
	"net/http"
	"time"
)

// The headers of Standard Webhooks, in the canonical form of net/http.
const (
	HeaderID        = "Webhook-Id"        // the message's id, the same on every retry
	HeaderTimestamp = "Webhook-Timestamp" // Unix seconds of this attempt
	HeaderSignature = "Webhook-Signature" // space-separated list of "version,base64"
)

// The same three under the names that Svix and compatible senders use.
const (
	SvixHeaderID        = "Svix-Id"
	SvixHeaderTimestamp = "Svix-Timestamp"
	SvixHeaderSignature = "Svix-Signature"
)

// A Verifier says whether a request comes from whom it says it comes from.
// There is one for each way of signing; [Standard] is that of Standard Webhooks.
//
// Verify is pure and safe for concurrent use. It does not keep or change r. Its
// errors wrap an [Error] and hold neither secrets nor text of the request, so
// that they may be logged and shown.
type Verifier interface {
	Verify(r Request, now time.Time) (Verified, error)
}

// A Request is what a sender may have signed. Standard Webhooks needs Header and
// Body; other providers also sign the method or the URL.
type Request struct {
	Method string
	// URL is the absolute URL that the sender posted to, as the sender knows it:
	// before a proxy rewrote host, scheme or path.
	URL string
	// Header has canonical keys, as net/http makes them.
	Header http.Header
	// Body is every byte of the body, before any decoding.
	Body []byte
}

// Verified is what is known about a message once its signature is right.
type Verified struct {
	// ID is the same each time the sender sends this message, and, where Key is empty,
	// different for every other message of this sender (but see Preset.IDShared). Empty
	// if the verifier cannot tell messages apart; duplicates then pass.
	ID string
	// Key tells messages apart where the sender's ids do not, and is the same each time the
	// sender sends this message: opaque text of up to 64 characters by which to know
	// duplicates instead of ID. Empty where ID is enough.
	Key string
	// Timestamp is the signed time of this attempt; zero if none is signed.
	Timestamp time.Time
	// Type is the sender's own word for what happened; "" if it is not known.
	Type string
	// Time is when it happened, as the sender says; zero if it does not.
	Time time.Time
	// Events are those of a batch, in order; nil for a sender that sends one at a time.
	Events []Event
	// Nonce is text that is signed in place of the body and is new in every request; "" where
	// the body is signed. Whoever sees one request can put another body under its
	// signature, until it is too old, unless the receiver refuses a Nonce that it has seen
	// with another body, as a [Handler] does.
	Nonce string
}

// Event is one of several in a request.
type Event struct {
	ID   string // like Verified.ID; "" if it has none
	Key  string // like Verified.Key; "" where ID is enough
	Type string
	Time time.Time
	// Body is the event's part of the body, byte for byte.
	Body []byte
}

// An Error is a reason for refusing a key or a request. The reasons are
// constants, for errors.Is.
type Error string

// The reasons. A request that fails with one of the first three was not built
// by a webhook sender (400 Bad Request); the others are a matter of trust (401).
const (
	ErrMissingHeader   Error = "a signature header is missing or empty"
	ErrDuplicateHeader Error = "a signature header is given more than once"
	ErrMalformedHeader Error = "a signature header is malformed"

	ErrTimestampTooOld Error = "the timestamp is too old"
	ErrTimestampTooNew Error = "the timestamp is too far in the future"
	ErrNoMatch         Error = "no signature matches"
	// ErrNoSecret refuses everything as long as the provider has not handed over its secret (Preset.SecretOptional).
	ErrNoSecret Error = "no secret is known yet"
	// ErrNoKey is not about the request: a key that the sender publishes could not be had. It may come again (503).
	ErrNoKey Error = "the sender's key could not be had"

	// ErrInvalidKey is about a secret or public key, not about a request.
	ErrInvalidKey Error = "the key is not usable"
	// ErrUnknownProvider and ErrInvalidSetting are about a configuration.
	ErrUnknownProvider Error = "there is no such provider"
	ErrInvalidSetting  Error = "a setting is not usable"
)

func (e Error) Error() string { return "webhook: " + string(e) }
