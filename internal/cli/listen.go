package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// listenOptions is what one run of `hookloft listen` was asked for.
type listenOptions struct {
	app, source, name string
	events            []string
	channel           string
	since             time.Duration
	target, path      string
	printSecret       bool
	latency           time.Duration
	failRate          int
	record, output    string
	forwardTimeout    time.Duration
	skipFailed        bool
}

// The forms of output.
const (
	listenInteractive = "interactive"
	listenCompact     = "compact"
	listenJSON        = "json"
	listenQuiet       = "quiet"
)

func (p *program) listen() *cobra.Command {
	var o listenOptions
	var remote remoteFlags
	cmd := &cobra.Command{
		Use:   "listen PORT|URL --app APP|--source SOURCE [flags]",
		Short: "Get webhooks on this machine, without a public URL",
		Long: `Get the webhooks of an application, or those that a source received, on this machine.

Each comes as soon as it is accepted, in order, and is sent to a local server as an
endpoint would get it. What arrives while nobody listens is sent when somebody is back.
The secret stays the same, so that the local server is set up once.

A PORT is of this machine; another one needs a whole URL. While nothing answers there
(or 502, 503 or 504 comes back), the message is tried again and the others wait; any
other answer is shown and counts as the message's end.`,
		Example: `  hookloft listen 3000 --app acme                             # to http://localhost:3000/
  hookloft listen 3000 --app acme --path /hooks --events 'invoice.*'
  hookloft listen 3000 --source src_2yZwUHtAMdZbRfDKkBVMTF    # a provider's webhooks, as they were
  hookloft listen --app acme --print-secret                   # what the local server verifies with
  hookloft listen 3000 --app acme --output json --record calls.ndjson`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usagef("unexpected argument %q", args[1])
			case len(args) == 1:
				o.target = args[0]
			case !o.printSecret:
				return usagef("PORT or URL is missing: where is the local server?")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(p); err != nil {
				return err
			}
			t, err := newTunnel(p, &remote, &o)
			if err != nil {
				return err
			}
			if o.printSecret {
				secret, err := t.secret(cmd.Context())
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(p.Out, secret)
				return err
			}
			return p.runListen(cmd.Context(), t, &o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.app, "app", "", "`APP` whose messages to get: id or uid.")
	flags.StringVar(&o.source, "source", "", "`SOURCE` whose webhooks to get: id or uid.")
	flags.StringVar(&o.name, "name", "", "`NAME` of this listener, which has a place and a secret of its own (the name of this machine).")
	flags.StringSliceVar(&o.events, "events", nil, "`TYPES` of events to get; * stands for any characters. Others are passed over.")
	flags.StringVar(&o.channel, "channel", "", "Get only what has this `CHANNEL`.")
	flags.DurationVar(&o.since, "since", 0, "How far back a new listener begins, for example 1h; now by default.")
	flags.StringVar(&o.path, "path", "", "`PATH` of the local server, for example /hooks.")
	flags.BoolVar(&o.printSecret, "print-secret", false, "Print the secret (whsec_...) that verifies what comes, and end.")
	flags.DurationVar(&o.latency, "latency", 0, "Wait so long before each request, to play a slow network.")
	flags.IntVar(&o.failRate, "fail-rate", 0, "`PERCENT` of the answers to take for lost, so that the message is sent again: is the local server ready for that?")
	flags.StringVar(&o.record, "record", "", "Append each request with its answer to this NDJSON `FILE`.")
	flags.StringVarP(&o.output, "output", "o", "", "interactive, compact, json or quiet (interactive on a terminal, else compact).")
	flags.DurationVar(&o.forwardTimeout, "forward-timeout", 30*time.Second, "How long the local server may take to answer.")
	flags.BoolVar(&o.skipFailed, "skip-failed", false, "Go on where the local server does not answer, instead of trying again.")
	// Those of every command that calls a server; output and messages are others here.
	flags.StringVar(&remote.server, "server", "", "`URL` of the server, instead of the profile's (HOOKLOFT_SERVER).")
	flags.StringVar(&remote.token, "token", "", "`TOKEN` for it, @FILE that holds it, or - for standard input (HOOKLOFT_TOKEN).")
	flags.StringVar(&remote.profile, "profile", "", "`NAME` of the profile to use instead of the current one ("+profileVariable+").")
	for _, name := range []string{"server", "token", "profile"} {
		_ = flags.SetAnnotation(name, groupCommon, []string{"true"}) // fails only for an unknown flag
	}
	_ = cmd.RegisterFlagCompletionFunc("app", p.completeApps)
	_ = cmd.RegisterFlagCompletionFunc("profile", p.completeProfiles)
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{listenInteractive, listenCompact, listenJSON, listenQuiet}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// check refuses what cannot be meant, and fills in what depends on the machine.
func (o *listenOptions) check(p *program) error {
	switch {
	case o.app == "" && o.source == "":
		return usagef("--app or --source is missing: whose webhooks?")
	case o.app != "" && o.source != "":
		return usagef("--app and --source cannot stand together")
	case o.failRate < 0 || o.failRate > 100:
		return usagef("--fail-rate must lie between 0 and 100")
	case o.latency < 0 || o.latency > 10*time.Minute:
		return usagef("--latency must lie between 0 and 10m")
	case o.since < 0:
		return usagef("--since must not be negative")
	case o.forwardTimeout < time.Millisecond || o.forwardTimeout > time.Hour:
		return usagef("--forward-timeout must lie between 1ms and 1h")
	case o.path != "" && !strings.HasPrefix(o.path, "/"):
		return usagef("--path must begin with a slash")
	}
	switch o.output {
	case listenInteractive:
		if !isTerminal(p.Out) || !isTerminal(p.In) {
			return usagef("--output interactive needs a terminal")
		}
	case listenCompact, listenJSON, listenQuiet:
	case "":
		o.output = listenCompact
		if isTerminal(p.Out) && isTerminal(p.In) {
			o.output = listenInteractive
		}
	default:
		return usagef("--output must be interactive, compact, json or quiet, not %q", o.output)
	}
	if o.name == "" {
		o.name = machineName()
	}
	return nil
}

// machineName is the name of this machine as far as a listener's name can have it.
func machineName() string {
	host, _ := os.Hostname() // without one there is a name for all such machines
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' {
			return c
		}
		return '-'
	}, host)
	if name == "" {
		return "listener"
	}
	return name[:min(len(name), 256)]
}

// stopGrace is how long the request under way may take to end after the first Ctrl-C.
const stopGrace = 5 * time.Second

// runListen listens until ctx ends, the person quits, or the server says for good that it is over.
func (p *program) runListen(ctx context.Context, t *tunnel, o *listenOptions) (err error) {
	f, err := newForwarder(o)
	if err != nil {
		return err
	}
	var rec *recorder
	if o.record != "" {
		if rec, err = openRecorder(o.record); err != nil {
			return err
		}
		defer func() {
			if cerr := rec.close(); err == nil {
				err = cerr
			}
		}()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d := &deliverer{tunnel: t, forwarder: f, o: o, recorder: rec, began: time.Now(), dealt: map[string]int{}}
	// A first connection that fails is told at once: it is mostly a wrong name or token.
	conn, err := t.connect(ctx)
	if err != nil {
		return err
	}
	welcome := fmt.Sprintf("listening to %s as %q; forwarding to %s", cell(conn.hello.Application), o.name, f)
	if !conn.hello.Created && o.since > 0 {
		welcome += "; it goes on where it stopped, for --since is for new listeners"
	}
	var screen *screenView
	if o.output == listenInteractive {
		screen = newScreenView(ctx, p, d, f.String(), o.name, welcome)
		d.view = screen
	} else {
		d.view = &lineView{out: p.Out, err: p.Err, json: o.output == listenJSON, quiet: o.output == listenQuiet}
		d.view.note("%s", welcome)
	}
	t.view = d.view

	ended := make(chan error, 1)
	go func() {
		ended <- t.run(ctx, conn)
		stop()
	}()
	worked := make(chan struct{})
	go func() { defer close(worked); d.work(ctx) }()
	var drawn error
	if screen != nil {
		drawn = screen.run() // until it is left, or ctx ends
		stop()
	}
	<-ctx.Done()
	<-worked // the request under way ends, and its ack is sent
	if err = <-ended; drawn != nil {
		err = errors.Join(drawn, err)
	}
	t.leave()
	if rec != nil {
		err = errors.Join(err, rec.close())
	}
	fmt.Fprintln(p.Err, d.summary())
	return err
}
