package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/internal/server"
)

func (p *program) prune() *cobra.Command {
	var before string
	var dryRun, yes bool
	cmd := &cobra.Command{
		Use:   "prune [flags]",
		Short: "Give space back now",
		Long: `Give the space back of what has expired, now instead of within a day; with --before also
of everything finished that was accepted before then. What is still to be delivered
stays. Works while a server runs on the same data directory.`,
		Example: `  hookloft prune --dry-run
  hookloft prune --before 30d --data /var/lib/hookloft`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var at time.Time
			if before != "" {
				var err error
				if at, err = timeAgo("--before", before, time.Now()); err != nil {
					return err
				}
			}
			if !at.IsZero() && !dryRun {
				question := fmt.Sprintf("Remove all finished messages that were accepted before %s, with their attempts?", moment(at))
				if err := p.confirm(cmd.Context(), yes, question); err != nil {
					return err
				}
			}
			return p.withAdmin(cmd, server.RefuseMissing, func(ctx context.Context, a server.Admin) error {
				done, err := a.Prune(ctx, at, dryRun)
				if server.IsInvalid(err) {
					return &usageError{err}
				}
				if err != nil {
					return err
				}
				verb := map[bool]string{true: "would free about", false: "freed"}[dryRun]
				fmt.Fprintf(p.Out, "%s %s: %s dropped, %d compacted; the data directory takes %s\n",
					verb, bytesText(done.FreedBytes), plural(int64(done.Dropped), "segment"), done.Compacted, bytesText(done.UsedBytes))
				if done.Postponed > 0 {
					return partialf("%s too busy; the server tries them again by itself", plural(int64(done.Postponed), "segment"))
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&before, "before", "", "`TIME`: how long ago (30d) or a moment; what is older and finished goes, whether it has expired or not.")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "Only say what would go.")
	cmd.Flags().BoolVar(&yes, "yes", false, "Do not ask.")
	addKnobs(cmd, storeKnobs()...)
	return cmd
}
