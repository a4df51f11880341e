package cli

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

const endpointFilterPath = "/x/v1/app/{}/endpoint/{}/filter"

func (p *program) filter() *cobra.Command {
	return p.group(&cobra.Command{
		Use: "filter", Short: "Filters: which messages an endpoint wants by what is in them",
		Long: `A filter is a JSON object that says which messages an endpoint wants by payload, headers,
query, metadata, event type and channels; docs/filters.md has the language. ENDPOINT is
APP/ENDPOINT, each by id or uid, or the id of an endpoint alone.`,
		Example: `  hookloft filter test -f filter.json payload.json
  hookloft filter set acme/billing filter.json
  hookloft filter get acme/billing`,
	}, p.testFilter(), p.setFilter(), p.getFilter(), p.removeFilter())
}

// file reads a file, or standard input for -.
func (p *program) file(what, name string) ([]byte, error) {
	if name != "-" {
		name = "@" + name
	}
	return p.body(what, name)
}

// jsonFile reads a file that must hold JSON.
func (p *program) jsonFile(what, name string) (json.RawMessage, error) {
	text, err := p.file(what, name)
	if err != nil {
		return nil, err
	}
	if !json.Valid(text) {
		return nil, usagef("%s: %s is not JSON", what, name)
	}
	return text, nil
}

// filterTestFlags are the flags that describe a message.
type filterTestFlags struct {
	file, message, app, query, eventType string
	headers, channels, metadata          []string
}

func (p *program) testFilter() *cobra.Command {
	var f filterTestFlags
	cmd := &cobra.Command{
		Use: "test --file FILE [PAYLOAD] [flags]", Short: "Ask a filter about a message, and which clause decides",
		Long: `Ask a filter about a message: a payload in a file (- for standard input), with what the flags
say beside it, or a stored message. Exit code 6: it does not match.`,
		Example: `  hookloft filter test -f filter.json payload.json
  hookloft filter test -f filter.json --message msg_2yZwUHtAMdZbRfDKkBVMTFabcde
  hookloft filter test -f filter.json payload.json --header 'X-GitHub-Event: push' --query 'env=prod'`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "`FILE` that holds the filter, or - for standard input.")
	flags.StringVar(&f.message, "message", "", "Stored `MESSAGE` to ask about, in place of a payload.")
	flags.StringVar(&f.app, "app", "", "`APP` of the message, which may then be named by its eventId.")
	flags.StringArrayVar(&f.headers, "header", nil, "`NAME: VALUE` of the provider's request. Repeatable.")
	flags.StringVar(&f.query, "query", "", "`QUERY` of the provider's request, as in a URL.")
	flags.StringArrayVar(&f.metadata, "metadata", nil, "`KEY=VALUE` of the application's metadata. Repeatable.")
	flags.StringVar(&f.eventType, "event-type", "", "Event `TYPE` of the message.")
	flags.StringSliceVar(&f.channels, "channel", nil, "`CHANNEL` of the message. Repeatable.")
	_ = cmd.RegisterFlagCompletionFunc("event-type", p.completeTypes)
	return p.remote(cmd, func(r *remote, args []string) error {
		in, err := p.filterTest(cmd, &f, args)
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := r.call(http.MethodPost, "/x/v1/filter/test", in, &raw); err != nil {
			if f.message != "" {
				err = missing(err, "there is no message %q", f.message)
			}
			return err
		}
		return r.printDecision(raw)
	})
}

func (p *program) filterTest(cmd *cobra.Command, f *filterTestFlags, args []string) (in api.FilterTestIn, err error) {
	switch {
	case f.file == "":
		return in, usagef("--file is missing")
	case (f.message == "") == (len(args) == 0):
		return in, usagef("give a PAYLOAD or --message, one of them")
	case f.file == "-" && len(args) > 0 && args[0] == "-":
		return in, usagef("filter and payload cannot both be standard input")
	}
	if in.Filter, err = p.jsonFile("--file", f.file); err != nil {
		return in, err
	}
	in.MsgID, in.AppID = given(cmd, "message", f.message), given(cmd, "app", f.app)
	in.Query, in.EventType, in.Channels = given(cmd, "query", f.query), given(cmd, "event-type", f.eventType), f.channels
	if len(f.headers) > 0 {
		if in.Headers, err = headerPairs(f.headers); err != nil {
			return in, err
		}
	}
	if len(f.metadata) > 0 {
		if in.Metadata, err = pairs("--metadata", f.metadata); err != nil {
			return in, err
		}
	}
	if len(args) == 0 {
		return in, nil
	}
	content, err := p.file("PAYLOAD", args[0])
	if err != nil {
		return in, err
	}
	if json.Valid(content) {
		in.Payload = content
		return in, nil
	}
	text := string(content)
	in.RawPayload = &text
	return in, nil
}

// printDecision prints what a filter says. That a message does not match is an exit code, so
// that a script can ask.
func (r *remote) printDecision(raw json.RawMessage) error {
	var d api.FilterTestOut
	if err := json.Unmarshal(raw, &d); err != nil {
		return err
	}
	if r.out.format != formatTable {
		if err := r.out.value(raw); err != nil {
			return err
		}
	} else {
		word := r.paint.red("does not match")
		if d.Matches {
			word = r.paint.green("matches")
		}
		if _, err := fmt.Fprintf(r.Out, "%s: %s\n", word, visible(d.Why)); err != nil {
			return err
		}
	}
	if !d.Matches {
		return partialf("the filter does not want the message")
	}
	return nil
}

func (p *program) setFilter() *cobra.Command {
	return p.remote(&cobra.Command{
		Use: "set ENDPOINT FILE [flags]", Short: "Set an endpoint's filter from a file, or from standard input (-)",
		Example: `  hookloft filter set acme/billing filter.json
  echo '{"payload": {"total": {"$gte": 100}}}' | hookloft filter set acme/billing -`,
		Args:              arguments("ENDPOINT", "FILE"),
		ValidArgsFunction: completeWith(p.completeEndpoints),
	}, func(r *remote, args []string) error {
		text, err := p.jsonFile("FILE", args[1])
		if err != nil {
			return err
		}
		e, err := r.resolve(args[0])
		if err != nil {
			return err
		}
		var out api.EndpointFilter
		err = r.call(http.MethodPut, client.Path(endpointFilterPath, e.app, e.endpoint), api.EndpointFilter{Filter: text}, &out)
		if err != nil {
			return noEndpoint(err, args[0])
		}
		r.notef("set")
		return nil
	})
}

func (p *program) getFilter() *cobra.Command {
	return p.onEndpoint(&cobra.Command{
		Use: "get ENDPOINT [flags]", Short: "Print an endpoint's filter",
		Example: "  hookloft filter get acme/billing > filter.json",
	}, func(r *remote, e endpointRef) error {
		var out api.EndpointFilter
		if err := r.call(http.MethodGet, client.Path(endpointFilterPath, e.app, e.endpoint), nil, &out); err != nil {
			return err
		}
		if len(out.Filter) == 0 || string(out.Filter) == "null" {
			r.notef("none")
			return nil
		}
		return r.out.value(out.Filter)
	})
}

func (p *program) removeFilter() *cobra.Command {
	return p.onEndpoint(&cobra.Command{
		Use: "remove ENDPOINT [flags]", Short: "Have an endpoint want all messages again",
		Example: "  hookloft filter remove acme/billing",
	}, func(r *remote, e endpointRef) error {
		if err := r.call(http.MethodDelete, client.Path(endpointFilterPath, e.app, e.endpoint), nil, nil); err != nil {
			return err
		}
		r.notef("removed")
		return nil
	})
}
