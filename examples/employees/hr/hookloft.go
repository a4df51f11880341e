package hr

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Hookloft is the little of its HTTP API that this application needs. A published
// Svix client does the same; this one shows what goes over the wire.
type Hookloft struct {
	URL   string // such as http://127.0.0.1:8071
	Token string // an API token
}

// application is the uid under which the HR application keeps its subscribers.
const application = "hr"

// call sends one request and decodes its answer into out (nil for none).
func (h Hookloft) call(ctx context.Context, method, path string, in, out any, header ...string) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode %s: %w", path, err)
		}
		body = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, h.URL+"/api/v1"+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Authorization", "Bearer "+h.Token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("%s %s: read answer: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: decode answer: %w", method, path, err)
	}
	return nil
}

// prepare creates the application and the event types. It may be called again.
func (h Hookloft) prepare(ctx context.Context) error {
	if err := h.call(ctx, http.MethodPost, "/app?get_if_exists=true", map[string]string{"name": "HR", "uid": application}, nil); err != nil {
		return err
	}
	for name, description := range map[string]string{
		EmployeeCreated: "An employee was added",
		EmployeeUpdated: "An employee's data changed",
	} {
		if err := h.call(ctx, http.MethodPut, "/event-type/"+name, map[string]string{"description": description}, nil); err != nil {
			return err
		}
	}
	return nil
}

// addEndpoint registers a subscriber's URL and returns the secret that will sign.
func (h Hookloft) addEndpoint(ctx context.Context, subscriber, url string, events []string) (secret string, err error) {
	var endpoint struct {
		ID string `json:"id"`
	}
	err = h.call(ctx, http.MethodPost, "/app/"+application+"/endpoint",
		map[string]any{"url": url, "uid": subscriber, "description": subscriber, "eventTypes": events}, &endpoint)
	if err != nil {
		return "", err
	}
	var key struct {
		Key string `json:"key"`
	}
	err = h.call(ctx, http.MethodGet, "/app/"+application+"/endpoint/"+endpoint.ID+"/secret", nil, &key)
	return key.Key, err
}

// publish sends one event to every subscriber that wants it. eventID makes a repeat
// of the same event harmless.
func (h Hookloft) publish(ctx context.Context, eventType, eventID string, data any) error {
	return h.call(ctx, http.MethodPost, "/app/"+application+"/msg", map[string]any{
		"eventType": eventType,
		"eventId":   eventID,
		"payload":   map[string]any{"type": eventType, "timestamp": time.Now().UTC(), "data": data},
	}, nil, "Idempotency-Key", eventID)
}
