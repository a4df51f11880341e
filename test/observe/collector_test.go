//go:build unix

// Package observe runs the real binary with an OpenTelemetry collector beside it, and
// reads what arrives there. The collector is a stand-in that speaks OTLP/HTTP as the
// specification has it: protobuf in, protobuf out.
package observe

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metriccollector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// span is a span that arrived, with what it belongs to.
type span struct {
	*trace.Span
	resource map[string]string
}

// attribute returns an attribute as text, "" for none.
func (s span) attribute(name string) string { return texts(s.Attributes)[name] }

// collector keeps what it is sent.
type collector struct {
	*httptest.Server

	mu       sync.Mutex
	spans    []span
	metrics  map[string]*metrics.Metric
	headers  []http.Header
	requests int
	arrived  chan struct{} // closed and made anew at each request
	// status, where it is not 0, is the answer to all that comes; hang makes it wait.
	status int
	hang   chan struct{}
}

func newCollector(t *testing.T) *collector {
	c := &collector{metrics: map[string]*metrics.Metric{}, arrived: make(chan struct{})}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = plain
	}
	raw, err := io.ReadAll(body)
	if err != nil || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "not protobuf", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.requests++
	status, hang := c.status, c.hang
	close(c.arrived)
	c.arrived = make(chan struct{})
	c.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	var answer proto.Message
	switch {
	case strings.HasSuffix(r.URL.Path, "/v1/traces"):
		var in tracecollector.ExportTraceServiceRequest
		err, answer = proto.Unmarshal(raw, &in), &tracecollector.ExportTraceServiceResponse{}
		c.keepSpans(&in, r.Header)
	case strings.HasSuffix(r.URL.Path, "/v1/metrics"):
		var in metriccollector.ExportMetricsServiceRequest
		err, answer = proto.Unmarshal(raw, &in), &metriccollector.ExportMetricsServiceResponse{}
		c.keepMetrics(&in)
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out, _ := proto.Marshal(answer)
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.Write(out)
}

func (c *collector) keepSpans(in *tracecollector.ExportTraceServiceRequest, h http.Header) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = append(c.headers, h.Clone())
	for _, of := range in.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, span{s, texts(of.Resource.Attributes)})
			}
		}
	}
}

func (c *collector) keepMetrics(in *metriccollector.ExportMetricsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range in.ResourceMetrics {
		for _, scope := range of.ScopeMetrics {
			for _, m := range scope.Metrics {
				c.metrics[m.Name] = m
			}
		}
	}
}

// await returns the spans of that name once there are n of them.
func (c *collector) await(t *testing.T, name string, n int) []span {
	t.Helper()
	var found []span
	c.until(t, func() bool {
		found = nil
		for _, s := range c.spans {
			if s.Name == name {
				found = append(found, s)
			}
		}
		return len(found) >= n
	}, "spans "+name)
	return found
}

// until waits until f, which is called with mu held, is true.
func (c *collector) until(t *testing.T, f func() bool, what string) {
	t.Helper()
	timeout := time.After(60 * time.Second)
	for {
		c.mu.Lock()
		ok, arrived := f(), c.arrived
		var names []string
		for _, s := range c.spans {
			names = append(names, s.Name)
		}
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-arrived:
		case <-time.After(50 * time.Millisecond): // what a request brought is kept a moment after it arrived
		case <-timeout:
			t.Fatalf("waited in vain for %s; there are %q", what, names)
		}
	}
}

func texts(list []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, kv := range list {
		all[kv.Key] = text(kv.Value)
	}
	return all
}

func text(v *common.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *common.AnyValue_BoolValue:
		if v.BoolValue {
			return "true"
		}
		return "false"
	case *common.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
	}
	return ""
}
