package store

import (
	"context"

	"github.com/hookloft/hookloft/internal/hook"
)

// Fed is what consumers of a polling endpoint get of a message.
type Fed struct {
	// Headers belong to the message, by name; nil for none.
	Headers map[string]string
	// Payload is what a transformation made; nil for what the message has.
	Payload []byte
}

// Feeds are what lanes of polling endpoints have handed over (Finished.Feed), in the order
// of their commits.
type Feeds interface {
	// Feed reads on in an endpoint's feed. What it returns is complete up to FeedPage.Last:
	// nothing appears there later. One call looks at a bounded number of rows.
	Feed(ctx context.Context, q FeedQuery) (FeedPage, error)
	// FeedEnd is the position above which everything is that has not been handed over yet.
	FeedEnd() hook.Position
}

// FeedQuery asks for what follows a position.
type FeedQuery struct {
	Application hook.ApplicationID
	Endpoint    hook.EndpointID
	After       hook.Position
	Limit       int    // 1 to 250
	EventType   string // "" for all
	Channel     string // "" for all
}

// FeedPage is part of a feed, by rising position.
type FeedPage struct {
	Rows []FeedRow
	// Last is the last position that was looked at, the query's own where there was none: where to go on.
	Last hook.Position
	// More says that there is more after Last.
	More bool
	// DroppedUntil is a position up to which retention has dropped rows of the feed, some of
	// them after the query's After; 0 for none.
	DroppedUntil hook.Position
	// Gone counts rows whose message, or its content, is not kept any more.
	Gone int
}

// FeedRow is one message of a feed.
type FeedRow struct {
	Position hook.Position
	Message  *hook.Message
	Fed
}

// Consumers remember how far each consumer of a polling endpoint has come. An endpoint takes its consumers along
// when it is deleted.
type Consumers interface {
	// Consumer finds a consumer; hook.NotFound where there is none.
	Consumer(ctx context.Context, ep hook.EndpointID, name string) (*hook.Consumer, error)
	// UpdateConsumer changes a consumer of an application's endpoint in one transaction with
	// reading it. Where there is none, it begins with `first`; nil is hook.NotFound then.
	// hook.NotFound: there is no such endpoint any more; hook.LimitReached: it has
	// hook.MaxConsumers. A consumer that update leaves as it is costs no write.
	UpdateConsumer(ctx context.Context, app hook.ApplicationID, ep hook.EndpointID, name string, first *hook.Consumer, update func(*hook.Consumer) error) (*hook.Consumer, error)
	// ListConsumers returns an endpoint's consumers by name.
	ListConsumers(ctx context.Context, ep hook.EndpointID) ([]*hook.Consumer, error)
	// DeleteConsumer forgets a consumer.
	DeleteConsumer(ctx context.Context, ep hook.EndpointID, name string) error
}
