package telemetry

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are all series of one process. Who counts on a hot path resolves its label
// values once, with WithLabelValues, and keeps the child.
type Metrics struct {
	// MessagesCreated counts accepted messages; a repeated request is not counted.
	MessagesCreated prometheus.Counter
	// Deliveries counts ended attempts, and deliveries that ended without one.
	// Labels: outcome (success, failed, exhausted, gone, unsendable, dropped, skipped, fed), reason
	// (see hook.Reason; "" for success), kind (live, retry, replay, manual).
	Deliveries *prometheus.CounterVec
	// DeliveryDuration is how long an attempt took. Labels: kind, outcome.
	DeliveryDuration *prometheus.HistogramVec
	// DeliveryEndToEnd runs from the acceptance of a message to the end of the
	// successful attempt, for messages without deliverAt.
	DeliveryEndToEnd prometheus.Histogram
	// AttemptsInFlight is how many requests are under way.
	AttemptsInFlight prometheus.Gauge
	// QueueDepth is how many deliveries wait in memory. Label: state (fresh, claimed, recording).
	QueueDepth *prometheus.GaugeVec
	// QueueOldestDueAge is by how much the most overdue delivery is late that could be
	// sent, 0 for none. It is computed when it is read.
	QueueOldestDueAge *Computed
	// Endpoints counts endpoints that the dispatcher has in memory. Label: state (active
	// for all of them, open for those that rest after failures in a row).
	Endpoints *prometheus.GaugeVec
	// StoreOperationDuration is the time of a call to the store. Label: op (append: from
	// the call to the disk; commit: one transaction of many operations, with its flush;
	// claim and read: reading due rows and histories).
	StoreOperationDuration *prometheus.HistogramVec
	// HTTPRequestDuration is the time of an API request. Labels: route (its pattern), method, code.
	HTTPRequestDuration *prometheus.HistogramVec
	// ReplayTasks counts background tasks. Label: state (running, finished, failed).
	ReplayTasks *prometheus.GaugeVec
	// IngestRequests counts requests at sources. Labels: provider (the type of the source),
	// verdict (accepted, duplicate, handshake, rejected; unknown for a URL that is no source's,
	// without a provider).
	IngestRequests *prometheus.CounterVec

	// Listeners is how many connections listen for messages (hookloft listen).
	Listeners *Computed
	// Announcements counts operational webhooks that were published.
	Announcements prometheus.Counter
	// StoreBytes is what the data directory takes, StoreMaxBytes what it may take, 0 for no
	// bound, and DiskFreeBytes what its disk has left, -1 where that is not known. StoreFull
	// is 1 while messages are refused for want of space, else 0.
	StoreBytes, StoreMaxBytes, DiskFreeBytes, StoreFull *Computed
	// CredentialsExpiring counts the endpoints with a certificate that ends within 30 days, or has.
	CredentialsExpiring *Computed
	// SegmentsReclaimed counts segments that retention took. Label: how (dropped: as a whole;
	// compacted: what was unfinished stayed). ReclaimedBytes is by how much the store shrank.
	SegmentsReclaimed *prometheus.CounterVec
	ReclaimedBytes    prometheus.Counter
	// Spans counts spans that are to be exported. Label: result (ended; exported; failed: the
	// collector did not take them). What ended and is in neither of the other two waits, or
	// was dropped because the queue was full.
	Spans *prometheus.CounterVec

	build *prometheus.GaugeVec
}

// namespace is the prefix of every series.
const namespace = "hookloft"

// NewMetrics makes the metrics and registers them with reg. With a nil reg they are
// counted and shown nowhere, which is what tests want. It panics when reg holds a
// series of the same name already, like prometheus.MustRegister: two servers in a
// process need two registries.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		MessagesCreated:        counter("messages_created_total", "Messages accepted.").WithLabelValues(),
		Deliveries:             counter("deliveries_total", "Ended attempts, and deliveries that ended without one.", "outcome", "reason", "kind"),
		DeliveryDuration:       histogram("delivery_duration_seconds", "Duration of an attempt.", "kind", "outcome"),
		AttemptsInFlight:       gauge("attempts_in_flight", "Requests under way.").WithLabelValues(),
		QueueDepth:             gauge("queue_depth", "Deliveries that wait in memory.", "state"),
		QueueOldestDueAge:      computed("queue_oldest_due_age_seconds", "By how much the most overdue delivery is late."),
		Endpoints:              gauge("endpoints", "Endpoints as the dispatcher knows them.", "state"),
		StoreOperationDuration: histogram("store_operation_duration_seconds", "Duration of a call to the store.", "op"),
		HTTPRequestDuration:    histogram("http_server_request_duration_seconds", "Duration of an API request.", "route", "method", "code"),
		ReplayTasks:            gauge("replay_tasks", "Background tasks.", "state"),
		IngestRequests:         counter("ingest_requests_total", "Requests at sources.", "provider", "verdict"),
		Listeners:              computed("listeners", "Connections that listen for messages."),
		Announcements:          counter("announcements_total", "Operational webhooks published.").WithLabelValues(),
		StoreBytes:             computed("store_bytes", "What the data directory takes."),
		StoreMaxBytes:          computed("store_max_bytes", "What the data directory may take; 0 for no bound."),
		DiskFreeBytes:          computed("disk_free_bytes", "What the data directory's disk has left; -1 where that is not known."),
		StoreFull:              computed("store_full", "1 while messages are refused for want of space."),
		CredentialsExpiring:    computed("credentials_expiring", "Endpoints with a client certificate or CA that ends within 30 days, or has ended."),
		SegmentsReclaimed:      counter("retention_segments_total", "Segments that retention took.", "how"),
		ReclaimedBytes:         counter("retention_freed_bytes_total", "By how much retention has shrunk the store.").WithLabelValues(),
		Spans:                  counter("otel_spans_total", "Spans to be exported.", "result"),
		build:                  gauge("build_info", "Always 1; the labels say what runs.", "version", "revision", "goversion"),
	}
	m.DeliveryEndToEnd = prometheus.NewHistogram(histogramOpts("delivery_end_to_end_seconds", "From acceptance of a message to the end of its successful attempt."))
	if reg != nil {
		reg.MustRegister(m.MessagesCreated, m.Deliveries, m.DeliveryDuration, m.DeliveryEndToEnd, m.AttemptsInFlight, m.QueueDepth,
			m.QueueOldestDueAge, m.Endpoints, m.StoreOperationDuration,
			m.HTTPRequestDuration, m.ReplayTasks, m.IngestRequests,
			m.Listeners, m.Announcements, m.StoreBytes, m.StoreMaxBytes, m.DiskFreeBytes, m.StoreFull, m.CredentialsExpiring, m.SegmentsReclaimed, m.ReclaimedBytes,
			m.Spans, m.build)
	}
	return m
}

// SetBuild records what runs in build_info.
func (m *Metrics) SetBuild(version, revision string) {
	m.build.Reset()
	m.build.WithLabelValues(version, revision, runtime.Version()).Set(1)
}

// Computed is a gauge whose value is asked for when it is read, for what is costly to
// keep up to date. It is 0 until SetFunc.
type Computed struct {
	prometheus.GaugeFunc
	f atomic.Pointer[func() float64]
}

// SetFunc makes f the source of the value. f is called at each scrape, from any goroutine.
func (c *Computed) SetFunc(f func() float64) { c.f.Store(&f) }

func computed(name, help string) *Computed {
	c := &Computed{}
	c.GaugeFunc = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, func() float64 {
		if f := c.f.Load(); f != nil {
			return (*f)()
		}
		return 0
	})
	return c
}

// StoreOperation returns the observer of one kind of store operation, to be kept.
func (m *Metrics) StoreOperation(op string) prometheus.Observer {
	return m.StoreOperationDuration.WithLabelValues(op)
}

// Since observes the seconds from start to now.
func Since(o prometheus.Observer, start time.Time) { o.Observe(time.Since(start).Seconds()) }

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(histogramOpts(name, help), labels)
}

// histogramOpts gives native buckets 10 % apart to scrapers that ask for them, and
// the classic buckets from 1 ms to a minute to all others.
func histogramOpts(name, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help,
		Buckets:                         []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30, 60},
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}
}
