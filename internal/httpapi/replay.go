package httpapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// How far back replays may reach: as far as content is kept, but for a recover, where the
// contract says two weeks (CONTRACT 1.15).
const (
	replaySpan      = hook.DefaultRetention
	replaySpanWords = "90 days"
	recoverWords    = "14 days"
)

// recoverEndpoint sends again what failed.
func (s *server) recoverEndpoint(c *call) error {
	in, err := decode[api.RecoverIn](c)
	if err != nil {
		return s.afterEndpoint(c, err)
	}
	return s.replayContract(c, hook.TaskRecover, api.BulkReplayIn{Since: in.Since, Until: in.Until}, hook.MaxRecoverSpan, recoverWords)
}

// replayMissing sends what was never attempted.
func (s *server) replayMissing(c *call) error {
	in, err := decode[api.ReplayIn](c)
	if err != nil {
		return s.afterEndpoint(c, err)
	}
	return s.replayContract(c, hook.TaskReplay, api.BulkReplayIn{Since: in.Since, Until: in.Until}, replaySpan, replaySpanWords)
}

// bulkReplay sends again whatever matches.
func (s *server) bulkReplay(c *call) error {
	in, err := decode[api.BulkReplayIn](c)
	if err != nil {
		return s.afterEndpoint(c, err)
	}
	return s.replayContract(c, hook.TaskBulkReplay, in, replaySpan, replaySpanWords)
}

// afterEndpoint returns err, a complaint about the body, unless the path names nothing: a
// stranger learns from no complaint what exists.
func (s *server) afterEndpoint(c *call, err error) error {
	if _, _, missing := s.endpoint(c); missing != nil {
		return missing
	}
	return err
}

// replayContract starts a replay as the contract asks for one.
func (s *server) replayContract(c *call, typ string, in api.BulkReplayIn, span time.Duration, words string) error {
	t, e, err := s.newReplay(c, typ, in, span, words)
	if err != nil {
		return err
	}
	if e.Disabled {
		return endpointDisabled()
	}
	return s.startTask(c, t, s.startedToAPI(t))
}

// newReplay makes a replay of the endpoint that the path names, which is not stored yet.
func (s *server) newReplay(c *call, typ string, in api.BulkReplayIn, span time.Duration, words string) (*hook.Task, *hook.Endpoint, error) {
	a, e, err := s.endpoint(c)
	if err != nil {
		return nil, nil, err
	}
	t := s.newTask(c, typ)
	t.Application, t.Endpoint = a.ID, e.ID
	if err := taskWindow(t, in.Since, in.Until, span, words); err != nil {
		return nil, nil, err
	}
	p, err := replayFilters(in)
	if err != nil {
		return nil, nil, err
	}
	if t.Params, err = json.Marshal(p); err != nil {
		return nil, nil, err
	}
	return t, e, nil
}

// replayFilters reads what narrows a replay.
func replayFilters(in api.BulkReplayIn) (p hook.ReplayParams, err error) {
	p.EventTypes = in.EventTypes
	for _, f := range []struct {
		name string
		from *string
		to   *string
	}{{"channel", in.Channel, &p.Channel}, {"tag", in.Tag, &p.Tag}} {
		if f.from == nil {
			continue
		}
		if *f.from == "" {
			return p, hook.Fieldf(f.name, "must have 1 to 128 characters")
		}
		*f.to = *f.from
	}
	if err := p.Validate(); err != nil {
		return p, err
	}
	if in.Status != nil {
		if !anyOf(*in.Status, 0, 1, 2, 3, 4) {
			return p, hook.Fieldf("status", "must be 0, 1, 2, 3 or 4")
		}
		status := uint8(*in.Status)
		p.Status = &status
	}
	if in.StatusCodeClass != nil {
		if !anyOf(*in.StatusCodeClass, 0, 100, 200, 300, 400, 500) {
			return p, hook.Fieldf("statusCodeClass", "must be 0, 100, 200, 300, 400 or 500")
		}
		p.StatusClass = max(int(*in.StatusCodeClass), 1) // the store's 1 is the wire's 0
	}
	return p, nil
}

// replayKinds are the words of ours and the kinds that they ask for.
var replayKinds = map[string]string{"failed": hook.TaskRecover, "missing": hook.TaskReplay, "all": hook.TaskBulkReplay}

// replayEndpoint starts a replay with all that a replay can be told, or counts what it
// would send.
func (s *server) replayEndpoint(c *call) error {
	in, err := decode[api.EndpointReplayIn](c)
	if err != nil {
		return s.afterEndpoint(c, err)
	}
	which := "failed"
	if in.Which != nil {
		which = *in.Which
	}
	typ, known := replayKinds[which]
	if !known {
		return s.afterEndpoint(c, hook.Fieldf("which", "must be failed, missing or all"))
	}
	t, e, err := s.newReplay(c, typ, in.BulkReplayIn, replaySpan, replaySpanWords)
	if err != nil {
		return err
	}
	switch {
	case typ != hook.TaskBulkReplay && in.Status != nil:
		return hook.Fieldf("status", "may be given only with which all")
	case typ == hook.TaskReplay && in.StatusCodeClass != nil:
		return hook.Fieldf("statusCodeClass", "may not be given with which missing: what was never attempted has no answer")
	}
	return s.runReplay(c, t, e, in.RatePerSecond, in.DryRun)
}

// runReplay starts a replay at the pace that was asked for, nil for none, or counts what it
// would send.
func (s *server) runReplay(c *call, t *hook.Task, e *hook.Endpoint, perSecond *float64, isDry bool) error {
	if err := checkRate(perSecond); err != nil {
		return err
	}
	if perSecond != nil {
		t.RatePerSecond = *perSecond
	}
	if isDry {
		leave, err := s.previews.enter(c, t.Application)
		if err != nil {
			return err
		}
		defer leave()
		p, err := s.Tasks.Preview(c.ctx(), t, e)
		if err != nil {
			return err
		}
		return c.json(http.StatusOK, previewToAPI(p))
	}
	if e.Disabled {
		return endpointDisabled()
	}
	return s.startTask(c, t, s.ownTaskToAPI(t))
}

func previewToAPI(p hook.Preview) api.ReplayPreview {
	out := api.ReplayPreview{Count: p.Count, Complete: p.IsComplete}
	if p.Count > 0 {
		out.Oldest, out.Newest = timeOrNil(hook.Key(p.Oldest).Time()), timeOrNil(hook.Key(p.Newest).Time())
	}
	return out
}

// cancelMessages ends what waits for an endpoint.
func (s *server) cancelMessages(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	in, err := decode[api.CancelMsgsIn](c)
	if err != nil {
		return err
	}
	if in.CreatedBefore.IsZero() {
		return &hook.FieldError{Path: []string{"createdBefore"}, Text: "missing field `createdBefore`", Code: typeJSON}
	}
	before := in.CreatedBefore.UTC()
	// What comes in from now on is not waiting yet. A millisecond more, because a message of
	// this one may have been accepted.
	if latest := s.now().Add(time.Millisecond); before.After(latest) {
		before = latest
	}
	if _, err := s.Ledger.Cancel(c.ctx(), store.Cancellation{Application: a.ID, Endpoint: e.ID, Before: before}); err != nil {
		return err
	}
	return c.empty()
}
