package receive

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// clockwork is sources, plans, ledger and visits in memory, so that schedules can be
// watched inside a bubble of synctest. What it remembers outlives a restart.
type clockwork struct {
	mu     sync.Mutex
	list   []*hook.Source
	loads  int
	broken error
	keys   map[[16]byte]bool
	slots  []string
	counts map[string]int64
	saves  int
}

func (c *clockwork) SourceOf(context.Context, hook.SourceID) (*hook.Source, error) {
	return nil, hook.Errorf(hook.NotFound, "not found")
}

func (c *clockwork) UpdateSource(context.Context, hook.SourceID, *store.Receipt, func(*hook.Source) error) (*hook.Source, error) {
	return nil, hook.Errorf(hook.NotFound, "not found")
}

func (c *clockwork) Codec() *hook.Codec {
	codec, err := hook.NewCodec(make([]byte, 16))
	if err != nil {
		panic(err)
	}
	return codec
}

func (c *clockwork) SourcesOfType(_ context.Context, typ string) ([]*hook.Source, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loads++
	if typ != hook.CronSource {
		return nil, errors.New("only schedules are asked for")
	}
	return slices.Clone(c.list), nil
}

func (c *clockwork) PlanOf(_ context.Context, app hook.ApplicationID) (*store.Plan, error) {
	return &store.Plan{Environment: &hook.Environment{}, Application: &hook.Application{ID: app}}, nil
}

func (c *clockwork) Append(_ context.Context, p *store.Publication) (store.Appended, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return store.Appended{}, c.broken
	}
	if c.keys[p.Key.Hash] {
		return store.Appended{Replayed: true}, nil
	}
	c.keys[p.Key.Hash] = true
	c.slots = append(c.slots, p.Message.Inbound.DeliveryID+" "+string(p.Message.RawBody)+" "+p.Message.ContentType+" "+p.Message.EventType)
	return store.Appended{ID: 1}, nil
}

func (c *clockwork) AppendAll(context.Context, []*store.Publication) ([]store.Appended, error) {
	return nil, errors.New("a slot is one message")
}

func (c *clockwork) SaveVisits(_ context.Context, counts []hook.SourceCount, _ []*hook.Rejection) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saves++
	if c.broken != nil {
		return c.broken
	}
	for _, one := range counts {
		c.counts[one.Verdict.String()] += one.N
	}
	return nil
}

func (c *clockwork) fired() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.slots)
}

func (c *clockwork) counted(verdict string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[verdict]
}

func (c *clockwork) calls() (loads, saves int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loads, c.saves
}

func (c *clockwork) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

func newClockwork(list ...*hook.Source) *clockwork {
	return &clockwork{list: list, keys: map[[16]byte]bool{}, counts: map[string]int64{}}
}

// start runs a Receiver until stop.
func (c *clockwork) start(t *testing.T) (r *Receiver, stop func()) {
	r = New(Deps{Sources: c, Plans: c, Ledger: c, Visits: c}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, func() {
		cancel()
		if err := <-done; err != nil && c.failure() == nil {
			t.Errorf("run: %v", err)
		}
	}
}

func schedule(id hook.SourceID, text string, made time.Time) *hook.Source {
	return &hook.Source{
		ID: id, Type: hook.CronSource, CreatedAt: made, UpdatedAt: made,
		Config: hook.SourceConfig{Values: map[string]string{"schedule": text, "payload": "p"}},
	}
}

// In a bubble it is 2000-01-01 00:00:00 UTC at the start.
func TestScheduleFiresEachSlotOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(schedule(1, "*/5 * * * *", time.Now()))
		_, stop := c.start(t)
		time.Sleep(16 * time.Minute)
		stop()
		want := []string{"2000-01-01T00:05:00Z p application/json cron", "2000-01-01T00:10:00Z p application/json cron", "2000-01-01T00:15:00Z p application/json cron"}
		if got := c.fired(); !slices.Equal(got, want) {
			t.Fatalf("fired %q, want %q", got, want)
		}
		if c.counted("accepted") != 3 {
			t.Errorf("counted %d accepted", c.counted("accepted"))
		}
		// Down from 00:16:00 to 00:20:30: the slot of 00:20 is made up.
		time.Sleep(4*time.Minute + 30*time.Second)
		_, stop = c.start(t)
		synctest.Wait()
		if got := c.fired(); len(got) != 4 || !strings.HasPrefix(got[3], "2000-01-01T00:20:00Z") {
			t.Fatalf("fired %q after the restart, want the slot that was missed", got)
		}
		stop()
		// A restart within the minute finds the key and adds nothing.
		_, stop = c.start(t)
		synctest.Wait()
		stop()
		if got := c.fired(); len(got) != 4 || c.counted("duplicate") != 1 {
			t.Fatalf("fired %q, %d duplicates; want the same slot no second time", got, c.counted("duplicate"))
		}
		// Down for longer than half the time between slots: it is left out.
		time.Sleep(8 * time.Minute)
		_, stop = c.start(t)
		synctest.Wait()
		stop()
		if got := c.fired(); len(got) != 4 {
			t.Errorf("fired %q, want no slot that is so old", got)
		}
	})
}

func TestScheduleOfEveryIsNotMovedByARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(schedule(1, "@every 90m", time.Now()))
		for range 4 {
			_, stop := c.start(t)
			time.Sleep(50 * time.Minute)
			stop()
		}
		if got := c.fired(); len(got) != 2 || !strings.HasPrefix(got[0], "2000-01-01T01:30:00Z") || !strings.HasPrefix(got[1], "2000-01-01T03:00:00Z") {
			t.Errorf("fired %q, want 01:30 and 03:00", got)
		}
	})
}

func TestScheduleIsReadAnewWhenWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork()
		r, stop := c.start(t)
		defer stop()
		time.Sleep(24 * time.Hour)
		if loads, _ := c.calls(); loads != 1 {
			t.Fatalf("looked %d times in a day without schedules, want once", loads)
		}
		time.Sleep(30 * time.Second)
		c.mu.Lock()
		// Made at 00:00:30; the slot of 00:00 was before it.
		c.list = []*hook.Source{schedule(1, "* * * * *", time.Now()), schedule(2, "nonsense", time.Now())}
		c.mu.Unlock()
		r.Wake()
		time.Sleep(2 * time.Minute)
		if got := c.fired(); len(got) != 2 || !strings.HasPrefix(got[0], "2000-01-02T00:01:00Z") {
			t.Errorf("fired %q, want 00:01 and 00:02", got)
		}
		c.mu.Lock()
		c.list = nil
		c.mu.Unlock()
		r.Wake()
		time.Sleep(time.Hour)
		if got := c.fired(); len(got) != 2 {
			t.Errorf("fired %q after it was deleted", got)
		}
	})
}

func TestScheduleIsTriedAgainWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(schedule(1, "0 * * * *", time.Now()))
		_, stop := c.start(t)
		defer stop()
		time.Sleep(59 * time.Minute)
		c.mu.Lock()
		c.broken = hook.Errorf(hook.StorageFull, "full")
		c.mu.Unlock()
		time.Sleep(time.Minute + 20*time.Second)
		c.mu.Lock()
		c.broken = nil
		c.mu.Unlock()
		time.Sleep(2 * time.Second)
		if got := c.fired(); len(got) != 1 || !strings.HasPrefix(got[0], "2000-01-01T01:00:00Z") {
			t.Errorf("fired %q, want the slot of 01:00 once the store works", got)
		}
	})
}

// TestAccountIsSavedTogether watches when visits are saved, and that a failed save loses none.
func TestAccountIsSavedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork()
		r, stop := c.start(t)
		visit := func(n int) {
			for range n {
				r.visits.count(hook.SourceCount{Source: 1, Hour: time.Now(), Verdict: hook.Accepted, N: 1})
			}
		}
		time.Sleep(time.Hour)
		if _, saves := c.calls(); saves != 0 {
			t.Errorf("saved %d times while nothing came in", saves)
		}
		visit(1000)
		time.Sleep(2 * time.Second)
		if _, saves := c.calls(); saves != 1 || c.counted("accepted") != 1000 {
			t.Errorf("saved %d times, %d visits; want 1000 at once", saves, c.counted("accepted"))
		}
		c.mu.Lock()
		c.broken = errors.New("no disk")
		c.mu.Unlock()
		visit(10)
		time.Sleep(5 * time.Second)
		c.mu.Lock()
		c.broken = nil
		c.mu.Unlock()
		visit(5)
		time.Sleep(time.Minute)
		if c.counted("accepted") != 1015 {
			t.Errorf("%d after a save that failed, want 1015", c.counted("accepted"))
		}
		visit(7)
		stop()
		if c.counted("accepted") != 1022 {
			t.Errorf("%d after the end, want 1022", c.counted("accepted"))
		}
	})
}

func TestRejectionsAreSampled(t *testing.T) {
	a := newAccount()
	for range maxKeptRejections * 2 {
		a.keep(&hook.Rejection{Body: make([]byte, hook.MaxRejectedBody)})
	}
	if a.bytes > maxKeptBytes || len(a.rejections) > maxKeptRejections || len(a.rejections) == 0 {
		t.Errorf("%d rejections of %d bytes are kept", len(a.rejections), a.bytes)
	}
	w := newWorld(t, Options{})
	now := time.Now()
	w.set(func() { w.now = now })
	s := w.source("stripe", stripeSecret)
	for range 50 {
		if got := w.post(s, strings.Repeat("x", 20<<10)); got.status != 401 {
			t.Fatal(got)
		}
	}
	list := w.rejections(s)
	if len(list) != samplesPerSource || len(list[0].Body) != hook.MaxRejectedBody || !list[0].BodyTruncated {
		t.Errorf("%d samples, want %d, each cut", len(list), samplesPerSource)
	}
	if got := w.account(s); got["rejected: a signature header is missing or empty"] != 50 {
		t.Errorf("account %v, want all 50", got)
	}
}

// A change of name or settings just after a slot does not lose it.
func TestChangeAroundASlotDoesNotLoseIt(t *testing.T) {
	w := newWorld(t, Options{})
	slot := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	s := &hook.Source{ID: 1, Type: hook.CronSource, CreatedAt: slot.Add(-48 * time.Hour), UpdatedAt: slot.Add(-48 * time.Hour)}
	s.Config.Values = map[string]string{cronSchedule: "0 0 * * *"}
	known := w.receiver.schedules([]*hook.Source{s}, nil)
	known[1].after = slot.Add(-24 * time.Hour)
	renamed := *s
	renamed.Name, renamed.UpdatedAt = "other", slot.Add(5*time.Millisecond)
	known = w.receiver.schedules([]*hook.Source{&renamed}, known)
	if got := known[1].next(known[1].after); !got.Equal(slot) {
		t.Errorf("the next slot is %v, want %v", got, slot)
	}
	moved := renamed
	moved.Config.Values = map[string]string{cronSchedule: "0 1 * * *"}
	known = w.receiver.schedules([]*hook.Source{&moved}, known)
	if got := known[1].next(known[1].after); !got.Equal(slot.Add(time.Hour)) {
		t.Errorf("with another schedule the next slot is %v", got)
	}
	for text, want := range map[string]time.Duration{"* * * * *": time.Minute, "*/10 * * * *": 5 * time.Minute, "0 0 * * *": time.Hour, "@yearly": time.Hour} {
		schedule, _ := parseSchedule(text)
		if got := (&slots{source: s, schedule: schedule}).late(slot); got != want {
			t.Errorf("%s may be %v late, want %v", text, got, want)
		}
	}
}
