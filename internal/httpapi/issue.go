package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// maxIssueRows is how many issues one call of the list looks at.
const maxIssueRows = 1000

// listIssues lists what endpoints fail at, the one that failed last first.
func (s *server) listIssues(c *call) error {
	q := store.IssueQuery{Environment: c.env()}
	var err error
	if q.Application, q.Endpoint, err = s.statsOf(c); err != nil {
		return err
	}
	limit, err := c.q.limit()
	if err != nil {
		return err
	}
	state, err := c.q.oneOf("state", "", "open", "muted", "resolved")
	if err != nil {
		return err
	}
	at, err := c.q.cursor()
	if err != nil {
		return err
	}
	if at.given {
		if q.After = parseIssuePlace(at.id); q.After == nil || at.backward {
			return badIterator()
		}
	}
	now := s.now()
	out := api.IssueList{Data: []api.IssueOut{}, Done: true}
	plans := map[hook.ApplicationID]*store.Plan{}
	looked := 0
	err = s.Issues.EachIssue(c.ctx(), q, func(is *hook.Issue) (bool, error) {
		if looked == maxIssueRows || len(out.Data) == limit {
			out.Done = false
			return false, nil
		}
		looked++
		out.Iterator = orNil(issuePlace(is))
		if state != "" && is.State(now).String() != state {
			return true, nil
		}
		plan := plans[is.Application]
		if plan == nil {
			var err error
			plan, err = s.Catalog.PlanOf(c.ctx(), is.Application)
			switch {
			case err != nil && hook.KindOf(err) == hook.NotFound:
				plan = &store.Plan{}
			case err != nil:
				return false, err
			}
			plans[is.Application] = plan
		}
		if ep := plan.Endpoint(is.Endpoint); ep != nil { // of one that is deleted nothing can be mended
			out.Data = append(out.Data, s.issueToAPI(is, ep, now))
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, out)
}

// issuePlace spells where an issue stands in the list.
func issuePlace(is *hook.Issue) string {
	return strconv.FormatInt(is.LastAt.UnixMilli(), 36) + "." + strconv.FormatInt(int64(is.Endpoint), 36) + "." + strconv.Itoa(int(is.Reason))
}

func parseIssuePlace(text string) *store.IssuePlace {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || len(text) > 64 {
		return nil
	}
	at, err := strconv.ParseInt(parts[0], 36, 64)
	ep, badEndpoint := strconv.ParseInt(parts[1], 36, 64)
	reason, badReason := strconv.ParseUint(parts[2], 10, 8)
	if err != nil || badEndpoint != nil || badReason != nil {
		return nil
	}
	return &store.IssuePlace{LastAt: at, Endpoint: hook.EndpointID(ep), Reason: hook.Reason(reason)}
}

func (s *server) issueToAPI(is *hook.Issue, ep *hook.Endpoint, now time.Time) api.IssueOut {
	why := reasonToAPI(hook.Explain(is.Reason))
	app := s.Catalog.Codec().Application(is.Environment, is.Application)
	out := api.IssueOut{
		ID: app + "." + s.Catalog.Codec().Endpoint(is.Application, is.Endpoint) + "." + is.Reason.String(), AppID: app, EndpointID: s.endpointID(ep), URL: ep.URL,
		Reason: why.Reason, Words: why.Words, NextStep: why.NextStep, State: is.State(now).String(),
		FirstAt: is.FirstAt, LastAt: is.LastAt, Failures: is.Failures, Messages: is.GivenUp,
		MutedUntil: timeOrNil(is.Note.MutedUntil), ResolvedAt: timeOrNil(is.Note.ResolvedAt), Assignee: orNil(is.Note.Assignee), Note: orNil(is.Note.Note),
	}
	if is.SucceededAt.After(is.LastAt) {
		out.RecoveredAt = timeOrNil(is.SucceededAt)
	}
	return out
}

// issue resolves the issue that the path names, with its endpoint.
func (s *server) issue(c *call) (*hook.Issue, *hook.Endpoint, error) {
	parts := strings.Split(c.param("issue_id"), ".")
	if len(parts) != 3 {
		return nil, nil, notFound()
	}
	codec := s.Catalog.Codec()
	key := hook.IssueKey{Environment: c.env()}
	var ok, known bool
	if key.Application, ok = codec.ParseApplication(c.env(), parts[0]); ok {
		key.Endpoint, known = codec.ParseEndpoint(key.Application, parts[1])
	}
	i := slices.IndexFunc(hook.Explanations(), func(e hook.Explanation) bool { return e.Reason.String() == parts[2] })
	if !known || i < 0 {
		return nil, nil, notFound()
	}
	key.Reason = hook.Explanations()[i].Reason
	plan, err := s.Catalog.PlanOf(c.ctx(), key.Application)
	if err != nil {
		return nil, nil, err
	}
	ep := plan.Endpoint(key.Endpoint)
	if ep == nil {
		return nil, nil, notFound()
	}
	is, err := s.Issues.Issue(c.ctx(), key)
	return is, ep, err
}

func (s *server) getIssue(c *call) error {
	is, ep, err := s.issue(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.issueToAPI(is, ep, s.now()))
}

// patchIssue mutes an issue, calls it resolved, or says who sees to it.
func (s *server) patchIssue(c *call) error {
	is, ep, err := s.issue(c)
	if err != nil {
		return err
	}
	in, err := decode[api.IssuePatch](c)
	if err != nil {
		return err
	}
	now := s.now()
	err = s.Issues.UpdateIssueNote(c.ctx(), is.IssueKey, func(n *hook.IssueNote) error {
		if in.MutedUntil.Given {
			n.MutedUntil = time.Time{}
			if !in.MutedUntil.Null {
				n.MutedUntil = in.MutedUntil.Value.UTC().Truncate(time.Millisecond)
			}
		}
		if in.Resolved != nil {
			n.ResolvedAt = time.Time{}
			if *in.Resolved {
				n.ResolvedAt = now
			}
		}
		if in.Assignee.Given {
			n.Assignee = in.Assignee.Value
		}
		if in.Note.Given {
			n.Note = in.Note.Value
		}
		is.Note = *n
		return n.Validate(now)
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.issueToAPI(is, ep, now))
}

// replayIssue sends again what failed at the issue's endpoint in the issue's time, or counts it.
func (s *server) replayIssue(c *call) error {
	is, ep, err := s.issue(c)
	if err != nil {
		return err
	}
	var in api.IssueReplayIn
	if len(c.body) > 0 {
		if in, err = decode[api.IssueReplayIn](c); err != nil {
			return err
		}
	}
	t := s.newTask(c, hook.TaskRecover)
	t.Application, t.Endpoint = is.Application, is.Endpoint
	// A message is accepted before it fails, by little as a rule; times are those of minutes.
	until := is.LastAt.Add(time.Minute)
	if until.After(t.CreatedAt) {
		until = t.CreatedAt
	}
	if err := taskWindow(t, is.FirstAt.Add(-time.Minute), &until, replaySpan, replaySpanWords); err != nil {
		return err
	}
	if t.Params, err = json.Marshal(hook.ReplayParams{}); err != nil {
		return err
	}
	return s.runReplay(c, t, ep, in.RatePerSecond, in.DryRun)
}
