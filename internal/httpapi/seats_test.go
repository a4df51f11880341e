package httpapi

import (
	"testing"

	"github.com/hookloft/hookloft/internal/hook"
)

// TestSeatsAreLeftToOthers: whatever one application takes, others of its environment find some,
// and whatever an environment takes, others do.
func TestSeatsAreLeftToOthers(t *testing.T) {
	s := newSeats(256)
	fill := func(env hook.EnvironmentID, app hook.ApplicationID) (n int) {
		for s.take(&hook.Application{ID: app, Environment: env}) {
			n++
		}
		return n
	}
	for _, c := range []struct {
		env   hook.EnvironmentID
		app   hook.ApplicationID
		least int
	}{{1, 11, 80}, {1, 12, 20}, {1, 13, 5}, {2, 21, 30}, {3, 31, 15}} {
		if n := fill(c.env, c.app); n < c.least || n > 256/3+1 {
			t.Errorf("application %d has %d seats, want %d at least and a third at most", c.app, n, c.least)
		}
	}
	for app := range hook.ApplicationID(1000) {
		fill(1, 100+app)
	}
	if got := s.environments[1]; got > 128 {
		t.Errorf("one environment has %d of 256", got)
	}
	for app, n := range s.applications {
		for env, its := range map[hook.EnvironmentID][]hook.ApplicationID{2: {21}, 3: {31}} {
			if its[0] == app {
				for range n {
					s.leave(&hook.Application{ID: app, Environment: env})
				}
			}
		}
	}
	for app, n := range s.applications {
		for range n {
			s.leave(&hook.Application{ID: app, Environment: 1})
		}
	}
	if s.taken != 0 || len(s.environments) != 0 || len(s.applications) != 0 {
		t.Errorf("after all have left: %+v", s)
	}
}

func TestManySmallOnesFindSeats(t *testing.T) {
	s := newSeats(256)
	for app := range hook.ApplicationID(128) {
		if !s.take(&hook.Application{ID: app + 1, Environment: 1}) {
			t.Fatalf("the first seat of application %d is refused", app+1)
		}
	}
}
