package send

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/egress"
	"github.com/hookloft/hookloft/internal/hook"
)

// sink is a bare receiver: it finds the end of each request and writes the same answer.
func sink(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReaderSize(c, 8<<10)
				answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Fri, 20 Nov 2026 12:00:00 GMT\r\nContent-Length: 2\r\n\r\nok")
				for {
					length := 0
					for {
						line, err := in.ReadSlice('\n')
						if err != nil {
							return
						}
						if len(line) <= 2 {
							break
						}
						if n, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
							length, _ = strconv.Atoi(string(bytes.TrimSpace(n)))
						}
					}
					if _, err := in.Discard(length); err != nil {
						return
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func benchJob(address string) Job {
	job := newJob("http://" + address + "/hook")
	job.Message.Payload = []byte(`{"pad":"` + strings.Repeat("a", 1014) + `"}`)
	return job
}

func benchDialer(b *testing.B) *egress.Dialer {
	g, err := egress.NewGuard(egress.Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		b.Fatal(err)
	}
	return egress.NewDialer(g, egress.Options{})
}

// BenchmarkSend makes whole attempts: sign, post 1 KiB, read, judge. The sink runs in
// the same process and is part of the time.
func BenchmarkSend(b *testing.B) {
	for _, parallel := range []int{1, 32} {
		b.Run(fmt.Sprintf("in_flight=%d", parallel), func(b *testing.B) {
			sender := New(benchDialer(b), Options{})
			defer sender.Close()
			job := benchJob(sink(b))
			ctx := b.Context()
			b.ReportAllocs()
			b.SetParallelism(parallel)
			run(b, parallel, func() error {
				if a := sender.Send(ctx, job); a.Outcome != hook.Success {
					return fmt.Errorf("%s %s", a.Reason, a.Error)
				}
				return nil
			})
		})
	}
}

// BenchmarkForward makes the same attempts of a webhook that was received, with ten
// fields, a path and a query.
func BenchmarkForward(b *testing.B) {
	sender := New(benchDialer(b), Options{})
	defer sender.Close()
	job := benchJob(sink(b))
	job.Message.RawBody, job.Message.Payload = job.Message.Payload, nil
	job.Message.Inbound = &hook.Inbound{Provider: "stripe", Path: "/a", Query: "b=c", Type: "invoice.paid", DeliveryID: "evt_1"}
	for i := range 10 {
		job.Message.Inbound.Header = append(job.Message.Inbound.Header, fmt.Sprintf("X-Field-%d", i), "value")
	}
	ctx := b.Context()
	b.ReportAllocs()
	run(b, 1, func() error {
		if a := sender.Send(ctx, job); a.Outcome != hook.Success {
			return fmt.Errorf("%s %s", a.Reason, a.Error)
		}
		return nil
	})
}

// BenchmarkNetHTTP does the same work with net/http's Transport, to compare.
func BenchmarkNetHTTP(b *testing.B) {
	for _, parallel := range []int{1, 32} {
		b.Run(fmt.Sprintf("in_flight=%d", parallel), func(b *testing.B) {
			transport := &http.Transport{
				DialContext: benchDialer(b).DialContext, MaxIdleConnsPerHost: 256, DisableCompression: true, IdleConnTimeout: time.Minute,
			}
			defer transport.CloseIdleConnections()
			job := benchJob(sink(b))
			p, err := prepare(job.Endpoint, job.Settings, "1", time.Now())
			if err != nil {
				b.Fatal(err)
			}
			client := &http.Client{Transport: transport, Timeout: 15 * time.Second}
			b.ReportAllocs()
			b.SetParallelism(parallel)
			run(b, parallel, func() error {
				r := newRequest(p, job, time.Now())
				defer r.release()
				req, err := http.NewRequestWithContext(b.Context(), "POST", job.Endpoint.URL, bytes.NewReader(r.body))
				if err != nil {
					return err
				}
				req.Header = r.header()
				resp, err := client.Do(req)
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				if _, err := io.ReadAll(io.LimitReader(resp.Body, hook.MaxStoredBody)); err != nil {
					return err
				}
				return nil
			})
		})
	}
}

func run(b *testing.B, parallel int, once func() error) {
	if parallel == 1 {
		for b.Loop() {
			if err := once(); err != nil {
				b.Fatal(err)
			}
		}
		return
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := once(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
