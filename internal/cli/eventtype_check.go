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

// checkEventType compares a payload with the schema of an event type.
func (p *program) checkEventType() *cobra.Command {
	return p.remote(&cobra.Command{
		Use: "check NAME PAYLOAD [flags]", Short: "Compare a payload with the schema of an event type",
		Long: `Compare a payload with the newest schema of an event type; nothing is published. PAYLOAD
is text, @FILE, or - for standard input. Fails with exit code 1 when it does not follow.`,
		Example: "  hookloft event-types check invoice.paid '{\"amount\": 5}'\n  hookloft event-types check invoice.paid @invoice.json",
		Args:    arguments("NAME", "PAYLOAD"),
	}, func(r *remote, args []string) error {
		payload, err := p.body("PAYLOAD", args[1])
		if err != nil {
			return err
		}
		if !json.Valid(payload) {
			return usagef("PAYLOAD is not JSON")
		}
		var raw json.RawMessage
		if err := r.call(http.MethodPost, client.Path("/x/v1/event-type/{}/validate", args[0]), api.EventTypeValidateIn{Payload: payload}, &raw); err != nil {
			return missing(err, "there is no event type %q; 'hookloft event-types list' lists them", args[0])
		}
		var out api.EventTypeValidateOut
		if err := json.Unmarshal(raw, &out); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if r.out.format != formatTable {
			err = r.out.value(raw)
		} else if out.Valid {
			err = r.out.line("The payload follows version " + out.SchemaVersion + " of the schema.")
		} else {
			for _, e := range out.Errors {
				if err = r.out.line(cell(strings.Join(e.Loc[min(1, len(e.Loc)):], ".") + ": " + e.Msg)); err != nil {
					break
				}
			}
		}
		if err != nil {
			return err
		}
		if !out.Valid {
			return fmt.Errorf("the payload does not follow version %s of the schema", out.SchemaVersion)
		}
		return nil
	})
}
