package dispatch

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// crashedOften gives the only delivery of a world crashes, as a start would have.
func crashedOften(w *world, crashes int) (at pair) {
	for at, d := range w.deliveries {
		d.Crashes = crashes
		w.deliveries[at] = d
		return at
	}
	panic("no delivery")
}

func TestDeliveryThatCrashesMoreWaitsLonger(t *testing.T) {
	for _, c := range []struct {
		name    string
		crashes int
		chance  float64
		want    time.Duration
	}{
		{"not yet", 2, 0, 0},
		{"third", 3, 0, time.Minute},
		{"third, late", 3, 1, 90 * time.Second},
		{"fourth", 4, 0, 2 * time.Minute},
		{"eighth", 8, 0, 32 * time.Minute},
		{"ninth", 9, 0, time.Hour},
		{"hundredth", 100, 0, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			var began time.Time
			var culprit pair
			run(t, Options{Chance: func() float64 { return c.chance }}, func(w *world) {
				w.app(1, 1)
				w.backlog(1, 100_001, 1)
				culprit = crashedOften(w, c.crashes)
				began = time.Now()
			}, func(w *world, d *Dispatcher) {
				rest(time.Second)
				if got := w.delivery(culprit.endpoint, culprit.message); c.want > 0 && (got.State != hook.Pending || got.Reason != hook.ReasonSenderCrashed || got.Crashes != c.crashes) {
					t.Errorf("put off: %+v", got)
				}
				rest(2 * time.Hour)
				w.mu.Lock()
				defer w.mu.Unlock()
				if len(w.attempts) != 1 {
					t.Fatalf("%d attempts, want 1", len(w.attempts))
				}
				if waited := w.attempts[0].StartedAt.Sub(began); waited < c.want || waited > c.want+time.Second {
					t.Errorf("tried after %v, want %v", waited, c.want)
				}
				if got := w.deliveries[culprit]; got.State != hook.Delivered || got.Crashes != 0 {
					t.Errorf("ended as %+v", got)
				}
			})
		})
	}
}

// TestDeliveryThatWasPutOffRetriesAsUsual: an attempt that was recorded has not crashed
// the process, so the next one follows the schedule, and is not put off once more.
func TestDeliveryThatWasPutOffRetriesAsUsual(t *testing.T) {
	var culprit pair
	run(t, Options{Chance: func() float64 { return 0 }}, func(w *world) {
		w.app(1, 1)
		w.backlog(1, 100_001, 1)
		culprit = crashedOften(w, 3)
		w.answer = status(500, hook.Failed, hook.ReasonServer)
	}, func(w *world, d *Dispatcher) {
		rest(80 * time.Second)
		if got := w.delivery(culprit.endpoint, culprit.message); got.Attempts < 2 || got.Crashes != 0 || got.Reason != hook.ReasonServer {
			t.Errorf("after its time: %+v", got) // the first retry comes after some 5 s
		}
		w.set(ok)
		rest(time.Hour)
		if got := w.delivery(culprit.endpoint, culprit.message); got.State != hook.Delivered {
			t.Errorf("in the end: %+v", got)
		}
	})
}

func TestResendThatCrashedIsGivenUp(t *testing.T) {
	run(t, Options{}, func(w *world) { w.app(1, 1) }, func(w *world, d *Dispatcher) {
		id := w.publish(1)
		rest(time.Second)
		w.mu.Lock()
		crashedOften(w, 3)
		w.mu.Unlock()
		w.resend(1, 100_001, id)
		rest(2 * time.Hour)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.attempts) != 1 || len(w.rows[100_001]) != 0 {
			t.Errorf("%d attempts and %d rows, want the first and none", len(w.attempts), len(w.rows[100_001]))
		}
		if got := w.deliveries[pair{100_001, id}]; got.State != hook.Delivered {
			t.Errorf("the pair became %+v", got)
		}
	})
}

func TestRecordedAttemptsLeaveTheJournal(t *testing.T) {
	n := 0
	run(t, Options{}, func(w *world) {
		w.app(1, 2)
		w.answer = func(ctx context.Context, a *hook.Attempt) {
			w.mu.Lock()
			n++
			answer := []func(context.Context, *hook.Attempt){ok, refused, hang}[n%3]
			w.mu.Unlock()
			answer(ctx, a)
		}
	}, func(w *world, d *Dispatcher) {
		for range 30 {
			w.publish(1)
		}
		rest(time.Hour)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.attempts) < 60 || len(w.slots) != 0 {
			t.Errorf("after %d attempts the journal has %d", len(w.attempts), len(w.slots))
		}
	})
}

// TestCulpritIsPutOff runs a real store through crashes of the process in which one
// delivery is always in flight, first fresh and then as a due row.
func TestCulpritIsPutOff(t *testing.T) {
	dir := t.TempDir()
	s := newShop(t, dir, 1)
	inFlight := make(chan struct{}, 1)
	culprit := s.publish(t) // before the dispatcher starts: it is due, and first
	r := &culpritSender{culprit: culprit, inFlight: inFlight}
	var innocent []hook.MessageID
	for crash := 1; crash <= crashesAlone; crash++ {
		_, stop := startSender(t, s, r, Options{DrainTimeout: time.Millisecond})
		innocent = append(innocent, s.publish(t), s.publish(t))
		<-inFlight
		until(t, "the innocent are delivered", func() bool { return s.states(t, innocent)[hook.Delivered] == len(innocent) })
		to := t.TempDir()
		copyAsCrashed(t, dir, to)
		stop()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		dir, s.Store = to, openStore(t, to)
		if got := delivery(t, s, culprit); got.Crashes != crash || got.State != hook.Pending {
			t.Fatalf("after crash %d: %+v", crash, got)
		}
	}
	_, stop := startSender(t, s, r, Options{})
	defer stop()
	until(t, "the culprit is put off", func() bool { return delivery(t, s, culprit).Reason == hook.ReasonSenderCrashed })
	if wait := time.Until(delivery(t, s, culprit).DueAt); wait < 30*time.Second || wait > 90*time.Second {
		t.Errorf("put off by %v", wait)
	}
	id := s.publish(t)
	until(t, "others go on", func() bool { return s.states(t, []hook.MessageID{id})[hook.Delivered] == 1 })
	for _, id := range innocent {
		if got := delivery(t, s, id); got.Crashes != 0 {
			t.Errorf("an innocent: %+v", got)
		}
	}
	select {
	case <-inFlight:
		t.Error("the culprit was tried at once")
	default:
	}
}

// culpritSender never ends the attempt of one message, and answers all others.
type culpritSender struct {
	culprit  hook.MessageID
	inFlight chan struct{} // told when that attempt has begun; room for one
}

func (c *culpritSender) Send(ctx context.Context, m *hook.Message, _ *hook.Endpoint, _ *hook.Environment, a *hook.Attempt) {
	a.StartedAt, a.URL = time.Now(), "http://127.0.0.1/"
	if m.ID == c.culprit {
		c.inFlight <- struct{}{}
		<-ctx.Done()
		a.Outcome, a.Reason, a.Error = hook.Failed, hook.ReasonTimeoutHeaders, "no answer"
		return
	}
	a.Outcome, a.Status = hook.Success, 200
}

func delivery(t testing.TB, s *shop, id hook.MessageID) hook.Delivery {
	t.Helper()
	list, err := s.Deliveries(t.Context(), s.app.ID, id)
	if err != nil || len(list) != 1 {
		t.Fatalf("deliveries %v, %v", list, err)
	}
	return list[0]
}

// copyAsCrashed copies what a crash of the process would leave in a directory.
func copyAsCrashed(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case strings.HasSuffix(path, "-shm"), strings.HasSuffix(path, ".lock"), e.Name() == "reserve":
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
