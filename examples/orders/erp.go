package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/hookloft/hookloft/webhook"
)

// ERP books the steps of orders, each after the one before it: what is not paid cannot be
// packed. Besides, it goes wrong as Trouble says.
type ERP struct {
	Listen string // address
	Books  string // file
	Secret string // of the endpoint, whsec_...
	Out    io.Writer
	// Trouble chooses what goes wrong with a request, and is called from many goroutines.
	Trouble func() Fault
	// Log gets what the ERP refuses; nil means slog.Default().
	Log *slog.Logger
}

// Fault is what goes wrong with a request.
type Fault int

const (
	None        Fault = iota
	Refuses           // answers 500 and books nothing
	HangsUp           // closes the connection before it reads
	LosesAnswer       // books, and closes the connection before it answers
	Hangs             // books nothing and does not answer
	Restarts          // hangs up on all, is away for a moment, and begins again from its books
)

// away is how long a restart takes.
const away = 300 * time.Millisecond

// Run serves until ctx ends, over all restarts.
func (e *ERP) Run(ctx context.Context) error {
	keys, err := webhook.ParseKeys(e.Secret)
	if err != nil {
		return fmt.Errorf("ERP_SECRET: %w", err)
	}
	verifier, err := webhook.NewStandard(keys, webhook.StandardOptions{})
	if err != nil {
		return fmt.Errorf("ERP_SECRET: %w", err)
	}
	for ctx.Err() == nil {
		if err := e.live(ctx, verifier); err != nil {
			return err
		}
		if ctx.Err() == nil {
			say(e.Out, "the ERP restarts")
		}
		select {
		case <-ctx.Done():
		case <-time.After(away):
		}
	}
	return nil
}

// live serves until the next restart.
func (e *ERP) live(ctx context.Context, verifier webhook.Verifier) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	b, err := openBooks(e.Books)
	if err != nil {
		return err
	}
	defer b.close()
	l, err := net.Listen("tcp", e.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	say(e.Out, "listening on http://%s", l.Addr())
	handler := webhook.NewHandler(verifier, func(_ context.Context, m webhook.Message) error {
		return e.book(b, m)
	}, webhook.HandlerOptions{Log: e.Log})
	srv := &http.Server{Handler: e.flaky(ctx, end, handler), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// book takes one event. An error makes Hookloft bring it again.
func (e *ERP) book(b *books, m webhook.Message) error {
	var event Event
	if err := json.Unmarshal(m.Body, &event); err != nil {
		return fmt.Errorf("not an event of the shop: %w", err)
	}
	isNew, err := b.book(m.ID, event)
	switch {
	case err != nil:
		say(e.Out, "OUT OF ORDER: %v", err)
		return err
	case isNew:
		say(e.Out, "booked %s %s", event.Order.ID, event.State)
	}
	return nil
}

// flaky lets requests go wrong.
func (e *ERP) flaky(ctx context.Context, restart func(), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch e.Trouble() {
		case None:
			next.ServeHTTP(w, r)
		case Refuses:
			http.Error(w, "ORA-00060: deadlock detected", http.StatusInternalServerError)
		case LosesAnswer:
			next.ServeHTTP(discard{http.Header{}}, r)
			panic(http.ErrAbortHandler) // net/http closes the connection
		case HangsUp:
			panic(http.ErrAbortHandler)
		case Hangs:
			select {
			case <-ctx.Done():
			case <-r.Context().Done(): // the sender has lost its patience
			}
			panic(http.ErrAbortHandler)
		case Restarts:
			restart()
			panic(http.ErrAbortHandler)
		}
	})
}

// discard takes an answer that nobody gets.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
