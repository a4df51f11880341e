package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
	"github.com/hookloft/hookloft/internal/config"
)

// maxTriggers bounds --count: this is for trying things, not for load.
const maxTriggers = 100_000

func (p *program) trigger() *cobra.Command {
	var app, rate string
	var sets []string
	var count int64
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "trigger TYPE [flags]",
		Short: "Send a sample of an event type",
		Long: `Send a sample of an event type and print the message's id: its example, else one that
is made from its schema. --app may be left out where there is one application only.`,
		Example: `  hookloft trigger invoice.paid
  hookloft trigger invoice.paid --app acme --set data.amount=5 --set 'data.items[0].sku=A-1'
  hookloft trigger invoice.paid --app acme --count 100 --rate 10/s
  hookloft trigger invoice.paid --dry-run`,
		Args:              arguments("TYPE"),
		ValidArgsFunction: completeWith(p.completeTypes),
	}
	flags := cmd.Flags()
	flags.StringVar(&app, "app", "", "`APP` whose endpoints get it.")
	flags.StringArrayVar(&sets, "set", nil, "`PATH=VALUE` to put into the payload; JSON where it reads as such. Repeatable.")
	flags.Int64Var(&count, "count", 1, "How many `MESSAGES` to send.")
	flags.StringVar(&rate, "rate", "", "`RATE` at which to send them at most, like 10/s or 300/m.")
	flags.BoolVar(&dryRun, "dry-run", false, "Print the payload and send nothing.")
	_ = cmd.RegisterFlagCompletionFunc("app", p.completeApps)
	return p.remote(cmd, func(r *remote, args []string) error {
		if count < 1 || count > maxTriggers {
			return usagef("--count must be from 1 to %d", maxTriggers)
		}
		perSecond, err := parseRate(rate)
		if err != nil {
			return err
		}
		payload, err := r.sample(args[0], sets)
		if err != nil {
			return err
		}
		if dryRun {
			if r.out.format == formatTable || r.out.format == formatID {
				r.out.format = formatJSON
			}
			return r.out.value(payload)
		}
		if app == "" {
			if app, err = r.onlyApp(); err != nil {
				return err
			}
		}
		return r.triggerAll(app, args[0], payload, count, perSecond)
	})
}

// sample is the payload that trigger sends.
func (r *remote) sample(name string, sets []string) (json.RawMessage, error) {
	var t api.EventTypeOut
	err := r.call(http.MethodGet, client.Path(eventTypePath+"/{}", name), nil, &t)
	if client.StatusOf(err) == http.StatusNotFound {
		return nil, r.noEventType(name)
	}
	if err != nil {
		return nil, err
	}
	payload, doubt, err := sampleOf(t, time.Now())
	if errors.Is(err, errNoSample) {
		return nil, fmt.Errorf("event type %q %w: there is nothing to make a sample of.\nSend a payload of your own: hookloft send APP %s '{...}'; or give the type an example: hookloft api PATCH %s -d '{\"schemas\": {\"1\": {\"examples\": [{...}]}}}'",
			name, err, name, client.Path(eventTypePath+"/{}", name))
	}
	if err != nil {
		return nil, err
	}
	if doubt != "" {
		r.warnf("the sample that was made from the schema does not satisfy it: %s; mend it with --set, or give the type an example", doubt)
	}
	if len(sets) == 0 {
		return payload, nil
	}
	root, err := decodeNumbers(payload)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		path, text, ok := cutPair(set)
		if !ok {
			return nil, usagef("--set is PATH=VALUE, not %q", set)
		}
		if root, err = setPath(root, path, text); err != nil {
			return nil, err
		}
	}
	return json.Marshal(root)
}

// noEventType says which event type was probably meant.
func (r *remote) noEventType(name string) error {
	var names []string
	for t, err := range client.Pages[api.EventTypeOut](r.ctx, r.Client, eventTypePath) {
		if err != nil || len(names) == 1000 {
			break
		}
		names = append(names, t.Name)
	}
	if near := config.Suggest(name, names); near != "" {
		return notFoundf("there is no event type %q; did you mean %q?", name, near)
	}
	return notFoundf("there is no event type %q; 'hookloft event-types create %s' makes it, and 'hookloft send' needs none", name, name)
}

// onlyApp is the application of an environment that has one.
func (r *remote) onlyApp() (string, error) {
	var page api.List[api.ApplicationOut]
	if err := r.call(http.MethodGet, "/api/v1/app?limit=10", nil, &page); err != nil {
		return "", err
	}
	switch len(page.Data) {
	case 0:
		return "", notFoundf("there is no application; 'hookloft app create NAME' makes one")
	case 1:
		return page.Data[0].ID, nil
	}
	names := make([]string, len(page.Data))
	for i, a := range page.Data {
		names[i] = appName(a)
	}
	return "", usagef("--app is missing; there are %s", strings.Join(names, ", "))
}

func (r *remote) triggerAll(app, name string, payload json.RawMessage, count int64, perSecond float64) error {
	g := r.progress("sending "+name, 0)
	defer g.end()
	began := time.Now()
	for n := range count {
		if perSecond > 0 {
			// From the beginning, so that what one took does not add up.
			due := began.Add(time.Duration(float64(n) / perSecond * float64(time.Second)))
			wait(r.ctx, time.Until(due))
		}
		m, err := r.Publish(r.ctx, app, api.MessageIn{EventType: name, Payload: payload})
		switch {
		case r.ctx.Err() != nil && n > 0:
			g.end()
			return partialf("stopped after %s of %s", thousands(n), plural(count, "message"))
		case err != nil && n > 0:
			g.end()
			return partialf("stopped after %s of %s: %s", thousands(n), plural(count, "message"), explain(err))
		case err != nil:
			return noApp(err, app)
		}
		if err := r.printMessage(m); err != nil {
			return err
		}
		g.update(n+1, count, 0)
	}
	g.end()
	if count > 1 {
		r.notef("sent %s in %v", plural(count, "message"), time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// printMessage prints a message that was sent: its id, where no format is asked for.
func (r *remote) printMessage(m api.MessageOut) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if r.out.format == formatTable {
		return r.out.line(m.ID)
	}
	return printOne(r, messageView(), raw)
}

// parseRate reads a number per second, or per minute: 10, 10/s, 300/m. "" is 0.
func parseRate(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseFloat(number, 64)
	seconds, known := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	if err != nil || !known || !(n > 0) || n > 1e6 {
		return 0, usagef("--rate is a number per time, like 10/s or 300/m, not %q", text)
	}
	return n / seconds, nil
}

// wait sleeps until d has passed or ctx has ended, and says which.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
