package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// listReasons lists the classes of failures with what they mean.
func (s *server) listReasons(c *call) error {
	out := api.ReasonList{Data: []api.ReasonOut{}}
	for _, e := range hook.Explanations() {
		out.Data = append(out.Data, reasonToAPI(e))
	}
	return c.json(http.StatusOK, out)
}

func reasonToAPI(e hook.Explanation) api.ReasonOut {
	return api.ReasonOut{Reason: e.Reason.String(), Words: e.Words, NextStep: e.Next, IsError: e.IsError}
}

// why says in plain words what became of a message, an attempt or an endpoint, and why.
func (s *server) why(c *call) error {
	id := c.param("id")
	if !isRef(id) {
		return notFound()
	}
	ctx, cancel := context.WithTimeout(c.ctx(), searchBudget)
	defer cancel()
	prefix, _, _ := strings.Cut(id, "_")
	var out api.WhyOut
	var err error
	switch prefix {
	case "msg":
		var m *hook.Message
		if m, err = s.messageAnywhere(ctx, c.env(), id); err == nil {
			out, err = s.whyMessage(c, m)
		}
	case "atmpt":
		var a *hook.Attempt
		if a, err = s.attemptAnywhere(ctx, c.env(), id); err == nil {
			out, err = s.whyAttempt(c, a)
		}
	case "ep":
		var e *hook.Endpoint
		if e, err = s.endpointAnywhere(ctx, c.env(), id); err == nil {
			out, err = s.whyEndpoint(c, e)
		}
	default:
		err = notFound()
	}
	if errors.Is(err, context.DeadlineExceeded) && c.ctx().Err() == nil {
		err = hook.Errorf(hook.Overloaded, "it took too long to find that")
	}
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, out)
}

// mayKnow hides what is another application's from a portal token.
func (c *call) mayKnow(app hook.ApplicationID) error {
	if c.token.IsPortal() && c.token.Application != app {
		return notFound()
	}
	return nil
}

func (s *server) whyMessage(c *call, m *hook.Message) (out api.WhyOut, err error) {
	if err := c.mayKnow(m.Application); err != nil {
		return out, err
	}
	a := &hook.Application{ID: m.Application, Environment: m.Environment}
	codec := s.Catalog.Codec()
	out = api.WhyOut{Kind: "message", ID: codec.Message(m.Application, m.ID), AppID: codec.Application(m.Environment, m.Application)}
	deliveries, err := s.History.Deliveries(c.ctx(), m.Application, m.ID)
	if err != nil {
		return out, err
	}
	endpoints, err := s.endpointsOf(c, a, deliveries)
	if err != nil {
		return out, err
	}
	last, err := s.lastAttempts(c, m)
	if err != nil {
		return out, err
	}
	held, err := s.heldReasons(c, m.Application, deliveries)
	if err != nil {
		return out, err
	}
	seen, err := s.sight(c, m.Application)
	if err != nil {
		return out, err
	}
	counts := map[hook.State]int{}
	var worst *api.WhyDelivery
	for i := range deliveries {
		d := &deliveries[i]
		if why := held[d.Endpoint]; why != hook.ReasonNone && d.State == hook.Pending {
			d.State, d.Reason = hook.Held, why
		}
		counts[d.State]++
		row := s.whyDelivery(d, endpoints[d.Endpoint], last[d.Endpoint], seen.hidesAnswer(m))
		out.Deliveries = append(out.Deliveries, row)
	}
	for i := range out.Deliveries {
		d := &out.Deliveries[i]
		if d.State != hook.Delivered.String() && (worst == nil || graveness(d.State) > graveness(worst.State)) {
			worst = d
		}
	}
	switch n := len(deliveries); {
	case n == 0:
		out.Verdict = "No endpoint wanted this message when it was accepted."
		next := "Create an endpoint that wants the event type " + m.EventType + ", or change the filters of one; then replay what it missed."
		out.NextStep = &next
	case counts[hook.Delivered] == n:
		out.Verdict = "Delivered to " + endpointsText(n) + "."
	default:
		out.Verdict = fmt.Sprintf("Delivered to %d of %s. %s", counts[hook.Delivered], endpointsText(n), worst.Verdict)
		out.NextStep, out.Reason = worst.NextStep, worst.Reason
	}
	out.Facts = []api.WhyFact{
		{Name: "event type", Value: m.EventType},
		{Name: "accepted", Value: m.Time().Format(time.RFC3339)},
		{Name: "deliveries", Value: strconv.Itoa(len(deliveries))},
	}
	for _, st := range []hook.State{hook.Delivered, hook.Pending, hook.Exhausted, hook.Cancelled, hook.Held} {
		if counts[st] > 0 {
			out.Facts = append(out.Facts, api.WhyFact{Name: st.String(), Value: strconv.Itoa(counts[st])})
		}
	}
	if !m.HasContent(s.now()) {
		out.Facts = append(out.Facts, api.WhyFact{Name: "content", Value: "expunged or expired; it cannot be sent again"})
	}
	return out, nil
}

// graveness orders states by how much somebody should look at them.
func graveness(state string) int {
	switch state {
	case hook.Exhausted.String():
		return 2
	case hook.Cancelled.String():
		return 0
	}
	return 1
}

func endpointsText(n int) string {
	if n == 1 {
		return "1 endpoint"
	}
	return strconv.Itoa(n) + " endpoints"
}

// lastAttempts returns the newest attempt of a message at each endpoint, of its newest 250.
func (s *server) lastAttempts(c *call, m *hook.Message) (map[hook.EndpointID]*hook.Attempt, error) {
	list, err := s.History.Attempts(c.ctx(), store.AttemptQuery{Application: m.Application, Message: m.ID, Window: store.Window{Limit: 250}})
	if err != nil {
		return nil, err
	}
	last := map[hook.EndpointID]*hook.Attempt{}
	for _, row := range list.Rows {
		if last[row.Attempt.Endpoint] == nil {
			last[row.Attempt.Endpoint] = row.Attempt
		}
	}
	return last, nil
}

// whyDelivery says what became of a message at one endpoint. last is nil before the first
// attempt; with hidden its words are left out where they may hold what is redacted.
func (s *server) whyDelivery(d *hook.Delivery, e *hook.Endpoint, last *hook.Attempt, hidden bool) api.WhyDelivery {
	codec := s.Catalog.Codec()
	out := api.WhyDelivery{
		EndpointID: s.endpointID(e), URL: plainText(e.URL), State: d.State.String(),
		Attempts: d.Attempts, NextAttempt: nextAttempt(d), Reason: d.Reason.String(), Note: d.Note,
	}
	if last != nil {
		out.LastAttemptID = codec.Attempt(last.Application, last.ID)
	}
	said := explained(d.Reason, last, hidden)
	if d.Note != "" {
		said.Words += " (" + plainText(d.Note) + ")"
	}
	attempts := attemptsText(d.Attempts)
	switch d.State {
	case hook.Delivered:
		out.Verdict = "Delivered after " + attempts + "."
		return out
	case hook.Held:
		out.Verdict = "Held. " + said.Words + "."
	case hook.Cancelled:
		if d.Reason == hook.ReasonSkippedFilter && d.Attempts == 0 {
			out.Verdict = "Not sent. " + said.Words + "."
			break
		}
		out.Verdict = "Cancelled after " + attempts + ". " + said.Words + "."
	case hook.Exhausted:
		out.Verdict = "Given up after " + attempts + ". " + said.Words + "."
	case hook.Pending:
		switch {
		case d.Attempts == 0 && d.DueAt.IsZero():
			out.Verdict = "Not tried yet; it is sent as soon as the endpoint can take it."
		case d.Reason == hook.ReasonReplay:
			out.Verdict = "A replay sends it again; it is due at " + d.NextAt().UTC().Format(time.RFC3339) + "."
			return out
		case d.Attempts == 0:
			out.Verdict = "Not tried yet; it is due at " + d.NextAt().UTC().Format(time.RFC3339) + "."
		default:
			out.Verdict = "Failed " + timesText(d.Attempts) + " and is tried again at " + d.NextAt().UTC().Format(time.RFC3339) + ". " + said.Words + "."
		}
	}
	if said.Next != "" {
		out.NextStep = &said.Next
	}
	return out
}

// explained is hook.Explain with what the attempt itself knows; with hidden without what is redacted.
func explained(r hook.Reason, a *hook.Attempt, hidden bool) hook.Explanation {
	e := hook.Explain(r)
	if e.Words == "" {
		e.Words = "No reason is recorded"
	}
	if a == nil || a.Reason != r {
		return e
	}
	var more []string
	if a.Status != 0 {
		more = append(more, "the answer was "+strconv.Itoa(a.Status))
	}
	if a.RemoteAddr != "" {
		more = append(more, "from "+a.RemoteAddr)
	}
	if r.IsTimeout() {
		more = append(more, "after "+a.Took.Round(10*time.Millisecond).String())
	}
	if words := failureOf(a, hidden); words != "" {
		more = append(more, plainText(words))
	}
	if words := certificateWords(a.TLS); words != "" && r.IsOfCertificate() {
		more = append(more, "the certificate is "+words)
	}
	if len(more) > 0 {
		e.Words += " (" + strings.Join(more, ", ") + ")"
	}
	return e
}

func attemptsText(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return strconv.Itoa(n) + " attempts"
}

func timesText(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

func (s *server) whyAttempt(c *call, a *hook.Attempt) (out api.WhyOut, err error) {
	if err := c.mayKnow(a.Application); err != nil {
		return out, err
	}
	codec := s.Catalog.Codec()
	hidden, url, err := s.shownOf(c, a)
	if err != nil {
		return out, err
	}
	shown := s.attemptToAPI(a, hidden, false, true)
	shown.URL = url
	out = api.WhyOut{
		Kind: "attempt", ID: codec.Attempt(a.Application, a.ID), AppID: codec.Application(c.env(), a.Application),
		Reason: a.Reason.String(), Attempt: &shown,
	}
	switch {
	case a.Outcome == hook.Success:
		out.Verdict = fmt.Sprintf("Delivered: the receiver answered %d after %s.", a.Status, a.Took.Round(time.Millisecond))
		if a.BodyIncomplete {
			out.Verdict += " Its body did not end as it should, which changes nothing."
		}
	default:
		said := explained(a.Reason, a, hidden)
		out.Verdict = "Failed: " + said.Words + "."
		if !a.NextAt.IsZero() {
			out.Verdict += " The next attempt is due at " + a.NextAt.UTC().Format(time.RFC3339) + "."
		}
		if said.Next != "" {
			out.NextStep = &said.Next
		}
	}
	t := a.Timings
	fact := func(name, value string) { out.Facts = append(out.Facts, api.WhyFact{Name: name, Value: value}) }
	fact("message", codec.Message(a.Application, a.Message))
	fact("endpoint", codec.Endpoint(a.Application, a.Endpoint))
	fact("attempt", strconv.Itoa(a.N))
	fact("took", a.Took.Round(time.Microsecond).String())
	for _, p := range []struct {
		name string
		took time.Duration
	}{{"DNS", t.DNS}, {"connect", t.Connect}, {"TLS", t.TLS}, {"first byte", t.FirstByte}, {"body", t.Body}} {
		if p.took > 0 {
			fact(p.name, p.took.Round(time.Microsecond).String())
		}
	}
	if a.RemoteAddr != "" {
		fact("address", a.RemoteAddr)
	}
	if t.Reused {
		fact("connection", "kept from an earlier attempt")
	}
	if words := a.Protocol().String(); words != "" {
		fact("protocol", words)
	}
	if a.TLS != nil {
		if words := tlsVersion(a.TLS); words != "" {
			fact("TLS version", words)
		}
		if words := certificateWords(a.TLS); words != "" {
			fact("certificate", words)
		}
	}
	if a.RetryAfter > 0 {
		fact("asked to wait", a.RetryAfter.String())
	}
	return out, nil
}

func (s *server) whyEndpoint(c *call, e *hook.Endpoint) (out api.WhyOut, err error) {
	if err := c.mayKnow(e.Application); err != nil {
		return out, err
	}
	codec, now := s.Catalog.Codec(), s.now()
	out = api.WhyOut{Kind: "endpoint", ID: codec.Endpoint(e.Application, e.ID), AppID: codec.Application(c.env(), e.Application)}
	q := store.RollupQuery{Environment: c.env(), Application: e.Application, Endpoint: e.ID, Since: now.Add(-24 * time.Hour), Until: now}
	roundSpan(&q, now)
	if out.Failures, err = s.failures(c.ctx(), q); err != nil {
		return out, err
	}
	var day hook.RollupCounts
	err = s.Sums.EachRollup(c.ctx(), q, func(r *hook.Rollup) error {
		day.Add(&r.RollupCounts)
		return nil
	})
	if err != nil {
		return out, err
	}
	_, err = s.Catalog.Endpoint(c.ctx(), e.Application, out.ID)
	isDeleted := err != nil && hook.KindOf(err) == hook.NotFound
	if err != nil && !isDeleted {
		return out, err
	}
	var onHold, resume string
	var holdFacts []api.WhyFact
	if !isDeleted {
		if onHold, resume, holdFacts, err = s.holdVerdict(c, e); err != nil {
			return out, err
		}
	}
	total := day.Success + day.Failed
	next := ""
	if len(out.Failures) > 0 {
		next, out.Reason = out.Failures[0].NextStep, out.Failures[0].Reason
	}
	switch {
	case isDeleted:
		out.Verdict, next = "The endpoint was deleted and gets nothing.", ""
	case e.Disabled && e.DisabledBy == hook.ReasonGone:
		out.Verdict, next = "The endpoint is disabled since the receiver answered 410.", hook.Explain(hook.ReasonGone).Next
	case e.Disabled && e.DisabledBy == hook.ReasonDisabled:
		out.Verdict = "The endpoint is disabled, because nothing could be delivered to it for five days."
		next = hook.Explain(hook.ReasonDisabled).Next
	case e.Disabled:
		out.Verdict, next = "The endpoint was disabled by its owner.", hook.Explain(hook.ReasonDisabled).Next
	case onHold != "":
		out.Verdict, next = onHold, resume
	case total == 0:
		out.Verdict, next = "Nothing was sent to the endpoint in the last 24 hours.", ""
	case day.Failed == 0:
		out.Verdict = fmt.Sprintf("Healthy: all %s of the last 24 hours succeeded.", attemptsText(int(total)))
	case day.Success == 0:
		out.Verdict = fmt.Sprintf("Failing: none of %s of the last 24 hours succeeded. Mostly: %s.", attemptsText(int(total)), out.Failures[0].Words)
	default:
		out.Verdict = fmt.Sprintf("%.1f %% of %s of the last 24 hours succeeded. Failures were mostly: %s.",
			math.Floor(1000*float64(day.Success)/float64(total))/10, attemptsText(int(total)), out.Failures[0].Words)
	}
	if next != "" {
		out.NextStep = &next
	}
	fact := func(name, value string) { out.Facts = append(out.Facts, api.WhyFact{Name: name, Value: value}) }
	fact("url", plainText(e.URL))
	out.Facts = append(out.Facts, holdFacts...)
	fact("succeeded", strconv.FormatInt(day.Success, 10))
	fact("failed", strconv.FormatInt(day.Failed, 10))
	if day.Timed() > 0 {
		fact("p50", day.Percentile(0.5).Round(100*time.Microsecond).String())
		fact("p95", day.Percentile(0.95).Round(100*time.Microsecond).String())
		fact("p99", day.Percentile(0.99).Round(100*time.Microsecond).String())
	}
	if !e.FailingSince.IsZero() {
		fact("failing since", e.FailingSince.UTC().Format(time.RFC3339))
	}
	if since := s.Lanes.Throttled(e.ID); !since.IsZero() {
		fact("held back by its rate since", since.UTC().Format(time.RFC3339))
	}
	return out, nil
}
