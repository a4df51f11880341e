package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Hookloft is a client of its HTTP API with the few calls that this program makes.
type Hookloft struct {
	URL   string
	Token string
}

// The application and its endpoint by their uids: our own names for them.
const (
	application = "slack"
	channel     = "payments"
)

// connect makes sure that Slack is an endpoint of an application.
func (h Hookloft) connect(ctx context.Context, slackURL string) error {
	if slackURL == "" {
		return errors.New("SLACK_WEBHOOK_URL is empty: api.slack.com/apps, Incoming Webhooks")
	}
	app := map[string]string{"name": "Slack", "uid": application}
	status, err := h.call(ctx, http.MethodPost, "/api/v1/app?get_if_exists=true", app)
	if err := succeeded(status, err); err != nil {
		return fmt.Errorf("create application: %w", err)
	}
	// Slack takes about one message a second for each incoming webhook.
	endpoint := map[string]any{"url": slackURL, "uid": channel, "throttleRate": 1}
	status, err = h.call(ctx, http.MethodPost, "/api/v1/app/"+application+"/endpoint", endpoint)
	if status == http.StatusConflict { // it is there since an earlier start
		status, err = h.call(ctx, http.MethodPatch, "/api/v1/app/"+application+"/endpoint/"+channel, endpoint)
	}
	if err := succeeded(status, err); err != nil {
		return fmt.Errorf("create endpoint: %w", err)
	}
	return nil
}

// publish sends one message to Slack, once however often it is called with an id: the
// id is taken for a day, and so is an answer that got lost.
func (h Hookloft) publish(ctx context.Context, id, text string) error {
	status, err := h.call(ctx, http.MethodPost, "/api/v1/app/"+application+"/msg", map[string]any{
		"eventType": "payment.received",
		"eventId":   id,
		"payload":   map[string]string{"text": text}, // what Slack gets, byte for byte
	})
	if status == http.StatusConflict {
		return nil // published before
	}
	if err := succeeded(status, err); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

func succeeded(status int, err error) error {
	if err == nil && status/100 != 2 {
		return fmt.Errorf("status %d", status)
	}
	return err
}

// call returns the status of the answer; an error says that none came.
func (h Hookloft) call(ctx context.Context, method, path string, in any) (int, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, h.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+h.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, err
}
