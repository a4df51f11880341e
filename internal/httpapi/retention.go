package httpapi

import (
	"net/http"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const (
	maxRetentionDays  = int64(hook.MaxRetention / (24 * time.Hour))
	maxRetentionHours = int64(hook.MaxRetention / time.Hour)

	ownTypePath = "/x/v1/event-type/{event_type_name}"
)

// retentionRoutes say how long messages of an event type are kept.
func retentionRoutes() []route {
	return []route{
		{method: http.MethodGet, path: ownTypePath + "/retention", op: "event-type.get-retention", tag: "Event Type",
			summary: "Show how long messages of an event type are kept; null where that is the environment's.",
			out:     api.RetentionOut{}, statuses: []int{http.StatusOK}, handler: (*server).getRetention},
		{method: http.MethodPut, path: ownTypePath + "/retention", op: "event-type.set-retention", tag: "Event Type",
			summary: "Set how long messages of an event type are kept that do not say so themselves; null inherits the environment's.",
			in:      api.RetentionIn{}, out: api.RetentionOut{}, statuses: []int{http.StatusOK}, handler: (*server).setRetention},
	}
}

func (s *server) getRetention(c *call) error {
	t, err := s.eventType(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, retentionToAPI(t.Retention))
}

func (s *server) setRetention(c *call) error {
	in, err := decode[api.RetentionIn](c)
	if err != nil {
		return err
	}
	kept, err := retentionFromAPI(in)
	if err != nil {
		return err
	}
	t, err := s.setOnEventType(c, func(t *hook.EventType) { t.Retention = kept })
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, retentionToAPI(t.Retention))
}

// retentionFromAPI reads how long; zero inherits.
func retentionFromAPI(in api.RetentionIn) (time.Duration, error) {
	switch {
	case in.Days != nil && in.Hours != nil:
		return 0, hook.Fieldf("hours", "must not be given together with days")
	case in.Days != nil && (*in.Days < 1 || *in.Days > maxRetentionDays):
		return 0, hook.Fieldf("days", "must lie between 1 and %d", maxRetentionDays)
	case in.Hours != nil && (*in.Hours < 1 || *in.Hours > maxRetentionHours):
		return 0, hook.Fieldf("hours", "must lie between 1 and %d", maxRetentionHours)
	case in.Days != nil:
		return time.Duration(*in.Days) * 24 * time.Hour, nil
	case in.Hours != nil:
		return time.Duration(*in.Hours) * time.Hour, nil
	}
	return 0, nil
}

func retentionToAPI(kept time.Duration) (out api.RetentionOut) {
	if kept == 0 {
		return out
	}
	hours := int64(kept / time.Hour)
	out.Hours = &hours
	if hours%24 == 0 {
		days := hours / 24
		out.Days = &days
	}
	return out
}
