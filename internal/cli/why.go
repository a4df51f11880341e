package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

func (p *program) why() *cobra.Command {
	return p.remote(&cobra.Command{
		Use: "why ID [flags]", Short: "Say in plain words what became of a message, an attempt or an endpoint",
		Example: `  hookloft why msg_2yZwUHtAMdZbRfDKkBVMTFabcde
  hookloft why atmpt_2yZwUHtAMdZbRfDKkBVMTFabcde --output json`,
		Args: arguments("ID"),
	}, func(r *remote, args []string) error {
		var raw json.RawMessage
		if err := r.call(http.MethodGet, client.Path("/x/v1/why/{}", args[0]), nil, &raw); err != nil {
			return missing(err, "there is no message, attempt or endpoint %q", args[0])
		}
		switch r.out.format {
		case formatTable:
		case formatID:
			return printOne(r, view[api.WhyOut]{id: func(w api.WhyOut) string { return w.ID }}, raw)
		default:
			return r.out.value(raw)
		}
		var w api.WhyOut
		if err := json.Unmarshal(raw, &w); err != nil {
			return err
		}
		return r.printWhy(w)
	})
}

// printWhy prints a verdict: the sentence, what to do, and the facts behind it.
func (r *remote) printWhy(w api.WhyOut) error {
	var b strings.Builder
	paint := r.paint.bold
	if w.Reason != "" {
		paint = r.paint.red
	}
	fmt.Fprintln(&b, paint(visible(w.Verdict)))
	if next := orEmpty(w.NextStep); next != "" {
		fmt.Fprintln(&b, "-> "+visible(next))
	}
	if _, err := fmt.Fprint(r.Out, b.String()); err != nil {
		return err
	}
	if len(w.Facts) > 0 {
		fmt.Fprintln(r.Out)
		t := r.out.table()
		for _, f := range w.Facts {
			t.row(f.Name+":", f.Value)
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if err := r.printDeliveries(w.Deliveries); err != nil {
		return err
	}
	if len(w.Failures) > 0 {
		fmt.Fprintln(r.Out)
		t := r.out.table()
		t.row("FAILURES OF THE LAST 24 HOURS", "COUNT", "WHAT IT MEANS", "WHAT HELPS")
		for _, f := range w.Failures {
			t.row(f.Reason, thousands(f.Count), f.Words, f.NextStep)
		}
		return t.flush()
	}
	return nil
}

// printDeliveries prints what became of a message at each endpoint; where there is one
// only, the verdict above has said why.
func (r *remote) printDeliveries(list []api.WhyDelivery) error {
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintln(r.Out)
	t := r.out.table()
	t.row("ENDPOINT", "URL", "STATE", "ATTEMPTS", "REASON", "NEXT ATTEMPT")
	for _, d := range list {
		next := ""
		if d.NextAttempt != nil {
			next = moment(*d.NextAttempt)
		}
		t.row(d.EndpointID, d.URL, d.State, thousands(int64(d.Attempts)), d.Reason, next)
	}
	if err := t.flush(); err != nil || len(list) == 1 {
		return err
	}
	for _, d := range list {
		if d.Reason == "" {
			continue
		}
		fmt.Fprintf(r.Out, "\n%s: %s\n", cell(d.EndpointID), cell(d.Verdict))
		if next := orEmpty(d.NextStep); next != "" {
			fmt.Fprintln(r.Out, "-> "+cell(next))
		}
	}
	return nil
}
