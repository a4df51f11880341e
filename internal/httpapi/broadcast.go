package httpapi

import (
	"encoding/json"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// broadcast publishes a message in every application, in the background.
func (s *server) broadcast(c *call) error {
	in, err := decodeMessage(c)
	if err != nil {
		return err
	}
	now := s.now()
	m, err := messageFromAPI(api.MessageIn{
		EventType: in.EventType, Payload: in.Payload, Data: in.Data, EventID: in.EventID, Channels: in.Channels,
		PayloadRetentionPeriod: in.PayloadRetentionPeriod, PayloadRetentionHours: in.PayloadRetentionHours,
	}, now)
	if err != nil {
		return err
	}
	if err := m.Validate(now); err != nil {
		return err
	}
	if len(m.Payload) > s.o.MaxPayloadBytes {
		return tooLarge()
	}
	// Told here, while somebody is there to read it: the task publishes without another look.
	if err := s.Publisher.CheckPayload(c.ctx(), c.env(), m.EventType, m.Payload); err != nil {
		return err
	}
	var ignored []string // fields of a message that a broadcast does not have
	for field, given := range map[string]bool{
		"tags": in.Tags != nil, "application": in.Application != nil, "deliverAt": in.DeliverAt != nil, "transformationsParams": in.TransformationsParams != nil,
	} {
		if given {
			ignored = append(ignored, field)
		}
	}
	if len(ignored) > 0 {
		c.ignored(ignored)
	}
	t := s.newTask(c, hook.TaskBroadcast)
	params := hook.BroadcastParams{EventType: m.EventType, EventID: m.EventID, Channels: m.Channels, Payload: m.Payload}
	if !m.ContentExpiresAt.IsZero() {
		params.KeepContent = m.ContentExpiresAt.Sub(now)
	}
	t.Params, err = json.Marshal(params)
	if err != nil {
		return err
	}
	return s.startTask(c, t, s.startedToAPI(t))
}
