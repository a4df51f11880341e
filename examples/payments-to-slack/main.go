// Command payments-to-slack posts a line into a Slack channel for each invoice that is
// paid at Stripe, with Hookloft on both sides of it:
//
//	Stripe -> Hookloft source -> this program -> Hookloft application -> Slack
//
// The first half gives verified events, once each, also when this program was down; the
// second keeps to Slack's rate and repeats what Slack did not take. README.md has the commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8090", "where Hookloft finds this program")
	server := flag.String("hookloft", "http://127.0.0.1:8071", "URL of Hookloft")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	h := Hookloft{URL: *server, Token: os.Getenv("HOOKLOFT_TOKEN")}
	if err := run(ctx, os.Stdout, *listen, h, os.Getenv("WEBHOOK_SECRET"), os.Getenv("SLACK_WEBHOOK_URL")); err != nil {
		fmt.Fprintln(os.Stderr, "payments-to-slack:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. secret is that of the source's endpoint at Hookloft, not
// Stripe's; slackURL is the channel's incoming webhook.
func run(ctx context.Context, out io.Writer, listen string, h Hookloft, secret, slackURL string) error {
	handler, err := newHandler(h, secret)
	if err != nil {
		return err
	}
	if err := h.connect(ctx, slackURL); err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintf(out, "listening on http://%s\n", l.Addr())
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newHandler receives what Hookloft forwards from the source. It trusts the signature of
// Hookloft, which has checked that of Stripe.
func newHandler(h Hookloft, secret string) (http.Handler, error) {
	keys, err := webhook.ParseKeys(secret)
	if err != nil {
		return nil, fmt.Errorf("WEBHOOK_SECRET: %w", err)
	}
	verifier, err := webhook.NewStandard(keys, webhook.StandardOptions{})
	if err != nil {
		return nil, fmt.Errorf("WEBHOOK_SECRET: %w", err)
	}
	return webhook.NewHandler(verifier, func(ctx context.Context, m webhook.Message) error {
		p, err := parsePayment(m.Body)
		if err != nil {
			// No repeat makes it better, so it is taken, and told to whoever reads the log.
			slog.Error("not an event of Stripe", "message", m.ID, "err", err)
			return nil
		}
		if p == nil {
			return nil // another type of event
		}
		// An error makes Hookloft bring the event again.
		return h.publish(ctx, p.eventID, p.text())
	}, webhook.HandlerOptions{}), nil
}
