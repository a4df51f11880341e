package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// board is a store.Announcements in memory.
type board struct {
	mu   sync.Mutex
	rows []*hook.Announcement
	wake func()
	// errs are returned by the next calls of Announced, before anything is removed.
	errs  []error
	reads int
}

func (b *board) Announcements(_ context.Context, limit int) ([]*hook.Announcement, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads++
	return slices.Clone(b.rows[:min(limit, len(b.rows))]), nil
}

func (b *board) Announced(_ context.Context, rows []*hook.Announcement) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.errs) > 0 {
		err := b.errs[0]
		b.errs = b.errs[1:]
		return err
	}
	b.rows = slices.DeleteFunc(b.rows, func(r *hook.Announcement) bool { return slices.Contains(rows, r) })
	return nil
}

func (b *board) OnAnnounce(f func()) { b.wake = f }

func (b *board) add(rows ...*hook.Announcement) {
	b.mu.Lock()
	b.rows = append(b.rows, rows...)
	b.mu.Unlock()
	b.wake()
}

func (b *board) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.rows)
}

func (b *board) row(id hook.Key, ep hook.EndpointID) *hook.Announcement {
	return &hook.Announcement{ID: id, Environment: 3, Type: hook.EndpointUpdated, Application: 9, Endpoint: ep}
}

// announced is the payloads of what was published, in order.
func (s *shop) announced() (payloads []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.appended {
		payloads = append(payloads, string(p.Message.Payload))
	}
	return payloads
}

// newAnnouncing is a shop whose environment 3 has an operational application, a board, and
// an Announcer between them whose payloads are the rows' ids.
func newAnnouncing() (*shop, *board, *Announcer) {
	s, b := newShop(), &board{}
	s.apps["operational"] = &hook.Application{ID: 3, Environment: 3, Version: 1}
	encode := func(a *hook.Announcement) ([]byte, error) {
		if a.Type == "" {
			return nil, errors.New("unknown type")
		}
		return fmt.Appendf(nil, `{"id":%d}`, a.ID), nil
	}
	return s, b, NewAnnouncer(New(s, s, s, Options{}), b, encode, nil)
}

func announce(t *testing.T, f func(s *shop, b *board, rest func(time.Duration))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, b, a := newAnnouncing()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		f(s, b, func(d time.Duration) {
			synctest.Wait()
			if d > 0 {
				time.Sleep(d)
				synctest.Wait()
			}
		})
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAnnouncerPublishesAndRemoves(t *testing.T) {
	announce(t, func(s *shop, b *board, rest func(time.Duration)) {
		rest(0)
		b.add(b.row(1, 5), b.row(2, 5), b.row(3, 5))
		rest(0)
		if got := s.announced(); !slices.Equal(got, []string{`{"id":1}`, `{"id":2}`, `{"id":3}`}) || b.left() != 0 {
			t.Fatalf("published %v, left %d", got, b.left())
		}
		m := s.appended[0].Message
		if m.Application != 3 || m.Environment != 3 || m.EventType != hook.EndpointUpdated || s.appended[0].Key == nil {
			t.Errorf("published %+v under %v", m, s.appended[0].Key)
		}
		reads := b.reads
		rest(24 * time.Hour)
		if b.reads != reads {
			t.Errorf("read %d times while there was nothing to tell", b.reads-reads)
		}
	})
}

func TestAnnouncerTellsMoreThanABatch(t *testing.T) {
	announce(t, func(s *shop, b *board, rest func(time.Duration)) {
		var rows []*hook.Announcement
		for i := range hook.Key(3*announceBatch + 7) {
			rows = append(rows, b.row(i+1, hook.EndpointID(i%10)))
		}
		rest(0)
		b.add(rows...)
		rest(0)
		if n := len(s.announced()); n != len(rows) || b.left() != 0 {
			t.Fatalf("published %d of %d, left %d", n, len(rows), b.left())
		}
		last := map[hook.EndpointID]hook.Key{} // what is about the same comes in order
		for _, p := range s.announced() {
			var id hook.Key
			if _, err := fmt.Sscanf(p, `{"id":%d}`, &id); err != nil {
				t.Fatal(err)
			}
			ep := rows[id-1].Endpoint
			if id <= last[ep] {
				t.Errorf("row %d of endpoint %d was published after row %d", id, ep, last[ep])
			}
			last[ep] = id
		}
	})
}

func TestAnnouncerRepeatsNothing(t *testing.T) {
	announce(t, func(s *shop, b *board, rest func(time.Duration)) {
		rest(0)
		b.errs = []error{errors.New("removed nothing"), errors.New("removed nothing")}
		b.add(b.row(1, 5), b.row(2, 6))
		rest(0)
		if len(s.announced()) != 2 || b.left() != 2 {
			t.Fatalf("published %v, left %d: the trouble did not happen", s.announced(), b.left())
		}
		rest(time.Minute)
		if got := s.announced(); len(got) != 2 || b.left() != 0 {
			t.Errorf("published %v, left %d", got, b.left())
		}
	})
}

func TestAnnouncerWaitsForAStoreInTrouble(t *testing.T) {
	announce(t, func(s *shop, b *board, rest func(time.Duration)) {
		rest(0)
		s.appendErrs = []error{hook.Errorf(hook.StorageFull, "full"), hook.Errorf(hook.Overloaded, "busy"), errors.New("disk")}
		// What is about the same is not told out of order, though the second would succeed.
		b.add(b.row(1, 5), b.row(2, 5))
		rest(0)
		if len(s.announced()) != 0 || b.left() != 2 {
			t.Fatalf("published %v, left %d", s.announced(), b.left())
		}
		rest(time.Minute)
		if got := s.announced(); !slices.Equal(got, []string{`{"id":1}`, `{"id":2}`}) || b.left() != 0 {
			t.Errorf("published %v, left %d", got, b.left())
		}
	})
}

func TestAnnouncerDropsWhatNobodyCanBeTold(t *testing.T) {
	cases := map[string]*hook.Announcement{
		"task gone":        {ID: 1, Environment: 3, Type: hook.BackgroundTaskFinished, TaskID: 7},
		"environment gone": {ID: 1, Environment: 4, Type: hook.EndpointCreated},
		"cannot be said":   {ID: 1, Environment: 3},
		"breaks a rule":    {ID: 1, Environment: 3, Type: "a b"},
	}
	for name, row := range cases {
		announce(t, func(s *shop, b *board, rest func(time.Duration)) {
			rest(0)
			b.add(row, b.row(2, 5))
			rest(0)
			if got := s.announced(); !slices.Equal(got, []string{`{"id":2}`}) || b.left() != 0 {
				t.Errorf("%s: published %v, left %d; it must not stand in the way", name, got, b.left())
			}
		})
	}
}

func TestAnnouncerEndsWithItsStore(t *testing.T) {
	s, b, a := newAnnouncing()
	b.rows = []*hook.Announcement{b.row(1, 5)}
	s.appendErrs = []error{hook.Errorf(hook.Closed, "closed")}
	if err := a.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnnouncementKeysAreApart(t *testing.T) {
	keys := map[[16]byte]bool{}
	for _, r := range []*hook.Announcement{{ID: 1, Environment: 3}, {ID: 2, Environment: 3}, {ID: 1, Environment: 4}} {
		k := announcementKey(r, []byte("{}"))
		if keys[k.Hash] || k.Life <= hook.EventIDLife {
			t.Errorf("%+v has %+v", r, k)
		}
		keys[k.Hash] = true
	}
	a, b := announcementKey(&hook.Announcement{ID: 1}, []byte("{}")), announcementKey(&hook.Announcement{ID: 1}, []byte("{}"))
	if *a != *b {
		t.Error("the same row has two keys")
	}
}
