package cli

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

const endpointPath = appPath + "/endpoint/{}"

func endpointView() view[api.EndpointOut] {
	return view[api.EndpointOut]{
		id: func(e api.EndpointOut) string { return e.ID },
		columns: []column[api.EndpointOut]{
			{"ID", func(e api.EndpointOut) string { return e.ID }},
			{"UID", func(e api.EndpointOut) string { return orEmpty(e.UID) }},
			{"URL", func(e api.EndpointOut) string { return e.URL }},
			{"STATE", func(e api.EndpointOut) string {
				if e.Disabled {
					return "disabled"
				}
				return "enabled"
			}},
			{"EVENT TYPES", func(e api.EndpointOut) string {
				if len(e.EventTypes) == 0 {
					return "all"
				}
				return strings.Join(e.EventTypes, ", ")
			}},
			{"CHANNELS", func(e api.EndpointOut) string { return strings.Join(e.Channels, ", ") }},
			{"RATE", func(e api.EndpointOut) string { return perSecond(e.ThrottleRate) }},
			{"DESCRIPTION", func(e api.EndpointOut) string { return e.Description }},
		},
	}
}

func (p *program) endpoint() *cobra.Command {
	return p.group(&cobra.Command{
		Use: "endpoint", Short: "Endpoints: URLs to which messages are sent",
		Long: `Endpoints are the URLs to which an application's messages are sent. ENDPOINT is
APP/ENDPOINT, each by id or uid, or the id of an endpoint alone.`,
		Example: `  hookloft endpoint create acme https://acme.example.com/hooks --event-type invoice.paid
  hookloft endpoint list acme
  hookloft endpoint secret acme/billing`,
	}, p.listEndpoints(), p.createEndpoint(), p.getEndpoint(), p.updateEndpoint(), p.deleteEndpoint(),
		p.endpointSecret(), p.rotateEndpoint(), p.switchEndpoint(true), p.switchEndpoint(false), p.endpointHeaders(), p.verifyEndpoint(), p.latestEndpoint(), p.orderEndpoint())
}

// endpointRef names an endpoint of an application or, if ofSource, of the source app.
type endpointRef struct {
	app, endpoint string
	ofSource      bool
}

// path is that of the contract's operations.
func (e endpointRef) path(more string) string {
	if e.ofSource {
		return client.Path(sourcePath+"/endpoint/{}"+more, e.app, e.endpoint)
	}
	return client.Path(endpointPath+more, e.app, e.endpoint)
}

// own is the path of our operations on an endpoint's feature.
func (e endpointRef) own(feature string) string {
	if e.ofSource {
		return client.Path(ownSourcePath+"/endpoint/{}/"+feature, e.app, e.endpoint)
	}
	return client.Path("/x/v1/app/{}/endpoint/{}/"+feature, e.app, e.endpoint)
}

// resolve finds the application of an endpoint that is given as APP/ENDPOINT or as an id alone.
func (r *remote) resolve(text string) (endpointRef, error) {
	if app, endpoint, ok := strings.Cut(text, "/"); ok {
		if app == "" || endpoint == "" || strings.Contains(endpoint, "/") {
			return endpointRef{}, usagef("ENDPOINT is APP/ENDPOINT or an id, not %q", text)
		}
		return endpointRef{app: app, endpoint: endpoint}, nil
	}
	if !strings.HasPrefix(text, "ep_") {
		return endpointRef{}, usagef("ENDPOINT %q needs its application: APP/%s; an id (ep_...) alone will do, too", text, text)
	}
	var found api.SearchOut
	err := r.call(http.MethodGet, "/x/v1/search?q="+url.QueryEscape(text), nil, &found)
	if status := client.StatusOf(err); status == http.StatusForbidden || status == http.StatusNotFound || status == http.StatusNotImplemented {
		return endpointRef{}, usagef("with this token an endpoint is not found by its id alone; give APP/%s", text)
	}
	if err != nil {
		return endpointRef{}, err
	}
	for _, row := range found.Data {
		if row.ID == text && row.AppID != nil {
			return endpointRef{app: *row.AppID, endpoint: text}, nil
		}
	}
	return endpointRef{}, noEndpoint(&client.Error{Status: http.StatusNotFound}, text)
}

func noEndpoint(err error, text string) error {
	return missing(err, "there is no endpoint %q; 'hookloft endpoint list APP' lists those of an application", text)
}

func (p *program) listEndpoints() *cobra.Command {
	return p.remote(&cobra.Command{
		Use: "list APP [flags]", Short: "List an application's endpoints, the newest first",
		Example:           "  hookloft endpoint list acme\n  hookloft endpoint list acme --output id",
		Args:              arguments("APP"),
		ValidArgsFunction: completeWith(p.completeApps),
	}, func(r *remote, args []string) error {
		return noApp(printRows(r, endpointView(), client.Pages[json.RawMessage](r.ctx, r.Client, client.Path(appPath+"/endpoint", args[0]))), args[0])
	})
}

// endpointFields are the flags with an endpoint's fields.
type endpointFields struct {
	url, uid, description string
	types, channels       []string
	rate                  int64
	metadata              []string
}

func (f *endpointFields) add(p *program, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.uid, "uid", "", "Your own `NAME` for it, unique in the application.")
	flags.StringVar(&f.description, "description", "", "`TEXT` that says what it is for.")
	flags.StringSliceVar(&f.types, "event-type", nil, "`TYPE` that it wants; all by default. Repeatable.")
	flags.StringSliceVar(&f.channels, "channel", nil, "`CHANNEL` that it listens to; all by default. Repeatable.")
	flags.Int64Var(&f.rate, "rate", 0, "Messages `PER-SECOND` at most; 0 for the application's.")
	flags.StringArrayVar(&f.metadata, "metadata", nil, "`KEY=VALUE` to keep with it. Repeatable; replaces what was kept.")
	_ = cmd.RegisterFlagCompletionFunc("event-type", p.completeTypes)
}

func (p *program) createEndpoint() *cobra.Command {
	var f endpointFields
	var headers []string
	var secret string
	var disabled bool
	cmd := &cobra.Command{
		Use: "create APP URL [flags]", Short: "Create an endpoint and print its id",
		Example: `  hookloft endpoint create acme https://acme.example.com/hooks
  hookloft endpoint create acme https://acme.example.com/hooks --uid billing --event-type invoice.paid,invoice.voided
  hookloft endpoint create acme https://acme.example.com/hooks --secret @secret --header 'X-Team: billing'`,
		Args:              arguments("APP", "URL"),
		ValidArgsFunction: completeWith(p.completeApps),
	}
	f.add(p, cmd)
	cmd.Flags().StringArrayVar(&headers, "header", nil, "`NAME: VALUE` to send with each request. Repeatable.")
	cmd.Flags().StringVar(&secret, "secret", "", "Signing `KEY` (whsec_... or whsk_...), @FILE that holds it, or - for standard input; made by default.")
	cmd.Flags().BoolVar(&disabled, "disabled", false, "Send nothing to it yet.")
	return p.remote(cmd, func(r *remote, args []string) error {
		in := api.EndpointIn{
			URL: args[1], Description: f.description, UID: given(cmd, "uid", f.uid), Disabled: disabled,
			EventTypes: f.types, Channels: f.channels, ThrottleRate: positive(f.rate),
		}
		var err error
		if in.Metadata, err = pairs("--metadata", f.metadata); err != nil {
			return err
		}
		if in.Headers, err = headerPairs(headers); err != nil {
			return err
		}
		if secret != "" {
			text, err := p.secretText("--secret", secret)
			if err != nil {
				return err
			}
			in.Secret = &text
		}
		return noApp(createOne(r, endpointView(), client.Path(appPath+"/endpoint", args[0]), in), args[0])
	})
}

func headerPairs(texts []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range texts {
		name, value, ok := strings.Cut(text, ":")
		name = strings.TrimSpace(name)
		if _, twice := out[name]; !ok || name == "" || twice {
			return nil, usagef("a header is NAME: VALUE, each name once; not %q", text)
		}
		out[name] = strings.TrimSpace(value)
	}
	return out, nil
}

func (p *program) getEndpoint() *cobra.Command {
	return p.onEndpoint(&cobra.Command{
		Use: "get ENDPOINT [flags]", Short: "Show an endpoint",
		Example: "  hookloft endpoint get acme/billing\n  hookloft endpoint get ep_2yZwUHtAMdZbRfDKkBVMTF --output yaml",
	}, func(r *remote, e endpointRef) error {
		var raw json.RawMessage
		if err := r.call(http.MethodGet, e.path(""), nil, &raw); err != nil {
			return err
		}
		return printOne(r, endpointView(), raw)
	})
}

// onEndpoint makes cmd a command whose one argument is an endpoint.
func (p *program) onEndpoint(cmd *cobra.Command, run func(*remote, endpointRef) error) *cobra.Command {
	cmd.Args = arguments("ENDPOINT")
	cmd.ValidArgsFunction = completeWith(p.completeEndpoints)
	return p.remote(cmd, func(r *remote, args []string) error {
		e, err := r.resolve(args[0])
		if err != nil {
			return err
		}
		return noEndpoint(run(r, e), args[0])
	})
}

func (p *program) updateEndpoint() *cobra.Command {
	var f endpointFields
	cmd := &cobra.Command{
		Use: "update ENDPOINT [flags]", Short: "Change some fields of an endpoint",
		Long: `Change the fields that are given; the others stay. An empty text clears a field:
--event-type "" subscribes to all.`,
		Example: `  hookloft endpoint update acme/billing --url https://acme.example.com/v2/hooks
  hookloft endpoint update acme/billing --event-type "" --rate 20`,
	}
	f.add(p, cmd)
	cmd.Flags().StringVar(&f.url, "url", "", "`URL` to send to.")
	return p.onEndpoint(cmd, func(r *remote, e endpointRef) error {
		var in api.EndpointPatch
		changed := cmd.Flags().Changed
		isAny := false
		for _, field := range []struct {
			flag string
			set  func() error
		}{
			{"url", func() error { in.URL = api.Some(f.url); return nil }},
			{"description", func() error { in.Description = api.Some(f.description); return nil }},
			{"uid", func() error { in.UID = orNull(f.uid); return nil }},
			{"event-type", func() error { in.EventTypes = listOrNull(f.types); return nil }},
			{"channel", func() error { in.Channels = listOrNull(f.channels); return nil }},
			{"rate", func() error { in.ThrottleRate = orNull(f.rate); return nil }},
			{"metadata", func() error {
				metadata, err := pairs("--metadata", f.metadata)
				in.Metadata = api.Some(metadata)
				return err
			}},
		} {
			if !changed(field.flag) {
				continue
			}
			isAny = true
			if err := field.set(); err != nil {
				return err
			}
		}
		if !isAny {
			return usagef("nothing to change: give --url, --description, --uid, --event-type, --channel, --rate or --metadata")
		}
		return r.patchEndpoint(e, in)
	})
}

// listOrNull sets a list, or clears it where it is empty.
func listOrNull(list []string) api.Optional[[]string] {
	if len(list) == 0 || len(list) == 1 && list[0] == "" {
		return api.Null[[]string]()
	}
	return api.Some(list)
}

func (r *remote) patchEndpoint(e endpointRef, in api.EndpointPatch) error {
	var raw json.RawMessage
	if err := r.call(http.MethodPatch, e.path(""), in, &raw); err != nil {
		return err
	}
	return printOne(r, endpointView(), raw)
}

// switchEndpoint makes the commands enable and disable.
func (p *program) switchEndpoint(on bool) *cobra.Command {
	cmd := &cobra.Command{Use: "enable ENDPOINT [flags]", Short: "Let messages go to an endpoint again", Example: "  hookloft endpoint enable acme/billing",
		Long: "Let messages go to an endpoint again. What it missed meanwhile: 'hookloft replay'."}
	if !on {
		cmd = &cobra.Command{Use: "disable ENDPOINT [flags]", Short: "Send nothing more to an endpoint", Example: "  hookloft endpoint disable acme/billing"}
	}
	return p.onEndpoint(cmd, func(r *remote, e endpointRef) error {
		return r.patchEndpoint(e, api.EndpointPatch{Disabled: api.Some(!on)})
	})
}

func (p *program) deleteEndpoint() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete ENDPOINT [flags]", Short: "Delete an endpoint",
		Example: "  hookloft endpoint delete acme/billing --yes",
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "Do not ask.")
	return p.onEndpoint(cmd, func(r *remote, e endpointRef) error {
		var out api.EndpointOut
		if err := r.call(http.MethodGet, e.path(""), nil, &out); err != nil {
			return err
		}
		if err := r.confirm(yes, "Delete endpoint "+cell(out.ID)+" ("+cell(out.URL)+")? Waiting deliveries are cancelled."); err != nil {
			return err
		}
		if err := r.call(http.MethodDelete, e.path(""), nil, nil); err != nil {
			return err
		}
		r.notef("deleted endpoint %s", out.ID)
		return nil
	})
}

func (p *program) endpointSecret() *cobra.Command {
	return p.onEndpoint(&cobra.Command{
		Use: "secret ENDPOINT [flags]", Short: "Print what a receiver verifies with",
		Example: "  hookloft endpoint secret acme/billing\n  SECRET=$(hookloft endpoint secret acme/billing)",
	}, (*remote).printSecret)
}

func (r *remote) printSecret(e endpointRef) error {
	var raw json.RawMessage
	if err := r.call(http.MethodGet, e.path("/secret"), nil, &raw); err != nil {
		return err
	}
	if r.out.format == formatTable {
		r.out.format = formatID
	}
	return printOne(r, view[api.EndpointSecretOut]{id: func(s api.EndpointSecretOut) string { return s.Key }}, raw)
}

func (p *program) rotateEndpoint() *cobra.Command {
	var grace time.Duration
	var key string
	var yes bool
	cmd := &cobra.Command{
		Use: "rotate ENDPOINT [flags]", Short: "Replace an endpoint's signing key and print the new one",
		Long: `Replace an endpoint's signing key and print the new one. For the time of --grace each
request carries a signature of both, so that the receiver can change over.`,
		Example: `  hookloft endpoint rotate acme/billing
  hookloft endpoint rotate acme/billing --grace 1h --key @new.key --yes`,
	}
	cmd.Flags().DurationVar(&grace, "grace", 24*time.Hour, "How long the old key goes on signing: 0s to 168h.")
	cmd.Flags().StringVar(&key, "key", "", "The new `KEY`, @FILE that holds it, or - for standard input; made by default.")
	cmd.Flags().BoolVar(&yes, "yes", false, "Do not ask.")
	return p.onEndpoint(cmd, func(r *remote, e endpointRef) error {
		seconds := int64(grace / time.Second)
		if grace < 0 || grace > 7*24*time.Hour || grace%time.Second != 0 {
			return usagef("--grace must be whole seconds from 0s to 168h, not %v", grace)
		}
		in := api.EndpointSecretRotateIn{GracePeriodSeconds: &seconds}
		if key != "" {
			text, err := p.secretText("--key", key)
			if err != nil {
				return err
			}
			in.Key = &text
		}
		if err := r.confirm(yes, "Replace the signing key of "+cell(e.endpoint)+"? The old one signs for "+grace.String()+" more."); err != nil {
			return err
		}
		if err := r.call(http.MethodPost, e.path("/secret/rotate"), in, nil); err != nil {
			return err
		}
		r.notef("rotated; the old key signs until %s", moment(time.Now().Add(grace)))
		err := r.printSecret(e)
		if client.StatusOf(err) == http.StatusForbidden {
			r.notef("this token may not see the new key")
			return nil
		}
		return err
	})
}

func (p *program) endpointHeaders() *cobra.Command {
	var set, unset []string
	cmd := &cobra.Command{
		Use: "headers ENDPOINT [flags]", Short: "Show or change the headers that are sent with each request",
		Long: `Show or change the headers that are sent with each request to an endpoint. Values that
may be credentials are not shown.`,
		Example: `  hookloft endpoint headers acme/billing
  hookloft endpoint headers acme/billing --set 'X-Team: billing' --unset X-Old`,
	}
	cmd.Flags().StringArrayVar(&set, "set", nil, "`NAME: VALUE` to send. Repeatable.")
	cmd.Flags().StringArrayVar(&unset, "unset", nil, "`NAME` to send no more. Repeatable.")
	return p.onEndpoint(cmd, func(r *remote, e endpointRef) error {
		if len(set)+len(unset) > 0 {
			values, err := headerPairs(set)
			if err != nil {
				return err
			}
			in := api.EndpointHeadersPatchIn{Headers: map[string]*string{}, DeleteHeaders: unset}
			for name, value := range values {
				in.Headers[name] = &value
			}
			if err := r.call(http.MethodPatch, e.path("/headers"), in, nil); err != nil {
				return err
			}
		}
		var raw json.RawMessage
		if err := r.call(http.MethodGet, e.path("/headers"), nil, &raw); err != nil {
			return err
		}
		return r.printHeaders(raw)
	})
}

func (r *remote) printHeaders(raw json.RawMessage) error {
	var out api.EndpointHeadersOut
	if err := json.Unmarshal(raw, &out); err != nil {
		return err
	}
	if r.out.format != formatTable && r.out.format != formatID {
		return r.out.value(raw)
	}
	t := r.out.table()
	if r.out.format == formatTable {
		t.row("NAME", "VALUE")
	}
	row := func(name, value string) {
		if r.out.format == formatID {
			t.row(name)
			return
		}
		t.row(name, value)
	}
	for _, name := range sortedKeys(out.Headers) {
		row(name, out.Headers[name])
	}
	for _, name := range out.Sensitive {
		row(name, "(not shown)")
	}
	if len(out.Headers)+len(out.Sensitive) == 0 {
		r.notef("none")
		return nil
	}
	return t.flush()
}
