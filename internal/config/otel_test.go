package config

import (
	"strings"
	"testing"
)

// TestReadOTel: what the variables of the OpenTelemetry specification turn on and off.
func TestReadOTel(t *testing.T) {
	for _, c := range []struct {
		name            string
		environ         []string
		traces, metrics bool
		note            string // part of the one note; "" for none
	}{
		{name: "nothing set", environ: []string{"PATH=/bin"}},
		{name: "one endpoint for both", environ: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"}, traces: true, metrics: true},
		{name: "an empty variable is as good as none", environ: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_TRACES_EXPORTER="}},
		{name: "traces alone", environ: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:4318/v1/traces"}, traces: true},
		{name: "metrics alone", environ: []string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://127.0.0.1:4318/v1/metrics"}, metrics: true},
		{name: "by name, at the default endpoint", environ: []string{"OTEL_TRACES_EXPORTER=otlp"}, traces: true},
		{name: "switched off one by one", environ: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_METRICS_EXPORTER=none"}, traces: true},
		{name: "fetched metrics are not pushed as well", environ: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_METRICS_EXPORTER=prometheus"}, traces: true},
		{name: "disabled as a whole", environ: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_SDK_DISABLED=True"}},
		{name: "a protocol that is not spoken", environ: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc"}, metrics: true, note: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc"},
		{name: "the spoken protocol by name", environ: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}, traces: true, metrics: true},
		{name: "an exporter that is unknown", environ: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_TRACES_EXPORTER=zipkin"}, metrics: true, note: "zipkin"},
		{name: "two exporters, one of them known", environ: []string{"OTEL_TRACES_EXPORTER=console,otlp"}, traces: true, note: "console"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := ReadOTel(c.environ)
			if o.Traces != c.traces || o.Metrics != c.metrics {
				t.Errorf("traces %v, metrics %v, want %v, %v", o.Traces, o.Metrics, c.traces, c.metrics)
			}
			if (c.note == "") != (len(o.Notes) == 0) || c.note != "" && !strings.Contains(strings.Join(o.Notes, "\n"), c.note) {
				t.Errorf("notes %q, want %q", o.Notes, c.note)
			}
		})
	}
}
