//go:build unix

// Command load publishes messages for the benchmarks, or sends webhooks as GitHub does
// (-webhook-secret): in a closed loop (each of
// -c publishers sends its next message when the last is acknowledged) or at a
// held rate (-rate, an open loop). It is a benchmark tool, not an HTTP client for
// anything else: it speaks just enough HTTP/1.1 over kept raw connections to leave
// the processor to the program that is measured.
//
// Latencies at a held rate count from the time at which a message was due to be
// sent, not from when a connection was free: a server that stalls cannot make the
// generator politely wait (coordinated omission). Each message is sent once; what was
// not acknowledged is counted, not repeated.
//
// The result is JSON on standard output.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	var p plan
	flag.StringVar(&p.addr, "addr", "127.0.0.1:8071", "server address (loopback)")
	flag.StringVar(&p.path, "path", "/api/v1/app/bench/msg", "path of message create")
	flag.StringVar(&p.token, "token", os.Getenv("HOOKLOFT_TOKEN"), "API token; default from HOOKLOFT_TOKEN")
	flag.StringVar(&p.webhookSecret, "webhook-secret", "", "send GitHub's webhooks, signed with this secret, instead of publishing")
	flag.StringVar(&p.eventType, "event-type", "bench.event", "event type")
	flag.IntVar(&p.publishers, "c", 64, "publishers, each with a connection of its own")
	flag.IntVar(&p.count, "n", 100_000, "messages in all")
	flag.IntVar(&p.rate, "rate", 0, "messages per second; 0 is a closed loop")
	flag.IntVar(&p.size, "size", 1024, "payload bytes")
	flag.IntVar(&p.keys, "keys", 0, "payloads have one of so many different texts under pad (up to 10000); 0 for all the same")
	flag.Int64Var(&p.firstSeq, "first", 0, "number of the first message")
	flag.DurationVar(&p.limit, "limit", 5*time.Minute, "give up after this time")
	flag.Parse()

	result, err := p.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(result)
}
