package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/internal/server"
	"github.com/hookloft/hookloft/webhook"
)

func (p *program) source() *cobra.Command {
	all := []*cobra.Command{p.createSource(), p.listSources(), p.rotateSource(), p.deleteSource()}
	for _, c := range all {
		// public-url and listen make the URL when no server runs.
		addKnobs(c, append(storeKnobs(), "public-url", "listen")...)
	}
	return p.group(&cobra.Command{
		Use: "source", Short: "Sources: URLs on which providers' webhooks arrive",
		Example: `  hookloft source create --type stripe --secret whsec_... --forward https://billing.example.com/hooks
  hookloft source list`,
	}, all...)
}

func (p *program) createSource() *cobra.Command {
	var in server.NewSource
	var given webhookFlags
	cmd := &cobra.Command{
		Use:   "create --type TYPE [--secret SECRET] --forward URL [flags]",
		Short: "Create a source and print its URL",
		Long: `Create a source and print its URL, alone, on standard output: give it to the provider.
Its webhooks are verified, stored, and forwarded to each --forward. 'hookloft providers'
lists the types and what each needs; generic-webhook is for everybody else, cron sends
a payload on a schedule, and poll watches a document for changes.

Works while a server runs on the same data directory. A secret on the command line is
visible to other users of the machine; --secret @FILE reads it from a file. Here --config
is about the provider: a file with settings of the server is named by HOOKLOFT_CONFIG.`,
		Example: `  hookloft source create --type stripe --secret @stripe.secret --forward https://billing.example.com/hooks
  URL=$(hookloft source create --type github --secret "$SECRET" --forward http://10.0.0.7:3000/ci --data /var/lib/hookloft)
  hookloft source create --type generic-webhook --config header=X-Signature --config prefix=sha256= --secret @key --forward https://example.com/in
  hookloft source create --type cron --config schedule='0 9 * * 1' --config payload='{"report":"weekly"}' --forward https://example.com/report
  hookloft source create --type poll --config url=https://status.example.org/api.json --config interval=1m --config value_path=status.indicator --forward https://example.com/status`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := given.fill(&in); err != nil {
				return err
			}
			c, err := p.settings(cmd, nil)
			if err != nil {
				return err
			}
			if err := server.CheckFirstSource(c.Config, in); err != nil {
				return sourceMisuse(in.Type, err)
			}
			return p.withSource(cmd, server.CreateMissing, func(ctx context.Context, a server.Admin) (server.SourceInfo, error) {
				s, err := a.CreateSource(ctx, in)
				return s, sourceMisuse(in.Type, err)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&in.Type, "type", "", "Name of a provider as 'hookloft providers' lists them, generic-webhook, cron or poll (see 'hookloft providers cron').")
	flags.StringArrayVar(&given.secrets, "secret", nil, "`SECRET` of the provider's webhooks, or @FILE that holds it. Repeatable: any may match.")
	flags.StringArrayVar(&given.settings, "config", nil, "`KEY=VALUE`: what else the scheme needs; 'hookloft providers NAME' lists it. Repeatable.")
	flags.StringArrayVar(&in.Forward, "forward", nil, "`URL` of the service that gets the webhooks. Repeatable.")
	flags.StringVar(&in.Name, "name", "", "What the source is for, to recognise it later.")
	flags.StringVar(&in.Environment, "environment", server.DefaultEnvironment, "Environment of the source; created when there is none of that name.")
	addKnobs(cmd, "egress-allow", "allow-http", "allow-internal-names")
	return cmd
}

// fill puts secrets and settings into a source whose type is set.
func (f *webhookFlags) fill(in *server.NewSource) error {
	switch {
	case in.Type == "":
		return usagef("--type is missing; 'hookloft providers' lists them")
	case len(in.Forward) == 0:
		return usagef("--forward is missing: the URL of the service that is to get the webhooks")
	}
	// Whether there is such a type is for the server to say.
	f.provider = genericProvider
	c, err := f.config()
	if err != nil {
		return err
	}
	in.Secrets, in.Config = c.Secrets, c.Settings
	if _, given := in.Config["payload"]; in.Type == cronSource && !given {
		return usagef("--config payload=TEXT is missing: what the schedule is to send")
	}
	return nil
}

// sourceMisuse says what is wrong with a source in the words of the command line.
func sourceMisuse(typ string, err error) error {
	if err == nil || !server.IsInvalid(err) {
		return err
	}
	text := err.Error()
	if _, known := webhook.FindPreset(typ); strings.HasPrefix(text, "type: is not") && !known {
		return unknownProvider(typ)
	}
	for _, word := range [...]struct{ field, flag string }{
		{"type: ", "--type: "}, {"name: ", "--name: "}, {"forward: ", "--forward: "}, {"config.secret: ", "--secret: "}, {"config.", "--config "},
	} {
		if rest, ok := strings.CutPrefix(text, word.field); ok {
			return usagef("%s%s", word.flag, rest)
		}
	}
	return &usageError{errors.New(text)}
}

// withSource does something that ends with a source, prints its URL alone on standard
// output, and what else there is to say on standard error.
func (p *program) withSource(cmd *cobra.Command, missing server.Missing, do func(context.Context, server.Admin) (server.SourceInfo, error)) error {
	c, err := p.settings(cmd, nil)
	if err != nil {
		return err
	}
	return p.withAdmin(cmd, missing, func(ctx context.Context, a server.Admin) error {
		s, err := do(ctx, a)
		if err != nil {
			return err
		}
		if s.URL == "" { // a schedule has none
			_, err = fmt.Fprintln(p.Out, s.ID)
			return err
		}
		fmt.Fprintf(p.Err, "source %s forwards to %s; whoever knows its URL can call it\n", s.ID, strings.Join(s.Forward, ", "))
		_, err = fmt.Fprintln(p.Out, s.At(c.PublicURL))
		return err
	})
}

func (p *program) listSources() *cobra.Command {
	return &cobra.Command{
		Use:     "list [flags]",
		Short:   "List sources with their URLs",
		Example: "  hookloft source list --data /var/lib/hookloft",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.settings(cmd, nil)
			if err != nil {
				return err
			}
			return p.withAdmin(cmd, server.RefuseMissing, func(ctx context.Context, a server.Admin) error {
				all, err := a.Sources(ctx)
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tTYPE\tENVIRONMENT\tNAME\tURL\tFORWARDS TO")
				for _, s := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Type, printable(s.Environment), printable(s.Name), orDash(s.At(c.PublicURL)), orDash(strings.Join(s.Forward, ", ")))
				}
				return w.Flush()
			})
		},
	}
}

func (p *program) rotateSource() *cobra.Command {
	return &cobra.Command{
		Use:     "rotate SOURCE [flags]",
		Short:   "Give a source a new URL and print it; the old one works for two more days",
		Example: "  hookloft source rotate src_2yZwUHtAMdZbRfDKkBVMTF",
		Args:    arguments("SOURCE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withSource(cmd, server.RefuseMissing, func(ctx context.Context, a server.Admin) (server.SourceInfo, error) {
				s, err := a.RotateSource(ctx, args[0])
				return s, sourceMisuse("", err)
			})
		},
	}
}

func (p *program) deleteSource() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "delete SOURCE [flags]",
		Short:   "Delete a source",
		Example: "  hookloft source delete src_2yZwUHtAMdZbRfDKkBVMTF --yes",
		Args:    arguments("SOURCE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			question := fmt.Sprintf("Delete source %q with what it received? Waiting deliveries are cancelled, and the provider gets 404.", args[0])
			if err := p.confirm(cmd.Context(), yes, question); err != nil {
				return err
			}
			return p.withAdmin(cmd, server.RefuseMissing, func(ctx context.Context, a server.Admin) error {
				if err := a.DeleteSource(ctx, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(p.Err, "deleted source %s\n", args[0])
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "Do not ask.")
	return cmd
}
