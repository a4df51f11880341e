package seed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestMessagesAreTheSameEachTime: what is looked for in one seeded store is found in the next.
func TestMessagesAreTheSameEachTime(t *testing.T) {
	count := map[string]int{}
	for n := range burst {
		a, b := eventAt(n), eventAt(n)
		if a.app != b.app || a.in.EventType != b.in.EventType || !bytes.Equal(a.in.Payload, b.in.Payload) || !slices.Equal(a.in.Tags, b.in.Tags) {
			t.Fatalf("message %d differs", n)
		}
		if !json.Valid(a.in.Payload) {
			t.Fatalf("message %d is not JSON: %s", n, a.in.Payload)
		}
		count[a.app]++
	}
	for _, a := range applications {
		if got, want := count[a.uid], burst*a.share/100; got < want*8/10 || got > want*12/10 {
			t.Errorf("%s gets %d messages, not about %d", a.uid, got, want)
		}
	}
	if e := eventAt(largeAt); len(e.in.Payload) < 150<<10 || len(e.in.Payload) > 250<<10 {
		t.Errorf("the large payload has %d bytes", len(e.in.Payload))
	}
}

// TestSomeOrderIs123: the search for order.id = 123 that the documents show finds something.
func TestSomeOrderIs123(t *testing.T) {
	for n := range burst {
		if strings.Contains(string(eventAt(n).in.Payload), `{"order":{"id":123,`) {
			return
		}
	}
	t.Error("no order 123")
}

// TestTablesFitTogether finds slips of the pen that would fail a seeding, or hide a part of it.
func TestTablesFitTogether(t *testing.T) {
	shares := 0
	seen := map[string]bool{}
	for _, a := range applications {
		shares += a.share
		for _, name := range a.types {
			if len(below([]string{name})) == 0 {
				t.Errorf("%s: no event type is %s", a.uid, name)
			}
		}
		for _, e := range a.endpoints {
			key := a.uid + "/" + e.uid
			if seen[key] || seen[e.path+string(e.is)] {
				t.Errorf("%s: twice", key)
			}
			seen[key], seen[e.path+string(e.is)] = true, true
			for _, name := range e.types {
				if len(below([]string{name})) == 0 {
					t.Errorf("%s: no event type is %s", key, name)
				}
				if !slices.ContainsFunc(below(a.types), func(et eventType) bool { return slices.Contains(namesOf(below([]string{name})), et.name) }) {
					t.Errorf("%s never gets %s", key, name)
				}
			}
		}
	}
	if shares != 100 {
		t.Errorf("the shares are %d in all", shares)
	}
	for _, et := range eventTypes {
		if _, err := et.versions(); err != nil {
			t.Error(err)
		}
	}
	for _, s := range sources {
		for n := range 2 * perSource {
			if _, body := s.request(n); !json.Valid([]byte(body)) {
				t.Errorf("%s: %s", s.uid, body)
			}
		}
	}
	if n := Counts(); fmt.Sprint(n) != "{8 31 23 4 2000}" {
		t.Errorf("%+v: the documents and tests say otherwise", n)
	}
}
