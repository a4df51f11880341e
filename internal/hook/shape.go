package hook

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Shape is how requests to an endpoint differ from the usual one: a POST of the stored
// bytes, tried for AttemptTimeout, successful with any 2xx. Its zero value asks for
// nothing else. Like all of an Endpoint, a shape that is in use is never changed.
type Shape struct {
	// Method is POST, PUT, PATCH or GET; "" for POST.
	Method string
	// Body is the form in which the payload goes.
	Body BodyForm
	// XMLRoot names the outermost element of an XML body; "" for DefaultXMLRoot.
	XMLRoot string
	// Token goes with each request, where the receiver looks for it; nil for none.
	Token *ShapeToken
	// Success are the statuses that count as success; nil for 200 to 299.
	Success []StatusRange
	// Timeout is the one deadline over an attempt, a second to MaxTimeout; 0 for AttemptTimeout.
	Timeout time.Duration
	// RetryPolicy stands above that of the event type and of the environment. Nil
	// inherits; empty and not nil means a single attempt.
	RetryPolicy []time.Duration
}

// BodyForm is the form of a request's content. The numbers are stored.
type BodyForm uint8

// The forms. What each makes of a payload is in docs/request-shape.md.
const (
	// BodyJSON is the stored payload, byte for byte.
	BodyJSON BodyForm = iota
	// BodyFormEncoded is application/x-www-form-urlencoded.
	BodyFormEncoded
	// BodyXML is an XML document.
	BodyXML
	// BodyQuery is no body: the payload's values stand in the query of a GET.
	BodyQuery
	bodyForms
)

var bodyFormNames = [bodyForms]string{"json", "form", "xml", "query"}

// String returns the form as the wire spells it.
func (f BodyForm) String() string { return nameAt(int(f), bodyFormNames[:]...) }

// ParseBodyForm is the reverse of String.
func ParseBodyForm(s string) (BodyForm, bool) {
	i := slices.Index(bodyFormNames[:], s)
	return BodyForm(max(i, 0)), i >= 0
}

// Place is where a token stands in a request. The numbers are stored.
type Place uint8

// The places.
const (
	InBody Place = iota
	InQuery
	InHeader
	places
)

var placeNames = [places]string{"body", "query", "header"}

// String returns the place as the wire spells it.
func (p Place) String() string { return nameAt(int(p), placeNames[:]...) }

// ParsePlace is the reverse of String.
func ParsePlace(s string) (Place, bool) {
	i := slices.Index(placeNames[:], s)
	return Place(max(i, 0)), i >= 0
}

// ShapeToken is a secret that a receiver wants beside the content. It never prints its value.
type ShapeToken struct {
	In    Place
	Name  string // of the field, parameter or header
	Value string
}

// String hides the value from logs and error texts.
func (ShapeToken) String() string { return "[token]" }

// GoString hides the value from %#v.
func (ShapeToken) GoString() string { return "[token]" }

// LogValue hides the value from slog.
func (ShapeToken) LogValue() slog.Value { return slog.StringValue("[token]") }

// StatusRange is the statuses from Low to High, both included.
type StatusRange struct{ Low, High int }

// Limits of a shape.
const (
	// DefaultXMLRoot is the outermost element of an XML body.
	DefaultXMLRoot = "payload"
	// MinTimeout and MaxTimeout bound an endpoint's own deadline.
	MinTimeout = time.Second
	MaxTimeout = 30 * time.Second
	// MaxStatusRanges bounds the list of success statuses.
	MaxStatusRanges = 32
	// MaxTokenBytes bounds a token's value.
	MaxTokenBytes = 4096
)

// IsPlain reports whether requests of this shape are the stored bytes, posted as usual.
// Deadline, statuses and schedule may still be the endpoint's own.
func (s *Shape) IsPlain() bool {
	return s == nil || (s.Method == "" || s.Method == "POST") && s.Body == BodyJSON && s.Token == nil
}

// Succeeds reports whether an answer with this status is a success.
func (s *Shape) Succeeds(status int) bool {
	if s == nil || s.Success == nil {
		return status >= 200 && status <= 299
	}
	return slices.ContainsFunc(s.Success, func(r StatusRange) bool { return status >= r.Low && status <= r.High })
}

// Deadline returns how long an attempt may take; 0 where the sender's own deadline holds.
func (s *Shape) Deadline() time.Duration {
	if s == nil {
		return 0
	}
	return s.Timeout
}

// Policy returns the endpoint's own retry policy, nil where it has none.
func (s *Shape) Policy() []time.Duration {
	if s == nil {
		return nil
	}
	return s.RetryPolicy
}

// Validate checks a shape as a client sets it. The names of fields are those of the wire.
func (s *Shape) Validate() error {
	switch s.Method {
	case "", "POST", "PUT", "PATCH", "GET":
	default:
		return Fieldf("method", "must be POST, PUT, PATCH or GET")
	}
	switch isGET := s.Method == "GET"; {
	case s.Body >= bodyForms:
		return Fieldf("body", "must be json, form, xml or query")
	case isGET && s.Body != BodyQuery:
		return Fieldf("body", "must be query for the method GET, which has no body")
	case !isGET && s.Body == BodyQuery:
		return Fieldf("body", "may be query for the method GET only")
	}
	if s.XMLRoot != "" {
		if s.Body != BodyXML {
			return Fieldf("xmlRoot", "needs the body xml")
		}
		if !isXMLRoot(s.XMLRoot) {
			return Fieldf("xmlRoot", "must be 1 to 128 ASCII letters, digits, dots, hyphens or underscores, begin with a letter or an underscore, and not with xml")
		}
	}
	if s.Token != nil {
		if err := s.Token.validate(s.Body); err != nil {
			return err
		}
	}
	if err := checkSuccess(s.Success); err != nil {
		return err
	}
	if s.Timeout != 0 && (s.Timeout < MinTimeout || s.Timeout > MaxTimeout) {
		return Fieldf("timeoutSeconds", "must lie between %d and %d", int(MinTimeout/time.Second), int(MaxTimeout/time.Second))
	}
	return CheckRetryPolicy("retrySchedule", s.RetryPolicy)
}

func isXMLRoot(s string) bool {
	if len(s) > 128 || !(isWord(s[0])) || s[0] == '-' || s[0] == '.' || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		if !isWord(s[i]) {
			return false
		}
	}
	return len(s) < 3 || !strings.EqualFold(s[:3], "xml")
}

func (t *ShapeToken) validate(body BodyForm) error {
	at := func(field, format string, args ...any) error {
		return &FieldError{Path: []string{"token", field}, Text: fmt.Sprintf(format, args...)}
	}
	switch {
	case t.In >= places:
		return at("in", "must be body, query or header")
	case t.In == InBody && body == BodyQuery:
		return at("in", "must be query or header for the method GET, which has no body")
	case t.Name == "" || len(t.Name) > 256 || !isPrintable(t.Name):
		return at("name", "must have 1 to 256 bytes of valid UTF-8 without control characters")
	case t.Value == "":
		return at("value", "must be given: none is set")
	case len(t.Value) > MaxTokenBytes || !isPrintable(t.Value):
		return at("value", "must have 1 to %d bytes of valid UTF-8 without control characters", MaxTokenBytes)
	}
	if t.In != InHeader {
		return nil
	}
	// A header's rules are those of the endpoint's other headers. The value is no part of
	// the text of that error.
	if err := CheckHeaders("token", map[string]string{t.Name: "x"}); err != nil {
		return at("name", "must be a header that may be chosen: an HTTP token, and none that the sender sets")
	}
	if !isHeaderValue(t.Value) {
		return at("value", "must not begin or end with white space")
	}
	return nil
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

func checkSuccess(list []StatusRange) error {
	const field = "successStatuses"
	if list != nil && len(list) == 0 {
		return Fieldf(field, "must hold at least one status, or be null for 200-299")
	}
	if len(list) > MaxStatusRanges {
		return Fieldf(field, "must hold at most %d statuses or ranges", MaxStatusRanges)
	}
	for i, r := range list {
		if r.Low < 200 || r.High > 599 || r.Low > r.High {
			return &FieldError{Path: []string{field, fmt.Sprintf("[%d]", i)}, Text: "must be a status from 200 to 599, or a range of them such as 200-299"}
		}
	}
	return nil
}
