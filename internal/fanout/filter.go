package fanout

import (
	"github.com/hookloft/hookloft/internal/filter"
	"github.com/hookloft/hookloft/internal/hook"
)

// Asked returns m as filters see it. The payload is that of the event: of a received message
// the body, of a published one the JSON object, also where something else is sent instead.
func Asked(app *hook.Application, m *hook.Message) *filter.Message {
	asked := &filter.Message{
		Payload: m.Payload, Metadata: app.Metadata, EventType: m.EventType, Channels: m.Channels,
	}
	if in := m.Inbound; in != nil {
		asked.Payload, asked.Header, asked.Query = m.Body(), in.Header, in.Query
		if asked.Payload == nil {
			asked.Payload = []byte{} // an empty body is content that is not JSON
		}
	}
	return asked
}

// Decide asks an endpoint's filter about a message. A stored filter that cannot be compiled
// wants nothing, and the decision says so: sending what its owner has excluded cannot be undone.
func Decide(f *hook.Filter, m *filter.Message) filter.Decision {
	compiled, ok := f.Compiled(compile).(*filter.Filter)
	if !ok {
		return filter.Decision{Clause: filter.Clause{Found: "the filter cannot be used; set it again"}}
	}
	return compiled.Decide(m)
}

// compile returns a *filter.Filter, or nil for a text that is none.
func compile(text string) any {
	f, err := filter.Compile([]byte(text))
	if err != nil {
		return nil
	}
	return f
}

// Wants reports whether an endpoint would get m if it were published now. It looks at event types,
// channels and filter, not at whether the endpoint is disabled.
func Wants(app *hook.Application, e *hook.Endpoint, m *hook.Message) bool {
	return e.Wants(m.EventType, m.Channels) && (e.Filter == nil || Decide(e.Filter, Asked(app, m)).Match)
}
