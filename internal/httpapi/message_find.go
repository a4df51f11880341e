package httpapi

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// maxFindRows is what one call looks at, for Options.FindTime at most. Whoever wants more goes on
// with the iterator, so that no search is a scan without end.
const maxFindRows = 20_000

// look bounds what a page of the contract's lists looks at, for the same reason: a filter that
// matches nothing would be a scan of all that an application ever sent.
func (s *server) look() store.Look { return store.Look{MaxRows: maxFindRows, MaxTime: s.o.FindTime} }

// findMessages lists the messages of the environment, or of one application, by what no index
// knows: by what became of them, and by a value in the payload.
func (s *server) findMessages(c *call) error {
	now := s.now()
	q := store.MessageScan{Environment: c.env(), MaxRows: maxFindRows, MaxTime: s.o.FindTime}
	if err := s.findScope(c, &q); err != nil {
		return err
	}
	// Positions are ids in the operational application, whatever they are of: they say a time
	// and nothing about whose message was there.
	w, err := window(c.q, now, s.messageKey(c.env().Operational()))
	if err != nil {
		return err
	}
	if w.Backward {
		return badIterator()
	}
	q.Limit, q.After, q.Before, q.From = w.Limit, w.After, w.Before, w.From
	if q.EventTypes, q.Channel, q.Tag, err = messageFilter(c.q); err != nil {
		return err
	}
	if q.Statuses, err = statusFilter(c.q, true); err != nil {
		return err
	}
	if q.WithContent, err = c.q.boolean("with_content", true); err != nil {
		return err
	}
	withContent := q.WithContent
	isWhole, err := c.wantsWhole()
	if err != nil {
		return err
	}
	match, err := payloadMatch(c.q)
	if err != nil {
		return err
	}
	q.WithContent = withContent || match != nil
	apps := map[hook.ApplicationID]*foundIn{}
	q.Wants = func(m *hook.Message) (bool, error) {
		in := apps[m.Application]
		if in == nil {
			if in, err = s.foundIn(c, m.Application, isWhole); err != nil {
				return false, err
			}
			apps[m.Application] = in
		}
		if in.isGone || match == nil {
			return !in.isGone, nil
		}
		// What is compared is what is shown, or a search would tell what is redacted.
		return match.Matches(shownPayload(m, in.sight.of(m.EventType), now)), nil
	}
	found, err := s.Search.ScanMessages(c.ctx(), q)
	if err != nil {
		return err
	}
	body := []byte(`{"data":[`)
	for i, row := range found.Rows {
		if i > 0 {
			body = append(body, ',')
		}
		m := row.Message
		out := s.messageToAPI(m, apps[m.Application].sight.of(m.EventType), withContent, now)
		body = appendMessageFields(append(body, '{'), &out)
		body = append(append(append(body, `,"appId":"`...), s.Catalog.Codec().Application(c.env(), m.Application)...), `","deliveries":`...)
		body = append(append(body, encode(deliveryCountsToAPI(row.Deliveries))...), '}')
	}
	end := struct {
		Iterator *string    `json:"iterator"`
		Done     bool       `json:"done"`
		Examined int        `json:"examined"`
		Until    *time.Time `json:"until"`
	}{Done: found.Done, Examined: found.Examined}
	if !found.Done {
		id, until := s.Catalog.Codec().Message(c.env().Operational(), hook.MessageID(found.Next)), found.Next.Time()
		end.Iterator, end.Until = &id, &until
	}
	body = append(append(body, "],"...), encode(end)[1:]...)
	return c.raw(http.StatusOK, body)
}

// findScope resolves the application and the endpoint that are asked for.
func (s *server) findScope(c *call, q *store.MessageScan) error {
	app, ep, err := s.statsOf(c)
	q.Application, q.Endpoint = app, ep
	return err
}

// foundIn is what the caller sees of an application's messages.
type foundIn struct {
	isGone bool // deleted, so that no operation shows its messages any more
	sight  sight
}

func (s *server) foundIn(c *call, app hook.ApplicationID, isWhole bool) (*foundIn, error) {
	plan, err := s.Catalog.PlanOf(c.ctx(), app)
	switch {
	case err != nil && hook.KindOf(err) == hook.NotFound:
		return &foundIn{isGone: true}, nil
	case err != nil:
		return nil, err
	case isWhole:
		return &foundIn{}, nil
	}
	return &foundIn{sight: sight{plan.Redactions, plan}}, nil
}

// payloadMatch reads path and value; nil where neither is given.
func payloadMatch(q query) (*hook.PayloadMatch, error) {
	path, hasPath, err := q.text("path")
	if err != nil {
		return nil, err
	}
	value, hasValue, err := q.text("value")
	switch {
	case err != nil || !hasPath && !hasValue:
		return nil, err
	case !hasPath:
		return nil, invalidQuery("path", "is needed beside value")
	case !hasValue:
		return nil, invalidQuery("value", "is needed beside path")
	}
	match, err := hook.ParsePayloadMatch(path, value)
	if f, ok := errors.AsType[*hook.FieldError](err); ok {
		return nil, invalidQuery(strings.Join(f.Path, "."), f.Text)
	}
	return match, err
}

func deliveryCountsToAPI(n *store.Stats) *api.DeliveryCounts {
	if n == nil {
		return nil
	}
	return &api.DeliveryCounts{Success: n.Success, Pending: n.Pending, Sending: n.Sending, Fail: n.Fail, Canceled: n.Canceled}
}
