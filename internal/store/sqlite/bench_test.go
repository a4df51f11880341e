package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// admitAll is a Handoff that delivers at once: every fresh delivery succeeds as soon as
// it is committed.
type admitAll struct {
	s    *Store
	done sync.WaitGroup
	ok   atomic.Int64
	// outcomes has room for every delivery of a benchmark, so that the writer never waits.
	outcomes chan store.Due
}

func (h *admitAll) Admit(hook.ApplicationID, hook.EndpointID, int) bool { return true }
func (h *admitAll) Committed(fresh []store.Due) {
	for _, d := range fresh {
		h.outcomes <- d
	}
}
func (h *admitAll) Withdraw([]store.Due)                                   {}
func (h *admitAll) MadeDue(hook.ApplicationID, hook.EndpointID, time.Time) {}

func (h *admitAll) deliver() {
	for d := range h.outcomes {
		a := &hook.Attempt{
			Message: d.Delivery.Message, Application: d.Delivery.Application, Endpoint: d.Delivery.Endpoint, N: 1,
			StartedAt: time.Now(), Took: 3 * time.Millisecond, URL: "https://example.com/hooks/in", RemoteAddr: "127.0.0.1:443",
			Outcome: hook.Success, Status: 200, Header: []byte("Content-Length: 2\r\nContent-Type: text/plain"), Body: []byte("ok"),
			Timings: hook.Timings{FirstByte: time.Millisecond, Reused: true},
		}
		h.s.Finish(&store.Finished{Delivery: d.Delivery.After(a, nil, time.Now(), 0), Attempt: a, Done: func(err error) {
			if err == nil {
				h.ok.Add(1)
			}
			h.done.Done()
		}})
	}
}

// BenchmarkAppendFinish is the whole stored life of a message with one endpoint: message,
// delivery and attempt, 1 KiB of payload, each acknowledged when it is flushed. One
// operation is one message. Set HOOKLOFT_BENCH_DIR to measure another disk than the
// temporary directory's.
func BenchmarkAppendFinish(b *testing.B) {
	for _, producers := range []int{1, 64, 256} {
		for _, keyed := range []bool{false, true} {
			b.Run(fmt.Sprintf("producers=%d/keys=%v", producers, keyed), func(b *testing.B) { benchAppendFinish(b, producers, 1<<10, keyed, false) })
		}
	}
}

// BenchmarkAppendFinishSealed is the same with and without sealed content, and with larger
// payloads. Compare messages/s, CPU-us (of the whole process, for one message) and the
// bytes on disk.
func BenchmarkAppendFinishSealed(b *testing.B) {
	for _, payload := range []int{1 << 10, 64 << 10} {
		for _, sealed := range []bool{false, true} {
			b.Run(fmt.Sprintf("payload=%d/sealed=%v", payload, sealed), func(b *testing.B) { benchAppendFinish(b, 256, payload, false, sealed) })
		}
	}
}

func benchAppendFinish(b *testing.B, producers, payloadBytes int, keyed, sealed bool) {
	ctx := context.Background()
	dir := b.TempDir()
	if base := os.Getenv("HOOKLOFT_BENCH_DIR"); base != "" {
		var err error
		if dir, err = os.MkdirTemp(base, "bench"); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { os.RemoveAll(dir) })
	}
	s := openTest(b, dir)
	h := &admitAll{s: s, outcomes: make(chan store.Due, b.N)}
	s.Attach(h)
	env, apps := testCatalogData(b, s.catalog, 1)
	_, err := s.UpdateEnvironment(ctx, env.ID, func(e *hook.Environment) error { e.Settings.SealContent = sealed; return nil })
	if err != nil {
		b.Fatal(err)
	}
	plan, err := s.PlanOf(ctx, apps[0].ID)
	if err != nil {
		b.Fatal(err)
	}
	payload := bytes.Repeat([]byte("0123456789abcdef"), payloadBytes/16)
	h.done.Add(b.N)
	go h.deliver()
	var next atomic.Int64
	var all sync.WaitGroup
	cpu := cpuTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	for range producers {
		all.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				p := &store.Publication{
					Message:     &hook.Message{Environment: plan.Environment.ID, Application: plan.Application.ID, EventType: "invoice.paid", Payload: payload},
					Deliveries:  []hook.Delivery{{Endpoint: plan.Endpoints[0].ID}},
					PlanVersion: plan.Version,
				}
				if keyed {
					h := eventIDHash(1, fmt.Sprint(n))
					p.Key = &store.IdempotencyKey{Hash: h, Life: time.Hour}
				}
				if _, err := s.Append(ctx, p); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	accepted := b.Elapsed()
	h.done.Wait()
	b.StopTimer()
	close(h.outcomes)
	if h.ok.Load() != int64(b.N) {
		b.Fatalf("%d outcomes stored, want %d", h.ok.Load(), b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64(b.N)/accepted.Seconds(), "accepted/s")
	b.ReportMetric(float64(s.writer.batch), "batches")
	b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/1000/float64(b.N), "CPU-us")
	pages, _, err := queryInt(s.writer.pens[s.writer.newest.segmentFile].conn, "PRAGMA page_count")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(pages*4096)/float64(b.N)-float64(payloadBytes), "disk-bytes-beside-payload")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkBacklog makes b.N deliveries due at 1,000 endpoints and opens the store again
// as after a crash. Run it with -benchtime 1000000x. One operation is one message.
func BenchmarkBacklog(b *testing.B) {
	ctx := context.Background()
	dir := b.TempDir()
	s := openTest(b, dir)
	_, apps := testCatalogData(b, s.catalog, 1)
	plan, err := s.PlanOf(ctx, apps[0].ID)
	if err != nil {
		b.Fatal(err)
	}
	payload := bytes.Repeat([]byte("0123456789abcdef"), 16)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range 512 {
		all.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				_, err := s.Append(ctx, &store.Publication{
					Message:     &hook.Message{Environment: plan.Environment.ID, Application: plan.Application.ID, EventType: "invoice.paid", Payload: payload},
					Deliveries:  []hook.Delivery{{Endpoint: hook.EndpointID(1 + n%1000)}},
					PlanVersion: plan.Version,
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(rssMiB(b), "RSS-MiB")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	var size int64
	for _, seg := range s.segments {
		info, err := os.Stat(seg.path())
		if err != nil {
			b.Fatal(err)
		}
		size += info.Size()
	}
	b.ReportMetric(float64(size)/float64(b.N)-float64(len(payload)), "bytes/message-beside-payload")
	begin := time.Now()
	s = openTest(b, dir)
	b.ReportMetric(float64(time.Since(begin).Milliseconds()), "open-ms")
	times, err := s.DueTimes(ctx)
	if err != nil || len(times) != min(1000, b.N) {
		b.Fatalf("%d endpoints are due: %v", len(times), err)
	}
	b.ReportMetric(float64(time.Since(begin).Milliseconds()), "open+due-ms")
	begin = time.Now()
	claims := 0
	for _, t := range times[:min(100, len(times))] {
		due, _, err := s.Claim(ctx, t.Application, t.Endpoint, time.Now(), 100, nil)
		if err != nil || len(due) == 0 {
			b.Fatalf("claimed %d: %v", len(due), err)
		}
		claims++
	}
	b.ReportMetric(float64(time.Since(begin).Microseconds())/float64(claims), "us/claim-of-100")
	b.ReportMetric(rssMiB(b), "RSS-MiB-after-restart")
	b.ReportMetric(0, "ns/op")
}

// cpuTime is the processor time that this process has used, 0 where /proc does not tell.
func cpuTime(b *testing.B) time.Duration {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	// Behind the name in brackets: state, then eleven numbers, then user and system time in
	// hundredths of a second (proc(5)).
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// rssMiB is the resident memory of this process, 0 where /proc does not tell.
func rssMiB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		var kib float64
		if n, _ := fmt.Sscanf(string(line), "VmRSS: %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	b.Log("no VmRSS in /proc/self/status")
	return 0
}
