package storetest

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// testModel does random things to a store and to a model of it in memory, crashes among
// them, and compares both after each.
//
// Every step is a commit or more, and compares with all before it, so there are few runs
// and short ones unless -rapid.checks and -rapid.steps ask for more.
func testModel(t *testing.T, open Open) {
	for name, usual := range map[string]string{"rapid.checks": "15", "rapid.steps": "20"} {
		// flag.Visit would not do: it reports what an earlier run of the suite has set.
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			_ = flag.Set(name, usual) // a number, so it cannot be refused
			defer flag.Set(name, f.DefValue)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(newFixture(t, open))
		m.rt = rt
		rt.Repeat(map[string]func(*rapid.T){
			"publish":   func(*rapid.T) { m.publishSome() },
			"group":     func(*rapid.T) { m.publishGroup() },
			"fresh":     func(*rapid.T) { m.finishFresh() },
			"due":       func(*rapid.T) { m.finishDue() },
			"end":       func(*rapid.T) { m.endDue() },
			"late":      func(*rapid.T) { m.finishAgain() },
			"begin":     func(*rapid.T) { m.beginSome() },
			"spill":     func(*rapid.T) { m.spillSome() },
			"resend":    func(*rapid.T) { m.replay(hook.Manual) },
			"replay":    func(*rapid.T) { m.replay(hook.Scheduled) },
			"stopStart": func(*rapid.T) { m.stop(false) },
			"crash":     func(*rapid.T) { m.stop(true) },
			"":          func(*rapid.T) { m.compare() },
		})
		m.must(m.Close())
	})
}

type pair struct {
	message  hook.MessageID
	endpoint hook.EndpointID
}

// modelPair is what is promised of one pair.
type modelPair struct {
	state    hook.State
	attempts int
	fresh    bool // in memory, without a row in due
	due      bool // a row of the schedule
	resends  int  // rows of resends
	// onlyResend: the pair was made by a resend and has not been tried yet.
	onlyResend bool

	crashes     int
	begun       int  // the number of the attempt that was begun last, in this process
	begunManual bool // it is a resend, or one of two that are
	slot        store.Slot
}

type model struct {
	*fixture
	rt       *rapid.T
	now      func() time.Time // when attempts end
	pairs    map[pair]*modelPair
	messages []hook.MessageID
	memory   []store.Due // fresh deliveries, as handed over
	ended    []store.Due // deliveries that have had an outcome
}

func newModel(f *fixture) *model {
	return &model{fixture: f, now: time.Now, pairs: make(map[pair]*modelPair)}
}

func (m *model) pick(n int, what string) int { return rapid.IntRange(0, n-1).Draw(m.rt, what) }

func (m *model) outcome() hook.Outcome {
	return rapid.SampledFrom([]hook.Outcome{hook.Success, hook.Failed, hook.Gone}).Draw(m.rt, "outcome")
}

func (m *model) publishSome() {
	admit := rapid.Bool().Draw(m.rt, "admit")
	m.handoff.setRefuse(!admit)
	n := m.pick(len(m.endpoints)+1, "endpoints")
	id := m.publish(m.endpoints[:n]...)
	m.messages = append(m.messages, id)
	m.memory = append(m.memory, m.handoff.take()...)
	for _, ep := range m.endpoints[:n] {
		m.pairs[pair{id, ep}] = &modelPair{fresh: admit, due: !admit}
	}
}

// publishGroup publishes up to three messages in one transaction.
func (m *model) publishGroup() {
	admit := rapid.Bool().Draw(m.rt, "admit")
	m.handoff.setRefuse(!admit)
	var group []*store.Publication
	for range 1 + m.pick(3, "messages") {
		group = append(group, m.publication(m.endpoints[:m.pick(len(m.endpoints)+1, "endpoints")]...))
	}
	got, err := m.AppendAll(m.Context(), group)
	m.must(err)
	m.memory = append(m.memory, m.handoff.take()...)
	for i, p := range group {
		m.messages = append(m.messages, got[i].ID)
		for _, d := range p.Deliveries {
			m.pairs[pair{got[i].ID, d.Endpoint}] = &modelPair{fresh: admit, due: !admit}
		}
	}
}

// record lets the store record an attempt of d, and the model too.
func (m *model) record(d store.Due, o hook.Outcome, live bool) {
	a := m.attempt(d, o)
	next := d.Delivery.After(a, []time.Duration{time.Hour, time.Hour}, m.now(), 0.5)
	a.NextAt = next.DueAt
	p := m.pairs[pair{d.Delivery.Message, d.Delivery.Endpoint}]
	m.must(m.finish(&store.Finished{Delivery: next, Row: d.Row, Attempt: a, Slot: p.slot, Urgent: true}))
	m.ended = append(m.ended, d)
	p.attempts++
	p.crashes, p.slot = 0, 0
	switch {
	case o == hook.Success:
		p.state, p.due, p.fresh, p.onlyResend = hook.Delivered, false, false, false
	case d.Delivery.Trigger == hook.Manual:
		if p.onlyResend && live {
			p.state, p.onlyResend = hook.Exhausted, false
		}
	case live:
		p.state, p.fresh, p.due = next.State, false, next.State == hook.Pending
	}
}

// beginSome begins an attempt that goes on until something is recorded of its pair.
func (m *model) beginSome() {
	all := append(m.claimAll(), m.memory...)
	if len(all) == 0 {
		m.rt.Skip("nothing to try")
	}
	d := all[m.pick(len(all), "begun")].Delivery
	p := m.pairs[pair{d.Message, d.Endpoint}]
	p.slot = m.Begin(&d)
	isManual := d.Trigger == hook.Manual
	switch n := d.Attempts + 1; {
	case n > p.begun:
		p.begun, p.begunManual = n, isManual
	case n == p.begun:
		p.begunManual = p.begunManual || isManual
	}
}

func (m *model) finishFresh() {
	if len(m.memory) == 0 {
		m.rt.Skip("nothing in memory")
	}
	i := m.pick(len(m.memory), "fresh")
	d := m.memory[i]
	m.memory = slices.Delete(m.memory, i, i+1)
	m.record(d, m.outcome(), m.pairs[pair{d.Delivery.Message, d.Delivery.Endpoint}].fresh)
}

func (m *model) claimAll() []store.Due {
	var all []store.Due
	for _, ep := range m.endpoints {
		due, next, err := m.Claim(m.Context(), m.app, ep, time.Now().Add(24*time.Hour), 10_000, nil)
		m.must(err)
		if !next.IsZero() {
			m.rt.Fatalf("claimed all, and there is more at %v", next)
		}
		all = append(all, due...)
	}
	return all
}

func (m *model) pickDue() store.Due {
	due := m.claimAll()
	if len(due) == 0 {
		m.rt.Skip("nothing is due")
	}
	return due[m.pick(len(due), "due")]
}

func (m *model) finishDue() {
	d := m.pickDue()
	p := m.pairs[pair{d.Delivery.Message, d.Delivery.Endpoint}]
	if d.Delivery.Trigger == hook.Manual {
		p.resends--
	}
	m.record(d, m.outcome(), true)
}

// endDue ends a delivery without an attempt, as when its endpoint is gone.
func (m *model) endDue() {
	d := m.pickDue()
	m.must(m.finish(&store.Finished{Delivery: d.Delivery.End(hook.Cancelled, hook.ReasonCanceled), Row: d.Row, Urgent: true}))
	p := m.pairs[pair{d.Delivery.Message, d.Delivery.Endpoint}]
	switch {
	case d.Delivery.Trigger == hook.Scheduled:
		p.state, p.due = hook.Cancelled, false
	default:
		p.resends--
		if p.onlyResend {
			p.state, p.onlyResend = hook.Cancelled, false
		}
	}
}

// late returns the deliveries of the schedule whose outcome the store has had already. One
// whose row has come again is not among them: what is told of it is of the row that waits.
func (m *model) late() []store.Due {
	type row struct {
		endpoint hook.EndpointID
		key      store.DueKey
	}
	waits := make(map[row]bool)
	for _, d := range m.claimAll() {
		waits[row{d.Delivery.Endpoint, d.Row}] = true
	}
	return slices.DeleteFunc(slices.Clone(m.ended), func(d store.Due) bool {
		return d.Delivery.Trigger == hook.Manual || waits[row{d.Delivery.Endpoint, d.Row}]
	})
}

// finishAgain tells such an outcome once more.
func (m *model) finishAgain() {
	late := m.late()
	if len(late) == 0 {
		m.rt.Skip("nothing has ended")
	}
	m.record(late[m.pick(len(late), "late")], m.outcome(), false)
}

func (m *model) spillSome() {
	if len(m.memory) == 0 {
		m.rt.Skip("nothing in memory")
	}
	n := 1 + m.pick(len(m.memory), "spilled")
	var list []hook.Delivery
	for _, d := range m.memory[:n] {
		list = append(list, d.Delivery)
		if p := m.pairs[pair{d.Delivery.Message, d.Delivery.Endpoint}]; p.fresh {
			p.fresh, p.due = false, true
		}
	}
	m.memory = slices.Delete(m.memory, 0, n)
	m.must(m.Spill(m.Context(), list))
}

func (m *model) replay(trigger hook.Trigger) {
	if len(m.messages) == 0 {
		m.rt.Skip("no message")
	}
	k := pair{m.messages[m.pick(len(m.messages), "message")], m.endpoints[m.pick(len(m.endpoints), "endpoint")]}
	n, err := m.Replay(m.Context(), &store.Replay{Application: m.app, Endpoint: k.endpoint, Messages: []hook.MessageID{k.message}, Trigger: trigger})
	m.must(err)
	p, want := m.pairs[k], 1
	switch {
	case p == nil:
		p = &modelPair{onlyResend: trigger == hook.Manual, due: trigger == hook.Scheduled}
		m.pairs[k] = p
	case trigger == hook.Scheduled && p.state.IsFinal():
		p.state, p.due, p.crashes = hook.Pending, true, 0
	case trigger == hook.Scheduled:
		want = 0
	}
	if trigger == hook.Manual {
		p.resends++
	}
	if n != want {
		m.rt.Fatalf("replay made %d due, want %d", n, want)
	}
}

// stop ends the process, with or without a word, and starts it again. What was in memory is due.
func (m *model) stop(crash bool) {
	if crash {
		before := m.Store
		m.fixture.crash()
		m.must(before.Close())
	} else {
		m.restart()
	}
	m.memory = nil
	for _, p := range m.pairs {
		if crash && p.begun > p.attempts && (p.begunManual || !p.state.IsFinal()) {
			p.crashes++
		}
		p.begun, p.begunManual, p.slot = 0, false, 0
		if p.fresh {
			p.fresh, p.due = false, true
		}
	}
}

func (m *model) compare() {
	if text := m.difference(); text != "" {
		m.rt.Fatal(text)
	}
}

// difference says in what the store is not as the model; "" for nothing.
func (m *model) difference() string {
	m.handoff.take()
	type row struct {
		pair
		trigger hook.Trigger
	}
	order := func(a, b row) int {
		return cmp.Or(cmp.Compare(a.message, b.message), cmp.Compare(a.endpoint, b.endpoint), cmp.Compare(a.trigger, b.trigger))
	}
	var got, want []row
	for _, d := range m.claimAll() {
		got = append(got, row{pair{d.Delivery.Message, d.Delivery.Endpoint}, d.Delivery.Trigger})
	}
	for k, p := range m.pairs {
		if p.due {
			want = append(want, row{k, hook.Scheduled})
		}
		for range p.resends {
			want = append(want, row{k, hook.Manual})
		}
	}
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if !slices.Equal(got, want) {
		return fmt.Sprintf("due rows %v, want %v", got, want)
	}
	for _, id := range m.messages {
		list, err := m.Deliveries(m.Context(), m.app, id)
		m.must(err)
		shown := make(map[pair]string)
		for _, d := range list {
			shown[pair{id, d.Endpoint}] = fmt.Sprintf("%v after %d, %d crashes", d.State, d.Attempts, d.Crashes)
		}
		n := 0
		for k, p := range m.pairs {
			if k.message != id {
				continue
			}
			n++
			if want := fmt.Sprintf("%v after %d, %d crashes", p.state, p.attempts, p.crashes); shown[k] != want {
				return fmt.Sprintf("message %d at %d shows %q, want %q", id, k.endpoint, shown[k], want)
			}
		}
		if n != len(shown) {
			return fmt.Sprintf("message %d shows %d deliveries, want %d", id, len(shown), n)
		}
	}
	return ""
}

// testRowThatKeepsItsTime has a retry, tried an hour early as the model does it, fail in the
// millisecond in which the first attempt failed. The next due row is the same one then, and
// the model must not take its outcome for a late one.
func testRowThatKeepsItsTime(t *testing.T, open Open) {
	m := newModel(newFixture(t, open))
	at := time.Now().Truncate(time.Millisecond)
	m.now = func() time.Time { return at }
	ep := m.endpoints[0]
	id := m.publish(ep)
	m.messages = append(m.messages, id)
	m.pairs[pair{id, ep}] = &modelPair{fresh: true}
	fresh := m.handoff.take()[0]
	m.record(fresh, hook.Failed, true)
	row := m.claimAll()[0]
	m.record(row, hook.Failed, true)
	if again := m.claimAll(); len(again) != 1 || again[0].Row != row.Row {
		t.Fatalf("due %+v, want the row %+v once more", again, row.Row)
	}
	for _, d := range m.late() {
		m.record(d, hook.Gone, false)
		if text := m.difference(); text != "" {
			t.Fatal(text)
		}
	}
	if late := m.late(); len(late) != 2 || late[0].Row != fresh.Row || late[1].Row != fresh.Row {
		t.Fatalf("late are %+v, want the fresh one alone", late)
	}
	m.record(m.claimAll()[0], hook.Failed, true)
	if late := m.late(); len(late) != 4 {
		t.Fatalf("%d are late when no row is left, want all 4", len(late))
	}
}
