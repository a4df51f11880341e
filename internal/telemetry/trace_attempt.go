package telemetry

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Attempt begins the span of one attempt. It is the root of a trace of its own, because
// it may be hours after the message was published, with a link to the span that
// published it, where params, the message's stored transformationsParams, carry one.
func (t *Tracer) Attempt(ctx context.Context, params []byte) (context.Context, *Span) {
	var o []trace.SpanStartOption
	if c, ok := carried(params); ok {
		o = append(o, trace.WithLinks(trace.Link{SpanContext: c}))
	}
	ctx, s := t.t.Start(ctx, "message_attempt", append(o, trace.WithSpanKind(trace.SpanKindProducer))...) //nolint:spancheck // whoever called ends it
	return ctx, newSpan(s)                                                                                //nolint:spancheck // as above
}

// AttemptOf is what the span of an attempt says, with public ids. The names of the
// attributes are those of the hosted service's tracing (CONTRACT section 3.10).
type AttemptOf struct {
	Environment, Application, ApplicationUID, Endpoint, Message, EventID, EventType string
	// N counts the attempts of this message at this endpoint, from 1.
	N int
	// Trigger is what the attempt came from: live, retry, replay or manual.
	Trigger string
	// Metadata is the application's: what begins with "otel." there is added without that.
	Metadata map[string]string
	// Params are the message's transformationsParams: the members of its object "otel" are added.
	Params []byte
}

// Describe says what the attempt is of.
func (s *Span) Describe(a AttemptOf) {
	if !s.IsRecording() {
		return
	}
	s.s.SetAttributes(append(ownersAttributes(a),
		attribute.String("org_id", a.Environment),
		attribute.String("app_id", a.Application),
		attribute.String("endpoint_id", a.Endpoint),
		attribute.String("msg_id", a.Message),
		attribute.String("event_type", a.EventType),
		attribute.Int("attempt_count", a.N),
		attribute.String("hookloft.trigger", a.Trigger),
	)...)
	s.Text("app_uid", a.ApplicationUID)
	s.Text("msg_event_id", a.EventID)
}

// Attempted ends the span of an attempt. reason says in one word why it failed.
func (s *Span) Attempted(succeeded bool, reason string) {
	if s == nil {
		return
	}
	if s.open {
		if succeeded {
			s.s.SetAttributes(attribute.String("status", "success"))
		} else {
			s.s.SetAttributes(attribute.String("status", "fail"))
			s.fail(reason)
		}
	}
	s.s.End()
}

const (
	// metadataPrefix begins the keys of an application's metadata that go into spans.
	metadataPrefix = "otel."
	// maxOwnersAttributes bounds what owners of applications and senders add to one span,
	// and the other two each name and value, in bytes: they pay for nobody's collector.
	maxOwnersAttributes = 32
	maxAttributeName    = 128
	maxAttributeValue   = 1024
)

// ownersAttributes are what an application's owner and the sender of a message want to
// see in spans. The message stands over the application, and what Hookloft says itself
// over both.
func ownersAttributes(a AttemptOf) []attribute.KeyValue {
	byName := map[string]attribute.Value{}
	for _, key := range slices.Sorted(maps.Keys(a.Metadata)) {
		if name, ok := strings.CutPrefix(key, metadataPrefix); ok {
			keep(byName, name, attribute.StringValue(cutText(a.Metadata[key])))
		}
	}
	var params struct {
		OTel map[string]any `json:"otel"`
	}
	// What is no object of that kind holds no attributes; the message is none the worse.
	if len(a.Params) > 0 && json.Unmarshal(a.Params, &params, jsontext.AllowDuplicateNames(true)) == nil {
		for _, name := range slices.Sorted(maps.Keys(params.OTel)) {
			switch v := params.OTel[name].(type) {
			case string:
				keep(byName, name, attribute.StringValue(cutText(v)))
			case bool:
				keep(byName, name, attribute.BoolValue(v))
			case float64:
				keep(byName, name, attribute.Float64Value(v))
			case nil:
			default: // a list or an object, as JSON
				if b, err := json.Marshal(v); err == nil {
					keep(byName, name, attribute.StringValue(cutText(string(b))))
				}
			}
		}
	}
	list := make([]attribute.KeyValue, 0, len(byName)+8)
	for name, v := range byName {
		list = append(list, attribute.KeyValue{Key: attribute.Key(name), Value: v})
	}
	return list
}

func keep(byName map[string]attribute.Value, name string, v attribute.Value) {
	_, again := byName[name]
	if name == "" || len(name) > maxAttributeName || !utf8.ValidString(name) || isOwnAttribute(name) || !again && len(byName) >= maxOwnersAttributes {
		return
	}
	byName[name] = v
}

// isOwnAttribute reports whether a name is one that Hookloft gives the span of an attempt.
func isOwnAttribute(name string) bool {
	switch name {
	case "org_id", "app_id", "app_uid", "endpoint_id", "msg_id", "msg_event_id", "event_type", "attempt_count", "status", "error.type":
		return true
	}
	return strings.HasPrefix(name, "hookloft.")
}

// cutText bounds a value, at the end of a character.
func cutText(s string) string {
	if len(s) > maxAttributeValue {
		s = s[:maxAttributeValue]
	}
	return strings.ToValidUTF8(s, "")
}
