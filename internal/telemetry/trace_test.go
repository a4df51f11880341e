package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// record returns a Tracer and what its spans become.
func record() (*Tracer, *tracetest.SpanRecorder) {
	r := tracetest.NewSpanRecorder()
	return NewTracer(sdk.NewTracerProvider(sdk.WithSpanProcessor(r))), r
}

// TestCarriedSpanIsRead: what Carry writes is JSON with all that was there, and the attempt
// is linked to it.
func TestCarriedSpanIsRead(t *testing.T) {
	tracer, spans := record()
	r, publish := tracer.Request(httptest.NewRequest("POST", "/", nil), "/x")
	for _, params := range []string{"", "{}", " { } ", `{"a":1}`, "{\n \"rawPayload\": \"x\", \"otel\": {\"b\": [1]}}"} {
		got := tracer.Carry(r.Context(), []byte(params))
		var was, is map[string]any
		if err := json.Unmarshal(got, &is); err != nil {
			t.Fatalf("%q became %q: %v", params, got, err)
		}
		_ = json.Unmarshal([]byte(params), &was)
		if len(is) != len(was)+1 || is[carriedName] != publish.Traceparent() {
			t.Errorf("%q became %q", params, got)
		}
		if again := tracer.Carry(r.Context(), got); string(again) != string(got) {
			t.Errorf("a second time it became %q", again)
		}
		_, attempt := tracer.Attempt(t.Context(), got)
		attempt.Attempted(true, "")
		ended := spans.Ended()
		links := ended[len(ended)-1].Links()
		if len(links) != 1 || traceparent(links[0].SpanContext) != publish.Traceparent() {
			t.Errorf("%q: links %v", got, links)
		}
	}
}

// TestNothingIsCarriedWithoutASpan: a message outside a sampled span is stored as it came.
func TestNothingIsCarriedWithoutASpan(t *testing.T) {
	tracer, _ := record()
	never := NewTracer(sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample())))
	r, _ := never.Request(httptest.NewRequest("POST", "/", nil), "/x")
	for _, ctx := range []context.Context{t.Context(), r.Context()} {
		if got := tracer.Carry(ctx, nil); got != nil {
			t.Errorf("carries %q", got)
		}
	}
	theirs := []byte(`{"x":1,"hookloft.traceparent":"mine"}`)
	r, _ = tracer.Request(httptest.NewRequest("POST", "/", nil), "/x")
	if got := tracer.Carry(r.Context(), theirs); string(got) != string(theirs) {
		t.Errorf("a client's member of that name became %q", got)
	}
	for _, broken := range []string{carriedPrefix, carriedPrefix + strings.Repeat("z", 55) + `"}`, `{"hookloft.traceparent":5}`, "null", ""} {
		if c, ok := carried([]byte(broken)); ok {
			t.Errorf("%q is read as %v", broken, c)
		}
	}
}

// TestOwnersAttributesAreBounded: nobody's metadata overrides what Hookloft says, or fills
// a span.
func TestOwnersAttributesAreBounded(t *testing.T) {
	tracer, spans := record()
	metadata := map[string]string{"otel.msg_id": "forged", "otel.status": "forged", "otel.hookloft.x": "forged", "otel.": "nameless", "plain": "unseen", "otel.long": strings.Repeat("é", 2000)}
	var params []string
	for i := range 100 {
		params = append(params, fmt.Sprintf(`"p%03d":%d`, i, i))
	}
	_, s := tracer.Attempt(t.Context(), nil)
	s.Describe(AttemptOf{Message: "msg_1", Metadata: metadata, Params: []byte(`{"otel":{` + strings.Join(params, ",") + `,"org_id":"forged","deep":{"a":1}}}`)})
	s.Attempted(false, "timeout")
	n := 0
	for _, a := range spans.Ended()[0].Attributes() {
		if strings.Contains(a.Value.String(), "forged") || len(a.Value.String()) > maxAttributeValue || a.Key == "" || a.Key == "plain" {
			t.Errorf("attribute %s", a.Key)
		}
		if a.Key == "long" || a.Key == "deep" || strings.HasPrefix(string(a.Key), "p0") {
			n++
		}
	}
	if n != maxOwnersAttributes {
		t.Errorf("%d attributes of the owner, want %d", n, maxOwnersAttributes)
	}
	_, s = tracer.Attempt(t.Context(), nil)
	s.Describe(AttemptOf{Params: []byte(`{"otel":"text"}`)}) // means nothing, breaks nothing
	s.Attempted(true, "")
}

// TestOffCostsNothing: what is asked of a span that nobody wants allocates nothing.
func TestOffCostsNothing(t *testing.T) {
	var s *Span
	if n := testing.AllocsPerRun(100, func() {
		s.Text("a", "b")
		s.Answered(200)
		s.Exchanged(200, "", "127.0.0.1:80")
		s.Attempted(true, "")
		if s.IsRecording() || s.Traceparent() != "" {
			t.Error("it is a span after all")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var tracer *Tracer
	params := []byte(`{"a":1}`)
	if got := tracer.Carry(t.Context(), params); &got[0] != &params[0] {
		t.Error("a Tracer that is off carries")
	}
	e, err := StartOTLP(t.Context(), OTLPOptions{})
	if err != nil || e.Tracer() != nil || e.Close(t.Context()) != nil {
		t.Errorf("an Exporter of nothing: %v, %v", e, err)
	}
}

// TestTroubleIsLoggedOnceAMinute, with how often it happened.
func TestTroubleIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		c := &complaint{log: slog.New(slog.NewTextHandler(&out, nil)), text: "lost"}
		for range 121 { // 0 s to 120 s
			c.say(errors.New("refused"))
			time.Sleep(time.Second)
		}
		if n := strings.Count(out.String(), "msg=lost"); n != 3 || strings.Count(out.String(), "count=60") != 2 {
			t.Errorf("%d lines:\n%s", n, out.String())
		}
	})
}
