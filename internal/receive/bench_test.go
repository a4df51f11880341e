package receive

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/fanout"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/webhook"
)

// nowhere is a ResponseWriter whose bytes nobody wants.
type nowhere struct {
	header http.Header
	status int
}

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(status int)      { n.status = status }

// payload is a body of a size that is usual for webhooks, about 1 KiB.
func payload(id int) string {
	return fmt.Sprintf(`{"id":"evt_%d","type":"invoice.paid","created":1700000000,"data":{"text":"%s"}}`, id, bytes.Repeat([]byte("x"), 900))
}

// BenchmarkReceive is the whole way through the door without a network, with the real
// store on the disk of the machine: many requests at once, as the store commits them together.
func BenchmarkReceive(b *testing.B) {
	w := newWorld(b, Options{})
	s := w.source("stripe", stripeSecret)
	benchmark(b, w, s)
}

// BenchmarkReceiveGeneric is the same without a signature.
func BenchmarkReceiveGeneric(b *testing.B) {
	w := newWorld(b, Options{})
	benchmark(b, w, w.source(hook.GenericSource, nil))
}

func benchmark(b *testing.B, w *world, s *hook.Source) {
	w.queue.forget = true
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(128)
	b.RunParallel(func(pb *testing.PB) {
		out := &nowhere{}
		for pb.Next() {
			body := payload(int(n.Add(1)))
			r := webhook.Request{Method: "POST", Header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Stripe/1.0"}, "Accept": {"*/*"}}, Body: []byte(body)}
			if s.Type == "stripe" {
				if err := webhook.Sign(s.Type, webhook.Config{Secrets: s.Config.Secrets}, &r, w.receiver.now()); err != nil {
					b.Error(err)
					return
				}
			}
			req := httptest.NewRequestWithContext(context.Background(), "POST", Path+s.Tokens[0].Text, bytes.NewReader(r.Body))
			req.Header = r.Header
			out.header = http.Header{}
			if w.receiver.ServeHTTP(out, req); out.status != 200 {
				b.Errorf("answered %d", out.status)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "webhooks/s")
}

// BenchmarkOverHTTP is the same over loopback with connections that are kept, sender and
// receiver in one process. It tells how long the slowest hundredth took.
func BenchmarkOverHTTP(b *testing.B) {
	w := newWorld(b, Options{})
	w.queue.forget = true
	s := w.source("stripe", stripeSecret)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var n atomic.Int64
	var mu sync.Mutex
	var all []time.Duration
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		var took []time.Duration
		for pb.Next() {
			req := w.signed(s, payload(int(n.Add(1))))
			began := time.Now()
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			took = append(took, time.Since(began))
			if resp.StatusCode != 200 {
				b.Errorf("answered %d", resp.StatusCode)
				return
			}
		}
		mu.Lock()
		all = append(all, took...)
		mu.Unlock()
	})
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "webhooks/s")
	if len(all) > 0 {
		b.ReportMetric(float64(all[len(all)*99/100])/1e6, "p99-ms")
	}
}

// BenchmarkAppend is what of that the store alone costs, for comparison.
func BenchmarkAppend(b *testing.B) {
	w := newWorld(b, Options{})
	w.queue.forget = true
	s := w.source(hook.GenericSource, nil)
	plan, err := w.PlanOf(context.Background(), s.ID.Application())
	if err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(128)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := newSourceKey(nil, s.ID).number(int(n.Add(1))).sum(hook.EventIDLife)
			m := &hook.Message{Environment: w.env.ID, Application: plan.Application.ID, EventType: "a", RawBody: []byte(payload(1)), Inbound: &hook.Inbound{Provider: "x"}}
			if _, err := w.Append(context.Background(), &store.Publication{Message: m, Deliveries: fanout.Plan(plan, m), PlanVersion: plan.Version, Key: key}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkUnknownToken is what a flood of made-up URLs costs, each.
func BenchmarkUnknownToken(b *testing.B) {
	w := newWorld(b, Options{})
	token := hook.SourceID(1)
	foreign, err := hook.NewCodec(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	req := httptest.NewRequestWithContext(context.Background(), "POST", Path+foreign.NewSourceToken(token), http.NoBody)
	out := &nowhere{}
	b.ReportAllocs()
	for b.Loop() {
		out.header = http.Header{}
		w.receiver.ServeHTTP(out, req)
	}
	if out.status != 404 {
		b.Errorf("answered %d", out.status)
	}
}
