package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Hookloft is a client of its HTTP API with the few calls that the blog makes.
type Hookloft struct {
	URL   string // as the page reaches it, too
	Token string // the blog's; the page never gets it
}

const (
	application = "blog" // the uid of the blog's application
	created     = "comment.created"
)

// Comment is what the blog publishes.
type Comment struct {
	Author string `json:"author"`
	Text   string `json:"text"`
}

// Message is a comment as the stream and the history show it.
type Message struct {
	ID        string    `json:"id"`
	Payload   Comment   `json:"payload"`
	Timestamp time.Time `json:"timestamp"`
}

func (h Hookloft) createApplication(ctx context.Context) error {
	_, err := h.call(ctx, http.MethodPost, "/api/v1/app?get_if_exists=true", map[string]string{"name": "Blog", "uid": application}, nil)
	return err
}

// publish tells of a comment below a post. A repeat with the same id is no second comment.
func (h Hookloft) publish(ctx context.Context, post, id string, c Comment) error {
	status, err := h.call(ctx, http.MethodPost, "/api/v1/app/"+application+"/msg", map[string]any{
		"eventType": created, "eventId": id, "channels": []string{post}, "payload": c,
	}, nil)
	if status == http.StatusConflict {
		return nil
	}
	return err
}

// history returns the newest comments below a post, the oldest first. A blog would ask its own
// database; this one has none.
func (h Hookloft) history(ctx context.Context, post string) ([]Message, error) {
	var page struct{ Data []Message }
	query := url.Values{"event_types": {created}, "channel": {post}, "limit": {"50"}}
	if _, err := h.call(ctx, http.MethodGet, "/api/v1/app/"+application+"/msg?"+query.Encode(), nil, &page); err != nil {
		return nil, err
	}
	slices.Reverse(page.Data)
	return page.Data, nil
}

// stream returns a URL with a token in it, which for an hour follows the comments below one
// post and does nothing else.
func (h Hookloft) stream(ctx context.Context, post string) (string, error) {
	var out struct{ Token string }
	if _, err := h.call(ctx, http.MethodPost, "/x/v1/app/"+application+"/stream/token", map[string]any{
		"eventTypes": []string{created}, "channel": post, "expiry": 3600,
	}, &out); err != nil {
		return "", err
	}
	return h.URL + "/x/v1/app/" + application + "/stream?token=" + url.QueryEscape(out.Token), nil
}

// call decodes a good answer into out. The status is 0 where none came.
func (h Hookloft) call(ctx context.Context, method, path string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, h.URL+path, body)
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
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	switch {
	case err != nil:
		return 0, err
	case resp.StatusCode/100 != 2:
		return resp.StatusCode, fmt.Errorf("%s: Hookloft answers %d: %.200s", method, resp.StatusCode, text)
	case out == nil:
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.Unmarshal(text, out)
}
