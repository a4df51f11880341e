package receive

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
	"github.com/hookloft/hookloft/webhook"
)

// maxVisits bounds the visits to providers under way at once.
const maxVisits = 8

// handshake answers a request with which the provider checks the URL. Both results are
// nil for any other request.
func (v *visit) handshake(ctx context.Context, r webhook.Request) (*webhook.Answer, *refusal) {
	if v.gate.verifier == nil || v.gate.preset.Handshake == "" {
		return nil, nil
	}
	a, err := v.gate.verifier.Handshake(r, v.at)
	if err != nil {
		refused := v.unverified(err)
		refused.reason = "the handshake is not genuine: " + refused.words()
		return nil, refused
	}
	if a == nil {
		return nil, nil
	}
	v.handed = a.Secret
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	if a.Refused != "" {
		return nil, &refusal{status: a.Status, kind: "handshake refused", reason: a.Refused, answer: func(w http.ResponseWriter) { writeAnswer(w, a) }}
	}
	if a.Secret != "" {
		if refused := v.adopt(ctx, a.Secret); refused != nil {
			return nil, refused
		}
	}
	if a.Visit != "" {
		if refused := v.visitProvider(ctx, a.Visit); refused != nil {
			return nil, refused
		}
	}
	return a, nil
}

// errHasSecret keeps a second handshake from replacing the secret of the first.
var errHasSecret = errors.New("the source has a secret already")

// adopt keeps the secret that a provider has handed over, durably, before the provider
// hears that it was taken. The first one wins: who knows the URL could otherwise put his
// own in its place. The same one again is answered again.
func (v *visit) adopt(ctx context.Context, secret string) *refusal {
	_, err := v.Sources.UpdateSource(ctx, v.source.ID, nil, func(s *hook.Source) error {
		for _, held := range s.Config.Secrets {
			if subtle.ConstantTimeCompare([]byte(held), []byte(secret)) == 1 {
				return errSameSecret
			}
		}
		if len(s.Config.Secrets) > 0 {
			return errHasSecret
		}
		s.Config.Secrets = []string{secret}
		s.UpdatedAt = v.at
		return nil
	})
	switch {
	case err == nil, errors.Is(err, errSameSecret):
		return nil
	case errors.Is(err, errHasSecret):
		refused := v.unverified(webhook.ErrNoMatch)
		refused.kind, refused.reason = "handshake refused", "the provider hands over a secret, but the source has another one already; remove that first"
		return refused
	}
	v.log.Error("keep handed-over secret", telemetry.KeyError, err)
	return unavailable("the secret that the provider handed over could not be kept", "not stored")
}

var errSameSecret = errors.New("the source has this secret already")

// visitProvider fetches the URL with which the handshake ends, before the answer: a
// provider that is told no comes again, one that was told yes does not.
func (v *visit) visitProvider(ctx context.Context, url string) *refusal {
	if v.Visit == nil {
		return unavailable("the provider's confirmation URL cannot be visited by this server", "confirmation failed")
	}
	select {
	case v.visiting <- struct{}{}:
		defer func() { <-v.visiting }()
	default:
		return unavailable("too many confirmation URLs are being visited at once", "confirmation failed")
	}
	ctx, cancel := context.WithTimeout(ctx, v.o.VisitTimeout)
	defer cancel()
	if err := v.Visit(ctx, url); err != nil {
		// The error may hold the URL, whose query is a token.
		v.log.Warn("confirmation URL of a handshake", "source", v.publicID())
		return unavailable("the provider's confirmation URL could not be visited", "confirmation failed")
	}
	return nil
}

// publicID names the source in logs.
func (v *visit) publicID() string { return v.Sources.Codec().Source(v.source.Environment, v.source.ID) }

func writeAnswer(w http.ResponseWriter, a *webhook.Answer) {
	h := w.Header()
	for name, values := range a.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the provider has hung up when this fails
}
