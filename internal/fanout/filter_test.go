package fanout

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

func filtered(id hook.EndpointID, text string) *hook.Endpoint {
	return &hook.Endpoint{ID: id, Features: hook.Features{Filter: &hook.Filter{Text: text}}}
}

func TestPlanAsksFilters(t *testing.T) {
	disabled := filtered(5, `{"payload":{"total":{"$gt":100}}}`)
	disabled.Disabled = true
	endpoints := []*hook.Endpoint{
		filtered(1, `{"payload":{"total":{"$gt":100}}}`),
		filtered(2, `{"payload":{"total":{"$gt":10}},"metadata":{"tier":"gold"}}`),
		{ID: 3},
		filtered(4, `not a filter`),
		disabled,
		{ID: 6, EventTypes: []string{"other"}, Features: hook.Features{Filter: &hook.Filter{Text: `{"eventType":"x"}`}}},
	}
	p := plan(endpoints...)
	p.Application.Metadata = map[string]string{"tier": "gold"}
	got := Plan(p, &hook.Message{EventType: "order.paid", Payload: []byte(`{"total":42}`)})
	skipped := func(id hook.EndpointID, note string) hook.Delivery {
		return hook.Delivery{Application: 7, Endpoint: id, State: hook.Cancelled, Reason: hook.ReasonSkippedFilter, Note: note}
	}
	want := []hook.Delivery{
		skipped(1, "payload.total $gt: does not hold for a number"),
		{Application: 7, Endpoint: 2},
		{Application: 7, Endpoint: 3},
		skipped(4, "the filter cannot be used; set it again"),
		// A filter comes before disabled: there was nothing to skip.
		skipped(5, "payload.total $gt: does not hold for a number"),
		// Event types come first, and leave no record.
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if to := To(p, endpoints[0], &hook.Message{EventType: "order.paid", Payload: []byte(`{"total":42}`)}); to[0].State != hook.Pending {
		t.Errorf("a message that is asked for by hand was filtered: %+v", to)
	}
}

func TestFiltersSeeTheProvidersRequest(t *testing.T) {
	m := &hook.Message{EventType: "push", RawBody: []byte(`{"ref":"main"}`), Inbound: &hook.Inbound{
		Header: []string{"X-GitHub-Event", "push"}, Query: "env=prod",
	}}
	app := &hook.Application{}
	for text, want := range map[string]bool{
		`{"headers":{"x-github-event":"push"},"query":{"env":"prod"},"payload":{"ref":"main"}}`: true,
		`{"headers":{"x-github-event":"pull"}}`:                                                 false,
		`{"query":{"env":{"$neq":"prod"}}}`:                                                     false,
	} {
		if got := Wants(app, filtered(1, text), m); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	m.RawBody = []byte("a=1&b=2")
	if Wants(app, filtered(1, `{"payload":{"a":{"$exist":false}}}`), m) {
		t.Error("something was asked of content that is not JSON")
	}
	if m.RawBody = nil; !Wants(app, filtered(1, `{"headers":{"x-github-event":"push"},"payload":{"$exist":false}}`), m) {
		t.Error("an empty body is taken for JSON")
	}
}

// The payload is parsed once, and each filter compiled once, however many endpoints and messages there are.
func TestManyFiltersCostLittle(t *testing.T) {
	var endpoints []*hook.Endpoint
	for i := range 100 {
		endpoints = append(endpoints, filtered(hook.EndpointID(i+1), `{"payload":{"a":{"$gte":1}}}`))
	}
	p := plan(endpoints...)
	m := &hook.Message{EventType: "a", Payload: []byte(`{"a":1,"b":"` + strings.Repeat("x", 1000) + `"}`)}
	Plan(p, m)
	// The deliveries, the message as filters see it, and its list of values.
	if n := testing.AllocsPerRun(100, func() { Plan(p, m) }); n > 3 {
		t.Errorf("%v allocations for 100 filters, want 3", n)
	}
}

func BenchmarkPlan(b *testing.B) {
	m := &hook.Message{EventType: "a", Payload: []byte(`{"a":1}`)}
	for _, c := range []struct {
		name string
		plan *store.Plan
	}{
		{"plain", plan(&hook.Endpoint{ID: 1}, &hook.Endpoint{ID: 2})},
		{"filtered", plan(filtered(1, `{"payload":{"a":1}}`), filtered(2, `{"payload":{"a":1}}`))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Plan(c.plan, m)
			}
		})
	}
}
