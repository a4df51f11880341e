package hook

import (
	"cmp"
	"strings"
	"time"
)

// Order is the line in which messages of an endpoint stand.
type Order struct {
	// Key is a path into the payload ("order.id"), or "channel" for the message's first channel;
	// messages of different keys do not wait for each other. "" is one line for all, and the
	// line of the messages that lack the key.
	Key string `json:"key,omitempty"`
	// SkipAfter is after how many failed attempts the head of a line is given up; 0 for when
	// its schedule ends, so that it blocks the line until then.
	SkipAfter int `json:"skipAfter,omitempty"`
	// BatchSize is how many messages one request takes, 1 to 1000; 0 for requests of one
	// message each, whose body is the message's own.
	BatchSize int `json:"batchSize,omitempty"`
	// MaxWait is how long a batch that is not full waits for more, at most 5 min.
	MaxWait time.Duration `json:"maxWait,omitempty"`
	// Lines asks for one JSON value a line (NDJSON) where a batch is otherwise a JSON array.
	Lines bool `json:"lines,omitempty"`
}

// Bounds of an Order. Those of batches are the contract's (DestinationIn).
const (
	MaxBatchSize     = 1000
	MaxBatchWait     = 5 * time.Minute
	DefaultBatchSize = 100
	// MaxOrderKey is the length of a path, MaxOrderKeySteps how deep it may lead.
	MaxOrderKey      = 256
	MaxOrderKeySteps = 16
	// MaxSkipAfter is more attempts than any schedule has.
	MaxSkipAfter = 100
)

// ChannelKey is the Order.Key that takes a message's first channel.
const ChannelKey = "channel"

// Validate checks the fields that a client sets.
func (o *Order) Validate() error {
	if err := checkOrderKey(o.Key); err != nil {
		return err
	}
	switch {
	case o.SkipAfter < 0 || o.SkipAfter > MaxSkipAfter:
		return Fieldf("skipAfter", "must lie between 0 and %d", MaxSkipAfter)
	case o.BatchSize < 0 || o.BatchSize > MaxBatchSize:
		return Fieldf("batchSize", "must lie between 1 and %d", MaxBatchSize)
	case o.MaxWait < 0 || o.MaxWait > MaxBatchWait:
		return Fieldf("maxWaitSecs", "must lie between 0 and %d", MaxBatchWait/time.Second)
	case o.MaxWait > 0 && o.BatchSize == 0:
		return Fieldf("maxWaitSecs", "is for batches: set batchSize")
	case o.Lines && o.BatchSize == 0:
		return Fieldf("lines", "is for batches: set batchSize")
	}
	return nil
}

func checkOrderKey(key string) error {
	if key == "" {
		return nil
	}
	if len(key) > MaxOrderKey {
		return Fieldf("key", "must have at most %d bytes", MaxOrderKey)
	}
	steps := strings.Split(key, ".")
	if len(steps) > MaxOrderKeySteps {
		return Fieldf("key", "must have at most %d steps", MaxOrderKeySteps)
	}
	for _, step := range steps {
		if step == "" {
			return Fieldf("key", "must be a path into the payload like order.id, or %s", ChannelKey)
		}
	}
	return checkText("key", key)
}

// IsLined reports whether deliveries to an endpoint stand in lines. A polling endpoint's do not:
// its lane keeps the order by itself.
func (e *Endpoint) IsLined() bool {
	return e.Kind == FIFOEndpoint || e.Order != nil && e.Kind != PollingEndpoint
}

// IsOrdered reports whether what an endpoint gets has an order: that of lines, or of a feed.
func (e *Endpoint) IsOrdered() bool { return e.IsLined() || e.Kind == PollingEndpoint }

// MaxDestinationUID is the length of a destination's uid (CONTRACT section 1).
const MaxDestinationUID = 60

// CheckDestinationUID reports whether s may be the uid of a destination.
func CheckDestinationUID(field, s string) error {
	if err := checkChars(field, s, MaxDestinationUID, "_-", "[a-zA-Z0-9_-]"); err != nil {
		return err
	}
	if strings.Contains(s, ".") {
		return Fieldf(field, "must match [a-zA-Z0-9_-]")
	}
	if strings.HasPrefix(s, "sink_") {
		return Fieldf(field, "must not begin with the prefix of generated ids")
	}
	return nil
}

// Line names the line in which a delivery of an ordered endpoint stands: of the deliveries of
// one endpoint and line one is tried at a time, by rising PlaceInLine. Zero is none.
type Line int64

// LineOfKey returns the line of a key's value, which is the same for ever. Two values may
// share a line, which makes them wait for each other and breaks no order.
func LineOfKey(value string) Line {
	// FNV-1a, 64 bits.
	h := uint64(14695981039346656037)
	for i := range len(value) {
		h = (h ^ uint64(value[i])) * 1099511628211
	}
	return Line(max(1, h>>1))
}

// PlaceInLine is where a delivery stands in its line: messages come one after another as they
// were accepted, and one that is delayed or sent again joins at its own time.
type PlaceInLine struct {
	At      int64 // Unix milliseconds: Delivery.DueAt
	Message MessageID
}

// Compare orders places.
func (p PlaceInLine) Compare(q PlaceInLine) int {
	return cmp.Or(cmp.Compare(p.At, q.At), cmp.Compare(p.Message, q.Message))
}

// Place returns where d stands in its line.
func (d *Delivery) Place() PlaceInLine { return PlaceInLine{d.DueAt.UnixMilli(), d.Message} }
