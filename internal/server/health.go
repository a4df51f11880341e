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

// looked is what health has found: nil for each part that is as it should be.
type looked struct{ draining, worker, store error }

// err returns nil when the server should get requests, else why not.
func (l looked) err() error {
	switch {
	case l.draining != nil:
		return l.draining
	case l.worker != nil:
		return l.worker
	}
	return l.store
}

// errDraining says that the server has been asked to stop.
var errDraining = errors.New("draining")

// look looks at each part.
func (h *health) look(ctx context.Context) looked {
	l := looked{store: h.store(ctx)}
	if h.draining.Load() {
		l.draining = errDraining
	}
	if err := h.worker.Load(); err != nil {
		l.worker = *err
	}
	return l
}

// ready returns nil when this server should get requests, else why not.
func (h *health) ready(ctx context.Context) error { return h.look(ctx).err() }

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
	parts := h.look(r.Context())
	err := parts.err()
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
	word := func(err error) string {
		if err == nil {
			return "ok"
		}
		return "failed"
	}
	report := struct {
		Ready    bool   `json:"ready"`
		Store    string `json:"store"`
		Workers  string `json:"workers"`
		Draining bool   `json:"draining"`
	}{err == nil, word(parts.store), word(parts.worker), parts.draining != nil}
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
