package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/client"
)

const settingsPath = "/api/v1/management/environment-settings"

func (p *program) exportEnvironment() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:   "export [FILE] [flags]",
		Short: "Write the environment's event types, settings and connectors to a file",
		Long: `Write the environment's event types, settings and connectors as JSON, to FILE or to
standard output. 'hookloft import' reads it, in another environment or on another server.
Applications, endpoints and messages are not in it: 'hookloft backup' copies everything.`,
		Example: `  hookloft export environment.json
  hookloft export | jq .eventTypes[].name`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("unexpected argument %q", args[1])
			}
			return nil
		},
	}, func(r *remote, args []string) error {
		var raw json.RawMessage
		if err := r.call(http.MethodPost, "/api/v1/environment/export", nil, &raw); err != nil {
			return err
		}
		return r.writeDocument(args, raw)
	})
}

// writeDocument prints JSON, or writes it to the file that is named.
func (r *remote) writeDocument(args []string, raw json.RawMessage) error {
	if len(args) == 0 || args[0] == "-" {
		if r.out.format == formatTable || r.out.format == formatID {
			r.out.format = formatJSON
		}
		return r.out.value(raw)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, raw, "", "  "); err != nil {
		return fmt.Errorf("the server's answer is not JSON: %w", err)
	}
	text.WriteByte('\n')
	n, err := writeWhole(args[0], func(w io.Writer) error {
		_, err := w.Write(text.Bytes())
		return err
	})
	if err != nil {
		return err
	}
	r.notef("wrote %s (%s)", args[0], plural(n, "byte"))
	return nil
}

func (p *program) importEnvironment() *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use:   "import FILE [flags]",
		Short: "Add event types, settings and connectors from an exported file",
		Long: `Add the event types, settings and connectors of a file that 'hookloft export' or a hosted export
has written. What would change is shown and asked for first. Nothing is deleted.`,
		Example: `  hookloft import environment.json --dry-run
  hookloft export --profile staging | hookloft import - --profile production --yes`,
		Args: arguments("FILE"),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "Do not ask.")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "Only show what would change.")
	return p.remote(cmd, func(r *remote, args []string) error {
		raw, err := p.fileText(args[0])
		if err != nil {
			return err
		}
		var file fields
		if err := json.Unmarshal(raw, &file); err != nil {
			return usagef("%s is not a JSON object: %w", args[0], err)
		}
		if file["eventTypes"] == nil && file["settings"] == nil && file["connectors"] == nil {
			return usagef("%s has neither eventTypes nor settings nor connectors: is it an export of an environment?", args[0])
		}
		plan, err := r.planImport(file)
		if err != nil {
			return err
		}
		if err := r.printPlan(plan); err != nil {
			return err
		}
		if dryRun || len(plan.steps) == 0 {
			return nil
		}
		if err := r.confirm(yes, "Import this?"); err != nil {
			return err
		}
		if err := r.call(http.MethodPost, "/api/v1/environment/import", json.RawMessage(raw), nil); err != nil {
			return err
		}
		r.notef("imported")
		return nil
	})
}

// fileText reads a named file, or standard input for -.
func (p *program) fileText(name string) ([]byte, error) {
	if name == "-" {
		return p.body("FILE", "-")
	}
	return p.body("FILE", "@"+name)
}

// planImport says what an import would change; the import itself is one request.
func (r *remote) planImport(file fields) (*plan, error) {
	p := &plan{}
	if list := file["eventTypes"]; len(list) > 0 && string(list) != "null" {
		var types []fields
		if err := json.Unmarshal(list, &types); err != nil {
			return nil, usagef("eventTypes must be a list of objects")
		}
		have, _, err := keyed(r, eventTypePath+"?include_archived=true&with_content=true", "name")
		if err != nil {
			return nil, err
		}
		for i, t := range types {
			name := t.text("name")
			if name == "" {
				return nil, usagef("eventTypes: the one at place %d has no name", i+1)
			}
			current, exists := have[name]
			if !exists {
				p.create("event type", name, importedFields(t))
				continue
			}
			p.update("event type", name, compare(importedFields(t), current, "name"))
		}
	}
	if err := r.planConnectors(p, file["connectors"]); err != nil {
		return nil, err
	}
	if raw := file["settings"]; len(raw) > 0 && string(raw) != "null" {
		var settings, have fields
		if err := json.Unmarshal(raw, &settings); err != nil {
			return nil, usagef("settings must be an object")
		}
		if err := r.call(http.MethodGet, settingsPath, nil, &have); err != nil {
			return nil, err
		}
		p.update("settings", "of the environment", compare(settings, have))
	}
	return p, nil
}

// connectorFields are those that an import sets.
var connectorFields = []string{"name", "uid", "kind", "logo", "description", "instructions", "allowedEventTypes", "featureFlags", "transformation", "productType"}

// planConnectors says what of a file's connectors an import would change. They are found
// again by their uid, and by their name where they have none.
func (r *remote) planConnectors(p *plan, raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	var list []fields
	if err := json.Unmarshal(raw, &list); err != nil {
		return usagef("connectors must be a list of objects")
	}
	if len(list) == 0 {
		return nil
	}
	byUID, without, err := keyed(r, "/api/v1/connector", "uid")
	if err != nil {
		return err
	}
	byName := map[string]fields{}
	for _, row := range slices.Backward(without) { // the first of a name counts
		byName[row.text("name")] = row
	}
	for i, f := range list {
		want := fields{}
		for name, value := range f {
			if slices.Contains(connectorFields, name) {
				want[name] = value
			}
		}
		name := want.text("name")
		if name == "" {
			return usagef("connectors: the one at place %d has no name", i+1)
		}
		current, exists := byName[name]
		if uid := want.text("uid"); uid != "" {
			current, exists = byUID[uid]
		}
		if !exists {
			p.create("connector", name, want)
			continue
		}
		p.update("connector", name, compare(want, current))
	}
	return nil
}

// importedFields are those fields of an event type that an import sets.
func importedFields(t fields) fields {
	out := fields{}
	for name, value := range t {
		if slices.Contains(typeFields, name) || name == "archived" {
			out[name] = value
		}
	}
	return out
}

func (p *program) importEventTypes() *cobra.Command {
	var dryRun, replaceAll, yes bool
	cmd := &cobra.Command{
		Use:   "import FILE [flags]",
		Short: "Make event types of the webhooks in an OpenAPI document",
		Long: `Make event types of the webhooks of an OpenAPI document (webhooks or x-webhooks), in JSON
or YAML. Those that exist are changed, archived ones come back.`,
		Example: `  hookloft event-types import openapi.yaml --dry-run
  hookloft event-types import openapi.json
  hookloft event-types import openapi.json --replace-all --yes`,
		Args: arguments("FILE"),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "Only list what would be made or changed.")
	cmd.Flags().BoolVar(&replaceAll, "replace-all", false, "Archive the event types that are not in the document.")
	cmd.Flags().BoolVar(&yes, "yes", false, "Do not ask.")
	return p.remote(cmd, func(r *remote, args []string) error {
		text, err := p.fileText(args[0])
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			return usagef("%s is empty", args[0])
		}
		in := struct {
			SpecRaw    string `json:"specRaw"`
			DryRun     bool   `json:"dryRun"`
			ReplaceAll bool   `json:"replaceAll"`
		}{string(text), dryRun, replaceAll}
		if replaceAll && !dryRun {
			if err := r.confirm(yes, "Archive every event type that is not in "+cell(args[0])+"?"); err != nil {
				return err
			}
		}
		var raw json.RawMessage
		if err := r.call(http.MethodPost, eventTypePath+"/import/openapi", in, &raw); err != nil {
			return err
		}
		return r.printImported(raw, dryRun)
	})
}

// printImported prints the answer of an import of event types.
func (r *remote) printImported(raw json.RawMessage, dryRun bool) error {
	if r.out.format != formatTable && r.out.format != formatID {
		return r.out.value(raw)
	}
	var out struct {
		Data struct {
			Modified []string `json:"modified"`
			ToModify []fields `json:"to_modify"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return fmt.Errorf("the server's answer is not what was expected: %w", err)
	}
	names := out.Data.Modified
	if dryRun && len(out.Data.ToModify) > 0 {
		names = nil
		for _, t := range out.Data.ToModify {
			names = append(names, t.text("name"))
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if err := r.out.line(name); err != nil {
			return err
		}
	}
	r.notef("%s %s", plural(int64(len(names)), "event type"), map[bool]string{true: "would be made or changed", false: "made or changed"}[dryRun])
	return nil
}

// The formats of exported event types.
const (
	exportOpenAPI  = "openapi"
	exportDeclared = "apply"
)

// exportFormats are all; all but the last are written by the server.
var exportFormats = []string{exportOpenAPI, "asyncapi", "jsonschema", exportDeclared}

func (p *program) exportEventTypes() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "export [FILE] [flags]",
		Short: "Write event types as OpenAPI, AsyncAPI or JSON Schema, or as a file for apply",
		Long: `Write the event types to FILE or to standard output: as the webhooks of an OpenAPI 3.1
document, for your customers and for 'event-types import'; as AsyncAPI 3.0; as one JSON
Schema with a definition for each type; or as a file for 'apply'.
Of each type it has the newest version of the schema.`,
		Example: `  hookloft event-types export webhooks.openapi.json
  hookloft event-types export --format apply -o yaml > event-types.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("unexpected argument %q", args[1])
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", exportOpenAPI, "`FORMAT`: openapi, asyncapi, jsonschema or apply.")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(exportFormats, cobra.ShellCompDirectiveNoFileComp))
	return p.remote(cmd, func(r *remote, args []string) error {
		if !slices.Contains(exportFormats, format) {
			return usagef("--format must be one of %s, not %q", strings.Join(exportFormats, ", "), format)
		}
		if format != exportDeclared {
			var raw json.RawMessage
			if err := r.call(http.MethodGet, "/x/v1/event-type/export?format="+format, nil, &raw); err != nil {
				return err
			}
			return r.writeDocument(args, raw)
		}
		var types []fields
		for t, err := range client.Pages[fields](r.ctx, r.Client, eventTypePath+"?with_content=true") {
			if err != nil {
				return err
			}
			types = append(types, t)
		}
		return r.writeDocument(args, declaredTypes(types))
	})
}

// declaredTypes is the file with which apply makes the types.
func declaredTypes(types []fields) json.RawMessage {
	list := make([]json.RawMessage, len(types))
	for i, t := range types {
		one := fields{"name": t["name"]}
		for _, name := range typeFields {
			if value := t[name]; len(value) > 0 && string(value) != "null" && string(value) != "false" {
				one[name] = value
			}
		}
		list[i] = one.encode()
	}
	return fields{"eventTypes": arrayOf(list)}.encode()
}

// newestSchema is the newest version of an event type's schemas, nil for none.
func newestSchema(raw json.RawMessage) json.RawMessage {
	var versions map[string]json.RawMessage
	if json.Unmarshal(raw, &versions) != nil {
		return nil
	}
	newest := ""
	for name := range versions {
		if newest == "" || laterVersion(name, newest) {
			newest = name
		}
	}
	return versions[newest]
}
