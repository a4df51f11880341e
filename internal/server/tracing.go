package server

import (
	"context"
	"net/http"
	"time"

	"github.com/hookloft/hookloft/internal/config"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/receive"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// startTelemetry makes the metrics, and begins to export what the environment asks for.
func (n *node) startTelemetry(ctx context.Context) error {
	reg, show := newRegistry()
	n.metrics, n.showMetrics = newMetrics(reg), show
	for _, note := range n.c.OTel.Notes {
		n.log.Warn("opentelemetry: " + note)
	}
	var err error
	n.otlp, err = telemetry.StartOTLP(ctx, telemetry.OTLPOptions{
		Traces: n.c.OTel.Traces, Metrics: n.c.OTel.Metrics,
		Gatherer: reg, Spans: n.metrics.Spans, Version: ReadBuild().Version, Log: n.log,
	})
	return err
}

// minFlush is what the collector gets at the end of a drain that took all its time.
const minFlush = 100 * time.Millisecond

// stopTelemetry flushes what waits for the collector, within what is left of the drain
// that began at start. It is the last thing that stops: a collector that hangs holds up
// nothing else.
func (n *node) stopTelemetry(start time.Time) {
	if n.otlp == nil {
		return
	}
	left := min(config.MaxDrain-time.Second-time.Since(start), n.requestShare())
	ctx, cancel := context.WithTimeout(context.Background(), max(left, minFlush))
	defer cancel()
	if err := n.otlp.Close(ctx); err != nil {
		n.log.Warn("traces or metrics are not with the collector", telemetry.KeyError, err)
	}
}

// tracingLedger has each message remember the span that published it.
type tracingLedger struct {
	store.Ledger
	tracer *telemetry.Tracer
}

func (l tracingLedger) Append(ctx context.Context, p *store.Publication) (store.Appended, error) {
	l.carry(ctx, p.Message)
	return l.Ledger.Append(ctx, p)
}

func (l tracingLedger) AppendAll(ctx context.Context, all []*store.Publication) ([]store.Appended, error) {
	for _, p := range all {
		l.carry(ctx, p.Message)
	}
	return l.Ledger.AppendAll(ctx, all)
}

// carry is called before the store has the message, so that nobody reads it yet.
func (l tracingLedger) carry(ctx context.Context, m *hook.Message) {
	m.TransformationsParams = l.tracer.Carry(ctx, m.TransformationsParams)
}

// tracedDoor makes a span of each request at a source. The token in the path is a secret
// and is not in it.
type tracedDoor struct {
	http.Handler
	tracer *telemetry.Tracer
}

func (d tracedDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, span := d.tracer.PublicRequest(r, receive.Path+"{token}")
	seen := &statusWriter{ResponseWriter: w}
	defer func() { span.Answered(seen.status) }()
	d.Handler.ServeHTTP(seen, r)
}

// inboundDoor is the handler of webhooks that are received.
func (n *node) inboundDoor() http.Handler {
	if t := n.otlp.Tracer(); t != nil {
		return tracedDoor{n.receiver, t}
	}
	return n.receiver
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the first final status.
func (w *statusWriter) WriteHeader(status int) {
	if w.status < 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write means 200 where nothing else was said.
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
