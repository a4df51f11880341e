package httpapi

import (
	"net/http"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// The statistics of the contract. Nothing of theirs is ever cancelled: a delivery that is
// cancelled has no attempt, and attempts are what they count.

// countActive counts the applications that have an endpoint which gets messages; with
// exclude_disabled=false those that have any endpoint.
func (s *server) countActive(c *call) error {
	if err := ignorePlay(c.q); err != nil {
		return err
	}
	excludeDisabled, err := c.q.boolean("exclude_disabled", true)
	if err != nil {
		return err
	}
	n, err := s.Search.CountEndpoints(c.ctx(), c.env())
	if err != nil {
		return err
	}
	out := api.ActiveAppCount{Count: n.WithEndpoints}
	if excludeDisabled {
		out.Count = n.WithActive
	}
	return c.json(http.StatusOK, out)
}

// ignorePlay reads exclude_svix_play, which is about a service that does not exist here.
func ignorePlay(q query) error {
	_, err := q.boolean("exclude_svix_play", true)
	return err
}

func (s *server) countEndpoints(c *call) error {
	if err := ignorePlay(c.q); err != nil {
		return err
	}
	n, err := s.Search.CountEndpoints(c.ctx(), c.env())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, api.EndpointCountOut{Active: n.Active, Disabled: n.Disabled})
}

// maxCounted is how many attempts count-by-endpoint counts.
const maxCounted = 10_000

// countAttemptsByEndpoint is listAttemptsByEndpoint without the list.
func (s *server) countAttemptsByEndpoint(c *call) error {
	a, ep, err := s.pastEndpointOfPath(c)
	if err != nil {
		return err
	}
	q := store.AttemptQuery{Application: a.ID, Endpoint: ep}
	if q.Window, err = window(c.q, s.now(), func(string) (hook.Key, bool) { return 0, false }); err != nil {
		return err
	}
	if q.EventTypes, q.Channel, q.Tag, err = messageFilter(c.q); err != nil {
		return err
	}
	if q.Statuses, err = statusFilter(c.q, false); err != nil {
		return err
	}
	if q.StatusClass, err = statusClass(c.q); err != nil {
		return err
	}
	n, isMore, err := s.Search.CountAttempts(c.ctx(), q, maxCounted)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, api.CountOut{Count: int64(n), Approximated: isMore})
}

// getAttemptStats counts an application's attempts by event type. Minutes are the finest
// that is known, so since and until are rounded to what is shown.
func (s *server) getAttemptStats(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	for _, name := range []string{"since", "until"} {
		if _, given, err := c.q.text(name); err != nil || !given {
			if err == nil {
				err = badRequest("The query parameter %s is missing.", name)
			}
			return err
		}
	}
	q := store.RollupQuery{Environment: c.env(), Application: a.ID}
	now := s.now()
	if q.Since, q.Until, err = spanIn(c.q, now, 0); err != nil {
		return err
	}
	if q.Until.Sub(q.Since) > historyDays+24*time.Hour {
		return invalidRange("At most 91 days can be asked for at once.")
	}
	if q.EventTypes, err = eventTypesIn(c.q); err != nil {
		return err
	}
	roundSpan(&q, now)
	out := api.AppAttemptStatsOut{Since: q.Since, Until: q.Until, ByEventType: map[string]api.AppAttemptEventTypeStats{}}
	err = s.Sums.EachRollup(c.ctx(), q, func(r *hook.Rollup) error {
		t := out.ByEventType[r.EventType]
		t.Success += r.Success
		t.Failure += r.Failed
		out.ByEventType[r.EventType] = t
		out.TotalSuccess += r.Success
		out.TotalFailure += r.Failed
		return nil
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, out)
}

// getAppAttempts counts an application's attempts by period, in parallel lists.
func (s *server) getAppAttempts(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	q := store.RollupQuery{Environment: c.env(), Application: a.ID, Period: hook.RollupHour}
	word, err := c.q.oneOf("period", "OneDay", "OneDay", "OneHour", "FiveMinutes")
	if err != nil {
		return err
	}
	step, usual := 24*time.Hour, 28*24*time.Hour
	switch word {
	case "OneHour":
		step, usual = time.Hour, 24*time.Hour
	case "FiveMinutes":
		step, usual, q.Period = 5*time.Minute, 6*time.Hour, hook.RollupMinute
	}
	now := s.now()
	if q.Since, err = c.q.time("startDate"); err != nil {
		return err
	}
	if q.Until, err = c.q.time("endDate"); err != nil {
		return err
	}
	if q.Until.IsZero() {
		q.Until = now
	}
	if q.Since.IsZero() {
		q.Since = q.Until.Add(-usual)
	}
	if q.EventTypes, err = eventTypesIn(c.q); err != nil {
		return err
	}
	if q.Since.Year() < firstYear {
		return invalidRange("startDate must not lie before 2000.")
	}
	q.Since, q.Until = q.Since.Truncate(step), q.Until.Add(step-1).Truncate(step)
	switch periods := q.Until.Sub(q.Since) / step; {
	case periods <= 0:
		return invalidRange("startDate must lie before endDate.")
	case q.Until.After(now.Add(step + futureSlack)):
		return invalidRange("endDate must not lie in the future.")
	case periods > maxPeriods:
		return invalidRange("At most 2,200 periods can be asked for at once.")
	case q.Period == hook.RollupMinute && q.Since.Before(now.Add(-hook.KeepMinutes).Truncate(step)):
		return invalidRange("Five-minute periods are known for the last 7 days.")
	default:
		out := api.AttemptStatisticsResponse{StartDate: q.Since, EndDate: q.Until, Period: word}
		out.Data = api.AttemptStatisticsData{SuccessCount: make([]int64, periods), FailureCount: make([]int64, periods), CanceledCount: make([]int64, periods)}
		err := s.Sums.EachRollup(c.ctx(), q, func(r *hook.Rollup) error {
			i := time.Duration(r.At-q.Since.UnixMilli()) * time.Millisecond / step
			out.Data.SuccessCount[i] += r.Success
			out.Data.FailureCount[i] += r.Failed
			return nil
		})
		if err != nil {
			return err
		}
		return c.json(http.StatusOK, out)
	}
}

// Lanes is what the dispatcher knows about endpoints; *dispatch.Dispatcher is one.
type Lanes interface {
	// Throttled reports since when an endpoint's rate has held back deliveries; zero when it
	// does not.
	Throttled(ep hook.EndpointID) time.Time
	// Waiting counts the deliveries that wait in memory without a row of their own.
	Waiting() map[hook.ApplicationID]int64
	// Hurry lets the heads of an endpoint's lines be tried at once.
	Hurry(ep hook.EndpointID)
	// Breaker says whether an endpoint rests after failures in a row.
	Breaker(ep hook.EndpointID) hook.Breaker
}

func (s *server) getThrottling(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	out := api.EndpointThrottleRateStatusOut{Status: "Ok"}
	if since := s.Lanes.Throttled(e.ID); !since.IsZero() {
		out.Status, out.ThrottledSince = "RateLimited", timeOrNil(since)
	}
	return c.json(http.StatusOK, out)
}
