package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// TestAttemptsAreLoggedAndCounted: one line an attempt with the fixed keys, and the
// series that dashboards read.
func TestAttemptsAreLoggedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		reg := prometheus.NewPedanticRegistry()
		w := newWorld(t)
		w.app(1, 1)
		first := true
		w.answer = func(ctx context.Context, a *hook.Attempt) {
			if first {
				first = false
				status(503, hook.Failed, hook.ReasonServer)(ctx, a)
				return
			}
			ok(ctx, a)
		}
		d := New(w, w, w, slog.New(slog.NewJSONHandler(&out, nil)), Options{Metrics: telemetry.NewMetrics(reg)})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		synctest.Wait()
		m := w.publish(1)
		rest(10 * time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}

		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 2 {
			t.Fatalf("%d log lines, want one for each of two attempts:\n%s", len(lines), out.String())
		}
		for i, want := range []map[string]any{
			{"n": 1.0, "outcome": "failed", "status": 503.0, "reason": "server", "state": "pending", "trigger": "live"},
			{"n": 2.0, "outcome": "success", "status": 200.0, "state": "delivered", "trigger": "retry"},
		} {
			var got map[string]any
			if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
				t.Fatal(err)
			}
			for k, v := range want {
				if got[k] != v {
					t.Errorf("line %d: %s is %v, want %v", i+1, k, got[k], v)
				}
			}
			if got["message"] != w.codec.Message(1, m) || got["endpoint"] != w.codec.Endpoint(1, 100_001) || got["msg"] != "attempt" {
				t.Errorf("line %d does not name its delivery: %v", i+1, got)
			}
			if _, found := got["next_at"]; found != (i == 0) {
				t.Errorf("line %d: next_at is there: %v", i+1, found)
			}
		}

		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				var labels []string
				for _, l := range m.GetLabel() {
					labels = append(labels, l.GetName()+"="+l.GetValue())
				}
				got[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
		for name, want := range map[string]float64{
			"hookloft_deliveries_total{kind=live,outcome=failed,reason=server}": 1,
			"hookloft_deliveries_total{kind=retry,outcome=success,reason=}":     1,
			"hookloft_delivery_duration_seconds{kind=live,outcome=failed}":      1,
			"hookloft_delivery_duration_seconds{kind=retry,outcome=success}":    1,
			"hookloft_delivery_end_to_end_seconds{}":                            1,
			"hookloft_attempts_in_flight{}":                                     0,
			"hookloft_queue_depth{state=fresh}":                                 0,
			"hookloft_queue_depth{state=recording}":                             0,
			"hookloft_queue_oldest_due_age_seconds{}":                           0,
		} {
			if v, found := got[name]; !found || v != want {
				t.Errorf("%s is %v (there: %v), want %v", name, v, found, want)
			}
		}
	})
}

// TestOldestDueAgeTellsOfABacklog: late work shows, work for an endpoint at rest does not.
func TestOldestDueAgeTellsOfABacklog(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1).Endpoints[0].ThrottleRate = 1 }, func(w *world, d *Dispatcher) {
		for range 100 {
			w.publish(1)
		}
		rest(30 * time.Second)
		if age := d.oldestDue(); age < 20 || age > 30 {
			t.Errorf("oldest is %v s late after 30 s at a hundredth of the rate", age)
		}
		w.set(refused)
		rest(time.Minute)
		if age := d.oldestDue(); age != 0 {
			t.Errorf("oldest is %v s late while the endpoint rests", age)
		}
	})
}
