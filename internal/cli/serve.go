package cli

import (
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
	cmd := &cobra.Command{
		Use:   "dev [flags]",
		Short: "Try it: a server with an inbox and a first message",
		Long: `Run a server to try things: endpoints on this machine and plain http are allowed,
a demo application has an inbox, and each delivery to it is verified and printed here.

Without --data, what it stores is in a temporary directory that is removed at the end.`,
		Example: `  hookloft dev
  hookloft dev --listen 127.0.0.1:9000 --data ./playground`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.settings(cmd, devDefaults())
			if err != nil {
				return err
			}
			if c.Origin["data"] == "" {
				c.Data = "" // a temporary directory
			}
			return server.Dev(cmd.Context(), c.Config, server.Output{Out: p.Out, Log: p.Err})
		},
	}
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
