package cli

import (
	"encoding/json"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

const eventTypePath = "/api/v1/event-type"

func eventTypeView() view[api.EventTypeOut] {
	return view[api.EventTypeOut]{
		id: func(t api.EventTypeOut) string { return t.Name },
		columns: []column[api.EventTypeOut]{
			{"NAME", func(t api.EventTypeOut) string { return t.Name }},
			{"GROUP", func(t api.EventTypeOut) string { return orEmpty(t.GroupName) }},
			{"STATE", func(t api.EventTypeOut) string {
				switch {
				case t.Archived:
					return "archived"
				case t.Deprecated:
					return "deprecated"
				}
				return "live"
			}},
			{"DESCRIPTION", func(t api.EventTypeOut) string { return short(t.Description, 80) }},
		},
	}
}

func (p *program) eventTypes() *cobra.Command {
	return p.group(&cobra.Command{
		Use: "event-types", Aliases: []string{"event-type"}, Short: "Event types: the catalogue of what is sent",
		Example: "  hookloft event-types create invoice.paid --description 'An invoice was paid.'\n  hookloft event-types list",
	}, p.listEventTypes(), p.createEventType(), p.checkEventType(), p.importEventTypes(), p.exportEventTypes())
}

func (p *program) listEventTypes() *cobra.Command {
	var archived, content bool
	cmd := &cobra.Command{
		Use: "list [flags]", Short: "List event types by name",
		Example: "  hookloft event-types list\n  hookloft event-types list --with-schemas --output json",
		Args:    arguments(),
	}
	cmd.Flags().BoolVar(&archived, "archived", false, "Show archived ones, too.")
	cmd.Flags().BoolVar(&content, "with-schemas", false, "Fetch the schemas, too.")
	return p.remote(cmd, func(r *remote, _ []string) error {
		path := eventTypePath + "?"
		if archived {
			path += "include_archived=true&"
		}
		if content {
			path += "with_content=true&"
		}
		return printRows(r, eventTypeView(), client.Pages[json.RawMessage](r.ctx, r.Client, path[:len(path)-1]))
	})
}

func (p *program) createEventType() *cobra.Command {
	var description, group, schema, example string
	cmd := &cobra.Command{
		Use: "create NAME [flags]", Short: "Create an event type",
		Long: `Create an event type, or bring an archived one back. With a schema or an example,
'hookloft trigger' and the button for a test message know what to send.`,
		Example: `  hookloft event-types create invoice.paid --description "An invoice was paid."
  hookloft event-types create invoice.paid --schema @invoice.schema.json --example '{"amount": 5}'`,
		Args: arguments("NAME"),
	}
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` that says when it is sent.")
	cmd.Flags().StringVar(&group, "group", "", "`NAME` of the group in which it is shown.")
	cmd.Flags().StringVar(&schema, "schema", "", "JSON `SCHEMA` (draft 7) of the payload: text, @FILE, or - for standard input.")
	cmd.Flags().StringVar(&example, "example", "", "`PAYLOAD` to show and to send as a test: text, @FILE, or - for standard input.")
	return p.remote(cmd, func(r *remote, args []string) error {
		in := api.EventTypeIn{Name: args[0], Description: &description, GroupName: given(cmd, "group", group)}
		if schema != "" || example != "" {
			var err error
			if in.Schemas, err = p.schemas(schema, example); err != nil {
				return err
			}
		}
		var raw json.RawMessage
		if err := r.call(http.MethodPost, eventTypePath, in, &raw); err != nil {
			return err
		}
		if r.out.format == formatTable {
			r.out.format = formatID
		}
		return printOne(r, eventTypeView(), raw)
	})
}

// schemas makes the first version of a catalogue entry of a schema and an example.
func (p *program) schemas(schema, example string) (json.RawMessage, error) {
	entry := map[string]json.RawMessage{}
	if schema != "" {
		text, err := p.body("--schema", schema)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &entry); err != nil {
			return nil, usagef("--schema is no JSON object: %w", err)
		}
	}
	if example != "" {
		text, err := p.body("--example", example)
		if err != nil {
			return nil, err
		}
		if !json.Valid(text) {
			return nil, usagef("--example is not JSON")
		}
		entry["examples"] = arrayOf([]json.RawMessage{text})
	}
	return json.Marshal(map[string]any{"1": entry})
}
