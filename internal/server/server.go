// Package server is the one room that knows all others: it turns a configuration into
// workers with small options, and owns the order in which they start and stop.
//
// Where things are: run.go starts and drains; open.go opens the store with its keys;
// listen.go, certificate.go, health.go and metrics.go are what a network sees besides
// the API, and clients.go keeps idle ones from shutting out others; inbound.go is the door for
// webhooks of providers; admin*.go is the operator's way in while a server runs; archive.go is
// backup and restore; dev.go, inbox.go and seeding.go are the playground.
//
// Promise: a stop on request ends within config.MaxDrain with nothing lost, and a
// process that was killed instead finds the same messages at its next start.
package server

import (
	"context"
	"io"
	"log/slog"

	"github.com/hookloft/hookloft/internal/config"
)

// Output is where a server writes.
type Output struct {
	Out io.Writer // the ready line
	Log io.Writer // log lines
}

// Serve runs a server until ctx ends, then drains it. It returns nil after a clean
// stop, and an error when the server could not start or broke.
func Serve(ctx context.Context, c *config.Config, out Output) error {
	return run(ctx, c, out, nil)
}

func newLog(c *config.Config, w io.Writer) *slog.Logger {
	var level slog.Level
	// One of the names that slog knows: config has checked it.
	_ = level.UnmarshalText([]byte(c.LogLevel))
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
