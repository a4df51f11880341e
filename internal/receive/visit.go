package receive

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/webhook"
)

// visit is one request at a source, on its way through the door.
type visit struct {
	*Receiver
	w      http.ResponseWriter
	req    *http.Request
	at     time.Time
	to     address
	source *hook.Source
	place  *place
	gate   *gate

	body []byte
	hold *hold // of the budget; nil before a body is read
	// handed is a secret that the request carried; it must not be shown.
	handed string
}

// place is what is remembered of a source between requests.
type place struct {
	gate atomic.Pointer[gate]

	mu      sync.Mutex
	rates   rates
	newest  time.Time // of the events seen; never ahead of the clock
	nonces  nonces
	samples sampler
}

// receive takes the request through all steps and answers it, unless it returns why not.
func (v *visit) receive(ctx context.Context) *refusal {
	if refused := v.admit(); refused != nil {
		return refused
	}
	if refused := v.read(ctx); refused != nil {
		return refused
	}
	request := webhook.Request{Method: v.req.Method, URL: v.url(), Header: v.req.Header, Body: v.body}
	if answer, refused := v.handshake(ctx, request); answer != nil || refused != nil {
		if refused == nil {
			v.count(hook.Handshake)
			writeAnswer(v.w, answer)
		}
		return refused
	}
	if !v.gate.takes(v.req.Method) {
		return v.wrongMethod()
	}
	verified, refused := v.verify(request)
	if refused != nil {
		return refused
	}
	if refused := v.checkNonce(&verified); refused != nil {
		return refused
	}
	if refused := v.validate(ctx); refused != nil {
		return refused
	}
	events, refused := v.events(&verified)
	if refused != nil {
		return refused
	}
	return v.keep(ctx, events)
}

// admit judges what needs no body.
func (v *visit) admit() *refusal {
	s := &v.source.Settings
	if s.Networks != nil {
		addr := v.ClientAddr(v.req)
		if !slices.ContainsFunc(s.Networks, contains(addr)) {
			return &refusal{
				status: http.StatusForbidden, code: "forbidden", detail: "Requests from this address are not accepted.",
				kind: "network not allowed", reason: "the sender's address " + addr.String() + " is in none of the allowed networks",
			}
		}
	}
	if wait := v.place.take(s.RatePerMinute, s.RatePerHour, v.at); wait > 0 {
		return &refusal{
			status: http.StatusTooManyRequests, code: "rate_limited", detail: "Too many requests came in a short time.",
			kind: "rate limit", retryAfter: wait,
		}
	}
	if !v.gate.takes(v.req.Method) && !v.gate.shakesHandsWith(v.req.Method) {
		return v.wrongMethod()
	}
	return v.to.check()
}

func (v *visit) wrongMethod() *refusal {
	return &refusal{
		status: http.StatusMethodNotAllowed, code: "method_not_allowed", detail: "This URL takes " + v.gate.allow + ".",
		kind: "method not allowed", reason: "the method " + clip(v.req.Method, 32) + " is not one of " + v.gate.allow, allow: v.gate.allow,
	}
}

// validate judges a genuine webhook by the owner's rules. A schema takes a body apart into
// some ten times its memory, so that large ones take turns.
func (v *visit) validate(ctx context.Context) *refusal {
	if v.gate.rules.schema != nil && len(v.body) > largeDocument {
		select {
		case v.large <- struct{}{}:
			defer func() { <-v.large }()
		case <-ctx.Done():
			return unavailable("the provider hung up before the webhook was stored", "hung up")
		}
	}
	return v.gate.rules.check(v.req.Header.Get("Content-Type"), v.body)
}

// largeDocument is from how many bytes documents are validated one at a time.
const largeDocument = 256 << 10

// verify proves that the provider made the request.
func (v *visit) verify(r webhook.Request) (webhook.Verified, *refusal) {
	if v.gate.verifier == nil {
		return webhook.Verified{}, v.unverified(errNoSecret)
	}
	verified, err := v.gate.verifier.Verify(r, v.at)
	if err != nil {
		return webhook.Verified{}, v.unverified(err)
	}
	return verified, nil
}

var (
	errNoSecret = errors.New("the source has no secret yet")
	errBroken   = errors.New("the source's config is not usable")
)

// unverified turns an error of a verifier into an answer. Only constant words are sent.
// That a source has no secret, or none that can be used, looks like a wrong signature from outside.
func (v *visit) unverified(err error) *refusal {
	status := v.source.Settings.FailureStatus
	if status == 0 {
		status = http.StatusUnauthorized
	}
	out := &refusal{status: status, code: "unauthorized", kind: "not verified", reason: trimmed(err)}
	if status == http.StatusBadRequest {
		out.code = "bad_request"
	}
	reason := webhook.ErrNoMatch
	if errors.As(err, &reason) {
		out.kind = trimmed(reason)
	}
	switch {
	case reason == webhook.ErrNoKey:
		out = unavailable(trimmed(err), trimmed(reason))
		out.detail = "The webhook could not be verified just now; send it again."
		return out
	case err == errBroken:
		out.kind = err.Error()
		reason = webhook.ErrNoMatch
	case err == errNoSecret, reason == webhook.ErrNoSecret:
		out.kind, out.reason = errNoSecret.Error(), errNoSecret.Error()
		reason = webhook.ErrNoMatch
	}
	out.detail = trimmed(reason)
	if v.gate.preset.Bare {
		out.answer = func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "0")
			w.WriteHeader(out.status)
		}
	}
	return out
}

// trimmed is an error's text without the name of the package.
func trimmed(err error) string { return strings.ReplaceAll(err.Error(), "webhook: ", "") }

// refuse answers and accounts for a request that is not accepted.
func (v *visit) refuse(r *refusal) {
	v.count(hook.Rejected)
	v.visits.count(hook.SourceCount{Source: v.source.ID, Hour: v.at, Verdict: hook.Rejected, Reason: r.kind, N: 1})
	v.sample(r)
	if r.closes && v.req.ProtoMajor == 1 {
		v.w.Header().Set("Connection", "close")
	} else if v.body == nil {
		closeUnread(v.w, v.req)
	}
	writeRefusal(v.w, r)
}

// count gives the request its verdict. Rejections have a reason besides (refuse).
func (v *visit) count(verdict hook.Verdict) {
	v.gate.counters[verdict].Inc()
	if verdict != hook.Rejected {
		v.visits.count(hook.SourceCount{Source: v.source.ID, Hour: v.at, Verdict: verdict, N: 1})
	}
}

func clip(s string, n int) string { return s[:min(len(s), n)] }
