// Package httpapi is the HTTP API: it reads a request, calls one thing, and writes
// the answer. It holds no rule of the business; those are in hook, publish and the
// store.
//
// Every operation stands in one list (routes.go), with who may call it, what it takes
// and what it answers. From that list come the router, the access checks, the served
// OpenAPI document and the tests that prove role by route. An operation of the public
// contract that is not served answers 501 (contract.go), an unknown path 404, a wrong
// method 405, all of them as JSON.
//
// Promises: a success of an operation that changes something means that the change is
// durable. Another tenant's id and an unknown id are the same 404. A POST with an
// Idempotency-Key that was answered with success is answered the same way again. A
// payload is never decoded and written anew: the bytes of the request are the bytes
// that are stored and shown. Bad input is a 4xx, never a 5xx.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/publish"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// Publisher accepts messages; *publish.Publisher is one.
type Publisher interface {
	Publish(ctx context.Context, r publish.Request) (publish.Result, error)
	// CheckPayload compares a payload with the schema of its event type where that is checked.
	CheckPayload(ctx context.Context, env hook.EnvironmentID, eventType string, payload []byte) error
}

// Replayer makes further attempts of stored messages due, or ends what waits; a store is one.
type Replayer interface {
	Replay(ctx context.Context, r *store.Replay) (int, error)
	Cancel(ctx context.Context, c store.Cancellation) (int, error)
	// Claim is used to look at what waits; it takes nothing away.
	Claim(ctx context.Context, app hook.ApplicationID, endpoint hook.EndpointID, now time.Time, limit int, taken map[store.DueKey]bool) (due []store.Due, next time.Time, err error)
}

// Recorder counts requests. It is called once for each, on the hot path.
type Recorder interface {
	Request(route, method string, status int, took time.Duration)
}

// Deps are what the API works with. All are needed but those that say so, Metrics
// and Log.
type Deps struct {
	Catalog   store.Catalog
	Accounts  store.Accounts
	History   store.History
	Ledger    Replayer
	Publisher Publisher
	Hasher    *auth.Hasher
	// JWT verifies tokens of the open-source server; nil where they are not accepted.
	JWT *auth.JWTVerifier
	// CheckURL judges an endpoint's URL without any look-up and returns its normal
	// form. The error's text is shown to the caller.
	CheckURL func(raw string, enforceHTTPS bool) (string, error)
	// CheckMailURL is CheckURL for the URL of an SMTP server (egress.ParseMailURL).
	CheckMailURL func(raw string) (string, error)
	// CheckProxy judges the URL of a proxy likewise.
	CheckProxy func(raw string) (string, error)
	// Scripts runs and checks the code of transformations.
	Scripts Scripts
	// NewSecret returns a new signing secret of a kind in its text form (whsec_..., whsk_...).
	NewSecret func(hook.SignatureType) string
	// ParseSecret checks a secret that a caller chose and returns its normal form. Its
	// error must not repeat the secret; it is shown to the caller.
	ParseSecret func(text string) (string, error)
	// PublicSecret returns what a receiver needs to verify: a symmetric secret as it
	// is, the public half (whpk_...) of an asymmetric one.
	PublicSecret func(text string) (string, error)
	// CheckSource judges a source's type, config and settings. A broken rule is a
	// hook.FieldError, whose path begins with "type", "config" or the name of a setting,
	// and whose text repeats no secret. It looks nothing up. Nil: sources cannot be made
	// or changed.
	CheckSource func(*hook.Source) error
	// SourceChanged is told of each source that was made, changed or deleted, once that
	// is durable. Nil for nobody.
	SourceChanged func(*hook.Source)
	// Listening knows who listens; it must be told of commits. Nil: messages are noticed
	// with some seconds of delay.
	Listening *ListenHub
	// Forward returns what of a received message goes on to those who listen: the place of
	// the request and its headers. The source's public id is told along. Nil: the messages of
	// sources cannot be listened to.
	Forward func(m *hook.Message, sourceID string) (api.ListenRequest, [][2]string, error)
	// Polling is what polling endpoints have for those who fetch, and Feeds knows who waits
	// for it; it must be told of what lanes hand over.
	Polling store.Feeds
	Feeds   *FeedHub
	// Consents asks receivers whether they agree to be sent to; nil where nobody does.
	Consents Consents
	// Tasks runs background tasks.
	Tasks Tasks

	// Sums are what statistics are read from.
	Sums Sums
	// Issues are what endpoints fail at.
	Issues store.Issues
	// Search finds things by id and counts them.
	Search store.Search
	// Lanes knows what is in memory.
	Lanes Lanes
	// SentHeaders makes the headers of an attempt again.
	SentHeaders SentHeaders
	// MakeRequest makes the request of an attempt, signed for that time, and sends nothing.
	MakeRequest MakeRequest
	// Tail hands out what happens; whoever makes it closes it when the server drains.
	Tail *Tail
	// System knows the installation; nil where its operations are not served.
	System  System
	Metrics Recorder
	// Tracer makes a span of each call; nil for none.
	Tracer *telemetry.Tracer
	Log    *slog.Logger
}

// Options are the knobs of the API. The zero value is a good start.
type Options struct {
	// MaxPayloadBytes bounds a message's payload. Zero means 1 MiB. The body may be
	// 64 KiB longer, for what stands around the payload.
	MaxPayloadBytes int
	// MaxBodyBytes bounds every other request body. Zero means 1 MiB.
	MaxBodyBytes int
	// FindTime is how long one search by what no index knows may look before it says how far it
	// came. Zero means 120 ms.
	FindTime time.Duration
	// RatePerSecond is how many requests a token may make per second, with a burst of
	// the same size; beyond it is 429. Zero means no limit.
	RatePerSecond float64
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// SourceAddresses are what endpoints may choose from to leave from.
	SourceAddresses []netip.Addr
	// PublicURL is where the server is reached from outside, for login links and the URLs
	// of sources. Empty means http://localhost:8071.
	PublicURL string
	// Version is shown in the served document.
	Version string
	// Ready reports whether the server can take messages; nil error for ready. Nil means always.
	Ready func(ctx context.Context) error
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

const (
	defaultMaxPayloadBytes = 1 << 20
	defaultMaxBodyBytes    = 1 << 20
	defaultFindTime        = 120 * time.Millisecond
	// envelopeBytes is how much longer than its payload the body of a message may be.
	envelopeBytes = 64 << 10
)

type server struct {
	Deps
	o         Options
	routes    []route
	mux       *chi.Mux
	document  []byte // of the contract's operations
	own       []byte // of those below /x/v1
	limits    *rateLimits
	guesses   *guessLimits
	inflight  *keyLocks
	previews  *previews
	jwts      *jwts
	signIns   *signInLimits
	passwords *auth.Passwords
	roles     map[hook.Role][]hook.Scope // what each is covered by; nil for everything
	scopes    []hook.Scope               // that operations need
}

// New returns the API as a handler. It serves the paths of the route list, all of
// which begin with /api/v1, /ingest/api/v1 or /x/v1.
func New(d Deps, o Options) (http.Handler, error) {
	if o.MaxPayloadBytes == 0 {
		o.MaxPayloadBytes = defaultMaxPayloadBytes
	}
	if o.MaxBodyBytes == 0 {
		o.MaxBodyBytes = defaultMaxBodyBytes
	}
	if o.FindTime == 0 {
		o.FindTime = defaultFindTime
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.PublicURL == "" {
		o.PublicURL = "http://localhost:8071"
	}
	if d.Log == nil {
		d.Log = telemetry.Discard()
	}
	if d.Listening == nil {
		d.Listening = NewListenHub(0)
	}
	if d.Feeds == nil {
		d.Feeds = NewFeedHub()
	}
	s := &server{
		Deps: d, o: o, routes: routes(), mux: chi.NewMux(),
		limits: newRateLimits(o.RatePerSecond), guesses: newGuessLimits(), inflight: newKeyLocks(), previews: newPreviews(), jwts: newJWTs(),
		signIns: newSignInLimits(), passwords: auth.NewPasswords(),
	}
	s.scopes = knownScopes(s.routes)
	s.roles = roleScopes(s.scopes)
	var err error
	if s.document, s.own, err = documents(s.routes, o.Version); err != nil {
		return nil, err
	}
	for i := range s.routes {
		rt := &s.routes[i]
		s.mux.Method(rt.method, rt.path, s.serve(rt))
		if rt.method == http.MethodGet {
			s.mux.Method(http.MethodHead, rt.path, s.serve(rt))
		}
	}
	for _, o := range unserved(s.routes) {
		s.mux.Method(o.method, o.path, s.serve(&route{method: o.method, path: o.path, access: open, handler: (*server).notImplemented}))
	}
	s.mux.NotFound(s.serve(&route{path: "unknown", access: open, handler: (*server).unknownRoute}))
	s.mux.MethodNotAllowed(s.serve(&route{path: "unknown", access: open, handler: (*server).wrongMethod}))
	return s, nil
}

// now returns the time that is stored and shown: UTC, to the millisecond.
func (s *server) now() time.Time { return s.o.Now().UTC().Truncate(time.Millisecond) }
