package fanout

import (
	"crypto/sha256"

	"github.com/hookloft/hookloft/internal/hook"
)

// latestOf says what m is the latest of at an endpoint with hook.Latest; nil for nothing: a
// message that has a time of its own is sent then, and what stands in an order has its place.
func latestOf(e *hook.Endpoint, m *hook.Message) *hook.LatestOf {
	if !m.DeliverAt.IsZero() || e.IsOrdered() {
		return nil
	}
	of := &hook.LatestOf{Window: e.Latest.Window}
	key := "t" + m.EventType
	if e.Latest.Key != "" {
		body := m.Payload
		if body == nil {
			body = m.RawBody
		}
		if value := valueAt(body, e.Latest.Key); value != "" {
			key = "v" + value
		}
	}
	// Not a short hash as of a line: here two keys that met would lose a message.
	sum := sha256.Sum256([]byte(key))
	copy(of.Key[:], sum[:])
	return of
}
