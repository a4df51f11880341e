package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/client"
)

const (
	messagePath = appPath + "/msg/{}"

	// defaultWait is long enough for a first attempt that times out and its first retry.
	defaultWait = time.Minute
)

func messageView() view[api.MessageOut] {
	return view[api.MessageOut]{
		id: func(m api.MessageOut) string { return m.ID },
		columns: []column[api.MessageOut]{
			{"ID", func(m api.MessageOut) string { return m.ID }},
			{"EVENT TYPE", func(m api.MessageOut) string { return m.EventType }},
			{"TIME", func(m api.MessageOut) string { return moment(m.Timestamp) }},
		},
	}
}

func (p *program) send() *cobra.Command {
	var in api.MessageIn
	var eventID string
	var waits bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "send APP TYPE PAYLOAD [flags]",
		Short: "Send a message and print its id",
		Long: `Send a message to the endpoints of an application, and print its id. PAYLOAD is a JSON
object, @FILE that holds one, or - for standard input; its bytes are sent as they are.

With --wait, say what became of it at each endpoint once that is final. Exit code 0:
delivered everywhere; 6: not everywhere; 1: nowhere; 5: not final in time.`,
		Example: `  hookloft send acme invoice.paid '{"amount": 5}'
  hookloft send acme invoice.paid @invoice.json --wait
  generate | hookloft send acme report.ready - --event-id report-2026-11 --tag reports`,
		Args:              arguments("APP", "TYPE", "PAYLOAD"),
		ValidArgsFunction: completeWith(p.completeApps, p.completeTypes),
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&in.Channels, "channel", nil, "`CHANNEL` to send on. Repeatable.")
	flags.StringSliceVar(&in.Tags, "tag", nil, "`TAG` to find it by. Repeatable.")
	flags.StringVar(&eventID, "event-id", "", "Your own `ID` of the event; a second one with it within a day is refused.")
	flags.BoolVar(&waits, "wait", false, "Wait until it is delivered, or will never be.")
	flags.DurationVar(&timeout, "timeout", defaultWait, "How long --wait waits.")
	return p.remote(cmd, func(r *remote, args []string) error {
		if timeout <= 0 {
			return usagef("--timeout must be more than nothing")
		}
		payload, err := p.payload(args[2])
		if err != nil {
			return err
		}
		in.EventType, in.Payload, in.EventID = args[1], payload, given(cmd, "event-id", eventID)
		m, err := r.Publish(r.ctx, args[0], in)
		if err != nil {
			return noApp(err, args[0])
		}
		if waits {
			return r.follow(args[0], m, timeout)
		}
		return r.printMessage(m)
	})
}

// payload reads a message's payload and says at once what is wrong with it.
func (p *program) payload(text string) (json.RawMessage, error) {
	raw, err := p.body("PAYLOAD", text)
	if err != nil {
		return nil, err
	}
	trimmed := bytes.TrimSpace(raw)
	if len(trimmed) == 0 || trimmed[0] != '{' || !json.Valid(trimmed) {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil && len(trimmed) > 0 {
			return nil, usagef("PAYLOAD is not JSON: %w", err)
		}
		return nil, usagef("PAYLOAD must be a JSON object, like '{\"amount\": 5}'")
	}
	// The object's own bytes, without what stands around it.
	return trimmed, nil
}

// The statuses of a delivery (contract, MessageStatus).
const (
	statusSuccess  = 0
	statusPending  = 1
	statusFail     = 2
	statusSending  = 3
	statusCanceled = 4
)

// isFinal: nothing more will be sent by itself.
func isFinal(status int) bool { return status != statusPending && status != statusSending }

// fate is what became of a message at one endpoint.
type fate struct {
	EndpointID  string     `json:"endpointId"`
	URL         string     `json:"url"`
	Status      string     `json:"status"`
	Attempts    int        `json:"attempts"`
	Last        *attempt   `json:"lastAttempt,omitempty"`
	NextAttempt *time.Time `json:"nextAttempt,omitempty"`

	status int
}

// attempt is the last attempt in short.
type attempt struct {
	ID           string `json:"id"`
	StatusCode   int    `json:"responseStatusCode"`
	Milliseconds int64  `json:"responseDurationMs"`
	Reason       string `json:"reason,omitempty"`
	Error        string `json:"error,omitempty"`
}

// follow asks what became of a message until all of it is final.
func (r *remote) follow(app string, m api.MessageOut, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	began := time.Now()
	spinner := r.progress("waiting for deliveries of "+m.ID, 0)
	defer spinner.end()
	var fates []fate
	for pause := 25 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		news, err := r.fates(app, m.ID)
		if err == nil {
			fates = news
		} else if r.ctx.Err() == nil {
			return err
		}
		waiting := 0
		for _, f := range fates {
			if !isFinal(f.status) {
				waiting++
			}
		}
		late := time.Now().After(deadline)
		if waiting == 0 || late || r.ctx.Err() != nil {
			spinner.end()
			return r.printFates(m, fates, waiting, time.Since(began))
		}
		spinner.update(int64(len(fates)-waiting), int64(len(fates)), 0)
		wait(r.ctx, min(pause, time.Until(deadline)))
	}
}

// fates asks for the state of each delivery with its attempts.
func (r *remote) fates(app, message string) ([]fate, error) {
	var fates []fate
	byEndpoint := map[string]int{}
	ctx := r.ctx
	for d, err := range client.Pages[api.MessageEndpointOut](ctx, r.Client, client.Path(messagePath+"/endpoint", app, message)) {
		if err != nil {
			return nil, err
		}
		byEndpoint[d.ID] = len(fates)
		fates = append(fates, fate{EndpointID: d.ID, URL: d.URL, Status: d.StatusText, status: d.Status, NextAttempt: d.NextAttempt})
	}
	path := client.Path(appPath+"/attempt/msg/{}", app, message) + "?expanded_statuses=true"
	for a, err := range client.Pages[api.MessageAttemptOut](ctx, r.Client, path) { // the newest first
		if err != nil {
			return nil, err
		}
		i, known := byEndpoint[a.EndpointID]
		if !known {
			continue
		}
		f := &fates[i]
		f.Attempts++
		if f.Last == nil {
			f.Last = &attempt{ID: a.ID, StatusCode: a.ResponseStatusCode, Milliseconds: a.ResponseDurationMS}
			if a.Hookloft != nil {
				f.Last.Reason, f.Last.Error = a.Hookloft.Reason, a.Hookloft.Error
			}
		}
	}
	return fates, nil
}

// printFates prints what became of a message and turns it into an exit code.
func (r *remote) printFates(m api.MessageOut, fates []fate, waiting int, took time.Duration) error {
	if err := r.showFates(m, fates); err != nil {
		return err
	}
	delivered := 0
	for _, f := range fates {
		if f.status == statusSuccess {
			delivered++
		}
	}
	switch {
	case len(fates) == 0:
		r.notef("no endpoint wants it: 'hookloft endpoint list' shows who subscribes to what")
		return nil
	case waiting > 0 && r.ctx.Err() != nil:
		return partialf("stopped watching with %d of %s not final; deliveries go on", waiting, plural(int64(len(fates)), "endpoint"))
	case waiting > 0:
		return timeoutf("not final after %v at %d of %s; deliveries go on: 'hookloft why %s'", took.Round(100*time.Millisecond), waiting, plural(int64(len(fates)), "endpoint"), m.ID)
	case delivered == len(fates):
		return nil
	case delivered > 0:
		return partialf("delivered to %d of %d endpoints; 'hookloft why %s' says why", delivered, len(fates), m.ID)
	}
	return fmt.Errorf("delivered to none of %s; 'hookloft why %s' says why", plural(int64(len(fates)), "endpoint"), m.ID)
}

func (r *remote) showFates(m api.MessageOut, fates []fate) error {
	switch r.out.format {
	case formatID:
		return r.out.line(m.ID)
	case formatTable:
		r.notef("message %s", m.ID)
		if len(fates) == 0 {
			return nil
		}
		t := r.out.table()
		t.row("ENDPOINT", "URL", "STATUS", "ATTEMPTS", "LAST ANSWER", "NEXT ATTEMPT")
		for _, f := range fates {
			next := ""
			if f.NextAttempt != nil {
				next = moment(*f.NextAttempt)
			}
			t.row(f.EndpointID, f.URL, f.Status, thousands(int64(f.Attempts)), f.Last.words(), next)
		}
		return t.flush()
	case formatNDJSON:
		for _, f := range fates {
			raw, err := json.Marshal(f)
			if err != nil {
				return err
			}
			if err := r.out.value(raw); err != nil {
				return err
			}
		}
		return nil
	}
	if fates == nil {
		fates = []fate{}
	}
	raw, err := json.Marshal(map[string]any{"message": m, "deliveries": fates})
	if err != nil {
		return err
	}
	return r.out.value(raw)
}

// words say in a cell how an attempt ended.
func (a *attempt) words() string {
	switch {
	case a == nil:
		return ""
	case a.StatusCode == 0 && a.Error != "":
		return a.Error
	case a.StatusCode == 0:
		return a.Reason
	}
	text := http.StatusText(a.StatusCode)
	if text != "" {
		text = " " + text
	}
	return strconv.Itoa(a.StatusCode) + text + " in " + (time.Duration(a.Milliseconds) * time.Millisecond).String()
}
