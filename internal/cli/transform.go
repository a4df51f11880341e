package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
	"github.com/hookloft/hookloft/internal/transform"
)

func (p *program) transform() *cobra.Command {
	return p.group(&cobra.Command{
		Use: "transform", Short: "Transformations: JavaScript that changes what an endpoint is sent",
		Long: `A transformation is JavaScript with a function handler(webhook), which changes what an
endpoint is sent; docs/transformations.md has all of it. ENDPOINT is APP/ENDPOINT, each by
id or uid, or the id of an endpoint alone.`,
		Example: `  hookloft transform run handler.js payload.json
  hookloft transform try acme/billing --last 5 --code handler.js
  hookloft transform set acme/billing handler.js`,
	}, p.runTransform(), p.tryTransform(), p.setTransform(), p.getTransform(), p.removeTransform())
}

func (p *program) runTransform() *cobra.Command {
	var variables, channels []string
	var eventType, url string
	var limit time.Duration
	cmd := &cobra.Command{
		Use: "run CODE [PAYLOAD] [flags]", Short: "Run code on a payload here, in the sandbox of the server, without one",
		Long: `Run code on a payload here, in the sandbox that the server uses. Without PAYLOAD it is {};
each may be - for standard input. What would be sent goes to standard output, the code's
console to standard error. Exit code 6: the code cancels the message.`,
		Example: `  hookloft transform run handler.js payload.json
  echo '{"amount": 5}' | hookloft transform run handler.js - --event-type invoice.paid --var currency=EUR`,
		Args: cobra.RangeArgs(1, 2),
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&variables, "var", nil, "`NAME=VALUE` that the code gets as env. Repeatable.")
	flags.StringVar(&eventType, "event-type", "example", "Event `TYPE` of the message.")
	flags.StringSliceVar(&channels, "channel", nil, "`CHANNEL` of the message. Repeatable.")
	flags.StringVar(&url, "url", "https://example.com/webhook", "`URL` of the endpoint.")
	flags.DurationVar(&limit, "time", transform.DefaultTime, "Processor `TIME` that the run may take, at most 1s.")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		env, err := pairs("--var", variables)
		if err != nil {
			return err
		}
		if limit <= 0 || limit > transform.MaxTime {
			return usagef("--time: must be more than 0 and at most %v", transform.MaxTime)
		}
		code, err := p.file("CODE", args[0])
		if err != nil {
			return err
		}
		payload := []byte("{}")
		if len(args) > 1 {
			if payload, err = p.file("PAYLOAD", args[1]); err != nil {
				return err
			}
		}
		pool := transform.New(transform.Options{Time: limit})
		defer pool.Close()
		r, err := pool.Run(cmd.Context(), transform.Job{
			Code: string(code), Variables: env, At: time.Now(), Seed: uint64(time.Now().UnixNano()),
			Webhook: &transform.Webhook{
				Method: http.MethodPost, URL: url, Payload: payload, IsText: !json.Valid(payload), EventType: eventType, Channels: channels,
			},
		})
		console := r.Console
		var failed *transform.Error
		if errors.As(err, &failed) {
			console = failed.Console
		}
		for _, line := range console {
			fmt.Fprintf(p.Err, "console: %s\n", visible(line))
		}
		if failed != nil && failed.Cause != nil {
			return fmt.Errorf("%w: %w", err, failed.Cause) // whoever runs this is the operator
		}
		if err != nil {
			return err
		}
		if r.Cancel {
			return partialf("the code cancels the message")
		}
		if r.Method != http.MethodPost || r.URL != url {
			fmt.Fprintf(p.Err, "%s %s\n", visible(r.Method), visible(r.URL))
		}
		for _, name := range sortedKeys(r.Headers) {
			fmt.Fprintf(p.Err, "%s: %s\n", visible(name), visible(r.Headers[name]))
		}
		if r.Payload == nil {
			r.Payload = payload
		}
		_, err = fmt.Fprintf(p.Out, "%s\n", strings.TrimSuffix(string(r.Payload), "\n"))
		return err
	}
	return cmd
}

func (p *program) tryTransform() *cobra.Command {
	var code, message string
	var variables []string
	var last int64
	cmd := &cobra.Command{
		Use: "try ENDPOINT [flags]", Short: "Show what a transformation makes of the last messages, without sending anything",
		Long:    "Show what an endpoint's transformation, or other code, makes of its last messages or of one. Nothing is sent.",
		Example: "  hookloft transform try acme/billing --last 5\n  hookloft transform try acme/billing --code handler.js --message msg_2yZwUHtAMdZbRfDKkBVMTFabcde",
	}
	flags := cmd.Flags()
	flags.StringVar(&code, "code", "", "`FILE` with code, or - for standard input, in place of the endpoint's.")
	flags.StringArrayVar(&variables, "var", nil, "`NAME=VALUE` that the code gets as env, in place of the endpoint's. Repeatable.")
	flags.StringVar(&message, "message", "", "`MESSAGE` to try it on, by id or eventId.")
	flags.Int64Var(&last, "last", 1, "How many of the newest messages to try it on, 1 to 20.")
	return p.onEndpoint(cmd, func(r *remote, e endpointRef) error {
		var in api.TransformationTryIn
		if message != "" {
			in.MessageID = &message
		} else {
			in.Last = &last
		}
		if code != "" {
			text, err := p.file("--code", code)
			if err != nil {
				return err
			}
			whole := string(text)
			in.Code = &whole
		}
		if len(variables) > 0 {
			env, err := pairs("--var", variables)
			if err != nil {
				return err
			}
			in.Variables = &env
		}
		var raw json.RawMessage
		if err := r.call(http.MethodPost, client.Path("/x/v1/app/{}/endpoint/{}/transformation/simulate", e.app, e.endpoint), in, &raw); err != nil {
			return err
		}
		if r.out.format != formatTable {
			return r.out.value(raw)
		}
		var out api.TransformationTryOut
		if err := json.Unmarshal(raw, &out); err != nil {
			return err
		}
		if len(out.Data) == 0 {
			r.notef("there is no message to try it on")
		}
		for i := range out.Data {
			if err := r.printRun(&out.Data[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// printRun prints what a transformation made of one message.
func (r *remote) printRun(run *api.TransformationRunOut) error {
	var b strings.Builder
	id := "payload"
	if run.MessageID != nil {
		id = *run.MessageID
	}
	fmt.Fprintf(&b, "%s %s: ", visible(id), visible(run.EventType))
	switch {
	case run.Failure != nil:
		b.WriteString(r.paint.red("failed") + ": " + visible(run.Failure.Detail))
	case run.Outcome == "cancelled":
		b.WriteString("cancelled, nothing is sent")
	case run.IsUnchanged:
		b.WriteString(r.paint.green("sent") + " as it is")
	default:
		b.WriteString(r.paint.green("sent"))
	}
	fmt.Fprintf(&b, " %s\n", visible(strings.TrimSpace(run.Method+" "+run.URL)))
	for _, d := range run.Differences {
		switch d.Op {
		case "add":
			fmt.Fprintf(&b, "  + %s %s\n", visible(d.Path), visible(string(d.Value)))
		case "remove":
			fmt.Fprintf(&b, "  - %s %s\n", visible(d.Path), visible(string(d.From)))
		default:
			fmt.Fprintf(&b, "  ~ %s %s -> %s\n", visible(d.Path), visible(string(d.From)), visible(string(d.Value)))
		}
	}
	if run.Differences == nil && run.After != nil && !run.IsUnchanged {
		fmt.Fprintf(&b, "  = %s\n", visible(*run.After))
	}
	if run.HasMore {
		b.WriteString("  ... (there are more differences)\n")
	}
	console := run.Console
	if run.Failure != nil {
		console = run.Failure.Console
	}
	for _, line := range console {
		fmt.Fprintf(&b, "  console: %s\n", visible(line))
	}
	_, err := fmt.Fprint(r.Out, b.String())
	return err
}

func (p *program) setTransform() *cobra.Command {
	var variables []string
	var off bool
	cmd := &cobra.Command{
		Use: "set ENDPOINT CODE [flags]", Short: "Set an endpoint's code from a file, or from standard input (-), and have it run",
		Example: `  hookloft transform set acme/billing handler.js
  hookloft transform set acme/billing handler.js --var currency=EUR --off`,
		Args:              arguments("ENDPOINT", "CODE"),
		ValidArgsFunction: completeWith(p.completeEndpoints),
	}
	cmd.Flags().StringArrayVar(&variables, "var", nil, "`NAME=VALUE` that the code gets as env; all that it gets. Repeatable.")
	cmd.Flags().BoolVar(&off, "off", false, "Store the code without having it run.")
	return p.remote(cmd, func(r *remote, args []string) error {
		text, err := p.file("CODE", args[1])
		if err != nil {
			return err
		}
		in := api.EndpointTransformationPatch{Code: api.Some(string(text)), Enabled: api.Some(!off)}
		if len(variables) > 0 {
			env, err := pairs("--var", variables)
			if err != nil {
				return err
			}
			in.Variables = api.Some(env)
		}
		e, err := r.resolve(args[0])
		if err != nil {
			return err
		}
		if err := r.call(http.MethodPatch, e.path("/transformation"), in, nil); err != nil {
			return noEndpoint(err, args[0])
		}
		r.notef("set")
		return nil
	})
}

func (p *program) getTransform() *cobra.Command {
	return p.onEndpoint(&cobra.Command{
		Use: "get ENDPOINT [flags]", Short: "Print an endpoint's code",
		Example: "  hookloft transform get acme/billing > handler.js",
	}, func(r *remote, e endpointRef) error {
		var raw json.RawMessage
		if err := r.call(http.MethodGet, e.path("/transformation"), nil, &raw); err != nil {
			return err
		}
		if r.out.format != formatTable {
			return r.out.value(raw)
		}
		var out api.EndpointTransformationOut
		if err := json.Unmarshal(raw, &out); err != nil {
			return err
		}
		if out.Code == nil {
			r.notef("none")
			return nil
		}
		if !out.Enabled {
			r.notef("it is stored and does not run")
		}
		code := *out.Code
		if isTerminal(r.Out) {
			code = visible(strings.ReplaceAll(code, "\t", "    "))
		}
		_, err := fmt.Fprintln(r.Out, strings.TrimSuffix(code, "\n"))
		return err
	})
}

func (p *program) removeTransform() *cobra.Command {
	return p.onEndpoint(&cobra.Command{
		Use: "remove ENDPOINT [flags]", Short: "Remove an endpoint's code and variables",
		Example: "  hookloft transform remove acme/billing",
	}, func(r *remote, e endpointRef) error {
		in := api.EndpointTransformationPatch{Code: api.Null[string](), Variables: api.Null[map[string]string]()}
		if err := r.call(http.MethodPatch, e.path("/transformation"), in, nil); err != nil {
			return err
		}
		r.notef("removed")
		return nil
	})
}
