//go:build unix

package recipes

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

// The recipes of applications that publish.

func TestPaymentToChat(t *testing.T) {
	t.Parallel()
	discord := serve(t, http.StatusOK, func(r *http.Request, body []byte) (string, error) {
		var in struct {
			Content  string
			Username string
			Mentions *struct{ Parse []string } `json:"allowed_mentions"`
		}
		switch err := read(r, body, &in); {
		case err != nil:
			return "", err
		case r.URL.RawQuery != "wait=true", in.Content == "", len([]rune(in.Content)) > 2000, in.Mentions == nil, len(in.Mentions.Parse) > 0:
			return "", errors.New("Invalid Form Body")
		}
		return in.Username + ": " + in.Content, nil
	})
	teams := serve(t, http.StatusAccepted, func(r *http.Request, body []byte) (string, error) {
		var in struct {
			Type        string
			Attachments []struct {
				ContentType string
				Content     struct {
					Type string
					Body []struct{ Text string }
				}
			}
		}
		if json.Unmarshal(body, &in) != nil || in.Type != "message" || len(in.Attachments) != 1 || in.Attachments[0].Content.Type != "AdaptiveCard" || len(in.Attachments[0].Content.Body) != 2 {
			return "", errors.New("Bad payload")
		}
		card := in.Attachments[0].Content.Body
		return card[0].Text + "; " + card[1].Text, nil
	})
	c := cook(t, "payment-to-chat", "DISCORD_WEBHOOK_URL="+discord.URL+"/api/webhooks/1/x?wait=true", "TEAMS_WEBHOOK_URL="+teams.URL+"/workflows/1")
	c.publish("shop", "payment.received", "pay_1", `{"order": "o_1", "cents": 1290, "amount": "12.90", "currency": "EUR", "customer": {"name": "Ada @everyone"}}`)
	c.publish("shop", "payment.received", "pay_2", `{"order": "o_2", "cents": 100000, "amount": "1000.00", "currency": "EUR", "customer": {"name": "Zoë"}}`)
	c.quiet("shop", 2)
	discord.wantAnyOrder(t, "Shop: Ada @everyone paid 12.90 EUR for order o_1", "Shop: Zoë paid 1000.00 EUR for order o_2")
	teams.want(t, "A large payment; Zoë: 1000.00 EUR")
}

func TestSuspiciousActivityToPager(t *testing.T) {
	t.Parallel()
	incidents := map[string]bool{}
	pager := serve(t, http.StatusAccepted, func(r *http.Request, body []byte) (string, error) {
		var in struct {
			RoutingKey string `json:"routing_key"`
			Action     string `json:"event_action"`
			Dedup      string `json:"dedup_key"`
			Payload    *struct {
				Summary, Source, Severity string
				Details                   json.RawMessage `json:"custom_details"`
			}
		}
		switch err := read(r, body, &in); {
		case err != nil:
			return "", err
		case in.RoutingKey != "key-of-the-service", in.Dedup == "", len(in.Dedup) > 255:
			return "", errors.New("invalid event")
		case in.Action == "resolve":
			delete(incidents, in.Dedup)
			return "resolved " + in.Dedup, nil
		case in.Action != "trigger" || in.Payload == nil || in.Payload.Summary == "" || in.Payload.Source == "" || in.Payload.Severity != "critical":
			return "", errors.New("invalid event")
		case incidents[in.Dedup]:
			return "", nil // one alert, however often it is triggered
		}
		incidents[in.Dedup] = true
		return in.Payload.Summary, nil
	})
	c := cook(t, "suspicious-activity-to-pager", "PAGERDUTY_URL="+pager.URL+"/v2/enqueue", "PAGERDUTY_KEY=key-of-the-service")
	login := func(id string, risk int) {
		c.publish("security", "login.suspicious", id, fmt.Sprintf(`{"account": "ada", "country": "XX", "address": "192.0.2.1", "risk": %d}`, risk))
	}
	login("1", 79)
	login("2", 80)
	login("3", 95)
	c.quiet("security", 3)
	c.publish("security", "login.confirmed", "4", `{"account": "ada"}`)
	c.quiet("security", 4)
	pager.want(t, "Suspicious login of ada from XX", "resolved login-ada")
}

// TestCatalogueToMirror: the mirror is down, the server is killed, and changes come in order, many at once.
func TestCatalogueToMirror(t *testing.T) {
	t.Parallel()
	isDown, largest, seen := true, 0, map[string]bool{}
	mirror := serve(t, http.StatusOK, func(r *http.Request, body []byte) (string, error) {
		if r.Header.Get("Authorization") != "Bearer token-of-the-mirror" || r.Header.Get("Content-Type") != "application/x-ndjson" {
			return "", errors.New("not allowed, or no NDJSON")
		}
		if isDown {
			return "", errDown
		}
		if seen[r.Header.Get("webhook-id")] { // a batch that came again has the same id
			return "", nil
		}
		seen[r.Header.Get("webhook-id")] = true
		var effects []string
		for line := range bytes.Lines(body) {
			var product struct {
				ID      string
				Version int
				Removed bool
			}
			if err := json.Unmarshal(line, &product); err != nil {
				return "", err
			}
			effects = append(effects, fmt.Sprintf("%s %d %t", product.ID, product.Version, product.Removed))
		}
		largest = max(largest, len(effects))
		return strings.Join(effects, "\n"), nil
	})
	c := cook(t, "catalogue-to-mirror", "MIRROR_URL="+mirror.URL+"/bulk", "MIRROR_TOKEN=token-of-the-mirror")
	var want []string
	change := func(n int) {
		id, version := fmt.Sprintf("p%d", n%3), n/3
		c.publish("catalogue", "product.changed", fmt.Sprint(n), fmt.Sprintf(`{"id": %q, "version": %d, "removed": false}`, id, version))
		want = append(want, fmt.Sprintf("%s %d false", id, version))
	}
	for n := range 20 {
		change(n)
	}
	mirror.awaitFailure(t)
	c.crash()
	for n := 20; n < 30; n++ {
		change(n)
	}
	c.publish("catalogue", "product.removed", "last", `{"id": "p0", "version": 11, "removed": true}`)
	want = append(want, "p0 11 true")
	mirror.mu.Lock()
	isDown = false
	mirror.mu.Unlock()
	c.quiet("catalogue", 31)
	mirror.mu.Lock()
	mirror.effects = strings.Split(strings.Join(mirror.effects, "\n"), "\n")
	if largest < 10 {
		t.Errorf("the largest request had %d changes", largest)
	}
	mirror.mu.Unlock()
	mirror.want(t, want...)
}

// TestCommentToLivePage: a page that follows the stream, also over a crash of the server.
func TestCommentToLivePage(t *testing.T) {
	t.Parallel()
	c := cook(t, "comment-to-live-page", "BLOG_SECRET=secret-of-the-blog")
	blog := c.provider("comments", "generic", webhook.Config{Secrets: []string{"secret-of-the-blog"},
		Settings: map[string]string{"mode": "hmac", "header": "X-Signature", "type_path": "type", "id_path": "id"}})
	began := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	var page struct{ Token string }
	c.must(http.MethodPost, "/x/v1/app/blog/stream/token", map[string]any{"eventTypes": []string{"comment.created"}, "expiry": 3600}, &page)
	follow := func(query, last string, n int) (texts []string, id string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.s.URL+"/x/v1/app/blog/stream?token="+url.QueryEscape(page.Token)+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" {
			req.Header.Set("Last-Event-ID", last)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		for lines := bufio.NewScanner(resp.Body); len(texts) < n && lines.Scan(); {
			if text, is := strings.CutPrefix(lines.Text(), "id: "); is {
				id = text
			}
			if text, is := strings.CutPrefix(lines.Text(), "data: "); is {
				var m struct{ Payload struct{ Text string } }
				if err := json.Unmarshal([]byte(text), &m); err != nil {
					t.Fatalf("%v in %s", err, text)
				}
				texts = append(texts, m.Payload.Text)
			}
		}
		return texts, id
	}
	write := func(id, kind, text string) {
		c.bring(blog, nil, fmt.Sprintf(`{"id": %q, "type": %q, "text": %q}`, id, kind, text))
	}
	write("1", "comment.created", "first")
	write("2", "comment.deleted", "nothing for the page")
	write("3", "comment.created", "<script>second</script>")
	got, last := follow("&since="+began, "", 2)
	if want := []string{"first", "<script>second</script>"}; !slices.Equal(got, want) {
		t.Errorf("the page shows %q, want %q", got, want)
	}
	c.crash()
	write("4", "comment.created", "third")
	if got, _ := follow("", last, 1); !slices.Equal(got, []string{"third"}) {
		t.Errorf("after a crash the page shows %q", got)
	}
	c.quiet("blog", 4)
}
