//go:build unix

package observe

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// environment is what makes a server export to c, often.
func environment(c *collector, more ...string) []string {
	return append([]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_EXPORTER_OTLP_HEADERS=api-key=collectors-key",
		"OTEL_BSP_SCHEDULE_DELAY=50", "OTEL_METRIC_EXPORT_INTERVAL=100",
		"OTEL_SERVICE_NAME=bakery", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test",
	}, more...)
}

// endpoint is a receiver that tells of its requests' headers.
func endpoint(t *testing.T, answer http.HandlerFunc) (url string, headers chan http.Header) {
	headers = make(chan http.Header, 100) // more than any test here has requests
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers <- r.Header.Clone()
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, headers
}

// must makes a call, with the header traceparent unless that is "".
func must(t *testing.T, s *rig.Server, want int, method, path, traceparent, body string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
	req.Header.Set("Content-Type", "application/json")
	if traceparent != "" {
		req.Header.Set("traceparent", traceparent)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != want {
		t.Fatalf("%s %s: %d (%v) %v", method, path, resp.StatusCode, err, out)
	}
	return out
}

func take(t *testing.T, headers chan http.Header) http.Header {
	t.Helper()
	select {
	case h := <-headers:
		return h
	case <-time.After(20 * time.Second):
		t.Fatal("no request came")
		return nil
	}
}

const (
	theirTrace  = "0af7651916cd43dd8448eb211c80319c"
	theirSpan   = "b7ad6b7169203331"
	theirParent = "00-" + theirTrace + "-" + theirSpan + "-01"
	publishSpan = "POST /api/v1/app/{app_id}/msg"
)

// TestTraceOfAMessage follows one message from the request that publishes it to the
// request that delivers it, as a collector sees it.
func TestTraceOfAMessage(t *testing.T) {
	c := newCollector(t)
	url, headers := endpoint(t, nil)
	s := rig.Start(t, rig.Options{Env: environment(c)})
	must(t, s, 200, "PATCH", "/api/v1/management/environment-settings", "", `{"sendTraceparent":true}`)
	app := must(t, s, 201, "POST", "/api/v1/app", "", `{"name":"Shop","uid":"shop","metadata":{"otel.customer":"acme","otel.msg_id":"forged","other":"unseen"}}`)["id"].(string)
	ep := must(t, s, 201, "POST", "/api/v1/app/shop/endpoint", "", `{"url":"`+url+`/hook-secret-path?token=secret-query"}`)["id"].(string)
	msg := must(t, s, 202, "POST", "/api/v1/app/shop/msg", theirParent,
		`{"eventType":"invoice.paid","eventId":"inv-1","payload":{"amount":1},"transformationsParams":{"otel":{"region":"eu","rush":true,"customer":"acme-north"}}}`)["id"].(string)
	received := take(t, headers)

	publish := c.await(t, publishSpan, 1)[0]
	if got := hex.EncodeToString(publish.TraceId) + hex.EncodeToString(publish.ParentSpanId); got != theirTrace+theirSpan || publish.Kind != trace.Span_SPAN_KIND_SERVER {
		t.Errorf("the publish is a child of %s, kind %v", got, publish.Kind)
	}
	want(t, publish, map[string]string{
		"http.request.method": "POST", "http.route": "/api/v1/app/{app_id}/msg", "url.scheme": "http", "http.response.status_code": "202",
		"msg_id": msg, "event_type": "invoice.paid",
	})
	for name, value := range map[string]string{"service.name": "bakery", "deployment.environment.name": "test", "telemetry.sdk.language": "go"} {
		if publish.resource[name] != value {
			t.Errorf("resource %s is %q", name, publish.resource[name])
		}
	}

	attempt := c.await(t, "message_attempt", 1)[0]
	if len(attempt.ParentSpanId) != 0 || len(attempt.Links) != 1 || string(attempt.Links[0].TraceId) != string(publish.TraceId) || string(attempt.Links[0].SpanId) != string(publish.SpanId) {
		t.Errorf("the attempt is not a root that is linked to the publish: %v", attempt.Span)
	}
	if org := attempt.attribute("org_id"); !strings.HasPrefix(org, "org_") && org == "" {
		t.Errorf("org_id is %q", org)
	}
	want(t, attempt, map[string]string{
		"app_id": app, "app_uid": "shop", "endpoint_id": ep, "msg_id": msg, "msg_event_id": "inv-1", "event_type": "invoice.paid",
		"attempt_count": "1", "status": "success", "hookloft.trigger": "live",
		"customer": "acme-north", "region": "eu", "rush": "true", "other": "",
	})

	exchange := c.await(t, "POST", 1)[0]
	if string(exchange.ParentSpanId) != string(attempt.SpanId) || exchange.Kind != trace.Span_SPAN_KIND_CLIENT {
		t.Errorf("the request is no child of its attempt: %v", exchange.Span)
	}
	want(t, exchange, map[string]string{
		"http.request.method": "POST", "http.response.status_code": "200", "server.address": "127.0.0.1", "server.port": url[strings.LastIndex(url, ":")+1:],
		"url.scheme": "http", "error.type": "", "network.peer.address": "127.0.0.1",
	})
	if got, want := received.Get("traceparent"), fmt.Sprintf("00-%x-%x-01", exchange.TraceId, exchange.SpanId); got != want {
		t.Errorf("the receiver got traceparent %q, want %q", got, want)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, sp := range c.spans {
		if text := sp.String(); strings.Contains(text, "secret") || strings.Contains(text, s.Token) || strings.Contains(text, "amount") {
			t.Errorf("a span holds what it must not: %s", text)
		}
	}
	for _, h := range c.headers {
		if h.Get("Api-Key") != "collectors-key" {
			t.Errorf("the collector got headers %v", h)
		}
	}
}

// TestFailedAttemptsAreErrors: the spans of a receiver that answers 503, and of one that
// is not there.
func TestFailedAttemptsAreErrors(t *testing.T) {
	c := newCollector(t)
	url, _ := endpoint(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	gone := httptest.NewServer(nil)
	gone.Close()
	s := rig.Start(t, rig.Options{Env: environment(c)})
	api := s.API()
	app := api.MustCreateApp(t, "shop")
	ids := map[string]string{
		api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: url}):      "503",
		api.MustCreateEndpoint(t, app, rig.EndpointIn{URL: gone.URL}): "refused",
	}
	must(t, s, 202, "POST", "/api/v1/app/shop/msg", "", `{"eventType":"a","payload":{}}`)
	exchanges := c.await(t, "POST", 2)
	for _, a := range c.await(t, "message_attempt", 2) {
		kind := ids[a.attribute("endpoint_id")]
		var child span
		for _, e := range exchanges {
			if string(e.ParentSpanId) == string(a.SpanId) {
				child = e
			}
		}
		if child.Span == nil {
			t.Fatalf("no request belongs to %v", a.Span)
		}
		if a.attribute("status") != "fail" || a.Status.Code != trace.Status_STATUS_CODE_ERROR || child.Status.Code != trace.Status_STATUS_CODE_ERROR || a.attribute("error.type") == "" {
			t.Errorf("%s: %v, %v", kind, a.Span, child.Span)
		}
		switch kind {
		case "503":
			want(t, child, map[string]string{"http.response.status_code": "503", "error.type": "503"})
		case "refused":
			want(t, child, map[string]string{"http.response.status_code": "", "error.type": a.attribute("error.type")})
		}
	}
}

// TestLinkSurvivesAKill: an attempt after kill -9 still knows the span that published.
func TestLinkSurvivesAKill(t *testing.T) {
	c := newCollector(t)
	hang := make(chan struct{})
	url, headers := endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	s := rig.Start(t, rig.Options{Env: environment(c)})
	api := s.API()
	api.MustCreateEndpoint(t, api.MustCreateApp(t, "shop"), rig.EndpointIn{URL: url})
	must(t, s, 202, "POST", "/api/v1/app/shop/msg", theirParent, `{"eventType":"a","payload":{"n":1}}`)
	take(t, headers)
	publish := c.await(t, publishSpan, 1)[0]
	s.Kill()
	close(hang)
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	h := take(t, headers)
	if h.Get("traceparent") != "" {
		t.Error("the receiver is told of the trace, which nobody asked for")
	}
	attempt := c.await(t, "message_attempt", 1)[0]
	if len(attempt.Links) != 1 || string(attempt.Links[0].SpanId) != string(publish.SpanId) || string(attempt.Links[0].TraceId) != string(publish.TraceId) {
		t.Errorf("links %v, want to %x", attempt.Links, publish.SpanId)
	}
	for _, m := range messages(t, s) {
		if strings.Contains(m, "traceparent") {
			t.Errorf("the API shows what is remembered for spans: %s", m)
		}
	}
}

func messages(t *testing.T, s *rig.Server) (all []string) {
	t.Helper()
	list, _ := must(t, s, 200, "GET", "/api/v1/app/shop/msg", "", "")["data"].([]any)
	for _, m := range list {
		text, _ := json.Marshal(m)
		all = append(all, string(text))
	}
	if len(all) == 0 {
		t.Fatal("there is no message")
	}
	return all
}

// TestReceivedWebhookIsTraced: the door for providers has spans without the token of the
// URL, and what goes on to the service is linked to them.
func TestReceivedWebhookIsTraced(t *testing.T) {
	c := newCollector(t)
	url, headers := endpoint(t, nil)
	s := rig.Start(t, rig.Options{Env: environment(c)})
	source := s.API().MustCreateSource(t, "door", url, rig.Secret("door"))
	if status, err := source.Send("delivery-1", []byte(`{"n":1}`)); err != nil || status != 200 {
		t.Fatalf("webhook: %d %v", status, err)
	}
	take(t, headers)
	door := c.await(t, "POST /in/{token}", 1)[0]
	want(t, door, map[string]string{"http.route": "/in/{token}", "http.response.status_code": "200"})
	attempt := c.await(t, "message_attempt", 1)[0]
	if len(attempt.Links) != 1 || string(attempt.Links[0].SpanId) != string(door.SpanId) {
		t.Errorf("links %v, want to %x", attempt.Links, door.SpanId)
	}
	token := source.URL[strings.LastIndex(source.URL, "/")+1:]
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, sp := range c.spans {
		if strings.Contains(sp.String(), token) {
			t.Errorf("a span holds the source's token: %s", sp)
		}
	}
}

// TestSamplerAndSwitch: what the SDK's own variables say is what happens.
func TestSamplerAndSwitch(t *testing.T) {
	for _, o := range []struct {
		name, variable string
		metrics        bool
	}{
		{"no sampling", "OTEL_TRACES_SAMPLER=always_off", true},
		{"no traces", "OTEL_TRACES_EXPORTER=none", true},
		{"a protocol that is not spoken", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc", true},
		{"all off", "OTEL_SDK_DISABLED=true", false},
	} {
		t.Run(o.name, func(t *testing.T) {
			c := newCollector(t)
			url, headers := endpoint(t, nil)
			s := rig.Start(t, rig.Options{Env: environment(c, o.variable)})
			api := s.API()
			api.MustCreateEndpoint(t, api.MustCreateApp(t, "shop"), rig.EndpointIn{URL: url})
			must(t, s, 202, "POST", "/api/v1/app/shop/msg", theirParent, `{"eventType":"a","payload":{}}`)
			take(t, headers)
			if o.metrics {
				c.until(t, func() bool { return c.metrics["hookloft_messages_created_total"] != nil }, "metrics")
			}
			if err := s.Stop(60 * time.Second); err != nil { // flushes
				t.Fatal(err)
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			if len(c.spans) != 0 || !o.metrics && c.requests != 0 {
				t.Errorf("%d spans in %d requests", len(c.spans), c.requests)
			}
			if o.name == "a protocol that is not spoken" && !strings.Contains(s.LogTail(1000), "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc") {
				t.Error("the log does not say that traces stay here")
			}
		})
	}
}

// TestMetricsArePushed: the registry behind /metrics is what the collector gets.
func TestMetricsArePushed(t *testing.T) {
	c := newCollector(t)
	url, headers := endpoint(t, nil)
	s := rig.Start(t, rig.Options{Env: environment(c, "OTEL_TRACES_EXPORTER=none")})
	api := s.API()
	api.MustCreateEndpoint(t, api.MustCreateApp(t, "shop"), rig.EndpointIn{URL: url})
	for range 3 {
		must(t, s, 202, "POST", "/api/v1/app/shop/msg", "", `{"eventType":"a","payload":{}}`)
		take(t, headers)
	}
	c.until(t, func() bool {
		created := sum(c.metrics["hookloft_messages_created_total"])
		return created == 3 && sum(c.metrics["hookloft_deliveries_total"]) == 3
	}, "three messages and three deliveries")
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range []string{"hookloft_queue_depth", "hookloft_build_info", "hookloft_delivery_duration_seconds", "go_goroutines"} {
		if c.metrics[name] == nil {
			t.Errorf("no %s arrived", name)
		}
	}
}

func sum(m *metrics.Metric) (total float64) {
	for _, p := range m.GetSum().GetDataPoints() {
		total += p.GetAsDouble()
	}
	return total
}

// TestABadCollectorCostsNothing: one that hangs and one that refuses neither slow
// deliveries, nor fill the log, nor hold up the stop.
func TestABadCollectorCostsNothing(t *testing.T) {
	for _, name := range []string{"hangs", "refuses", "is not there"} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t)
			switch name {
			case "hangs":
				c.hang = make(chan struct{})
				defer close(c.hang)
			case "refuses":
				c.status = http.StatusBadRequest
			default:
				c.Close()
			}
			url, headers := endpoint(t, nil)
			s := rig.Start(t, rig.Options{Env: environment(c, "OTEL_BSP_MAX_QUEUE_SIZE=16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4", "OTEL_EXPORTER_OTLP_TIMEOUT=200")})
			api := s.API()
			api.MustCreateEndpoint(t, api.MustCreateApp(t, "shop"), rig.EndpointIn{URL: url})
			for range 60 {
				must(t, s, 202, "POST", "/api/v1/app/shop/msg", "", `{"eventType":"a","payload":{}}`)
				take(t, headers)
			}
			if name == "refuses" { // several of both signals
				c.until(t, func() bool {
					log := s.LogTail(1 << 20)
					return c.requests >= 8 && strings.Contains(log, "traces could not be exported") && strings.Contains(log, "metrics could not be exported")
				}, "requests and log lines")
			}
			if err := s.Stop(30 * time.Second); err != nil { // the collector hangs for ever
				t.Fatal(err)
			}
			log := s.LogTail(1 << 20)
			for _, text := range []string{"traces could not be exported", "metrics could not be exported"} {
				if n := strings.Count(log, text); n > 1 || n == 0 && name == "refuses" {
					t.Errorf("the log says %d times that %s", n, text)
				}
			}
			if strings.Contains(log, "collectors-key") {
				t.Error("the log holds the collector's key")
			}
		})
	}
}

// TestOffMeansOff: without an endpoint the receiver hears of no trace, even where that is
// wanted, and a message is stored as it came.
func TestOffMeansOff(t *testing.T) {
	url, headers := endpoint(t, nil)
	s := rig.Start(t, rig.Options{Env: []string{"OTEL_SERVICE_NAME=bakery"}})
	must(t, s, 200, "PATCH", "/api/v1/management/environment-settings", "", `{"sendTraceparent":true}`)
	api := s.API()
	api.MustCreateEndpoint(t, api.MustCreateApp(t, "shop"), rig.EndpointIn{URL: url})
	must(t, s, 202, "POST", "/api/v1/app/shop/msg", theirParent, `{"eventType":"a","payload":{}}`)
	if h := take(t, headers); h.Get("traceparent") != "" {
		t.Errorf("traceparent %q", h.Get("traceparent"))
	}
}

// want compares attributes; "" stands for one that must not be there.
func want(t *testing.T, s span, attributes map[string]string) {
	t.Helper()
	for name, value := range attributes {
		if got := s.attribute(name); got != value {
			t.Errorf("%s: %s is %q, want %q", s.Name, name, got, value)
		}
	}
}

// TestPageRuns runs the commands of docs/observability.md as they stand there.
func TestPageRuns(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not here", tool)
		}
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "observability.md"))
	if err != nil {
		t.Fatal(err)
	}
	script := "set -euo pipefail\n"
	for _, part := range strings.Split(string(page), "```bash\n")[1:] {
		code, _, _ := strings.Cut(part, "```")
		script += code
	}
	c := newCollector(t)
	url, headers := endpoint(t, nil)
	s := rig.Start(t, rig.Options{Env: environment(c)})
	api := s.API()
	api.MustCreateEndpoint(t, api.MustCreateApp(t, "bakery"), rig.EndpointIn{URL: url})
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Env = append(os.Environ(), "HOOKLOFT_URL="+s.URL, "HOOKLOFT_TOKEN="+s.Token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, text := range []string{"hookloft_messages_created_total 0", "hookloft_store_full 0", "hookloft_store_bytes ", "hookloft_disk_free_bytes ", `"eventType":"bread.ready"`, `"sendTraceparent":true`} {
		if !strings.Contains(string(out), text) {
			t.Errorf("the commands do not print %s:\n%s", text, out)
		}
	}
	take(t, headers)
	want(t, c.await(t, "message_attempt", 1)[0], map[string]string{"customer": "acme", "oven": "left", "event_type": "bread.ready"})
	if publish := c.await(t, publishSpan, 1)[0]; hex.EncodeToString(publish.TraceId) != theirTrace {
		t.Errorf("the publish is in trace %x", publish.TraceId)
	}
}

// TestStopFlushes: what waits for its batch when the server stops is sent before it ends.
func TestStopFlushes(t *testing.T) {
	c := newCollector(t)
	url, headers := endpoint(t, nil)
	s := rig.Start(t, rig.Options{Env: environment(c, "OTEL_BSP_SCHEDULE_DELAY=600000", "OTEL_METRIC_EXPORT_INTERVAL=600000")})
	api := s.API()
	api.MustCreateEndpoint(t, api.MustCreateApp(t, "shop"), rig.EndpointIn{URL: url})
	must(t, s, 202, "POST", "/api/v1/app/shop/msg", "", `{"eventType":"a","payload":{}}`)
	take(t, headers)
	if err := s.Stop(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	c.await(t, publishSpan, 1)
	c.await(t, "message_attempt", 1)
	c.until(t, func() bool { return sum(c.metrics["hookloft_deliveries_total"]) == 1 }, "one delivery in the metrics")
}
