package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/client"
	"github.com/hookloft/hookloft/internal/server"
)

// originKey is the metadata that says what a thing was called on the server that it was
// moved from. Tokens of that server name applications by it.
const originKey = "svix.id"

// exitNotes are how many problems are told one by one.
const exitNotes = 50

type migrateFlags struct {
	from, fromToken, since string
	dryRun, messages       bool
}

func (p *program) migrate() *cobra.Command {
	return p.group(&cobra.Command{
		Use: "migrate", Short: "Move here from another server",
		Example: "  hookloft migrate svix --from https://svix.example.com --from-token @svix.token --dry-run",
	}, p.migrateSvix())
}

func (p *program) migrateSvix() *cobra.Command {
	var f migrateFlags
	cmd := &cobra.Command{
		Use:   "svix --from URL --from-token TOKEN [flags]",
		Short: "Copy event types, applications, endpoints and secrets from a Svix-compatible server",
		Long: `Copy event types, applications and endpoints, with their signing secrets, from a server
that speaks the Svix API. It reads there and changes nothing there. Run it as often as
you like: what is here already and the same is left alone, what differs is made as it is
there, and nothing is deleted here. Ids are new; metadata "svix.id" holds the old one,
so tokens that name an application by its old id find it (see --jwt-secret of 'serve').

With --messages the messages of the time since --since are kept, too, with their old id
as the tag svix/ID. They are history: nothing is delivered again. Their time is the time
of the copy, and their attempts stay behind.

What the other server does not give away, such as values of headers that hold
credentials, is listed at the end, and the exit code is 6.`,
		Example: `  hookloft migrate svix --from https://svix.example.com --from-token @svix.token --dry-run
  hookloft migrate svix --from https://svix.example.com --from-token @svix.token
  hookloft migrate svix --from http://localhost:8071 --from-token @svix.token --messages --since 30d`,
		Args: arguments(),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "`URL` of the server to copy from.")
	flags.StringVar(&f.fromToken, "from-token", "", "`TOKEN` for it, @FILE that holds it, or - for standard input.")
	flags.BoolVar(&f.dryRun, "dry-run", false, "Only show what would be copied.")
	flags.BoolVar(&f.messages, "messages", false, "Copy messages, too, without delivering them.")
	flags.StringVar(&f.since, "since", "30d", "How far `BACK` messages are copied: 12h, 30d, or a moment.")
	return p.remote(cmd, func(r *remote, _ []string) error {
		m, err := r.newMigration(&f)
		if err != nil {
			return err
		}
		return m.run()
	})
}

// migration is one run of the command.
type migration struct {
	*remote
	source *client.Client
	dryRun bool
	// since is from when on messages are copied; zero for none.
	since time.Time
	// until is the beginning of the run: what comes later is for the next one.
	until time.Time

	done     []moved
	problems []problem
	same     int64
	copied   int64 // messages
	gone     int64 // messages whose content the source no longer has
}

// moved is one thing that was copied, or would be.
type moved struct {
	Action string   `json:"action"` // create or update
	Kind   string   `json:"kind"`
	Name   string   `json:"name"`
	Fields []string `json:"fields,omitempty"` // that an update changes
}

// problem is something that was not copied.
type problem struct{ what, why string }

func (r *remote) newMigration(f *migrateFlags) (*migration, error) {
	from, token := f.from, f.fromToken
	if from == "" {
		return nil, usagef("--from is missing: the URL of the server to copy from")
	}
	if token != "" {
		var err error
		if token, err = r.secretText("--from-token", token); err != nil {
			return nil, err
		}
	}
	if token == "" {
		return nil, usagef("--from-token is missing: @FILE with a token of the server to copy from")
	}
	if strings.TrimRight(from, "/") == r.Server() && token == r.target.token {
		return nil, usagef("--from names the server and environment to copy to")
	}
	m := &migration{remote: r, dryRun: f.dryRun, until: time.Now()}
	if f.messages {
		var err error
		if m.since, err = timeAgo("--since", f.since, m.until); err != nil {
			return nil, err
		}
	}
	var err error
	m.source, err = client.New(from, token, client.Options{UserAgent: "hookloft-cli/" + server.ReadBuild().Version, Trace: r.trace})
	if err != nil {
		return nil, usagef("--from: %w", err)
	}
	return m, nil
}

func (m *migration) run() error {
	if err := m.eventTypes(); err != nil {
		return m.stopped(err)
	}
	if err := m.applications(); err != nil {
		return m.stopped(err)
	}
	return m.report()
}

// stopped says how far a run came that could not go on.
func (m *migration) stopped(err error) error {
	if len(m.done) == 0 || m.dryRun || m.ctx.Err() != nil {
		return err
	}
	return partialf("%s copied, then: %s; run it again to go on", plural(int64(len(m.done)), "thing"), strings.TrimSpace(explain(err)))
}

// note records what was done, or in a dry run would be.
func (m *migration) note(action, kind, name string, fields ...string) {
	m.done = append(m.done, moved{action, kind, name, fields})
}

// lacks records what was not copied.
func (m *migration) lacks(what, format string, args ...any) {
	m.problems = append(m.problems, problem{what, fmt.Sprintf(format, args...)})
}

// refused records that the target would not take something; other errors end the run.
func (m *migration) refused(what string, err error) error {
	if e, ok := errors.AsType[*client.Error](err); ok && (e.Status == 400 || e.Status == 409 || e.Status == 413 || e.Status == 422) {
		m.lacks(what, "%s", strings.TrimSpace(explain(err)))
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (m *migration) report() error {
	if m.out.format != formatTable {
		if err := printRows(m.remote, view[moved]{id: func(v moved) string { return v.Name }}, encoded(m.done)); err != nil {
			return err
		}
	} else {
		marks := map[string]string{actionCreate: m.paint.green("+"), actionUpdate: m.paint.yellow("~")}
		for _, v := range m.done {
			line := fmt.Sprintf("%s %s %s", marks[v.Action], v.Kind, cell(v.Name))
			if len(v.Fields) > 0 {
				line += " (" + cell(strings.Join(v.Fields, ", ")) + ")"
			}
			if err := m.out.line(line); err != nil {
				return err
			}
		}
	}
	verb := "copied"
	if m.dryRun {
		verb = "to copy"
	}
	summary := fmt.Sprintf("%s %s, %s the same already", plural(int64(len(m.done)), "thing"), verb, plural(m.same, "thing"))
	if !m.since.IsZero() {
		summary += fmt.Sprintf("; %s %s", plural(m.copied, "message"), verb)
		if m.gone > 0 {
			summary += fmt.Sprintf(", %s without content left out", plural(m.gone, "message"))
		}
	}
	m.notef("%s", summary)
	if len(m.problems) == 0 {
		return nil
	}
	for i, p := range m.problems {
		if i == exitNotes {
			m.warnf("and %d more", len(m.problems)-exitNotes)
			break
		}
		m.warnf("not copied: %s: %s", p.what, p.why)
	}
	return partialf("%s not copied", plural(int64(len(m.problems)), "thing"))
}
