package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const (
	// sparklinePeriods is how many bars a sparkline has.
	sparklinePeriods = 24
	// maxSparklines is how many are answered at once: a page of a list.
	maxSparklines = 100
)

// getSparklines counts the attempts of a page of applications, or of endpoints of one, by
// period, so that a list need not ask once for each of its rows. What does not exist, any
// more or for this caller, is left out: the list that asks may be a moment old.
func (s *server) getSparklines(c *call) error {
	q := store.RollupCountQuery{Environment: c.env()}
	var ids []string // public ids, in the order in which they were asked for
	var err error
	if c.param("app_id") == "" && !c.q.has("app_id") {
		ids, err = s.sparklineApplications(c, &q)
	} else {
		ids, err = s.sparklineEndpoints(c, &q)
	}
	if err != nil {
		return err
	}
	word, err := c.q.oneOf("period", "hour", "minute", "5min", "hour")
	if err != nil {
		return err
	}
	p := seriesPeriods[slices.IndexFunc(seriesPeriods, func(p seriesPeriod) bool { return p.name == word })]
	q.Period = p.kept
	q.Until = s.now().Truncate(p.step).Add(p.step)
	q.Since = q.Until.Add(-sparklinePeriods * p.step)
	out := api.SparklinesOut{Period: p.name, Since: q.Since, Until: q.Until, Data: make([]api.Sparkline, len(ids))}
	for i, id := range ids {
		out.Data[i] = api.Sparkline{ID: id, Buckets: make([]api.SparklineBucket, sparklinePeriods)}
	}
	if len(ids) == 0 {
		return c.json(http.StatusOK, out)
	}
	err = s.Sums.EachRollupCount(c.ctx(), q, func(n store.RollupCount) error {
		i := slices.Index(q.Applications, n.Application)
		if len(q.Endpoints) > 0 {
			i = slices.Index(q.Endpoints, n.Endpoint)
		}
		line := &out.Data[i]
		bar := &line.Buckets[time.Duration(n.At-q.Since.UnixMilli())*time.Millisecond/p.step]
		bar.OK += n.Success
		bar.Failed += n.Failed
		line.OK += n.Success
		line.Failed += n.Failed
		return nil
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, out)
}

// sparklineApplications resolves app_ids.
func (s *server) sparklineApplications(c *call, q *store.RollupCountQuery) (ids []string, err error) {
	if c.q.has("endpoint_ids") {
		return nil, invalidQuery("app_id", "is needed beside endpoint_ids")
	}
	refs, err := sparklineRefs(c.q, "app_ids")
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		a, err := s.applicationNamed(c, ref)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !slices.Contains(q.Applications, a.ID) {
			q.Applications = append(q.Applications, a.ID)
			ids = append(ids, s.Catalog.Codec().Application(a.Environment, a.ID))
		}
	}
	return ids, nil
}

// sparklineEndpoints resolves endpoint_ids of the application in the path, or of app_id.
func (s *server) sparklineEndpoints(c *call, q *store.RollupCountQuery) (ids []string, err error) {
	ref := c.param("app_id")
	if ref == "" {
		if ref, _, err = c.q.text("app_id"); err != nil {
			return nil, err
		}
	}
	if c.q.has("app_ids") {
		return nil, invalidQuery("app_ids", "is not for one application: ask for its endpoint_ids")
	}
	a, err := s.applicationNamed(c, ref)
	if err != nil {
		return nil, err
	}
	refs, err := sparklineRefs(c.q, "endpoint_ids")
	if err != nil {
		return nil, err
	}
	q.Applications = []hook.ApplicationID{a.ID}
	for _, ref := range refs {
		ep, err := s.pastEndpoint(c, a, ref)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !slices.Contains(q.Endpoints, ep) {
			q.Endpoints = append(q.Endpoints, ep)
			id := s.Catalog.Codec().Endpoint(a.ID, ep)
			if _, isDestination := s.Catalog.Codec().ParseDestination(a.ID, ref); isDestination {
				id = ref
			}
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// sparklineRefs reads a list of 1 to maxSparklines ids.
func sparklineRefs(q query, name string) ([]string, error) {
	refs, err := q.list(name)
	switch {
	case err != nil:
		return nil, err
	case len(refs) == 0:
		return nil, invalidQuery(name, "must name what is counted")
	case len(refs) > maxSparklines:
		return nil, invalidQuery(name, "must hold at most 100 items")
	}
	return refs, nil
}
