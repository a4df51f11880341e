package dispatch

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

type pair struct {
	endpoint hook.EndpointID
	message  hook.MessageID
}

// world is a store with a catalogue and receivers, in memory, inside a synctest
// bubble. It keeps what the Dispatcher did and fails the test on what must never
// happen: two attempts of a pair at once, or an attempt before its time.
type world struct {
	t     *testing.T
	codec *hook.Codec
	clock *hook.KeyClock
	// commit is how long an outcome takes to be durable.
	commit time.Duration
	// late is how long rows that were read are on their way, and with lateEmpty that there are none.
	late      time.Duration
	lateEmpty bool
	// claimErr is asked before rows are read; nil for no trouble.
	claimErr func() error
	// answer fills in an attempt; nil answers 200 after 10 ms.
	answer func(ctx context.Context, a *hook.Attempt)
	// finishErr is asked before each outcome is kept.
	finishErr func(*store.Finished) error
	// seen is told of each message that is sent; nil for nobody.
	seen func(*hook.Message)
	// spillErr is asked before deliveries are given back, and keptErr after: the write
	// that failed and the one that failed but was kept.
	spillErr, keptErr func() error

	mu         sync.Mutex
	handoff    store.Handoff
	plans      map[hook.ApplicationID]*store.Plan
	messages   map[hook.MessageID]*hook.Message
	deliveries map[pair]hook.Delivery
	rows       map[hook.EndpointID]map[store.DueKey]bool
	attempts   []*hook.Attempt
	slots      map[store.Slot]pair // begun and not finished
	lastSlot   store.Slot
	flying     map[pair]bool
	requests   map[hook.EndpointID]int
	inFlight   int
	mostFlying int
	mostInLane map[hook.EndpointID]int
	laneFlying map[hook.EndpointID]int
	claims     int
	read       int // messages, apart from claims
	spilled    int
	failing    map[hook.EndpointID]time.Time
	warnings   []time.Time // when SetFailing had more warnings than before
	failingErr error       // of SetFailing
	announced  []*hook.Announcement
	planOf     func(hook.ApplicationID) // told of each PlanOf; nil for nobody
	held       bool
	resumed    map[time.Time]hook.MessageID // what has a greater id was published later, be it in the same millisecond
	hurried    map[hook.EndpointID]bool     // Hurry was called: times of retries do not hold
	cancelled  map[pair]bool                // while an attempt was under way or about to begin
	lastPlace  map[lineOf]hook.PlaceInLine  // of what was tried first in a line
	tried      map[pair]bool                // by schedule
	inLine     map[lineOf][]hook.MessageID
	handed     []hook.MessageID                 // in the order in which outcomes were handed over
	batches    map[pair]map[hook.MessageID]bool // by their first message
}

type lineOf struct {
	endpoint hook.EndpointID
	line     hook.Line
}

// checkOrder fails the test on a first attempt out of line, and on any while something
// before it in its line has not ended. The caller holds mu.
func (w *world) checkOrder(d *hook.Delivery, a *hook.Attempt) {
	if d.Line == 0 || a.Trigger != hook.Scheduled || d.State.IsFinal() { // cancelled as it began: its place is forgotten
		return
	}
	at, of := pair{d.Endpoint, d.Message}, lineOf{d.Endpoint, d.Line}
	if !w.tried[at] {
		if last := w.lastPlace[of]; d.Place().Compare(last) <= 0 {
			w.t.Errorf("%v at %v first comes after %v", at, d.Place(), last)
		}
		w.lastPlace[of], w.tried[at] = d.Place(), true
	}
	for _, other := range w.inLine[of] {
		if before := w.deliveries[pair{d.Endpoint, other}]; !before.State.IsFinal() && before.Place().Compare(d.Place()) < 0 && !w.flying[pair{d.Endpoint, other}] {
			w.t.Errorf("%v is tried before %v, which is %+v", at, other, before)
		}
	}
}

func newWorld(t *testing.T) *world {
	codec, err := hook.NewCodec([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		t: t, codec: codec, clock: hook.NewKeyClock(0, 0, time.Now), commit: 20 * time.Millisecond,
		plans: map[hook.ApplicationID]*store.Plan{}, messages: map[hook.MessageID]*hook.Message{}, deliveries: map[pair]hook.Delivery{},
		rows: map[hook.EndpointID]map[store.DueKey]bool{}, slots: map[store.Slot]pair{}, flying: map[pair]bool{}, requests: map[hook.EndpointID]int{},
		mostInLane: map[hook.EndpointID]int{}, laneFlying: map[hook.EndpointID]int{}, failing: map[hook.EndpointID]time.Time{},
		resumed: map[time.Time]hook.MessageID{}, hurried: map[hook.EndpointID]bool{}, cancelled: map[pair]bool{}, lastPlace: map[lineOf]hook.PlaceInLine{}, tried: map[pair]bool{}, inLine: map[lineOf][]hook.MessageID{},
		batches: map[pair]map[hook.MessageID]bool{},
	}
}

// app adds an application with n endpoints, numbered app*1000+1 and so on.
func (w *world) app(app hook.ApplicationID, n int) *store.Plan {
	p := &store.Plan{Environment: &hook.Environment{ID: 1, Settings: hook.DefaultSettings()}, Application: &hook.Application{ID: app, Environment: 1}, Version: 1}
	for i := range n {
		p.Endpoints = append(p.Endpoints, &hook.Endpoint{ID: hook.EndpointID(int(app)*100_000 + i + 1), Application: app, URL: "http://x"})
	}
	w.plans[app] = p
	return p
}

// publish stores a message for all endpoints of an application, as a store does.
func (w *world) publish(app hook.ApplicationID) hook.MessageID {
	return w.publishTo(app, w.plan(app).Endpoints...)
}

func (w *world) plan(app hook.ApplicationID) *store.Plan {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.plans[app]
}

func (w *world) publishTo(app hook.ApplicationID, endpoints ...*hook.Endpoint) hook.MessageID {
	return w.append(&hook.Message{ID: hook.MessageID(w.clock.Next()), Application: app, EventType: "a", Payload: []byte("{}")}, endpoints...).ID
}

// append stores m for endpoints and returns the pointer that is kept, which is m.
func (w *world) append(m *hook.Message, endpoints ...*hook.Endpoint) *hook.Message {
	app := m.Application
	var fresh []store.Due
	var due []hook.Delivery
	w.mu.Lock()
	h := w.handoff
	w.messages[m.ID] = m
	w.mu.Unlock()
	for _, e := range endpoints {
		d := hook.Delivery{Message: m.ID, Application: app, Endpoint: e.ID}
		if e.IsLined() {
			d.Line = hook.LineOfKey(m.EventType) // a key like any other
		}
		if d.Line == 0 && h != nil && h.Admit(app, e.ID, 2) {
			d.Fresh = true
			fresh = append(fresh, store.Due{Delivery: d, Message: m})
		} else {
			d.DueAt = m.Time()
			due = append(due, d)
		}
	}
	w.mu.Lock()
	for _, f := range fresh {
		w.deliveries[pair{f.Delivery.Endpoint, m.ID}] = f.Delivery
	}
	for _, d := range due {
		w.put(d)
	}
	w.mu.Unlock()
	if h != nil {
		h.Committed(fresh)
		for _, d := range due {
			at := d.DueAt
			if now := time.Now(); d.Line != 0 && at.After(now) {
				at = now // as a store whose clock runs ahead
			}
			h.MadeDue(app, d.Endpoint, at)
		}
	}
	return m
}

// put writes a delivery with a due row. The caller holds mu.
func (w *world) put(d hook.Delivery) {
	if of := (lineOf{d.Endpoint, d.Line}); d.Line != 0 && w.deliveries[pair{d.Endpoint, d.Message}].Line == 0 {
		w.inLine[of] = append(w.inLine[of], d.Message)
	}
	w.deliveries[pair{d.Endpoint, d.Message}] = d
	w.row(d.Endpoint, store.DueKey{DueAt: d.DueAt.UnixMilli(), Message: d.Message, Trigger: d.Trigger})
}

func (w *world) row(ep hook.EndpointID, k store.DueKey) {
	if w.rows[ep] == nil {
		w.rows[ep] = map[store.DueKey]bool{}
	}
	w.rows[ep][k] = true
}

// backlog stores n messages with due rows, as after a restart.
func (w *world) backlog(app hook.ApplicationID, ep hook.EndpointID, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range n {
		m := &hook.Message{ID: hook.MessageID(w.clock.Next()), Application: app, EventType: "a", Payload: []byte("{}")}
		w.messages[m.ID] = m
		w.put(hook.Delivery{Message: m.ID, Application: app, Endpoint: ep, DueAt: time.Now()})
	}
}

// resend adds a manual attempt of a pair.
func (w *world) resend(app hook.ApplicationID, ep hook.EndpointID, m hook.MessageID) {
	w.mu.Lock()
	w.row(ep, store.DueKey{DueAt: time.Now().UnixMilli(), Message: m, Trigger: hook.Manual})
	w.mu.Unlock()
	w.handoff.(store.Gatekeeper).Asked(app, ep)
	w.handoff.MadeDue(app, ep, time.Now())
}

// change changes an application or its endpoints as a catalogue does.
func (w *world) change(app hook.ApplicationID, f func(p *store.Plan)) {
	w.mu.Lock()
	p := *w.plans[app]
	a := *p.Application
	p.Application, p.Endpoints = &a, slices.Clone(p.Endpoints)
	for i, e := range p.Endpoints {
		c := *e
		c.UpdatedAt = time.Now()
		p.Endpoints[i] = &c
	}
	p.Version++
	f(&p)
	w.plans[app] = &p
	h := w.handoff
	w.mu.Unlock()
	if g, ok := h.(store.Gatekeeper); ok {
		g.Changed([]hook.ApplicationID{app})
	}
}

func (w *world) EndHold(_ context.Context, app hook.ApplicationID, id hook.EndpointID, until time.Time) error {
	w.mu.Lock()
	isLeft := false
	for ep, rows := range w.rows {
		for k := range rows {
			if k.Trigger != hook.Scheduled || k.DueAt >= until.UnixMilli() || w.messages[k.Message].Application != app {
				continue
			}
			isLeft = true
			if last, isKnown := w.resumed[until]; ep == id && (!isKnown || k.Message < last) {
				w.t.Errorf("%v is told to be drained and has a row of %v", id, time.UnixMilli(k.DueAt))
			}
		}
	}
	w.mu.Unlock()
	ended := func(h *hook.Hold) bool { return h.IsDraining() && h.ResumedAt.Equal(until) }
	w.change(app, func(p *store.Plan) {
		if ended(p.Application.Hold) && !isLeft {
			p.Application.Hold = nil
		}
		for _, e := range p.Endpoints {
			if e.ID == id && ended(e.Hold) {
				e.Hold = nil
			}
		}
	})
	return nil
}

func (w *world) delivery(ep hook.EndpointID, m hook.MessageID) hook.Delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.deliveries[pair{ep, m}]
}

// count returns how many deliveries are in a state.
func (w *world) count(s hook.State) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.deliveries {
		if d.State == s {
			n++
		}
	}
	return n
}

// latest returns how long the attempt waited for its begin that waited longest.
func (w *world) latest(of func(*hook.Attempt) bool) (most time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.attempts {
		if of(a) {
			most = max(most, a.StartedAt.Sub(hook.Key(a.Message).Time()))
		}
	}
	return most
}

func (w *world) Attach(h store.Handoff) { w.mu.Lock(); w.handoff = h; w.mu.Unlock() }

func (w *world) DueTimes(context.Context) ([]store.DueTime, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []store.DueTime
	for ep, rows := range w.rows {
		var first store.DueTime
		for k := range rows {
			if at := time.UnixMilli(k.DueAt); first.At.IsZero() || at.Before(first.At) {
				first = store.DueTime{Application: w.messages[k.Message].Application, Endpoint: ep, At: at}
			}
		}
		if len(rows) > 0 {
			out = append(out, first)
		}
	}
	return out, nil
}

func (w *world) Claim(ctx context.Context, app hook.ApplicationID, ep hook.EndpointID, now time.Time, limit int, taken map[store.DueKey]bool) (due []store.Due, next time.Time, err error) {
	return w.ClaimPart(ctx, store.Part{Application: app, Endpoint: ep, Now: now, Limit: limit, Taken: taken})
}

func (w *world) ClaimPart(_ context.Context, p store.Part) (due []store.Due, next time.Time, err error) {
	w.mu.Lock()
	failing := w.claimErr
	w.mu.Unlock()
	if failing != nil {
		if err := failing(); err != nil {
			return nil, time.Time{}, err
		}
	}
	due, next, err = w.claimPart(p)
	w.mu.Lock()
	late, lateEmpty := w.late, w.lateEmpty
	w.mu.Unlock()
	if (len(due) > 0 || lateEmpty) && !p.IsManual {
		time.Sleep(late)
	}
	return due, next, err
}

func (w *world) claimPart(p store.Part) (due []store.Due, next time.Time, err error) {
	ep, now, limit := p.Endpoint, p.Now, p.Limit
	w.mu.Lock()
	defer w.mu.Unlock()
	w.claims++
	var keys []store.DueKey
	for k := range w.rows[ep] {
		if !p.Taken[k] && (p.From.IsZero() || k.DueAt >= p.From.UnixMilli()) && (!p.IsManual || k.Trigger == hook.Manual) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b store.DueKey) int {
		return cmp.Or(cmp.Compare(a.DueAt, b.DueAt), cmp.Compare(a.Message, b.Message), cmp.Compare(a.Trigger, b.Trigger))
	})
	for _, k := range keys {
		if len(due) == limit || k.DueAt > now.UnixMilli() {
			return due, time.UnixMilli(k.DueAt), nil
		}
		d := w.deliveries[pair{ep, k.Message}]
		d.Trigger = k.Trigger
		due = append(due, store.Due{Delivery: d, Message: w.messages[k.Message], Row: k})
	}
	return due, time.Time{}, nil
}

func (w *world) Message(_ context.Context, _ hook.ApplicationID, id hook.MessageID) (*hook.Message, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read++
	if m := w.messages[id]; m != nil {
		return m, nil
	}
	return nil, hook.Errorf(hook.NotFound, "message %d", id)
}

func (w *world) Begin(d *hook.Delivery) store.Slot {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastSlot++
	w.slots[w.lastSlot] = pair{d.Endpoint, d.Message}
	return w.lastSlot
}

// hasBegun reports whether an attempt of a pair is in the journal. The caller holds mu.
func (w *world) hasBegun(at pair) bool {
	for _, p := range w.slots {
		if p == at {
			return true
		}
	}
	return false
}

func (w *world) Finish(list ...*store.Finished) {
	for _, f := range list {
		w.mu.Lock()
		w.handed = append(w.handed, f.Delivery.Message)
		w.mu.Unlock()
		go func() {
			time.Sleep(w.commit)
			f.Done(w.finish(f))
		}()
	}
}

func (w *world) finish(f *store.Finished) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finishErr != nil {
		if err := w.finishErr(f); err != nil {
			return err
		}
	}
	w.keep(f)
	for _, other := range f.With {
		w.keep(other)
	}
	return nil
}

// keep writes one outcome. The caller holds mu.
func (w *world) keep(f *store.Finished) {
	d := f.Delivery
	at := pair{d.Endpoint, d.Message}
	if f.Attempt != nil {
		w.attempts = append(w.attempts, f.Attempt)
		if w.slots[f.Slot] != at {
			w.t.Errorf("an attempt of %v with slot %d, which is of %v", at, f.Slot, w.slots[f.Slot])
		}
	} else if f.Slot != 0 {
		w.t.Errorf("%v ended without an attempt and has slot %d", at, f.Slot)
	}
	delete(w.slots, f.Slot)
	if f.Announce != nil {
		w.announced = append(w.announced, f.Announce)
		if !f.Urgent {
			w.t.Errorf("an announcement that is not urgent: %+v", f.Announce)
		}
	}
	if w.cancelled[at] && !w.rows[d.Endpoint][f.Row] {
		if old := w.deliveries[at]; d.State == hook.Delivered {
			old.State = hook.Delivered
			w.deliveries[at] = old
		}
		return
	}
	if f.Row != (store.DueKey{}) {
		if !w.rows[d.Endpoint][f.Row] {
			w.t.Errorf("an outcome for a due row %v that is not there", f.Row)
		}
		delete(w.rows[d.Endpoint], f.Row)
	} else if !w.deliveries[at].Fresh {
		w.t.Errorf("an outcome of a fresh delivery %v that is %+v", at, w.deliveries[at])
	}
	if d.Trigger == hook.Manual {
		old := w.deliveries[at]
		old.Attempts = d.Attempts
		if d.State == hook.Delivered {
			delete(w.rows[d.Endpoint], store.DueKey{DueAt: old.DueAt.UnixMilli(), Message: d.Message})
			old.State = hook.Delivered
		}
		w.deliveries[at] = old
		return
	}
	if d.State == hook.Pending {
		w.put(d)
	} else {
		w.deliveries[at] = d
	}
}

func (w *world) Spill(_ context.Context, list []hook.Delivery) error {
	time.Sleep(w.commit)
	if w.spillErr != nil {
		if err := w.spillErr(); err != nil {
			return err
		}
	}
	w.mu.Lock()
	for _, d := range list {
		if !w.deliveries[pair{d.Endpoint, d.Message}].Fresh {
			if !w.rows[d.Endpoint][store.DueKey{DueAt: d.DueAt.UnixMilli(), Message: d.Message}] {
				w.t.Errorf("%v was given back but is not fresh, and not due then", d)
			}
			continue // a second time, after an error
		}
		d.Fresh = false
		w.spilled++
		w.put(d)
	}
	w.mu.Unlock()
	for _, d := range list {
		w.handoff.MadeDue(d.Application, d.Endpoint, d.DueAt)
	}
	if w.keptErr != nil {
		return w.keptErr()
	}
	return nil
}

func (w *world) SetHold(_ context.Context, held bool) error {
	w.mu.Lock()
	w.held = held
	w.mu.Unlock()
	return nil
}

func (w *world) Held(context.Context) (store.Hold, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return store.Hold{Held: w.held}, nil
}

func (w *world) PlanOf(_ context.Context, app hook.ApplicationID) (*store.Plan, error) {
	w.mu.Lock()
	asked := w.planOf
	w.mu.Unlock()
	if asked != nil {
		asked(app)
	}
	if p := w.plan(app); p != nil {
		return p, nil
	}
	return nil, hook.Errorf(hook.NotFound, "application")
}

func (w *world) UpdateEndpoint(_ context.Context, app hook.ApplicationID, id hook.EndpointID, _ *store.Receipt, update func(*hook.Endpoint) error) (*hook.Endpoint, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.plans[app]
	p := *old
	p.Endpoints = slices.Clone(old.Endpoints)
	p.Version++
	for i, e := range p.Endpoints {
		if e.ID == id {
			c := *e
			if err := update(&c); err != nil {
				return nil, err
			}
			p.Endpoints[i] = &c
			w.plans[app] = &p
			return &c, nil
		}
	}
	return nil, hook.Errorf(hook.NotFound, "endpoint")
}

func (w *world) SetFailing(_ context.Context, app hook.ApplicationID, id hook.EndpointID, since time.Time, warned int) error {
	w.mu.Lock()
	failure := w.failingErr
	w.mu.Unlock()
	if failure != nil {
		return failure
	}
	told := false
	_, err := w.UpdateEndpoint(context.Background(), app, id, nil, func(e *hook.Endpoint) error {
		told = warned > e.Warned
		e.FailingSince, e.Warned = since, warned
		return nil
	})
	w.mu.Lock()
	if told {
		w.warnings = append(w.warnings, time.Now())
	}
	w.failing[id] = since
	w.mu.Unlock()
	return err
}

func (w *world) NewKey() hook.Key   { return w.clock.Next() }
func (w *world) Codec() *hook.Codec { return w.codec }

func (w *world) Send(ctx context.Context, m *hook.Message, ep *hook.Endpoint, _ *hook.Environment, a *hook.Attempt) {
	members := m.Batch
	if members == nil {
		members = []*hook.Message{m}
	}
	w.mu.Lock()
	w.checkBatch(ep.ID, m)
	for _, one := range members {
		if w.seen != nil {
			w.seen(one)
		}
		w.begin(ep, one.ID, a)
	}
	w.requests[ep.ID]++
	w.inFlight++
	w.laneFlying[ep.ID]++
	w.mostFlying = max(w.mostFlying, w.inFlight)
	w.mostInLane[ep.ID] = max(w.mostInLane[ep.ID], w.laneFlying[ep.ID])
	answer := w.answer
	w.mu.Unlock()

	a.StartedAt = time.Now()
	a.URL = ep.URL
	if answer == nil {
		answer = ok
	}
	answer(ctx, a)
	a.Took = time.Since(a.StartedAt)

	w.mu.Lock()
	for _, one := range members {
		delete(w.flying, pair{ep.ID, one.ID})
	}
	w.inFlight--
	w.laneFlying[ep.ID]--
	w.mu.Unlock()
}

// begin notes an attempt of one message and checks that it may be made. The caller holds mu.
func (w *world) begin(ep *hook.Endpoint, id hook.MessageID, a *hook.Attempt) {
	at := pair{ep.ID, id}
	if w.flying[at] {
		w.t.Errorf("two attempts of %v at once", at)
	}
	if !w.hasBegun(at) {
		w.t.Errorf("an attempt of %v that is not in the journal", at)
	}
	d := w.deliveries[at]
	if d.State.IsFinal() && a.Trigger == hook.Scheduled && !w.cancelled[at] {
		w.t.Errorf("an attempt of %v, which is %v", at, d.State)
	}
	due := d.NextAt()
	if d.Line != 0 {
		due = d.NotBefore // DueAt is a place
	}
	if a.Trigger == hook.Scheduled && time.Now().Before(due) && !w.hurried[ep.ID] {
		w.t.Errorf("an attempt of %v at %v, due at %v", at, time.Now(), due)
	}
	w.checkOrder(&d, a)
	w.flying[at] = true
}

// checkBatch fails the test when a batch that was tried before comes again with messages
// that it did not have. The caller holds mu.
func (w *world) checkBatch(ep hook.EndpointID, m *hook.Message) {
	if m.Batch == nil {
		return
	}
	first := pair{ep, m.Batch[0].ID}
	before, now := w.batches[first], map[hook.MessageID]bool{}
	for i, one := range m.Batch {
		now[one.ID] = true
		if before != nil && !before[one.ID] {
			w.t.Errorf("the batch of %v comes again with %v, which it did not have", first, one.ID)
		}
		if d, prior := w.deliveries[pair{ep, one.ID}], w.deliveries[pair{ep, m.Batch[max(0, i-1)].ID}]; i > 0 && d.Place().Compare(prior.Place()) <= 0 && !w.cancelled[pair{ep, one.ID}] {
			w.t.Errorf("in the batch of %v stands %v behind %v", first, one.ID, prior.Message)
		}
	}
	for id := range before {
		if d := w.deliveries[pair{ep, id}]; !now[id] && !d.State.IsFinal() {
			w.t.Errorf("the batch of %v comes again without %v, which is %+v", first, id, d)
		}
	}
	w.batches[first] = now
}

func ok(_ context.Context, a *hook.Attempt) {
	time.Sleep(10 * time.Millisecond)
	a.Outcome, a.Status = hook.Success, 200
}

func refused(_ context.Context, a *hook.Attempt) {
	time.Sleep(time.Millisecond)
	a.Outcome, a.Reason, a.Error = hook.Failed, hook.ReasonConnectRefused, "refused"
}

func hang(ctx context.Context, a *hook.Attempt) {
	select {
	case <-time.After(hook.AttemptTimeout):
		a.Outcome, a.Reason, a.Error = hook.Failed, hook.ReasonTimeoutHeaders, "no answer"
	case <-ctx.Done():
		a.Outcome, a.Reason, a.Error = hook.Failed, hook.ReasonCanceled, "stopped"
	}
}

func status(code int, o hook.Outcome, r hook.Reason) func(context.Context, *hook.Attempt) {
	return func(_ context.Context, a *hook.Attempt) {
		time.Sleep(time.Millisecond)
		a.Outcome, a.Status, a.Reason = o, code, r
	}
}

func (w *world) set(answer func(context.Context, *hook.Attempt)) {
	w.mu.Lock()
	w.answer = answer
	w.mu.Unlock()
}

// run runs f in a bubble beside a Dispatcher of w, and ends the Dispatcher after it.
func run(t *testing.T, o Options, prepare func(w *world), f func(w *world, d *Dispatcher)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if prepare != nil {
			prepare(w)
		}
		d := New(w, w, w, nil, o)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		synctest.Wait()
		f(w, d)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		d.check(t)
		synctest.Wait() // a goroutine that is left fails the bubble
	})
}

// rest lets d pass and everything that is due then settle, so that the test may look.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// check asserts the Dispatcher's own books after its end.
func (d *Dispatcher) check(t *testing.T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inFlight != 0 || d.recording != 0 {
		t.Errorf("%d attempts and %d outcomes left", d.inFlight, d.recording)
	}
	fresh, claimed, reserved := 0, 0, 0
	freshBytes, claimedBytes := 0, 0
	tenants, bytesOf := map[*tenant]int{}, map[*tenant]int{}
	for _, l := range d.lanes {
		tenants[l.tenant] += l.reserved
		bytesOf[l.tenant] += l.reservedBytes
		reserved += l.reserved
		freshBytes += l.reservedBytes
		for _, it := range l.held {
			if it.isFresh() {
				fresh++
				tenants[l.tenant]++
				freshBytes += it.size
				bytesOf[l.tenant] += it.size
			} else {
				claimed++
				claimedBytes += it.size
			}
			if it.shadows != nil {
				claimed++
				claimedBytes += it.shadows.size
			}
		}
		lined, stuck := 0, 0
		for _, ln := range l.lines {
			lined, stuck = lined+ln.n, stuck+ln.stuck
		}
		if lined != l.lined || stuck != l.stuck {
			t.Errorf("lane %d counts %d in line and %d stuck, lines have %d and %d", l.endpoint, l.lined, l.stuck, lined, stuck)
		}
		if l.inFlight != 0 {
			t.Errorf("lane %d has %d attempts left", l.endpoint, l.inFlight)
		}
	}
	for tn, n := range tenants {
		if tn.freshBytes != bytesOf[tn] {
			t.Errorf("application %d has %d fresh bytes in the books, %d in lanes", tn.id, tn.freshBytes, bytesOf[tn])
		}
		if tn.fresh != n || tn.inFlight != 0 {
			t.Errorf("application %d has %d fresh and %d under way in the books, %d fresh in lanes", tn.id, tn.fresh, tn.inFlight, n)
		}
	}
	if freshBytes != d.fresh.bytes || claimedBytes != d.claimed.bytes {
		t.Errorf("books say %d bytes fresh and %d claimed, lanes hold %d and %d", d.fresh.bytes, d.claimed.bytes, freshBytes, claimedBytes)
	}
	if fresh+reserved != d.fresh.count || claimed != d.claimed.count {
		t.Errorf("books say %d fresh and %d claimed, lanes hold %d and %d", d.fresh.count, d.claimed.count, fresh+reserved, claimed)
	}
}

var errDisk = errors.New("disk I/O error")

// start runs a dispatcher in a bubble. stop ends it and checks its books.
func (w *world) start(t *testing.T, o Options) (d *Dispatcher, stop func()) {
	d = New(w, w, w, nil, o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	synctest.Wait()
	return d, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		d.check(t)
	}
}
