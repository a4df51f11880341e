package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// Plan implements store.Plans.
func (c *catalog) Plan(ctx context.Context, env hook.EnvironmentID, ref string) (*store.Plan, error) {
	// A uid cannot begin like an id (hook.Application.Validate), so ref is one or the other.
	if strings.HasPrefix(ref, "app_") {
		app, ok := c.codec.ParseApplication(env, ref)
		if !ok || app == env.Operational() {
			return nil, errNotFound()
		}
		return c.PlanOf(ctx, app)
	}
	if p := c.plans.byName(planName{env, ref}); p != nil {
		return p, nil
	}
	for range 10 {
		app, err := c.applicationNamed(ctx, env, ref)
		if err != nil {
			return nil, err
		}
		p, err := c.PlanOf(ctx, app)
		if err != nil && hook.KindOf(err) != hook.NotFound {
			return nil, err
		}
		if err == nil && p.Application.UID == ref {
			return p, nil
		}
		// The uid went to another application in between, so somebody changes it right now: look again.
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, fmt.Errorf("plan of application %q: its uid keeps moving", ref)
}

// applicationNamed returns the application with this uid. Index: application_uid.
func (c *catalog) applicationNamed(ctx context.Context, env hook.EnvironmentID, uid string) (app hook.ApplicationID, err error) {
	err = c.read(ctx, func(conn *sqlite.Conn) error {
		return catalogQuery(conn, "SELECT key FROM application WHERE environment = ?1 AND uid = ?2", func(stmt *sqlite.Stmt) error {
			app = hook.ApplicationID(stmt.ColumnInt64(0))
			return nil
		}, env, uid)
	})
	if err == nil && app == 0 {
		err = errNotFound()
	}
	return app, wrapCatalog("find application", err)
}

// PlanOf implements store.Plans.
func (c *catalog) PlanOf(ctx context.Context, app hook.ApplicationID) (*store.Plan, error) {
	if p := c.plans.of(app); p != nil {
		return p, nil
	}
	l, first := c.plans.begin(app)
	if first {
		// Others wait for this load, so it does not end with this caller's context.
		c.load(context.WithoutCancel(ctx), app, l)
		return l.plan, l.err
	}
	select {
	case <-l.done:
		return l.plan, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// load does a load that begin handed out.
func (c *catalog) load(ctx context.Context, app hook.ApplicationID, l *planLoad) {
	l.err = errors.New("load plan: broken off") // for those who wait, should loadPlan panic
	defer c.plans.end(app, l)
	l.plan, l.err = c.loadPlan(ctx, app)
}

// loadPlan reads a plan in one transaction. Indexes: primary keys.
func (c *catalog) loadPlan(ctx context.Context, app hook.ApplicationID) (*store.Plan, error) {
	p := &store.Plan{}
	err := c.read(ctx, func(conn *sqlite.Conn) (err error) {
		p.Application, err = applicationIn(conn, "a.key = ?1", app)
		if hook.KindOf(err) == hook.NotFound && err != nil {
			p.Application, err = unmadeOperational(conn, app)
		}
		if err != nil {
			return err
		}
		if err := metadataOfSource(conn, p.Application); err != nil {
			return err
		}
		p.Version = p.Application.Version
		p.Environment, _, err = environmentIn(conn, "SELECT "+environmentColumns+" FROM environment WHERE key = ?1", p.Application.Environment)
		if err != nil {
			return err
		}
		if p.RetryPolicies, err = eventTypePolicies(conn, p.Application.Environment); err != nil {
			return err
		}
		if p.Retentions, err = eventTypeRetentions(conn, p.Application.Environment); err != nil {
			return err
		}
		if p.Archived, err = archivedTypes(conn, p.Application.Environment); err != nil {
			return err
		}
		if err = eventTypeRules(conn, p); err != nil {
			return err
		}
		err = catalogQuery(conn, "SELECT "+endpointColumns+" FROM endpoint WHERE application = ?1 ORDER BY key", func(stmt *sqlite.Stmt) error {
			e, err := c.scanEndpoint(stmt)
			p.Endpoints = append(p.Endpoints, e)
			return err
		}, app)
		if err != nil {
			return err
		}
		return c.fillConnectors(conn, p.Endpoints...)
	})
	if err != nil {
		return nil, wrapCatalog("load plan", err)
	}
	return p, nil
}

// metadataOfSource gives the internal application of a source the source's metadata, which
// filters ask about. Index: primary key.
func metadataOfSource(conn *sqlite.Conn, a *hook.Application) error {
	if a.Source == 0 {
		return nil
	}
	return catalogQuery(conn, "SELECT metadata FROM source WHERE key = ?1", func(stmt *sqlite.Stmt) error {
		return columnJSON(stmt, 0, &a.Metadata)
	}, a.Source)
}

// currentVersion returns the version of an application as of now and whether it exists.
// The engine's writer asks for each message; as Append follows Plan, memory usually knows.
// When the disk cannot be read the version is -1, which no plan has: the publisher plans
// again and sees the error.
func (c *catalog) currentVersion(app hook.ApplicationID) (version int64, exists bool) {
	if p := c.plans.of(app); p != nil {
		return p.Version, true
	}
	c.versionMu.Lock()
	defer c.versionMu.Unlock()
	if c.versions == nil {
		return -1, true
	}
	const sql = "SELECT a.version + e.version FROM application a JOIN environment e ON e.key = a.environment WHERE a.key = ?1"
	err := sqlitex.Execute(c.versions, sql, &sqlitex.ExecOptions{
		Args: []any{int64(app)},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			version, exists = stmt.ColumnInt64(0), true
			return nil
		},
	})
	if err != nil {
		return -1, true
	}
	return version, exists
}

// planCache keeps plans in memory, bounded by their estimated bytes.
//
// It is written by hand, because its promise is about order: what a change forgets is
// gone when the change returns, and a load that began before is neither kept nor joined
// by anyone who comes after. That takes one lock over entries and loads, which a general
// cache does not offer. A hit is a read lock, a map look-up and two loads. Eviction is
// the clock algorithm, so that a hit moves nothing.
type planCache struct {
	limit int // bytes

	mu      sync.RWMutex
	entries map[hook.ApplicationID]*planEntry
	names   map[planName]*planEntry
	loads   map[hook.ApplicationID]*planLoad
	// marks are the environments of the entries. A change of an environment breaks its
	// mark and thereby all its entries, without visiting them.
	marks map[hook.EnvironmentID]*environmentMark
	ring  []*planEntry // all entries, where the clock's hand goes round
	hand  int
	bytes int
}

// planName is an application's uid in its environment.
type planName struct {
	environment hook.EnvironmentID
	uid         string
}

type planEntry struct {
	plan  *store.Plan // guarded by planCache.mu; what it points to never changes
	mark  *environmentMark
	place int // in the ring
	bytes int
	used  atomic.Bool // since the hand passed
}

type environmentMark struct{ broken bool } // guarded by planCache.mu

// planLoad is a load under way. plan and err are set before done is closed, by whoever began it.
type planLoad struct {
	done  chan struct{}
	plan  *store.Plan
	err   error
	stale bool // guarded by planCache.mu: something changed since the load began
}

func newPlanCache(limit int) *planCache {
	return &planCache{
		limit:   limit,
		entries: map[hook.ApplicationID]*planEntry{},
		names:   map[planName]*planEntry{},
		loads:   map[hook.ApplicationID]*planLoad{},
		marks:   map[hook.EnvironmentID]*environmentMark{},
	}
}

// of returns the plan of an application, nil when memory does not have it.
func (k *planCache) of(app hook.ApplicationID) *store.Plan {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.entries[app].hit()
}

// byName is of by uid.
func (k *planCache) byName(name planName) *store.Plan {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.names[name].hit()
}

func (e *planEntry) hit() *store.Plan {
	if e == nil || e.mark.broken {
		return nil
	}
	if !e.used.Load() { // a write only when it changes something, for the sake of other cores
		e.used.Store(true)
	}
	return e.plan
}

// begin returns the load of an application that is under way, or a new one; first says
// that the caller must do it and call end.
func (k *planCache) begin(app hook.ApplicationID) (l *planLoad, first bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l := k.loads[app]; l != nil {
		return l, false
	}
	l = &planLoad{done: make(chan struct{})}
	k.loads[app] = l
	return l, true
}

// end keeps what was loaded, unless something changed meanwhile, and wakes who waits.
func (k *planCache) end(app hook.ApplicationID, l *planLoad) {
	defer close(l.done)
	k.mu.Lock()
	defer k.mu.Unlock()
	if l.stale { // loads holds another one by now, or none
		return
	}
	delete(k.loads, app)
	if l.err != nil {
		return
	}
	e := &planEntry{plan: l.plan, bytes: planBytes(l.plan)}
	if e.bytes > k.limit {
		return
	}
	k.remove(k.entries[app]) // one with a broken mark may be there
	for k.bytes+e.bytes > k.limit {
		k.evict()
	}
	env := l.plan.Environment.ID
	if k.marks[env] == nil {
		k.marks[env] = &environmentMark{}
	}
	e.mark, e.place = k.marks[env], len(k.ring)
	k.ring = append(k.ring, e)
	k.bytes += e.bytes
	k.entries[app] = e
	if uid := l.plan.Application.UID; uid != "" {
		k.names[planName{env, uid}] = e
	}
}

// forgetApplication drops the plan of an application, and makes a load under way one that nobody keeps or joins.
func (k *planCache) forgetApplication(app hook.ApplicationID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.remove(k.entries[app])
	k.breakLoad(app)
}

// failingSince is a change of one endpoint that plans see without a new version.
type failingSince struct {
	application hook.ApplicationID
	endpoint    hook.EndpointID
	since       time.Time
	warned      int
}

// setFailing puts a change into the plan in memory. When many endpoints of an application
// fail at once, loading all of them again for each would take longer than the failures.
// What is in memory is what was on disk before the change, because a load that raced with
// one is never kept. A plan that was handed out stays as it is.
func (k *planCache) setFailing(f *failingSince) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.breakLoad(f.application)
	e := k.entries[f.application]
	if e == nil || e.mark.broken {
		return
	}
	i, found := slices.BinarySearchFunc(e.plan.Endpoints, f.endpoint, func(ep *hook.Endpoint, id hook.EndpointID) int { return cmp.Compare(ep.ID, id) })
	if !found {
		k.remove(e)
		return
	}
	plan, ep := *e.plan, *e.plan.Endpoints[i]
	ep.FailingSince, ep.Warned = f.since, f.warned
	plan.Endpoints = slices.Clone(plan.Endpoints)
	plan.Endpoints[i] = &ep
	e.plan = &plan
}

// breakLoad makes a load under way one that nobody keeps or joins. The caller holds mu.
func (k *planCache) breakLoad(app hook.ApplicationID) {
	if l := k.loads[app]; l != nil {
		l.stale = true
		delete(k.loads, app)
	}
}

// forgetEnvironment drops the plans of an environment. Whose a load under way is shows
// only at its end, so it makes all of them stale; settings change rarely.
func (k *planCache) forgetEnvironment(env hook.EnvironmentID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if m := k.marks[env]; m != nil {
		m.broken = true
		delete(k.marks, env)
	}
	for app := range k.loads {
		k.breakLoad(app)
	}
}

// remove takes an entry out; nil is none. The caller holds mu.
func (k *planCache) remove(e *planEntry) {
	if e == nil {
		return
	}
	app := e.plan.Application
	delete(k.entries, app.ID)
	if name := (planName{app.Environment, app.UID}); k.names[name] == e {
		delete(k.names, name)
	}
	last := len(k.ring) - 1
	k.ring[e.place] = k.ring[last]
	k.ring[e.place].place = e.place
	k.ring[last] = nil
	k.ring = k.ring[:last]
	k.bytes -= e.bytes
}

// evict removes the first entry at the hand that was not used since the hand passed. The caller holds mu.
func (k *planCache) evict() {
	for {
		if k.hand >= len(k.ring) {
			k.hand = 0
		}
		e := k.ring[k.hand]
		if e.mark.broken || !e.used.Swap(false) {
			k.remove(e)
			return
		}
		k.hand++
	}
}

// planBytes estimates the memory of a plan: the sizes of the structs with their parts, and the long texts.
func planBytes(p *store.Plan) int {
	n := 1024
	for k, v := range p.Application.Metadata {
		n += 64 + len(k) + len(v)
	}
	for name, policy := range p.RetryPolicies {
		n += 96 + len(name) + 8*len(policy)
	}
	for name := range p.Retentions {
		n += 64 + len(name)
	}
	for name := range p.Archived {
		n += 48 + len(name)
	}
	for name := range p.Checked {
		n += 64 + len(name)
	}
	for name := range p.Redactions {
		n += 2048 + len(name)
	}
	for _, e := range p.Endpoints {
		if s := e.Shape; s != nil {
			n += 256 + 16*len(s.Success) + 8*len(s.RetryPolicy)
			if s.Token != nil {
				n += len(s.Token.Name) + len(s.Token.Value)
			}
		}
		n += featureBytes(&e.Features)
		n += 512 + len(e.URL) + len(e.Description) + 128*len(e.Secrets)
		for _, list := range [][]string{e.EventTypes, e.Channels} {
			for _, s := range list {
				n += 16 + len(s)
			}
		}
		for _, m := range []map[string]string{e.Metadata, e.Headers} {
			for k, v := range m {
				n += 64 + len(k) + len(v)
			}
		}
	}
	return n
}

// featureBytes estimates the memory of an endpoint's features. TestPlanBytesSeesEveryText keeps it
// complete.
func featureBytes(f *hook.Features) int {
	n := scriptBytes(f.Transformation)
	if f.Filter != nil {
		n += 1024 + 16*len(f.Filter.Text) // compiled, about
	}
	if u := f.Connector; u != nil {
		n += 256 + len(u.Ready) + mapBytes(u.Variables) + scriptBytes(u.Script)
		for _, a := range u.Answers {
			n += 64 + len(a.Body)
		}
	}
	if f.Order != nil {
		n += 64 + len(f.Order.Key)
	}
	if f.Latest != nil {
		n += 64 + len(f.Latest.Key)
	}
	if f.Hold != nil {
		n += 128 + len(f.Hold.Note)
	}
	if c := f.Consent; c != nil {
		n += 256 + len(c.Method) + len(c.VerifiedURL) + len(c.Error)
	}
	return n + credentialBytes(f.Credentials)
}

func credentialBytes(c *hook.Credentials) int {
	if c == nil {
		return 0
	}
	n := 256 + len(c.Bearer) + len(c.Identity) + len(c.CA) + len(c.SourceAddress)
	if b := c.Basic; b != nil {
		n += 64 + len(b.Username) + len(b.Password)
	}
	if k := c.APIKey; k != nil {
		n += 64 + len(k.Name) + len(k.Value)
	}
	if h := c.HMAC; h != nil {
		n += 256 + len(h.Secret) + len(h.KeyEncoding) + len(h.Algorithm) + len(h.Encoding) + len(h.Content) + len(h.Header) + len(h.Value) + len(h.TimestampHeader)
	}
	if p := c.Proxy; p != nil {
		n += 128 + len(p.URL) + len(p.Username) + len(p.Password)
	}
	if o := c.OAuth2; o != nil {
		n += 512 + len(o.Grant) + len(o.AuthMethod) + len(o.ClientID) + len(o.ClientSecret) + len(o.TokenURL) + len(o.RefreshToken) +
			mapBytes(o.ExtraParams) + mapBytes(o.ExtraHeaders)
		for _, s := range o.Scopes {
			n += 16 + len(s)
		}
		if o.JWT != nil {
			n += 64 + len(o.JWT.Key) + len(o.JWT.KeyID)
		}
	}
	return n
}

// scriptBytes is of a script; nil is none.
func scriptBytes(t *hook.Transformation) int {
	if t == nil {
		return 0
	}
	return 512 + len(t.Code) + mapBytes(t.Variables)
}

func mapBytes(m map[string]string) (n int) {
	for k, v := range m {
		n += 128 + len(k) + len(v)
	}
	return n
}
