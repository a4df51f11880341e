//go:build unix

package compat

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
	"github.com/svix/svix-webhooks/go/utils"

	"github.com/hookloft/hookloft/test/rig"
)

// TestGoOperations calls every operation of the published Go client that is served once; the
// client parses each answer and fails on a required field that is missing.
func TestGoOperations(t *testing.T) {
	ctx := t.Context()
	s := rig.Start(t, rig.Options{})
	base, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c, err := svix.New(s.Token, &svix.SvixOptions{ServerUrl: base})
	if err != nil {
		t.Fatal(err)
	}
	var status atomic.Int32
	status.Store(http.StatusOK)
	hookURL, got := receive(t, &status)
	calls := 0
	ok := func(name string, err error) {
		t.Helper()
		calls++
		var e *svix.Error
		if errors.As(err, &e) {
			t.Fatalf("%s: %v: %s", name, err, e.Body())
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	// later is for what a version may not serve yet.
	later := func(name string, err error) bool {
		t.Helper()
		var e *svix.Error
		if errors.As(err, &e) && e.Status() == http.StatusNotImplemented {
			t.Logf("%s answers 501", name)
			return true
		}
		ok(name, err)
		return false
	}
	text := func(v string) *string { return &v }
	since := time.Now().Add(-time.Minute)
	schemas := map[string]any{"1": map[string]any{"type": "object", "examples": []any{map[string]any{"a": 1}}}}

	_, err = c.EventType.Create(ctx, models.EventTypeIn{Name: "a.b", Description: "d", Schemas: &schemas}, nil)
	ok("EventType.Create", err)
	_, err = c.EventType.Update(ctx, "a.b", models.EventTypeUpdate{Description: "e", Schemas: &schemas})
	ok("EventType.Update", err)
	_, err = c.EventType.Patch(ctx, "a.b", models.EventTypePatch{Description: text("f")})
	ok("EventType.Patch", err)
	typ, err := c.EventType.Get(ctx, "a.b")
	ok("EventType.Get", err)
	if typ.Description != "f" {
		t.Errorf("event type %+v", typ)
	}
	types, err := c.EventType.List(ctx, nil)
	ok("EventType.List", err)
	if len(types.Data) != 1 {
		t.Errorf("event types %+v", types)
	}
	spec := map[string]any{"openapi": "3.1.0", "info": map[string]any{"title": "t", "version": "1"}, "paths": map[string]any{}, "webhooks": map[string]any{}}
	dryRun := true
	_, err = c.EventType.ImportOpenapi(ctx, models.EventTypeImportOpenApiIn{Spec: &spec, DryRun: &dryRun}, nil)
	later("EventType.ImportOpenapi", err)
	exported, err := c.Environment.Export(ctx, nil)
	if !later("Environment.Export", err) && len(exported.EventTypes) != 1 {
		t.Errorf("export %+v", exported)
	}
	later("Environment.Import", c.Environment.Import(ctx, models.EnvironmentIn{}, nil))

	app, err := c.Application.Create(ctx, models.ApplicationIn{Name: "n", Uid: text("go")}, nil)
	ok("Application.Create", err)
	_, err = c.Application.GetOrCreate(ctx, models.ApplicationIn{Name: "n", Uid: text("go")}, nil)
	ok("Application.GetOrCreate", err)
	_, err = c.Application.Update(ctx, "go", models.ApplicationIn{Name: "m", Uid: text("go")})
	ok("Application.Update", err)
	_, err = c.Application.Patch(ctx, "go", models.ApplicationPatch{Name: text("o")})
	ok("Application.Patch", err)
	same, err := c.Application.Get(ctx, "go")
	ok("Application.Get", err)
	if same.Id != app.Id || same.Name != "o" {
		t.Errorf("application %+v", same)
	}
	_, err = c.Application.List(ctx, nil)
	ok("Application.List", err)

	ep, err := c.Endpoint.Create(ctx, "go", models.EndpointIn{Url: hookURL, Uid: text("e")}, nil)
	ok("Endpoint.Create", err)
	_, err = c.Endpoint.Update(ctx, "go", "e", models.EndpointUpdate{Url: hookURL, Uid: text("e")})
	ok("Endpoint.Update", err)
	_, err = c.Endpoint.Patch(ctx, "go", "e", models.EndpointPatch{Description: text("d")})
	ok("Endpoint.Patch", err)
	_, err = c.Endpoint.Get(ctx, "go", "e")
	ok("Endpoint.Get", err)
	_, err = c.Endpoint.List(ctx, "go", nil)
	ok("Endpoint.List", err)
	ok("Endpoint.UpdateHeaders", c.Endpoint.UpdateHeaders(ctx, "go", "e", models.EndpointHeadersIn{Headers: map[string]string{"X-A": "b"}}))
	ok("Endpoint.PatchHeaders", c.Endpoint.PatchHeaders(ctx, "go", "e", models.EndpointHeadersPatchIn{Headers: map[string]string{"X-B": "c"}}))
	headers, err := c.Endpoint.GetHeaders(ctx, "go", "e")
	ok("Endpoint.GetHeaders", err)
	if len(headers.Headers) != 2 {
		t.Errorf("headers %+v", headers)
	}
	ok("Endpoint.RotateSecret", c.Endpoint.RotateSecret(ctx, "go", "e", models.EndpointSecretRotateIn{}, nil))
	_, err = c.Endpoint.GetSecret(ctx, "go", "e")
	ok("Endpoint.GetSecret", err)
	_, err = c.Endpoint.SendExample(ctx, "go", "e", models.EventExampleIn{EventType: "a.b"}, nil)
	ok("Endpoint.SendExample", err)

	msg, err := c.Message.Create(ctx, "go", models.MessageIn{EventType: "a.b", Payload: map[string]any{"a": 1}, Tags: []string{"t"}}, nil)
	ok("Message.Create", err)
	next(t, got, msg.Id)
	_, err = c.Message.Precheck(ctx, "go", models.MessagePrecheckIn{EventType: "a.b"}, nil)
	ok("Message.Precheck", err)
	_, err = c.Message.Get(ctx, "go", msg.Id, nil)
	ok("Message.Get", err)
	_, err = c.Message.List(ctx, "go", nil)
	ok("Message.List", err)
	var attempt models.MessageAttemptOut
	eventually(t, time.Minute, "an attempt", func() bool {
		list, err := c.MessageAttempt.ListByMsg(ctx, "go", msg.Id, nil)
		if err != nil {
			t.Fatal("MessageAttempt.ListByMsg:", err)
		}
		if len(list.Data) == 0 {
			return false
		}
		attempt = list.Data[0]
		return true
	})
	ok("MessageAttempt.ListByMsg", nil)
	_, err = c.MessageAttempt.Get(ctx, "go", msg.Id, attempt.Id, nil)
	ok("MessageAttempt.Get", err)
	_, err = c.MessageAttempt.ListByEndpoint(ctx, "go", "e", nil)
	ok("MessageAttempt.ListByEndpoint", err)
	_, err = c.MessageAttempt.ListAttemptedMessages(ctx, "go", "e", nil)
	ok("MessageAttempt.ListAttemptedMessages", err)
	destinations, err := c.MessageAttempt.ListAttemptedDestinations(ctx, "go", msg.Id, nil)
	ok("MessageAttempt.ListAttemptedDestinations", err)
	if len(destinations.Data) != 1 || destinations.Data[0].Id != ep.Id {
		t.Errorf("destinations %+v", destinations)
	}
	_, err = c.MessageAttempt.Resend(ctx, "go", msg.Id, "e", nil)
	ok("MessageAttempt.Resend", err)
	_, err = c.Endpoint.GetStats(ctx, "go", "e", nil)
	ok("Endpoint.GetStats", err)

	recovered, err := c.Endpoint.Recover(ctx, "go", "e", models.RecoverIn{Since: since}, nil)
	ok("Endpoint.Recover", err)
	missing, err := c.Endpoint.ReplayMissing(ctx, "go", "e", models.ReplayIn{Since: since}, nil)
	ok("Endpoint.ReplayMissing", err)
	bulk, err := c.Endpoint.BulkReplay(ctx, "go", "e", models.BulkReplayIn{Since: since, Tag: text("t")}, nil)
	ok("Endpoint.BulkReplay", err)
	usage, err := c.Statistics.AggregateAppStats(ctx, models.AppUsageStatsIn{Since: since, Until: time.Now()}, nil)
	ok("Statistics.AggregateAppStats", err)
	byType, err := c.Statistics.AggregateEventTypes(ctx)
	ok("Statistics.AggregateEventTypes", err)
	purge, err := c.Message.ExpungeAllContents(ctx, "go", nil)
	ok("Message.ExpungeAllContents", err)
	for _, id := range []string{recovered.Id, missing.Id, bulk.Id, usage.Id, byType.Id, purge.Id} {
		eventually(t, time.Minute, "task "+id, func() bool {
			task, err := c.BackgroundTask.Get(ctx, id)
			return err == nil && task.Status == models.BACKGROUNDTASKSTATUS_FINISHED
		})
	}
	ok("BackgroundTask.Get", nil)
	tasks, err := c.BackgroundTask.List(ctx, nil)
	ok("BackgroundTask.List", err)
	if len(tasks.Data) != 6 {
		t.Errorf("tasks %+v", tasks)
	}
	ok("MessageAttempt.ExpungeContent", c.MessageAttempt.ExpungeContent(ctx, "go", msg.Id, attempt.Id))
	ok("Message.ExpungeContent", c.Message.ExpungeContent(ctx, "go", msg.Id))

	goOperational(ctx, ok, c, hookURL)
	goIngest(ctx, ok, c, hookURL)
	goConnectors(t, ok, c)

	integration, err := c.Integration.Create(ctx, "go", models.IntegrationIn{Name: "n"}, nil)
	ok("Integration.Create", err)
	_, err = c.Integration.Update(ctx, "go", integration.Id, models.IntegrationUpdate{Name: "m"})
	ok("Integration.Update", err)
	_, err = c.Integration.Get(ctx, "go", integration.Id)
	ok("Integration.Get", err)
	_, err = c.Integration.List(ctx, "go", nil)
	ok("Integration.List", err)
	_, err = c.Integration.RotateKey(ctx, "go", integration.Id, nil)
	ok("Integration.RotateKey", err)
	_, err = c.Integration.GetKey(ctx, "go", integration.Id) //nolint:staticcheck // older users call it
	ok("Integration.GetKey", err)
	ok("Integration.Delete", c.Integration.Delete(ctx, "go", integration.Id))

	access, err := c.Authentication.AppPortalAccess(ctx, "go", models.AppPortalAccessIn{}, nil)
	ok("Authentication.AppPortalAccess", err)
	_, err = c.Authentication.DashboardAccess(ctx, "go", nil) //nolint:staticcheck // older users call it
	ok("Authentication.DashboardAccess", err)
	portal, err := svix.New(access.Token, &svix.SvixOptions{ServerUrl: base})
	if err != nil {
		t.Fatal(err)
	}
	ok("Authentication.Logout", portal.Authentication.Logout(ctx, nil))
	ok("Authentication.ExpireAll", c.Authentication.ExpireAll(ctx, "go", models.ApplicationTokenExpireIn{}, nil))
	ok("Endpoint.Delete", c.Endpoint.Delete(ctx, "go", "e"))
	ok("Application.Delete", c.Application.Delete(ctx, "go"))
	ok("EventType.Delete", c.EventType.Delete(ctx, "a.b", nil))
	t.Logf("Go client: %d operations called and parsed", calls)
}

func goOperational(ctx context.Context, ok func(string, error), c *svix.Svix, hookURL string) {
	api := c.OperationalWebhook.Endpoint
	ep, err := api.Create(ctx, models.OperationalWebhookEndpointIn{Url: hookURL}, nil)
	ok("OperationalWebhook.Endpoint.Create", err)
	_, err = api.Update(ctx, ep.Id, models.OperationalWebhookEndpointUpdate{Url: hookURL})
	ok("OperationalWebhook.Endpoint.Update", err)
	_, err = api.Get(ctx, ep.Id)
	ok("OperationalWebhook.Endpoint.Get", err)
	_, err = api.List(ctx, nil)
	ok("OperationalWebhook.Endpoint.List", err)
	ok("OperationalWebhook.Endpoint.UpdateHeaders", api.UpdateHeaders(ctx, ep.Id, models.OperationalWebhookEndpointHeadersIn{Headers: map[string]string{"X-A": "b"}}))
	_, err = api.GetHeaders(ctx, ep.Id)
	ok("OperationalWebhook.Endpoint.GetHeaders", err)
	ok("OperationalWebhook.Endpoint.RotateSecret", api.RotateSecret(ctx, ep.Id, models.OperationalWebhookEndpointSecretIn{}, nil))
	_, err = api.GetSecret(ctx, ep.Id)
	ok("OperationalWebhook.Endpoint.GetSecret", err)
	ok("OperationalWebhook.Endpoint.Delete", api.Delete(ctx, ep.Id))
}

func goIngest(ctx context.Context, ok func(string, error), c *svix.Svix, hookURL string) {
	in := models.IngestSourceIn{Name: "Source", Type: models.IngestSourceInTypeGenericWebhook}
	src, err := c.Ingest.Source.Create(ctx, in, nil)
	ok("Ingest.Source.Create", err)
	_, err = c.Ingest.Source.Update(ctx, src.Id, in)
	ok("Ingest.Source.Update", err)
	_, err = c.Ingest.Source.Get(ctx, src.Id)
	ok("Ingest.Source.Get", err)
	_, err = c.Ingest.Source.List(ctx, nil)
	ok("Ingest.Source.List", err)
	_, err = c.Ingest.Source.RotateToken(ctx, src.Id, nil)
	ok("Ingest.Source.RotateToken", err)
	_, err = c.Ingest.Dashboard(ctx, src.Id, models.IngestSourceConsumerPortalAccessIn{}, nil)
	ok("Ingest.Dashboard", err)
	api := c.Ingest.Endpoint
	ep, err := api.Create(ctx, src.Id, models.IngestEndpointIn{Url: hookURL}, nil)
	ok("Ingest.Endpoint.Create", err)
	_, err = api.Update(ctx, src.Id, ep.Id, models.IngestEndpointUpdate{Url: hookURL})
	ok("Ingest.Endpoint.Update", err)
	_, err = api.Get(ctx, src.Id, ep.Id)
	ok("Ingest.Endpoint.Get", err)
	_, err = api.List(ctx, src.Id, nil)
	ok("Ingest.Endpoint.List", err)
	ok("Ingest.Endpoint.UpdateHeaders", api.UpdateHeaders(ctx, src.Id, ep.Id, models.IngestEndpointHeadersIn{Headers: map[string]string{"X-A": "b"}}))
	_, err = api.GetHeaders(ctx, src.Id, ep.Id)
	ok("Ingest.Endpoint.GetHeaders", err)
	ok("Ingest.Endpoint.RotateSecret", api.RotateSecret(ctx, src.Id, ep.Id, models.IngestEndpointSecretIn{}, nil))
	_, err = api.GetSecret(ctx, src.Id, ep.Id)
	ok("Ingest.Endpoint.GetSecret", err)
	code := utils.NewNullable(goScript)
	ok("Ingest.Endpoint.SetTransformation", api.SetTransformation(ctx, src.Id, ep.Id, models.IngestEndpointTransformationPatch{Code: code}))
	_, err = api.GetTransformation(ctx, src.Id, ep.Id)
	ok("Ingest.Endpoint.GetTransformation", err)
	ok("Ingest.Endpoint.Delete", api.Delete(ctx, src.Id, ep.Id))
	ok("Ingest.Source.Delete", c.Ingest.Source.Delete(ctx, src.Id))
}

// goScript is code that changes nothing.
const goScript = "function handler(webhook) { return webhook }"

// goConnectors calls what is about code of endpoints.
func goConnectors(t *testing.T, ok func(string, error), c *svix.Svix) {
	ctx, enabled := t.Context(), true
	in := models.EndpointTransformationPatch{Code: utils.NewNullable(goScript), Enabled: &enabled}
	ok("Endpoint.PatchTransformation", c.Endpoint.PatchTransformation(ctx, "go", "e", in))
	got, err := c.Endpoint.TransformationGet(ctx, "go", "e")
	ok("Endpoint.TransformationGet", err)
	if got.Code == nil || *got.Code != goScript || got.Enabled == nil || !*got.Enabled {
		t.Errorf("transformation %+v", got)
	}
	name := "Two"
	made, err := c.Connector.Create(ctx, models.ConnectorIn{Name: "One", Transformation: goScript}, nil)
	ok("Connector.Create", err)
	_, err = c.Connector.Update(ctx, made.Id, models.ConnectorUpdate{Name: &name, Transformation: goScript})
	ok("Connector.Update", err)
	_, err = c.Connector.Patch(ctx, made.Id, models.ConnectorPatch{Description: &name})
	ok("Connector.Patch", err)
	shown, err := c.Connector.Get(ctx, made.Id)
	ok("Connector.Get", err)
	if shown.Name != name || shown.Description != name || shown.Transformation != goScript {
		t.Errorf("connector %+v", shown)
	}
	list, err := c.Connector.List(ctx, nil)
	ok("Connector.List", err)
	if len(list.Data) != 1 {
		t.Errorf("connectors %+v", list.Data)
	}
	ok("Connector.Delete", c.Connector.Delete(ctx, made.Id))
}
