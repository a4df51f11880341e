package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const (
	// destinationsRows is how many messages one step counts the destinations of.
	destinationsRows = 20_000
	// maxSubscribedTypes bounds the names in one result.
	maxSubscribedTypes = 50_000
	// statsApplications is how many applications one step lists.
	statsApplications = 50
)

// appStats counts deliveries by application. It keeps what it has counted in memory: a
// restart begins again.
type appStats struct {
	begun  bool
	all    bool // of the environment, listed as the walk goes on
	after  hook.ApplicationID
	more   bool // there may be more to list
	todo   []*hook.Application
	from   hook.Key // in the first of todo
	n      int64
	result hook.AppStatsResult
}

// step implements work.
func (s *appStats) step(ctx context.Context, j *job) (isLast bool, err error) {
	if !s.begun {
		if err := s.begin(ctx, j); err != nil {
			return false, err
		}
	}
	if len(s.todo) == 0 && s.more {
		list, err := j.r.applications(ctx, j.t.Environment, store.AppFilter{}, s.after, statsApplications)
		if err != nil {
			return false, err
		}
		s.todo, s.more = list.Rows, list.More
		if n := len(list.Rows); n > 0 {
			s.after = list.Rows[n-1].ID
		}
	}
	for looked := 0; len(s.todo) > 0 && looked < statsApplications; looked++ {
		a := s.todo[0]
		first := max(s.from, hook.KeyAt(j.t.Since)-1)
		n, next, err := j.r.history.Destinations(ctx, a.ID, first, hook.KeyAt(j.t.Until)-1, destinationsRows)
		if err != nil {
			return false, err
		}
		s.n += n
		if s.from = next; next != 0 {
			return false, nil // a large application takes several steps
		}
		s.add(hook.AppStats{Application: a.ID, UID: a.UID, Destinations: s.n})
		s.n, s.todo = 0, s.todo[1:]
		j.t.Done++
	}
	if len(s.todo) > 0 || s.more {
		return false, nil
	}
	if j.t.Result, err = json.Marshal(s.result); err != nil {
		return false, fmt.Errorf("note statistics: %w", err)
	}
	return true, nil
}

func (s *appStats) begin(ctx context.Context, j *job) error {
	var p hook.AppStatsParams
	if err := j.params(&p); err != nil {
		return err
	}
	j.t.Done, j.t.Total = 0, -1
	if s.all = p.Applications == nil; s.all {
		s.more = true
	} else {
		j.t.Total = int64(len(p.Applications))
	}
	for _, id := range p.Applications {
		plan, err := j.r.catalog.PlanOf(ctx, id)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			continue // deleted since it was named
		}
		if err != nil {
			return fmt.Errorf("load an application: %w", err)
		}
		s.todo = append(s.todo, plan.Application)
	}
	s.begun = true
	return nil
}

func (s *appStats) add(row hook.AppStats) {
	if len(s.result.Applications) < hook.MaxStatsRows {
		s.result.Applications = append(s.result.Applications, row)
	} else {
		s.result.Truncated = true
	}
}

// cancel implements work.
func (*appStats) cancel(context.Context, *job) error { return nil }

// eventTypes lists by application the event types that its endpoints name. It keeps what
// it has found in memory: a restart begins again.
type eventTypes struct {
	begun  bool
	after  hook.ApplicationID
	names  int
	result hook.EventTypesResult
}

// step implements work.
func (e *eventTypes) step(ctx context.Context, j *job) (isLast bool, err error) {
	if !e.begun {
		e.begun, j.t.Done, j.t.Total = true, 0, -1
	}
	list, err := j.r.applications(ctx, j.t.Environment, store.AppFilter{WithEndpoints: true}, e.after, statsApplications/5)
	if err != nil {
		return false, err
	}
	for _, a := range list.Rows {
		row, err := j.r.subscribedTypes(ctx, a.ID)
		if err != nil {
			return false, err
		}
		if len(e.result.Applications) < hook.MaxStatsRows && e.names+len(row.EventTypes) <= maxSubscribedTypes {
			e.result.Applications = append(e.result.Applications, row)
			e.names += len(row.EventTypes)
		} else {
			e.result.Truncated = true
		}
		e.after = a.ID
		j.t.Done++
	}
	if list.More {
		return false, nil
	}
	if j.t.Result, err = json.Marshal(e.result); err != nil {
		return false, fmt.Errorf("note statistics: %w", err)
	}
	return true, nil
}

// subscribedTypes reads which event types the endpoints of an application name.
func (r *Runner) subscribedTypes(ctx context.Context, app hook.ApplicationID) (hook.SubscribedTypes, error) {
	row := hook.SubscribedTypes{Application: app}
	p := store.Page[hook.EndpointID]{Limit: applicationsPage}
	for more := true; more; {
		list, err := r.catalog.ListEndpoints(ctx, app, p)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			return row, nil // deleted meanwhile
		}
		if err != nil {
			return row, fmt.Errorf("list endpoints: %w", err)
		}
		for _, ep := range list.Rows {
			if len(ep.EventTypes) == 0 {
				row.HasCatchAll = true
			}
			row.EventTypes = append(row.EventTypes, ep.EventTypes...)
			p.After, p.HasAfter = ep.ID, true
		}
		slices.Sort(row.EventTypes)
		row.EventTypes = slices.Compact(row.EventTypes)
		more = list.More && len(list.Rows) > 0
	}
	return row, nil
}

// cancel implements work.
func (*eventTypes) cancel(context.Context, *job) error { return nil }
