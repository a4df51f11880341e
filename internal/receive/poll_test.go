package receive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// pollWorld is a document, and a store in memory whose writes may fail, kept or not.
type pollWorld struct {
	*clockwork
	answer   func(PollRequest) (PollAnswer, error)
	asked    []PollRequest
	times    []time.Time
	bodies   []string // published
	state    []byte
	rejected []*hook.Rejection
	fault    func() (before, after bool) // of a write; nil for none
	options  Options
	flying   int
	most     int
}

func newPollWorld(values map[string]string) *pollWorld {
	now := time.Now()
	return &pollWorld{clockwork: newClockwork(&hook.Source{ID: 1, Type: hook.PollSource, CreatedAt: now, UpdatedAt: now, Config: hook.SourceConfig{Values: values}})}
}

var errNotKept = errors.New("broken")

func (w *pollWorld) write(do func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var before, after bool
	if w.fault != nil {
		before, after = w.fault()
	}
	if before {
		return errNotKept
	}
	do()
	if after {
		return errNotKept
	}
	return nil
}

func (w *pollWorld) SourcesOfType(_ context.Context, typ string) ([]*hook.Source, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if typ == hook.PollSource {
		return w.list, nil
	}
	return nil, nil
}

func (w *pollWorld) PollState(context.Context, hook.SourceID) (*hook.PollState, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	state := &hook.PollState{}
	if w.state == nil {
		return state, nil
	}
	return state, json.Unmarshal(w.state, state)
}

func (w *pollWorld) SavePollState(_ context.Context, _ hook.SourceID, state *hook.PollState) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return w.write(func() { w.state = text })
}

func (w *pollWorld) Append(_ context.Context, p *store.Publication) (done store.Appended, err error) {
	err = w.write(func() {
		if w.keys[p.Key.Hash] {
			done.Replayed = true
			return
		}
		w.keys[p.Key.Hash] = true
		w.bodies = append(w.bodies, string(p.Message.RawBody))
	})
	return done, err
}

func (w *pollWorld) SaveVisits(ctx context.Context, counts []hook.SourceCount, rejections []*hook.Rejection) error {
	w.mu.Lock()
	w.rejected = append(w.rejected, rejections...)
	w.mu.Unlock()
	return w.clockwork.SaveVisits(ctx, counts, nil)
}

func (w *pollWorld) fetch(ctx context.Context, r PollRequest) (PollAnswer, error) {
	w.mu.Lock()
	w.flying++
	w.most = max(w.most, w.flying)
	w.asked, w.times = append(w.asked, r), append(w.times, time.Now())
	answer := w.answer
	w.mu.Unlock()
	defer func() { w.mu.Lock(); w.flying--; w.mu.Unlock() }()
	if answer == nil {
		<-ctx.Done()
		return PollAnswer{}, ctx.Err()
	}
	return answer(r)
}

// run polls for a time.
func (w *pollWorld) run(t *testing.T, d time.Duration) {
	r := New(Deps{Sources: w, Plans: w, Ledger: w, Visits: w, Polls: w, Fetch: w.fetch}, w.options)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	time.Sleep(d)
	cancel()
	if err := <-done; err != nil && w.fault == nil {
		t.Errorf("run: %v", err)
	}
}

func document(text string) func(PollRequest) (PollAnswer, error) {
	return func(PollRequest) (PollAnswer, error) { return PollAnswer{Status: 200, Body: []byte(text)}, nil }
}

func TestPollPublishesChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(map[string]string{"url": "https://example.com/", "interval": "10s"})
		for _, text := range []string{"a", "a", "b", "b", "a", "c"} {
			w.answer = document(text)
			w.run(t, 25*time.Second) // each a restart, too
		}
		if got := strings.Join(w.bodies, " "); got != "b a c" {
			t.Errorf("published %q, want each change once and not the first sight", got)
		}
		if n := len(w.asked); n < 12 || n > 24 {
			t.Errorf("asked %d times in 150 s", n)
		}
	})
}

func TestPollDeliversTheFirstSightWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(map[string]string{"url": "https://example.com/", "interval": "10", "first": "deliver"})
		w.answer = document("a")
		w.run(t, time.Minute)
		w.run(t, time.Minute)
		if got := strings.Join(w.bodies, " "); got != "a" {
			t.Errorf("published %q", got)
		}
	})
}

func TestPollAsksForChangesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(map[string]string{"url": "https://example.com/", "interval": "10s", "headers": `{"Authorization":"x"}`})
		w.answer = func(r PollRequest) (PollAnswer, error) {
			if r.ETag == `"1"` && r.LastModified == "then" {
				return PollAnswer{Status: 304}, nil
			}
			return PollAnswer{Status: 200, Body: []byte("a"), ETag: `"1"`, LastModified: "then"}, nil
		}
		w.run(t, time.Minute)
		last := w.asked[len(w.asked)-1]
		if last.ETag != `"1"` || last.Header["Authorization"] != "x" || len(w.bodies) != 0 || len(w.rejected) != 0 {
			t.Errorf("asked %+v, published %q, rejected %d", last, w.bodies, len(w.rejected))
		}
		// Another URL is another document.
		w.list[0] = &hook.Source{ID: 1, Type: hook.PollSource, UpdatedAt: time.Now(), Config: hook.SourceConfig{Values: map[string]string{"url": "https://example.com/other", "interval": "10s"}}}
		w.answer = document("z")
		w.run(t, 5*time.Second)
		if last := w.asked[len(w.asked)-1]; last.ETag != "" || len(w.bodies) != 0 {
			t.Errorf("at another URL: asked %+v, published %q", last, w.bodies)
		}
	})
}

func TestPollWatchesOneValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(map[string]string{"url": "https://example.com/", "interval": "10s", "value_path": "rows.0.n"})
		for _, text := range []string{`{"rows":[{"n":9007199254740993}],"at":1}`, `{"at":2,"rows":[{"n": 9007199254740993}]}`, `{"rows":[{"n":9007199254740992}]}`, `{"rows":[]}`, `no JSON`} {
			w.answer = document(text)
			w.run(t, 15*time.Second)
		}
		if len(w.bodies) != 1 || w.bodies[0] != `{"rows":[{"n":9007199254740992}]}` {
			t.Errorf("published %q", w.bodies)
		}
		if n := len(w.rejected); n < 2 || !strings.Contains(w.rejected[0].Reason, "rows.0.n") {
			t.Errorf("%d failures are in the log", n)
		}
	})
}

func TestPollBoundsADocument(t *testing.T) {
	for _, c := range []struct {
		name       string
		option     int
		want       int
		length     int
		isRejected bool
	}{
		{"up to the bound", 2000, 2000, 2000, false},
		{"beyond the bound", 2000, 2000, 2001, true},
		{"a larger bound is 1 MiB", 16 << 20, 1 << 20, 1<<20 + 1, true},
		{"no bound is 1 MiB", 0, 1 << 20, 1 << 20, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newPollWorld(map[string]string{"url": "https://example.com/", "interval": "10s", "first": "deliver"})
				w.options.MaxPollBytes = c.option
				w.answer = func(r PollRequest) (PollAnswer, error) {
					n := min(c.length, r.MaxBytes)
					return PollAnswer{Status: 200, Body: make([]byte, n), IsCut: n < c.length}, nil
				}
				w.run(t, 5*time.Second)
				if len(w.asked) != 1 || w.asked[0].MaxBytes != c.want {
					t.Fatalf("asked %d times, the first for %+v", len(w.asked), w.asked)
				}
				switch reason := fmt.Sprintf("the document has more than %d bytes", c.want); {
				case !c.isRejected && (len(w.rejected) != 0 || len(w.bodies) != 1):
					t.Errorf("published %d, rejected %d", len(w.bodies), len(w.rejected))
				case c.isRejected && (len(w.bodies) != 0 || len(w.rejected) != 1 || w.rejected[0].Reason != reason):
					t.Errorf("published %d, rejected %+v", len(w.bodies), w.rejected)
				}
			})
		})
	}
}

func TestPollFailuresAreSeenAndRare(t *testing.T) {
	cases := map[string]struct {
		answer func(PollRequest) (PollAnswer, error)
		want   string
	}{
		"status":   {func(PollRequest) (PollAnswer, error) { return PollAnswer{Status: 500, Body: []byte("oops")}, nil }, "answered 500"},
		"redirect": {func(PollRequest) (PollAnswer, error) { return PollAnswer{Status: 301}, nil }, "not followed"},
		"error":    {func(PollRequest) (PollAnswer, error) { return PollAnswer{}, errors.New("connection refused") }, "refused"},
		"too long": {func(PollRequest) (PollAnswer, error) { return PollAnswer{Status: 200, IsCut: true}, nil }, "more than 1048576"},
		"304":      {func(PollRequest) (PollAnswer, error) { return PollAnswer{Status: 304}, nil }, "not asked"},
		"hung":     {nil, "could not be fetched"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newPollWorld(map[string]string{"url": "https://example.com/", "interval": "10s"})
				w.answer = c.answer
				w.run(t, time.Hour)
				if len(w.rejected) == 0 || !strings.Contains(w.rejected[0].Reason, c.want) {
					t.Fatalf("the log has %+v", w.rejected)
				}
				if n := len(w.asked); n < 8 || n > 20 {
					t.Errorf("asked %d times in an hour", n)
				}
				if w.most != 1 {
					t.Errorf("%d fetches at once", w.most)
				}
			})
		})
	}
}

func TestPollsOfAHungServerAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(nil)
		w.list = nil
		for i := range 50 {
			w.list = append(w.list, &hook.Source{ID: hook.SourceID(i + 1), Type: hook.PollSource, Config: hook.SourceConfig{Values: map[string]string{"url": "https://example.com/", "interval": "10s"}}})
		}
		w.run(t, 10*time.Minute)
		if w.most > maxPolls {
			t.Errorf("%d fetches at once", w.most)
		}
		if len(w.asked) < 50 {
			t.Errorf("only %d of 50 sources were fetched", len(w.asked))
		}
	})
}

// Whatever writes fail, kept or not, and wherever the process ends: each change that is
// published is published once, in order, and the last is.
func TestPollSurvivesFaults(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			w := newPollWorld(map[string]string{"url": "https://example.com/", "interval": "10s"})
			w.fault = func() (bool, bool) { return random.IntN(4) == 0, random.IntN(4) == 0 }
			version := 0
			w.answer = func(PollRequest) (PollAnswer, error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				version += random.IntN(2)
				return PollAnswer{Status: 200, Body: fmt.Appendf(nil, "%d", version)}, nil
			}
			for range 30 {
				w.run(t, time.Duration(1+random.IntN(40))*time.Second)
			}
			w.fault = nil
			w.answer = document("end")
			w.run(t, 3*time.Minute)
			before := -1
			for i, body := range w.bodies {
				n := 0
				if i == len(w.bodies)-1 {
					if body != "end" {
						t.Fatalf("seed %d: the last change is %q", seed, body)
					}
					break
				}
				if _, err := fmt.Sscan(body, &n); err != nil || n <= before {
					t.Fatalf("seed %d: published %q", seed, w.bodies)
				}
				before = n
			}
			if len(w.bodies) < 5 {
				t.Errorf("seed %d: only %q was published", seed, w.bodies)
			}
		})
	}
}

func TestPollConfigIsChecked(t *testing.T) {
	good := map[string]string{"url": "https://example.com/", "interval": "5m"}
	for _, c := range []struct{ name, value, at string }{
		{"url", "", "[config url]"}, {"url", "ftp://x", "[config url]"}, {"interval", "9s", "[config interval]"}, {"interval", "often", "[config interval]"}, {"interval", "", "[config interval]"},
		{"schedule", "0 9 * * *", "[config schedule]"}, {"headers", "[]", "[config headers]"}, {"headers", `{"a b":"c"}`, "[config headers a b]"}, {"headers", `{"host":"c"}`, "[config headers host]"},
		{"headers", `{"a":"b\nc"}`, "[config headers a]"}, {"value_path", "a..b", "[config valuePath]"}, {"first", "maybe", "[config first]"}, {"event_type", "a b", "[config eventType]"}, {"payload", "x", "[config payload]"},
	} {
		values := map[string]string{}
		for k, v := range good {
			values[k] = v
		}
		values[c.name] = c.value
		err := Check(&hook.Source{Type: hook.PollSource, Config: hook.SourceConfig{Values: values}})
		if err == nil || !strings.HasPrefix(err.Error(), c.at) {
			t.Errorf("%s=%q: %v, want %s", c.name, c.value, err, c.at)
		}
	}
	if err := Check(&hook.Source{Type: hook.PollSource, Config: hook.SourceConfig{Values: good}}); err != nil {
		t.Error(err)
	}
	// There is no 31st of February: such a source would be there and never fetch.
	for _, schedule := range []string{"0 9 31 2 *", ", * * * *"} {
		err := Check(&hook.Source{Type: hook.PollSource, Config: hook.SourceConfig{Values: map[string]string{"url": "https://example.com/", "schedule": schedule}}})
		if err == nil || err.Error() != "[config schedule]: never fires" {
			t.Errorf("schedule %q: %v", schedule, err)
		}
	}
	if err := Check(&hook.Source{Type: hook.PollSource, Config: hook.SourceConfig{Values: map[string]string{"url": "http://example.com/", "schedule": "*/5 * * * *"}}}); err != nil {
		t.Error(err)
	}
}

// TestServerThatHangsDelaysThoseWhoAskIt: forty sources at one server leave room for one at
// another; of what is overdue the longest begins first.
func TestServerThatHangsDelaysThoseWhoAskIt(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	known := map[hook.SourceID]*poller{}
	add := func(id int, url string, late time.Duration) *poller {
		s := &hook.Source{ID: hook.SourceID(id), Environment: 1}
		s.Config.Values = map[string]string{pollURL: url}
		known[s.ID] = &poller{source: s, next: now.Add(-late)}
		return known[s.ID]
	}
	for i := range 40 {
		add(i, fmt.Sprintf("https://Hangs.example/%d", i), time.Hour).isBusy = i < maxPollsOfServer
	}
	second, first := add(50, "https://b.example/", time.Second), add(51, "https://a.example/", time.Minute)
	add(52, "https://a.example/", -time.Minute)
	begin, wait := duePolls(known, now, maxPolls-maxPollsOfServer)
	if !slices.Equal(begin, []*poller{first, second}) || wait != time.Minute {
		t.Errorf("%d begin, the next after %v", len(begin), wait)
	}
	if begin, _ := duePolls(known, now, 1); len(begin) != 1 || begin[0] != first {
		t.Errorf("with room for one %d begin", len(begin))
	}
}
