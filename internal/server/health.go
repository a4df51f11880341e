package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// health answers whether this process lives, and whether it should get requests.
type health struct {
	// check writes to the store and reads it back.
	check    func(context.Context) error
	draining atomic.Bool
	// worker is the first worker that ended though nobody asked it to; nil while all run.
	worker atomic.Pointer[error]

	mu      sync.Mutex // guards what follows, and lets one check run at a time
	asked   time.Time
	checked error
}

const (
	// rememberCheck is how long an answer of the store is good for. Anybody may ask
	// /readyz, and each check is a flush of the disk.
	rememberCheck = 500 * time.Millisecond
	// checkTimeout bounds a check: a store that takes longer cannot take messages.
	checkTimeout = 2 * time.Second
)

// ready returns nil when this server should get requests, else why not.
func (h *health) ready(ctx context.Context) error {
	if h.draining.Load() {
		return errors.New("draining")
	}
	if err := h.worker.Load(); err != nil {
		return *err
	}
	return h.store(ctx)
}

func (h *health) store(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.asked.IsZero() && time.Since(h.asked) < rememberCheck {
		return h.checked
	}
	// Others wait for this check: one that gives up must not fail it for them.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	h.checked = h.check(ctx)
	h.asked = time.Now()
	return h.checked
}

// stopped records that a worker ended with err, which should not happen before a drain.
func (h *health) stopped(err error) {
	h.worker.CompareAndSwap(nil, &err)
}

// live answers 200 as long as the process can answer at all.
func (h *health) live(w http.ResponseWriter, _ *http.Request) {
	answerText(w, http.StatusOK, "ok\n")
}

// readiness answers 200 or 503; with ?verbose, each part as JSON. The texts of errors
// stay in the log: anybody may ask.
func (h *health) readiness(w http.ResponseWriter, r *http.Request) {
	err := h.ready(r.Context())
	status := http.StatusOK
	if err != nil {
		status = http.StatusServiceUnavailable
	}
	if !r.URL.Query().Has("verbose") {
		text := "ok\n"
		if err != nil {
			text = "not ready\n"
		}
		answerText(w, status, text)
		return
	}
	word := func(ok bool) string {
		if ok {
			return "ok"
		}
		return "failed"
	}
	report := struct {
		Ready    bool   `json:"ready"`
		Store    string `json:"store"`
		Workers  string `json:"workers"`
		Draining bool   `json:"draining"`
	}{err == nil, word(h.store(r.Context()) == nil), word(h.worker.Load() == nil), h.draining.Load()}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A reader that went away has no use for the rest.
	_ = json.NewEncoder(w).Encode(report)
}

func answerText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A reader that went away has no use for the rest.
	_, _ = w.Write([]byte(text))
}
