package config

import (
	"fmt"
	"strings"
)

// OTel says which signals go to an OpenTelemetry collector. Only environment variables
// set it, under the names that the OpenTelemetry specification gives them ("Environment
// Variable Specification", "OTLP Exporter Configuration"), so that what is set for all
// programs of a machine holds here, too.
//
// What is not read here is read by the OpenTelemetry SDK itself, which takes no other
// source for it: OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS, _TIMEOUT, _COMPRESSION,
// _CERTIFICATE, _CLIENT_CERTIFICATE, _CLIENT_KEY and their forms for one signal
// (OTEL_EXPORTER_OTLP_TRACES_..., OTEL_EXPORTER_OTLP_METRICS_...), OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and its _ARG, OTEL_BSP_*, OTEL_SPAN_*,
// OTEL_ATTRIBUTE_*, OTEL_METRIC_EXPORT_INTERVAL and _TIMEOUT.
type OTel struct {
	// Traces and Metrics say what is exported, over OTLP/HTTP with protobuf.
	Traces, Metrics bool
	// Notes say in words which variables ask for what this program cannot do, so that a
	// signal stays here. They hold no values but the ones that are not understood.
	Notes []string
}

// otlpOnly is the one protocol that is spoken.
const otlpOnly = "http/protobuf"

// ReadOTel reads the environment as os.Environ returns it. Without an endpoint and
// without an exporter that is asked for by name nothing is exported: the specification's
// default, a collector on this machine, would be a log full of refused connections where
// nobody runs one.
func ReadOTel(environ []string) OTel {
	var o OTel
	get := func(name string) string {
		v, _ := lookup(environ, name)
		return strings.TrimSpace(v)
	}
	if strings.EqualFold(get("OTEL_SDK_DISABLED"), "true") {
		return o
	}
	signal := func(name string, exported *bool) {
		named, wanted := get("OTEL_"+name+"_EXPORTER"), false
		for exporter := range strings.SplitSeq(named, ",") {
			switch strings.TrimSpace(exporter) {
			case "otlp":
				wanted = true
			case "":
				wanted = wanted || named == "" && get("OTEL_EXPORTER_OTLP_"+name+"_ENDPOINT")+get("OTEL_EXPORTER_OTLP_ENDPOINT") != ""
			case "none":
			case "prometheus":
				// Metrics are always there to be fetched, at /metrics.
				if name == "TRACES" {
					o.note("OTEL_TRACES_EXPORTER=prometheus: there is no such exporter of traces")
				}
			default:
				o.note("OTEL_%s_EXPORTER=%s: only otlp and none are known", name, exporter)
			}
		}
		protocol, variable := get("OTEL_EXPORTER_OTLP_"+name+"_PROTOCOL"), "OTEL_EXPORTER_OTLP_"+name+"_PROTOCOL"
		if protocol == "" {
			protocol, variable = get("OTEL_EXPORTER_OTLP_PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL"
		}
		if wanted && protocol != "" && protocol != otlpOnly {
			o.note("%s=%s: only %s is spoken, so %s are not exported", variable, protocol, otlpOnly, strings.ToLower(name))
			wanted = false
		}
		*exported = wanted
	}
	signal("TRACES", &o.Traces)
	signal("METRICS", &o.Metrics)
	return o
}

func (o *OTel) note(format string, args ...any) {
	o.Notes = append(o.Notes, fmt.Sprintf(format, args...))
}
