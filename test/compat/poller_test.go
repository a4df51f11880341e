//go:build unix

package compat

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"

	"github.com/hookloft/hookloft/test/rig"
)

// TestGoPoller fetches with the published Go client, which knows the first generation, and
// with the token of the polling endpoint alone.
func TestGoPoller(t *testing.T) {
	ctx := t.Context()
	s := rig.Start(t, rig.Options{})
	base, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	api := s.API()
	api.MustCreateApp(t, "go")
	must := func(method, path string, in any, out any) {
		t.Helper()
		status, text, err := api.Do(method, path, in)
		if err != nil || status/100 != 2 {
			t.Fatalf("%s %s: %d %s %v", method, path, status, text, err)
		}
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatal(err)
		}
	}
	var made struct{ ID string }
	var granted struct{ Token string }
	must("POST", "/api/v1/app/go/destination", map[string]string{"type": "pollingEndpoint", "uid": "feed"}, &made)
	must("GET", "/api/v1/auth/app/go/poller/feed/token", nil, &granted)
	c, err := svix.New(granted.Token, &svix.SvixOptions{ServerUrl: base})
	if err != nil {
		t.Fatal(err)
	}
	poller := c.Message.Poller
	first, err := poller.Poll(ctx, "go", made.ID, nil)
	if err != nil || len(first.Data) != 0 || first.Iterator == "" {
		t.Fatalf("first poll %+v, %v", first, err)
	}
	want := map[string]bool{}
	for range 5 {
		_, id, err := api.Publish("go", rig.MessageIn{EventType: "a.b", Payload: json.RawMessage(`{"a":1}`)})
		if err != nil {
			t.Fatal(err)
		}
		want[id] = true
	}
	limit := uint64(2)
	got := map[string]bool{}
	iterator := first.Iterator
	for deadline := time.Now().Add(time.Minute); len(got) < len(want); {
		page, err := poller.Poll(ctx, "go", made.ID, &svix.MessagePollerPollOptions{Limit: &limit, Iterator: &iterator})
		if err != nil || len(page.Data) > 2 || time.Now().After(deadline) {
			t.Fatalf("page %+v, %v, after %d messages", page, err, len(got))
		}
		for _, m := range page.Data {
			if !want[m.Id] || got[m.Id] || m.EventType != "a.b" || m.Payload["a"] != 1.0 || m.Timestamp.IsZero() {
				t.Fatalf("message %+v", m)
			}
			got[m.Id] = true
		}
		iterator = page.Iterator
	}
	all, err := poller.ConsumerPoll(ctx, "go", made.ID, "shop", nil)
	if err != nil || len(all.Data) != 5 || !all.Done {
		t.Fatalf("consumer %+v, %v", all, err)
	}
	again, err := poller.ConsumerPoll(ctx, "go", made.ID, "shop", &svix.MessagePollerConsumerPollOptions{Iterator: &all.Iterator})
	if err != nil || len(again.Data) != 0 {
		t.Fatalf("after the iterator %+v, %v", again, err)
	}
	if _, err := poller.ConsumerSeek(ctx, "go", made.ID, "shop", models.PollingEndpointConsumerSeekIn{After: time.Now().Add(-time.Hour)}, nil); err != nil {
		t.Fatal(err)
	}
	if again, err = poller.ConsumerPoll(ctx, "go", made.ID, "shop", nil); err != nil || len(again.Data) != 5 {
		t.Fatalf("after the seek %+v, %v", again, err)
	}
}
