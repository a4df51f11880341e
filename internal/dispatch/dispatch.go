// Package dispatch takes deliveries that are due, hands each to a Sender, and records
// the outcome. First tries, retries and replays take the same road.
//
// Each endpoint has a lane of its own with bounded concurrency, a rate, and a breaker;
// lanes get their turns fairly across applications, so that what one tenant's
// receivers do leaves the others alone. What fits in memory is handed over by the
// store right after its commit (store.Handoff); the rest stays in the store and is
// claimed when its lane has room. A result is stored before the delivery can come up
// again, so while the process lives no attempt is repeated; a crash repeats those
// attempts whose result was not committed, and loses none (see package store).
//
// # Where things are
//
// turn.go: the loop. item.go: a delivery in memory, and queues of them. lane.go: what one
// endpoint does. line.go: in which order, where order is asked for. pace.go:
// how many at once and how fast. feed.go: endpoints whose consumers fetch. breaker.go: when an
// endpoint is left in peace, or disabled. fair.go: whose turn
// it is. claim.go: from the store into memory. memory.go: what is taken from the store's
// writer, and given back. worker.go: one attempt. record.go: its outcome. announce.go: who
// is told of it. due.go: the clock.
package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
)

// Sender makes one attempt. It fills in a, of which ID, Message, Application, Endpoint,
// N and Trigger are set, and returns within its own deadline whatever the receiver
// does, and soon after ctx ends. It must not keep or change m, ep and env.
type Sender interface {
	Send(ctx context.Context, m *hook.Message, ep *hook.Endpoint, env *hook.Environment, a *hook.Attempt)
}

// Taker makes what a polling endpoint's consumers get of a message whose endpoint has a
// script. A Sender that is none hands messages over as they are. Like Send it fills in a,
// which is recorded unless it is a success.
type Taker interface {
	Take(ctx context.Context, m *hook.Message, ep *hook.Endpoint, env *hook.Environment, a *hook.Attempt) store.Fed
}

// Catalog is what a Dispatcher asks of the catalogue.
type Catalog interface {
	PlanOf(ctx context.Context, app hook.ApplicationID) (*store.Plan, error)
	UpdateEndpoint(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, r *store.Receipt, update func(*hook.Endpoint) error) (*hook.Endpoint, error)
	// EndHold removes what is left of the holds of an endpoint and of its application that
	// ended at until, where nothing is left that waited for it.
	EndHold(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, until time.Time) error
	SetFailing(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, since time.Time, warned int) error
	NewKey() hook.Key
	Codec() *hook.Codec
}

// Observer is told of each attempt before it draws its id and after it was recorded. Both
// calls are on the hot path, the second one in the store's writer: they must be quick, must
// not call the store, and must not keep or change what they are given.
type Observer interface {
	// Begin returns what the one End of this attempt is given back.
	Begin() uint64
	// End gets a nil attempt when none was recorded: it was cut by the shutdown, or what it
	// belongs to is gone.
	End(begun uint64, m *hook.Message, d *hook.Delivery, a *hook.Attempt)
}

// nobody is the Observer where there is none.
type nobody struct{}

func (nobody) Begin() uint64                                            { return 0 }
func (nobody) End(uint64, *hook.Message, *hook.Delivery, *hook.Attempt) {}

// Options are the knobs of a Dispatcher. The zero value is a good start.
type Options struct {
	// MaxInFlight bounds the attempts under way. Zero means 4,096, or half the limit of
	// open files where that is less, so that the store and the API keep theirs.
	MaxInFlight int
	// MaxFresh and MaxFreshBytes bound the deliveries that wait in memory without a row of
	// their own, and separately those that were claimed. Zero means 64 Ki and 64 MiB. A
	// delivery counts its message's bytes even where messages are shared.
	MaxFresh      int
	MaxFreshBytes int
	// LaneWindow bounds the deliveries of one healthy endpoint in memory. Zero means 4,096.
	LaneWindow int
	// SpillAfter is how long a fresh delivery may wait in memory before it gets a row of
	// its own, so that a restart need not scan far back. Zero means 5 s.
	SpillAfter time.Duration
	// DrainTimeout is how long attempts may go on after Run's context has ended.
	// What is cut then is tried again after the start. Zero means 8 s.
	DrainTimeout time.Duration
	// Metrics counts; nil for none.
	Metrics *telemetry.Metrics
	// Answered is told of each attempt of a received webhook that has ended, before its
	// outcome is recorded: who waits for the answer of the service behind hears it here. m
	// is the pointer with which the message was appended, if it was never read back. It
	// must not block, and must not keep or change a. Nil for nobody.
	Answered func(m *hook.Message, a *hook.Attempt)
	// Fed is told of each polling endpoint whose feed has grown, from the store's writer: it
	// must not block and not call the store. Nil for nobody.
	Fed func(ep hook.EndpointID)
	// Observer follows the attempts; nil for nobody.
	Observer Observer
	// Tracer makes a span of each attempt; nil for none.
	Tracer *telemetry.Tracer
	// Chance gives numbers in [0, 1) for jitter. Nil means a random source.
	Chance func() float64
}

// Dispatcher sends what is due. Use New, then Run.
type Dispatcher struct {
	queue   store.Queue
	catalog Catalog
	codec   *hook.Codec
	sender  Sender
	log     *slog.Logger
	o       Options
	counts  *counts

	// nudge wakes Run when an earlier time was set, claimable wakes a claimer when a lane
	// wants rows. Both have room for one signal: more would say the same. Never closed.
	nudge, claimable chan struct{}
	workers          sync.WaitGroup

	// sending is the context of attempts. It outlives Run's by DrainTimeout.
	sending       context.Context
	cancelSending context.CancelFunc

	// mu guards all below and all lanes and tenants. It is held for moments only: never
	// while sending, waiting or calling the store.
	mu       sync.Mutex
	lanes    map[hook.EndpointID]*lane
	tenants  map[hook.ApplicationID]*tenant
	ready    rotation // lanes that may have something to send
	wanting  rotation // lanes that want to claim
	due      clock[hook.EndpointID]
	dueApps  map[hook.EndpointID]hook.ApplicationID // of the endpoints in due
	wakes    clock[*lane]
	gated    gates     // what waits until the catalogue changes, see gate.go
	armed    time.Time // when Run's timer goes off; zero for never
	parked   []chan *item
	inFlight int
	fresh    budget // Admit to outcome
	claimed  budget // claim to outcome
	// crowdedOut are lanes with due rows that wait for room in claimed, see waitForRoom.
	crowdedOut []*lane
	// recording counts outcomes handed to the store and not confirmed. It is bounded, or a
	// slow disk would let them fill the memory.
	recording int
	recorded  chan struct{} // closed when recording reaches 0 after the last worker ended
	isLast    bool          // the last worker has ended
	failed    []*item       // outcomes that could not be stored, to be offered again
	retryAt   time.Time     // when failed is offered again; zero for never
	spillAt   time.Time     // when fresh deliveries are looked through; zero while there are none
	spilling  bool
	held      bool      // nothing is sent until the operator lets go
	heldAt    time.Time // when the store was asked last
	checkHold bool      // somebody may have let go: ask the store
	stopping  bool
}

// New returns a Dispatcher of what q holds. It does nothing before Run.
func New(q store.Queue, c Catalog, s Sender, log *slog.Logger, o Options) *Dispatcher {
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = defaultInFlight(fileLimit())
	}
	o.MaxFresh = or(o.MaxFresh, 64<<10)
	o.MaxFreshBytes = or(o.MaxFreshBytes, 64<<20)
	o.LaneWindow = or(o.LaneWindow, 4096)
	o.SpillAfter = or(o.SpillAfter, 5*time.Second)
	o.DrainTimeout = or(o.DrainTimeout, 8*time.Second)
	if o.Metrics == nil {
		o.Metrics = telemetry.NewMetrics(nil)
	}
	if o.Chance == nil {
		o.Chance = rand.Float64
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if log == nil {
		log = telemetry.Discard()
	}
	d := &Dispatcher{
		queue: q, catalog: c, codec: c.Codec(), sender: s, log: log, o: o, counts: newCounts(o.Metrics),
		nudge: make(chan struct{}, 1), claimable: make(chan struct{}, 1), recorded: make(chan struct{}),
		lanes:   make(map[hook.EndpointID]*lane),
		tenants: make(map[hook.ApplicationID]*tenant),
		dueApps: make(map[hook.EndpointID]hook.ApplicationID),
		gated:   make(gates),
	}
	d.fresh = budget{maxCount: o.MaxFresh, maxBytes: o.MaxFreshBytes}
	d.claimed = d.fresh
	d.ready.which, d.wanting.which = readyRotation, wantingRotation
	o.Metrics.QueueOldestDueAge.SetFunc(d.oldestDue)
	d.sending, d.cancelSending = context.WithCancel(context.Background())
	return d
}

func or[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// maxInFlight is the most attempts at once that are worth their memory on one node.
const maxInFlight = 4096

// defaultInFlight leaves half of the open files to everything else.
func defaultInFlight(files uint64) int {
	return int(max(16, min(maxInFlight, files/2)))
}

// claimers is how many goroutines read due rows. Two, so that one slow read of a big
// segment does not stop all others.
const claimers = 2

// Run sends until ctx ends, then lets the attempts under way finish for DrainTimeout,
// cuts the rest, gives back to the store what was not tried, and returns. An attempt
// that was cut is not recorded: its delivery is due at the next start. Call it once.
// An error says that the store could not be read at the start.
func (d *Dispatcher) Run(ctx context.Context) error {
	defer d.cancelSending()
	d.queue.Attach(d)
	if err := d.load(ctx); err != nil {
		return err
	}
	var helpers sync.WaitGroup
	for range claimers {
		helpers.Go(func() { d.claim(ctx) })
	}
	d.tick(ctx)
	d.drain(ctx)
	helpers.Wait()
	return nil
}

// load learns at the start, or after a release, whether sending is stopped and what is due.
func (d *Dispatcher) load(ctx context.Context) error {
	hold, err := d.queue.Held(ctx)
	if err != nil {
		return fmt.Errorf("read whether sending is stopped: %w", err)
	}
	d.mu.Lock()
	d.held, d.heldAt = hold.Held, time.Now()
	d.mu.Unlock()
	if hold.Held {
		d.log.Warn("sending is stopped", telemetry.KeyCount, hold.Pending)
		return nil
	}
	times, err := d.queue.DueTimes(ctx)
	if err != nil {
		return fmt.Errorf("read what is due: %w", err)
	}
	ahead := d.catalog.NewKey().Time() // of the wall's clock, if that was set back
	d.mu.Lock()
	for _, t := range times {
		if now := time.Now(); t.At.After(now) && !t.At.After(ahead) {
			t.At = now // it may be a place in line
		}
		d.dueApps[t.Endpoint] = t.Application
		d.due.lower(t.Endpoint, t.At)
	}
	for _, l := range d.lanes {
		d.makeReady(l)
		d.wantClaim(l)
	}
	if d.wanting.len() > 0 {
		signal(d.claimable)
	}
	d.launch(time.Now())
	d.mu.Unlock()
	d.wake()
	return nil
}

// SetHeld stops all sending, or lets it go on, after store.Queue.SetHold has made that
// durable. Attempts under way end as usual.
func (d *Dispatcher) SetHeld(ctx context.Context, held bool) error {
	if !held {
		return d.load(ctx)
	}
	d.mu.Lock()
	d.held = true
	d.mu.Unlock()
	return nil
}

// maxWanting bounds the lanes that are made at once for endpoints with due rows: a
// start, or the end of an outage, may find a million of them.
const maxWanting = 8192

// loadAgain goes back to the hold after a release whose due times could not be read, so
// that they are read soon.
func (d *Dispatcher) loadAgain() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held, d.heldAt, d.checkHold = true, time.Now(), true
}

// drain ends what Run has begun.
func (d *Dispatcher) drain(ctx context.Context) {
	d.mu.Lock()
	d.stopping = true
	d.dismiss()
	d.mu.Unlock()

	cut := time.AfterFunc(d.o.DrainTimeout, d.cancelSending)
	d.workers.Wait()
	cut.Stop()

	// The store gets as long again to take what we know; what it does not take is found
	// after the start as if we had crashed.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.o.DrainTimeout)
	defer cancel()
	d.mu.Lock()
	failed := d.failed
	d.failed, d.isLast = nil, true
	if d.recording == 0 {
		close(d.recorded)
	}
	var rest []hook.Delivery
	for _, l := range d.lanes {
		for _, it := range l.held {
			if it.isFresh() && !it.ended {
				rest = append(rest, it.spilled())
			}
		}
	}
	d.mu.Unlock()
	for _, it := range failed {
		d.queue.Finish(&it.finished)
	}
	for len(rest) > 0 {
		n := min(len(rest), spillBatch)
		if err := d.queue.Spill(last, rest[:n]); err != nil {
			d.log.Error("give back deliveries at the end", telemetry.KeyCount, len(rest), telemetry.KeyError, err)
			break
		}
		rest = rest[n:]
	}
	select {
	case <-d.recorded:
	case <-last.Done():
		d.log.Error("outcomes were not stored in time")
	}
}
