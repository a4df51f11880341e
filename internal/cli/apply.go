package cli

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"
)

func (p *program) apply() *cobra.Command {
	var file string
	var yes, dryRun, prune bool
	cmd := &cobra.Command{
		Use:   "apply --file FILE [flags]",
		Short: "Make event types, applications, sources and endpoints as files say",
		Long: `Compare YAML or JSON files with the server, show what would change, ask, and do it.
Things are found again by the name of an event type and the uid of the others. Only the
fields that stand in the files are compared; null clears one. A secret is used when the
endpoint is made, and after that rotated with 'hookloft endpoint rotate'. Other secrets are
set where something beside them changes, too: the server does not show them.

In YAML a text can stand elsewhere: !env NAME is an environment variable, and !file PATH
a file, beside the one that names it. A plan shows their names only.

    eventTypes:
      - name: invoice.paid
        description: An invoice was paid.
    applications:
      - uid: acme
        name: Acme
        endpoints:
          - uid: billing
            url: https://acme.example.com/hooks
            eventTypes: [invoice.paid]
          - uid: chat
            url: https://hooks.slack.com/services/...
            connector: {name: slack, variables: {text: "Paid: {{payload.amount}}"}}
    sources:
      - uid: stripe
        type: stripe
        config: {secret: !env STRIPE_SECRET}
        settings: {ratePerMinute: 600}
        endpoints:
          - uid: ledger
            url: https://ledger.example.com/in
            filter: {eventType: invoice.paid}
            transformation: {code: !file ledger.js}

With --prune, what the server has beside the files is deleted: event types (archived) where the
files have eventTypes, applications and sources where they have such a list, and the
endpoints of an application or a source whose endpoints they list.`,
		Example: `  hookloft apply -f hookloft.yaml --dry-run
  hookloft apply -f deploy/hookloft/ --yes
  hookloft apply -f hookloft.yaml --prune`,
		Args: arguments(),
	}
	flags := cmd.Flags()
	flags.StringVarP(&file, "file", "f", "", "`FILE`, directory of files, or - for standard input.")
	flags.BoolVar(&yes, "yes", false, "Do not ask.")
	flags.BoolVar(&dryRun, "dry-run", false, "Only show what would change.")
	flags.BoolVar(&prune, "prune", false, "Delete what is not in the files.")
	return p.remote(cmd, func(r *remote, _ []string) error {
		if file == "" {
			return usagef("--file is missing")
		}
		d, err := p.readDeclared(file)
		if err != nil {
			return err
		}
		plan, err := r.planFor(d, prune)
		if err != nil {
			return err
		}
		if err := r.printPlan(plan); err != nil {
			return err
		}
		if dryRun || len(plan.steps) == 0 {
			return nil
		}
		if err := r.confirm(yes, "Do this?"); err != nil {
			return err
		}
		return r.carryOut(plan)
	})
}

func (r *remote) printPlan(p *plan) error {
	if r.out.format != formatTable {
		return printRows(r, view[step]{id: func(s step) string { return s.Name }}, encoded(p.steps))
	}
	marks := map[string]string{actionCreate: r.paint.green("+"), actionUpdate: r.paint.yellow("~"), actionDelete: r.paint.red("-")}
	counts := map[string]int{}
	for _, s := range p.steps {
		counts[s.Action]++
		if _, err := fmt.Fprintf(r.Out, "%s %s %s\n", marks[s.Action], s.Kind, cell(s.Name)); err != nil {
			return err
		}
		for _, c := range s.Changes {
			to := short(cell(string(c.To)), 100)
			if s.Action == actionUpdate && c.From != nil {
				to = short(cell(string(c.From)), 100) + " -> " + to
			}
			fmt.Fprintf(r.Out, "    %s: %s\n", c.Field, to)
		}
	}
	if len(p.steps) == 0 {
		r.notef("nothing to change; %s as the files say", plural(p.unchanged, "thing"))
		return nil
	}
	r.notef("%d to create, %d to change, %d to delete, %d unchanged", counts[actionCreate], counts[actionUpdate], counts[actionDelete], p.unchanged)
	return nil
}

// encoded are values as JSON, one by one.
func encoded[T any](values []T) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for _, v := range values {
			raw, err := json.Marshal(v)
			if !yield(raw, err) || err != nil {
				return
			}
		}
	}
}

// carryOut does the steps in their order and stops at the first that fails: run again,
// the plan is what is left.
func (r *remote) carryOut(p *plan) error {
	total := int64(len(p.steps))
	g := r.progress("applying", 0)
	defer g.end()
	for i, s := range p.steps {
		for k, q := range s.requests {
			var body any
			if q.body != nil {
				body = q.body
			}
			err := r.call(q.method, q.path, body, nil)
			if err == nil {
				continue
			}
			g.end()
			isBack := r.takeBack(s, k)
			what := fmt.Sprintf("%s %s %s", s.Action, s.Kind, s.Name)
			if i == 0 && isBack {
				r.notef("%s failed; nothing was changed", what)
				return err
			}
			return partialf("%d of %s done; %s failed: %s", i, plural(total, "change"), visible(what), strings.TrimSpace(explain(err)))
		}
		g.update(int64(i+1), total, 0)
	}
	g.end()
	r.notef("done: %s", plural(total, "change"))
	return r.sayWhere(p)
}

// takeBack removes what a step has made before its request k failed, and reports whether
// all is as it was: half of an endpoint, which is disabled until it is whole, would be found
// and left alone by the next run.
func (r *remote) takeBack(s step, k int) bool {
	if s.undo == nil || k == 0 {
		return k == 0
	}
	if err := r.call(s.undo.method, s.undo.path, nil, nil); err != nil {
		r.notef("%s %s is there, but not as declared; remove it and run this again: %s", s.Kind, visible(s.Name), strings.TrimSpace(explain(err)))
		return false
	}
	return true
}
