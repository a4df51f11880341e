package httpapi

import (
	"encoding/json"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// taskToAPI shows a task as the contract does.
func (s *server) taskToAPI(t *hook.Task) api.BackgroundTaskOut {
	out := api.BackgroundTaskOut{
		ID: s.Catalog.Codec().Task(t.Environment, t.ID), Status: string(t.Status), Task: t.Type,
		Data: s.taskData(t), UpdatedAt: t.UpdatedAt.UTC(),
	}
	switch t.Status {
	case hook.TaskPaused:
		out.Status = string(hook.TaskRunning)
	case hook.TaskCancelled:
		out.Status, out.Data.Cancelled = string(hook.TaskFailed), true
	}
	out.Data.Error = t.Error
	return out
}

// taskData shows what a task has made (CONTRACT 2.6). What cannot be read of a result,
// because another version wrote it, is left out.
func (s *server) taskData(t *hook.Task) (out api.TaskData) {
	codec := s.Catalog.Codec()
	switch t.Type {
	case hook.TaskBroadcast:
		var r hook.BroadcastResult
		readResult(t, &r)
		out.MessagesCreated = make([]api.BroadcastMessage, 0, len(r.Created))
		for _, m := range r.Created {
			out.MessagesCreated = append(out.MessagesCreated, api.BroadcastMessage{
				AppID: codec.Application(t.Environment, m.Application), MsgID: codec.Message(m.Application, m.Message),
			})
		}
		out.Truncated = t.Done > int64(len(r.Created))
	case hook.TaskPurge:
		out.MessagesPurged = &t.Done
	case hook.TaskAppStats:
		var r hook.AppStatsResult
		readResult(t, &r)
		out.AppStats = make([]api.AppUsageStats, 0, len(r.Applications))
		for _, a := range r.Applications {
			out.AppStats = append(out.AppStats, api.AppUsageStats{
				AppID: codec.Application(t.Environment, a.Application), AppUID: orNil(a.UID), MessageDestinations: a.Destinations,
			})
		}
		out.Truncated = r.Truncated
	case hook.TaskEventTypes:
		var r hook.EventTypesResult
		readResult(t, &r)
		out.EventTypes = make([]api.AppEventTypes, 0, len(r.Applications))
		for _, a := range r.Applications {
			names := a.EventTypes
			if names == nil {
				names = []string{}
			}
			out.EventTypes = append(out.EventTypes, api.AppEventTypes{
				AppID: codec.Application(t.Environment, a.Application), ExplicitlySubscribedEventTypes: names, HasCatchAllEndpoint: a.HasCatchAll,
			})
		}
		out.Truncated = r.Truncated
	case hook.TaskGenerate:
		out.Document = t.Result
	default:
		out.MessagesSent = &t.Done
	}
	return out
}

func readResult(t *hook.Task, into any) {
	if t.Result != nil {
		_ = json.Unmarshal(t.Result, into) // see taskData
	}
}

// ownTaskToAPI shows a task in full.
func (s *server) ownTaskToAPI(t *hook.Task) api.TaskOut {
	codec := s.Catalog.Codec()
	out := api.TaskOut{
		ID: codec.Task(t.Environment, t.ID), Task: t.Type, Status: string(t.Status),
		Done: t.Done, Failed: t.Failed, Rate: taskSpeed(t),
		Since: timeOrNil(t.Since), Until: timeOrNil(t.Until), CreatedAt: t.CreatedAt.UTC(), StartedAt: timeOrNil(t.StartedAt), UpdatedAt: t.UpdatedAt.UTC(),
		ETA: timeOrNil(taskETA(t)), Result: s.taskData(t), Error: orNil(t.Error),
	}
	if t.Application != 0 {
		id := codec.Application(t.Environment, t.Application)
		out.AppID = &id
	}
	if t.Endpoint != 0 {
		id := codec.Endpoint(t.Application, t.Endpoint)
		out.EndpointID = &id
	}
	if t.Total >= 0 {
		out.Total = &t.Total
	}
	if t.RatePerSecond > 0 {
		out.RatePerSecond = &t.RatePerSecond
	}
	return out
}

// taskSpeed is how many a task has done per second since it started, pauses included.
func taskSpeed(t *hook.Task) float64 {
	took := t.UpdatedAt.Sub(t.StartedAt)
	if t.StartedAt.IsZero() || took <= 0 {
		return 0
	}
	return float64(t.Done) / took.Seconds()
}

// taskETA is when a running task ends if it goes on as it has, and no faster than its pace;
// zero where nobody knows.
func taskETA(t *hook.Task) time.Time {
	left, speed := t.Total-t.Done-t.Failed, taskSpeed(t)
	if t.RatePerSecond > 0 {
		speed = min(speed, t.RatePerSecond)
	}
	if t.Status != hook.TaskRunning || t.Total < 0 || left < 0 || speed <= 0 {
		return time.Time{}
	}
	const longest = 365 * 24 * 3600
	return t.UpdatedAt.Add(time.Duration(min(float64(left)/speed, longest) * float64(time.Second))).Truncate(time.Millisecond)
}
