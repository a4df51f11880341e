package telemetry

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestMetricNamesAreTheDocumentedOnes holds the names and labels that dashboards use.
func TestMetricNamesAreTheDocumentedOnes(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg)
	m.Deliveries.WithLabelValues("success", "", "live").Inc()
	m.DeliveryDuration.WithLabelValues("live", "success").Observe(1)
	m.QueueDepth.WithLabelValues("fresh").Set(1)
	m.Endpoints.WithLabelValues("active").Set(1)
	m.StoreOperation("append").Observe(1)
	m.HTTPRequestDuration.WithLabelValues("/x", "GET", "200").Observe(1)
	m.ReplayTasks.WithLabelValues("running").Set(1)
	m.SegmentsReclaimed.WithLabelValues("dropped").Inc()
	m.Spans.WithLabelValues("ended").Inc()
	m.IngestRequests.WithLabelValues("github", "accepted").Inc()
	m.SetBuild("1", "abc")
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		got = append(got, f.GetName()+"{"+strings.Join(labels, ",")+"}")
	}
	want := []string{
		"hookloft_announcements_total{}", "hookloft_attempts_in_flight{}", "hookloft_build_info{goversion,revision,version}", "hookloft_credentials_expiring{}", "hookloft_deliveries_total{kind,outcome,reason}",
		"hookloft_delivery_duration_seconds{kind,outcome}", "hookloft_delivery_end_to_end_seconds{}",
		"hookloft_disk_free_bytes{}", "hookloft_endpoints{state}",
		"hookloft_http_server_request_duration_seconds{code,method,route}",
		"hookloft_ingest_requests_total{provider,verdict}", "hookloft_listeners{}",
		"hookloft_messages_created_total{}", "hookloft_otel_spans_total{result}", "hookloft_queue_depth{state}", "hookloft_queue_oldest_due_age_seconds{}", "hookloft_replay_tasks{state}",
		"hookloft_retention_freed_bytes_total{}", "hookloft_retention_segments_total{how}",
		"hookloft_store_bytes{}", "hookloft_store_full{}", "hookloft_store_max_bytes{}",
		"hookloft_store_operation_duration_seconds{op}",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestMetricsWithoutRegistry: tests of other rooms make as many as they like.
func TestMetricsWithoutRegistry(t *testing.T) {
	for range 2 {
		NewMetrics(nil).MessagesCreated.Inc()
	}
}
