package cli

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

const (
	destinationPath    = appPath + "/destination/{}"
	ownDestinationPath = "/x/v1/app/{}/destination/{}"
)

func destinationView() view[api.DestinationOut] {
	return view[api.DestinationOut]{
		id: func(d api.DestinationOut) string { return d.ID },
		columns: []column[api.DestinationOut]{
			{"ID", func(d api.DestinationOut) string { return d.ID }},
			{"UID", func(d api.DestinationOut) string { return orEmpty(d.UID) }},
			{"TYPE", func(d api.DestinationOut) string { return d.Type }},
			{"URL", func(d api.DestinationOut) string {
				if d.Config == nil {
					return ""
				}
				return d.Config.URL
			}},
			{"STATUS", func(d api.DestinationOut) string { return d.Status }},
			{"REASON", func(d api.DestinationOut) string { return orEmpty(d.FailureReason) }},
			{"NEXT RETRY", func(d api.DestinationOut) string {
				if d.NextRetryAt == nil {
					return ""
				}
				return d.NextRetryAt.Local().Format(time.DateTime) //nolint:gosmopolitan // shown to whoever sits at this terminal
			}},
			{"BATCH", func(d api.DestinationOut) string { return strconv.FormatInt(d.BatchSize, 10) }},
			{"EVENT TYPES", func(d api.DestinationOut) string {
				if len(d.EventTypes) == 0 {
					return "all"
				}
				return strings.Join(d.EventTypes, ", ")
			}},
		},
	}
}

func (p *program) destination() *cobra.Command {
	return p.group(&cobra.Command{
		Use: "destination", Short: "Destinations: messages in order, or fetched by consumers",
		Long: `Destinations are what an application's messages go to beside its endpoints: a FIFO
endpoint is sent them in order and in batches, a polling endpoint is asked for them.
DESTINATION is APP/DESTINATION, each by id or uid. An endpoint can be ordered, too:
'hookloft endpoint order'.`,
		Example: `  hookloft destination create acme https://erp.example.com/events --uid erp
  hookloft destination list acme
  hookloft destination retry acme/erp`,
	}, p.listDestinations(), p.createDestination(), p.getDestination(), p.deleteDestination(), p.retryDestination(), p.skipDestination(), p.orderDestination())
}

func noDestination(err error, text string) error {
	return missing(err, "there is no destination %q; 'hookloft destination list APP' lists those of an application", text)
}

// onDestination makes cmd a command whose one argument is a destination.
func (p *program) onDestination(cmd *cobra.Command, run func(*remote, endpointRef) error) *cobra.Command {
	cmd.Args = arguments("DESTINATION")
	return p.remote(cmd, func(r *remote, args []string) error {
		app, destination, ok := strings.Cut(args[0], "/")
		if !ok || app == "" || destination == "" || strings.Contains(destination, "/") {
			return usagef("DESTINATION is APP/DESTINATION, not %q", args[0])
		}
		return noDestination(run(r, endpointRef{app: app, endpoint: destination}), args[0])
	})
}

func (e endpointRef) destination(more string) string {
	return client.Path(destinationPath+more, e.app, e.endpoint)
}

func (p *program) listDestinations() *cobra.Command {
	return p.remote(&cobra.Command{
		Use: "list APP [flags]", Short: "List an application's destinations, the newest first",
		Example:           "  hookloft destination list acme",
		Args:              arguments("APP"),
		ValidArgsFunction: completeWith(p.completeApps),
	}, func(r *remote, args []string) error {
		return noApp(printRows(r, destinationView(), client.Pages[json.RawMessage](r.ctx, r.Client, client.Path(appPath+"/destination", args[0]))), args[0])
	})
}

func (p *program) createDestination() *cobra.Command {
	var uid string
	var types, headers []string
	var batch, wait int64
	cmd := &cobra.Command{
		Use: "create APP [URL] [flags]", Short: "Create a destination and print its id",
		Long: `Create a destination and print its id: with a URL a FIFO endpoint, which gets batches of
messages in order, and without one a polling endpoint, which consumers ask for messages.`,
		Example: `  hookloft destination create acme https://erp.example.com/events --uid erp --batch 50
  hookloft destination create acme --uid shop --event-type order.paid`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("APP is missing")
			case len(args) > 2:
				return usagef("unexpected argument %q", args[2])
			}
			return nil
		},
		ValidArgsFunction: completeWith(p.completeApps),
	}
	flags := cmd.Flags()
	flags.StringVar(&uid, "uid", "", "Your own `NAME` for it, unique among the application's destinations.")
	flags.StringSliceVar(&types, "event-type", nil, "`TYPE` that it wants; all by default. Repeatable.")
	flags.StringArrayVar(&headers, "header", nil, "`NAME: VALUE` to send with each request. Repeatable.")
	flags.Int64Var(&batch, "batch", 0, "Messages of one request, `N` at most; 100 by default.")
	flags.Int64Var(&wait, "max-wait", 0, "`SECONDS` that a batch that is not full waits for more; 0 by default.")
	_ = cmd.RegisterFlagCompletionFunc("event-type", p.completeTypes)
	return p.remote(cmd, func(r *remote, args []string) error {
		in := api.DestinationIn{Type: "pollingEndpoint", UID: given(cmd, "uid", uid), EventTypes: types}
		if cmd.Flags().Changed("batch") {
			in.BatchSize = &batch
		}
		if cmd.Flags().Changed("max-wait") {
			in.MaxWaitSecs = &wait
		}
		pairs, err := headerPairs(headers)
		if err != nil {
			return err
		}
		if len(args) == 2 {
			in.Type, in.Config = "fifoEndpoint", &api.FIFOConfigIn{URL: args[1], Headers: pairs}
		} else if len(pairs) > 0 {
			return usagef("--header is for a destination with a URL")
		}
		return noApp(createOne(r, destinationView(), client.Path(appPath+"/destination", args[0]), in), args[0])
	})
}

func (p *program) getDestination() *cobra.Command {
	return p.onDestination(&cobra.Command{
		Use: "get DESTINATION [flags]", Short: "Show a destination and where its line stands",
		Example: "  hookloft destination get acme/erp",
	}, func(r *remote, e endpointRef) error {
		var raw json.RawMessage
		if err := r.call(http.MethodGet, e.destination(""), nil, &raw); err != nil {
			return err
		}
		return printOne(r, destinationView(), raw)
	})
}

func (p *program) deleteDestination() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete DESTINATION [flags]", Short: "Delete a destination",
		Example: "  hookloft destination delete acme/erp --yes",
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "Do not ask.")
	return p.onDestination(cmd, func(r *remote, e endpointRef) error {
		if err := r.confirm(yes, "Delete destination "+cell(e.app+"/"+e.endpoint)+"? What waits for it is not sent."); err != nil {
			return err
		}
		return r.call(http.MethodDelete, e.destination(""), nil, nil)
	})
}

func (p *program) retryDestination() *cobra.Command {
	return p.onDestination(&cobra.Command{
		Use: "retry DESTINATION [flags]", Short: "Try what stands at the head now",
		Example: "  hookloft destination retry acme/erp",
	}, func(r *remote, e endpointRef) error {
		return r.call(http.MethodPost, e.destination("/force-retry"), nil, nil)
	})
}

func (p *program) skipDestination() *cobra.Command {
	var until string
	cmd := &cobra.Command{
		Use: "skip DESTINATION [flags]", Short: "Give up what stands at the head, so that the line goes on",
		Example: "  hookloft destination skip acme/erp\n  hookloft destination skip acme/erp --until msg_2yZwUHtAMdZbRfDKkBVMTFWXYZa",
	}
	cmd.Flags().StringVar(&until, "until", "", "Give up all up to `MESSAGE`, an id.")
	return p.onDestination(cmd, func(r *remote, e endpointRef) error {
		return r.call(http.MethodPost, e.destination("/skip"), api.SkipParams{Iterator: given(cmd, "until", until)}, nil)
	})
}

// orderFlags are the flags with an order's fields.
type orderFlags struct {
	order api.EndpointOrderInOut
	off   bool
}

func (f *orderFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.order.Key, "key", "", "`PATH` into the payload (order.id), or channel: messages of different keys do not wait for each other.")
	flags.Int64Var(&f.order.SkipAfter, "skip-after", 0, "Give up what has failed `N` times; 0 for when its retries end.")
	flags.Int64Var(&f.order.BatchSize, "batch", 0, "Messages of one request, `N` at most; 0 for one message as it is.")
	flags.Int64Var(&f.order.MaxWaitSecs, "max-wait", 0, "`SECONDS` that a batch that is not full waits for more.")
	flags.BoolVar(&f.order.Lines, "lines", false, "Batches are one JSON value a line instead of a JSON array.")
}

func orderView() view[api.EndpointOrderInOut] {
	return view[api.EndpointOrderInOut]{
		id: func(o api.EndpointOrderInOut) string { return o.Key },
		columns: []column[api.EndpointOrderInOut]{
			{"KEY", func(o api.EndpointOrderInOut) string {
				if o.Key == "" {
					return "none: one line"
				}
				return o.Key
			}},
			{"SKIP AFTER", func(o api.EndpointOrderInOut) string {
				if o.SkipAfter == 0 {
					return "the last retry"
				}
				return strconv.FormatInt(o.SkipAfter, 10) + " failures"
			}},
			{"BATCH", func(o api.EndpointOrderInOut) string {
				if o.BatchSize == 0 {
					return "none"
				}
				return strconv.FormatInt(o.BatchSize, 10)
			}},
			{"MAX WAIT", func(o api.EndpointOrderInOut) string { return (time.Duration(o.MaxWaitSecs) * time.Second).String() }},
			{"FORM", func(o api.EndpointOrderInOut) string {
				if o.Lines {
					return "lines"
				}
				return "array"
			}},
		},
	}
}

// run shows an order where no flag is given, and else sets it.
func (f *orderFlags) run(cmd *cobra.Command, r *remote, path string) error {
	var raw json.RawMessage
	switch {
	case f.off:
		return r.call(http.MethodDelete, path, nil, nil)
	case cmd.Flags().Changed("key") || cmd.Flags().Changed("skip-after") || cmd.Flags().Changed("batch") || cmd.Flags().Changed("max-wait") || cmd.Flags().Changed("lines"):
		if err := r.call(http.MethodPut, path, f.order, &raw); err != nil {
			return err
		}
	default:
		if err := r.call(http.MethodGet, path, nil, &raw); err != nil {
			return err
		}
	}
	return printOne(r, orderView(), raw)
}

func (p *program) orderDestination() *cobra.Command {
	var f orderFlags
	cmd := &cobra.Command{
		Use: "order DESTINATION [flags]", Short: "Show or set the order of a destination's messages",
		Example: "  hookloft destination order acme/erp\n  hookloft destination order acme/erp --key order.id --batch 20",
	}
	f.add(cmd)
	return p.onDestination(cmd, func(r *remote, e endpointRef) error {
		return f.run(cmd, r, client.Path(ownDestinationPath+"/order", e.app, e.endpoint))
	})
}

func (p *program) orderEndpoint() *cobra.Command {
	var f orderFlags
	cmd := &cobra.Command{
		Use: "order ENDPOINT [flags]", Short: "Show or set the order of an endpoint's messages",
		Long: `Show the order in which an endpoint gets its messages, or set it: the flags that are not
given are their defaults. It holds for messages accepted from then on.`,
		Example: `  hookloft endpoint order acme/erp --key order.id
  hookloft endpoint order acme/erp --off`,
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.off, "off", false, "No order: as fast as the endpoint takes them.")
	return p.onEndpoint(cmd, func(r *remote, e endpointRef) error {
		return f.run(cmd, r, client.Path("/x/v1/app/{}/endpoint/{}/order", e.app, e.endpoint))
	})
}
