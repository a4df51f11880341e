package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// application is the ERP's in hookloft.yaml.
const application = "erp"

// steps are an order's life.
var steps = [...]string{"created", "paid", "packed", "shipped"}

// Event is what the shop tells of an order.
type Event struct {
	Order struct {
		ID string `json:"id"`
	} `json:"order"`
	State string `json:"state"`
}

// Shop takes orders, and tells Hookloft of each of their steps.
type Shop struct {
	URL   string // of Hookloft
	Token string
	Out   io.Writer
	// Told is called after each step that Hookloft has taken; nil for nobody.
	Told func()
}

// clerks work at once, each on one order after another.
const clerks = 8

// Sell takes so many orders and brings each through its life. It returns at the first
// error that no repeat mends.
func (s *Shop) Sell(ctx context.Context, prefix string, orders int) error {
	if s.URL == "" || s.Token == "" {
		return fmt.Errorf("HOOKLOFT_SERVER or HOOKLOFT_TOKEN is empty")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int) // sent here, closed when there are no more
	var working sync.WaitGroup
	for range clerks {
		working.Go(func() {
			for n := range numbers {
				if err := s.live(ctx, fmt.Sprintf("%s-%04d", prefix, n)); err != nil {
					cancel(err)
				}
			}
		})
	}
	for n := range orders {
		numbers <- n
	}
	close(numbers)
	working.Wait()
	return context.Cause(ctx)
}

// live is one order's life. The next step is told once Hookloft has answered for the one
// before: that is what makes their order known.
func (s *Shop) live(ctx context.Context, order string) error {
	for _, state := range steps {
		var e Event
		e.Order.ID, e.State = order, state
		if err := s.tell(ctx, e); err != nil {
			return fmt.Errorf("%s %s: %w", order, state, err)
		}
		say(s.Out, "%s %s", order, state)
		if s.Told != nil {
			s.Told()
		}
	}
	return nil
}

// tell publishes one event, as often as it takes. Its eventId makes that safe: when Hookloft
// has taken it and the answer got lost, the repeat is answered 409.
func (s *Shop) tell(ctx context.Context, e Event) error {
	body, err := json.Marshal(map[string]any{"eventType": "order." + e.State, "eventId": e.Order.ID + "." + e.State, "payload": e})
	if err != nil {
		return err
	}
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		status, answer, err := s.post(ctx, body)
		switch {
		case err == nil && (status == http.StatusAccepted || status == http.StatusConflict):
			return nil
		case err == nil && status < 500 && status != http.StatusTooManyRequests:
			return fmt.Errorf("the server answers %d: %.200s", status, answer)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// post returns the answer; an error says that none came.
func (s *Shop) post(ctx context.Context, body []byte) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/v1/app/"+application+"/msg", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, answer, err
}
