// Command receiver is the sink of the benchmarks: it answers 200 to every POST (but for those
// that it was told to answer 500) and records, per endpoint and message, the first receipt and any duplicate. It
// is a benchmark tool, not a web server: it speaks just enough HTTP/1.1 over raw
// connections to leave the processor to the program that is measured.
//
// Deliveries go to -listen, at a path /N for endpoint N (0 <= N < -endpoints). The control
// address answers GET /stats with JSON and POST /reset.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/hookloft/hookloft/bench/measure"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9100", "address for deliveries (loopback)")
	control := flag.String("control", "127.0.0.1:9101", "address for GET /stats and POST /reset")
	endpoints := flag.Int("endpoints", 1, "how many endpoints: paths /0 to /N-1")
	messages := flag.Int("messages", 1<<20, "highest message number plus one")
	delay := flag.Duration("delay", 0, "wait before each answer")
	latency := flag.Bool("latency", true, "remember how long each delivery took")
	var f failures
	flag.Int64Var(&f.first, "fail-first", 0, "answer 500 to the first delivery of one in so many messages; 0 for none")
	flag.Int64Var(&f.always, "fail-always", 0, "answer 500 to every delivery of one in so many messages at endpoint 0; 0 for none")
	flag.IntVar(&f.down, "down", -1, "answer 500 to all at this endpoint")
	flag.Parse()

	s := newSink(*endpoints, *messages, *delay)
	s.failures, s.noLatency = f, !*latency
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.stats())
	})
	mux.HandleFunc("POST /reset", func(w http.ResponseWriter, r *http.Request) { s.reset() })
	go func() {
		if err := http.ListenAndServe(*control, mux); err != nil {
			fmt.Fprintln(os.Stderr, "receiver:", err)
			os.Exit(1)
		}
	}()
	if err := s.serve(l); err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	}
}

// Stats is what GET /stats answers.
type Stats struct {
	Requests   int64 `json:"requests"`
	Distinct   int64 `json:"distinct"` // deliveries: (endpoint, message) pairs
	Duplicates int64 `json:"duplicates"`
	Strange    int64 `json:"strange"` // not one of our payloads or paths; answered 400
	// FirstNanos and LastNanos are wall-clock times of the first and the last first
	// receipt, so that a rate needs no polling of this program.
	FirstNanos int64 `json:"first_ns"`
	LastNanos  int64 `json:"last_ns"`
	// Latency is from the publish time in the payload to the first receipt.
	Latency measure.Latency `json:"latency"`
}
