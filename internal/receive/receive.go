package receive

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
	"github.com/hookloft/hookloft/internal/telemetry"
	"github.com/hookloft/hookloft/webhook"
)

// Sources is what a Receiver asks of the catalogue of sources. See store.Sources.
type Sources interface {
	SourceOf(ctx context.Context, id hook.SourceID) (*hook.Source, error)
	UpdateSource(ctx context.Context, id hook.SourceID, r *store.Receipt, update func(*hook.Source) error) (*hook.Source, error)
	SourcesOfType(ctx context.Context, typ string) ([]*hook.Source, error)
	Codec() *hook.Codec
}

// Plans gives applications with their endpoints. See store.Plans.
type Plans interface {
	PlanOf(ctx context.Context, app hook.ApplicationID) (*store.Plan, error)
}

// Ledger is where messages are stored. See store.Ledger.
type Ledger interface {
	Append(ctx context.Context, p *store.Publication) (store.Appended, error)
	AppendAll(ctx context.Context, all []*store.Publication) ([]store.Appended, error)
}

// Visits is where the account of requests is saved. See store.Visits.
type Visits interface {
	SaveVisits(ctx context.Context, counts []hook.SourceCount, rejections []*hook.Rejection) error
}

// Deps are what a Receiver works with. Sources, Plans, Ledger and Visits are needed.
type Deps struct {
	Sources Sources
	Plans   Plans
	Ledger  Ledger
	Visits  Visits
	// Keys gets the keys that providers publish. Nil knows only those in a source's config.
	Keys webhook.KeySource
	// Visit fetches a URL of a provider with GET, to finish a handshake; an answer other
	// than 2xx is an error. It must go through the address guard. Nil refuses such handshakes.
	Visit func(ctx context.Context, url string) error
	// Polls and Fetch are for sources of type poll: what they saw, and how they look. Fetch
	// must go through the address guard; its error is shown to the source's owner, so it
	// holds no URL. Nil: nothing is polled.
	Polls Polls
	Fetch func(ctx context.Context, r PollRequest) (PollAnswer, error)
	// ClientAddr tells who a request is from, behind trusted proxies or not. Nil means the peer.
	ClientAddr func(*http.Request) netip.Addr
	// PublicURL is where the server is reached from outside. Nil means http and the request's
	// host, which is right for tests alone.
	PublicURL func() string
	Metrics   *telemetry.Metrics // nil for none
	Log       *slog.Logger       // nil for none
}

// Options are the knobs of a Receiver. The zero value is a good start.
type Options struct {
	// BodyMemory bounds the bytes of all bodies that are being received or stored. Beyond
	// it requests wait for up to BudgetWait and are then answered 503; the larger a body, the
	// more it must leave to smaller ones. Less than hook.MaxSourceBody keeps the largest out. The
	// process may grow by twice as much, until garbage is collected. Zero means 40 MiB.
	BodyMemory int64
	// BudgetWait: see BodyMemory. Zero means 1 s.
	BudgetWait time.Duration
	// BodyTimeout is how long a body may take beside what its size allows at MinBodyRate.
	// Zero means 10 s.
	BodyTimeout time.Duration
	// MinBodyRate, in bytes per second, is how slowly a body may come. Less is 408. Too high
	// a rate cuts off large bodies from slow networks. Zero means 64 KiB.
	MinBodyRate int
	// VisitTimeout bounds Deps.Visit, which the provider waits for. Zero means 5 s.
	VisitTimeout time.Duration
	// SaveEvery is how long visits are gathered before they are saved. Zero means 1 s.
	SaveEvery time.Duration
	// MaxPollBytes bounds a document that is polled, which becomes a message. Zero, and more
	// than that, means 1 MiB. A longer document is not published; the source's log says so.
	MaxPollBytes int
	// Now is the clock of timestamps, limits and schedules. Nil means time.Now.
	Now func() time.Time
}

// Path is where a Receiver must be mounted: the beginning of the path of all sources' URLs.
const Path = "/in/"

// maxPlaces bounds the sources whose state is in memory. One that is pushed out begins
// anew with full rates and no newest event, which errs on the provider's side.
const maxPlaces = 1 << 14

// Receiver is an http.Handler for the URLs of all sources. Its methods may be called at
// the same time.
type Receiver struct {
	Deps
	o       Options
	now     func() time.Time
	log     *slog.Logger
	unknown func() // counts a request with a token that is none

	budget   *budget
	visits   *account
	waiters  waiters
	visiting chan struct{} // one token for each Visit under way
	large    chan struct{} // one token for the large document that is being validated
	wake     chan struct{} // room for one: cron sources have changed; Run receives
	// wakePolls is wake for poll sources.
	wakePolls chan struct{}
	draining  chan struct{} // closed by Drain: nobody waits for answers any more
	drain     sync.Once
	gone      *notices

	mu     sync.RWMutex
	places map[hook.SourceID]*place
}

// New returns a Receiver. Run must be running for visits to be saved and cron sources to fire.
func New(d Deps, o Options) *Receiver {
	o = o.withDefaults()
	if d.Metrics == nil {
		d.Metrics = telemetry.NewMetrics(nil)
	}
	if d.Log == nil {
		d.Log = telemetry.Discard()
	}
	if d.ClientAddr == nil {
		d.ClientAddr = peer
	}
	return &Receiver{
		Deps: d, o: o, now: o.Now, log: d.Log,
		unknown:   d.Metrics.IngestRequests.WithLabelValues("", "unknown").Inc,
		budget:    newBudget(o.BodyMemory, o.BudgetWait),
		visits:    newAccount(),
		visiting:  make(chan struct{}, maxVisits),
		large:     make(chan struct{}, 1),
		wake:      make(chan struct{}, 1),
		wakePolls: make(chan struct{}, 1),
		draining:  make(chan struct{}),
		gone:      newNotices(),
		places:    map[hook.SourceID]*place{},
	}
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	set(&o.BudgetWait, time.Second)
	set(&o.BodyTimeout, 10*time.Second)
	set(&o.VisitTimeout, 5*time.Second)
	set(&o.SaveEvery, time.Second)
	if o.BodyMemory <= 0 {
		o.BodyMemory = 40 << 20
	}
	if o.MaxPollBytes <= 0 || o.MaxPollBytes > maxPollBody {
		o.MaxPollBytes = maxPollBody
	}
	if o.MinBodyRate <= 0 {
		o.MinBodyRate = 64 << 10
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Run saves the account of visits and fires cron sources until ctx ends; then it saves
// once more. It costs nothing while there is nothing to do.
func (r *Receiver) Run(ctx context.Context) error {
	var crons sync.WaitGroup
	crons.Go(func() { r.runCron(ctx) })
	crons.Go(func() { r.runPolls(ctx) })
	err := r.save(ctx)
	crons.Wait()
	// A schedule that fired at the end has its verdict saved, too.
	return errors.Join(err, r.saveLast(ctx))
}

// Wake says that a source of type cron or poll was made, changed or deleted.
func (r *Receiver) Wake() {
	for _, c := range []chan struct{}{r.wake, r.wakePolls} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Drain says that the server is about to stop: whoever waits for the answer of a service
// gets the set answer now, while there is time to write it. What is stored is delivered.
func (r *Receiver) Drain() { r.drain.Do(func() { close(r.draining) }) }

// ServeHTTP receives one request below Path.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := r.now()
	to, ok := parseAddress(req)
	if !ok {
		r.refuseUnknown(w, req)
		return
	}
	source, err := r.find(req.Context(), to.token, at)
	switch {
	case err != nil:
		if req.Context().Err() == nil { // else the provider hung up, which is no error of ours
			r.log.Error("find source", telemetry.KeyError, err)
		}
		closeUnread(w, req)
		writeRefusal(w, unavailable("the source could not be looked up", "store unavailable"))
		return
	case source == nil:
		r.refuseUnknown(w, req)
		return
	}
	place := r.place(source.ID)
	v := &visit{Receiver: r, w: w, req: req, at: at, to: to, source: source, place: place, gate: r.gate(place, source)}
	defer v.release()
	if refused := v.receive(req.Context()); refused != nil {
		v.refuse(refused)
	}
}

// find returns the source whose URL holds the token at now, nil when there is none: a
// token that was made up, one that was rotated out and has expired, and one whose source
// is deleted or receives nothing look the same from outside.
func (r *Receiver) find(ctx context.Context, token string, now time.Time) (*hook.Source, error) {
	id, ok := r.Sources.Codec().ParseSourceToken(token)
	if !ok {
		return nil, nil
	}
	s, err := r.Sources.SourceOf(ctx, id)
	switch {
	case err == nil && !s.Fetches() && isLive(s, token, now):
		return s, nil
	case err == nil, hook.KindOf(err) == hook.NotFound:
		return nil, nil
	}
	return nil, err
}

func (r *Receiver) refuseUnknown(w http.ResponseWriter, req *http.Request) {
	r.unknown()
	closeUnread(w, req)
	writeRefusal(w, &refusal{status: http.StatusNotFound, code: "not_found", detail: "There is no such URL."})
}

// place returns the state of a source.
func (r *Receiver) place(id hook.SourceID) *place {
	r.mu.RLock()
	p := r.places[id]
	r.mu.RUnlock()
	if p != nil {
		return p
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p = r.places[id]; p != nil {
		return p
	}
	for old := range r.places {
		if len(r.places) < maxPlaces {
			break
		}
		delete(r.places, old)
	}
	p = &place{}
	r.places[id] = p
	return p
}

func peer(r *http.Request) netip.Addr {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}
