// Package bank is one of the two banks of the employees example: it subscribes to an
// HR application's events and opens a salary account for each new employee.
//
// Its webhook path is what a real receiver looks like: the signature is verified
// over the raw body, a message that was handled before is passed over by its id, and
// the answer is an error (so that the sender comes again) whenever the work failed.
package bank

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/hookloft/hookloft/webhook"
)

// Account is a salary account.
type Account struct {
	Number     string `json:"number"`
	EmployeeID string `json:"employeeId"`
	Holder     string `json:"holder"`
}

// Bank holds the accounts of the employees it was told about, in memory.
type Bank struct {
	name string
	log  *slog.Logger

	mu       sync.Mutex
	accounts map[string]Account // by employee
	inbox    http.Handler       // nil until the subscription is active
	token    string             // the address that this bank chose for its callback
	handled  int
}

// New returns a bank without accounts. token is a part of its callback's path that
// only the HR application learns.
func New(name, token string, log *slog.Logger) *Bank {
	return &Bank{name: name, token: token, log: log.With("bank", name), accounts: map[string]Account{}}
}

// CallbackPath is where the bank wants its webhooks.
func (b *Bank) CallbackPath() string { return "/webhooks/" + b.token }

// Subscribe asks the HR application at hrURL for these events, to be sent to
// callbackURL, and keeps the signing secret that it answers with. While this call
// runs, the HR application checks the callback with a challenge.
func (b *Bank) Subscribe(ctx context.Context, hrURL, callbackURL string, events ...string) error {
	body, err := json.Marshal(map[string]any{"subscriber": b.name, "url": callbackURL, "events": events})
	if err != nil {
		return fmt.Errorf("encode subscription: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hrURL+"/subscriptions", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read answer to subscription: %w", err)
	}
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("subscription refused: %s: %s", resp.Status, bytes.TrimSpace(answer))
	}
	var out struct {
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return fmt.Errorf("decode answer to subscription: %w", err)
	}
	keys, err := webhook.ParseKeys(out.Secret)
	if err != nil {
		return fmt.Errorf("signing secret: %w", err)
	}
	verifier, err := webhook.NewStandard(keys, webhook.StandardOptions{})
	if err != nil {
		return fmt.Errorf("verifier: %w", err)
	}
	b.mu.Lock()
	b.inbox = webhook.NewHandler(verifier, b.receive, webhook.HandlerOptions{Log: b.log})
	b.mu.Unlock()
	return nil
}

// ServeHTTP answers the challenge (GET), takes webhooks (POST) and lists the accounts.
func (b *Bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, isCallback := strings.CutPrefix(r.URL.Path, "/webhooks/")
	switch {
	case r.URL.Path == "/accounts" && r.Method == http.MethodGet:
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(b.Accounts()); err != nil {
			b.log.Warn("list accounts", "err", err)
		}
	case !isCallback || subtle.ConstantTimeCompare([]byte(token), []byte(b.token)) != 1:
		http.NotFound(w, r)
	case r.Method == http.MethodGet:
		// The subscriber proves that it reads what arrives here: it echoes the challenge.
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		io.WriteString(w, r.URL.Query().Get("challenge"))
	default:
		b.mu.Lock()
		inbox := b.inbox
		b.mu.Unlock()
		if inbox == nil {
			http.Error(w, "not subscribed", http.StatusServiceUnavailable)
			return
		}
		inbox.ServeHTTP(w, r)
	}
}

// event is what the HR application publishes.
type event struct {
	Type string `json:"type"`
	Data struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"data"`
}

// receive handles a genuine message that was not handled before.
func (b *Bank) receive(_ context.Context, m webhook.Message) error {
	var e event
	if err := json.Unmarshal(m.Body, &e); err != nil {
		return fmt.Errorf("decode event: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handled++
	switch e.Type {
	case "employee.created":
		if _, exists := b.accounts[e.Data.ID]; !exists {
			b.accounts[e.Data.ID] = Account{
				Number:     fmt.Sprintf("%s-%04d", strings.ToUpper(b.name), len(b.accounts)+1),
				EmployeeID: e.Data.ID, Holder: e.Data.Name,
			}
			b.log.Info("account opened", "account", b.accounts[e.Data.ID].Number, "holder", e.Data.Name)
		}
	case "employee.updated":
		a, exists := b.accounts[e.Data.ID]
		if !exists {
			// Webhooks may overtake each other: come again after employee.created.
			return fmt.Errorf("employee %s has no account yet", e.Data.ID)
		}
		a.Holder = e.Data.Name
		b.accounts[e.Data.ID] = a
		b.log.Info("account renamed", "account", a.Number, "holder", a.Holder)
	}
	return nil
}

// Accounts returns the accounts by employee.
func (b *Bank) Accounts() map[string]Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[string]Account, len(b.accounts))
	for id, a := range b.accounts {
		out[id] = a
	}
	return out
}

// Handled returns how many messages were handled, each once.
func (b *Bank) Handled() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.handled
}
