package webhook

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestBatchesAreWholeOrNotSplit: who splits a request into its events must not lose those
// that were not read, so that there are none then and the request stays one.
func TestBatchesAreWholeOrNotSplit(t *testing.T) {
	deep := strings.Repeat("[", 600) + strings.Repeat("]", 600)
	many := func(n int) string { return strings.TrimSuffix(strings.Repeat(`{"id":"1","source":"s"},`, n), ",") }
	for _, c := range []struct {
		name, provider, body, why string
		want                      int
	}{
		{"two", "cloudevents", "[" + many(2) + "]", "", 2},
		{"none", "cloudevents", "[]", "", 0},
		{"as many as may be", "cloudevents", "[" + many(maxEvents) + "]\r\n", "", maxEvents},
		{"too many", "cloudevents", "[" + many(maxEvents+1) + "]", "the rest would be lost", 0},
		{"a deep one between", "cloudevents", "[" + many(1) + `,{"id":"2","data":` + deep + "}," + many(1) + "]", "that one and the last would be lost", 0},
		{"broken off", "cloudevents", "[" + many(2), "", 0},
		{"one that is broken", "cloudevents", "[" + many(1) + `,{"id":]` + many(1) + "]", "", 0},
		{"no comma", "cloudevents", "[" + many(1) + many(1) + "]", "", 0},
		{"two arrays", "cloudevents", "[" + many(1) + "]\n[" + many(1) + "]", "the second would be lost", 0},
		{"in a form", "papertrail", "payload=" + url.QueryEscape(`{"events":[`+many(2)+`]}`), "", 2},
		{"too many in a form", "papertrail", "payload=" + url.QueryEscape(`{"events":[`+many(maxEvents+1)+`]}`), "", 0},
		{"entries", "meta", `{"entry":[` + many(2) + `]}`, "", 2},
		{"too many entries", "meta", `{"entry":[` + many(maxEvents+1) + `]}`, "", 0},
		{"no comma between entries", "meta", `{"entry":[` + many(1) + many(1) + `]}`, "", 0},
		{"two arrays", "twitter", `{"user":{"a":[1]},"for_user_id":"1","a":[` + many(1) + `],"b":[` + many(1) + `]}`, "", 2},
		{"too many in two arrays", "twitter", `{"a":[` + many(maxEvents) + `],"b":[` + many(1) + `]}`, "", 0},
		{"a broken second array", "twitter", `{"a":[` + many(1) + `],"b":[` + many(1) + many(1) + `]}`, "", 0},
		{"no array", "twitter", `{"a":{}}`, "", 0},
	} {
		t.Run(c.provider+" "+c.name, func(t *testing.T) {
			config := Config{Secrets: []string{"secret"}}
			if slices.Contains([]string{"cloudevents", "papertrail"}, c.provider) {
				config = Config{Settings: map[string]string{"mode": "none"}}
			}
			v := mustProvider(t, c.provider, config)
			r := Request{Method: "POST", URL: "https://in.example.test/", Header: map[string][]string{}, Body: []byte(c.body)}
			if len(config.Secrets) > 0 {
				if err := Sign(c.provider, config, &r, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			got, err := v.Verify(r, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Events) != c.want {
				t.Errorf("%d events, want %d (%s)", len(got.Events), c.want, c.why)
			}
			if c.want == 0 && c.provider != "papertrail" && got.ID != "" {
				t.Errorf("id %q: it would be that of what was read", got.ID)
			}
		})
	}
}

// TestItemsThatAreNotSeenAreNotGenuine: each item of these batches proves itself.
func TestItemsThatAreNotSeenAreNotGenuine(t *testing.T) {
	v := mustProvider(t, "microsoft-graph", Config{Secrets: []string{"state"}})
	item := `{"clientState":"state","id":"1"}`
	for body, ok := range map[string]bool{
		`{"value":[` + item + `]}`:                     true,
		`{"value":[` + item + `,{"id":"2"}]}`:          false,
		`{"value":[` + item + `,{"clientState":"x"}]}`: false,
		`{"value":[]}`:                                   false,
		`{"value":` + item + `}`:                         false,
		fmt.Sprintf(`{"value":[%s,%s]}`, item, item):     true,
		fmt.Sprintf(`{"value":[%s]}{"value":[]}`, item):  false,
		fmt.Sprintf(`{"value":[%s],"value":null}`, item): true, // the first counts
	} {
		if _, err := v.Verify(Request{Method: "POST", Body: []byte(body)}, time.Now()); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}
