//go:build unix

package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookloft/hookloft/examples/employees/bank"
	"github.com/hookloft/hookloft/examples/employees/hr"
	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// TestEmployees runs the whole example against the real binary: both banks open one
// account each, a bank that is down for a while gets its account later, a forged
// request opens none, and a callback that does not echo the challenge is refused.
func TestEmployees(t *testing.T) {
	ctx := t.Context()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	s := rig.Start(t, rig.Options{})
	app, err := hr.New(ctx, hr.Hookloft{URL: s.URL, Token: s.Token}, log)
	if err != nil {
		t.Fatal(err)
	}
	hrServer := httptest.NewServer(app)
	defer hrServer.Close()

	north, south := bank.New("north", "n0rth", log), bank.New("south", "s0uth", log)
	var southIsDown atomic.Bool
	var refused atomic.Int32
	northServer := httptest.NewServer(north)
	defer northServer.Close()
	southServer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if southIsDown.Load() {
			refused.Add(1)
			http.Error(w, "closed for repairs", http.StatusServiceUnavailable)
			return
		}
		south.ServeHTTP(w, r)
	}))
	defer southServer.Close()
	if err := north.Subscribe(ctx, hrServer.URL, northServer.URL+north.CallbackPath(), hr.EmployeeCreated, hr.EmployeeUpdated); err != nil {
		t.Fatal(err)
	}
	if err := south.Subscribe(ctx, hrServer.URL, southServer.URL+south.CallbackPath(), hr.EmployeeCreated); err != nil {
		t.Fatal(err)
	}
	if err := bank.New("west", "w", log).Subscribe(ctx, hrServer.URL, northServer.URL+"/nobody", hr.EmployeeCreated); err == nil {
		t.Error("a callback that does not echo the challenge was activated")
	}

	var ada, bob hr.Employee
	must(t, send(ctx, http.MethodPost, hrServer.URL+"/employees", "Ada Byron", &ada))
	must(t, await(ctx, "an account at both banks", func() bool { return len(north.Accounts()) == 1 && len(south.Accounts()) == 1 }))

	southIsDown.Store(true)
	must(t, send(ctx, http.MethodPost, hrServer.URL+"/employees", "Bob Noyce", &bob))
	must(t, await(ctx, "the open bank's account", func() bool { return len(north.Accounts()) == 2 }))
	must(t, await(ctx, "an attempt at the closed bank", func() bool { return refused.Load() == 1 }))
	southIsDown.Store(false)
	// The first retry is due 5 s after the failure, give or take a fifth.
	must(t, await(ctx, "the account after the repairs", func() bool { return len(south.Accounts()) == 2 }))

	must(t, send(ctx, http.MethodPut, hrServer.URL+"/employees/"+ada.ID, "Ada Lovelace", nil))
	must(t, await(ctx, "the new name", func() bool { return north.Accounts()[ada.ID].Holder == "Ada Lovelace" }))
	if got := south.Accounts()[ada.ID].Holder; got != "Ada Byron" {
		t.Errorf("the bank that did not ask for updates knows %q", got)
	}

	forged, err := http.NewRequestWithContext(ctx, http.MethodPost, northServer.URL+north.CallbackPath(),
		strings.NewReader(`{"type":"employee.created","data":{"id":"emp_evil","name":"Mallory"}}`))
	must(t, err)
	forged.Header.Set("webhook-id", "msg_forged")
	forged.Header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10))
	forged.Header.Set("webhook-signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	resp, err := http.DefaultClient.Do(forged)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a forged request was answered %s, want 401", resp.Status)
	}
	if n := len(north.Accounts()); n != 2 {
		t.Errorf("the bank has %d accounts after a forged request, want 2", n)
	}
	if north.Handled() != 3 || south.Handled() != 2 {
		t.Errorf("messages handled: north %d, south %d; want 3 and 2", north.Handled(), south.Handled())
	}
}

// TestOneCommandRunsAll runs main's own path: it builds and starts a Hookloft.
func TestOneCommandRunsAll(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the server")
	}
	must(t, run(t.Context(), "", "", false))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
