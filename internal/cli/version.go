package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/internal/server"
)

func (p *program) version() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version [flags]",
		Short:   "Print the version",
		Example: "  hookloft version\n  hookloft version --json",
		Args:    arguments(),
		RunE: func(*cobra.Command, []string) error {
			b := server.ReadBuild()
			if asJSON {
				return json.NewEncoder(p.Out).Encode(b)
			}
			_, err := fmt.Fprintf(p.Out, "hookloft %s (%s, %s)\n", b.Version, b.Revision, b.Go)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print as JSON.")
	return cmd
}

func (p *program) config() *cobra.Command {
	show := &cobra.Command{
		Use:   "print [flags]",
		Short: "Print every setting with its value, default and reason",
		Long:  "Print the settings that a server would have, as a TOML file with every key explained. Secrets are left out.",
		Example: `  hookloft config print > hookloft.toml
  hookloft config print --config /etc/hookloft.toml`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.settings(cmd, nil)
			if err != nil {
				return err
			}
			return c.Print(p.Out)
		},
	}
	check := &cobra.Command{
		Use:     "check [flags]",
		Short:   "Check file, environment and flags without starting anything",
		Example: "  hookloft config check --config /etc/hookloft.toml",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := p.settings(cmd, nil)
			return err
		},
	}
	addKnobs(show)
	addKnobs(check)
	return p.group(&cobra.Command{Use: "config", Short: "Settings", Example: "  hookloft config print"}, show, check)
}
