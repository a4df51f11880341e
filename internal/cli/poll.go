package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

const (
	// pollPage is how many messages are asked for at once, and pollWait how long one request
	// waits for the first: less than a proxy does.
	pollPage = 100
	pollWait = 20 * time.Second
	// pollRetries in a row without an answer: the server is gone.
	pollRetries = 10
)

func (p *program) poll() *cobra.Command {
	var consumer, from string
	var count int64
	var duration, lease time.Duration
	cmd := &cobra.Command{
		Use:   "poll APP DESTINATION [flags]",
		Short: "Fetch the messages of a polling endpoint, and commit what was printed",
		Long: `Fetch the messages of a polling endpoint, print them and commit what was printed, until Ctrl-C.
A consumer goes on where it stopped, also on another machine. What was printed and could not be committed comes again:
each message is printed at least once.`,
		Example: `  hookloft poll acme feed
  hookloft poll acme feed --consumer ledger -o ndjson --jq .payload
  hookloft poll acme feed --consumer audit --from latest --count 10 --duration 1m`,
		Args:              arguments("APP", "DESTINATION"),
		ValidArgsFunction: completeWith(p.completeApps),
	}
	flags := cmd.Flags()
	flags.StringVar(&consumer, "consumer", "hookloft-poll", "`NAME` under which the server remembers how far this has come.")
	flags.StringVar(&from, "from", "earliest", "Where a new consumer begins: earliest or latest.")
	flags.DurationVar(&lease, "lease", 30*time.Second, "For how long what is fetched is this client's alone.")
	flags.Int64Var(&count, "count", 0, "End after so many `MESSAGES`; 0 for never.")
	flags.DurationVar(&duration, "duration", 0, "End after this time; 0 for never.")
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions([]string{"earliest", "latest"}, cobra.ShellCompDirectiveNoFileComp))
	return p.remote(cmd, func(r *remote, args []string) error {
		if count < 0 || duration < 0 {
			return usagef("--count and --duration must not be negative")
		}
		if from != "earliest" && from != "latest" {
			return usagef("--from must be earliest or latest, not %q", from)
		}
		c := consumerRun{
			remote: r, path: "/api/v1/app/" + url.PathEscape(args[0]) + "/polling-endpoint/" + url.PathEscape(args[1]) + "/consumer/" + url.PathEscape(consumer),
			query: url.Values{"starting_position": {from}, "lease_duration_ms": {strconv.FormatInt(lease.Milliseconds(), 10)}}, count: count,
		}
		if duration > 0 {
			c.until = time.Now().Add(duration)
		}
		return c.run()
	})
}

// consumerRun is one run of poll.
type consumerRun struct {
	*remote
	path  string
	query url.Values
	count int64     // 0 for no end
	until time.Time // zero for no end
	seen  int64
}

func (c *consumerRun) run() error {
	for failures := 0; ; {
		waits, limit := pollWait, int64(pollPage)
		if !c.until.IsZero() {
			waits = min(waits, time.Until(c.until))
		}
		if c.count > 0 {
			limit = min(limit, c.count-c.seen)
		}
		c.query.Set("wait", strconv.Itoa(int(max(waits, 0)/time.Second)))
		c.query.Set("limit", strconv.FormatInt(limit, 10))
		err := c.page()
		switch status := client.StatusOf(err); {
		case c.ctx.Err() != nil:
			c.notef("%s", plural(c.seen, "message"))
			return nil
		case err == nil:
			failures = 0
		case status/100 == 4 && status != http.StatusConflict:
			return missing(err, "there is no such application or polling endpoint")
		default:
			if failures++; failures > pollRetries || c.seen == 0 && status == 0 {
				return err
			}
			c.notef("%v; trying again", err)
			if !wait(c.ctx, min(tailRetryFirst<<(failures-1), tailRetryLast)) {
				return nil
			}
		}
		if c.count > 0 && c.seen >= c.count || !c.until.IsZero() && !time.Now().Before(c.until) {
			return nil
		}
		if waits < time.Second && !c.until.IsZero() { // too short for the server to wait
			wait(c.ctx, min(waits, 100*time.Millisecond))
		}
	}
}

// page fetches and prints what there is, and commits it.
func (c *consumerRun) page() error {
	var page struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := c.call(http.MethodGet, c.path+"?"+c.query.Encode(), nil, &page); err != nil || len(page.Data) == 0 {
		return err
	}
	var last api.PolledMessageV2
	for _, raw := range page.Data {
		last = api.PolledMessageV2{}
		if err := json.Unmarshal(raw, &last); err != nil {
			return fmt.Errorf("the answer is not what was expected: %w", err)
		}
		if err := c.show(raw, &last); err != nil {
			return err
		}
		c.seen++
	}
	return c.call(http.MethodPost, c.path+"/commit", api.PollerV2CommitIn{Offset: &last.Offset}, nil)
}

// show prints one message: a line each, also where json is asked for, since there is no end to wait for.
func (c *consumerRun) show(raw json.RawMessage, m *api.PolledMessageV2) error {
	switch c.out.format {
	case formatNDJSON, formatJSON:
		return c.out.value(raw)
	case formatYAML:
		if _, err := fmt.Fprintln(c.Out, "---"); err != nil {
			return err
		}
		return c.out.value(raw)
	case formatID:
		return c.out.line(m.ID)
	}
	_, err := fmt.Fprintf(c.Out, "%s  %s  %s  %s\n", c.paint.faint(m.Timestamp.UTC().Format("15:04:05.000")), cell(m.EventType), cell(m.ID), cell(short(string(m.Payload), 200)))
	return err
}
