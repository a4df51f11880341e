package webhook

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func begin(t *testing.T, s Seen, id string) State {
	t.Helper()
	state, err := s.Begin(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestMemorySeenStates(t *testing.T) {
	s, ctx := NewMemorySeen(MemorySeenOptions{}), context.Background()
	step := func(what string, want State) {
		t.Helper()
		if got := begin(t, s, "a"); got != want {
			t.Errorf("%s: state %d, want %d", what, got, want)
		}
	}
	step("never seen", Fresh)
	step("claimed", InProgress)
	s.Forget(ctx, "a")
	step("forgotten", Fresh)
	s.Done(ctx, "a")
	step("done", Handled)
	s.Forget(ctx, "a")
	step("forgetting what is done changes nothing", Handled)
	s.Done(ctx, "a")
	step("done twice", Handled)
	if got := begin(t, s, "b"); got != Fresh {
		t.Errorf("another id: state %d", got)
	}
}

func TestMemorySeenGivesAClaimToOne(t *testing.T) {
	s := NewMemorySeen(MemorySeenOptions{})
	var mu sync.Mutex
	fresh := map[string]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := range 100 {
				id := fmt.Sprint(n)
				if state, _ := s.Begin(context.Background(), id); state == Fresh {
					mu.Lock()
					fresh[id]++
					mu.Unlock()
					s.Done(context.Background(), id)
				}
			}
		})
	}
	wg.Wait()
	for id, n := range fresh {
		if n != 1 {
			t.Errorf("id %s was fresh %d times", id, n)
		}
	}
	if len(fresh) != 100 {
		t.Errorf("%d of 100 ids were fresh", len(fresh))
	}
}

func TestMemorySeenForgetsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemorySeen(MemorySeenOptions{})
		begin(t, s, "early")
		s.Done(context.Background(), "early")
		begin(t, s, "working")
		time.Sleep(95 * time.Hour)
		begin(t, s, "late")
		s.Done(context.Background(), "late")
		if got := begin(t, s, "early"); got != Handled {
			t.Errorf("after 95 h: state %d", got)
		}
		time.Sleep(time.Hour)
		if got := begin(t, s, "early"); got != Fresh {
			t.Errorf("after 96 h: state %d", got)
		}
		if got := begin(t, s, "late"); got != Handled {
			t.Errorf("an hour after it was handled: state %d", got)
		}
		if got := begin(t, s, "working"); got != InProgress {
			t.Errorf("still in progress: state %d", got)
		}
	})
}

func TestMemorySeenIsBounded(t *testing.T) {
	const maxIDs = 10
	s, ctx := NewMemorySeen(MemorySeenOptions{MaxIDs: maxIDs}), context.Background()
	begin(t, s, "working") // claims are not dropped to make room
	for n := range 1000 {
		id := fmt.Sprint(n)
		begin(t, s, id)
		s.Done(ctx, id)
		s.Done(ctx, id) // takes no second place
		if len(s.until) > maxIDs+1 || cap(s.handled) > 4*maxIDs {
			t.Fatalf("after %d ids: %d in the map, room for %d in the queue", n+1, len(s.until), cap(s.handled))
		}
	}
	for n := 990; n < 1000; n++ {
		if got := begin(t, s, fmt.Sprint(n)); got != Handled {
			t.Errorf("id %d of the last ten: state %d", n, got)
		}
	}
	if got := begin(t, s, "989"); got != Fresh {
		t.Errorf("the one before: state %d", got)
	}
	if got := begin(t, s, "working"); got != InProgress {
		t.Errorf("in progress: state %d", got)
	}
}

func BenchmarkMemorySeen(b *testing.B) {
	s, ctx := NewMemorySeen(MemorySeenOptions{}), context.Background()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		id := fmt.Sprintf("msg_%027d", n)
		s.Begin(ctx, id)
		s.Done(ctx, id)
	}
}
