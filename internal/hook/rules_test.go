package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// refusal is the path and text of a FieldError, "" for none.
func refusal(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var f *FieldError
	if !errors.As(err, &f) || KindOf(err) != Invalid || f.Text == "" {
		t.Fatalf("%v is not a field error", err)
	}
	return strings.Join(f.Path, "/")
}

func TestNounsAreValidated(t *testing.T) {
	now := time.Now()
	long := strings.Repeat("a", 256)
	app := func(a Application) error {
		if a.Name == "" {
			a.Name = "n"
		}
		return a.Validate()
	}
	msg := func(m Message) error {
		if m.EventType == "" {
			m.EventType = "a"
		}
		return m.Validate(now)
	}
	ep := func(e Endpoint) error { return e.Validate() }
	event := func(e EventType) error {
		if e.Name == "" {
			e.Name = "a"
		}
		return e.Validate()
	}
	many := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprint("x", i))
		}
		return list
	}
	for _, c := range []struct {
		name string
		err  error
		want string // path, "" for accepted
	}{
		{"application", app(Application{UID: "A-z_0.9", Metadata: map[string]string{"": ""}, ThrottleRate: 65535}), ""},
		{"name empty", (&Application{}).Validate(), "name"},
		{"name with NUL", app(Application{Name: "a\x00"}), "name"},
		{"name with backspace", app(Application{Name: "a\x08"}), "name"},
		{"name with tab", app(Application{Name: "a\tb\nc"}), ""},
		{"name not UTF-8", app(Application{Name: "a\xff"}), "name"},
		{"name in Greek", app(Application{Name: "Ωμέγα"}), ""},
		{"uid of 256", app(Application{UID: long}), ""},
		{"uid of 257", app(Application{UID: long + "a"}), "uid"},
		{"uid with slash", app(Application{UID: "a/b"}), "uid"},
		{"uid with space", app(Application{UID: "a b"}), "uid"},
		{"uid with line end", app(Application{UID: "a\n"}), "uid"},
		{"uid in Greek", app(Application{UID: "Ω"}), "uid"},
		{"uid like an id", app(Application{UID: "app_x"}), "uid"},
		{"uid like another noun's id", app(Application{UID: "ep_x"}), ""},
		{"rate too high", app(Application{ThrottleRate: 65536}), "throttleRate"},
		{"rate below zero", app(Application{ThrottleRate: -1}), "throttleRate"},

		{"endpoint", ep(Endpoint{UID: "a", Description: "d\n", EventTypes: []string{"a.b"}, Channels: []string{"a:b+c"}}), ""},
		{"endpoint uid like an id", ep(Endpoint{UID: "ep_x"}), "uid"},
		{"endpoint uid like an application's", ep(Endpoint{UID: "app_x"}), ""},
		{"description with NUL", ep(Endpoint{Description: "\x00"}), "description"},
		{"event type with slash", ep(Endpoint{EventTypes: []string{"a", "a/b"}}), "eventTypes/[1]"},
		{"event type twice", ep(Endpoint{EventTypes: []string{"a", "b", "a"}}), "eventTypes/[2]"},
		{"event types empty", ep(Endpoint{EventTypes: []string{}}), ""}, // all (CONTRACT 0)
		{"300 event types", ep(Endpoint{EventTypes: many(300)}), ""},
		{"channels empty", ep(Endpoint{Channels: []string{}}), "channels"},
		{"10 channels", ep(Endpoint{Channels: many(10)}), ""},
		{"11 channels", ep(Endpoint{Channels: many(11)}), "channels"},
		{"channel of 128", ep(Endpoint{Channels: []string{long[:128]}}), ""},
		{"channel of 129", ep(Endpoint{Channels: []string{long[:129]}}), "channels/[0]"},
		{"channel empty", ep(Endpoint{Channels: []string{""}}), "channels/[0]"},
		{"channel twice", ep(Endpoint{Channels: []string{"a", "a"}}), "channels/[1]"},

		{"message", msg(Message{EventID: "a", Tags: []string{`a/b\c#d`}, Channels: []string{"x"}}), ""},
		{"no event type", (&Message{}).Validate(now), "eventType"},
		{"event type with space", msg(Message{EventType: "a b"}), "eventType"},
		{"eventId like an id", msg(Message{EventID: "msg_x"}), "eventId"},
		{"5 tags", msg(Message{Tags: many(5)}), ""},
		{"6 tags", msg(Message{Tags: many(6)}), "tags"},
		{"tag with colon", msg(Message{Tags: []string{"a:b"}}), "tags/[0]"},
		{"tag twice", msg(Message{Tags: []string{"a", "a"}}), "tags/[1]"},
		{"channels of a message empty", msg(Message{Channels: []string{}}), "channels"},
		{"due in a minute", msg(Message{DeliverAt: now.Add(time.Minute)}), ""},
		{"due in a day", msg(Message{DeliverAt: now.Add(24 * time.Hour)}), ""},
		{"due in 58 s", msg(Message{DeliverAt: now.Add(58 * time.Second)}), "deliverAt"},
		{"due in the past", msg(Message{DeliverAt: now.Add(-time.Hour)}), "deliverAt"},
		{"due in two days", msg(Message{DeliverAt: now.Add(48 * time.Hour)}), "deliverAt"},
		{"due in a thousand years", msg(Message{DeliverAt: now.AddDate(1000, 0, 0)}), "deliverAt"},

		{"event type", event(EventType{GroupName: "g.g", FeatureFlags: []string{"a", "b"}}), ""},
		{"event type without a name", (&EventType{}).Validate(), "name"},
		{"group with slash", event(EventType{GroupName: "a/b"}), "groupName"},
		{"flag with space", event(EventType{FeatureFlags: []string{"a b"}}), "featureFlags/[0]"},
		{"description of an event type with NUL", event(EventType{Description: "\x01"}), "description"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := refusal(t, c.err); got != c.want {
				t.Errorf("refused at %q, want %q (%v)", got, c.want, c.err)
			}
		})
	}
}

// The bound is on the JSON, in which quotes and line ends take two bytes (CONTRACT 1.6).
func TestMetadataIsBoundedAsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOfN(rapid.StringMatching(`[a-z"<é]{0,20}`), rapid.StringMatching(`[a-z"\\\n<>&é]{0,700}`), 0, 12).Draw(t, "metadata")
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(m); err != nil {
			t.Fatal(err)
		}
		size := len(strings.TrimSuffix(b.String(), "\n"))
		if err := checkMetadata("metadata", m); (err != nil) != (size > 4096) {
			t.Fatalf("metadata of %d bytes: %v", size, err)
		}
	})
	for n, want := range map[int]bool{4096 - len(`{"k":""}`): true, 4097 - len(`{"k":""}`): false} {
		if err := checkMetadata("metadata", map[string]string{"k": strings.Repeat("v", n)}); (err == nil) != want {
			t.Errorf("a value of %d bytes: %v", n, err)
		}
	}
	if checkMetadata("metadata", map[string]string{"k": strings.Repeat(`"`, 3000)}) == nil {
		t.Error("3,000 quotes, which are 6,000 bytes of JSON, are accepted")
	}
	if checkMetadata("metadata", map[string]string{"a\x00": ""}) == nil || checkMetadata("metadata", map[string]string{"a": "\xff"}) == nil {
		t.Error("control characters or broken UTF-8 are accepted")
	}
}

func TestHeadersAreChecked(t *testing.T) {
	one := func(name, value string) map[string]string { return map[string]string{name: value} }
	many := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprint("X-", i)] = "v"
		}
		return m
	}
	for _, c := range []struct {
		name    string
		headers map[string]string
		want    bool
	}{
		{"none", nil, true},
		{"own", one("X-Own", "v; q=\"1\"\tä"), true},
		{"authorization", one("Authorization", "Bearer x"), true},
		{"cookie", one("cookie", "a=b"), true},
		{"empty value", one("X-A", ""), true},
		{"value of 4096", one("X-A", strings.Repeat("v", 4096)), true},
		{"value of 4097", one("X-A", strings.Repeat("v", 4097)), false},
		{"50", many(50), true},
		{"51", many(51), false},
		{"line end in the value", one("X-A", "a\r\nX-B: c"), false},
		{"bare line feed", one("X-A", "a\nb"), false},
		{"NUL", one("X-A", "a\x00b"), false},
		{"DEL", one("X-A", "a\x7fb"), false},
		{"space before", one("X-A", " a"), false},
		{"space after", one("X-A", "a "), false},
		{"no name", one("", "a"), false},
		{"space in the name", one("X A", "a"), false},
		{"colon in the name", one("X:A", "a"), false},
		{"line end in the name", one("X-A\r\n", "a"), false},
		{"name not ASCII", one("X-é", "a"), false},
		{"name of 257", one(strings.Repeat("a", 257), "a"), false},
		{"twice in different case", map[string]string{"X-A": "1", "x-a": "2"}, false},
		{"prefix x-hookloft-", one("X-Hookloft-Source", "a"), false},
		{"prefix webhook-", one("Webhook-Id", "a"), false},
		{"prefix svix-", one("SVIX-ID", "a"), false},
		{"prefix x-amz-", one("X-Amz-Date", "a"), false},
		{"prefix x-google", one("X-Googlebot", "a"), false},
		{"not a prefix", one("X-Amazing", "a"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckHeaders("headers", c.headers)
			if (refusal(t, err) == "") != c.want {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "X-B: c") {
				t.Error("the error shows a value")
			}
		})
	}
	// CONTRACT 1.13, and section 0 for host and connection.
	for _, name := range strings.Fields(`user-agent keep-alive proxy-authenticate proxy-authorization te trailers transfer-encoding upgrade age
		cache-control clear-site-data expires pragma warning content-length content-type content-encoding content-language content-location host connection`) {
		for _, name := range []string{name, strings.ToUpper(name)} {
			if CheckHeaders("headers", one(name, "v")) == nil {
				t.Errorf("%s is accepted", name)
			}
		}
	}
	for name, want := range map[string]bool{"X-Api-Key": true, "authorization": true, "WWW-Authenticate": true, "x-auth-token": true, "X-Own": false, "": false, "authorization x-api-key": false} {
		if IsSensitiveHeader(name) != want {
			t.Errorf("IsSensitiveHeader(%q) is not %v", name, want)
		}
	}
}

func TestEventTypeIsVisible(t *testing.T) {
	for _, c := range []struct {
		name       string
		own, token []string
		want       bool
	}{
		{"no flag on the type", nil, []string{"a"}, true},
		{"token without the restriction", []string{"a"}, nil, true},
		{"token with no flag", []string{"a"}, []string{}, false},
		{"flags meet", []string{"a", "b"}, []string{"c", "b"}, true},
		{"flags do not meet", []string{"a"}, []string{"b"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (&EventType{FeatureFlags: c.own}).VisibleTo(c.token); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestTokenRights(t *testing.T) {
	now := time.Now()
	api := Token{}
	portal := Token{Application: 1, Capabilities: []Capability{ViewBase}}
	for _, c := range AllCapabilities() {
		if !api.Can(c) {
			t.Errorf("an API token may not %s", c)
		}
		if portal.Can(c) != (c == ViewBase) {
			t.Errorf("a portal token that may view: %s is %v", c, portal.Can(c))
		}
	}
	for _, c := range []struct {
		at   time.Time
		want bool
	}{{time.Time{}, false}, {now.Add(time.Nanosecond), false}, {now, true}, {now.Add(-time.Hour), true}} {
		if got := (&Token{ExpiresAt: c.at}).Expired(now); got != c.want {
			t.Errorf("expires at %v: %v", c.at, got)
		}
	}
}

func TestMessageContent(t *testing.T) {
	now := time.Now()
	m := Message{Payload: []byte("{}")}
	if string(m.Body()) != "{}" || !m.HasContent(now) {
		t.Error("a payload is not the body")
	}
	m.RawBody = []byte{}
	if diff := cmp.Diff([]byte{}, m.Body()); diff != "" {
		t.Errorf("an empty raw body is not sent:\n%s", diff)
	}
	m.ContentExpiresAt = now
	if m.HasContent(now) || !m.HasContent(now.Add(-1)) {
		t.Error("content does not expire at its time")
	}
	if (&Message{Expunged: true}).HasContent(now) {
		t.Error("expunged content is there")
	}
	at := time.UnixMilli(1_800_000_000_123).UTC()
	if got := (&Message{ID: MessageID(KeyAt(at) + 7)}).Time(); !got.Equal(at) {
		t.Errorf("time is %v", got)
	}
}

func TestErrorKinds(t *testing.T) {
	wrapped := fmt.Errorf("create: %w", Errorf(Conflict, "uid %s is taken", "x"))
	field := fmt.Errorf("check: %w", Fieldf("url", "must be better"))
	for _, c := range []struct {
		err  error
		want Kind
	}{{nil, Internal}, {errors.New("x"), Internal}, {wrapped, Conflict}, {field, Invalid}, {&FieldError{Text: "x"}, Invalid}} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("kind of %v is %d, want %d", c.err, got, c.want)
		}
	}
}

func FuzzRules(f *testing.F) {
	f.Add("a", "b")
	f.Add("\xff\x00", "é ")
	f.Fuzz(func(t *testing.T, a, b string) {
		// Whatever comes in, a rule answers with a field error or nothing.
		refusal(t, CheckName("f", a))
		refusal(t, CheckEventTypeName("f", a))
		refusal(t, CheckChannels("f", []string{a, b}))
		refusal(t, CheckHeaders("f", map[string]string{a: b}))
		refusal(t, checkMetadata("f", map[string]string{a: b}))
		refusal(t, checkUID("f", "app", a))
		if CheckHeaders("f", map[string]string{a: b}) == nil && strings.ContainsAny(a+b, "\r\n\x00") {
			t.Errorf("header %q: %q could add a line", a, b)
		}
	})
}

func TestConnectionHeadersAreKnownInAnyCase(t *testing.T) {
	for name, want := range map[string]bool{
		"Connection": true, "te": true, "TE": true, "Proxy-Authorization": true, "HTTP2-Settings": true, "content-TYPE": true,
		"": false, "T": false, "Content-Encoding": false, "Proxy-Authorization2": false, "Content@Type": false, "[ost": false, "X-Request-Id": false,
	} {
		if got := IsConnectionHeader(name); got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { IsConnectionHeader("Proxy-Authorization") }); n != 0 {
		t.Errorf("%v allocations for a header", n)
	}
}
