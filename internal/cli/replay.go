package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
	"github.com/hookloft/hookloft/internal/config"
)

// replayKinds are what may be sent again.
var replayKinds = []string{"failed", "missing", "all"}

// replayFlags are the flags of replay.
type replayFlags struct {
	since, until, which, rate, channel, tag string
	types                                   []string
	dryRun, yes, detach                     bool
	task, cancel                            string
}

func (p *program) replay() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay ENDPOINT --since TIME [flags]",
		Short: "Send messages of an endpoint again",
		Long: `Send again what failed at an endpoint since a time, what it never got, or everything.
It is counted and asked for first; then it is a task in the background, which is shown
until it has ended. Ctrl-C ends the watching, not the task. New messages go first.

TIME is how long ago (90s, 1h, 7d) or a moment (2026-11-20T08:00:00Z). Exit code 6: not
all of it, because the task was cancelled, some could not be sent, or nobody watched to the end.`,
		Example: `  hookloft replay acme/billing --since 1h --dry-run
  hookloft replay acme/billing --since 24h --status missing --yes
  hookloft replay acme/billing --since 7d --until 1d --event-type invoice.paid --rate 50/s
  hookloft replay --task qtask_2yZwUHtAMdZbRfDKkBVMTFabcde      # watch on
  hookloft replay --cancel qtask_2yZwUHtAMdZbRfDKkBVMTFabcde`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.task != "" || f.cancel != "" {
				return arguments()(cmd, args)
			}
			return arguments("ENDPOINT")(cmd, args)
		},
		ValidArgsFunction: completeWith(p.completeEndpoints),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.since, "since", "", "`TIME` of the oldest message.")
	flags.StringVar(&f.until, "until", "", "`TIME` of the newest message; now by default.")
	flags.StringVar(&f.which, "status", "failed", "`WHICH`: failed, missing (never attempted there) or all, also what was delivered.")
	flags.StringSliceVar(&f.types, "event-type", nil, "Only this event `TYPE`. Repeatable.")
	flags.StringVar(&f.channel, "channel", "", "Only messages with this `CHANNEL`.")
	flags.StringVar(&f.tag, "tag", "", "Only messages with this `TAG`.")
	flags.StringVar(&f.rate, "rate", "", "`RATE` at most, like 50/s; by default as fast as the endpoint takes them.")
	flags.BoolVar(&f.dryRun, "dry-run", false, "Only count.")
	flags.BoolVar(&f.yes, "yes", false, "Do not ask.")
	flags.BoolVar(&f.detach, "detach", false, "Print the task's id and do not watch it.")
	flags.StringVar(&f.task, "task", "", "Watch a `TASK` that runs already.")
	flags.StringVar(&f.cancel, "cancel", "", "End a `TASK`.")
	_ = cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions(replayKinds, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("event-type", p.completeTypes)
	_ = cmd.RegisterFlagCompletionFunc("task", p.completeTasks)
	_ = cmd.RegisterFlagCompletionFunc("cancel", p.completeTasks)
	return p.remote(cmd, func(r *remote, args []string) error {
		switch {
		case f.task != "" && f.cancel != "":
			return usagef("--task and --cancel cannot stand together")
		case f.cancel != "":
			return r.onTask(http.MethodPost, f.cancel, "/cancel")
		case f.task != "":
			var t api.TaskOut
			if err := r.call(http.MethodGet, client.Path(taskPath, f.task), nil, &t); err != nil {
				return noTask(err, f.task)
			}
			return r.watch(t)
		}
		return r.replay(args[0], &f)
	})
}

// request is the body that asks for the replay.
func (f *replayFlags) request(now time.Time) (in api.EndpointReplayIn, err error) {
	if f.since == "" {
		return in, usagef("--since is missing: how far back, like 1h?")
	}
	if in.Since, err = timeAgo("--since", f.since, now); err != nil {
		return in, err
	}
	if f.until != "" {
		until, err := timeAgo("--until", f.until, now)
		if err != nil {
			return in, err
		}
		if !until.After(in.Since) {
			return in, usagef("--until must be after --since")
		}
		in.Until = &until
	}
	known := false
	for _, kind := range replayKinds {
		known = known || f.which == kind
	}
	if !known {
		if near := config.Suggest(f.which, replayKinds); near != "" {
			return in, usagef("--status %q is unknown; did you mean %q?", f.which, near)
		}
		return in, usagef("--status must be one of %s, not %q", strings.Join(replayKinds, ", "), f.which)
	}
	in.Which, in.EventTypes = &f.which, f.types
	if f.channel != "" {
		in.Channel = &f.channel
	}
	if f.tag != "" {
		in.Tag = &f.tag
	}
	rate, err := parseRate(f.rate)
	if rate > 0 {
		in.RatePerSecond = &rate
	}
	return in, err
}

func (r *remote) replay(ref string, f *replayFlags) error {
	in, err := f.request(time.Now())
	if err != nil {
		return err
	}
	e, err := r.resolve(ref)
	if err != nil {
		return err
	}
	path := client.Path("/x/v1/app/{}/endpoint/{}/replay", e.app, e.endpoint)
	var preview api.ReplayPreview
	counted := in
	counted.DryRun = true
	var raw json.RawMessage
	if err := r.call(http.MethodPost, path, counted, &raw); err != nil {
		return noEndpoint(err, ref)
	}
	if err := json.Unmarshal(raw, &preview); err != nil {
		return err
	}
	what := previewWords(preview, f.which)
	switch {
	case f.dryRun && r.out.format != formatTable && r.out.format != formatID:
		return r.out.value(raw)
	case f.dryRun:
		return r.out.line(what)
	case preview.Count == 0:
		r.notef("%s; nothing to do", what)
		return nil
	}
	if err := r.confirm(f.yes, cell(what)+". Send to "+cell(ref)+" again?"); err != nil {
		return err
	}
	var t api.TaskOut
	if err := r.call(http.MethodPost, path, in, &t); err != nil {
		return noEndpoint(err, ref)
	}
	if f.detach {
		raw, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if r.out.format == formatTable {
			r.out.format = formatID
		}
		return printOne(r, taskView(), raw)
	}
	r.notef("task %s: %s", t.ID, what)
	return r.watch(t)
}

// previewWords say what a replay would send.
func previewWords(p api.ReplayPreview, which string) string {
	noun := "message"
	if which != "all" {
		noun = which + " message"
	}
	words := plural(p.Count, noun)
	if !p.Complete {
		words = "at least " + words
	}
	if p.Oldest != nil && p.Newest != nil {
		words += fmt.Sprintf(", accepted from %s to %s", moment(*p.Oldest), moment(*p.Newest))
	}
	return words
}

// timeAgo reads a span before now (90s, 1h, 7d) or a moment (RFC 3339, or a date in UTC).
func timeAgo(flag, text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if d, err := time.ParseDuration(days + "h"); err == nil {
			return ago(flag, text, d*24, now)
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return ago(flag, text, d, now)
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("%s is how long ago (90s, 1h, 7d) or a moment (2026-11-20T08:00:00Z), not %q", flag, text)
}

func ago(flag, text string, d time.Duration, now time.Time) (time.Time, error) {
	// Ten years, so that a product of days cannot overflow into the future.
	if d < 0 || d > 10*365*24*time.Hour {
		return time.Time{}, usagef("%s %q: how long ago, at most ten years", flag, text)
	}
	return now.Add(-d), nil
}
