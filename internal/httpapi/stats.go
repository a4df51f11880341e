package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Sums are the sums of ended attempts, those that are not saved yet included; a period may
// come several times. A store.Rollups is one that knows the saved ones alone.
type Sums interface {
	EachRollup(ctx context.Context, q store.RollupQuery, f func(*hook.Rollup) error) error
	// EachRollupCount calls f with counts alone, of many applications or endpoints.
	EachRollupCount(ctx context.Context, q store.RollupCountQuery, f func(store.RollupCount) error) error
}

// seriesPeriod is how a series is divided: into periods of step, added up from sums that
// are kept by kept.
type seriesPeriod struct {
	name  string
	step  time.Duration
	kept  hook.RollupPeriod
	usual time.Duration // how far back a series begins that does not say
}

// seriesPeriods are the words of the period parameter.
var seriesPeriods = []seriesPeriod{
	{"minute", time.Minute, hook.RollupMinute, time.Hour},
	{"5min", 5 * time.Minute, hook.RollupMinute, 6 * time.Hour},
	{"hour", time.Hour, hook.RollupHour, 24 * time.Hour},
}

// maxPeriods bounds one series: 36 hours by the minute, a week by five minutes, 90 days by the hour.
const maxPeriods = 2200

// getSeries counts and times the attempts of an environment, of an application or of an
// endpoint by period.
func (s *server) getSeries(c *call) error {
	q := store.RollupQuery{Environment: c.env()}
	var err error
	if q.Application, q.Endpoint, err = s.statsOf(c); err != nil {
		return err
	}
	p, err := seriesSpan(c.q, s.now(), &q)
	if err != nil {
		return err
	}
	if q.EventTypes, err = eventTypesIn(c.q); err != nil {
		return err
	}
	reason, err := reasonIn(c.q)
	if err != nil {
		return err
	}
	withBuckets, err := c.q.boolean("with_buckets", false)
	if err != nil {
		return err
	}
	points := make([]hook.RollupCounts, q.Until.Sub(q.Since)/p.step)
	var total hook.RollupCounts
	err = s.Sums.EachRollup(c.ctx(), q, func(r *hook.Rollup) error {
		counts := onlyReason(&r.RollupCounts, reason)
		total.Add(counts)
		points[time.Duration(r.At-q.Since.UnixMilli())*time.Millisecond/p.step].Add(counts)
		return nil
	})
	if err != nil {
		return err
	}
	out := api.SeriesOut{Period: p.name, Since: q.Since, Until: q.Until, Total: countsToAPI(&total, withBuckets)}
	out.Data = make([]api.SeriesPoint, len(points))
	for i := range points {
		out.Data[i] = api.SeriesPoint{At: q.Since.Add(time.Duration(i) * p.step), SeriesCounts: countsToAPI(&points[i], withBuckets)}
	}
	return c.json(http.StatusOK, out)
}

// statsOf resolves whose attempts are asked for: application and endpoint of the path, or of
// the parameters app_id and endpoint_id; 0 for all of the environment.
func (s *server) statsOf(c *call) (app hook.ApplicationID, ep hook.EndpointID, err error) {
	var a *hook.Application
	ref, given := c.param("app_id"), true
	if ref == "" {
		if ref, given, err = c.q.text("app_id"); err != nil {
			return 0, 0, err
		}
	}
	endpoint, endpointGiven := c.param("endpoint_id"), true
	if endpoint == "" {
		if endpoint, endpointGiven, err = c.q.text("endpoint_id"); err != nil {
			return 0, 0, err
		}
	}
	if !given {
		if endpointGiven {
			return 0, 0, invalidQuery("app_id", "is needed beside endpoint_id")
		}
		return 0, 0, nil
	}
	if a, err = s.applicationNamed(c, ref); err != nil || !endpointGiven {
		return appID(a), 0, err
	}
	ep, err = s.pastEndpoint(c, a, endpoint)
	return a.ID, ep, err
}

func appID(a *hook.Application) hook.ApplicationID {
	if a == nil {
		return 0
	}
	return a.ID
}

// seriesSpan reads period, since and until.
func seriesSpan(q query, now time.Time, into *store.RollupQuery) (seriesPeriod, error) {
	word, err := q.oneOf("period", "hour", "minute", "5min", "hour")
	if err != nil {
		return seriesPeriod{}, err
	}
	p := seriesPeriods[slices.IndexFunc(seriesPeriods, func(p seriesPeriod) bool { return p.name == word })]
	since, until, err := spanIn(q, now, p.usual)
	if err != nil {
		return p, err
	}
	into.Period = p.kept
	// The period that until lies in is part of the series.
	into.Since, into.Until = since.Truncate(p.step), until.Add(p.step-1).Truncate(p.step)
	if p.kept == hook.RollupMinute && into.Since.Before(now.Add(-hook.KeepMinutes).Truncate(p.step)) {
		return p, invalidRange("Sums by the minute are kept for 7 days; ask by the hour for what is older.")
	}
	if n := into.Until.Sub(into.Since) / p.step; n > maxPeriods {
		return p, invalidRange("A series has at most 2,200 periods; ask for less time or a longer period.")
	}
	return p, nil
}

// spanEnds reads since and until; absent, they are the time up to now, usual long.
func spanEnds(q query, now time.Time, usual time.Duration) (since, until time.Time, err error) {
	if since, err = q.time("since"); err != nil {
		return since, until, err
	}
	if until, err = q.time("until"); err != nil {
		return since, until, err
	}
	if until.IsZero() {
		until = now
	}
	if since.IsZero() {
		since = until.Add(-usual)
	}
	return since, until, nil
}

// spanIn is spanEnds for series, with the bounds that those have.
func spanIn(q query, now time.Time, usual time.Duration) (since, until time.Time, err error) {
	if since, until, err = spanEnds(q, now, usual); err != nil {
		return since, until, err
	}
	if since.Year() < firstYear {
		return since, until, invalidRange("since must not lie before 2000.")
	}
	if !since.Before(until) {
		return since, until, invalidRange("since must lie before until.")
	}
	if until.After(now.Add(futureSlack)) {
		return since, until, invalidRange("until must not lie in the future.")
	}
	return since, until, nil
}

// firstYear is before all that was ever counted; in year 0 there are times that JSON cannot
// spell.
const firstYear = 2000

// futureSlack is how far a client's clock may be ahead.
const futureSlack = time.Minute

func invalidRange(detail string) error {
	return &statusError{http.StatusBadRequest, "invalid_range", detail}
}

func eventTypesIn(q query) ([]string, error) {
	list, err := q.list("event_types")
	if err != nil {
		return nil, err
	}
	for _, name := range list {
		if hook.CheckEventTypeName("event_types", name) != nil {
			return nil, invalidQuery("event_types", "must be names of event types")
		}
	}
	return list, nil
}

// reasonIn reads the class of failures that is asked for; ReasonNone for all.
func reasonIn(q query) (hook.Reason, error) {
	word, given, err := q.text("reason")
	if err != nil || !given {
		return hook.ReasonNone, err
	}
	for _, e := range hook.Explanations() {
		if e.Reason.String() == word {
			return e.Reason, nil
		}
	}
	return 0, invalidQuery("reason", "must be a class of failures; GET /x/v1/reason lists them")
}

// onlyReason returns the failures of one class, or all counts for ReasonNone. How long
// those failures took, and which of them were final, is not known apart from the others.
func onlyReason(c *hook.RollupCounts, only hook.Reason) *hook.RollupCounts {
	if only == hook.ReasonNone {
		return c
	}
	out := &hook.RollupCounts{}
	for _, r := range c.Reasons {
		if r.Reason == only {
			out.Failed, out.Reasons = r.Count, []hook.ReasonCount{r}
		}
	}
	return out
}

func countsToAPI(c *hook.RollupCounts, withBuckets bool) api.SeriesCounts {
	out := api.SeriesCounts{Success: c.Success, Failed: c.Failed, Final: c.Final, Reasons: make(map[string]int64, len(c.Reasons))}
	for _, r := range c.Reasons {
		out.Reasons[r.Reason.String()] += r.Count
	}
	n := c.Timed()
	if n == 0 {
		return out
	}
	out.Latency = &api.LatencyOut{
		Count: n, P50MS: millis(c.Percentile(0.5)), P95MS: millis(c.Percentile(0.95)), P99MS: millis(c.Percentile(0.99)),
		MeanMS: millis(c.Took / time.Duration(n)), MaxMS: millis(c.Slowest),
	}
	if withBuckets {
		bounds := hook.LatencyBounds()
		for i, n := range c.Latency {
			b := api.LatencyBucketOut{Count: n}
			if i < len(bounds) {
				below := millis(bounds[i])
				b.BelowMS = &below
			}
			out.Latency.Buckets = append(out.Latency.Buckets, b)
		}
	}
	return out
}

// getFailures lists the classes of failures of a span of time with the endpoints that had them.
func (s *server) getFailures(c *call) error {
	q := store.RollupQuery{Environment: c.env()}
	var err error
	if q.Application, q.Endpoint, err = s.statsOf(c); err != nil {
		return err
	}
	q.AllApplications = q.Application == 0
	now := s.now()
	if q.Since, q.Until, err = spanIn(c.q, now, 24*time.Hour); err != nil {
		return err
	}
	if q.EventTypes, err = eventTypesIn(c.q); err != nil {
		return err
	}
	const longest = 91 * 24 * time.Hour
	if q.Until.Sub(q.Since) > longest {
		return invalidRange("At most 91 days can be asked for at once.")
	}
	roundSpan(&q, now)
	list, err := s.failures(c.ctx(), q)
	if err != nil {
		return err
	}
	period := "minute"
	if q.Period == hook.RollupHour {
		period = "hour"
	}
	return c.json(http.StatusOK, api.FailuresOut{Period: period, Since: q.Since, Until: q.Until, Data: list})
}

// roundSpan chooses minutes for a short span that lies within their keeping, else hours, and
// widens it to whole ones. Short is a day for one application, three hours for all.
func roundSpan(q *store.RollupQuery, now time.Time) {
	short := 25 * time.Hour
	if q.AllApplications {
		short = 3 * time.Hour
	}
	q.Period = hook.RollupMinute
	if q.Until.Sub(q.Since) > short || q.Since.Before(now.Add(-hook.KeepMinutes)) {
		q.Period = hook.RollupHour
	}
	step := time.Duration(q.Period)
	q.Since, q.Until = q.Since.Truncate(step), q.Until.Add(step-1).Truncate(step)
}

// failures adds up the failures that q asks for by class and endpoint.
func (s *server) failures(ctx context.Context, q store.RollupQuery) ([]api.FailureOut, error) {
	type endpoint struct {
		app hook.ApplicationID
		id  hook.EndpointID
	}
	type account struct {
		endpoint
		count       int64
		first, last int64
	}
	classes := map[hook.Reason]map[endpoint]*account{}
	q.OnlyFailures = true
	err := s.Sums.EachRollup(ctx, q, func(r *hook.Rollup) error {
		for _, n := range r.Reasons {
			if classes[n.Reason] == nil {
				classes[n.Reason] = map[endpoint]*account{}
			}
			at := endpoint{r.Application, r.Endpoint}
			a := classes[n.Reason][at]
			if a == nil {
				a = &account{endpoint: at, first: r.At, last: r.At}
				classes[n.Reason][at] = a
			}
			a.count += n.Count
			a.first, a.last = min(a.first, r.At), max(a.last, r.At)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	const top = 10
	codec := s.Catalog.Codec()
	out := make([]api.FailureOut, 0, len(classes))
	for reason, endpoints := range classes {
		f := api.FailureOut{ReasonOut: reasonToAPI(hook.Explain(reason)), Endpoints: int64(len(endpoints))}
		list := make([]*account, 0, len(endpoints))
		for _, a := range endpoints {
			f.Count += a.count
			list = append(list, a)
		}
		slices.SortFunc(list, func(a, b *account) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.id, b.id)) })
		f.Top = make([]api.FailingEndpoint, 0, min(top, len(list)))
		for _, a := range list[:min(top, len(list))] {
			f.Top = append(f.Top, api.FailingEndpoint{
				AppID: codec.Application(q.Environment, a.app), EndpointID: codec.Endpoint(a.app, a.id), Count: a.count,
				FirstAt: time.UnixMilli(a.first).UTC(), LastAt: time.UnixMilli(a.last).UTC(),
			})
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b api.FailureOut) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return out, nil
}
