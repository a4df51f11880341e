package hook

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestShapeValidate(t *testing.T) {
	token := func(in Place, name, value string) *ShapeToken { return &ShapeToken{In: in, Name: name, Value: value} }
	many := make([]StatusRange, MaxStatusRanges+1)
	for i := range many {
		many[i] = StatusRange{200, 299}
	}
	for _, c := range []struct {
		name  string
		shape Shape
		field string // that the error names; "" for no error
	}{
		{"nothing", Shape{}, ""},
		{"put as xml", Shape{Method: "PUT", Body: BodyXML, XMLRoot: "a-1.b_c"}, ""},
		{"get", Shape{Method: "GET", Body: BodyQuery, Token: token(InQuery, "t", "v")}, ""},
		{"get with a header", Shape{Method: "GET", Body: BodyQuery, Token: token(InHeader, "X-T", "v")}, ""},
		{"token of many letters", Shape{Token: token(InBody, "ключ [1]", " v ")}, ""},
		{"schedule of one attempt", Shape{RetryPolicy: []time.Duration{}}, ""},
		{"all statuses", Shape{Success: []StatusRange{{200, 599}}}, ""},
		{"least and most time", Shape{Timeout: MaxTimeout}, ""},

		{"delete", Shape{Method: "DELETE"}, "method"},
		{"lower case", Shape{Method: "put"}, "method"},
		{"get with a body", Shape{Method: "GET"}, "body"},
		{"query without get", Shape{Body: BodyQuery}, "body"},
		{"unknown form", Shape{Body: 9}, "body"},
		{"root without xml", Shape{XMLRoot: "a"}, "xmlRoot"},
		{"root with a space", Shape{Body: BodyXML, XMLRoot: "a b"}, "xmlRoot"},
		{"root that breaks out", Shape{Body: BodyXML, XMLRoot: "a><b"}, "xmlRoot"},
		{"root that begins with a digit", Shape{Body: BodyXML, XMLRoot: "1a"}, "xmlRoot"},
		{"reserved root", Shape{Body: BodyXML, XMLRoot: "XmlThing"}, "xmlRoot"},
		{"long root", Shape{Body: BodyXML, XMLRoot: strings.Repeat("a", 129)}, "xmlRoot"},
		{"token in the body of a get", Shape{Method: "GET", Body: BodyQuery, Token: token(InBody, "t", "v")}, "token in"},
		{"token nowhere", Shape{Token: token(7, "t", "v")}, "token in"},
		{"token without a name", Shape{Token: token(InBody, "", "v")}, "token name"},
		{"token with a line end in its name", Shape{Token: token(InQuery, "a\nb", "v")}, "token name"},
		{"token without a value", Shape{Token: token(InBody, "t", "")}, "token value"},
		{"token with a line end", Shape{Token: token(InHeader, "X-T", "a\r\nX-Evil: 1")}, "token value"},
		{"long token", Shape{Token: token(InBody, "t", strings.Repeat("v", MaxTokenBytes+1))}, "token value"},
		{"token that is not UTF-8", Shape{Token: token(InBody, "t", "\xff")}, "token value"},
		{"token in the host header", Shape{Token: token(InHeader, "Host", "v")}, "token name"},
		{"token in the signature", Shape{Token: token(InHeader, "webhook-signature", "v")}, "token name"},
		{"token in no header", Shape{Token: token(InHeader, "a b", "v")}, "token name"},
		{"token with white space around it", Shape{Token: token(InHeader, "X-T", " v")}, "token value"},
		{"no status", Shape{Success: []StatusRange{}}, "successStatuses"},
		{"too many statuses", Shape{Success: many}, "successStatuses"},
		{"informational", Shape{Success: []StatusRange{{200, 200}, {100, 100}}}, "successStatuses [1]"},
		{"backwards", Shape{Success: []StatusRange{{299, 200}}}, "successStatuses [0]"},
		{"above 599", Shape{Success: []StatusRange{{200, 600}}}, "successStatuses [0]"},
		{"time below a second", Shape{Timeout: time.Second - 1}, "timeoutSeconds"},
		{"negative time", Shape{Timeout: -time.Second}, "timeoutSeconds"},
		{"time above 30 s", Shape{Timeout: MaxTimeout + 1}, "timeoutSeconds"},
		{"too many delays", Shape{RetryPolicy: make([]time.Duration, MaxRetrySteps+1)}, "retrySchedule"},
		{"negative delay", Shape{RetryPolicy: []time.Duration{time.Second, -1}}, "retrySchedule [1]"},
		{"no delay", Shape{RetryPolicy: []time.Duration{time.Second, 0}}, "retrySchedule [1]"},
		{"delay below a second", Shape{RetryPolicy: []time.Duration{time.Second - 1}}, "retrySchedule [0]"},
		{"delay of more than a week", Shape{RetryPolicy: []time.Duration{MaxRetryStep + 1}}, "retrySchedule [0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.shape.Validate()
			var f *FieldError
			if c.field == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.As(err, &f) || strings.Join(f.Path, " ") != c.field {
				t.Errorf("%v, want one at %q", err, c.field)
			}
			if c.shape.Token != nil && len(c.shape.Token.Value) > 2 && strings.Contains(err.Error(), c.shape.Token.Value) {
				t.Error("the error repeats the token")
			}
		})
	}
}

func TestNoShapeIsTheUsualOne(t *testing.T) {
	var none *Shape
	for status, want := range map[int]bool{100: false, 199: false, 200: true, 299: true, 300: false, 410: false} {
		if none.Succeeds(status) != want || (&Shape{}).Succeeds(status) != want {
			t.Errorf("%d: %v", status, !want)
		}
	}
	if !none.IsPlain() || !(&Shape{Method: "POST", Timeout: time.Second, Success: []StatusRange{{302, 302}}}).IsPlain() || none.Deadline() != 0 || none.Policy() != nil {
		t.Error("no shape asks for something")
	}
	for _, s := range []*Shape{{Method: "PUT"}, {Body: BodyXML}, {Token: &ShapeToken{}}} {
		if s.IsPlain() {
			t.Errorf("%+v is plain", s)
		}
	}
}

func TestRetryPolicyOf(t *testing.T) {
	a, b, c := []time.Duration{1}, []time.Duration{2}, []time.Duration{3}
	for _, x := range []struct{ endpoint, eventType, environment, want []time.Duration }{
		{nil, nil, nil, DefaultRetryPolicy()}, {nil, nil, c, c}, {nil, b, c, b}, {a, b, c, a}, {[]time.Duration{}, b, c, nil}, {nil, []time.Duration{}, c, nil},
	} {
		if got := RetryPolicyOf(x.endpoint, x.eventType, x.environment); !slices.Equal(got, x.want) {
			t.Errorf("%v, %v, %v: %v", x.endpoint, x.eventType, x.environment, got)
		}
	}
}

func TestDeadlineEndsADelivery(t *testing.T) {
	now := time.Now().UTC()
	due := Delivery{Message: 1, Attempts: 2, Step: 2, DueAt: now.Add(time.Minute), Reason: ReasonServer}
	for _, c := range []struct {
		name     string
		d        Delivery
		deadline time.Time
		ends     bool
	}{
		{"no deadline", due, time.Time{}, false},
		{"in time", due, now.Add(2 * time.Minute), false},
		{"at the deadline", due, now.Add(time.Minute), true},
		{"too late", due, now.Add(time.Second), true},
		{"delivered", due.End(Delivered, ReasonNone), now, false},
		{"resend", Delivery{Trigger: Manual, DueAt: now.Add(time.Minute)}, now, false},
	} {
		got := c.d.Until(c.deadline)
		if ended := got.State == Exhausted && got.Reason == ReasonExpired && got.DueAt.IsZero(); ended != c.ends || !c.ends && got != c.d {
			t.Errorf("%s: %+v", c.name, got)
		}
		if got.Attempts != c.d.Attempts {
			t.Errorf("%s: %d attempts", c.name, got.Attempts)
		}
	}
}

func TestDeadlineOfAMessage(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		m    Message
		ok   bool
	}{
		{"none", Message{}, true},
		{"a second ahead", Message{Deadline: now.Add(time.Second)}, true},
		{"sooner", Message{Deadline: now.Add(time.Second - time.Millisecond)}, false},
		{"past", Message{Deadline: now.Add(-time.Hour)}, false},
		{"at the end of the content", Message{Deadline: now.Add(time.Hour), ContentExpiresAt: now.Add(time.Hour)}, true},
		{"after it", Message{Deadline: now.Add(time.Hour + 1), ContentExpiresAt: now.Add(time.Hour)}, false},
		{"after what anybody keeps", Message{Deadline: now.Add(MaxRetention + 1)}, false},
		{"before deliverAt", Message{Deadline: now.Add(time.Minute), DeliverAt: now.Add(2 * time.Minute)}, false},
		{"after deliverAt", Message{Deadline: now.Add(3 * time.Minute), DeliverAt: now.Add(2 * time.Minute)}, true},
	} {
		c.m.EventType = "a"
		err := c.m.Validate(now)
		var f *FieldError
		if (err == nil) != c.ok || err != nil && (!errors.As(err, &f) || f.Path[0] != "expiresAt") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
