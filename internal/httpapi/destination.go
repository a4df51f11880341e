package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

const destinationTaken = "A destination with that id or uid already exists"

// unservedTypes are the contract's destinations that this server does not have.
var unservedTypes = []string{
	"amazonS3", "googleCloudStorage", "azureBlobStorage", "googleCloudPubSub", "sqs", "sns", "eventBridge", "rabbitMq",
	"bigQuery", "clickhouse", "snowflake", "redshift", "postgres", "otelTracing", "http", "poller",
}

// checkDestinationType returns the kind of a destination by its name in the contract.
func checkDestinationType(name string) (hook.EndpointKind, error) {
	switch {
	case name == hook.FIFOEndpoint.String():
		return hook.FIFOEndpoint, nil
	case name == hook.PollingEndpoint.String():
		return hook.PollingEndpoint, nil
	case slices.Contains(unservedTypes, name):
		return 0, &statusError{http.StatusNotImplemented, "not_implemented", "Destinations of the type " + name + " are not served here; fifoEndpoint and pollingEndpoint are."}
	case name == "":
		return 0, &hook.FieldError{Path: []string{"type"}, Text: "missing field `type`", Code: typeJSON}
	}
	return 0, hook.Fieldf("type", "must be fifoEndpoint or pollingEndpoint")
}

// decodeDestination reads the body of one that is made or replaced.
func decodeDestination(c *call) (in api.DestinationIn, kind hook.EndpointKind, err error) {
	if in, err = decode[api.DestinationIn](c); err != nil {
		return in, 0, err
	}
	if kind, err = checkDestinationType(in.Type); err != nil {
		return in, 0, err
	}
	if kind == hook.FIFOEndpoint && in.Config == nil {
		return in, 0, &hook.FieldError{Path: []string{"config"}, Text: "missing field `config`", Code: typeJSON}
	}
	if kind == hook.PollingEndpoint && in.Config != nil {
		return in, 0, hook.Fieldf("config", "is not for a pollingEndpoint, which is sent nothing")
	}
	return in, kind, nil
}

// destinationFromAPI sets what the body says, but for the signing key.
func destinationFromAPI(e *hook.Endpoint, in api.DestinationIn) (err error) {
	if e.UID, err = destinationUID(in.UID); err != nil {
		return err
	}
	if e.Disabled, err = disabledFromAPI(deref(in.Status)); err != nil {
		return err
	}
	order := hook.Order{BatchSize: hook.DefaultBatchSize}
	if e.Order != nil { // what the body has no field for stays
		order.Key, order.SkipAfter, order.Lines = e.Order.Key, e.Order.SkipAfter, e.Order.Lines
	}
	if in.BatchSize != nil {
		if err := setBatchSize(&order, *in.BatchSize); err != nil {
			return err
		}
	}
	if in.MaxWaitSecs != nil {
		if order.MaxWait, err = waitFromAPI(*in.MaxWaitSecs); err != nil {
			return err
		}
	}
	e.Order = &order
	e.EventTypes, e.Channels, e.Metadata = nilIfEmpty(in.EventTypes), nilIfEmpty(in.Channels), in.Metadata
	if in.Config != nil {
		e.URL, e.Headers = in.Config.URL, in.Config.Headers
	}
	return order.Validate()
}

func destinationUID(uid *string) (string, error) {
	if uid == nil {
		return "", nil
	}
	if *uid == "" {
		return "", hook.Fieldf("uid", "must have 1 to %d characters", hook.MaxDestinationUID)
	}
	return *uid, hook.CheckDestinationUID("uid", *uid)
}

func disabledFromAPI(status string) (bool, error) {
	switch status {
	case "", "enabled":
		return false, nil
	case "disabled":
		return true, nil
	}
	return false, hook.Fieldf("status", "must be enabled or disabled")
}

func setBatchSize(o *hook.Order, n int64) error {
	if n < 1 || n > hook.MaxBatchSize {
		return hook.Fieldf("batchSize", "must lie between 1 and %d", hook.MaxBatchSize)
	}
	o.BatchSize = int(n)
	return nil
}

func waitFromAPI(seconds int64) (time.Duration, error) {
	if seconds < 0 || seconds > int64(hook.MaxBatchWait/time.Second) {
		return 0, hook.Fieldf("maxWaitSecs", "must lie between 0 and %d", hook.MaxBatchWait/time.Second)
	}
	return time.Duration(seconds) * time.Second, nil
}

// newDestination makes a valid destination of a that is not stored yet.
func (s *server) newDestination(c *call, a *hook.Application, in api.DestinationIn, kind hook.EndpointKind) (*hook.Endpoint, error) {
	now := s.now()
	e := &hook.Endpoint{ID: hook.EndpointID(s.Catalog.NewKey()), Application: a.ID, Features: hook.Features{Kind: kind}, CreatedAt: now, UpdatedAt: now}
	if err := destinationFromAPI(e, in); err != nil {
		return nil, err
	}
	if err := s.checkDestination(c, e, nil); err != nil {
		return nil, err
	}
	environment, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil {
		return nil, err
	}
	s.requireConsent(c, e, &environment.Settings)
	var key *string
	if in.Config != nil {
		key = in.Config.Key
	}
	return e, s.setFirstSecret(c, e, key, "config", "key")
}

// checkDestination is checkEndpoint, with the names that the fields have here.
func (s *server) checkDestination(c *call, e *hook.Endpoint, had []string) error {
	if err := hook.CheckHeaders("headers", e.Headers); err != nil {
		return within(err, "config")
	}
	if e.Kind == hook.FIFOEndpoint {
		environment, err := s.Catalog.Environment(c.ctx(), c.env())
		if err != nil {
			return err
		}
		if e.URL, err = s.CheckURL(e.URL, environment.Settings.EnforceHTTPS); err != nil {
			return &hook.FieldError{Path: []string{"config", "url"}, Text: err.Error()}
		}
	}
	return s.checkEndpoint(c, e, had, false, true, true)
}

func (s *server) createDestination(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	in, kind, err := decodeDestination(c)
	if err != nil {
		return err
	}
	e, err := s.newDestination(c, a, in, kind)
	if err != nil {
		return err
	}
	body := c.prepare(http.StatusCreated, s.destinationToAPI(e, lineStand{}))
	if err := s.Catalog.CreateEndpoint(c.ctx(), e, c.receipt); err != nil {
		return conflictAs(err, "conflict", destinationTaken)
	}
	s.wakeConsents(e)
	return c.raw(http.StatusCreated, body)
}

func (s *server) upsertDestination(c *call) error {
	in, kind, err := decodeDestination(c)
	if err != nil {
		return err
	}
	a, e, err := s.endpoint(c)
	if hook.KindOf(err) == hook.NotFound && a != nil {
		if e, err = s.newDestination(c, a, in, kind); err != nil {
			return err
		}
		if err := s.Catalog.CreateEndpoint(c.ctx(), e, nil); err != nil {
			return conflictAs(err, "conflict", destinationTaken)
		}
		s.wakeConsents(e)
		return c.json(http.StatusCreated, s.destinationToAPI(e, lineStand{}))
	}
	if err != nil {
		return err
	}
	if kind != e.Kind {
		return hook.Fieldf("type", "cannot change: it is %s", e.Kind)
	}
	if in.Config != nil && in.Config.Key != nil {
		return &hook.FieldError{Path: []string{"config", "key"}, Text: "cannot change here: rotate the secret"}
	}
	draft := *e
	if err := destinationFromAPI(&draft, in); err != nil {
		return err
	}
	if err := s.checkDestination(c, &draft, e.EventTypes); err != nil {
		return err
	}
	return s.changeDestination(c, a, e, func(e *hook.Endpoint) error {
		if err := destinationFromAPI(e, in); err != nil {
			return err
		}
		e.URL = draft.URL
		return nil
	})
}

func (s *server) patchDestination(c *call) error {
	in, err := decode[api.DestinationPatch](c)
	if err != nil {
		return err
	}
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	if in.Type != "" {
		kind, err := checkDestinationType(in.Type)
		if err != nil {
			return err
		}
		if kind != e.Kind {
			return hook.Fieldf("type", "cannot change: it is %s", e.Kind)
		}
	}
	if in.Config != nil && e.Kind == hook.PollingEndpoint {
		return hook.Fieldf("config", "is not for a pollingEndpoint, which is sent nothing")
	}
	draft := *e
	if err := patchDestination(&draft, in); err != nil {
		return err
	}
	if err := s.checkDestination(c, &draft, e.EventTypes); err != nil {
		return err
	}
	return s.changeDestination(c, a, e, func(e *hook.Endpoint) error {
		if err := patchDestination(e, in); err != nil {
			return err
		}
		if in.Config != nil && in.Config.URL.Given {
			e.URL = draft.URL
		}
		return nil
	})
}

func patchDestination(e *hook.Endpoint, in api.DestinationPatch) (err error) {
	if in.UID.Given {
		uid := &in.UID.Value
		if in.UID.Null {
			uid = nil
		}
		if e.UID, err = destinationUID(uid); err != nil {
			return err
		}
	}
	if in.Status.Given && !in.Status.Null {
		if in.Status.Value == "" {
			return hook.Fieldf("status", "must be enabled or disabled")
		}
		if e.Disabled, err = disabledFromAPI(in.Status.Value); err != nil {
			return err
		}
	}
	order := hook.Order{BatchSize: hook.DefaultBatchSize}
	if e.Order != nil {
		order = *e.Order
	}
	if in.BatchSize.Given && !in.BatchSize.Null {
		if err := setBatchSize(&order, in.BatchSize.Value); err != nil {
			return err
		}
	}
	if in.MaxWaitSecs.Given && !in.MaxWaitSecs.Null {
		if order.MaxWait, err = waitFromAPI(in.MaxWaitSecs.Value); err != nil {
			return err
		}
	}
	e.Order = &order
	if in.EventTypes.Given {
		e.EventTypes = nilIfEmpty(in.EventTypes.Value)
	}
	if in.Channels.Given {
		e.Channels = nilIfEmpty(in.Channels.Value)
	}
	if err := patch(&e.Metadata, "metadata", in.Metadata); err != nil {
		return err
	}
	if in.Config != nil {
		if err := patch(&e.URL, "url", in.Config.URL); err != nil {
			return within(err, "config")
		}
	}
	return order.Validate()
}

func (s *server) changeDestination(c *call, a *hook.Application, e *hook.Endpoint, change func(*hook.Endpoint) error) error {
	e, err := s.storeChange(c, e, destinationTaken, change)
	if err != nil {
		return err
	}
	return s.showDestination(c, a, e)
}

func (s *server) getDestination(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	return s.showDestination(c, a, e)
}

func (s *server) showDestination(c *call, a *hook.Application, e *hook.Endpoint) error {
	stand, err := s.standOf(c, a, e)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.destinationToAPI(e, stand))
}

func (s *server) listDestinations(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	codec := s.Catalog.Codec()
	p, err := page(c.q, true, func(id string) (hook.EndpointID, bool) { return codec.ParseDestination(a.ID, id) })
	if err != nil {
		return err
	}
	list, err := s.Catalog.ListDestinations(c.ctx(), a.ID, p)
	if err != nil {
		return err
	}
	stands := make(map[hook.EndpointID]lineStand, len(list.Rows))
	for _, e := range list.Rows {
		if stands[e.ID], err = s.standOf(c, a, e); err != nil {
			return err
		}
	}
	return c.json(http.StatusOK, listToAPI(list,
		func(e *hook.Endpoint) string { return codec.Destination(a.ID, e.ID) },
		func(e *hook.Endpoint) api.DestinationOut { return s.destinationToAPI(e, stands[e.ID]) }))
}

// lineStand is where the line of a destination stands.
type lineStand struct {
	paused bool
	head   *store.Due       // what is next; nil where nothing waits
	acked  *store.Delivered // the newest that was delivered, without content; nil for none
}

// standOf reads where a destination's line stands. The head is a read by index, and the search
// for what was acknowledged is bounded, however much waits.
func (s *server) standOf(c *call, a *hook.Application, e *hook.Endpoint) (l lineStand, err error) {
	l.paused = e.IsHeld(a.Hold)
	if l.head, err = s.headOf(c, a, e); err != nil {
		return l, err
	}
	l.acked, err = s.lastAcked(c, a, e, l.head, false)
	return l, err
}

// headOf returns what stands at the head of an endpoint's lines, of several the oldest; nil
// where nothing waits. A claim writes nothing, so asking takes nothing away.
func (s *server) headOf(c *call, a *hook.Application, e *hook.Endpoint) (*store.Due, error) {
	// A head that waits for its next attempt keeps its place, which is in the past; what is
	// scheduled for later stands in no line yet, and a resend goes beside it.
	due, _, err := s.Ledger.Claim(c.ctx(), a.ID, e.ID, s.now(), resendsAhead, nil)
	if err != nil {
		return nil, err
	}
	for i := range due {
		if due[i].Delivery.Trigger == hook.Scheduled {
			return &due[i], nil
		}
	}
	return nil, nil // nothing waits
}

// resendsAhead is beyond how many resends a head is looked for.
const resendsAhead = 16

// maxAckedLook is among how many deliveries one that was acknowledged is looked for: a page of
// destinations asks for each of them.
const maxAckedLook = 1000

// lastAcked returns an endpoint's newest message that was delivered, nil where none was. It is
// looked for among the newest, and where all those wait, below the head: in a single line, what
// is newer than the head waits, too. In lines by a key it is then the newest below the oldest head.
func (s *server) lastAcked(c *call, a *hook.Application, e *hook.Endpoint, head *store.Due, withContent bool) (*store.Delivered, error) {
	q := store.DeliveryQuery{
		Application: a.ID, Endpoint: e.ID, Window: store.Window{Limit: 1}, Statuses: []store.AttemptStatus{store.StatusSuccess},
		WithContent: withContent, Most: maxAckedLook,
	}
	list, err := s.History.AttemptedMessages(c.ctx(), q)
	if err == nil && len(list.Rows) == 0 && head != nil {
		q.Window.From = hook.Key(head.Delivery.Message)
		list, err = s.History.AttemptedMessages(c.ctx(), q)
	}
	if err != nil || len(list.Rows) == 0 {
		return nil, err
	}
	return &list.Rows[0], nil
}

func (s *server) destinationToAPI(e *hook.Endpoint, l lineStand) api.DestinationOut {
	codec := s.Catalog.Codec()
	out := api.DestinationOut{
		ID: codec.Destination(e.Application, e.ID), UID: orNil(e.UID), Status: "enabled",
		BatchSize: hook.DefaultBatchSize, EventTypes: e.EventTypes, Channels: e.Channels, Metadata: orEmpty(e.Metadata),
		CreatedAt: e.CreatedAt.UTC(), UpdatedAt: e.UpdatedAt.UTC(), Type: e.Kind.String(),
	}
	if out.EventTypes == nil {
		out.EventTypes = []string{}
	}
	if o := e.Order; o != nil {
		out.BatchSize, out.MaxWaitSecs = int64(max(1, o.BatchSize)), int64(o.MaxWait/time.Second)
	}
	if l.acked != nil {
		out.CurrentIterator = codec.Message(e.Application, l.acked.Message.ID)
	}
	if l.head != nil && l.head.Delivery.Attempts > 0 && l.head.Delivery.Trigger == hook.Scheduled {
		out.Status = "retrying"
		out.NextRetryAt, out.FailureReason = timeOrNil(l.head.Delivery.NextAt()), orNil(l.head.Delivery.Reason.String())
	}
	switch {
	case e.Disabled:
		out.Status = "disabled"
		if e.DisabledBy != hook.ReasonNone {
			out.FailureReason = orNil(e.DisabledBy.String())
		}
	case l.paused:
		out.Status = "paused"
	}
	if e.Kind == hook.FIFOEndpoint {
		out.Config = &api.FIFOConfigOut{URL: e.URL, Headers: headersToAPI(e.Headers)}
	}
	return out
}

func (s *server) patchDestinationHeaders(c *call) error {
	in, err := decode[api.DestinationHeadersPatchIn](c)
	if err != nil {
		return err
	}
	if in.Headers == nil {
		return &hook.FieldError{Path: []string{"headers"}, Text: "missing field `headers`", Code: typeJSON}
	}
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	if e.Kind == hook.PollingEndpoint {
		return hook.Fieldf("headers", "are not for a pollingEndpoint, which is sent nothing")
	}
	now := s.now()
	e, err = s.Catalog.UpdateEndpoint(c.ctx(), e.Application, e.ID, nil, func(e *hook.Endpoint) error {
		e.Headers, e.UpdatedAt = patchedHeaders(e.Headers, in.Headers, nil), now
		return hook.CheckHeaders("headers", e.Headers)
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, headersToAPI(e.Headers))
}
