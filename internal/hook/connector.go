package hook

import (
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ConnectorID names a connector of an environment.
type ConnectorID Key

// Connector is a named transformation that endpoints are made with: what turns an event
// into a message of somebody else's service. An environment's own are rows of the store;
// the ready ones are part of the program (package connector). It is stored as JSON under
// these names: add fields, rename none.
type Connector struct {
	ID          ConnectorID   `json:"-"`
	Environment EnvironmentID `json:"-"`
	UID         string        `json:"-"` // unique in the environment; "" for none
	Name        string        `json:"name"`
	// Kind is one of ConnectorKinds. It only says what the connector is for.
	Kind         string `json:"kind"`
	Logo         string `json:"logo,omitempty"`
	Description  string `json:"description,omitempty"`
	Instructions string `json:"instructions,omitempty"` // Markdown
	// AllowedEventTypes are those that an endpoint with the connector may subscribe to; nil for all.
	AllowedEventTypes []string `json:"allowedEventTypes,omitempty"`
	FeatureFlags      []string `json:"featureFlags,omitempty"`
	// Product is one of ConnectorProducts.
	Product string `json:"product"`
	Code    string `json:"code"`
	// CodeUpdatedAt is when Code last changed.
	CodeUpdatedAt time.Time         `json:"codeUpdatedAt"`
	Options       *ConnectorOptions `json:"options,omitempty"`
	CreatedAt     time.Time         `json:"-"`
	UpdatedAt     time.Time         `json:"-"`
}

// ConnectorOptions are what an endpoint that is made with a connector begins with. They
// are kept for those who make endpoints, and nothing here acts on them.
type ConnectorOptions struct {
	Kind string `json:"kind"`
	// AuthMethod is "", "HttpBearer" or "HttpBasic", and DefaultURL "" or a URL; both of kind Custom only.
	AuthMethod string `json:"authMethod,omitempty"`
	DefaultURL string `json:"defaultUrl,omitempty"`
	// HasCustom says that the part of kind Custom was given, be it empty.
	HasCustom bool `json:"hasCustom,omitempty"`
}

// Limits of connectors. Those of the code are the contract's (CONTRACT 3.3).
const (
	MinCodeChars = 10
	MaxCodeChars = 51200
	// MaxConnectorText bounds description and instructions, MaxLogoBytes the logo's URL.
	MaxConnectorText = 64 << 10
	MaxLogoBytes     = 2048
	// MaxConnectors is how many an environment may have.
	MaxConnectors = 500
	// MaxVariables and MaxVariableBytes bound what code is given as env, and each value of it.
	MaxVariables     = 100
	MaxVariableBytes = 16 << 10
)

// ConnectorKinds returns the kinds of the contract.
func ConnectorKinds() []string {
	return []string{
		"Custom", "AgenticCommerceProtocol", "CloseCRM", "CustomerIO", "Discord", "Hubspot", "Inngest", "Loops", "Otel", "Resend",
		"Salesforce", "Segment", "Sendgrid", "Slack", "Teams", "TriggerDev", "Windmill", "Zapier",
	}
}

// ConnectorProducts returns what connectors are for: endpoints, or streams. The first is the default.
func ConnectorProducts() []string { return []string{"Dispatch", "Stream"} }

// Validate checks the fields that a client sets. The names of fields are those of the
// wire. Whether the code compiles is not asked here.
func (c *Connector) Validate() error {
	if err := checkName("name", c.Name); err != nil {
		return err
	}
	if err := checkUID("uid", "connector", c.UID); err != nil {
		return err
	}
	if !slices.Contains(ConnectorKinds(), c.Kind) {
		return Fieldf("kind", "must be one of %s", strings.Join(ConnectorKinds(), ", "))
	}
	if !slices.Contains(ConnectorProducts(), c.Product) {
		return Fieldf("productType", "must be one of %s", strings.Join(ConnectorProducts(), ", "))
	}
	if c.Logo != "" && !isWebURL(c.Logo, MaxLogoBytes) {
		return Fieldf("logo", "must be an absolute http or https URL of at most %d bytes, or null", MaxLogoBytes)
	}
	for _, f := range []struct{ name, text string }{{"description", c.Description}, {"instructions", c.Instructions}} {
		if len(f.text) > MaxConnectorText {
			return Fieldf(f.name, "must have at most %d bytes", MaxConnectorText)
		}
		if err := checkText(f.name, f.text); err != nil {
			return err
		}
	}
	if c.AllowedEventTypes != nil && len(c.AllowedEventTypes) == 0 {
		return Fieldf("allowedEventTypes", "must hold at least one event type, or be null for all")
	}
	if err := checkEventTypes("allowedEventTypes", c.AllowedEventTypes); err != nil {
		return err
	}
	if c.FeatureFlags != nil {
		if err := CheckFeatureFlags("featureFlags", c.FeatureFlags); err != nil {
			return err
		}
	}
	if err := CheckCode("transformation", c.Code); err != nil {
		return err
	}
	return c.Options.validate(c.Kind)
}

func (o *ConnectorOptions) validate(kind string) error {
	switch {
	case o == nil:
		return nil
	case o.Kind != kind:
		return Fieldf("kind", "must be that of the connector, %s", kind)
	case o.AuthMethod != "" && o.AuthMethod != "HttpBearer" && o.AuthMethod != "HttpBasic":
		return &FieldError{Path: []string{"options", "authenticationMethod"}, Text: "must be HttpBearer, HttpBasic or null"}
	case o.DefaultURL != "" && !isWebURL(o.DefaultURL, MaxLogoBytes):
		return &FieldError{Path: []string{"options", "defaultUrl"}, Text: fmt.Sprintf("must be an absolute http or https URL of at most %d bytes, or null", MaxLogoBytes)}
	}
	return nil
}

// CheckCode checks the size of a transformation's code.
func CheckCode(field, code string) error {
	// The contract counts characters (1.6).
	if n := utf8.RuneCountInString(code); n < MinCodeChars || n > MaxCodeChars {
		return Fieldf(field, "must have %d to %d characters", MinCodeChars, MaxCodeChars)
	}
	return checkText(field, code)
}

// CheckVariables checks what code is to be given as env. Its errors name the variable and
// never hold its value.
func CheckVariables(field string, vars map[string]string) error {
	if len(vars) > MaxVariables {
		return Fieldf(field, "must hold at most %d variables", MaxVariables)
	}
	for name, value := range vars {
		switch {
		case name == "" || len(name) > 256 || !isPrintable(name):
			return Fieldf(field, "names must have 1 to 256 bytes of valid UTF-8 without control characters")
		case len(value) > MaxVariableBytes || !utf8.ValidString(value):
			return &FieldError{Path: []string{field, name}, Text: fmt.Sprintf("must have at most %d bytes of valid UTF-8", MaxVariableBytes)}
		}
	}
	return nil
}

func isWebURL(s string, most int) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= most && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

// VisibleTo reports whether a connector exists for who has these feature flags; nil sees everything.
func (c *Connector) VisibleTo(flags []string) bool {
	return flags == nil || len(c.FeatureFlags) == 0 || slices.ContainsFunc(c.FeatureFlags, func(f string) bool { return slices.Contains(flags, f) })
}

// IsMail reports whether the endpoint's URL is that of an SMTP server (egress.ParseMailURL),
// so that what is sent is an e-mail.
func (e *Endpoint) IsMail() bool {
	return strings.HasPrefix(e.URL, "smtp://") || strings.HasPrefix(e.URL, "smtps://")
}

// AuditFields are what the log says of a connector: its code may hold what its owner takes for secret.
func (c *Connector) AuditFields() (f AuditFields) {
	f.show("uid", c.UID)
	f.show("name", c.Name)
	f.show("kind", c.Kind)
	f.show("logo", c.Logo)
	f.show("description", c.Description)
	f.hide("instructions", c.Instructions, "set")
	f.show("allowedEventTypes", slices.Clone(c.AllowedEventTypes))
	f.show("featureFlags", slices.Clone(c.FeatureFlags))
	f.show("productType", c.Product)
	f.hide("transformation", c.Code, fmt.Sprintf("set, %d bytes", len(c.Code)))
	if c.Options != nil {
		f.hide("options", fmt.Sprint(*c.Options), "set")
	}
	return f
}

// ConnectorUse says that an endpoint was made with a connector, whose code it runs while
// it has none of its own.
type ConnectorUse struct {
	// ID is a connector of the environment, Ready the name of a ready one; one of them is set.
	ID    ConnectorID `json:"id,omitempty"`
	Ready string      `json:"ready,omitempty"`
	// Variables are given to the code as env, above the connector's own. They may be secret.
	Variables map[string]string `json:"variables,omitempty"`

	// Script and Answers are the connector's, which the store fills in when it reads an
	// endpoint: they are never stored with it. Script is nil where the connector is unknown
	// here: a ready one of a newer version.
	Script  *Transformation `json:"-"`
	Answers []AnswerRule    `json:"-"`
}

// String hides the variables from logs and error texts.
func (ConnectorUse) String() string { return "[connector]" }

// GoString hides them from %#v.
func (ConnectorUse) GoString() string { return "[connector]" }

// LogValue hides them from slog.
func (ConnectorUse) LogValue() slog.Value { return slog.StringValue("[connector]") }

// auditFields says which connector it is, and that it has variables.
func (u *ConnectorUse) auditFields(f *AuditFields) {
	name := "one of the environment"
	if u.Ready != "" {
		name = u.Ready
	}
	f.hide("connector", fmt.Sprint(u.ID, u.Ready), name)
	if len(u.Variables) > 0 {
		f.hide("connector.variables", textOf(u.Variables), slices.Sorted(maps.Keys(u.Variables)))
	}
}

// Script returns the code that makes the endpoint's requests: its own where that is
// enabled, else its connector's; nil for none. Code that is "" is that of a connector which
// this server does not know: an attempt then fails, because the bare payload is not what
// the receiver understands.
func (x *Features) Script() *Transformation {
	switch {
	case x.Transformation != nil && x.Transformation.Enabled:
		return x.Transformation
	case x.Connector == nil:
		return nil
	case x.Connector.Script == nil:
		return &Transformation{Enabled: true}
	}
	return x.Connector.Script
}

// Fill sets what the store knows of the connector: code, the variables that it brings, and
// what its receiver means by its answers. The use itself must be the caller's own.
func (u *ConnectorUse) Fill(r ReadyConnector) {
	vars := make(map[string]string, len(r.Variables)+len(u.Variables))
	maps.Copy(vars, r.Variables)
	maps.Copy(vars, u.Variables)
	for _, name := range r.Withheld {
		delete(vars, name)
	}
	u.Script = &Transformation{Code: r.Code, Enabled: true, Variables: vars, UpdatedAt: r.UpdatedAt}
	u.Answers = r.Answers
}

// ReadyConnector is what an endpoint takes from its connector.
type ReadyConnector struct {
	Code string
	// Variables are values for those that the endpoint does not give itself.
	Variables map[string]string
	// Withheld are the names of variables that are not for the code: what a request proves itself with.
	Withheld []string
	// Answers are tried in order; the first that fits an answer decides.
	Answers   []AnswerRule
	UpdatedAt time.Time
}

// AnswerRule says what an answer means that a receiver gives its own sense.
type AnswerRule struct {
	Status StatusRange
	// Body is text that the kept part of the answer's body must hold; "" fits every body.
	Body  string
	Means Meaning
}

// Meaning is what an answer means to the delivery.
type Meaning uint8

// The meanings.
const (
	// MeansSuccess: delivered.
	MeansSuccess Meaning = iota
	// MeansRetry: failed, and the schedule goes on.
	MeansRetry
	// MeansThrottled: as MeansRetry, and the receiver has had too much.
	MeansThrottled
	// MeansRefused: the receiver will never take this message.
	MeansRefused
	// MeansGone: the receiver is no more, as after a 410.
	MeansGone
)

// Fits reports whether the rule is about an answer.
func (r *AnswerRule) Fits(status int, body []byte) bool {
	return status >= r.Status.Low && status <= r.Status.High && (r.Body == "" || strings.Contains(string(body), r.Body))
}
