package telemetry

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// The names of attributes follow the stable part of the semantic conventions for HTTP
// (opentelemetry.io/docs/specs/semconv/http/http-spans). What is left out on purpose: the
// query, which may hold a token, and url.full and url.path, because the path of a
// webhook's URL is a secret at many receivers and at our own sources.

// Request begins the span of an API request at a route, as a child of the span that the
// request's header traceparent names. The request that is returned carries it.
func (t *Tracer) Request(r *http.Request, route string) (*http.Request, *Span) {
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	return t.serve(ctx, r, route)
}

// PublicRequest is Request for a request of strangers, who have no say in what is sampled
// here: its span is a new root, with a link to the one that the header names.
func (t *Tracer) PublicRequest(r *http.Request, route string) (*http.Request, *Span) {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header))
	var o []trace.SpanStartOption
	if c := trace.SpanContextFromContext(ctx); c.IsValid() {
		o = append(o, trace.WithLinks(trace.Link{SpanContext: c}))
	}
	return t.serve(r.Context(), r, route, o...)
}

func (t *Tracer) serve(ctx context.Context, r *http.Request, route string, o ...trace.SpanStartOption) (*http.Request, *Span) {
	scheme, method := "http", knownMethod(r.Method)
	if r.TLS != nil {
		scheme = "https"
	}
	o = append(o, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", method),
		attribute.String("http.route", route),
		attribute.String("url.scheme", scheme),
	))
	ctx, s := t.t.Start(ctx, method+" "+route, o...) //nolint:spancheck // whoever called ends it
	return r.WithContext(ctx), newSpan(s)            //nolint:spancheck // as above
}

// Answered ends the span of a request that was answered with status; 0 for a connection
// that went on without an answer.
func (s *Span) Answered(status int) {
	if s == nil {
		return
	}
	if s.open && status != 0 {
		s.s.SetAttributes(attribute.Int("http.response.status_code", status))
	}
	if s.open && status >= 500 { // what a client did wrong is no error of the server
		s.fail(strconv.Itoa(status))
	}
	s.s.End()
}

// Exchange begins the span of one HTTP request to a receiver: method, whether over TLS,
// host without brackets, port, and how many requests for the same webhook there were before.
func (t *Tracer) Exchange(ctx context.Context, method string, tls bool, host string, port uint16, resends int) (context.Context, *Span) {
	scheme := "http"
	if tls {
		scheme = "https"
	}
	attributes := []attribute.KeyValue{
		attribute.String("http.request.method", knownMethod(method)),
		attribute.String("server.address", host),
		attribute.Int("server.port", int(port)),
		attribute.String("url.scheme", scheme),
	}
	if resends > 0 {
		attributes = append(attributes, attribute.Int("http.request.resend_count", resends))
	}
	ctx, s := t.t.Start(ctx, knownMethod(method), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...)) //nolint:spancheck // whoever called ends it
	return ctx, newSpan(s)                                                                                                       //nolint:spancheck // as above
}

// Exchanged ends the span of a request to a receiver. status is 0 when there was no
// answer, and reason then says why in one word. peer is the address that was called, ""
// for none.
func (s *Span) Exchanged(status int, reason, peer string) {
	if s == nil {
		return
	}
	if s.open {
		if addr, err := netip.ParseAddrPort(peer); err == nil {
			s.s.SetAttributes(attribute.String("network.peer.address", addr.Addr().String()), attribute.Int("network.peer.port", int(addr.Port())))
		}
		if status != 0 {
			s.s.SetAttributes(attribute.Int("http.response.status_code", status))
		}
		switch {
		case status >= 400:
			s.fail(strconv.Itoa(status))
		case status == 0:
			s.fail(reason)
		}
	}
	s.s.End()
}

// knownMethod keeps the names of spans a short list, whatever a client calls its method.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	case "":
		return http.MethodPost
	}
	return "_OTHER"
}
