package telemetry

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Tracer begins spans. A nil Tracer stands for tracing that is off: who holds one asks
// for nil before anything else, so that an attempt or a request spends nothing on it.
type Tracer struct{ t trace.Tracer }

// NewTracer returns a Tracer whose spans go to p.
func NewTracer(p trace.TracerProvider) *Tracer {
	return &Tracer{t: p.Tracer("github.com/hookloft/hookloft")}
}

// Span is a piece of work that is being measured. All methods may be called on nil,
// which is a span that nobody wants. It belongs to one goroutine.
type Span struct {
	s trace.Span
	// open is false when nobody will see what the span holds.
	open bool
}

func newSpan(s trace.Span) *Span { return &Span{s: s, open: s.IsRecording()} }

// IsRecording reports whether anything that is put into the span will be seen.
func (s *Span) IsRecording() bool { return s != nil && s.open }

// Text puts a value into the span; an empty one is left out.
func (s *Span) Text(name, value string) {
	if s.IsRecording() && value != "" {
		s.s.SetAttributes(attribute.String(name, value))
	}
}

// Traceparent is the span in the form of the header of that name, "" for none (W3C Trace
// Context, section 3.2).
func (s *Span) Traceparent() string {
	if s == nil {
		return ""
	}
	return traceparent(s.s.SpanContext())
}

// fail marks the span as failed for a class of reason: a name from a short list, never
// words, which would be another for each receiver.
func (s *Span) fail(kind string) {
	if kind == "" {
		kind = "_OTHER"
	}
	s.s.SetAttributes(attribute.String("error.type", kind))
	s.s.SetStatus(codes.Error, kind)
}

func traceparent(c trace.SpanContext) string {
	if !c.IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), c), carrier)
	return carrier[headerTraceparent]
}

// headerTraceparent is the header of W3C Trace Context.
const headerTraceparent = "traceparent"

// What a message remembers of the span that created it stands as the first member of its
// stored transformationsParams. It is needed where the message is: in memory, in the due
// table's joins, after a restart and in a backup; a column would cost every message a
// byte and a bind, and is empty for all who do not trace. A message without a sampled
// span is stored as it came. The member is no secret and no more than what a client may
// say in the header traceparent, so one that a client wrote itself does no harm.
const (
	carriedName   = "hookloft.traceparent"
	carriedPrefix = `{"` + carriedName + `":"`
	// carriedBytes is the length of a traceparent of version 00.
	carriedBytes = 55
)

// Carry returns params, a JSON object or nil, with the span of ctx as a member, if there
// is one that is sampled. params itself is not changed.
func (t *Tracer) Carry(ctx context.Context, params []byte) []byte {
	c := trace.SpanContextFromContext(ctx)
	if t == nil || !c.IsSampled() || strings.Contains(string(params), carriedName) {
		return params
	}
	text := traceparent(c)
	if len(text) != carriedBytes {
		return params
	}
	rest := strings.TrimLeft(string(params), " \t\r\n")
	if rest == "" {
		rest = "{}"
	}
	rest = strings.TrimLeft(rest[1:], " \t\r\n")
	b := make([]byte, 0, len(carriedPrefix)+carriedBytes+len(rest)+2)
	b = append(b, carriedPrefix...)
	b = append(b, text...)
	b = append(b, '"')
	if rest[0] != '}' {
		b = append(b, ',')
	}
	return append(b, rest...)
}

// carried reads what Carry wrote.
func carried(params []byte) (trace.SpanContext, bool) {
	if len(params) < len(carriedPrefix)+carriedBytes || string(params[:len(carriedPrefix)]) != carriedPrefix {
		return trace.SpanContext{}, false
	}
	carrier := propagation.MapCarrier{headerTraceparent: string(params[len(carriedPrefix):][:carriedBytes])}
	c := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
	return c, c.IsValid()
}
