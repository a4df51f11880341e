package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// OTLPOptions say what an Exporter exports. The zero value exports nothing.
type OTLPOptions struct {
	// Traces and Metrics turn the two signals on.
	Traces, Metrics bool
	// Gatherer is where metrics are read. Needed with Metrics.
	Gatherer prometheus.Gatherer
	// Spans counts what became of spans; nil for nobody.
	Spans *prometheus.CounterVec
	// Version is that of the program.
	Version string
	// Log hears of a collector that does not take what it is sent, at most once a minute
	// for each signal.
	Log *slog.Logger
}

// Exporter sends traces and metrics to an OpenTelemetry collector, over OTLP/HTTP. All
// else about it is in the environment variables of the OpenTelemetry specification, which
// the SDK reads itself (config.OTel names them).
//
// A collector that is slow, gone or wrong costs nothing but what it does not get: spans
// wait in a queue of fixed length (OTEL_BSP_MAX_QUEUE_SIZE, 2048) and are dropped when it
// is full, and nobody who works waits for it. The connection is the operator's, to a
// place that only the operator can name, so it does not pass the address guard, which
// judges URLs of tenants.
type Exporter struct {
	traces  *trace.TracerProvider // nil when off
	metrics *metric.MeterProvider // nil when off
	tracer  *Tracer
}

// StartOTLP begins to export. With nothing to export it returns an Exporter that does
// nothing. An error says that a variable of the environment cannot be used.
func StartOTLP(ctx context.Context, o OTLPOptions) (*Exporter, error) {
	e := &Exporter{}
	if !o.Traces && !o.Metrics {
		return e, nil
	}
	if o.Log == nil {
		o.Log = Discard()
	}
	// The SDK tells of variables that it cannot read, and of what it could not gather,
	// through this one door for the whole process.
	other := &complaint{log: o.Log, text: "opentelemetry"}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(other.say))
	res, err := newResource(ctx, o.Version)
	if err != nil {
		return nil, fmt.Errorf("describe this process to OpenTelemetry: %w", err)
	}
	if o.Traces {
		to, err := otlptracehttp.New(ctx)
		if err != nil {
			return nil, fmt.Errorf("prepare the export of traces: %w", err)
		}
		out := &quietSpans{SpanExporter: to, complain: &complaint{log: o.Log, text: "traces could not be exported"}, count: func(string, int) {}}
		if o.Spans != nil {
			out.count = func(result string, n int) { o.Spans.WithLabelValues(result).Add(float64(n)) }
		}
		e.traces = trace.NewTracerProvider(trace.WithResource(res), trace.WithSpanProcessor(counting{out.count}), trace.WithBatcher(out))
		e.tracer = NewTracer(e.traces)
	}
	if o.Metrics {
		to, err := otlpmetrichttp.New(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare the export of metrics: %w", err), e.Close(ctx))
		}
		out := &quietMetrics{Exporter: to, complain: &complaint{log: o.Log, text: "metrics could not be exported"}}
		reader := metric.NewPeriodicReader(out, metric.WithProducer(bridge.NewMetricProducer(bridge.WithGatherer(o.Gatherer))))
		e.metrics = metric.NewMeterProvider(metric.WithResource(res), metric.WithReader(reader))
	}
	return e, nil
}

// Tracer returns where spans are begun, nil when traces are not exported.
func (e *Exporter) Tracer() *Tracer { return e.tracer }

// Close sends what waits, as far as it goes until ctx ends, and stops. Whatever happens
// at the collector, it returns then.
func (e *Exporter) Close(ctx context.Context) error {
	var errs [2]error
	var both sync.WaitGroup
	if e.traces != nil {
		both.Go(func() { errs[0] = e.traces.Shutdown(ctx) })
	}
	if e.metrics != nil {
		both.Go(func() { errs[1] = e.metrics.Shutdown(ctx) })
	}
	done := make(chan struct{})
	go func() { both.Wait(); close(done) }()
	select {
	case <-done:
		return errors.Join(errs[:]...)
	case <-ctx.Done():
		return fmt.Errorf("flush to the collector: %w", ctx.Err())
	}
}

// newResource describes this process. What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
// say stands over it.
func newResource(ctx context.Context, version string) (*resource.Resource, error) {
	return resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithAttributes(attribute.String("service.name", namespace), attribute.String("service.version", version)),
		resource.WithFromEnv(),
	)
}

// What becomes of a span. One that ended and was neither exported nor has failed waits,
// or found the queue full.
const (
	spanEnded    = "ended"
	spanExported = "exported"
	spanFailed   = "failed"
)

// counting is the first to see spans end.
type counting struct{ count func(result string, n int) }

func (counting) OnStart(context.Context, trace.ReadWriteSpan) {}
func (c counting) OnEnd(s trace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		c.count(spanEnded, 1)
	}
}
func (counting) Shutdown(context.Context) error   { return nil }
func (counting) ForceFlush(context.Context) error { return nil }

// quietSpans keeps the errors of an exporter from a log line each.
type quietSpans struct {
	trace.SpanExporter
	complain *complaint
	count    func(result string, n int)
}

// ExportSpans never fails: what is lost is counted, and said once a minute.
func (q *quietSpans) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	if err := q.SpanExporter.ExportSpans(ctx, spans); err != nil {
		q.count(spanFailed, len(spans))
		q.complain.say(err)
		return nil
	}
	q.count(spanExported, len(spans))
	return nil
}

// quietMetrics is quietSpans for metrics.
type quietMetrics struct {
	metric.Exporter
	complain *complaint
}

// Export never fails: the next turn sends all series again.
func (q *quietMetrics) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	if err := q.Exporter.Export(ctx, m); err != nil {
		q.complain.say(err)
	}
	return nil
}

// complainEvery is how often the same trouble is logged.
const complainEvery = time.Minute

// complaint logs the same trouble at most once in complainEvery, with how often it
// happened since.
type complaint struct {
	log  *slog.Logger
	text string

	mu     sync.Mutex
	saidAt time.Time
	unsaid int
}

func (c *complaint) say(err error) {
	now := time.Now()
	c.mu.Lock()
	c.unsaid++
	n := c.unsaid
	due := c.saidAt.IsZero() || now.Sub(c.saidAt) >= complainEvery
	if due {
		c.saidAt, c.unsaid = now, 0
	}
	c.mu.Unlock()
	if due {
		c.log.Warn(c.text, KeyError, err, KeyCount, n)
	}
}
