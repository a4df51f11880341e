package httpapi

import (
	"fmt"
	"net/http"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// Retry schedules, which stand in four places: an endpoint's above its event type's above
// the environment's above the default (hook.RetryPolicyOf).

func (s *server) getRetrySchedule(c *call) error {
	t, err := s.eventType(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, scheduleToAPI(t.RetryPolicy))
}

func (s *server) setRetrySchedule(c *call) error {
	in, err := decode[api.RetryScheduleInOut](c)
	if err != nil {
		return err
	}
	policy, err := scheduleFromAPI(in.RetrySchedule)
	if err != nil {
		return err
	}
	t, err := s.setOnEventType(c, func(t *hook.EventType) { t.RetryPolicy = policy })
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, scheduleToAPI(t.RetryPolicy))
}

// scheduleFromAPI reads the contract's form of a schedule; nil inherits.
func scheduleFromAPI(list []api.Duration) ([]time.Duration, error) {
	const field = "retrySchedule"
	if list == nil {
		return nil, nil
	}
	if len(list) > hook.MaxRetrySteps {
		return nil, hook.Fieldf(field, "must hold at most %d delays", hook.MaxRetrySteps)
	}
	policy := make([]time.Duration, 0, len(list))
	for i, d := range list {
		at := []string{field, fmt.Sprintf("[%d]", i)}
		switch {
		case d.Secs == nil:
			return nil, &hook.FieldError{Path: append(at, "secs"), Text: "missing field `secs`", Code: typeJSON}
		case d.Nanos == nil:
			return nil, &hook.FieldError{Path: append(at, "nanos"), Text: "missing field `nanos`", Code: typeJSON}
		case *d.Secs < 0 || *d.Secs > int64(hook.MaxRetryStep/time.Second):
			return nil, &hook.FieldError{Path: append(at, "secs"), Text: fmt.Sprintf("must lie between 0 and %d", hook.MaxRetryStep/time.Second)}
		case *d.Nanos < 0 || *d.Nanos >= int64(time.Second):
			return nil, &hook.FieldError{Path: append(at, "nanos"), Text: "must lie between 0 and 999999999"}
		}
		delay := time.Duration(*d.Secs)*time.Second + time.Duration(*d.Nanos)
		// Up, because a delay is the least that is waited.
		policy = append(policy, (delay + time.Millisecond - 1).Truncate(time.Millisecond))
	}
	return policy, hook.CheckRetryPolicy(field, policy)
}

func scheduleToAPI(policy []time.Duration) api.RetryScheduleOut {
	if policy == nil {
		return api.RetryScheduleOut{}
	}
	out := api.RetryScheduleOut{RetrySchedule: make([]api.Duration, 0, len(policy))}
	for _, d := range policy {
		secs, nanos := int64(d/time.Second), int64(d%time.Second)
		out.RetrySchedule = append(out.RetrySchedule, api.Duration{Secs: &secs, Nanos: &nanos})
	}
	return out
}

// secondsFromAPI reads our own form of a schedule: whole seconds.
func secondsFromAPI(field string, seconds []int64) ([]time.Duration, error) {
	policy := make([]time.Duration, 0, min(len(seconds), hook.MaxRetrySteps+1))
	for _, n := range seconds {
		if len(policy) > hook.MaxRetrySteps {
			break // too many, as the check will say
		}
		// What would overflow is too long all the same.
		n = max(-1, min(n, int64(hook.MaxRetryStep/time.Second)+1))
		policy = append(policy, time.Duration(n)*time.Second)
	}
	return policy, hook.CheckRetryPolicy(field, policy)
}

func secondsToAPI(policy []time.Duration) []int64 {
	seconds := make([]int64, 0, len(policy))
	for _, d := range policy {
		seconds = append(seconds, int64(d/time.Second))
	}
	return seconds
}
