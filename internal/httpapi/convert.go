package httpapi

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// This file is the only bridge between the wire (api) and the nouns (hook). Towards
// the wire it writes the names of both client generations; from it, the newer name
// stands above the older where both are given.

// orNil returns nil for the zero value, which the wire spells null.
func orNil[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// nilIfEmpty keeps [] off the wire, where client libraries take it for "none".
func nilIfEmpty(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// uidIn reads a uid: absent and null are none, but an empty one is a mistake.
func uidIn(field string, p *string) (string, error) {
	if p != nil && *p == "" {
		return "", hook.Fieldf(field, "must have 1 to 256 characters")
	}
	return deref(p), nil
}

// rateIn reads a rate under either name: at least 1, absent and null are none.
func rateIn(rate, older *int64) (int, error) {
	if rate == nil {
		rate = older
	}
	if rate == nil {
		return 0, nil
	}
	if *rate < 1 || *rate > 65535 {
		return 0, hook.Fieldf("throttleRate", "must lie between 1 and 65535")
	}
	return int(*rate), nil
}

// ratePatch changes a rate: null and 0 clear it.
func ratePatch(to *int, rate, older api.Optional[int64]) error {
	if !rate.Given {
		rate = older
	}
	if !rate.Given {
		return nil
	}
	if rate.Value < 0 || rate.Value > 65535 {
		return hook.Fieldf("throttleRate", "must lie between 0 and 65535")
	}
	*to = int(rate.Value)
	return nil
}

// patch changes a field that null does not clear.
func patch[T any](to *T, field string, o api.Optional[T]) error {
	if o.Null {
		return hook.Fieldf(field, "must not be null")
	}
	if o.Given {
		*to = o.Value
	}
	return nil
}

func patchUID(to *string, o api.Optional[string]) error {
	if o.Given && !o.Null && o.Value == "" {
		return hook.Fieldf("uid", "must have 1 to 256 characters")
	}
	if o.Given {
		*to = o.Value
	}
	return nil
}

// applicationFromAPI fills what a client sets, as creating and replacing do.
func applicationFromAPI(a *hook.Application, in api.ApplicationIn) (err error) {
	a.Name, a.Metadata = in.Name, in.Metadata
	if a.UID, err = uidIn("uid", in.UID); err != nil {
		return err
	}
	if a.ThrottleRate, err = rateIn(in.ThrottleRate, in.RateLimit); err != nil {
		return err
	}
	return a.Validate()
}

func patchApplication(a *hook.Application, in api.ApplicationPatch) error {
	if err := patch(&a.Name, "name", in.Name); err != nil {
		return err
	}
	if err := patchUID(&a.UID, in.UID); err != nil {
		return err
	}
	if err := ratePatch(&a.ThrottleRate, in.ThrottleRate, in.RateLimit); err != nil {
		return err
	}
	if err := patch(&a.Metadata, "metadata", in.Metadata); err != nil {
		return err
	}
	return a.Validate()
}

func (s *server) applicationToAPI(a *hook.Application) api.ApplicationOut {
	rate := orNil(int64(a.ThrottleRate))
	return api.ApplicationOut{
		ID: s.Catalog.Codec().Application(a.Environment, a.ID), UID: orNil(a.UID), Name: a.Name,
		ThrottleRate: rate, RateLimit: rate, Metadata: orEmpty(a.Metadata),
		CreatedAt: a.CreatedAt.UTC(), UpdatedAt: a.UpdatedAt.UTC(),
	}
}

// endpointFromAPI fills what creating and replacing have in common; secret and
// headers belong to creating alone.
func endpointFromAPI(e *hook.Endpoint, in api.EndpointIn) (err error) {
	e.URL, e.Description, e.Disabled, e.Metadata = in.URL, in.Description, in.Disabled, in.Metadata
	if e.EventTypes = in.EventTypes; e.EventTypes == nil {
		e.EventTypes = in.FilterTypes
	}
	e.EventTypes, e.Channels = nilIfEmpty(e.EventTypes), in.Channels
	if e.UID, err = uidIn("uid", in.UID); err != nil {
		return err
	}
	e.ThrottleRate, err = rateIn(in.ThrottleRate, in.RateLimit)
	return err
}

func patchEndpoint(e *hook.Endpoint, in api.EndpointPatch) error {
	for _, err := range []error{
		patch(&e.URL, "url", in.URL),
		patch(&e.Description, "description", in.Description),
		patch(&e.Disabled, "disabled", in.Disabled),
		patch(&e.Metadata, "metadata", in.Metadata),
		patchUID(&e.UID, in.UID),
		ratePatch(&e.ThrottleRate, in.ThrottleRate, in.RateLimit),
	} {
		if err != nil {
			return err
		}
	}
	types := in.EventTypes
	if !types.Given {
		types = in.FilterTypes
	}
	if types.Given {
		e.EventTypes = nilIfEmpty(types.Value)
	}
	if in.Channels.Given {
		// The contract's older clients clear channels with [].
		e.Channels = nilIfEmpty(in.Channels.Value)
	}
	return nil
}

func (s *server) endpointToAPI(e *hook.Endpoint) api.EndpointOut {
	rate := orNil(int64(e.ThrottleRate))
	types := nilIfEmpty(e.EventTypes)
	return api.EndpointOut{
		ID: s.Catalog.Codec().Endpoint(e.Application, e.ID), UID: orNil(e.UID), URL: e.URL,
		Description: e.Description, Disabled: e.Disabled,
		EventTypes: types, FilterTypes: types, Channels: nilIfEmpty(e.Channels),
		ThrottleRate: rate, RateLimit: rate, Version: 1, Metadata: orEmpty(e.Metadata),
		CreatedAt: e.CreatedAt.UTC(), UpdatedAt: e.UpdatedAt.UTC(),
	}
}

func headersToAPI(headers map[string]string) api.EndpointHeadersOut {
	out := api.EndpointHeadersOut{Headers: map[string]string{}, Sensitive: []string{}}
	for name, value := range headers {
		if hook.IsSensitiveHeader(name) {
			out.Sensitive = append(out.Sensitive, name)
		} else {
			out.Headers[name] = value
		}
	}
	slices.Sort(out.Sensitive)
	return out
}

func eventTypeFromAPI(t *hook.EventType, in api.EventTypeIn) error {
	if in.Description == nil {
		return &hook.FieldError{Path: []string{"description"}, Text: "missing field `description`", Code: typeJSON}
	}
	t.Description, t.Archived, t.Deprecated = *in.Description, in.Archived, in.Deprecated
	t.GroupName = deref(in.GroupName)
	if in.GroupName != nil && *in.GroupName == "" {
		return hook.Fieldf("groupName", "must have 1 to 256 characters")
	}
	t.FeatureFlags = flagsFromAPI(in.FeatureFlags, in.FeatureFlag)
	t.Schemas = rawOrNil(in.Schemas)
	if in.Validation != nil {
		t.IsChecked = *in.Validation
	}
	if in.Redact != nil {
		t.Redact = nilIfEmpty(in.Redact)
	}
	if err := t.Validate(); err != nil {
		return err
	}
	if err := checkSchemas(t.Schemas); err != nil {
		return err
	}
	return checkable(t)
}

func patchEventType(t *hook.EventType, in api.EventTypePatch) error {
	for _, err := range []error{
		patch(&t.Description, "description", in.Description),
		patch(&t.Archived, "archived", in.Archived),
		patch(&t.Deprecated, "deprecated", in.Deprecated),
	} {
		if err != nil {
			return err
		}
	}
	if in.GroupName.Given {
		if t.GroupName = in.GroupName.Value; t.GroupName == "" && !in.GroupName.Null {
			return hook.Fieldf("groupName", "must have 1 to 256 characters")
		}
	}
	switch {
	case in.FeatureFlags.Given:
		t.FeatureFlags = nilIfEmpty(in.FeatureFlags.Value)
	case in.FeatureFlag.Given:
		t.FeatureFlags = flagsFromAPI(nil, orNil(in.FeatureFlag.Value))
	}
	if in.Schemas.Given {
		t.Schemas = rawOrNil(in.Schemas.Value)
	}
	if err := patch(&t.IsChecked, "validation", in.Validation); err != nil {
		return err
	}
	if in.Redact.Given {
		t.Redact = nilIfEmpty(in.Redact.Value)
	}
	if err := t.Validate(); err != nil {
		return err
	}
	return checkable(t)
}

func flagsFromAPI(flags []string, older *string) []string {
	if len(flags) == 0 && older != nil {
		return []string{*older}
	}
	return nilIfEmpty(flags)
}

// rawOrNil takes a raw JSON value; null is none.
func rawOrNil(raw []byte) []byte {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	return raw
}

func eventTypeToAPI(t *hook.EventType, withSchemas bool) api.EventTypeOut {
	out := api.EventTypeOut{
		Name: t.Name, Description: t.Description, Archived: t.Archived, Deprecated: t.Deprecated,
		GroupName: orNil(t.GroupName), FeatureFlags: nilIfEmpty(t.FeatureFlags),
		Validation: t.IsChecked, Redact: nilIfEmpty(t.Redact),
		CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(),
	}
	if len(t.FeatureFlags) > 0 {
		out.FeatureFlag = &t.FeatureFlags[0]
	}
	if withSchemas {
		out.Schemas = t.Schemas
	}
	return out
}

var (
	emptyPayload   = []byte("{}")
	expiredPayload = []byte(`{"expired": true}`)
)

// messageToAPI shows a message without what r redacts; its content only where that was asked for and is
// still there at now.
func (s *server) messageToAPI(m *hook.Message, r *hook.Redaction, withContent bool, now time.Time) api.MessageOut {
	out := api.MessageOut{
		ID: s.Catalog.Codec().Message(m.Application, m.ID), EventID: orNil(m.EventID), EventType: m.EventType,
		Channels: nilIfEmpty(m.Channels), Tags: nilIfEmpty(m.Tags), Timestamp: m.Time(), Payload: m.Payload,
	}
	out.Payload = emptyPayload
	if withContent {
		out.Payload = shownPayload(m, r, now)
		if m.Inbound != nil && m.HasContent(now) {
			out.Inbound = inboundToAPI(m)
			if r != nil && out.Inbound.Query != "" {
				out.Inbound.Query = hook.Redacted // where a provider without a body says everything
			}
		}
	}
	if !m.DeliverAt.IsZero() {
		at := m.DeliverAt.UTC()
		out.DeliverAt = &at
	}
	out.ExpiresAt = timeOrNil(m.Deadline)
	return out
}

// shownPayload is what stands in the field payload of a message whose content is shown.
func shownPayload(m *hook.Message, r *hook.Redaction, now time.Time) []byte {
	switch {
	case !m.HasContent(now):
		return expiredPayload
	case m.Inbound != nil:
		return inboundPayload(visible(r, m.RawBody))
	case len(m.Payload) == 0:
		return emptyPayload
	}
	return r.Apply(m.Payload)
}

// statusWords spell store.AttemptStatus (CONTRACT 1.14).
var statusWords = [...]string{"success", "pending", "fail", "sending", "canceled"}

// statusToAPI spells a status. Clients that did not ask for the newer status 4 are
// told success, as the contract wants.
func statusToAPI(st store.AttemptStatus, expanded bool) (int, string) {
	if st == store.StatusCanceled && !expanded {
		st = store.StatusSuccess
	}
	return int(st), statusWords[st]
}

// expungedResponse stands where an attempt's answer was removed on request.
const expungedResponse = "EXPUNGED"

// unreadableResponse stands where an attempt's answer is stored and cannot be opened.
const unreadableResponse = "UNREADABLE"

// attemptToAPI shows an attempt; with hidden without what the receiver said.
func (s *server) attemptToAPI(a *hook.Attempt, hidden, withContent, expanded bool) api.MessageAttemptOut {
	codec := s.Catalog.Codec()
	out := api.MessageAttemptOut{
		ID: codec.Attempt(a.Application, a.ID), MsgID: codec.Message(a.Application, a.Message),
		EndpointID: codec.Endpoint(a.Application, a.Endpoint), URL: a.URL,
		ResponseStatusCode: a.Status, ResponseDurationMS: a.Took.Milliseconds(),
		TriggerType: int(a.Trigger), Timestamp: a.StartedAt.UTC().Truncate(time.Millisecond),
		Hookloft: &api.AttemptDetail{
			N: a.N, Reason: a.Reason.String(), Error: failureOf(a, hidden), RemoteAddr: a.RemoteAddr,
			Timings: api.AttemptTimings{
				DNSMS: millis(a.Timings.DNS), ConnectMS: millis(a.Timings.Connect), TLSMS: millis(a.Timings.TLS),
				FirstByteMS: millis(a.Timings.FirstByte), BodyMS: millis(a.Timings.Body), Reused: a.Timings.Reused,
			},
			Protocol: a.Protocol().String(), TLS: tlsToAPI(a.TLS),
			BodyTruncated: a.BodyTruncated, BodyIncomplete: a.BodyIncomplete, NextAttempt: timeOrNil(a.NextAt),
		},
	}
	out.Status, out.StatusText = statusToAPI(store.StatusOfAttempt(a), expanded)
	switch {
	case !withContent:
		out.Response = "{}" // also of what was expunged: the caller asked for no content
	case a.Expunged:
		out.Response = expungedResponse
	case a.Unreadable:
		out.Response = unreadableResponse
	case hidden && len(a.Body) > 0:
		out.Response = hook.Redacted
	case utf8.Valid(a.Body):
		out.Response = string(a.Body)
	default:
		// The kept part may end inside a character; that alone makes it no binary.
		if whole, ok := textOf(a.Body, a.BodyTruncated); ok {
			out.Response = string(whole)
			break
		}
		out.Response, out.Hookloft.ResponseBase64 = base64.StdEncoding.EncodeToString(a.Body), true
	}
	if withContent && a.Notes != nil && !hidden { // a script may write the payload there
		out.Hookloft.Console = a.Notes.Console
	}
	if withContent && !a.Expunged && len(a.Header) > 0 {
		out.Hookloft.ResponseHeaders = strings.Split(strings.ToValidUTF8(string(a.Header), "\uFFFD"), "\r\n")
	}
	return out
}

// textOf returns body as text, without the up to three bytes of a character that a cut split.
func textOf(body []byte, truncated bool) ([]byte, bool) {
	if utf8.Valid(body) {
		return body, true
	}
	for n := 1; truncated && n < utf8.UTFMax && n < len(body); n++ {
		if whole := body[:len(body)-n]; utf8.Valid(whole) {
			return whole, true
		}
	}
	return nil, false
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

// nextAttempt is when a delivery is tried again, for one that was tried before.
func nextAttempt(d *hook.Delivery) *time.Time {
	if d.State != hook.Pending || d.Attempts == 0 {
		return nil
	}
	return timeOrNil(d.NextAt())
}

// listToAPI makes a page of rows; id is what the page's iterators name.
func listToAPI[R, O any](l store.Listed[R], id func(R) string, out func(R) O) api.List[O] {
	p := api.List[O]{Data: make([]O, 0, len(l.Rows)), Done: !l.More}
	for _, r := range l.Rows {
		p.Data = append(p.Data, out(r))
	}
	if n := len(l.Rows); n > 0 {
		last, first := id(l.Rows[n-1]), "-"+id(l.Rows[0])
		p.Iterator, p.PrevIterator = &last, &first
	}
	return p
}

// lookedToAPI is listToAPI for a page that may have ended before it was full; at spells a key as
// the page's iterators do. The page goes on in the direction in which it was walked.
func lookedToAPI[R, O any](l store.Listed[R], w store.Window, id func(R) string, at func(hook.Key) string, out func(R) O) api.List[O] {
	p := listToAPI(l, id, out)
	if l.Next == 0 {
		return p
	}
	next, previous := at(l.Next), "-"+at(l.Next)
	isTowardsNow := w.Backward || w.Ascending
	if p.Iterator == nil || !isTowardsNow {
		p.Iterator = &next
	}
	if p.PrevIterator == nil || isTowardsNow {
		p.PrevIterator = &previous
	}
	return p
}

// jsonObject reports whether raw is a JSON object; it is valid JSON already.
func jsonObject(raw []byte) bool {
	return jsontext.Value(raw).Kind() == '{'
}
