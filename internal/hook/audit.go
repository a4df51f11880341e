package hook

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// AuditID names an entry of the audit log.
type AuditID Key

// AuditEntry says who changed what. It is written in the transaction of the change.
type AuditEntry struct {
	ID          AuditID
	Environment EnvironmentID
	Actor       Actor
	Noun        AuditNoun
	Action      AuditAction
	// Subject is the row key of what was changed, 0 for what has a name only, and for many at once.
	Subject Key
	// Application is what the subject belongs to, 0 for none.
	Application ApplicationID
	// Name is the subject's name, uid or URL: what people know it by.
	Name string
	// Before and After are the fields that the change touched: all of them for what was
	// created (After) or deleted (Before), only those that differ for an update. There is
	// no secret in them: of a secret it is said that it was set or changed.
	Before, After map[string]any
}

// AuditNoun is the kind of thing that was changed.
type AuditNoun string

// The nouns of the audit log.
const (
	AuditEnvironment AuditNoun = "environment"
	AuditApplication AuditNoun = "application"
	AuditEndpoint    AuditNoun = "endpoint"
	AuditEventType   AuditNoun = "event-type"
	AuditSource      AuditNoun = "source"
	AuditToken       AuditNoun = "token"
	AuditIntegration AuditNoun = "integration"
	AuditTask        AuditNoun = "task"
	AuditListener    AuditNoun = "listener"
	AuditConnector   AuditNoun = "connector"
	AuditUser        AuditNoun = "user"
	AuditIssue       AuditNoun = "issue"
	AuditMessage     AuditNoun = "message" // only its expunging
	AuditAttempt     AuditNoun = "attempt" // likewise
)

// AuditNouns returns all of them.
func AuditNouns() []AuditNoun {
	return []AuditNoun{
		AuditEnvironment, AuditApplication, AuditEndpoint, AuditEventType, AuditSource, AuditToken, AuditIntegration, AuditTask, AuditListener,
		AuditConnector, AuditUser, AuditIssue, AuditMessage, AuditAttempt,
	}
}

// AuditAction is what was done to it.
type AuditAction string

// The actions of the audit log.
const (
	AuditCreated  AuditAction = "created"
	AuditUpdated  AuditAction = "updated"
	AuditDeleted  AuditAction = "deleted"
	AuditExpunged AuditAction = "expunged"
)

// AuditLife is how long entries are kept: as long as messages are.
const AuditLife = 90 * 24 * time.Hour

// AuditFields are the fields of a noun, as the log shows each and as two states of it are
// told apart, which differs for a secret: it shows as set, and is compared by its text.
type AuditFields struct{ fields map[string]auditField }

type auditField struct {
	shown    any
	compared string // "" to compare shown
}

// show adds a field, unless it has its zero value.
func (f *AuditFields) show(name string, v any) {
	if rv := reflect.ValueOf(v); !rv.IsValid() || rv.IsZero() {
		return
	}
	f.add(name, auditField{shown: v})
}

// hide adds a field of which only shown may be seen, unless it is empty.
func (f *AuditFields) hide(name, text string, shown any) {
	if text != "" {
		f.add(name, auditField{shown, text})
	}
}

func (f *AuditFields) add(name string, v auditField) {
	if f.fields == nil {
		f.fields = map[string]auditField{}
	}
	f.fields[name] = v
}

// All returns every field as it may be shown.
func (f AuditFields) All() map[string]any {
	out := make(map[string]any, len(f.fields))
	for name, v := range f.fields {
		out[name] = v.shown
	}
	return out
}

// AuditDiff returns the fields in which two states differ, as they may be shown. Both are
// nil where nothing changed.
func AuditDiff(before, after AuditFields) (was, is map[string]any) {
	for name, old := range before.fields {
		now, still := after.fields[name]
		if still && old.compared == now.compared && reflect.DeepEqual(old.shown, now.shown) {
			continue
		}
		if was == nil {
			was, is = map[string]any{}, map[string]any{}
		}
		was[name], is[name] = old.shown, nil
		if still {
			is[name] = now.shown
		}
	}
	for name, now := range after.fields {
		if _, had := before.fields[name]; had {
			continue
		}
		if was == nil {
			was, is = map[string]any{}, map[string]any{}
		}
		was[name], is[name] = nil, now.shown
	}
	return was, is
}

// AuditFields are what the log says of an environment.
func (e *Environment) AuditFields() (f AuditFields) {
	f.show("name", e.Name)
	st := &e.Settings
	f.add("whitelabelHeaders", auditField{shown: st.WhitelabelHeaders})
	f.add("sendSvixWebhookHeaders", auditField{shown: st.SendSvixHeaders})
	f.add("enforceHttps", auditField{shown: st.EnforceHTTPS})
	f.add("disableEndpointOnFailure", auditField{shown: st.DisableEndpointOnFailure})
	f.add("disableEndpointOnGone", auditField{shown: st.DisableEndpointOnGone})
	f.add("sendTraceparent", auditField{shown: st.SendTraceparent})
	if st.RetryPolicy != nil {
		f.add("retryPolicy", auditField{shown: fmt.Sprint(st.RetryPolicy)})
	}
	if st.Retention != 0 {
		f.show("retention", st.Retention.String())
	}
	f.show("defaultSignatureType", string(st.SignatureType))
	f.show("sealContent", st.SealContent)
	f.show("requireEndpointFilterTypes", st.RequireEventTypes)
	f.show("requireEndpointChannel", st.RequireChannel)
	if st.RequireConsent {
		f.show("requireEndpointConsent", st.RequireConsent)
	}
	f.show("endpointsPerAppLimit", st.EndpointLimit)
	f.show("readOnly", st.PortalReadOnly)
	f.show("wipeSuccessfulPayload", st.WipeDelivered)
	// Nobody here knows what these hold, and they may be long.
	for name, value := range st.Extra {
		f.hide(name, string(value), "set")
	}
	return f
}

// AuditFields are what the log says of an application.
func (a *Application) AuditFields() (f AuditFields) {
	f.show("name", a.Name)
	f.show("uid", a.UID)
	f.show("throttleRate", a.ThrottleRate)
	f.text("metadata", a.Metadata)
	a.Hold.auditFields(&f)
	return f
}

// text shows a map that is no secret.
func (f *AuditFields) text(name string, m map[string]string) {
	if len(m) > 0 {
		f.show(name, maps.Clone(m))
	}
}

// AuditFields are what the log says of an endpoint: of headers the names, of secrets how
// many there are and of which kind, of the URL nothing that a token may ride on.
func (e *Endpoint) AuditFields() (f AuditFields) {
	f.show("uid", e.UID)
	f.hide("url", e.URL, withoutQuery(e.URL))
	f.show("description", e.Description)
	f.show("disabled", e.Disabled)
	if e.DisabledBy != ReasonNone {
		f.show("disabledBy", e.DisabledBy.String())
	}
	f.show("eventTypes", slices.Clone(e.EventTypes))
	f.show("channels", slices.Clone(e.Channels))
	f.show("throttleRate", e.ThrottleRate)
	f.text("metadata", e.Metadata)
	if len(e.Headers) > 0 {
		f.hide("headers", textOf(e.Headers), slices.Sorted(maps.Keys(e.Headers)))
	}
	if len(e.Secrets) > 0 {
		kind, _, _ := strings.Cut(e.Secrets[0].Text, "_")
		var texts []string
		for _, s := range e.Secrets {
			texts = append(texts, s.Text)
		}
		f.hide("secret", strings.Join(texts, " "), fmt.Sprintf("%s, and %d rotated out", kind, len(e.Secrets)-1))
	}
	if e.Shape != nil {
		e.Shape.auditFields(&f)
	}
	e.Features.auditFields(&f)
	if e.Consent != nil {
		e.Consent.auditFields(&f, e.URL)
	}
	return f
}

// auditFields adds that the endpoint has a feature, and notes when it changes.
func (x *Features) auditFields(f *AuditFields) {
	if x.Kind != PushEndpoint {
		f.show("kind", x.Kind.String())
	}
	hide := func(name string, has bool, v any) {
		if has {
			text, err := json.Marshal(v)
			if err != nil {
				text = fmt.Appendf(nil, "%T: %v", v, err) // none of these types can fail
			}
			f.hide(name, string(text), "set")
		}
	}
	hide("filter", x.Filter != nil, x.Filter)
	if x.Transformation != nil {
		x.Transformation.auditFields(f)
	}
	if x.Connector != nil {
		x.Connector.auditFields(f)
	}
	hide("order", x.Order != nil, x.Order)
	x.Latest.auditFields(f)
	x.Hold.auditFields(f)
	if x.Credentials != nil {
		x.Credentials.auditFields(f)
	}
}

// auditFields adds what the log says of a shape: of its token only that it is there.
func (s *Shape) auditFields(f *AuditFields) {
	f.show("request.method", s.Method)
	if s.Body != BodyJSON {
		f.show("request.body", s.Body.String())
	}
	f.show("request.xmlRoot", s.XMLRoot)
	if s.Token != nil {
		f.hide("request.token", fmt.Sprint(s.Token.In, s.Token.Name, s.Token.Value), fmt.Sprintf("set, in the %s as %s", s.Token.In, s.Token.Name))
	}
	if s.Success != nil {
		f.show("request.successStatuses", fmt.Sprint(s.Success))
	}
	if s.Timeout != 0 {
		f.show("request.timeout", s.Timeout.String())
	}
	if s.RetryPolicy != nil {
		f.show("request.retrySchedule", fmt.Sprint(s.RetryPolicy))
	}
}

func withoutQuery(url string) string {
	if base, query, has := strings.Cut(url, "?"); has && query != "" {
		return base + "?..."
	}
	return url
}

// textOf is a text by which two maps are told apart.
func textOf(m map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%q=%q;", name, m[name])
	}
	return b.String()
}

// AuditFields are what the log says of an event type. Schemas can be long: they are set or not.
func (t *EventType) AuditFields() (f AuditFields) {
	f.show("name", t.Name)
	f.show("description", t.Description)
	f.show("archived", t.Archived)
	f.show("deprecated", t.Deprecated)
	f.hide("schemas", string(t.Schemas), "set")
	f.show("groupName", t.GroupName)
	if t.RetryPolicy != nil {
		f.show("retryPolicy", fmt.Sprint(t.RetryPolicy))
	}
	if t.Retention != 0 {
		f.show("retention", t.Retention.String())
	}
	f.show("featureFlags", slices.Clone(t.FeatureFlags))
	if t.IsChecked {
		f.show("validation", t.IsChecked)
	}
	if t.Redact != nil {
		f.show("redact", slices.Clone(t.Redact))
	}
	return f
}

// AuditFields are what the log says of a source. Its config and settings hold secrets and
// URLs with passwords, so of each value only the name is shown.
func (s *Source) AuditFields() (f AuditFields) {
	f.show("uid", s.UID)
	f.show("name", s.Name)
	f.show("type", s.Type)
	f.text("metadata", s.Metadata)
	f.hide("config.secrets", strings.Join(s.Config.Secrets, " "), fmt.Sprintf("%d set", len(s.Config.Secrets)))
	for name, value := range s.Config.Values {
		f.hide("config."+name, value, "set")
	}
	settings := reflect.ValueOf(s.Settings)
	for i := range settings.NumField() {
		if v := settings.Field(i); !v.IsZero() {
			text, err := json.Marshal(v.Interface()) // as it is stored
			f.hide("settings."+settings.Type().Field(i).Name, fmt.Sprint(string(text), err), "set")
		}
	}
	var texts []string
	for _, t := range s.Tokens {
		texts = append(texts, t.Text)
	}
	f.hide("url", strings.Join(texts, " "), fmt.Sprintf("set, and %d rotated out", max(len(s.Tokens)-1, 0)))
	return f
}

// AuditFields are what the log says of a token.
func (t *Token) AuditFields() (f AuditFields) {
	kind := string(t.Kind)
	switch {
	case kind == "" && t.IsPortal():
		kind = "portal"
	case kind == "":
		kind = "api"
	}
	f.show("kind", kind)
	f.show("name", t.Name)
	f.show("scopes", slices.Clone(t.Scopes))
	f.show("capabilities", slices.Clone(t.Capabilities))
	f.show("featureFlags", slices.Clone(t.FeatureFlags))
	f.show("eventTypes", slices.Clone(t.EventTypes))
	f.show("channel", t.Channel)
	f.show("sessionId", t.SessionID)
	if !t.ExpiresAt.IsZero() {
		f.show("expiresAt", t.ExpiresAt.UTC().Format(time.RFC3339))
	}
	return f
}

// AuditFields are what the log says of an integration.
func (i *Integration) AuditFields() (f AuditFields) {
	f.show("name", i.Name)
	f.show("featureFlags", slices.Clone(i.FeatureFlags))
	return f
}

// AuditFields are what the log says of a task: what it is and where it stands, not how far.
func (t *Task) AuditFields() (f AuditFields) {
	f.show("task", t.Type)
	f.show("status", string(t.Status))
	f.show("ratePerSecond", t.RatePerSecond)
	if !t.Since.IsZero() {
		f.show("since", t.Since.UTC().Format(time.RFC3339))
	}
	if !t.Until.IsZero() {
		f.show("until", t.Until.UTC().Format(time.RFC3339))
	}
	return f
}
