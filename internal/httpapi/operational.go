package httpapi

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// The receivers of operational webhooks are endpoints of the environment's operational
// application, served by the same handlers. That application is reached by these
// operations alone: no path names it.

// isOperational reports whether the operation is one of the receivers of operational webhooks.
func (c *call) isOperational() bool { return strings.HasPrefix(c.route.path, operationalPath) }

// operationalApplication is the caller's; it need not have been made yet.
func (s *server) operationalApplication(c *call) (*hook.Application, error) {
	plan, err := s.Catalog.PlanOf(c.ctx(), c.env().Operational())
	if err != nil {
		return nil, err
	}
	return plan.Application, nil
}

func operationalEndpointIn(in api.OperationalWebhookEndpointUpsertIn) api.EndpointIn {
	return api.EndpointIn{
		URL: in.URL, Description: in.Description, UID: in.UID, Disabled: in.Disabled,
		EventTypes: in.EventTypes, FilterTypes: in.FilterTypes,
		ThrottleRate: in.ThrottleRate, RateLimit: in.RateLimit, Metadata: in.Metadata,
	}
}

func operationalEndpointOut(out api.EndpointOut) api.OperationalWebhookEndpointOut {
	return api.OperationalWebhookEndpointOut{
		ID: out.ID, UID: out.UID, URL: out.URL, Description: out.Description, Disabled: out.Disabled,
		EventTypes: out.EventTypes, FilterTypes: out.FilterTypes,
		ThrottleRate: out.ThrottleRate, RateLimit: out.RateLimit, Metadata: out.Metadata,
		CreatedAt: out.CreatedAt, UpdatedAt: out.UpdatedAt,
	}
}

// OperationalPayload returns the function that writes announcements as the bodies of
// operational webhooks (CONTRACT 2.8), with the public ids of c. A body has at most maxBytes,
// 0 for 1 MiB, which is what a message may have: of a task's result what is larger is left
// out and the rest says truncated. The task itself shows all of it.
func OperationalPayload(c store.Catalog, maxBytes int) func(*hook.Announcement) ([]byte, error) {
	s := &server{Deps: Deps{Catalog: c}}
	if maxBytes == 0 {
		maxBytes = defaultMaxPayloadBytes
	}
	return func(a *hook.Announcement) ([]byte, error) {
		data, err := s.operationalData(a)
		if err != nil {
			return nil, err
		}
		body := encode(api.OperationalWebhook{Type: a.Type, Data: data})
		if finished, ok := data.(api.BackgroundTaskFinishedEventData); ok {
			result, _ := finished.Data.(map[string]jsontext.Value)
			for len(body) > maxBytes && leaveOutLargest(result) {
				body = encode(api.OperationalWebhook{Type: a.Type, Data: finished})
			}
		}
		return body, nil
	}
}

// leaveOutLargest removes the largest member of a result and marks it as truncated; false
// when there is nothing left to remove.
func leaveOutLargest(result map[string]jsontext.Value) bool {
	const mark = "truncated"
	largest := ""
	for name, value := range result {
		if name != mark && len(value) > len(result[largest]) {
			largest = name
		}
	}
	if largest == "" {
		return false
	}
	delete(result, largest)
	result[mark] = jsontext.Value("true")
	return true
}

func (s *server) operationalData(a *hook.Announcement) (any, error) {
	codec := s.Catalog.Codec()
	source := codec.Source(a.Environment, a.Source)
	endpoint := api.EndpointEventData{
		AppID: codec.Application(a.Environment, a.Application), AppUID: orNil(a.ApplicationUID),
		EndpointID: codec.Endpoint(a.Application, a.Endpoint), EndpointUID: orNil(a.EndpointUID),
	}
	trigger := "manual"
	if a.Automatic {
		trigger = "automatic"
	}
	typ, ofSource := strings.CutPrefix(a.Type, "ingest.")
	switch typ {
	case hook.EndpointCreated, hook.EndpointUpdated, hook.EndpointDeleted, hook.EndpointEnabled:
		return endpoint, nil
	case hook.EndpointDisabled:
		if ofSource {
			return api.IngestEndpointDisabledEventData{
				SourceID: source, EndpointID: endpoint.EndpointID, EndpointUID: endpoint.EndpointUID,
				FailSince: timeOrNil(a.FailSince), Trigger: trigger,
			}, nil
		}
		return api.EndpointDisabledEventData{EndpointEventData: endpoint, FailSince: timeOrNil(a.FailSince), Trigger: trigger}, nil
	case hook.EndpointFailing:
		if ofSource {
			return api.IngestEndpointFailingEventData{
				SourceID: source, EndpointID: endpoint.EndpointID, EndpointUID: endpoint.EndpointUID,
				FailSince: a.FailSince.UTC(), DisableAt: timeOrNil(a.DisableAt),
			}, nil
		}
		return api.EndpointFailingEventData{EndpointEventData: endpoint, FailSince: a.FailSince.UTC(), DisableAt: timeOrNil(a.DisableAt)}, nil
	case hook.AttemptFailing, hook.AttemptExhausted, hook.AttemptRecovered:
		message, last := codec.Message(a.Application, a.Message), api.LastAttempt{
			ID: codec.Attempt(a.Application, a.LastAttempt.ID), ResponseStatusCode: a.LastAttempt.Status, Timestamp: a.LastAttempt.At.UTC(),
		}
		if ofSource {
			return api.IngestMessageAttemptEventData{
				SourceID: source, MsgID: message, MsgEventID: orNil(a.EventID), EndpointID: endpoint.EndpointID, LastAttempt: last,
			}, nil
		}
		return api.MessageAttemptEventData{
			AppID: endpoint.AppID, AppUID: endpoint.AppUID, MsgID: message, MsgEventID: orNil(a.EventID),
			EndpointID: endpoint.EndpointID, LastAttempt: last,
		}, nil
	case hook.BackgroundTaskFinished:
		if a.Task == nil {
			return nil, fmt.Errorf("announcement of a task without the task")
		}
		t := s.taskToAPI(a.Task)
		data, err := snakeNames(encode(t.Data))
		if err != nil {
			return nil, err
		}
		return api.BackgroundTaskFinishedEventData{TaskID: t.ID, Task: t.Task, Status: t.Status, Data: data}, nil
	}
	return nil, fmt.Errorf("announcement of the unknown type %q", a.Type)
}

// snakeNames writes the names of an object's members, not of what is inside them, in
// snake_case: that is how the contract spells the data of a task in this place alone.
func snakeNames(object []byte) (map[string]jsontext.Value, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, fmt.Errorf("data of a task: %w", err)
	}
	out := make(map[string]jsontext.Value, len(members))
	for name, value := range members {
		out[snakeName(name)] = value
	}
	return out, nil
}

func snakeName(name string) string {
	var b strings.Builder
	for _, c := range name {
		if unicode.IsUpper(c) {
			b.WriteByte('_')
			c = unicode.ToLower(c)
		}
		b.WriteRune(c)
	}
	return b.String()
}
