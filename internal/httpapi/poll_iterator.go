package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// pollIterator is what stands in the iterator of a feed: base64 of this as JSON, as the
// contract has it (CONTRACT 3.5). To clients it is opaque.
type pollIterator struct {
	// Offset is the last position that was dealt with; below 0 for none.
	Offset int64 `json:"offset"`
	// After is the time that a consumer was set to.
	After *time.Time `json:"after"`
}

func pollIteratorAt(p hook.Position) string { return pollIterator{Offset: int64(p)}.text() }

func (i pollIterator) text() string {
	b, err := json.Marshal(i)
	if err != nil {
		panic("httpapi: encode iterator: " + err.Error()) // a year beyond 9999, which no position has
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// maxPollIterator is how long an iterator may be: ours have some 60 characters.
const maxPollIterator = 256

// parsePollIterator reads an iterator of ours, or of a server that a client was moved from.
func parsePollIterator(s string, now time.Time) (hook.Position, error) {
	if s == "" || len(s) > maxPollIterator {
		return 0, badIterator()
	}
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return 0, badIterator()
	}
	var i pollIterator
	if err := json.Unmarshal(b, &i); err != nil {
		return 0, badIterator()
	}
	at := hook.Position(max(i.Offset, 0))
	if i.After != nil {
		at = max(at, positionBefore(*i.After))
	}
	// With one from the future, everything until then would be passed over.
	if at > hook.PositionAt(now.Add(time.Minute)) {
		return 0, badIterator()
	}
	return at, nil
}

// positionBefore is the position from which on everything comes that was handed over at t or later.
func positionBefore(t time.Time) hook.Position { return max(hook.PositionAt(t)-1, 0) }
