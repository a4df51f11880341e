package cli

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

// verifyEndpoint asks the receiver of an endpoint whether it agrees to be sent to.
func (p *program) verifyEndpoint() *cobra.Command {
	var method string
	cmd := &cobra.Command{
		Use: "verify ENDPOINT [flags]", Short: "Ask an endpoint's receiver whether it agrees to be sent to",
		Long: `Ask the receiver of an endpoint now, and hold what comes for the endpoint until it agrees.
By challenge it must repeat a text that it is sent, by challengeGet one in the query of a
GET; by cloudevents it must answer the OPTIONS handshake of CloudEvents, by test a signed
test event with a status of success. Fails with exit code 1 when it does not agree; then
it is asked again by itself for two days.`,
		Example: "  hookloft endpoint verify acme/billing\n  hookloft endpoint verify acme/billing --method cloudevents",
		Args:    arguments("ENDPOINT"), ValidArgsFunction: completeWith(p.completeEndpoints),
	}
	cmd.Flags().StringVar(&method, "method", "", "`METHOD` by which it is asked: challenge (unless it has another), challengeGet, cloudevents or test.")
	return p.remote(cmd, func(r *remote, args []string) error {
		e, err := r.resolve(args[0])
		if err != nil {
			return err
		}
		var raw json.RawMessage
		in := api.EndpointConsentIn{Method: given(cmd, "method", method)}
		if err := r.call(http.MethodPost, client.Path("/x/v1/app/{}/endpoint/{}/consent", e.app, e.endpoint), in, &raw); err != nil {
			return noEndpoint(err, args[0])
		}
		var out api.EndpointConsentOut
		if err := json.Unmarshal(raw, &out); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if r.out.format != formatTable {
			if err := r.out.value(raw); err != nil {
				return err
			}
		} else if out.Verified {
			if err := r.out.line("The receiver agrees: what waited is sent now."); err != nil {
				return err
			}
		}
		if !out.Verified {
			return fmt.Errorf("the receiver does not agree: %s", orEmpty(out.Error))
		}
		return nil
	})
}
