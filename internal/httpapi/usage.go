package httpapi

import (
	"encoding/json"
	"fmt"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// maxUsageApps is how many applications one request names.
const maxUsageApps = 1000

// aggregateAppStats counts, in the background, the deliveries of applications.
func (s *server) aggregateAppStats(c *call) error {
	in, err := decode[api.AppUsageStatsIn](c)
	if err != nil {
		return err
	}
	switch {
	case in.Since.IsZero():
		return &hook.FieldError{Path: []string{"since"}, Text: "missing field `since`", Code: typeJSON}
	case in.Until.IsZero():
		return &hook.FieldError{Path: []string{"until"}, Text: "missing field `until`", Code: typeJSON}
	case in.Until.Before(in.Since):
		return hook.Fieldf("until", "must not lie before since")
	case len(in.AppIDs) > maxUsageApps:
		return hook.Fieldf("appIds", "must hold at most %d items", maxUsageApps)
	}
	t := s.newTask(c, hook.TaskAppStats)
	t.Since, t.Until = in.Since.UTC(), in.Until.UTC()
	p, unresolved, err := s.usageApps(c, in.AppIDs)
	if err != nil {
		return err
	}
	if t.Params, err = json.Marshal(p); err != nil {
		return err
	}
	return s.startTask(c, t, api.AppUsageStatsOut{RecoverOut: s.startedToAPI(t), UnresolvedAppIDs: unresolved})
}

// usageApps finds the applications that are named; none named are all.
func (s *server) usageApps(c *call, refs []string) (p hook.AppStatsParams, unresolved []string, err error) {
	unresolved = []string{}
	seen := make(map[hook.ApplicationID]bool, len(refs))
	for i, ref := range refs {
		if !isRef(ref) {
			return p, nil, &hook.FieldError{Path: []string{"appIds", fmt.Sprintf("[%d]", i)}, Text: "must be the id or uid of an application"}
		}
		a, err := s.applicationNamed(c, ref)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			unresolved = append(unresolved, ref)
			continue
		}
		if err != nil {
			return p, nil, err
		}
		if !seen[a.ID] {
			seen[a.ID] = true
			p.Applications = append(p.Applications, a.ID)
		}
	}
	if len(refs) > 0 && len(p.Applications) == 0 {
		return p, nil, hook.Fieldf("appIds", "must name at least one application that exists")
	}
	return p, unresolved, nil
}

// aggregateEventTypes lists, in the background, which event types are subscribed to.
func (s *server) aggregateEventTypes(c *call) error {
	t := s.newTask(c, hook.TaskEventTypes)
	return s.startTask(c, t, s.startedToAPI(t))
}
