// Package send makes one attempt: it builds and signs the request, posts it, and
// judges the answer. An endpoint that is an SMTP server gets an e-mail instead (mail.go). A
// webhook that was received goes on as the request that it was (forward.go); an endpoint may
// want another shape of it (shape.go), or change it with code of its owner first
// (transform.go). What comes of it is a hook.Attempt, never an error; what
// follows from it (retry, disable) is decided by others.
//
// Promises:
//
//   - Whatever the receiver does, an attempt ends: one deadline stands over look-up,
//     connect, TLS, request, headers and body, and everything read is bounded.
//   - One attempt is one request. Nothing is re-sent once a byte of a request may
//     have reached a receiver; redirects, challenges, cookies, Alt-Svc and proxy
//     settings are ignored.
//   - A 2xx is final when its header block is complete. A short, late, endless or
//     malformed body is marked, but never makes a failure of it, because a retry
//     would be a duplicate.
//   - Connections are opened by egress alone, which judges every address.
//
// # Why an HTTP client of its own
//
// The hot path is a small POST over a kept connection, thousands of times a second.
// net/http hands each request through two goroutines of the connection, re-sends a
// POST that carries an Idempotency-Key on a dead kept connection without telling,
// canonicalises header names, and reads the body of a 101 answer without regard to
// any time-out. Here the caller's goroutine writes, reads and parses HTTP/1.1 by
// itself (RFC 9112, transport.go, conn.go, answer.go, body.go). Servers that speak
// HTTP/2 only are served by net/http's client connection (http2.go).
package send

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// Options are the knobs of a Sender. The zero value is a good start.
type Options struct {
	// Timeout is the one deadline over a whole attempt, where the endpoint has none of its
	// own. Zero means hook.AttemptTimeout.
	// The look-up and connect limit inside it is egress.Options.ConnectTimeout.
	Timeout time.Duration
	// TLSTimeout bounds the handshake inside Timeout. Zero means 10 s.
	TLSTimeout time.Duration
	// HeaderTimeout bounds the wait for the answer's headers inside Timeout, from the
	// moment the connection is open. Zero means no bound of its own.
	HeaderTimeout time.Duration
	// BodyBudget is how long the answer's body may take after its headers, inside
	// Timeout. Zero means 1 s. A longer one keeps a lane busy for bytes that
	// change nothing.
	BodyBudget time.Duration
	// MaxIdle bounds the kept connections of all receivers, MaxIdlePerHost those of
	// one. Zero means 2048 for both: many endpoints may lie behind one host, and a lower bound
	// makes their lanes dial anew all the time. Each holds a file descriptor and 4 KiB (TLS: 20).
	MaxIdle, MaxIdlePerHost int
	// IdleTimeout is how long a kept connection may wait for its next request. Zero
	// means 30 s, shorter than what common servers allow. Negative keeps none.
	IdleTimeout time.Duration
	// Version follows the slash in the user agent. "" means "dev".
	Version string
	// RootCAs verify receivers' certificates. Nil means the system's.
	RootCAs *x509.CertPool
	// Scripts runs the code of endpoints; with nil, attempts to endpoints that have some fail.
	Scripts Scripts
	// ParseURL judges a URL that a script made, and returns the form in which it is
	// requested (egress.ParseURL). Nil refuses all.
	ParseURL func(raw string, enforceHTTPS bool) (string, error)
	// Tracer makes a span of each request; nil for none.
	Tracer *telemetry.Tracer
	// RefreshTokenRotated saves that a token server has replaced an endpoint's refresh token,
	// and logs where it cannot. Nil: the new one is lost when the process ends.
	RefreshTokenRotated func(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, was, is hook.HiddenText) error
}

func (o Options) withDefaults() Options {
	defaultTo := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	defaultTo(&o.Timeout, hook.AttemptTimeout)
	defaultTo(&o.TLSTimeout, 10*time.Second)
	defaultTo(&o.BodyBudget, time.Second)
	defaultTo(&o.IdleTimeout, 30*time.Second)
	if o.MaxIdle == 0 {
		o.MaxIdle = 2048
	}
	if o.MaxIdlePerHost == 0 {
		o.MaxIdlePerHost = 2048
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.ParseURL == nil {
		o.ParseURL = func(string, bool) (string, error) { return "", errors.New("cannot be changed here") }
	}
	return o
}

// Job is everything that one attempt needs. Nothing in it is changed or kept after
// Send has returned, except that Endpoint is remembered to recognise it next time:
// it must be an immutable snapshot, a new one for every change.
type Job struct {
	Message  *hook.Message
	Endpoint *hook.Endpoint
	Settings *hook.Settings // of the environment
	// WebhookID is the message's public id, the same for every attempt.
	WebhookID string
	// SourceID is the public id of the source that a forwarded webhook came to; "" is not told.
	SourceID string
	Attempt  hook.AttemptID
	N        int
	Trigger  hook.Trigger

	traceparent string // of the request's span, "" where the receiver is not told
	token       string // of OAuth, "" for none
	made        func() // to be called once what a script made is not needed any more; nil for nothing
}

// Sender makes attempts. It may be used by any number of goroutines.
type Sender struct {
	transport *transport
	endpoints *preparedCache
	tokens    *tokens
	scripts   Scripts // nil for none
	parseURL  func(raw string, enforceHTTPS bool) (string, error)
	tracer    *telemetry.Tracer // nil when tracing is off
}

// New returns a Sender whose connections are dialled by d.
func New(d *egress.Dialer, o Options) *Sender {
	o = o.withDefaults()
	return &Sender{
		transport: newTransport(d, o),
		endpoints: newPreparedCache(o.Version, o.Timeout),
		tokens:    newTokens(d, o),
		scripts:   o.Scripts,
		parseURL:  o.ParseURL,
		tracer:    o.Tracer,
	}
}

// Close closes the kept connections. Attempts in flight end as they would, and their
// connections are closed behind them.
func (s *Sender) Close() {
	s.tokens.close()
	s.transport.pool.close()
}

// Send makes one attempt and returns what came of it. When ctx ends first, the
// attempt ends as Failed with ReasonCanceled; the request may have been received.
func (s *Sender) Send(ctx context.Context, job Job) hook.Attempt {
	now := time.Now()
	a := hook.Attempt{
		ID:          job.Attempt,
		Message:     job.Message.ID,
		Application: job.Endpoint.Application,
		Endpoint:    job.Endpoint.ID,
		N:           job.N,
		Trigger:     job.Trigger,
		StartedAt:   now,
		URL:         job.Endpoint.URL,
	}
	if job.Message.Unreadable {
		a.Outcome, a.Reason, a.Error = hook.Unsendable, hook.ReasonStorage, "the message's stored content cannot be read: it was damaged"
		return a
	}
	if !job.Message.HasContent(now) {
		a.Outcome, a.Reason, a.Error = hook.Unsendable, hook.ReasonExpired, "the message's content has expired or was removed"
		return a
	}
	p, err := s.endpoints.get(job.Endpoint, job.Settings, now)
	if err != nil {
		a.Reason, a.Error = hook.ReasonInternal, err.Error()
		if errors.As(err, new(*credentialsError)) {
			a.Outcome, a.Reason = hook.Failed, hook.ReasonCredentials
		}
		return a
	}
	script := job.Endpoint.Script()
	switch {
	case job.Message.Batch != nil:
		err = s.batch(ctx, &job, script, &a, now)
	case script != nil:
		p, err = s.transform(ctx, p, &job, script, &a, now)
	}
	if job.made != nil {
		defer job.made()
	}
	if err != nil {
		a.Took = time.Since(now)
		return a
	}
	if p.credentials != nil && !s.authorize(ctx, p, &job, &a) {
		return a
	}
	var span *telemetry.Span
	if p.mail != nil {
		letter := a // a copy: what escapes there would cost every other attempt an allocation
		s.transport.mail(ctx, p, job, job.Message.Body(), &letter)
		letter.Took = time.Since(now)
		return letter
	}
	if s.tracer != nil {
		ctx, span = s.trace(ctx, p, &job)
	}
	r, why, err := build(p, job, now)
	if err != nil {
		// No request, no span: it is dropped unended.
		a.Outcome, a.Reason, a.Error = hook.Unsendable, why, err.Error()
		if script != nil {
			a.Outcome = hook.Failed // the script's owner may repair it
		}
		return a
	}
	err = s.transport.post(ctx, r, &a)
	r.release()
	judge(&a, job.Endpoint, err)
	if job.token != "" && err == nil {
		s.tokens.judged(job.Endpoint, p.credentials.OAuth2, job.token, a.Status == http.StatusUnauthorized)
	}
	if job.isForward() {
		explain(&a)
	}
	a.Took = time.Since(now)
	span.Exchanged(a.Status, a.Reason.String(), a.RemoteAddr)
	return a
}

// trace begins the span of a job's request, and has the request name it where the
// environment wants that.
func (s *Sender) trace(ctx context.Context, p *prepared, job *Job) (context.Context, *telemetry.Span) {
	method := http.MethodPost
	switch {
	case job.isForward():
		method = job.Message.Inbound.Method
	case p.shaped:
		method = job.Endpoint.Shape.Method
	}
	ctx, span := s.tracer.Exchange(ctx, method, p.target.tls, p.target.host, p.target.port, job.N-1)
	if job.Settings.SendTraceparent && !p.own[traceparent] {
		job.traceparent = span.Traceparent()
	}
	return ctx, span
}

// traceparent is the plain name of the header of W3C Trace Context.
const traceparent = "traceparent"

// build makes the request of a job at now. It must be released after use. An error says in
// words that no attempt can ever be made, why its class.
func build(p *prepared, job Job, now time.Time) (r *request, why hook.Reason, err error) {
	switch {
	case job.isForward():
		r, err = newForward(p, job, now)
		return r, hook.ReasonInternal, err
	case p.shaped:
		r, err = newShaped(p, job, now)
		return r, hook.ReasonTransformError, err
	}
	return newRequest(p, job, now), hook.ReasonNone, nil
}
