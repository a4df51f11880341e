// Package hr is the HR application of the employees example: a page and an API to
// add employees, and a route on which others subscribe to what happens. All that has
// to do with delivering (signing, retrying, recording) it leaves to Hookloft.
package hr

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// The events that can be subscribed to.
const (
	EmployeeCreated = "employee.created"
	EmployeeUpdated = "employee.updated"
)

// Employee is a member of staff.
type Employee struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	version int
}

// App is the HR application. Employees are kept in memory.
type App struct {
	hookloft Hookloft
	log      *slog.Logger
	mux      *http.ServeMux

	mu        sync.Mutex
	employees []Employee
}

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

// New prepares Hookloft (application, event types) and returns the application.
func New(ctx context.Context, h Hookloft, log *slog.Logger) (*App, error) {
	if err := h.prepare(ctx); err != nil {
		return nil, fmt.Errorf("prepare hookloft: %w", err)
	}
	a := &App{hookloft: h, log: log, mux: http.NewServeMux()}
	a.mux.HandleFunc("GET /{$}", a.showPage)
	a.mux.HandleFunc("GET /employees", a.list)
	a.mux.HandleFunc("POST /employees", a.add)
	a.mux.HandleFunc("PUT /employees/{id}", a.update)
	a.mux.HandleFunc("POST /subscriptions", a.subscribe)
	return a, nil
}

// ServeHTTP serves the page and the API.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	a.mux.ServeHTTP(w, r)
}

func (a *App) snapshot() []Employee {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.employees)
}

func (a *App) showPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := page.Execute(w, a.snapshot()); err != nil {
		a.log.Warn("show page", "err", err)
	}
}

func (a *App) list(w http.ResponseWriter, r *http.Request) {
	a.answer(w, http.StatusOK, a.snapshot())
}

// add takes JSON from a program or a form from the page.
func (a *App) add(w http.ResponseWriter, r *http.Request) {
	fromPage := strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
	name, err := employeeName(r, fromPage)
	if err != nil {
		a.refuse(w, http.StatusBadRequest, err)
		return
	}
	e := Employee{ID: "emp_" + rand.Text(), Name: name, version: 1}
	if err := a.hookloft.publish(r.Context(), EmployeeCreated, e.ID+"-1", e); err != nil {
		// Nobody was told and nothing was kept, so the user can simply try again.
		a.log.Error("publish", "err", err)
		a.refuse(w, http.StatusBadGateway, errors.New("the event could not be published; try again"))
		return
	}
	a.mu.Lock()
	a.employees = append(a.employees, e)
	a.mu.Unlock()
	if fromPage {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	a.answer(w, http.StatusCreated, e)
}

func (a *App) update(w http.ResponseWriter, r *http.Request) {
	name, err := employeeName(r, false)
	if err != nil {
		a.refuse(w, http.StatusBadRequest, err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.employees, func(e Employee) bool { return e.ID == r.PathValue("id") })
	if i < 0 {
		a.refuse(w, http.StatusNotFound, errors.New("no such employee"))
		return
	}
	e := a.employees[i]
	e.Name, e.version = name, e.version+1
	if err := a.hookloft.publish(r.Context(), EmployeeUpdated, fmt.Sprintf("%s-%d", e.ID, e.version), e); err != nil {
		a.log.Error("publish", "err", err)
		a.refuse(w, http.StatusBadGateway, errors.New("the event could not be published; try again"))
		return
	}
	a.employees[i] = e
	a.answer(w, http.StatusOK, e)
}

func employeeName(r *http.Request, form bool) (string, error) {
	var in struct {
		Name string `json:"name"`
	}
	if form {
		in.Name = r.FormValue("name")
	} else if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return "", fmt.Errorf(`send {"name": "..."}: %w`, err)
	}
	in.Name = strings.TrimSpace(in.Name)
	if in.Name == "" || len(in.Name) > 200 {
		return "", errors.New("name must have 1 to 200 characters")
	}
	return in.Name, nil
}

// subscribe registers a callback URL once it has echoed a challenge, and answers
// with the secret that signs its webhooks. A real application would first ask who
// is calling; here anybody on this machine may subscribe.
func (a *App) subscribe(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Subscriber string   `json:"subscriber"`
		URL        string   `json:"url"`
		Events     []string `json:"events"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		a.refuse(w, http.StatusBadRequest, fmt.Errorf("send subscriber, url and events: %w", err))
		return
	}
	for _, e := range in.Events {
		if e != EmployeeCreated && e != EmployeeUpdated {
			a.refuse(w, http.StatusBadRequest, fmt.Errorf("event %q does not exist; there are %s and %s", e, EmployeeCreated, EmployeeUpdated))
			return
		}
	}
	if len(in.Events) == 0 {
		a.refuse(w, http.StatusBadRequest, errors.New("events must name at least one event"))
		return
	}
	if err := challenge(r.Context(), in.URL); err != nil {
		a.refuse(w, http.StatusBadRequest, fmt.Errorf("the callback did not echo the challenge: %w", err))
		return
	}
	secret, err := a.hookloft.addEndpoint(r.Context(), in.Subscriber, in.URL, in.Events)
	if err != nil {
		a.log.Error("add endpoint", "err", err)
		a.refuse(w, http.StatusBadGateway, errors.New("the subscription could not be stored; try again"))
		return
	}
	a.log.Info("subscribed", "subscriber", in.Subscriber, "events", in.Events)
	a.answer(w, http.StatusCreated, map[string]string{"secret": secret})
}

// challenge asks the callback to echo a random text, which shows that whoever runs
// that URL wants these webhooks.
func challenge(ctx context.Context, callback string) error {
	u, err := url.Parse(callback)
	if err != nil || u.Host == "" {
		return errors.New("url must be absolute")
	}
	text := rand.Text()
	q := u.Query()
	q.Set("challenge", text)
	u.RawQuery = q.Encode()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return errors.New("url is not usable")
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return errors.New("no answer")
	}
	defer resp.Body.Close()
	echo, err := io.ReadAll(io.LimitReader(resp.Body, 256))
	if err != nil {
		return errors.New("the answer broke off")
	}
	if resp.StatusCode != http.StatusOK || subtle.ConstantTimeCompare(echo, []byte(text)) != 1 {
		return fmt.Errorf("it answered %s with another text", resp.Status)
	}
	return nil
}

func (a *App) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		a.log.Warn("answer", "err", err)
	}
}

func (a *App) refuse(w http.ResponseWriter, status int, why error) {
	a.answer(w, status, map[string]string{"error": why.Error()})
}
