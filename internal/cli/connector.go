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

const templatePath = "/x/v1/connector-template"

func templateView() view[api.ConnectorTemplateOut] {
	return view[api.ConnectorTemplateOut]{
		id: func(t api.ConnectorTemplateOut) string { return t.Name },
		columns: []column[api.ConnectorTemplateOut]{
			{"NAME", func(t api.ConnectorTemplateOut) string { return t.Name }},
			{"SERVICE", func(t api.ConnectorTemplateOut) string { return t.Title }},
			{"DESCRIPTION", func(t api.ConnectorTemplateOut) string { return t.Description }},
			{"URL", func(t api.ConnectorTemplateOut) string { return t.URL }},
		},
	}
}

func (p *program) connector() *cobra.Command {
	return p.group(&cobra.Command{
		Use: "connector", Short: "Connectors: what makes of an event a message of another service",
		Long: `A ready connector makes of an event what a known service understands: a message in a chat, an
alert, an e-mail. An endpoint runs one. Those that you make yourself are operations of the API
(/api/v1/connector); 'connector use' takes their ids and uids, too.`,
		Example: `  hookloft connector list
  hookloft connector show slack
  hookloft connector use acme/chat slack --variable text='Paid: {{payload.amount}}'`,
	}, p.listTemplates(), p.showTemplate(), p.useConnector(), p.removeConnector())
}

func (p *program) listTemplates() *cobra.Command {
	return p.remote(&cobra.Command{
		Use: "list [flags]", Short: "List the ready connectors",
		Example: "  hookloft connector list",
		Args:    arguments(),
	}, func(r *remote, _ []string) error {
		var list struct{ Data []json.RawMessage }
		if err := r.call(http.MethodGet, templatePath, nil, &list); err != nil {
			return err
		}
		return printRows(r, templateView(), encoded(list.Data))
	})
}

func (p *program) showTemplate() *cobra.Command {
	return p.remote(&cobra.Command{
		Use: "show NAME [flags]", Short: "Show a ready connector: how to set it up, its variables and limits",
		Example: "  hookloft connector show slack\n  hookloft connector show pagerduty --output json",
		Args:    arguments("NAME"),
	}, func(r *remote, args []string) error {
		var raw json.RawMessage
		err := r.call(http.MethodGet, client.Path(templatePath+"/{}", args[0]), nil, &raw)
		if err != nil {
			return missing(err, "there is no ready connector %q; 'hookloft connector list' lists them", args[0])
		}
		if r.out.format != formatTable {
			return printOne(r, templateView(), raw)
		}
		var t api.ConnectorTemplateOut
		if err := json.Unmarshal(raw, &t); err != nil {
			return err
		}
		return r.printTemplate(&t)
	})
}

func (r *remote) printTemplate(t *api.ConnectorTemplateOut) error {
	_, err := fmt.Fprintf(r.Out, "%s: %s\n\n%s\n\nURL          %s\nLimits       %s\nRepeats      %s\nDocumented   %s\n",
		cell(t.Title), cell(t.Description), cell(t.Instructions), cell(t.URL), cell(t.Limits), cell(t.Idempotency), cell(t.Sure))
	if len(t.Variables) > 0 {
		fmt.Fprintln(r.Out, "\nVariables")
	}
	for _, v := range t.Variables {
		more := ""
		if v.Required {
			more = " (needed)"
		}
		fmt.Fprintf(r.Out, "  %s%s: %s\n", cell(v.Name), more, cell(v.Meaning))
	}
	return err
}

func connectorUsePath(e endpointRef) string {
	return e.own("connector")
}

func (p *program) useConnector() *cobra.Command {
	var variables []string
	cmd := &cobra.Command{
		Use:   "use ENDPOINT CONNECTOR [flags]",
		Short: "Have an endpoint run a connector",
		Long: `Have an endpoint run a connector: a ready one by name, or one of the environment by id or uid.
Variables are replaced as a whole; without any, those of the same connector stay.`,
		Example: `  hookloft connector use acme/chat slack
  hookloft connector use acme/pager pagerduty --variable routingKey=@key.txt --variable summary='{{payload.check.name}} is down'`,
		Args: arguments("ENDPOINT", "CONNECTOR"),
	}
	cmd.Flags().StringArrayVar(&variables, "variable", nil, "`NAME=VALUE` for its code; the value of a secret goes as @FILE or as - for standard input. Repeatable.")
	return p.remote(cmd, func(r *remote, args []string) error {
		in := api.EndpointConnectorIn{Variables: map[string]string{}}
		for _, one := range variables {
			name, value, ok := strings.Cut(one, "=")
			if !ok || name == "" {
				return usagef("--variable: must be NAME=VALUE, not %q", name)
			}
			text, err := p.body("--variable "+name, value)
			if err != nil {
				return err
			}
			in.Variables[name] = strings.TrimRight(string(text), "\r\n")
		}
		e, err := r.resolve(args[0])
		if err != nil {
			return err
		}
		err = r.call(http.MethodGet, client.Path(templatePath+"/{}", args[1]), nil, nil)
		switch {
		case err == nil:
			in.Name = &args[1]
		case client.StatusOf(err) == http.StatusNotFound:
			in.ConnectorID = &args[1]
		default:
			return err
		}
		err = r.call(http.MethodPut, connectorUsePath(e), in, nil)
		if err != nil {
			return noEndpoint(err, args[0])
		}
		r.notef("endpoint %s/%s runs the connector %s", e.app, e.endpoint, args[1])
		return nil
	})
}

func (p *program) removeConnector() *cobra.Command {
	return p.remote(&cobra.Command{
		Use: "remove ENDPOINT [flags]", Short: "Have an endpoint run no connector: it gets the payload as it is",
		Example: "  hookloft connector remove acme/chat",
		Args:    arguments("ENDPOINT"),
	}, func(r *remote, args []string) error {
		e, err := r.resolve(args[0])
		if err != nil {
			return err
		}
		if err := r.call(http.MethodDelete, connectorUsePath(e), nil, nil); err != nil {
			return noEndpoint(err, args[0])
		}
		r.notef("endpoint %s/%s runs no connector", e.app, e.endpoint)
		return nil
	})
}
