package hook

import "time"

// Position is the place of a message in the feed of a polling endpoint: 42 bits of
// milliseconds since 2020 and 11 bits of sequence, drawn when the endpoint's lane hands
// the message over. Positions of one store rise strictly for ever, also when all that was
// in the feed is gone or an older copy of the store is restored, because they follow the
// clock. They stay below 2^53 until 2159, so that JSON numbers hold them exactly.
type Position int64

// positionEpoch is 2020-01-01T00:00:00Z in Unix milliseconds.
const positionEpoch = 1577836800000

// MaxPosition is greater than every position that is drawn, and a number that JSON holds.
const MaxPosition Position = 1<<53 - 1

// PositionOf returns the position that goes with a row key drawn now. The node is not part
// of it: the positions of an endpoint are drawn by whoever owns its lane.
func PositionOf(k Key) Position {
	return Position(max(k.Millis()-positionEpoch, 0)<<sequenceBits | int64(k&maxSequence))
}

// PositionAt returns the position below which everything was handed over before t.
func PositionAt(t time.Time) Position {
	ms := min(max(t.UnixMilli()-positionEpoch, 0), maxMillis)
	return Position(ms << sequenceBits)
}

// Time returns when the position was drawn, in UTC, to the millisecond.
func (p Position) Time() time.Time {
	return time.UnixMilli(int64(p)>>sequenceBits + positionEpoch).UTC()
}

// Consumer is who fetches from a polling endpoint under a name, and how far it has come.
type Consumer struct {
	Endpoint EndpointID
	Name     string
	// Position is the last one that the consumer is done with.
	Position Position
	// Leased is the last position that was handed out and is not yet done with, and
	// LeaseUntil when all above Position is handed out again; zero for no lease. Until then nothing
	// is: whoever got no answer would go on behind what it held, and a commit covers all before it.
	Leased     Position
	LeaseUntil time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Limits of consumers.
const (
	// MaxConsumers is how many a polling endpoint may have.
	MaxConsumers = 100
	// maxConsumerName is how long a name may be, in bytes.
	maxConsumerName = 256
	// DefaultLease is how long a batch is a consumer's own that does not say, and MaxLease the
	// longest that it may ask for.
	DefaultLease = 30 * time.Second
	MaxLease     = 12 * time.Hour
)

// Validate checks the fields that a client sets.
func (c *Consumer) Validate() error { return checkToken("consumer_id", c.Name, maxConsumerName) }

// IsLeased reports whether something is out at now that is not done with.
func (c *Consumer) IsLeased(now time.Time) bool { return now.Before(c.LeaseUntil) }

// Lease hands out everything up to a position until a time.
func (c *Consumer) Lease(upTo Position, until time.Time) {
	c.Leased, c.LeaseUntil = max(upTo, c.Position), until
}

// Commit notes that the consumer is done with everything up to a position. One that was
// never handed out is refused; an older one than the last changes nothing.
func (c *Consumer) Commit(upTo Position) error {
	if upTo > max(c.Leased, c.Position) {
		return Fieldf("offset", "must be one that was handed out to this consumer since it was created or set back")
	}
	if upTo > c.Position {
		c.Position = upTo
	}
	if c.Position >= c.Leased {
		c.LeaseUntil = time.Time{}
	}
	return nil
}

// Seek sets the consumer to a position, forward or back, and ends its lease.
func (c *Consumer) Seek(to Position) {
	c.Position, c.Leased, c.LeaseUntil = to, 0, time.Time{}
}
