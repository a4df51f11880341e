//go:build unix

package compat

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"

	"github.com/hookloft/hookloft/test/rig"
)

type request struct {
	header http.Header
	body   []byte
}

// receive starts a receiver whose requests arrive on the channel; status is what it answers.
func receive(t *testing.T, status *atomic.Int32) (string, <-chan request) {
	t.Helper()
	got := make(chan request, 64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read delivery: %v", err)
		}
		w.WriteHeader(int(status.Load()))
		got <- request{r.Header.Clone(), body}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func next(t *testing.T, got <-chan request, id string) request {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case r := <-got:
			if r.header.Get("Webhook-Id") == id {
				return r
			}
		case <-deadline:
			t.Fatalf("no delivery of %s within a minute", id)
		}
	}
}

// eventually fails the test unless holds becomes true within the time.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("gave up waiting for %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestGoClient takes the published Go client through create, publish, receive,
// verify, list, rotate, recover and delete.
func TestGoClient(t *testing.T) {
	ctx := t.Context()
	s := rig.Start(t, rig.Options{})
	base, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	client, err := svix.New(s.Token, &svix.SvixOptions{ServerUrl: base})
	if err != nil {
		t.Fatal(err)
	}
	var status atomic.Int32
	status.Store(http.StatusOK)
	hookURL, got := receive(t, &status)

	if _, err := client.EventType.Create(ctx, models.EventTypeIn{Name: "invoice.paid", Description: "paid"}, nil); err != nil {
		t.Fatal("create event type:", err)
	}
	uid := "go-client"
	app, err := client.Application.Create(ctx, models.ApplicationIn{Name: "Acme", Uid: &uid}, nil)
	if err != nil {
		t.Fatal("create application:", err)
	}
	ep, err := client.Endpoint.Create(ctx, app.Id, models.EndpointIn{Url: hookURL, FilterTypes: []string{"invoice.paid"}}, nil)
	if err != nil {
		t.Fatal("create endpoint:", err)
	}
	if ep.Channels != nil {
		t.Errorf("channels of an endpoint without any = %v, want nil", ep.Channels)
	}

	msg, err := client.Message.Create(ctx, uid, models.MessageIn{EventType: "invoice.paid", Payload: map[string]any{"n": 1}}, nil)
	if err != nil {
		t.Fatal("publish:", err)
	}
	secret, err := client.Endpoint.GetSecret(ctx, uid, ep.Id)
	if err != nil {
		t.Fatal("get secret:", err)
	}
	wh, err := svix.NewWebhook(secret.Key)
	if err != nil {
		t.Fatal(err)
	}
	r := next(t, got, msg.Id)
	if err := wh.Verify(r.body, r.header); err != nil {
		t.Error("verify a genuine delivery:", err)
	}
	if err := wh.Verify(append(r.body, ' '), r.header); err == nil {
		t.Error("a changed body verified")
	}

	if err := client.Endpoint.RotateSecret(ctx, uid, ep.Id, models.EndpointSecretRotateIn{}, nil); err != nil {
		t.Fatal("rotate:", err)
	}
	msg2, err := client.Message.Create(ctx, uid, models.MessageIn{EventType: "invoice.paid", Payload: map[string]any{"n": 2}}, nil)
	if err != nil {
		t.Fatal("publish:", err)
	}
	r = next(t, got, msg2.Id)
	if err := wh.Verify(r.body, r.header); err != nil {
		t.Error("the old secret must verify during the grace period:", err)
	}

	status.Store(http.StatusServiceUnavailable)
	since := time.Now().Add(-time.Second)
	msg3, err := client.Message.Create(ctx, uid, models.MessageIn{EventType: "invoice.paid", Payload: map[string]any{"n": 3}}, nil)
	if err != nil {
		t.Fatal("publish:", err)
	}
	next(t, got, msg3.Id)
	status.Store(http.StatusOK)
	if _, err := client.MessageAttempt.Resend(ctx, uid, msg3.Id, ep.Id, nil); err != nil {
		t.Fatal("resend:", err)
	}
	next(t, got, msg3.Id)
	task, err := client.Endpoint.Recover(ctx, uid, ep.Id, models.RecoverIn{Since: since}, nil)
	if err != nil {
		t.Fatal("recover:", err)
	}
	eventually(t, time.Minute, "the recover task to finish", func() bool {
		out, err := client.BackgroundTask.Get(ctx, task.Id)
		return err == nil && out.Status == models.BACKGROUNDTASKSTATUS_FINISHED
	})

	eventually(t, time.Minute, "all attempts to be listed", func() bool {
		list, err := client.MessageAttempt.ListByEndpoint(ctx, uid, ep.Id, nil)
		if err != nil {
			t.Fatal("list attempts:", err)
		}
		return len(list.Data) >= 4 // a retry may come before the resend
	})

	if err := client.Endpoint.Delete(ctx, uid, ep.Id); err != nil {
		t.Fatal("delete endpoint:", err)
	}
	var svixErr *svix.Error
	if _, err := client.Endpoint.Get(ctx, uid, ep.Id); !errors.As(err, &svixErr) || svixErr.Status() != http.StatusNotFound {
		t.Errorf("get a deleted endpoint: %v, want 404", err)
	}
	if err := client.Application.Delete(ctx, uid); err != nil {
		t.Fatal("delete application:", err)
	}
}
