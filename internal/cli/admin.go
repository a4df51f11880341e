package cli

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/internal/server"
)

// withAdmin runs f on the store in the data directory: through the admin socket when
// a server has it, else by opening it.
func (p *program) withAdmin(cmd *cobra.Command, missing server.Missing, f func(context.Context, server.Admin) error) (err error) {
	c, err := p.settings(cmd, nil)
	if err != nil {
		return err
	}
	admin, err := server.OpenAdmin(cmd.Context(), c.Config, missing)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := admin.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("close store: %w", closeErr)
		}
	}()
	return f(cmd.Context(), admin)
}

func (p *program) token() *cobra.Command {
	var environment, name string
	create := &cobra.Command{
		Use:   "create [flags]",
		Short: "Create an API token and print it",
		Long: `Create an API token and print it, alone, on standard output. It is shown this once.
Works while a server runs on the same data directory.`,
		Example: `  hookloft token create
  TOKEN=$(hookloft token create --data /var/lib/hookloft --environment staging --name ci)`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withAdmin(cmd, server.CreateMissing, func(ctx context.Context, a server.Admin) error {
				token, err := a.CreateToken(ctx, environment, name)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(p.Out, token)
				return err
			})
		},
	}
	create.Flags().StringVar(&environment, "environment", server.DefaultEnvironment, "Environment of the token; created when there is none of that name.")
	create.Flags().StringVar(&name, "name", "", "What the token is for, to recognise it later.")
	addKnobs(create, storeKnobs()...)
	return p.group(&cobra.Command{Use: "token", Short: "API tokens", Example: "  hookloft token create"}, create)
}

func (p *program) environment() *cobra.Command {
	list := &cobra.Command{
		Use:     "list [flags]",
		Short:   "List environments",
		Example: "  hookloft environment list",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withAdmin(cmd, server.RefuseMissing, func(ctx context.Context, a server.Admin) error {
				all, err := a.Environments(ctx)
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "NAME\tID\tCREATED")
				for _, e := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\n", e.Name, e.ID, e.CreatedAt.UTC().Format(time.RFC3339))
				}
				return w.Flush()
			})
		},
	}
	create := &cobra.Command{
		Use:     "create NAME [flags]",
		Short:   "Create an environment and print its id",
		Example: "  hookloft environment create staging",
		Args:    arguments("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withAdmin(cmd, server.CreateMissing, func(ctx context.Context, a server.Admin) error {
				e, err := a.CreateEnvironment(ctx, args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(p.Out, e.ID)
				return err
			})
		},
	}
	var yes bool
	remove := &cobra.Command{
		Use:     "delete NAME [flags]",
		Short:   "Delete an environment with its tokens, applications, endpoints and sources",
		Example: "  hookloft environment delete staging --yes",
		Args:    arguments("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			question := fmt.Sprintf("Delete environment %q with its tokens, applications, endpoints and sources? Waiting deliveries are cancelled, and providers get 404.", args[0])
			if err := p.confirm(cmd.Context(), yes, question); err != nil {
				return err
			}
			return p.withAdmin(cmd, server.RefuseMissing, func(ctx context.Context, a server.Admin) error {
				if err := a.DeleteEnvironment(ctx, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(p.Err, "deleted environment %s\n", args[0])
				return nil
			})
		},
	}
	remove.Flags().BoolVar(&yes, "yes", false, "Do not ask.")
	for _, c := range []*cobra.Command{list, create, remove} {
		addKnobs(c, storeKnobs()...)
	}
	return p.group(&cobra.Command{Use: "environment", Short: "Environments: isolated spaces with their own tokens and applications",
		Example: "  hookloft environment list\n  hookloft environment create staging"}, list, create, remove)
}
