package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

const endpointTaken = "An endpoint with that id or uid already exists"

func (s *server) listEndpoints(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	codec := s.Catalog.Codec()
	p, err := page(c.q, true, func(id string) (hook.EndpointID, bool) { return codec.ParseEndpoint(a.ID, id) })
	if err != nil {
		return err
	}
	list, err := s.Catalog.ListEndpoints(c.ctx(), a.ID, p)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listToAPI(list,
		func(e *hook.Endpoint) string { return codec.Endpoint(a.ID, e.ID) },
		func(e *hook.Endpoint) any { return s.endpointShape(c, e) }))
}

func (s *server) createEndpoint(c *call) error {
	a, err := s.application(c)
	if err != nil {
		return err
	}
	in, err := decodeEndpoint(c)
	if err != nil {
		return err
	}
	e, err := s.newEndpoint(c, a, in)
	if err != nil {
		return err
	}
	body := c.prepare(http.StatusCreated, s.endpointShape(c, e))
	if err := s.Catalog.CreateEndpoint(c.ctx(), e, c.receipt); err != nil {
		return conflictAs(err, "conflict", endpointTaken)
	}
	s.wakeConsents(e)
	return c.raw(http.StatusCreated, body)
}

// newEndpoint makes a valid endpoint of a that is not stored yet.
func (s *server) newEndpoint(c *call, a *hook.Application, in api.EndpointIn) (*hook.Endpoint, error) {
	now := s.now()
	e := &hook.Endpoint{ID: hook.EndpointID(s.Catalog.NewKey()), Application: a.ID, Headers: in.Headers, CreatedAt: now, UpdatedAt: now}
	if err := endpointFromAPI(e, in); err != nil {
		return nil, err
	}
	if err := s.checkEndpoint(c, e, nil, true, true, true); err != nil {
		return nil, err
	}
	environment, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil {
		return nil, err
	}
	s.requireConsent(c, e, &environment.Settings)
	return e, s.setFirstSecret(c, e, in.Secret, "secret")
}

// setFirstSecret gives an endpoint the secret that stands at a place of the body, or where
// that is nil, a new one.
func (s *server) setFirstSecret(c *call, e *hook.Endpoint, given *string, at ...string) (err error) {
	var text string
	if given == nil {
		text, err = s.newSecret(c)
	} else {
		if !c.token.Can(hook.ManageEndpointSecret) {
			return insufficientAccess()
		}
		if text, err = s.ParseSecret(*given); err != nil {
			err = hook.FieldAt(err.Error(), at...)
		}
	}
	e.Secrets = []hook.Secret{{Text: text}}
	return err
}

// newSecret draws a signing secret of the kind that the environment's settings name.
func (s *server) newSecret(c *call) (string, error) {
	environment, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil {
		return "", err
	}
	return s.NewSecret(environment.Settings.SignatureType), nil
}

// checkEndpoint checks what a client set. URL, event types and channels only where they
// were set by this request: what was right when it was stored stays. had are
// the event types of the endpoint as it is stored.
func (s *server) checkEndpoint(c *call, e *hook.Endpoint, had []string, url, eventTypes, channels bool) error {
	if err := e.Validate(); err != nil {
		return err
	}
	environment, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil {
		return err
	}
	if !c.isOperational() && !c.ofSource() {
		switch st := &environment.Settings; {
		case eventTypes && st.RequireEventTypes && len(e.EventTypes) == 0:
			return hook.Fieldf("eventTypes", "must name at least one event type: the environment requires it (requireEndpointFilterTypes)")
		case channels && st.RequireChannel && len(e.Channels) == 0:
			return hook.Fieldf("channels", "must name at least one channel: the environment requires it (requireEndpointChannel)")
		}
	}
	if url {
		normal, err := s.checkAnyURL(e.URL, environment.Settings.EnforceHTTPS)
		if err != nil {
			return hook.Fieldf("url", "%v", err)
		}
		e.URL = normal
		settleMail(e)
	}
	if eventTypes && len(e.EventTypes) > 0 {
		missing, err := s.missingEventTypes(c, e.EventTypes)
		if err != nil {
			return err
		}
		hidden, err := s.hiddenEventTypes(c, e, had)
		if err != nil {
			return err
		}
		missing = append(missing, hidden...)
		if len(missing) > 0 {
			return hook.Fieldf("eventTypes", "The following event types don't exist: %s", strings.Join(missing, ", "))
		}
	}
	return nil
}

// checkAnyURL checks the URL of an endpoint, which may be an SMTP server.
func (s *server) checkAnyURL(raw string, enforceHTTPS bool) (string, error) {
	if scheme, _, _ := strings.Cut(raw, "://"); strings.EqualFold(scheme, "smtp") || strings.EqualFold(scheme, "smtps") {
		return s.CheckMailURL(raw)
	}
	return s.CheckURL(raw, enforceHTTPS)
}

// missingEventTypes returns those of names that do not exist.
func (s *server) missingEventTypes(c *call, names []string) ([]string, error) {
	if c.isOperational() {
		return hook.UnknownOperationalTypes(names), nil
	}
	return s.Catalog.MissingEventTypes(c.ctx(), c.env(), names)
}

// hiddenEventTypes returns those of e's event types that a portal token's feature flags
// hide, which for it do not exist. What the endpoint had before stays.
func (s *server) hiddenEventTypes(c *call, e *hook.Endpoint, had []string) (hidden []string, err error) {
	flags := c.flags()
	if flags == nil {
		return nil, nil
	}
	for _, name := range e.EventTypes {
		if slices.Contains(had, name) {
			continue
		}
		t, err := s.Catalog.EventType(c.ctx(), c.env(), name)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			continue // missing, and named as such
		}
		if err != nil {
			return nil, err
		}
		if !t.VisibleTo(flags) {
			hidden = append(hidden, name)
		}
	}
	return hidden, nil
}

func (s *server) getEndpoint(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.endpointShape(c, e))
}

func (s *server) upsertEndpoint(c *call) error {
	in, err := decodeEndpoint(c)
	if err != nil {
		return err
	}
	a, e, err := s.endpoint(c)
	if hook.KindOf(err) == hook.NotFound && a != nil {
		if e, err = s.newEndpoint(c, a, in); err != nil {
			return err
		}
		if err := s.Catalog.CreateEndpoint(c.ctx(), e, nil); err != nil {
			return conflictAs(err, "conflict", endpointTaken)
		}
		s.wakeConsents(e)
		return c.json(c.createdStatus(), s.endpointShape(c, e))
	}
	if err != nil {
		return err
	}
	if c.ofSource() {
		// The body has no filters there; what was set by other means stays.
		in.EventTypes, in.Channels = e.EventTypes, e.Channels
	}
	// What needs other look-ups is checked before the update begins: inside it the
	// store's writer would wait for itself.
	draft := *e
	if err := endpointFromAPI(&draft, in); err != nil {
		return err
	}
	if err := s.checkEndpoint(c, &draft, e.EventTypes, true, true, true); err != nil {
		return err
	}
	return s.changeEndpoint(c, e, func(e *hook.Endpoint) error {
		if err := endpointFromAPI(e, in); err != nil {
			return err
		}
		e.URL = draft.URL
		settleMail(e)
		return nil
	})
}

func (s *server) patchEndpoint(c *call) error {
	in, err := decode[api.EndpointPatch](c)
	if err != nil {
		return err
	}
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	draft := *e
	if err := patchEndpoint(&draft, in); err != nil {
		return err
	}
	types := in.EventTypes.Given || in.FilterTypes.Given
	if err := s.checkEndpoint(c, &draft, e.EventTypes, in.URL.Given, types, in.Channels.Given); err != nil {
		return err
	}
	return s.changeEndpoint(c, e, func(e *hook.Endpoint) error {
		if err := patchEndpoint(e, in); err != nil {
			return err
		}
		if in.URL.Given {
			e.URL = draft.URL
			settleMail(e)
		}
		return nil
	})
}

func (s *server) changeEndpoint(c *call, e *hook.Endpoint, change func(*hook.Endpoint) error) error {
	e, err := s.storeChange(c, e, endpointTaken, change)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.endpointShape(c, e))
}

// storeChange changes an endpoint or destination, with what follows from the change. What it
// would collide with is named in taken.
func (s *server) storeChange(c *call, e *hook.Endpoint, taken string, change func(*hook.Endpoint) error) (*hook.Endpoint, error) {
	environment, err := s.Catalog.Environment(c.ctx(), c.env())
	if err != nil {
		return nil, err
	}
	now := s.now()
	e, err = s.Catalog.UpdateEndpoint(c.ctx(), e.Application, e.ID, nil, func(e *hook.Endpoint) error {
		wasDisabled, url := e.Disabled, e.URL
		if err := change(e); err != nil {
			return err
		}
		if wasDisabled != e.Disabled {
			// The owner decided: a streak of failures before that no longer counts.
			e.DisabledBy, e.FailingSince = hook.ReasonNone, time.Time{}
		}
		e.UpdatedAt = now
		s.moved(c, e, url, &environment.Settings, now)
		return e.Validate()
	})
	if err != nil {
		return nil, conflictAs(err, "conflict", taken)
	}
	s.wakeConsents(e)
	return e, nil
}

func (s *server) deleteEndpoint(c *call) error {
	a, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	if err := s.Catalog.DeleteEndpoint(c.ctx(), a.ID, e.ID); err != nil {
		return err
	}
	return c.empty()
}

func (s *server) getEndpointSecret(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	if len(e.Secrets) == 0 {
		return notFound()
	}
	key, err := s.PublicSecret(e.Secrets[0].Text)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, api.EndpointSecretOut{Key: key})
}

func (s *server) rotateEndpointSecret(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	in, err := decodeOptional[api.EndpointSecretRotateIn](c)
	if err != nil {
		return err
	}
	grace := hook.DefaultGrace
	if in.GracePeriodSeconds != nil {
		n := *in.GracePeriodSeconds
		if n < 0 || n > int64(hook.MaxGrace/time.Second) {
			return hook.Fieldf("gracePeriodSeconds", "must lie between 0 and %d", int64(hook.MaxGrace/time.Second))
		}
		grace = time.Duration(n) * time.Second
	}
	var key string
	if in.Key != nil {
		if key, err = s.ParseSecret(*in.Key); err != nil {
			return hook.Fieldf("key", "%v", err)
		}
	} else if key, err = s.newSecret(c); err != nil {
		return err
	}
	now := s.now()
	status, body := http.StatusNoContent, []byte(nil)
	if c.route.out != nil { // of a destination (CONTRACT section 4)
		status = http.StatusOK
		body = c.prepare(status, api.Empty{})
	} else {
		c.prepare(status, nil)
	}
	_, err = s.Catalog.UpdateEndpoint(c.ctx(), e.Application, e.ID, c.receipt, func(e *hook.Endpoint) error {
		e.UpdatedAt = now
		return e.Rotate(hook.Secret{Text: key}, grace, now)
	})
	if err != nil {
		return err
	}
	return c.raw(status, body)
}

func (s *server) getEndpointHeaders(c *call) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, headersToAPI(e.Headers))
}

func (s *server) setEndpointHeaders(c *call) error {
	in, err := decode[api.EndpointHeadersIn](c)
	if err != nil {
		return err
	}
	if in.Headers == nil {
		return &hook.FieldError{Path: []string{"headers"}, Text: "missing field `headers`", Code: typeJSON}
	}
	return s.changeHeaders(c, func(map[string]string) map[string]string { return in.Headers })
}

func (s *server) patchEndpointHeaders(c *call) error {
	in, err := decode[api.EndpointHeadersPatchIn](c)
	if err != nil {
		return err
	}
	if in.Headers == nil && in.DeleteHeaders == nil {
		return &hook.FieldError{Path: []string{"headers"}, Text: "missing field `headers`", Code: typeJSON}
	}
	return s.changeHeaders(c, func(old map[string]string) map[string]string {
		return patchedHeaders(old, in.Headers, in.DeleteHeaders)
	})
}

// patchedHeaders returns old without the names of remove, and with what set says; nil
// removes, too.
func patchedHeaders(old map[string]string, set map[string]*string, remove []string) map[string]string {
	headers := maps.Clone(old)
	if headers == nil {
		headers = map[string]string{}
	}
	for _, name := range remove {
		removeHeader(headers, name)
	}
	// Names that are the same to HTTP replace each other, whatever their case.
	for name := range set {
		removeHeader(headers, name)
	}
	for name, value := range set {
		if value != nil {
			headers[name] = *value
		}
	}
	return headers
}

func removeHeader(headers map[string]string, name string) {
	for n := range headers {
		if strings.EqualFold(n, name) {
			delete(headers, n)
		}
	}
}

func (s *server) changeHeaders(c *call, change func(map[string]string) map[string]string) error {
	_, e, err := s.endpoint(c)
	if err != nil {
		return err
	}
	now := s.now()
	_, err = s.Catalog.UpdateEndpoint(c.ctx(), e.Application, e.ID, nil, func(e *hook.Endpoint) error {
		e.Headers, e.UpdatedAt = change(e.Headers), now
		return hook.CheckHeaders("headers", e.Headers)
	})
	if err != nil {
		return err
	}
	return c.empty()
}

// maxStatsSpan is the longest time that statistics cover (CONTRACT 1.15).
const maxStatsSpan = 28 * 24 * time.Hour

func (s *server) getEndpointStats(c *call) error {
	a, ep, err := s.pastEndpointOfPath(c)
	if err != nil {
		return err
	}
	since, until, err := timeSpan(c.q, s.now(), maxStatsSpan, maxStatsSpan)
	if err != nil {
		return err
	}
	st, err := s.History.Stats(c.ctx(), a.ID, ep, since, until)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, api.EndpointStats{Success: st.Success, Pending: st.Pending, Sending: st.Sending, Fail: st.Fail, Canceled: st.Canceled})
}

// timeSpan reads since and until of statistics; by default the time up to now.
func timeSpan(q query, now time.Time, otherwise, longest time.Duration) (since, until time.Time, err error) {
	if since, until, err = spanEnds(q, now, otherwise); err != nil {
		return since, until, err
	}
	detail := ""
	switch {
	case until.After(now):
		detail = "until must not lie in the future."
	case since.After(until):
		detail = "since must not lie after until."
	case since.Year() < 0: // RFC 3339 cannot say it
		detail = "until must lie later than the year 0."
	case until.Sub(since) > longest:
		detail = fmt.Sprintf("since and until must not lie more than %d days apart.", longest/(24*time.Hour))
	default:
		return since, until, nil
	}
	return since, until, &statusError{http.StatusBadRequest, "invalid_range", detail}
}

// recoverSlack forgives the difference between the client's clock and ours.
const recoverSlack = 5 * time.Minute
