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

// holdTarget is what may be put on hold, as it is named on the command line.
type holdTarget struct{ isSource, isDestination bool }

const holdTargetHelp = `TARGET is an application (APP), one of its endpoints (APP/ENDPOINT, or an id), with
--destination one of its destinations (APP/DESTINATION), and with --source a source or one
of its endpoints (SOURCE, SOURCE/ENDPOINT).`

func (t *holdTarget) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.isSource, "source", false, "TARGET is a source, or one of its endpoints.")
	cmd.Flags().BoolVar(&t.isDestination, "destination", false, "TARGET is a destination.")
	cmd.MarkFlagsMutuallyExclusive("source", "destination")
}

// path is where the operations of a target are.
func (t *holdTarget) path(r *remote, text string) (string, error) {
	owner, endpoint, isEndpoint := strings.Cut(text, "/")
	if text == "" || isEndpoint && (owner == "" || endpoint == "" || strings.Contains(endpoint, "/")) {
		return "", usagef("TARGET is APP or APP/ENDPOINT, not %q", text)
	}
	switch {
	case t.isSource && isEndpoint:
		return client.Path("/x/v1/source/{}/endpoint/{}", owner, endpoint), nil
	case t.isSource:
		return client.Path("/x/v1/source/{}", owner), nil
	case t.isDestination && !isEndpoint:
		return "", usagef("a destination is APP/DESTINATION, not %q", text)
	case t.isDestination:
		return client.Path(ownDestinationPath, owner, endpoint), nil
	case !isEndpoint && !strings.HasPrefix(text, "ep_"):
		return client.Path("/x/v1/app/{}", owner), nil
	}
	e, err := r.resolve(text)
	if err != nil {
		return "", err
	}
	return client.Path("/x/v1/app/{}/endpoint/{}", e.app, e.endpoint), nil
}

func holdView() view[api.HoldOut] {
	stamp := func(at *time.Time) string {
		if at == nil {
			return ""
		}
		return at.Local().Format(time.DateTime) //nolint:gosmopolitan // shown to whoever sits at this terminal
	}
	return view[api.HoldOut]{
		id: func(h api.HoldOut) string { return h.State },
		columns: []column[api.HoldOut]{
			{"STATE", func(h api.HoldOut) string { return h.State }},
			{"BY", func(h api.HoldOut) string { return orEmpty(h.By) }},
			{"SINCE", func(h api.HoldOut) string { return stamp(h.Since) }},
			{"NOTE", func(h api.HoldOut) string { return orEmpty(h.Note) }},
			{"WAITING", func(h api.HoldOut) string {
				n := strconv.FormatInt(h.Waiting, 10)
				if h.Approximated {
					n = "more than " + n
				}
				return n
			}},
			{"RATE", func(h api.HoldOut) string {
				if h.DrainRate == nil {
					return ""
				}
				return strconv.FormatInt(*h.DrainRate, 10) + " a second"
			}},
			{"BREAKER", func(h api.HoldOut) string {
				if h.Breaker == nil || h.Breaker.State == "closed" {
					return ""
				}
				text := h.Breaker.State
				if at := h.Breaker.NextProbeAt; at != nil {
					text += " until " + stamp(at)
				}
				return text
			}},
		},
	}
}

// onHold is a command that has one operation on a target.
func (p *program) onHold(cmd *cobra.Command, method, operation string, body func() any) *cobra.Command {
	var t holdTarget
	t.flags(cmd)
	cmd.Args, cmd.ValidArgsFunction = arguments("TARGET"), completeWith(p.completeApps)
	return p.remote(cmd, func(r *remote, args []string) error {
		path, err := t.path(r, args[0])
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := r.call(method, path+"/"+operation, body(), &raw); err != nil {
			return missing(err, "there is no %q", args[0])
		}
		return printOne(r, holdView(), raw)
	})
}

func (p *program) pause() *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use: "pause TARGET [flags]", Short: "Send nothing to an endpoint, an application or a source for now",
		Long: `Send nothing for now. What comes waits on disk and nothing is dropped, however long it
takes; 'hookloft resume' sends it. Requests under way end as usual, and a resend that a
person asks for is sent all the same.

` + holdTargetHelp,
		Example: "  hookloft pause acme/billing --note 'their database moves'\n  hookloft pause acme\n  hookloft pause --source stripe",
	}
	cmd.Flags().StringVar(&note, "note", "", "`WHY`, for whoever finds it paused.")
	return p.onHold(cmd, http.MethodPost, "pause", func() any { return api.HoldIn{Note: given(cmd, "note", note)} })
}

func (p *program) resume() *cobra.Command {
	var rate int64
	cmd := &cobra.Command{
		Use: "resume TARGET [flags]", Short: "Let what is paused go on, and send what waited",
		Long: `Let an endpoint, an application or a source go on. What waited is sent at once, or with
--rate at a pace, while new messages do not wait for it. An endpoint that rests after
failures is tried at once.

` + holdTargetHelp,
		Example: "  hookloft resume acme/billing\n  hookloft resume acme --rate 20",
	}
	cmd.Flags().Int64Var(&rate, "rate", 0, "Send `N` messages a second to each endpoint of what waited.")
	return p.onHold(cmd, http.MethodPost, "resume", func() any { return api.ResumeIn{DrainRate: givenNumber(cmd, "rate", rate)} })
}

func (p *program) showHold() *cobra.Command {
	return p.onHold(&cobra.Command{
		Use: "hold TARGET [flags]", Short: "Show whether something is paused, and how much waits",
		Long:    "Show whether an endpoint, an application or a source is on hold, since when, how much waits,\nand whether an endpoint rests after failures.\n\n" + holdTargetHelp,
		Example: "  hookloft hold acme/billing\n  hookloft hold acme -o json --jq .waiting",
	}, http.MethodGet, "hold", func() any { return nil })
}

// givenNumber is n, or nil when its flag was not given.
func givenNumber(cmd *cobra.Command, name string, n int64) *int64 {
	if !cmd.Flags().Changed(name) {
		return nil
	}
	return &n
}

func latestView() view[api.EndpointLatestOut] {
	seconds := func(n *int64) string {
		if n == nil {
			return ""
		}
		return (time.Duration(*n) * time.Second).String()
	}
	return view[api.EndpointLatestOut]{
		id: func(l api.EndpointLatestOut) string { return strconv.FormatBool(l.Enabled) },
		columns: []column[api.EndpointLatestOut]{
			{"ENABLED", func(l api.EndpointLatestOut) string { return strconv.FormatBool(l.Enabled) }},
			{"KEY", func(l api.EndpointLatestOut) string { return orEmpty(l.Key) }},
			{"WINDOW", func(l api.EndpointLatestOut) string { return seconds(l.WindowSeconds) }},
			{"AT MOST", func(l api.EndpointLatestOut) string { return seconds(l.MaxWaitSeconds) }},
		},
	}
}

func (p *program) latestEndpoint() *cobra.Command {
	var key string
	var window time.Duration
	var off bool
	cmd := &cobra.Command{
		Use: "latest ENDPOINT [flags]", Short: "Send of several messages of a key that come close together only the last",
		Long: `Show or set that an endpoint gets of several messages of one key only the last. A message
waits for the window; a later one of its key that comes meanwhile takes its place, and the
earlier one ends as cancelled (superseded). While others keep coming, one is sent every ten
windows. Without --key all messages of an event type are of one key.`,
		Example: "  hookloft endpoint latest acme/search --window 30s --key product.id\n  hookloft endpoint latest acme/search --off",
		Args:    arguments("ENDPOINT"), ValidArgsFunction: completeWith(p.completeEndpoints),
	}
	cmd.Flags().StringVar(&key, "key", "", "`PATH` of the key in the payload.")
	cmd.Flags().DurationVar(&window, "window", 0, "How `LONG` a message waits for a later one, 1s to 1h.")
	cmd.Flags().BoolVar(&off, "off", false, "Send every message again.")
	cmd.MarkFlagsMutuallyExclusive("off", "window")
	cmd.MarkFlagsMutuallyExclusive("off", "key")
	return p.remote(cmd, func(r *remote, args []string) error {
		e, err := r.resolve(args[0])
		if err != nil {
			return err
		}
		path := client.Path("/x/v1/app/{}/endpoint/{}/latest", e.app, e.endpoint)
		var raw json.RawMessage
		switch {
		case off:
			return noEndpoint(r.call(http.MethodDelete, path, nil, nil), args[0])
		case cmd.Flags().Changed("window"), cmd.Flags().Changed("key"):
			if window%time.Second != 0 {
				return usagef("--window takes whole seconds, not %s", window)
			}
			in := api.EndpointLatestIn{Key: given(cmd, "key", key), WindowSeconds: givenNumber(cmd, "window", int64(window/time.Second))}
			err = r.call(http.MethodPut, path, in, &raw)
		default:
			err = r.call(http.MethodGet, path, nil, &raw)
		}
		if err != nil {
			return noEndpoint(err, args[0])
		}
		return printOne(r, latestView(), raw)
	})
}
