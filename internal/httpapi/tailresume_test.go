package httpapi

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// watching counts the streams.
func (t *Tail) watching() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.watchers)
}

// place reads up to the next id, and the block that it ends.
func (w *watcherOf) place() string {
	w.t.Helper()
	w.line("id: ")
	return w.last
}

// gone ends a stream and waits until the server knows: what is reported then is for who comes back.
func (r *rig) gone(w *watcherOf, left int) {
	r.t.Helper()
	w.end()
	for deadline := time.Now().Add(30 * time.Second); r.tail.watching() > left; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatal("a reader that has gone is still served")
		}
	}
}

// TestTailGoesOnBehindThePlace cuts streams, with and without filters, between any two events
// while more are reported, and comes back each time: every event is seen once and in order.
func TestTailGoesOnBehindThePlace(t *testing.T) {
	r := newRig(t)
	app, other := r.app("a"), r.app("b")
	ep, eq := r.endpoint(app, ""), r.endpoint(other, "")
	portal := r.portal(app, `{"capabilities":["ViewBase"]}`)
	const all = 600
	for _, c := range []struct{ token, query string }{{r.token, "?kind=attempt&status=0"}, {portal, ""}, {r.token, "?app_id=a&endpoint_id=" + ep}} {
		w := r.watch(c.token, c.query)
		w.place()
		var reporting sync.WaitGroup
		reporting.Go(func() {
			m, good := r.told(app, ep, "x", hook.Success)
			theirs, bad := r.told(other, eq, "y", hook.Failed)
			for n := range all {
				a := *good
				a.N = n
				r.tail.Attempt(m, &a)
				r.tail.Message(theirs)
				r.tail.Attempt(theirs, bad)
				if n%20 == 0 {
					time.Sleep(time.Millisecond) // so that streams also wait at the end
				}
			}
		})
		for n := 0; n < all; w = r.watchFrom(c.token, c.query, w.last) {
			for range min(1+rand.IntN(60), all-n) {
				var e api.TailEvent
				if kind := w.next(&e); kind != "attempt" || e.EventType != "x" || e.N != n {
					t.Fatalf("%s: event %d is %s %+v", c.query, n, kind, e)
				}
				w.place()
				n++
			}
			r.gone(w, 0)
		}
		reporting.Wait()
		r.gone(w, 0)
	}
}

// TestTailSaysWhatItForgot: what was pushed out, what another process knew, and what was never
// a place; then the rest comes. What another tenant caused is no gap.
func TestTailSaysWhatItForgot(t *testing.T) {
	r := newRig(t)
	app := r.app("a")
	ep := r.endpoint(app, "")
	portal := r.portal(app, `{"capabilities":["ViewBase"]}`)
	keeper := r.watch(r.token, "?kind=message") // so that it goes on remembering
	w := r.watch(portal, "")
	place := w.place()
	r.gone(w, 1)
	m, a := r.told(app, ep, "x", hook.Success)
	r.tail.Attempt(m, a)
	var e api.TailEvent
	if w = r.watchFrom(portal, "", place); w.next(&e) != "attempt" {
		t.Fatal("what happened meanwhile does not come first")
	}
	r.gone(w, 1)
	for range tailKept + 10 {
		r.tail.Attempt(m, a)
	}
	for _, c := range []struct {
		name, last string
		since      bool
	}{
		{"an old place", place, true},
		{"of another process", "zzzzzzzz" + place[strings.Index(place, "-"):], true},
		{"of an older server", "1763739000123", false},
		{"of the future", r.tail.boot + "-9000000000000000000", false},
		{"no place", "<script>", false},
	} {
		w := r.watchFrom(portal, "", c.last)
		var gap struct{ Since, Until *time.Time }
		if kind := w.next(&gap); kind != "gap" || gap.Until == nil || (gap.Since != nil) != c.since {
			t.Fatalf("%s: %s %+v", c.name, kind, gap)
		}
		if gap.Since != nil && !gap.Since.Before(*gap.Until) && !gap.Since.Equal(*gap.Until) {
			t.Errorf("%s: %+v", c.name, gap)
		}
		rest := 1
		if c.last == place {
			rest = tailKept
		}
		for n := range rest {
			if kind := w.next(&e); kind != "attempt" {
				t.Fatalf("%s: event %d is %s", c.name, n, kind)
			}
		}
		// The places behind it are known again.
		again := w.place()
		r.gone(w, 1)
		w = r.watchFrom(portal, "", again)
		r.tail.Attempt(m, a)
		if kind := w.next(&e); kind != "attempt" {
			t.Errorf("%s: then %s", c.name, kind)
		}
		r.gone(w, 1)
	}
	keeper.end()
}

// TestTailForgets: with nobody there events are kept for five minutes, and after that the memory
// is given back and nothing is recorded. A reader who comes back in time missed nothing.
func TestTailForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tail := NewTail(new(hook.Codec))
		m, a := &hook.Message{Environment: 1, Application: 2, ID: 3}, &hook.Attempt{ID: 4, Application: 2, Endpoint: 5}
		watch := func(after string) (*watcher, *api.TailGap) {
			w := &watcher{env: 1, attempts: true, messages: true, wake: make(chan struct{}, 1)}
			gap, err := tail.add(w, after)
			if err != nil {
				t.Fatal(err)
			}
			return w, gap
		}
		tail.Attempt(m, a)
		if tail.ring != nil {
			t.Error("it remembers for nobody")
		}
		w, _ := watch("")
		place := tail.nameOf(tail.place(w))
		tail.remove(w)
		time.Sleep(tailLinger - time.Second)
		tail.Attempt(m, a)
		w, gap := watch(place)
		got, at, _, _ := tail.take(w, make([]happened, 0, 10))
		if gap != nil || len(got) != 1 {
			t.Errorf("back in time: gap %v, %d events", gap, len(got))
		}
		time.Sleep(2 * time.Second) // past the end of the first five minutes
		tail.Attempt(m, a)
		if got, _, _, _ = tail.take(w, got[:0]); len(got) != 1 {
			t.Error("it forgets while somebody watches")
		}
		tail.remove(w)
		time.Sleep(tailLinger + time.Second)
		tail.Attempt(m, a)
		synctest.Wait()
		if tail.remembers.Load() || tail.ring != nil {
			t.Error("it remembers for nobody")
		}
		if _, gap = watch(tail.nameOf(at)); gap == nil || gap.Since == nil {
			t.Errorf("back too late: gap %+v", gap)
		}
		tail.Close()
	})
}

// TestTailPlacesTellNothingOfOthers: the place of who waits is the present, whenever the last
// event of somebody else was, and what comes later has a higher one.
func TestTailPlacesTellNothingOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tail := NewTail(new(hook.Codec))
		w := &watcher{env: 1, application: 7, attempts: true, wake: make(chan struct{}, 1)}
		if _, err := tail.add(w, ""); err != nil {
			t.Fatal(err)
		}
		m, a := &hook.Message{Environment: 1, Application: 2, ID: 3}, &hook.Attempt{ID: 4, Application: 2, Endpoint: 5}
		time.Sleep(time.Second)
		tail.Attempt(m, a)
		theirs := tail.last
		time.Sleep(time.Second)
		_, place, _, _ := tail.take(w, make([]happened, 0, 1))
		if place <= theirs {
			t.Errorf("the place is that of another's event")
		}
		tail.Attempt(m, a) // at the same microsecond
		if tail.last <= place {
			t.Errorf("an event at %d, of which %d was told already", tail.last, place)
		}
		tail.Close()
	})
}
