package httpapi

import "github.com/hookloft/hookloft/internal/hook"

// seats are places of one server that requests hold for long. Nobody takes more of them than
// he leaves: an environment has at most as many as are free to the others, and an
// application at most as many as are free to the others of its environment. So whoever holds
// none finds one, but for when very many hold some. It is guarded by its owner's mutex.
type seats struct {
	limit        int
	taken        int
	environments map[hook.EnvironmentID]int
	applications map[hook.ApplicationID]int
}

func newSeats(limit int) seats {
	return seats{limit: limit, environments: map[hook.EnvironmentID]int{}, applications: map[hook.ApplicationID]int{}}
}

// take takes a seat for an application, and reports false where none is left to it.
func (s *seats) take(a *hook.Application) bool {
	left := s.limit - s.taken - s.environments[a.Environment] // to the environment
	if s.applications[a.ID] >= left {
		return false
	}
	s.taken++
	s.environments[a.Environment]++
	s.applications[a.ID]++
	return true
}

// leave gives a seat back that take gave.
func (s *seats) leave(a *hook.Application) {
	s.taken--
	if s.environments[a.Environment]--; s.environments[a.Environment] == 0 {
		delete(s.environments, a.Environment)
	}
	if s.applications[a.ID]--; s.applications[a.ID] == 0 {
		delete(s.applications, a.ID)
	}
}
