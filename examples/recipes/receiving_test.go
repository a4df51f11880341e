//go:build unix

package recipes

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

// The recipes of sources, which providers call.

// TestInvoiceToAccounting: the service is down, and the server is killed, while Stripe calls.
func TestInvoiceToAccounting(t *testing.T) {
	t.Parallel()
	isDown, seen := true, map[string]bool{}
	books := serve(t, http.StatusCreated, func(r *http.Request, body []byte) (string, error) {
		var in struct{ Document, Debtor, Amount, Currency, BookedOn string }
		switch err := read(r, body, &in); {
		case err != nil:
			return "", err
		case r.Header.Get("Authorization") != "Bearer token-of-the-books":
			return "", errors.New("no valid token")
		case r.Header.Get("Idempotency-Key") == "" || !strings.Contains(in.Amount, ".") || in.BookedOn != "2026-11-21":
			return "", errors.New("no booking")
		case isDown:
			return "", errDown
		case seen[r.Header.Get("Idempotency-Key")]:
			return "", nil
		}
		seen[r.Header.Get("Idempotency-Key")] = true
		return fmt.Sprintf("%s: %s owes %s %s", in.Document, in.Debtor, in.Amount, in.Currency), nil
	})
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if r.ParseForm() != nil || r.PostForm.Get("grant_type") != "client_credentials" || id != "hookloft" || secret != "secret-of-the-client" {
			t.Errorf("token request of %s with %v", id, r.PostForm)
			http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"token-of-the-books","token_type":"Bearer","expires_in":3600}`)
	}))
	defer tokens.Close()
	c := cook(t, "invoice-to-accounting", "STRIPE_SECRET=whsec_of_the_test", "ACCOUNTING_URL="+books.URL+"/bookings",
		"ACCOUNTING_SECRET=secret-of-the-client", "ACCOUNTING_TOKEN_URL="+tokens.URL+"/token")
	stripe := c.provider("stripe", "stripe", webhook.Config{Secrets: []string{"whsec_of_the_test"}})
	pay := func(n int, kind string, isLive bool) {
		c.bring(stripe, nil, fmt.Sprintf(`{"id":"evt_%d","object":"event","created":1795219200,"livemode":%t,"type":%q,
			"data":{"object":{"object":"invoice","number":"A-%d","amount_paid":%d,"currency":"eur","customer_name":"Zoë & Söhne"}}}`, n, isLive, kind, n, 4900+n))
	}
	pay(1, "invoice.paid", true)
	pay(2, "invoice.created", true)
	books.awaitFailure(t)
	c.crash()
	pay(3, "invoice.paid", false) // of Stripe's test mode
	pay(4, "invoice.paid", true)
	books.mu.Lock()
	isDown = false
	books.mu.Unlock()
	c.quiet(stripe.app, 4)
	books.wantAnyOrder(t, "A-1: Zoë & Söhne owes 49.01 EUR", "A-4: Zoë & Söhne owes 49.04 EUR")
}

func TestErrorToTicket(t *testing.T) {
	t.Parallel()
	jira := serve(t, http.StatusCreated, func(r *http.Request, body []byte) (string, error) {
		var in struct {
			Fields struct {
				Project     struct{ Key string }
				IssueType   struct{ Name string }
				Summary     string
				Description string
				Labels      []string
			}
		}
		user, token, _ := r.BasicAuth()
		f := &in.Fields
		switch err := read(r, body, &in); {
		case err != nil:
			return "", err
		case user != "bot@example.com" || token != "token-of-jira":
			return "", errors.New("not logged in")
		case f.Project.Key == "" || f.IssueType.Name == "" || f.Summary == "" || len([]rune(f.Summary)) > 255 || strings.Contains(f.Summary, "\n") || strings.Contains(strings.Join(f.Labels, ""), " "):
			return "", errors.New("Field 'summary' or 'labels' cannot be set")
		}
		return fmt.Sprintf("%s %s: %s %v", f.Project.Key, f.IssueType.Name, f.Summary, f.Labels), nil
	})
	c := cook(t, "error-to-ticket", "SENTRY_SECRET=secret-of-sentry", "JIRA_URL="+jira.URL+"/rest/api/2/issue", "JIRA_USER=bot@example.com", "JIRA_TOKEN=token-of-jira")
	sentry := c.provider("sentry", "sentry", webhook.Config{Secrets: []string{"secret-of-sentry"}})
	for i, e := range []struct{ action, level, title string }{
		{"created", "error", `TypeError: \"x\" is {{payload}}`}, {"created", "warning", "slow"}, {"resolved", "error", "done"},
	} {
		header := http.Header{"Sentry-Hook-Resource": {"issue"}, "Request-Id": {fmt.Sprintf("req-%d", i)}}
		c.bring(sentry, header, fmt.Sprintf(`{"action":%q,"data":{"issue":{"shortId":"SHOP-%d","title":"%s","culprit":"checkout.pay","level":%q,"web_url":"https://sentry.example/%d"}}}`, e.action, i, e.title, e.level, i))
	}
	c.quiet(sentry.app, 3)
	jira.want(t, `OPS Bug: SHOP-0: TypeError: "x" is {{payload}} [sentry error]`)
}

// TestOrderToInventory: the reservation fails once, and the cancellation waits for it.
func TestOrderToInventory(t *testing.T) {
	t.Parallel()
	failures, seen := map[string]int{}, map[string]bool{}
	inventory := serve(t, http.StatusOK, func(r *http.Request, body []byte) (string, error) {
		var in struct {
			Order, Change string
			Items         []struct {
				SKU      string
				Quantity int
			}
		}
		key := r.Header.Get("Idempotency-Key")
		switch err := read(r, body, &in); {
		case err != nil:
			return "", err
		case r.Header.Get("X-Api-Key") != "key-of-the-inventory" || len(in.Items) == 0 || key == "":
			return "", errors.New("no change of stock")
		case in.Change == "reserve" && failures[key] < 2:
			failures[key]++
			return "", errDown
		case seen[key]:
			return "", nil
		}
		seen[key] = true
		return fmt.Sprint(in.Change, in.Order, in.Items), nil
	})
	c := cook(t, "order-to-inventory", "SHOPIFY_SECRET=secret-of-shopify", "INVENTORY_URL="+inventory.URL+"/stock", "INVENTORY_KEY=key-of-the-inventory")
	shopify := c.provider("shopify", "shopify", webhook.Config{Secrets: []string{"secret-of-shopify"}})
	for i, topic := range []string{"orders/create", "orders/updated", "orders/cancelled"} {
		c.bring(shopify, http.Header{"X-Shopify-Topic": {topic}, "X-Shopify-Webhook-Id": {fmt.Sprintf("w-%d", i)}},
			`{"id":8200000000000000001,"admin_graphql_api_id":"gid://shopify/Order/8200000000000000001","line_items":[{"sku":"RYE-1","quantity":2},{"sku":"BUN-6","quantity":1}]}`)
	}
	c.quiet(shopify.app, 3)
	inventory.want(t, "reserve8200000000000000001[{RYE-1 2} {BUN-6 1}]", "release8200000000000000001[{RYE-1 2} {BUN-6 1}]")
}

func TestHealthToStatusBoard(t *testing.T) {
	t.Parallel()
	fails := 1
	board := serve(t, http.StatusOK, func(r *http.Request, body []byte) (string, error) {
		var in struct{ Component struct{ Status string } }
		switch err := read(r, body, &in); {
		case err != nil:
			return "", err
		case r.Method != http.MethodPatch || r.Header.Get("Authorization") != "OAuth key-of-the-board":
			return "", errors.New("not allowed")
		case !strings.Contains(" operational degraded_performance partial_outage major_outage under_maintenance ", " "+in.Component.Status+" "):
			return "", errors.New("no such status")
		case fails > 0:
			fails--
			return "", errDown
		}
		return strings.TrimPrefix(r.URL.Path, "/v1/pages/x/components/") + " " + in.Component.Status, nil
	})
	c := cook(t, "health-to-status-board", "MONITOR_SECRET=secret-of-the-monitor", "STATUSPAGE_URL="+board.URL+"/v1/pages/x/components", "STATUSPAGE_AUTHORIZATION=OAuth key-of-the-board")
	monitor := c.provider("monitor", "generic", webhook.Config{Secrets: []string{"secret-of-the-monitor"},
		Settings: map[string]string{"mode": "hmac", "header": "X-Signature", "prefix": "sha256=", "type_path": "state"}})
	for i, one := range []struct{ check, state string }{
		{"checkout", "down"}, {"checkout", "slow"}, {"intranet", "down"}, {"checkout", "unsure"}, {"checkout", "up"},
	} {
		c.bring(monitor, nil, fmt.Sprintf(`{"check":%q,"state":%q,"at":"2026-11-21T10:00:%02dZ"}`, one.check, one.state, i))
	}
	c.quiet(monitor.app, 5)
	board.want(t, "cmp1.json major_outage", "cmp1.json degraded_performance", "cmp1.json operational")
}

func TestContentToBuild(t *testing.T) {
	t.Parallel()
	github := serve(t, http.StatusNoContent, func(r *http.Request, body []byte) (string, error) {
		var in struct {
			EventType string          `json:"event_type"`
			Payload   json.RawMessage `json:"client_payload"`
		}
		switch err := read(r, body, &in); {
		case err != nil:
			return "", err
		case r.Header.Get("Authorization") != "Bearer token-of-github" || r.Header.Get("Accept") != "application/vnd.github+json" || r.Header.Get("User-Agent") == "" || len(in.EventType) > 100:
			return "", errors.New("Bad credentials, or no dispatch")
		}
		return in.EventType + string(in.Payload), nil
	})
	seen := map[string]bool{}
	mastodon := serve(t, http.StatusOK, func(r *http.Request, body []byte) (string, error) {
		var in struct{ Status, Visibility string }
		key := r.Header.Get("Idempotency-Key")
		switch err := read(r, body, &in); {
		case err != nil:
			return "", err
		case r.Header.Get("Authorization") != "Bearer token-of-mastodon" || key == "" || in.Visibility != "public" || len([]rune(in.Status)) > 500:
			return "", errors.New("Validation failed")
		case seen[key]:
			return "", nil
		}
		seen[key] = true
		return in.Status, nil
	})
	index := serve(t, http.StatusAccepted, func(r *http.Request, body []byte) (string, error) {
		var in struct {
			Host, Key string
			URLs      []string `json:"urlList"`
		}
		if err := read(r, body, &in); err != nil {
			return "", err
		}
		if u, err := url.Parse(strings.Join(in.URLs, "")); err != nil || u.Host != in.Host || len(in.Key) < 8 {
			return "", errors.New("Unprocessable Entity")
		}
		return in.URLs[0], nil
	})
	c := cook(t, "content-to-build", "CMS_SECRET=secret-of-the-cms", "GITHUB_DISPATCH_URL="+github.URL+"/repos/acme/site/dispatches", "GITHUB_TOKEN=token-of-github",
		"MASTODON_URL="+mastodon.URL+"/api/v1/statuses", "MASTODON_TOKEN=token-of-mastodon", "INDEXNOW_URL="+index.URL+"/indexnow")
	cms := c.provider("cms", "generic", webhook.Config{Secrets: []string{"secret-of-the-cms"},
		Settings: map[string]string{"mode": "hmac", "header": "X-Cms-Signature", "type_path": "event", "id_path": "delivery"}})
	long := strings.Repeat("é🪝", 400)
	for i, event := range []string{"article.published", "article.drafted", "article.removed"} {
		c.bring(cms, nil, fmt.Sprintf(`{"delivery":"d%d","event":%q,"article":{"slug":"a-%d","title":"%d %s"},"at":%d}`, i, event, i, i, long, time.Now().Unix()))
	}
	c.quiet(cms.app, 3)
	github.wantAnyOrder(t, `content{"slug":"a-0"}`, `content{"slug":"a-2"}`)
	link := " https://blog.example.com/a-0"
	mastodon.want(t, string([]rune("0 " + long)[:500-len(link)])+link)
	index.want(t, "https://blog.example.com/a-0")
}
