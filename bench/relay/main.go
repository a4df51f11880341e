// Command relay is the ceiling that hookloft is measured against. It is a
// benchmark tool and nothing else: no tokens are checked, nothing is retried,
// nothing can be listed, and what it wrote is never read again.
//
// It does the least that any durable webhook sender must do, with the same
// libraries: accept a POST with the API's JSON envelope over net/http, put it on
// disk (one file, reserved in advance; one writer that flushes everything queued
// with one fdatasync), answer 202, sign for each endpoint, POST on with net/http
// from 64 workers, and append the outcome without waiting for it. What a product
// adds to that, it pays for; the ratio of the two is the figure to look at.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/hookloft/hookloft/webhook"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9200", "address (loopback)")
	targets := flag.String("targets", "http://127.0.0.1:9100/0", "endpoint URLs, separated by commas")
	path := flag.String("log", "relay.log", "log file; created, reserved, and overwritten in a ring")
	reserve := flag.Int64("reserve", 256<<20, "bytes to reserve for the log")
	workers := flag.Int("workers", 64, "deliveries in flight")
	secret := flag.String("webhook-secret", "", "secret of GitHub's webhooks on /in/")
	flag.Parse()
	if err := run(*listen, *targets, *path, *secret, *reserve, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

func run(listen, targets, path, secret string, reserve int64, workers int) error {
	log, err := openLog(path, reserve)
	if err != nil {
		return err
	}
	var endpoints []endpoint
	for url := range strings.SplitSeq(targets, ",") {
		signer, err := webhook.NewSigner(webhook.GenerateSymmetric())
		if err != nil {
			return err
		}
		endpoints = append(endpoints, endpoint{url: url, signer: signer})
	}
	r := newRelay(log, endpoints, workers)
	if secret != "" {
		if r.verifier, err = webhook.Provider("github", webhook.Config{Secrets: []string{secret}}); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	return http.Serve(l, r.routes())
}
