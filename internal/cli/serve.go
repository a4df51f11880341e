package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/internal/server"
)

func (p *program) serve() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Run the server",
		Long: `Run the server until SIGTERM or Ctrl-C; it then drains and exits 0.

One line on standard output says that it is ready; logs go to standard error.`,
		Example: `  hookloft serve --data /var/lib/hookloft
  hookloft serve --listen :443 --tls-cert chain.pem --tls-key key.pem --public-url https://hooks.example.com
  hookloft serve --config /etc/hookloft.toml`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.settings(cmd, nil)
			if err != nil {
				return err
			}
			return server.Serve(cmd.Context(), c.Config, server.Output{Out: p.Out, Log: p.Err})
		},
	}
	addKnobs(cmd)
	return cmd
}

func (p *program) dev() *cobra.Command {
	var seed bool
	var rate int
	cmd := &cobra.Command{
		Use:   "dev [flags]",
		Short: "Try it: a server with an inbox and a first message",
		Long: `Run a server to try things: endpoints on this machine and plain http are allowed,
a demo application has an inbox, and each delivery to it is verified and printed here.

Without --data, what it stores is in a temporary directory that is removed at the end.

With --seed there is more to look at: some applications with endpoints that work, are
slow, fail and wait in many ways, a catalogue of event types, sources with genuine and
forged requests, and traffic that goes on. The receivers are in this process, on loopback.
All of it is made through the API and was really sent: what charts show begins with the
start, and nothing older is made up. A store is seeded once.`,
		Example: `  hookloft dev
  hookloft dev --listen 127.0.0.1:9000 --data ./playground
  hookloft dev --seed
  hookloft dev --seed --seed-rate 0 --data ./lively`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.settings(cmd, devDefaults())
			if err != nil {
				return err
			}
			if c.Origin["data"] == "" {
				c.Data = "" // a temporary directory
			}
			if !seed {
				if cmd.Flags().Changed("seed-rate") {
					return usagef("--seed-rate needs --seed")
				}
				return server.Dev(cmd.Context(), c.Config, server.Output{Out: p.Out, Log: p.Err}, nil)
			}
			switch {
			case rate < 0 || rate > server.MaxSeedRate:
				return usagef("--seed-rate must be 0 to %d messages a second", server.MaxSeedRate)
			case c.TLSCert != "":
				return usagef("--seed needs a server without --tls-cert")
			}
			w := p.Err
			if !isTerminal(p.Err) {
				fmt.Fprintln(p.Err, "seeding the store; it takes some seconds")
				w = io.Discard
			}
			bar := newProgress(w, true, "seeding", 0, time.Now)
			defer bar.end()
			return server.Dev(cmd.Context(), c.Config, server.Output{Out: p.Out, Log: p.Err}, &server.Seeding{
				Rate:     rate,
				Progress: func(done, total int64) { bar.update(done, total, 0) },
				Done:     bar.end,
			})
		},
	}
	cmd.Flags().BoolVar(&seed, "seed", false, "Fill the store with something to look at, once, and keep traffic going.")
	cmd.Flags().IntVar(&rate, "seed-rate", server.DefaultSeedRate, fmt.Sprintf("Messages a second that follow the seeding, 0 to %d.", server.MaxSeedRate))
	addKnobs(cmd)
	for name, text := range devDefaults() {
		cmd.Flags().Lookup(name).DefValue = text
	}
	cmd.Flags().Lookup("data").DefValue = "a temporary directory"
	return cmd
}

// devDefaults are the settings in which dev differs from serve.
func devDefaults() map[string]string {
	return map[string]string{"allow-http": "true", "egress-allow": "127.0.0.0/8,::1/128", "log-level": "warn"}
}
