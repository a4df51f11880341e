package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/internal/server"
)

func (p *program) openAPI() *cobra.Command {
	var extensions bool
	cmd := &cobra.Command{
		Use:   "openapi [flags]",
		Short: "Print the API's OpenAPI document",
		Long:  "Print the OpenAPI 3.1 document that a server of this version answers at /api/v1/openapi.json, or with --extensions the one at /x/v1/openapi.json. No server is asked.",
		Example: `  hookloft openapi > hookloft.json
  hookloft openapi --extensions | jq '.paths | keys'`,
		Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			contract, own, err := server.OpenAPI()
			if err != nil {
				return err
			}
			if extensions {
				contract = own
			}
			_, err = fmt.Fprintf(p.Out, "%s\n", contract)
			return err
		},
	}
	cmd.Flags().BoolVar(&extensions, "extensions", false, "Our own operations below /x/v1 in place of the contract's.")
	return cmd
}
