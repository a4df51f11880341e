package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// A polling endpoint is a destination that nothing is sent to: its lane puts messages into
// a feed, and consumers fetch from it in two generations of operations (CONTRACT 3.5),
// which see the same feed and, under the same name, are the same consumer.

// skippedHeader counts messages that the answer passed over because retention or their
// owner has removed them.
const skippedHeader = "Hookloft-Skipped"

// droppedHeader is the time up to which retention has dropped messages of the feed, where
// some of them were ahead of the caller.
const droppedHeader = "Hookloft-Dropped-Until"

const (
	maxPollWait = 30 * time.Second
	// pollTurns bounds how often a poll looks again when others poll as the same consumer.
	pollTurns = 4
)

// pollingEndpoint resolves the polling endpoint that the path names, within the caller's
// reach: a token of another one finds what it would find if there were none.
func (s *server) pollingEndpoint(c *call) (*hook.Application, *hook.Endpoint, error) {
	a, err := s.application(c)
	if err != nil {
		return nil, nil, err
	}
	ref := c.param("sink_id")
	if ref == "" {
		ref = c.param("endpoint_id") // where the contract calls it so
	}
	if !isRef(ref) {
		return nil, nil, notFound()
	}
	e, err := s.Catalog.Destination(c.ctx(), a.ID, ref)
	if err != nil {
		return nil, nil, err
	}
	if e.Kind != hook.PollingEndpoint || c.token.Kind == hook.PollerToken && c.token.Endpoint != e.ID {
		return nil, nil, notFound()
	}
	return a, e, nil
}

// consumerOf resolves the polling endpoint of a path and reads the name of a consumer in it.
func (s *server) consumerOf(c *call) (*hook.Application, *hook.Endpoint, string, error) {
	a, e, err := s.pollingEndpoint(c)
	if err != nil {
		return nil, nil, "", err
	}
	name := c.param("consumer_id")
	if err := (&hook.Consumer{Name: name}).Validate(); err != nil {
		return nil, nil, "", invalidAt("value_error", "must be 1 to 256 of a-z, A-Z, 0-9, -, _ and .", "path", "consumer_id")
	}
	return a, e, name, nil
}

// feedRead is one way through a feed: where to go on, how much, and how long to wait.
type feedRead struct {
	store.FeedQuery
	application *hook.Application
	wait        time.Duration
	again       time.Time // when to look again although nothing came; zero for never
}

func (s *server) feedReadIn(c *call, a *hook.Application, e *hook.Endpoint) (r feedRead, err error) {
	r.application, r.Application, r.Endpoint = a, a.ID, e.ID
	if r.Limit, err = c.q.limit(); err != nil {
		return r, err
	}
	seconds, err := c.q.number("wait", 0, 0, int64(maxPollWait/time.Second))
	r.wait = time.Duration(seconds) * time.Second
	return r, err
}

// read calls look until it returns something, or that there is more, or the wait is over.
// It has been told of all that comes after the first look. Where too many wait it gives what
// there is, and refuses only to wait: an empty answer would come back at once.
func (r *feedRead) read(s *server, c *call, look func(ctx context.Context) (store.FeedPage, error)) (store.FeedPage, error) {
	if r.wait == 0 || c.r.Method == http.MethodHead {
		return look(c.ctx())
	}
	wake, leave, full := s.Feeds.join(r.application, r.Endpoint)
	if full != nil {
		page, err := look(c.ctx())
		if err == nil && len(page.Rows) == 0 && !page.More {
			err = full
		}
		return page, err
	}
	defer leave()
	// The server's own limit is for answers that come at once.
	if err := http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(r.wait + tailWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return store.FeedPage{}, err
	}
	over := time.NewTimer(r.wait)
	defer over.Stop()
	for {
		page, err := look(c.ctx())
		if err != nil || len(page.Rows) > 0 || page.More {
			return page, err
		}
		var again <-chan time.Time
		if !r.again.IsZero() {
			again = time.After(max(0, r.again.Sub(s.now())))
		}
		select {
		case <-wake:
		case <-again:
		case <-over.C:
			return page, nil
		case <-s.Feeds.closed:
			return page, nil
		case <-c.ctx().Done():
			return page, c.ctx().Err()
		}
	}
}

// poll reads a feed for a client that remembers the iterator itself.
func (s *server) poll(c *call) error {
	a, e, err := s.pollingEndpoint(c)
	if err != nil {
		return err
	}
	r, err := s.feedReadIn(c, a, e)
	if err != nil {
		return err
	}
	if r.EventType, _, err = c.q.text("event_type"); err != nil {
		return err
	}
	if r.EventType != "" && hook.CheckEventTypeName("event_type", r.EventType) != nil {
		return invalidQuery("event_type", "must be the name of an event type")
	}
	if r.Channel, _, err = c.q.text("channel"); err != nil {
		return err
	}
	if r.Channel != "" && hook.CheckChannels("channel", []string{r.Channel}) != nil {
		return invalidQuery("channel", "must be 1 to 128 of a-z, A-Z, 0-9, -, _, ., : and +")
	}
	after, err := c.q.time("after")
	if err != nil {
		return err
	}
	iterator, given, err := c.q.text("iterator")
	if err != nil {
		return err
	}
	switch {
	case given:
		if r.After, err = parsePollIterator(iterator, s.now()); err != nil {
			return err
		}
	case !after.IsZero():
		if r.After = positionBefore(after); after.After(s.now().Add(time.Minute)) {
			return invalidQuery("after", "must not lie in the future")
		}
	default:
		r.After = s.Polling.FeedEnd()
	}
	page, err := r.read(s, c, func(ctx context.Context) (store.FeedPage, error) { return s.Polling.Feed(ctx, r.FeedQuery) })
	if err != nil {
		return err
	}
	return s.answerPoll(c, page)
}

// pollConsumer reads a feed for a client whose place the server remembers. What was
// answered is done with when its iterator comes back, so a client that ends in between
// gets it again.
func (s *server) pollConsumer(c *call) error {
	a, e, name, err := s.consumerOf(c)
	if err != nil {
		return err
	}
	r, err := s.feedReadIn(c, a, e)
	if err != nil {
		return err
	}
	iterator, given, err := c.q.text("iterator")
	if err != nil {
		return err
	}
	done := hook.Position(0)
	if given {
		if done, err = parsePollIterator(iterator, s.now()); err != nil {
			return err
		}
	}
	if c.r.Method != http.MethodHead {
		now, err := s.Catalog.UpdateConsumer(c.ctx(), a.ID, e.ID, name, &hook.Consumer{}, func(to *hook.Consumer) error {
			if done > to.Position {
				to.Seek(done)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if r.After = done; !given {
			r.After = now.Position
		}
	}
	page, err := r.read(s, c, func(ctx context.Context) (store.FeedPage, error) { return s.Polling.Feed(ctx, r.FeedQuery) })
	if err != nil {
		return err
	}
	return s.answerPoll(c, page)
}

func (s *server) seekConsumer(c *call) error {
	in, err := decode[api.PollingEndpointConsumerSeekIn](c)
	if err != nil {
		return err
	}
	a, e, name, err := s.consumerOf(c)
	if err != nil {
		return err
	}
	if in.After == nil {
		return hook.Fieldf("after", "is required")
	}
	if in.After.After(s.now().Add(time.Minute)) {
		return hook.Fieldf("after", "must not lie in the future")
	}
	to := positionBefore(*in.After)
	_, err = s.Catalog.UpdateConsumer(c.ctx(), a.ID, e.ID, name, &hook.Consumer{}, func(consumer *hook.Consumer) error {
		consumer.Seek(to)
		return nil
	})
	if err != nil {
		return err
	}
	after := in.After.UTC()
	return c.json(http.StatusOK, api.PollingEndpointConsumerSeekOut{Iterator: pollIterator{Offset: int64(to), After: &after}.text()})
}

// errMoved: the consumer is not where it was when its feed was read.
var errMoved = errors.New("the consumer has moved")

// pollLeased hands messages out under a lease. While it lasts, further polls of the same
// consumer get nothing; when it ends, everything that is not committed comes again. Client
// libraries repeat a GET whose answer was lost: were the repeat to go on behind the lost messages,
// the commit of what it brings would cover them, and nobody would have seen them.
func (s *server) pollLeased(c *call) error {
	a, e, name, err := s.consumerOf(c)
	if err != nil {
		return err
	}
	r, err := s.feedReadIn(c, a, e)
	if err != nil {
		return err
	}
	lease, err := c.q.number("lease_duration_ms", int64(hook.DefaultLease/time.Millisecond), 0, int64(hook.MaxLease/time.Millisecond))
	if err != nil {
		return err
	}
	start, err := c.q.oneOf("starting_position", "earliest", "earliest", "latest")
	if err != nil {
		return err
	}
	first := &hook.Consumer{}
	if start == "latest" {
		first.Position = s.Polling.FeedEnd()
	}
	page, err := r.read(s, c, func(ctx context.Context) (store.FeedPage, error) {
		return s.takeLeased(ctx, c, &r, name, first, time.Duration(lease)*time.Millisecond)
	})
	if err != nil {
		return err
	}
	return s.answerLeased(c, page)
}

// takeLeased reads what comes next for a consumer and notes that it is handed out. Between the two
// another client may have polled as the same consumer: then it looks again, so that
// no message is handed out twice under one lease. While one lasts, r.again says when it ends.
func (s *server) takeLeased(ctx context.Context, c *call, r *feedRead, name string, first *hook.Consumer, lease time.Duration) (store.FeedPage, error) {
	for range pollTurns {
		now := s.now()
		consumer, err := s.Catalog.Consumer(ctx, r.Endpoint, name)
		isNew := hook.KindOf(err) == hook.NotFound && err != nil
		if isNew {
			consumer, err = first, nil
		}
		if err != nil {
			return store.FeedPage{}, err
		}
		r.again = time.Time{}
		if consumer.IsLeased(now) {
			r.again = consumer.LeaseUntil
			return store.FeedPage{Last: consumer.Position}, nil
		}
		from := consumer.Position
		r.After = from
		page, err := s.Polling.Feed(ctx, r.FeedQuery)
		if err != nil || c.r.Method == http.MethodHead || page.Last == from && !isNew {
			return page, err // nothing is handed out
		}
		_, err = s.Catalog.UpdateConsumer(ctx, r.Application, r.Endpoint, name, first, func(to *hook.Consumer) error {
			switch {
			case to.Position != from || to.IsLeased(now):
				return errMoved
			case len(page.Rows) > 0:
				to.Lease(page.Last, now.Add(lease))
			default: // what it passed over is done with
				to.Seek(page.Last)
			}
			return nil
		})
		if !errors.Is(err, errMoved) {
			return page, err
		}
	}
	return store.FeedPage{}, &statusError{http.StatusConflict, "conflict", "Several clients poll as this consumer at once; give each a name of its own."}
}

func (s *server) commitConsumer(c *call) error {
	in, err := decode[api.PollerV2CommitIn](c)
	if err != nil {
		return err
	}
	a, e, name, err := s.consumerOf(c)
	if err != nil {
		return err
	}
	if in.Offset == nil {
		return hook.Fieldf("offset", "is required")
	}
	if *in.Offset < 0 {
		return hook.Fieldf("offset", "must not be negative")
	}
	_, err = s.Catalog.UpdateConsumer(c.ctx(), a.ID, e.ID, name, nil, func(to *hook.Consumer) error { return to.Commit(hook.Position(*in.Offset)) })
	if err != nil {
		return err
	}
	return c.empty()
}

func (s *server) listConsumers(c *call) error {
	_, e, err := s.pollingEndpoint(c)
	if err != nil {
		return err
	}
	list, err := s.Catalog.ListConsumers(c.ctx(), e.ID)
	if err != nil {
		return err
	}
	out := api.ConsumerList{Data: make([]api.ConsumerOut, 0, len(list))}
	now := s.now()
	for _, l := range list {
		one := api.ConsumerOut{ID: l.Name, Offset: int64(l.Position), OffsetTime: l.Position.Time(), CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt}
		if l.IsLeased(now) {
			one.LeasedUntil = &l.LeaseUntil
		}
		out.Data = append(out.Data, one)
	}
	return c.json(http.StatusOK, out)
}

func (s *server) deleteConsumer(c *call) error {
	_, e, name, err := s.consumerOf(c)
	if err != nil {
		return err
	}
	if err := s.Catalog.DeleteConsumer(c.ctx(), e.ID, name); err != nil {
		return err
	}
	return c.empty()
}

// answerPoll answers with a page of the first generation.
func (s *server) answerPoll(c *call, page store.FeedPage) error {
	body := []byte(`{"data":[`)
	for i := range page.Rows {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(s.appendFed(body, &page.Rows[i]), '}')
	}
	body = append(body, `],"iterator":`...)
	body = appendString(body, pollIteratorAt(page.Last))
	body = append(strconv.AppendBool(append(body, `,"done":`...), !page.More), '}')
	s.tellSkipped(c, page)
	return c.raw(http.StatusOK, body)
}

// answerLeased answers with a page of the second generation.
func (s *server) answerLeased(c *call, page store.FeedPage) error {
	body := []byte(`{"data":[`)
	for i := range page.Rows {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(s.appendFed(body, &page.Rows[i]), `,"offset":`...)
		body = append(strconv.AppendInt(body, int64(page.Rows[i].Position), 10), '}')
	}
	body = append(body, `],"done":`...)
	body = append(strconv.AppendBool(body, !page.More), '}')
	s.tellSkipped(c, page)
	return c.raw(http.StatusOK, body)
}

func (s *server) tellSkipped(c *call, page store.FeedPage) {
	if page.Gone > 0 {
		c.w.Header().Set(skippedHeader, strconv.Itoa(page.Gone))
	}
	if page.DroppedUntil > 0 {
		c.w.Header().Set(droppedHeader, page.DroppedUntil.Time().Format(timeFormat))
	}
}

// appendFed appends what a consumer gets of a message as a JSON object without its end. It
// is a delivery: payloads are whole, whatever people are not shown.
func (s *server) appendFed(dst []byte, r *store.FeedRow) []byte {
	m := s.messageToAPI(r.Message, nil, true, s.now())
	m.ExpiresAt, m.Inbound = nil, nil // not in the contract's object
	if r.Payload != nil {
		m.Payload = inboundPayload(r.Payload)
	}
	dst = appendMessageFields(append(dst, '{'), &m)
	dst = append(dst, `,"headers":`...)
	if r.Headers == nil {
		return append(dst, "null"...)
	}
	return append(dst, encode(r.Headers)...)
}
