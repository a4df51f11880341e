// Command receivers is a small webhook receiver: it verifies the signature, passes
// over messages that it has seen, prints the event and answers 204. Beside it are
// the same receiver for Node.js and for Python, without a library.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

func main() {
	port := flag.Int("port", 8080, "port on 127.0.0.1 to listen on; 0 means any that is free")
	flag.Parse()
	if err := serve(*port, os.Getenv("WEBHOOK_SECRET")); err != nil {
		log.Fatal(err)
	}
}

func serve(port int, secret string) error {
	keys, err := webhook.ParseKeys(secret)
	if err != nil {
		return fmt.Errorf("WEBHOOK_SECRET: %w", err)
	}
	verifier, err := webhook.NewStandard(keys, webhook.StandardOptions{})
	if err != nil {
		return fmt.Errorf("WEBHOOK_SECRET: %w", err)
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	server := &http.Server{
		Handler:     webhook.NewHandler(verifier, printEvent, webhook.HandlerOptions{}),
		ReadTimeout: 10 * time.Second,
	}
	return server.Serve(listener)
}

// printEvent stands for what you want to do with an event. An error makes the
// sender send it again.
func printEvent(_ context.Context, m webhook.Message) error {
	_, err := fmt.Printf("event %s: %s\n", m.ID, m.Body)
	return err
}
