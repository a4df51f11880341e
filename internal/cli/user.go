package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/internal/server"
)

const roleWords = "owner (everything, in every environment), developer (everything but people and API tokens), support (looks, sends again, tests and pauses) or viewer (looks, and sees no secret)"

func (p *program) user() *cobra.Command {
	cmds := []*cobra.Command{p.inviteUser(), p.listUsers(), p.setUserRole(), p.resetUser(), p.removeUser()}
	for _, c := range cmds {
		addKnobs(c, storeKnobs()...)
	}
	return p.group(&cobra.Command{Use: "user", Short: "People who sign in to the dashboard",
		Example: "  hookloft user invite ada@example.com --role developer\n  hookloft user list"}, cmds...)
}

func (p *program) inviteUser() *cobra.Command {
	in := server.NewUser{}
	c := &cobra.Command{
		Use:   "invite EMAIL [flags]",
		Short: "Invite somebody and print the link to hand over",
		Long: `Invite somebody and print, alone, the link by which they choose a password. It works once, for
seven days. Nothing is printed for who has a password already and gets one more environment.
Works while a server runs on the same data directory.`,
		Example: `  hookloft user invite ada@example.com --role owner
  hookloft user invite sam@example.com --role support --environment staging --name Sam`,
		Args: arguments("EMAIL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Email = args[0]
			return p.withAdmin(cmd, server.CreateMissing, func(ctx context.Context, a server.Admin) error {
				u, err := a.InviteUser(ctx, in)
				if err != nil {
					return err
				}
				return p.printLink(u)
			})
		},
	}
	c.Flags().StringVar(&in.Role, "role", "developer", "What they may do: "+roleWords+".")
	c.Flags().StringVar(&in.Environment, "environment", server.DefaultEnvironment, "Environment in which they have the role; it must exist.")
	c.Flags().StringVar(&in.Name, "name", "", "What they are called.")
	return c
}

func (p *program) printLink(u server.UserInfo) error {
	if u.Link == "" {
		fmt.Fprintf(p.Err, "%s has a password already and signs in with it\n", u.Email)
		return nil
	}
	_, err := fmt.Fprintln(p.Out, u.Link)
	return err
}

func (p *program) listUsers() *cobra.Command {
	return &cobra.Command{
		Use:     "list [flags]",
		Short:   "List who may sign in",
		Example: "  hookloft user list",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withAdmin(cmd, server.RefuseMissing, func(ctx context.Context, a server.Admin) error {
				all, err := a.Users(ctx)
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "EMAIL\tROLES\tLAST SEEN")
				for _, u := range all {
					seen := "never"
					if !u.SeenAt.IsZero() {
						seen = u.SeenAt.UTC().Format(time.RFC3339)
					}
					fmt.Fprintf(w, "%s\t%s\t%s\n", u.Email, strings.Join(u.Roles, " "), seen)
				}
				return w.Flush()
			})
		},
	}
}

func (p *program) setUserRole() *cobra.Command {
	var environment string
	c := &cobra.Command{
		Use:     "role EMAIL ROLE [flags]",
		Short:   "Give a user another role, which signs them out",
		Long:    "Give a user another role, which signs them out: " + roleWords + ".",
		Example: "  hookloft user role ada@example.com owner\n  hookloft user role sam@example.com viewer --environment staging",
		Args:    arguments("EMAIL", "ROLE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withAdmin(cmd, server.RefuseMissing, func(ctx context.Context, a server.Admin) error {
				u, err := a.SetRole(ctx, args[0], args[1], environment)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.Err, "%s is now %s\n", u.Email, strings.Join(u.Roles, " "))
				return nil
			})
		},
	}
	c.Flags().StringVar(&environment, "environment", server.DefaultEnvironment, "Environment in which they have the role.")
	return c
}

func (p *program) resetUser() *cobra.Command {
	return &cobra.Command{
		Use:     "reset EMAIL [flags]",
		Short:   "Print a link by which a user sets a new password",
		Long:    "Print, alone, a link by which a user sets a new password. The password before works until it is followed.",
		Example: "  hookloft user reset ada@example.com",
		Args:    arguments("EMAIL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withAdmin(cmd, server.RefuseMissing, func(ctx context.Context, a server.Admin) error {
				u, err := a.ResetUser(ctx, args[0])
				if err != nil {
					return err
				}
				return p.printLink(u)
			})
		},
	}
}

func (p *program) removeUser() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:     "remove EMAIL [flags]",
		Short:   "Remove a user from every environment, which signs them out",
		Example: "  hookloft user remove sam@example.com --yes",
		Args:    arguments("EMAIL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.confirm(cmd.Context(), yes, fmt.Sprintf("Remove user %q from every environment?", args[0])); err != nil {
				return err
			}
			return p.withAdmin(cmd, server.RefuseMissing, func(ctx context.Context, a server.Admin) error {
				if err := a.RemoveUser(ctx, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(p.Err, "removed user %s\n", args[0])
				return nil
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "Do not ask.")
	return c
}
