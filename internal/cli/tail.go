package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
	"github.com/hookloft/hookloft/internal/config"
)

// statusWords are the words for --status, and the statuses of attempts that each means.
var statusWords = map[string][]int{
	"success": {statusSuccess}, "failed": {statusFail, statusSending}, "retrying": {statusSending}, "exhausted": {statusFail}, "canceled": {statusCanceled},
}

const (
	// A stream that broke off is begun anew, the longer the waits the more often in a row.
	tailRetryFirst, tailRetryLast = 500 * time.Millisecond, 15 * time.Second
	// tailRetries in a row without a stream that lived: the server is gone.
	tailRetries = 10
)

func (p *program) tail() *cobra.Command {
	var endpoint, status, reason, kind string
	var types []string
	var count int64
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "tail [APP] [flags]",
		Short: "Show attempts and messages as they happen",
		Long: `Show attempts and messages as they happen, of one application or of all, until Ctrl-C.
After a broken connection it goes on where it was. What the server does not keep any more, or
this end was too slow for, is said.`,
		Example: `  hookloft tail
  hookloft tail acme --status failed
  hookloft tail acme --endpoint billing --output ndjson --jq '[.at, .responseStatusCode]'
  hookloft tail --event-type invoice.paid --count 1 --duration 1m`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("unexpected argument %q", args[1])
			}
			return nil
		},
		ValidArgsFunction: completeWith(p.completeApps),
	}
	flags := cmd.Flags()
	flags.StringVar(&endpoint, "endpoint", "", "Only this `ENDPOINT`: id, or uid where APP is given.")
	flags.StringVar(&status, "status", "", "Only attempts that are `STATUS`: success, failed, retrying (failed, will be tried again), exhausted (failed for good) or canceled.")
	flags.StringVar(&reason, "reason", "", "Only failures of this `CLASS`, for example timeout_headers.")
	flags.StringSliceVar(&types, "event-type", nil, "Only this event `TYPE`. Repeatable.")
	flags.StringVar(&kind, "kind", "", "Only `KIND`: attempt or message.")
	flags.Int64Var(&count, "count", 0, "End after so many `EVENTS`; 0 for never.")
	flags.DurationVar(&duration, "duration", 0, "End after this time; 0 for never.")
	_ = cmd.RegisterFlagCompletionFunc("event-type", p.completeTypes)
	_ = cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions(sortedKeys(statusWords), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions([]string{"attempt", "message"}, cobra.ShellCompDirectiveNoFileComp))
	return p.remote(cmd, func(r *remote, args []string) error {
		query := url.Values{}
		if status != "" {
			numbers, known := statusWords[status]
			if !known {
				if near := config.Suggest(status, sortedKeys(statusWords)); near != "" {
					return usagef("--status %q is unknown; did you mean %q?", status, near)
				}
				return usagef("--status must be one of %s, not %q", strings.Join(sortedKeys(statusWords), ", "), status)
			}
			if len(numbers) == 1 {
				query.Set("status", strconv.Itoa(numbers[0]))
			}
			if kind == "message" {
				return usagef("--status is of attempts, and --kind message shows none")
			}
			kind = "attempt"
		}
		if len(args) == 1 {
			query.Set("app_id", args[0])
		}
		for name, value := range map[string]string{"endpoint_id": endpoint, "reason": reason, "kind": kind, "event_types": strings.Join(types, ",")} {
			if value != "" {
				query.Set(name, value)
			}
		}
		if count < 0 || duration < 0 {
			return usagef("--count and --duration must not be negative")
		}
		f := follower{remote: r, path: "/x/v1/tail?" + query.Encode(), statuses: statusWords[status], count: count}
		if duration > 0 {
			f.until = time.Now().Add(duration)
		}
		return f.run()
	})
}

// follower is one run of tail.
type follower struct {
	*remote
	path string
	// statuses of attempts to show; nil for all.
	statuses []int
	count    int64     // 0 for no end
	until    time.Time // zero for no end
	seen     int64
	place    string // the newest id of the stream
}

var errEnough = errors.New("enough")

func (f *follower) run() error {
	ctx := f.ctx
	if !f.until.IsZero() {
		var cancel func()
		ctx, cancel = context.WithDeadline(ctx, f.until)
		defer cancel()
	}
	failures := 0
	for {
		began, before := time.Now(), f.seen
		err := f.StreamFrom(ctx, f.path, &f.place, f.event)
		switch {
		case errors.Is(err, errEnough), ctx.Err() != nil:
			if f.ctx.Err() != nil {
				f.notef("%s", plural(f.seen, "event"))
			}
			return nil // a stream has no end but somebody's wish
		case !errors.Is(err, io.EOF) && client.StatusOf(err)/100 == 4:
			return missing(err, "there is no such application or endpoint")
		case failures == 0 && !errors.Is(err, io.EOF) && !errors.Is(err, client.ErrBrokeOff):
			return err // it never worked
		}
		if time.Since(began) > tailRetryLast || f.seen > before {
			failures = 0
		}
		if failures++; failures > tailRetries {
			return fmt.Errorf("the stream breaks off again and again: %w", err)
		}
		f.notef("the stream broke off; trying again")
		if !wait(ctx, min(tailRetryFirst<<(failures-1), tailRetryLast)) {
			return nil
		}
	}
}

// event prints one event.
func (f *follower) event(e client.Event) error {
	switch e.Type {
	case "missed":
		var missed api.TailMissed
		if err := json.Unmarshal(e.Data, &missed); err != nil {
			return err
		}
		f.warnf("%s missed: this end is too slow", plural(missed.Missed, "event"))
		return nil
	case "gap":
		var gap api.TailGap
		if err := json.Unmarshal(e.Data, &gap); err != nil {
			return err
		}
		since := "the break"
		if gap.Since != nil {
			since = moment(*gap.Since)
		}
		f.warnf("what happened between %s and %s is not shown: the server does not keep it any more", since, moment(gap.Until))
		return nil
	case "end": // the server drains
		return nil
	case "attempt", "message":
	default:
		return nil // of a newer server
	}
	var status struct {
		Status *int `json:"status"`
	}
	if err := json.Unmarshal(e.Data, &status); err != nil {
		return fmt.Errorf("the stream is not what was expected: %w", err)
	}
	if f.statuses != nil && (status.Status == nil || !slices.Contains(f.statuses, *status.Status)) {
		return nil
	}
	if err := f.show(e.Data); err != nil {
		return err
	}
	if f.seen++; f.seen == f.count {
		return errEnough
	}
	return nil
}

// show prints one event: a line each, also where json is asked for, since there is no end to wait for.
func (f *follower) show(raw json.RawMessage) error {
	switch f.out.format {
	case formatNDJSON:
		return f.out.value(raw)
	case formatJSON, formatYAML:
		if f.out.format == formatYAML {
			if _, err := fmt.Fprintln(f.Out, "---"); err != nil {
				return err
			}
		}
		return f.out.value(raw)
	}
	var e api.TailEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	if f.out.format == formatID {
		if e.Kind == "attempt" {
			return f.out.line(e.AttemptID)
		}
		return f.out.line(e.MsgID)
	}
	_, err := fmt.Fprintln(f.Out, f.tailLine(e))
	return err
}

// tailLine is an event on one line.
func (f *follower) tailLine(e api.TailEvent) string {
	at := f.paint.faint(e.At.UTC().Format("15:04:05.000"))
	if e.Kind == "message" {
		return fmt.Sprintf("%s  message  %s  %s", at, cell(e.EventType), cell(e.MsgID))
	}
	colour := f.paint.red
	switch {
	case e.Status != nil && *e.Status == statusSuccess:
		colour = f.paint.green
	case e.Status != nil && isFinal(*e.Status):
	default:
		colour = f.paint.yellow
	}
	answer := "no answer"
	if e.HTTPStatus != 0 {
		answer = strconv.Itoa(e.HTTPStatus)
	}
	if e.DurationMS != nil {
		answer += fmt.Sprintf(" after %v", time.Duration(*e.DurationMS*float64(time.Millisecond)).Round(100*time.Microsecond))
	}
	line := fmt.Sprintf("%s  %s  %s  %s  %s  %s", at, colour(fmt.Sprintf("%-8s", cell(e.StatusText))), cell(e.EventType), cell(e.MsgID), cell(e.URL), answer)
	if e.N > 1 {
		line += fmt.Sprintf("  attempt %d", e.N)
	}
	if e.Reason != "" {
		line += "  " + cell(e.Reason)
	}
	if e.Error != "" {
		line += ": " + cell(short(e.Error, 200))
	}
	if e.Next != nil {
		line += "  next " + moment(*e.Next)
	}
	return line
}
