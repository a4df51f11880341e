package webhook

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// knownBy is what a receiver knows an event by; "" when nothing tells it from others.
func knownBy(id, key string) string {
	if key != "" {
		return key
	}
	return id
}

// TestKeysTellApartWhatIDsDoNot: two events with one id are two, and a retry of either is none.
func TestKeysTellApartWhatIDsDoNot(t *testing.T) {
	mandrillForm := func(events string) string { return "mandrill_events=" + url.QueryEscape(events) }
	papertrailForm := func(search string) string {
		return "payload=" + url.QueryEscape(`{"events":[{"id":7711561783320576}],"saved_search":{"id":`+search+`,"name":"n"},"min_id":"1","max_id":"2"}`)
	}
	for _, c := range []struct {
		name, provider, why  string
		first, second, retry string // bodies
	}{
		{"two subscriptions", "hubspot", "eventId is not unique",
			`[{"eventId":1,"subscriptionId":10,"occurredAt":1763668800000,"attemptNumber":0}]`,
			`[{"eventId":1,"subscriptionId":11,"occurredAt":1763668800000,"attemptNumber":0}]`,
			`[{"eventId":1,"subscriptionId":10,"occurredAt":1763668800000,"attemptNumber":1}]`},
		{"two times", "hubspot", "eventId is not unique",
			`[{"eventId":1,"occurredAt":1763668800000}]`, `[{"eventId":1,"occurredAt":1763668800001}]`,
			`[{"eventId":1,"occurredAt":1763668800000,"attemptNumber":3}]`},
		{"two batches", "hubspot", "ids that are equal in all",
			`[{"eventId":1,"subscriptionId":10},{"eventId":2,"subscriptionId":10}]`,
			`[{"eventId":1,"subscriptionId":10},{"eventId":2,"subscriptionId":11}]`,
			`[{"eventId":1,"subscriptionId":10,"attemptNumber":1},{"eventId":2,"subscriptionId":10,"attemptNumber":1}]`},
		{"two links", "mandrill", "a scanner clicks all links of a mail within one second",
			mandrillForm(`[{"event":"click","_id":"m","ts":1365109999,"url":"https://a.example/1"}]`),
			mandrillForm(`[{"event":"click","_id":"m","ts":1365109999,"url":"https://a.example/2"}]`),
			mandrillForm(`[{"url":"https://a.example/1","event":"click","_id":"m","ts":1365109999}]`)},
		{"two readers", "mandrill", "a mail to two people opened by both",
			mandrillForm(`[{"event":"open","_id":"m","ts":1365109999,"ip":"192.0.2.1"}]`),
			mandrillForm(`[{"event":"open","_id":"m","ts":1365109999,"ip":"192.0.2.2"}]`),
			mandrillForm(`[{"event":"open","_id":"m","ts":1365109999,"ip":"192.0.2.1"}]`)},
		{"two searches", "papertrail", "each line is news for each search that finds it",
			papertrailForm("41"), papertrailForm("42"), papertrailForm("41")},
		{"two recordings", "twilio", "reports of one call that have no status of it",
			"CallSid=CA1&RecordingSid=RE1&RecordingStatus=completed", "CallSid=CA1&RecordingSid=RE2&RecordingStatus=completed",
			"CallSid=CA1&RecordingSid=RE1&RecordingStatus=completed"},
	} {
		t.Run(c.provider+" "+c.name, func(t *testing.T) {
			known := func(body string) (request, event string) {
				v := verifySigned(t, c.provider, "/hook", nil, body)
				request = knownBy(v.ID, v.Key)
				for _, e := range v.Events {
					event += knownBy(e.ID, e.Key) + " "
				}
				return request, event
			}
			firstRequest, firstEvent := known(c.first)
			secondRequest, secondEvent := known(c.second)
			retryRequest, retryEvent := known(c.retry)
			if firstRequest == "" || firstRequest != retryRequest || firstEvent != retryEvent {
				t.Errorf("a retry is known by %q %q, the first by %q %q", retryRequest, retryEvent, firstRequest, firstEvent)
			}
			if firstRequest == secondRequest || firstEvent != "" && firstEvent == secondEvent {
				t.Errorf("both are known by %q %q (%s)", firstRequest, firstEvent, c.why)
			}
			if len(firstRequest) > 64 {
				t.Errorf("%q is longer than promised", firstRequest)
			}
		})
	}
}

// TestQuestionsOfACallAreNoDuplicates: a caller who presses a key twice asks twice.
func TestQuestionsOfACallAreNoDuplicates(t *testing.T) {
	for body, want := range map[string]string{
		"CallSid=CA1&CallStatus=ringing":                        "",
		"CallSid=CA1&CallStatus=in-progress&Digits=1":           "",
		"CallSid=CA1&CallStatus=completed&SequenceNumber=3":     "CA1:completed:3",
		"MessageSid=SM1&SmsStatus=received&Body=yes":            "SM1:received",
		"MessageSid=SM1&MessageStatus=delivered&SmsStatus=sent": "SM1:delivered",
	} {
		if v := verifySigned(t, "twilio", "/hook", nil, body); v.ID != want || v.Key != "" {
			t.Errorf("%s: id %q, key %q, want id %q alone", body, v.ID, v.Key, want)
		}
	}
	token := http.Header{"I-Twilio-Idempotency-Token": {"t1"}}
	if v := verifySigned(t, "twilio", "/hook", token, "CallSid=CA1&RecordingSid=RE1"); v.ID != "t1" || v.Key != "" {
		t.Errorf("with Twilio's own id: %q, key %q", v.ID, v.Key)
	}
	first := verifySigned(t, "twilio", "/hook?step=1", nil, "CallSid=CA1")
	if second := verifySigned(t, "twilio", "/hook?step=2", nil, "CallSid=CA1"); first.Key == second.Key {
		t.Error("two URLs are known by one key")
	}
}

// TestEqualBodiesMayBeNews: where a provider says different things in the same words and has
// no id, nothing is a duplicate.
func TestEqualBodiesMayBeNews(t *testing.T) {
	for name, want := range map[string]bool{
		"dropbox": true, "microsoft-graph": true, "papertrail": true, "twilio": true,
		// Nothing in the body says when; and a retry may pass, an event must not be lost.
		"plaid": true,
		// These never send anything twice, so that what is equal was done twice.
		"wordpress-com": true, "wp-webhooks": true,
		// Both try again and say nothing else about it; who sends equal news can add an id.
		"zapier": false, "generic": false,
		"mailchimp": false, // has the second in it
	} {
		p, ok := FindPreset(name)
		if !ok || p.BodyRepeats != want {
			t.Errorf("%s: BodyRepeats %v, want %v", name, p.BodyRepeats, want)
		}
	}
}

// TestHandlerKnowsDuplicatesByKey: the key comes before the id, and before IDShared.
func TestHandlerKnowsDuplicatesByKey(t *testing.T) {
	v := withPreset{func(r Request) (Verified, error) { return Verified{ID: "same", Key: string(r.Body[:1])}, nil }, Preset{IDShared: true}}
	s := serve(t, v, HandlerOptions{})
	for _, body := range []string{"a1", "a2", "b"} {
		s.send("POST", "/", nil, body, 200, "")
	}
	if len(s.got) != 2 {
		t.Errorf("%d messages, want 2", len(s.got))
	}
}

// verifySigned makes a request as a provider would, and verifies it.
func verifySigned(t *testing.T, provider, target string, h http.Header, body string) Verified {
	t.Helper()
	now := time.Unix(1763668800, 0)
	c := Config{Secrets: []string{"secret"}}
	r := Request{Method: "POST", URL: "https://in.example.test" + target, Header: h.Clone(), Body: []byte(body)}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if !strings.HasPrefix(body, "[") {
		r.Header.Set("Content-Type", formContent)
	}
	if err := Sign(provider, c, &r, now); err != nil {
		t.Fatal(err)
	}
	v, err := mustProvider(t, provider, c).Verify(r, now)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
