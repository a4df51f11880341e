package fanout

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func plan(endpoints ...*hook.Endpoint) *store.Plan {
	return &store.Plan{Application: &hook.Application{ID: 7}, Endpoints: endpoints}
}

func TestPlanFollowsFilters(t *testing.T) {
	later := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	cases := []struct {
		name, why string
		endpoint  hook.Endpoint
		message   hook.Message
		want      []hook.Delivery
	}{
		{"no filters", "nil means all", hook.Endpoint{ID: 1}, hook.Message{EventType: "a"},
			[]hook.Delivery{{Application: 7, Endpoint: 1}}},
		{"empty filters", "an empty list means all, like nil", hook.Endpoint{ID: 1, EventTypes: []string{}, Channels: []string{}}, hook.Message{EventType: "a"},
			[]hook.Delivery{{Application: 7, Endpoint: 1}}},
		{"event type listed", "", hook.Endpoint{ID: 1, EventTypes: []string{"b", "a"}}, hook.Message{EventType: "a"},
			[]hook.Delivery{{Application: 7, Endpoint: 1}}},
		{"event type not listed", "no record of a filtered message", hook.Endpoint{ID: 1, EventTypes: []string{"a.b"}}, hook.Message{EventType: "a"}, nil},
		{"message without channels", "CONTRACT 2.4: an endpoint with channels wants one of them", hook.Endpoint{ID: 1, Channels: []string{"x"}}, hook.Message{EventType: "a"}, nil},
		{"channels meet", "intersection", hook.Endpoint{ID: 1, Channels: []string{"x", "y"}}, hook.Message{EventType: "a", Channels: []string{"z", "y"}},
			[]hook.Delivery{{Application: 7, Endpoint: 1}}},
		{"channels miss", "intersection", hook.Endpoint{ID: 1, Channels: []string{"x"}}, hook.Message{EventType: "a", Channels: []string{"z"}}, nil},
		{"endpoint without channels", "it receives everything", hook.Endpoint{ID: 1}, hook.Message{EventType: "a", Channels: []string{"z"}},
			[]hook.Delivery{{Application: 7, Endpoint: 1}}},
		{"disabled", "what was skipped is recorded", hook.Endpoint{ID: 1, Disabled: true}, hook.Message{EventType: "a", DeliverAt: later},
			[]hook.Delivery{{Application: 7, Endpoint: 1, State: hook.Exhausted, Reason: hook.ReasonDisabled}}},
		{"disabled and filtered", "filters come first: there was nothing to skip", hook.Endpoint{ID: 1, Disabled: true, EventTypes: []string{"b"}}, hook.Message{EventType: "a"}, nil},
		{"delayed", "due at deliverAt", hook.Endpoint{ID: 1}, hook.Message{EventType: "a", DeliverAt: later},
			[]hook.Delivery{{Application: 7, Endpoint: 1, DueAt: later}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Plan(plan(&c.endpoint), &c.message)); diff != "" {
				t.Errorf("%s\n-want +got\n%s", c.why, diff)
			}
		})
	}
}

func TestPlanKeepsOrderAndAllocatesOnce(t *testing.T) {
	endpoints := []*hook.Endpoint{{ID: 1}, {ID: 2, EventTypes: []string{"other"}}, {ID: 3}, {ID: 9}}
	p, m := plan(endpoints...), &hook.Message{EventType: "a"}
	got := Plan(p, m)
	if len(got) != 3 || got[0].Endpoint != 1 || got[1].Endpoint != 3 || got[2].Endpoint != 9 {
		t.Errorf("got %v, want endpoints 1, 3, 9 in order", got)
	}
	if n := testing.AllocsPerRun(100, func() { Plan(p, m) }); n > 1 {
		t.Errorf("%v allocations, want one", n)
	}
	if got := Plan(plan(), m); got != nil {
		t.Errorf("a plan without endpoints gave %v", got)
	}
}
