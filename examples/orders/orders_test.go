//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookloft/hookloft/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// TestOrdersReachTheERP runs the example with the real binary, which is killed twice while
// the ERP fails in each of its ways: what the ERP gets of each order is in order once
// repeated webhook-ids are dropped, and its books have every step once.
//
// HOOKLOFT_TEST_ORDERS_SEED repeats a run, HOOKLOFT_TEST_ORDERS is how many orders there are.
func TestOrdersReachTheERP(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real processes; not with -short")
	}
	seed := uint64(rig.EnvInt(t, "HOOKLOFT_TEST_ORDERS_SEED", int(time.Now().UnixNano()&0xffffff)))
	orders := rig.EnvInt(t, "HOOKLOFT_TEST_ORDERS", 30)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	total := orders * len(steps)

	// The recorder stands before the ERP, and notes what comes, whatever becomes of it.
	faults := newFaults(rng, total)
	books, secret := filepath.Join(t.TempDir(), "erp.jsonl"), rig.Secret("erp")
	erp := &ERP{Listen: freeAddress(t), Books: books, Secret: secret, Out: t.Output(), Trouble: faults.next, Log: slog.New(slog.DiscardHandler)}
	seen := &recorder{t: t, steps: map[string][]string{}, ids: map[string]string{}, erp: "http://" + erp.Listen}
	front := httptest.NewServer(seen)
	defer front.Close()

	s := rig.Start(t, rig.Options{Env: []string{"ERP_URL=" + front.URL + "/bookings", "ERP_SECRET=" + secret}})
	if _, err := s.Command("apply", "-f", "hookloft.yaml", "--yes", "--server", s.URL, "--token", s.Token); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() {
		if err := erp.Run(ctx); err != nil {
			t.Error(err)
		}
	})

	told := make(chan struct{}, total)
	shop := &Shop{URL: s.URL, Token: s.Token, Out: io.Discard, Told: func() { told <- struct{}{} }}
	sold := make(chan error, 1)
	running.Go(func() { sold <- shop.Sell(ctx, "o", orders) })

	bookings := func() []Booking {
		t.Helper()
		list, _, err := readBooks(books)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}

	// Killed once while the shop publishes, and once while the ERP books.
	published, done := total/5+rng.IntN(total/5), total/5+rng.IntN(total/2)
	await(t, fmt.Sprintf("%d steps are published", published), func() bool { return len(told) >= published })
	restart(t, s)
	await(t, fmt.Sprintf("%d steps are booked", done), func() bool { return len(bookings()) >= done })
	restart(t, s)
	select {
	case err := <-sold:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(60 * time.Second):
		t.Fatal("the shop is not done within a minute")
	}

	// The ERP is well again, and somebody says so: what timed out would wait for a minute.
	await(t, "the ERP is well again", faults.isOver)
	asked := time.Time{}
	await(t, "the ERP has booked everything", func() bool {
		if time.Since(asked) < time.Second {
			return len(bookings()) >= total
		}
		asked = time.Now()
		status, text, err := s.API().Do(http.MethodPost, "/x/v1/app/erp/endpoint/bookings/order/retry", nil)
		if err != nil || status/100 != 2 {
			t.Fatalf("try the heads: %d, %v: %s", status, err, text)
		}
		return len(bookings()) >= total
	})

	booked := map[string][]string{}
	for _, b := range bookings() {
		booked[b.Order.ID] = append(booked[b.Order.ID], b.State)
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for name, got := range map[string]map[string][]string{"sent": seen.steps, "booked": booked} {
		if len(got) != orders {
			t.Errorf("%d orders were %s, want %d", len(got), name, orders)
		}
		for order, states := range got {
			if !slices.Equal(states, steps[:]) {
				t.Errorf("%s was %s as %v", order, name, states)
			}
		}
	}
	t.Logf("%d requests for %d steps", seen.requests, total)
}

// faults are a pile of cards, one of which is drawn for each request. Ten bad ones in a row would have
// Hookloft let the ERP rest, for up to a minute, so most are good. Nothing goes wrong once the pile
// is used up, and it always is: it has a card for each step, and most of those say that there will be another request.
type faults struct {
	mu    sync.Mutex
	cards []Fault
}

func newFaults(rng *rand.Rand, steps int) *faults {
	f := &faults{cards: make([]Fault, steps)}
	for i, n := range map[Fault]int{Refuses: steps / 12, HangsUp: steps / 12, LosesAnswer: steps / 12, Restarts: 2, Hangs: 2} {
		for range n {
			f.cards[slices.Index(f.cards, None)] = i
		}
	}
	rng.Shuffle(steps, func(i, j int) { f.cards[i], f.cards[j] = f.cards[j], f.cards[i] })
	return f
}

func (f *faults) next() (fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.cards) > 0 {
		fault, f.cards = f.cards[0], f.cards[1:]
	}
	return fault
}

func (f *faults) isOver() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.cards) == 0
}

// recorder notes the steps of each order as they are sent, by webhook-ids that were not
// seen before, and passes requests on, hanging up where the ERP does.
type recorder struct {
	t   *testing.T
	erp string

	mu       sync.Mutex
	requests int
	ids      map[string]string // webhook-id: the body that came with it first
	steps    map[string][]string
}

func (p *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	p.note(r.Header.Get("Webhook-Id"), body)
	out, err := http.NewRequestWithContext(r.Context(), r.Method, p.erp+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return
	}
	out.Header = r.Header.Clone()
	resp, err := passOn.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	w.WriteHeader(resp.StatusCode)
}

// passOn makes each connection anew: one that is kept would be found dead after a restart,
// and the request sent again, which is for Hookloft to do.
var passOn = &http.Transport{DisableKeepAlives: true}

func (p *recorder) note(id string, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	var e Event
	if err := json.Unmarshal(body, &e); err != nil || e.Order.ID == "" {
		p.t.Errorf("%s: %v: %.200s", id, err, body)
		return
	}
	if first, again := p.ids[id]; again {
		if first != string(body) {
			p.t.Errorf("%s came with two bodies: %s and %s", id, first, body)
		}
		return
	}
	p.ids[id] = string(body)
	p.steps[e.Order.ID] = append(p.steps[e.Order.ID], e.State)
}

// TestBooksRefuse checks the judge: the ERP's books take a step once, and only in order,
// and a line that a crash has cut is not one.
func TestBooksRefuse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "books")
	b, err := openBooks(path)
	if err != nil {
		t.Fatal(err)
	}
	event := func(state string) (e Event) {
		e.Order.ID, e.State = "o", state
		return e
	}
	cases := []struct {
		id, state string
		isNew, ok bool
	}{
		{"msg_0", "paid", false, false},
		{"msg_1", "created", true, true},
		{"msg_1", "created", false, true},
		{"msg_2", "created", false, false},
		{"msg_3", "packed", false, false},
		{"msg_4", "lost", false, false},
		{"msg_5", "paid", true, true},
	}
	for _, c := range cases {
		isNew, err := b.book(c.id, event(c.state))
		if isNew != c.isNew || (err == nil) != c.ok {
			t.Errorf("%s %s: %v, %v", c.id, c.state, isNew, err)
		}
	}
	b.close()
	if _, err := b.book("msg_6", event("packed")); err == nil {
		t.Error("closed books take a booking")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, `{"webhookId":"msg_6","order`...), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err = openBooks(path); err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if isNew, err := b.book("msg_6", event("packed")); !isNew || err != nil {
		t.Errorf("after a cut line: %v, %v", isNew, err)
	}
	list, _, err := readBooks(path)
	if err != nil || len(list) != 3 {
		t.Errorf("the books hold %v, %v", list, err)
	}
}

// TestShopStopsAtARefusal checks that the shop does not go on as if it had told.
func TestShopStopsAtARefusal(t *testing.T) {
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no such application", http.StatusNotFound)
	}))
	defer answers.Close()
	err := (&Shop{URL: answers.URL, Token: "t", Out: io.Discard}).Sell(t.Context(), "o", 3)
	if err == nil || !strings.Contains(err.Error(), "created: the server answers 404: no such application") {
		t.Errorf("got %v", err)
	}
}

// freeAddress asks the kernel for a free port. Another process could take it meanwhile;
// tests on one machine live with that.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after three minutes it is not so that %s", what)
		}
	}
}

// restart kills the server and starts it again.
func restart(t *testing.T, s *rig.Server) {
	t.Helper()
	s.Kill()
	if _, err := s.Restart(); err != nil {
		t.Fatal(err)
	}
}
