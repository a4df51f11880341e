package store

import (
	"context"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

// Catalog keeps the nouns that people configure, one small interface each. Every
// change is durable when the call returns. Update functions run inside the
// transaction on the current state: an error from them changes nothing and is
// returned as it is. References are resolved in one tenant only; what belongs to
// another is hook.NotFound, like what does not exist.
type Catalog interface {
	Environments
	Tokens
	Applications
	Endpoints
	EventTypes
	Imports
	Tasks
	Receipts
	Plans
	Sources
	PollStates
	Visits
	Listeners
	Consumers
	Integrations
	Connectors
	Audits
	Consents
	// NewKey draws a row key for a noun that is about to be created.
	NewKey() hook.Key
	// Codec turns row keys into public ids and back.
	Codec() *hook.Codec
}

// Environments are isolated spaces. Names are unique.
type Environments interface {
	CreateEnvironment(ctx context.Context, e *hook.Environment) error
	Environment(ctx context.Context, id hook.EnvironmentID) (*hook.Environment, error)
	EnvironmentByName(ctx context.Context, name string) (*hook.Environment, error)
	ListEnvironments(ctx context.Context) ([]*hook.Environment, error)
	UpdateEnvironment(ctx context.Context, id hook.EnvironmentID, update func(*hook.Environment) error) (*hook.Environment, error)
	// DeleteEnvironment removes an environment with all that it owns; its deliveries end as cancelled.
	DeleteEnvironment(ctx context.Context, id hook.EnvironmentID) error
}

// Tokens are tokens of every kind, found by the keyed hash of their text.
type Tokens interface {
	CreateToken(ctx context.Context, t *hook.Token, r *Receipt) error
	// TokenByHash is on the path of every request: it answers from memory when it can.
	TokenByHash(ctx context.Context, hash [32]byte) (*hook.Token, error)
	// TouchToken records a use, at most once a minute and without waiting for the disk.
	TouchToken(id hook.TokenID, at time.Time)
	ListTokens(ctx context.Context, env hook.EnvironmentID) ([]*hook.Token, error)
	// ListAPITokens lists the API tokens of an environment, those that have expired included.
	ListAPITokens(ctx context.Context, env hook.EnvironmentID, p Page[hook.TokenID]) (Listed[*hook.Token], error)
	// APIToken finds an API token by row key.
	APIToken(ctx context.Context, env hook.EnvironmentID, id hook.TokenID) (*hook.Token, error)
	// UpdateAPIToken changes name and scopes of an API token; the next request sees the change.
	UpdateAPIToken(ctx context.Context, env hook.EnvironmentID, id hook.TokenID, update func(*hook.Token) error) (*hook.Token, error)
	// ExchangeToken takes a one-time token, found by hash, out of the store and in the same
	// change puts next in its place, with its application, capabilities, feature flags and
	// session, to live as long as it says. One that is unknown, has expired, is of another
	// kind or was exchanged before is hook.NotFound.
	ExchangeToken(ctx context.Context, hash [32]byte, next *hook.Token) error
	// ExpireTokens ends at `at` the portal, one-time, message and stream tokens of an
	// application; with sessions, only those of these sessions. Keys of integrations and
	// tokens of polling endpoints, which are rotated and deleted one by one, stay.
	ExpireTokens(ctx context.Context, app hook.ApplicationID, sessions []string, at time.Time) error
	// PollerToken returns the token of a polling endpoint, with its text, that was made last
	// and has not ended. Where there is none, first is kept and returned; it names the
	// endpoint. hook.NotFound: the application has no such endpoint.
	PollerToken(ctx context.Context, first *hook.Token, text string) (*hook.Token, string, error)
	// RotatePollerToken gives a polling endpoint one more token. Those that it has end at
	// oldEnd, or when they would have ended before that.
	RotatePollerToken(ctx context.Context, next *hook.Token, text string, oldEnd time.Time, r *Receipt) error
	// ExpireToken ends one token.
	ExpireToken(ctx context.Context, env hook.EnvironmentID, id hook.TokenID, at time.Time) error
}

// Page asks for part of a list that is ordered by key (or name). After and Before are
// exclusive bounds; the zero value is none.
type Page[K any] struct {
	Limit      int // at least 1; one more row is fetched to know whether the list goes on
	After      K   // continue after this one, in the list's order
	HasAfter   bool
	Descending bool
	// Backward walks against the order from After; rows are still returned in the list's order.
	Backward bool
}

// Listed is one page of rows in the list's order.
type Listed[T any] struct {
	Rows []T
	// More says that the walk can go on in its direction.
	More bool
	// Next is the exclusive key to go on at where the page ended because of Window.Look; 0
	// elsewhere: then it is that of the last row.
	Next hook.Key
}

// AppFilter narrows a list of applications.
type AppFilter struct {
	WithEndpoints      bool // leave out applications without endpoints
	WithoutAllDisabled bool // leave out applications that have a disabled endpoint
}

// Applications are customers of the user. UIDs are unique per environment; a deleted one's is free again.
type Applications interface {
	CreateApplication(ctx context.Context, a *hook.Application, r *Receipt) error
	// Application finds by public id or uid. The operational application of an environment
	// is not found: it is reached by its key alone (Plans.PlanOf).
	Application(ctx context.Context, env hook.EnvironmentID, ref string) (*hook.Application, error)
	// ApplicationByOrigin finds an application by the id that it had on the server that it
	// was moved from, which is its metadata "svix.id".
	ApplicationByOrigin(ctx context.Context, env hook.EnvironmentID, id string) (*hook.Application, error)
	// ListApplications leaves out the internal applications of sources and the operational one.
	ListApplications(ctx context.Context, env hook.EnvironmentID, f AppFilter, p Page[hook.ApplicationID]) (Listed[*hook.Application], error)
	UpdateApplication(ctx context.Context, id hook.ApplicationID, update func(*hook.Application) error) (*hook.Application, error)
	// UpdateHold changes whether an application, or the source whose internal one it is, is on
	// hold. update gets what there is, nil for none, and returns what is to be.
	UpdateHold(ctx context.Context, id hook.ApplicationID, r *Receipt, update func(*hook.Hold) (*hook.Hold, error)) (*hook.Application, error)
	// EndHold removes what is left of a hold that ended at until: of the endpoint's, and of its
	// application's once nothing that was due before is left at any of its endpoints.
	EndHold(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, until time.Time) error
	// DeleteApplication removes an application, its endpoints and tokens; its deliveries end as cancelled.
	DeleteApplication(ctx context.Context, id hook.ApplicationID) error
}

// Endpoints are URLs of an application. Secrets and header values are sealed at rest.
// Changes are announced in their commit (Announcements). An environment's operational
// application is made with its first endpoint; before that it is one without endpoints.
type Endpoints interface {
	CreateEndpoint(ctx context.Context, e *hook.Endpoint, r *Receipt) error
	// Endpoint finds by public id or uid within an application.
	Endpoint(ctx context.Context, app hook.ApplicationID, ref string) (*hook.Endpoint, error)
	ListEndpoints(ctx context.Context, app hook.ApplicationID, p Page[hook.EndpointID]) (Listed[*hook.Endpoint], error)
	// Destination and ListDestinations are Endpoint and ListEndpoints for the endpoints that
	// are destinations (hook.Endpoint.IsDestination), which those do not find. The other
	// methods serve both.
	Destination(ctx context.Context, app hook.ApplicationID, ref string) (*hook.Endpoint, error)
	ListDestinations(ctx context.Context, app hook.ApplicationID, p Page[hook.EndpointID]) (Listed[*hook.Endpoint], error)
	// UpdateEndpoint changes an endpoint; the next attempt sees the change.
	UpdateEndpoint(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, r *Receipt, update func(*hook.Endpoint) error) (*hook.Endpoint, error)
	// DeleteEndpoint removes an endpoint; its pending deliveries end as exhausted (endpoint_deleted) when they come up.
	DeleteEndpoint(ctx context.Context, app hook.ApplicationID, id hook.EndpointID) error
	// DeletedEndpoints returns removed endpoints of an application among ids, for histories that mention them.
	DeletedEndpoints(ctx context.Context, app hook.ApplicationID, ids []hook.EndpointID) ([]*hook.Endpoint, error)
	// SetFailing records the start of a streak of failures and how often its owner was
	// warned, or its end with the zero time. More warnings than before are announced as
	// one (hook.FailingAnnouncement).
	SetFailing(ctx context.Context, app hook.ApplicationID, id hook.EndpointID, since time.Time, warned int) error
}

// EventTypes are the catalogue of an environment, by name.
type EventTypes interface {
	CreateEventType(ctx context.Context, t *hook.EventType, r *Receipt) error
	EventType(ctx context.Context, env hook.EnvironmentID, name string) (*hook.EventType, error)
	// MissingEventTypes returns those of names that do not exist.
	MissingEventTypes(ctx context.Context, env hook.EnvironmentID, names []string) ([]string, error)
	ListEventTypes(ctx context.Context, env hook.EnvironmentID, archived bool, p Page[string]) (Listed[*hook.EventType], error)
	UpdateEventType(ctx context.Context, env hook.EnvironmentID, name string, r *Receipt, update func(*hook.EventType) error) (*hook.EventType, error)
	// DeleteEventType removes it for good; archiving is an update.
	DeleteEventType(ctx context.Context, env hook.EnvironmentID, name string) error
}

// TaskFilter narrows a list of tasks; zero fields match all.
type TaskFilter struct {
	Statuses []hook.TaskStatus // any of these
	Type     string
}

// Tasks are durable background work.
type Tasks interface {
	CreateTask(ctx context.Context, t *hook.Task, r *Receipt) error
	Task(ctx context.Context, env hook.EnvironmentID, id hook.TaskID) (*hook.Task, error)
	// ListTasks may end a page early where results are large. Params and State are left out.
	ListTasks(ctx context.Context, env hook.EnvironmentID, f TaskFilter, p Page[hook.TaskID]) (Listed[*hook.Task], error)
	// RunningTasks returns all tasks of the store that are to be worked on, oldest first.
	// Paused ones are not.
	RunningTasks(ctx context.Context) ([]*hook.Task, error)
	// SaveTask saves what changes in a task. Only the worker that runs tasks calls it, so
	// that nobody's save undoes another's; the end of a task is written nowhere else.
	SaveTask(ctx context.Context, t *hook.Task) error
}

// Receipts answer repeated requests.
type Receipts interface {
	// Receipt returns the answer given earlier under this key, or nil. Another body
	// under the same key is hook.KeyReused.
	Receipt(ctx context.Context, key IdempotencyKey) (*Receipt, error)
}

// Plans give the hot path an application with its endpoints from memory.
type Plans interface {
	// Plan returns the plan of an application, found by public id or uid. A change
	// that was acknowledged before the call began is in it. Like Applications.Application
	// it does not find an operational one.
	Plan(ctx context.Context, env hook.EnvironmentID, ref string) (*Plan, error)
	// PlanOf is Plan by row key, for deliveries; hook.NotFound once the application is
	// deleted. The operational application of an environment always has one.
	PlanOf(ctx context.Context, app hook.ApplicationID) (*Plan, error)
}

// Plan is an immutable snapshot: whoever holds it must not change what it points to.
type Plan struct {
	Environment *hook.Environment
	Application *hook.Application
	Endpoints   []*hook.Endpoint // by rising id
	// RetryPolicies are those of the environment's event types that have one of their own,
	// by name; nil for none.
	RetryPolicies map[string][]time.Duration
	// Retentions are how long messages are kept of those types that say so, by name; nil for
	// none.
	Retentions map[string]time.Duration
	// Archived are the environment's archived event types, which nothing is published of; nil
	// for none.
	Archived map[string]bool
	// Checked are the event types whose payloads are compared with their newest schema, by
	// name, with the revision of the type (hook.EventType.Revision); nil for none.
	Checked map[string]int64
	// Redactions are what people do not see of payloads of those types that say so, by name;
	// nil for none.
	Redactions map[string]*hook.Redaction
	Version    int64
}

// KeptFor returns how long the content of a message of this type is kept that does not say
// so itself.
func (p *Plan) KeptFor(eventType string) time.Duration {
	if kept, found := p.Retentions[eventType]; found {
		return kept
	}
	return p.Environment.Settings.KeptFor()
}

// RetryPolicy returns the delays after failed attempts that hold for messages of a type at
// one of the plan's endpoints.
func (p *Plan) RetryPolicy(e *hook.Endpoint, eventType string) []time.Duration {
	return hook.RetryPolicyOf(e.Shape.Policy(), p.RetryPolicies[eventType], p.Environment.Settings.RetryPolicy)
}

// Endpoint returns the endpoint of the plan with this id, nil when there is none.
func (p *Plan) Endpoint(id hook.EndpointID) *hook.Endpoint {
	lo, hi := 0, len(p.Endpoints)
	for lo < hi {
		mid := (lo + hi) / 2
		if p.Endpoints[mid].ID < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(p.Endpoints) && p.Endpoints[lo].ID == id {
		return p.Endpoints[lo]
	}
	return nil
}
