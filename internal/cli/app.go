package cli

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

const appPath = "/api/v1/app/{}"

func applicationView() view[api.ApplicationOut] {
	return view[api.ApplicationOut]{
		id: func(a api.ApplicationOut) string { return a.ID },
		columns: []column[api.ApplicationOut]{
			{"ID", func(a api.ApplicationOut) string { return a.ID }},
			{"UID", func(a api.ApplicationOut) string { return orEmpty(a.UID) }},
			{"NAME", func(a api.ApplicationOut) string { return a.Name }},
			{"RATE", func(a api.ApplicationOut) string { return perSecond(a.ThrottleRate) }},
			{"CREATED", func(a api.ApplicationOut) string { return moment(a.CreatedAt) }},
		},
	}
}

func perSecond(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10) + "/s"
}

func (p *program) app() *cobra.Command {
	return p.group(&cobra.Command{
		Use: "app", Aliases: []string{"application"}, Short: "Applications: your customers, who own endpoints",
		Long:    "Applications are your customers: the tenants that own endpoints. APP is an application's id or its uid.",
		Example: "  hookloft app create Acme --uid acme\n  hookloft app list",
	}, p.listApps(), p.createApp(), p.getApp(), p.updateApp(), p.deleteApp())
}

func (p *program) listApps() *cobra.Command {
	return p.remote(&cobra.Command{
		Use: "list [flags]", Short: "List applications, the oldest first",
		Example: "  hookloft app list\n  hookloft app list --output ndjson --jq '[.id, .name]'",
		Args:    arguments(),
	}, func(r *remote, _ []string) error {
		return printRows(r, applicationView(), client.Pages[json.RawMessage](r.ctx, r.Client, "/api/v1/app"))
	})
}

// appFields are the flags with an application's fields.
type appFields struct {
	name, uid string
	rate      int64
	metadata  []string
}

func (f *appFields) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.uid, "uid", "", "Your own `NAME` for it, unique in the environment.")
	cmd.Flags().Int64Var(&f.rate, "rate", 0, "Messages `PER-SECOND` to each endpoint without a rate of its own; 0 for no limit.")
	cmd.Flags().StringArrayVar(&f.metadata, "metadata", nil, "`KEY=VALUE` to keep with it. Repeatable; replaces what was kept.")
}

func (p *program) createApp() *cobra.Command {
	var f appFields
	var orGet bool
	cmd := &cobra.Command{
		Use: "create NAME [flags]", Short: "Create an application and print its id",
		Example: `  hookloft app create Acme --uid acme
  APP=$(hookloft app create Acme --uid acme --get-if-exists)`,
		Args: arguments("NAME"),
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&orGet, "get-if-exists", false, "Take the application that has this uid already.")
	return p.remote(cmd, func(r *remote, args []string) error {
		in := api.ApplicationIn{Name: args[0], UID: given(cmd, "uid", f.uid), ThrottleRate: positive(f.rate)}
		var err error
		if in.Metadata, err = pairs("--metadata", f.metadata); err != nil {
			return err
		}
		path := "/api/v1/app"
		if orGet {
			if in.UID == nil {
				return usagef("--get-if-exists needs --uid, which says what exists")
			}
			path += "?get_if_exists=true"
		}
		return createOne(r, applicationView(), path, in)
	})
}

func (p *program) getApp() *cobra.Command {
	return p.remote(&cobra.Command{
		Use: "get APP [flags]", Short: "Show an application",
		Example:           "  hookloft app get acme",
		Args:              arguments("APP"),
		ValidArgsFunction: completeWith(p.completeApps),
	}, func(r *remote, args []string) error {
		raw, err := r.application(args[0])
		if err != nil {
			return err
		}
		return printOne(r, applicationView(), raw)
	})
}

// application gets an application by id or uid.
func (r *remote) application(ref string) (json.RawMessage, error) {
	var raw json.RawMessage
	err := r.call(http.MethodGet, client.Path(appPath, ref), nil, &raw)
	return raw, noApp(err, ref)
}

func noApp(err error, ref string) error {
	return missing(err, "there is no application %q; 'hookloft app list' lists them", ref)
}

func (p *program) updateApp() *cobra.Command {
	var f appFields
	cmd := &cobra.Command{
		Use: "update APP [flags]", Short: "Change some fields of an application",
		Example: `  hookloft app update acme --name "Acme Ltd"
  hookloft app update acme --rate 50 --uid ""`,
		Args:              arguments("APP"),
		ValidArgsFunction: completeWith(p.completeApps),
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.name, "name", "", "`NAME` that people see.")
	return p.remote(cmd, func(r *remote, args []string) error {
		var in api.ApplicationPatch
		changed := cmd.Flags().Changed
		if changed("name") {
			in.Name = api.Some(f.name)
		}
		if changed("uid") {
			in.UID = orNull(f.uid)
		}
		if changed("rate") {
			in.ThrottleRate = orNull(f.rate)
		}
		if changed("metadata") {
			metadata, err := pairs("--metadata", f.metadata)
			if err != nil {
				return err
			}
			in.Metadata = api.Some(metadata)
		}
		if in.Name.IsZero() && in.UID.IsZero() && in.ThrottleRate.IsZero() && in.Metadata.IsZero() {
			return usagef("nothing to change: give --name, --uid, --rate or --metadata")
		}
		var raw json.RawMessage
		if err := r.call(http.MethodPatch, client.Path(appPath, args[0]), in, &raw); err != nil {
			return noApp(err, args[0])
		}
		return printOne(r, applicationView(), raw)
	})
}

func (p *program) deleteApp() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete APP [flags]", Short: "Delete an application with its endpoints",
		Example:           "  hookloft app delete acme --yes",
		Args:              arguments("APP"),
		ValidArgsFunction: completeWith(p.completeApps),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "Do not ask.")
	return p.remote(cmd, func(r *remote, args []string) error {
		raw, err := r.application(args[0])
		if err != nil {
			return err
		}
		var a api.ApplicationOut
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		if err := r.confirm(yes, "Delete application "+cell(a.Name)+" ("+cell(a.ID)+") with its endpoints? Waiting deliveries are cancelled."); err != nil {
			return err
		}
		if err := r.call(http.MethodDelete, client.Path(appPath, a.ID), nil, nil); err != nil {
			return noApp(err, args[0])
		}
		r.notef("deleted application %s", a.ID)
		return nil
	})
}

// createOne makes a thing and prints its id alone, so that ID=$(...) holds it; the whole
// thing where another format is asked for.
func createOne[T any](r *remote, v view[T], path string, in any) error {
	var raw json.RawMessage
	if err := r.call(http.MethodPost, path, in, &raw); err != nil {
		return err
	}
	if r.out.format == formatTable {
		r.out.format = formatID
	}
	return printOne(r, v, raw)
}

// given is the text of a flag, nil where the flag was not given.
func given(cmd *cobra.Command, name, text string) *string {
	if !cmd.Flags().Changed(name) {
		return nil
	}
	return &text
}

// positive is n, or nil for 0.
func positive(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

// orNull sets v, or clears the field where v is the zero value.
func orNull[T comparable](v T) api.Optional[T] {
	var zero T
	if v == zero {
		return api.Null[T]()
	}
	return api.Some(v)
}

// pairs reads KEY=VALUE texts; each key once.
func pairs(flag string, texts []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range texts {
		if text == "" && len(texts) == 1 {
			return out, nil // how nothing is spelt
		}
		name, value, ok := cutPair(text)
		if _, twice := out[name]; !ok || twice {
			return nil, usagef("%s is KEY=VALUE, each key once; not %q", flag, text)
		}
		out[name] = value
	}
	return out, nil
}
